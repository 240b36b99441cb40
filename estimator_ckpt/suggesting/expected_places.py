"""Finds aligned layers that belong elsewhere: where the numbers of others of the same names say, and nothing is yet.

Where `block_#/layer_#/norm` is `norm_#` in all other blocks, with twice the number of the block and that of the layer,
`block_2/layer_0/norm` is `norm_4`. If that is there and has no source, another place of the layer is a mistake.
"""

import collections
import itertools
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

import numpy as np

from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import main_number

# The texts around the numbers in the names of the source and of the target.
Names = tuple[tuple[str, ...], tuple[str, ...]]
# How many more pairs there are than what determines a pattern.
_MORE = 2
# Names with more numbers, and more layers of one name, are left alone.
_MOST_NUMBERS, _MOST_PAIRS = 12, 400
_NEARLY = 1e-6
# The share of the pairs of two names that must be in one relation, and how often it is looked for.
_LEAST_SHARE, _TRIES = 0.75, 40


def misplaced(
    sides: tuple[Side, Side], sources: Mapping[int, int], pairs: Sequence[Pair], matcher: Matcher
) -> Iterator[Pair]:
    """Yields the pairs of which one layer has another place, by the numbers of others, that is there and is left.

    Args:
      sides: The source and the target.
      sources: The source of each aligned target.
      pairs: The aligned layers.
      matcher: Decides which layers can be the same.
    """
    aligned = set(sources.values()), set(sources)
    left = [_left(side, of_side) for side, of_side in zip(sides, aligned, strict=True)]
    if not any(left):
        return
    for (a, b), relation, names in _relations(pairs):
        # Where the source's layer belongs, and which layers of the source belong where the target's is.
        expected = relation.of(a.values)
        place = left[1].get(names[1], {}).get(expected) if expected is not None else None
        if place is not None and matcher.roles(a, place):
            yield a, b
        elif b.split.literals == names[1]:
            of_name = left[0].get(names[0], {})
            if any(relation.of(values) == b.values and matcher.roles(s, b) for values, s in of_name.items()):
                yield a, b


def _left(side: Side, aligned: Container[int]) -> dict[tuple[str, ...], dict[tuple[int, ...], Layer]]:
    """Returns the layers without a counterpart by the texts and the numbers of their names."""
    left: dict[tuple[str, ...], dict[tuple[int, ...], Layer]] = collections.defaultdict(dict)
    for layer in side.layers():
        if main_number(layer) not in aligned and 0 < len(layer.values) <= _MOST_NUMBERS:
            left[layer.split.literals][layer.values] = layer
    return left


class _Relation:
    """The linear relation between the numbers of both sides in pairs of layers, if there is one."""

    def __init__(self, pairs: Sequence[Pair]):
        self._known, wanted = _numbers(pairs)
        self._factors, _, self._rank, _ = np.linalg.lstsq(self._known, wanted, rcond=None)
        holds = np.abs(self._known @ self._factors - wanted).max(initial=0.0) <= _NEARLY
        self._is_sure = holds and len(pairs) >= self._rank + _MORE

    def of(self, values: Sequence[int]) -> tuple[int, ...] | None:
        """Returns the numbers of the target that go with numbers of the source; None if that is not known."""
        asked = np.array([*values, 1], np.float64)
        # Numbers that do not vary among the pairs say nothing of others.
        if not self._is_sure or np.linalg.matrix_rank(np.vstack([self._known, asked])) > self._rank:
            return None
        numbers = asked @ self._factors
        rounded = np.rint(numbers)
        return tuple(map(int, rounded)) if np.abs(numbers - rounded).max() <= _NEARLY else None


def _relations(pairs: Iterable[Pair]) -> Iterator[tuple[Pair, _Relation, Names]]:
    """Yields pairs with a relation that others have whose names have the same texts, and these texts."""
    groups: dict[Names, list[Pair]] = collections.defaultdict(list)
    of_source: dict[tuple[str, ...], list[Pair]] = collections.defaultdict(list)
    for pair in pairs:
        a, b = pair
        if 0 < len(a.values) <= _MOST_NUMBERS and len(b.values) <= _MOST_NUMBERS:
            groups[a.split.literals, b.split.literals].append(pair)
            of_source[a.split.literals].append(pair)
    for names, rows in groups.items():
        if not names[1][1:] or not _MORE < len(rows) <= _MOST_PAIRS:
            continue
        # What most pairs say, and what all others of a pair say; a pair is no evidence for itself.
        agreeing = _agreeing(rows)
        for evidence in (agreeing, rows) if len(agreeing) < len(rows) else (rows,):
            whole = _Relation(evidence)
            for pair in of_source[names[0]]:
                others = [row for row in evidence if row is not pair]
                yield pair, whole if len(others) == len(evidence) else _Relation(others), names


def _agreeing(rows: Sequence[Pair]) -> Sequence[Pair]:
    """Returns the pairs that are in the linear relation which most of them are in; all if there is none.

    As many pairs as determine a relation are chosen at random, again and again, since a few odd ones far from the
    others would spoil a relation that is fitted to all (random sample consensus).
    """
    known, wanted = _numbers(rows)
    rank, generator = int(np.linalg.matrix_rank(known)), np.random.default_rng(0)
    best = np.zeros(len(rows), bool)
    for number in range(_TRIES):
        some = generator.choice(len(rows), rank, replace=False) if number else np.arange(len(rows))
        factors, *_ = np.linalg.lstsq(known[some], wanted[some], rcond=None)
        agrees = np.abs(known @ factors - wanted).max(axis=1, initial=0.0) <= _NEARLY
        if agrees.sum() > best.sum():
            best = agrees
        if best.all():
            break
    return list(itertools.compress(rows, best)) if best.sum() >= _LEAST_SHARE * len(rows) else rows


def _numbers(pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the numbers of the source, each row with a one at the end, and those of the target."""
    known = np.array([[*a.values, 1] for a, _ in pairs], np.float64)
    return known, np.array([b.values for _, b in pairs], np.float64)
