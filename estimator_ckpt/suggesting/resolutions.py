"""Tells where resolutions in names (`64x64`) may count down against the numbers of the other side.

They rise in generators and fall in discriminators, so that an order of numbers alone says nothing. Numbers that are the
logarithms of all resolutions, as in `block_5` of 32x32, do.
"""

import collections
import functools
from collections.abc import Mapping, Sequence

from estimator_ckpt.suggesting.families import Family, Pair, Side
from estimator_ckpt.suggesting.hypotheses import Hypothesis, Matcher

# The numbers at each place of names, by their view and the texts around the numbers.
_Numbers = Mapping[tuple[int, tuple[str, ...]], Sequence[set[int]]]


class Resolutions:
    """The resolutions in the names of one side, and the numbers of the other one."""

    def __init__(self, source: Side, target: Side):
        """Notes both sides.

        Args:
          source: The source.
          target: The target.
        """
        self._sides = source, target

    @functools.cached_property
    def _numbers(self) -> list[_Numbers]:
        """The numbers in all names of each side, and not only in those of the layers that are left."""
        return [_numbers_of(side) for side in self._sides]

    def may_turn(self, hypothesis: Hypothesis, matcher: Matcher) -> bool:
        """Returns True if the layers fit as well in the reverse order of the resolutions of one side.

        Args:
          hypothesis: The hypothesis.
          matcher: Decides which layers can be the same.
        """
        sized, counted, pairs = hypothesis.source, hypothesis.target, hypothesis.layers
        if len(pairs) < 2 or sized.has_resolutions == counted.has_resolutions:
            return False
        of_sized, of_counted = self._numbers
        if counted.has_resolutions:
            sized, counted, pairs = counted, sized, [(b, a) for a, b in pairs]
            of_sized, of_counted = of_counted, of_sized
        sizes, counts = of_sized[sized.view, sized.literals], of_counted[counted.view, counted.literals]
        return any(
            not _are_logarithms(sizes[s], counts[t]) and _fits_turned(pairs, s, counted, t, matcher)
            for s in filter(sized.is_resolution, sized.slots)
            for t in counted.slots
        )


def _numbers_of(side: Side) -> _Numbers:
    rows: dict[tuple[int, tuple[str, ...]], list[tuple[int, ...]]] = collections.defaultdict(list)
    for family in side.families():
        rows[family.view, family.literals] += [layer.values for layer in family.layers]
    return {key: [set(column) for column in zip(*values, strict=True)] for key, values in rows.items()}


def _are_logarithms(sizes: set[int], counts: set[int]) -> bool:
    """Returns True if numbers are the binary logarithms of resolutions, of which either side may lack some."""
    logarithms = {size.bit_length() - 1 for size in sizes if size.bit_count() == 1}
    return len(logarithms) == len(sizes) and (logarithms <= counts or counts <= logarithms)


def _fits_turned(pairs: Sequence[Pair], s: int, counted: Family, t: int, matcher: Matcher) -> bool:
    """Returns True if all layers fit if the numbers at one place fall as the resolutions rise."""
    count_of = {a.values[s]: b.values[t] for a, b in pairs}
    if len(set(count_of.values())) < 2 or any(count_of[a.values[s]] != b.values[t] for a, b in pairs):
        return False
    sizes = sorted(count_of)
    turned = {size: count_of[other] for size, other in zip(sizes, reversed(sizes), strict=True)}
    by_values = {layer.values: layer for layer in counted.layers}
    others = [by_values.get((*b.values[:t], turned[a.values[s]], *b.values[t + 1 :])) for a, b in pairs]
    return all(other and matcher.roles(a, other) for (a, _), other in zip(pairs, others, strict=True))
