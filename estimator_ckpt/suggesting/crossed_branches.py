"""Finds aligned layers that are in the wrong one of two branches: exchanged, each is beside the others of its branch.

Both branches of slim's `Mixed_7a` begin with a convolution of the same shape, and all others of `Branch_0` are those of
`branch3x3_#`, all others of `Branch_1` those of `branch7x7x3_#`.
"""

import collections
import itertools
import re
from collections.abc import Hashable, Iterator, Sequence

from estimator_ckpt.suggesting.families import Layer, Pair
from estimator_ckpt.suggesting.layer_kinds import WORDS, place

# The most layers of a branch.
_MOST = 8

# What a branch of the source is called, and one of the target.
_Labels = tuple[Hashable, Hashable]


def crossed(pairs: Sequence[Pair]) -> Iterator[tuple[Pair, Pair]]:
    """Yields two pairs whose layers belong to each other's branches.

    Args:
      pairs: The pairs of aligned layers.
    """
    of_sides = [
        [list(map(label, layers)) for label in (_scope, _stem)] for layers in zip(*pairs, strict=True)
    ]
    for of_source, of_target in itertools.product(*of_sides) if pairs else ():
        labels = list(zip(of_source, of_target, strict=True))
        yield from ((pairs[n], pairs[m]) for n, m in _crossed(_Branches(labels), pairs))


class _Branches:
    """The branches that pairs are in: one of the source and one of the target, by labels.

    Attributes:
      labels: The labels of each pair.
    """

    def __init__(self, labels: Sequence[_Labels]):
        self.labels = labels
        self._members: tuple[dict, dict] = (collections.defaultdict(list), collections.defaultdict(list))
        for number, of_both in enumerate(labels):
            for members, label in zip(self._members, of_both, strict=True):
                members[label].append(number)

    def members(self, source: Hashable) -> list[int]:
        """Returns the pairs that are in a branch of the source."""
        return self._members[0][source]

    def of_others(self, number: int) -> _Labels | None:
        """Returns the branches of both sides that all others of a pair's branches are in; None if there are several."""
        found: list[Hashable] = []
        for side in (1, 0):
            beside = self._members[side][self.labels[number][side]]
            labels = (
                {self.labels[n][1 - side] for n in beside if n != number} if len(beside) <= _MOST else set()
            )
            if len(labels) != 1:
                return None
            found += labels
        return found[0], found[1]


def _crossed(branches: _Branches, pairs: Sequence[Pair]) -> Iterator[tuple[int, int]]:
    for number, own in enumerate(branches.labels):
        others = branches.of_others(number)
        if others is None or own[0] == others[0] or own[1] == others[1]:
            continue
        for rival in branches.members(others[0]):
            is_crossed = branches.labels[rival] == others and branches.of_others(rival) == own
            if number < rival and is_crossed and _are_alike(pairs[number], pairs[rival]):
                yield number, rival


def _are_alike(one: Pair, other: Pair) -> bool:
    return all(a.signature == b.signature for a, b in zip(one, other, strict=True))


def _scope(layer: Layer) -> str:
    """Returns the scope that a layer is in."""
    return place(layer)[0]


def _stem(layer: Layer) -> Hashable:
    """Returns the name of a layer without its number among others, as in `branch3x3_1/conv`; else what no other has."""
    *before, rest = layer.split.literals
    is_counted = bool(before) and set(filter(None, re.split(r'[/_]', rest.lower()))) <= WORDS
    return (layer.split.literals, layer.split.texts[:-1]) if is_counted else id(layer)
