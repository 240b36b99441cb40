"""Tells where resolutions in names (`64x64`) may count down against the numbers of the other side.

They rise in generators and fall in discriminators, so that an order of numbers alone says nothing. Numbers that are the
logarithms of all resolutions, as in `block_5` of 32x32, do.
"""

import functools
from collections.abc import Mapping

from estimator_ckpt.suggesting.families import Family, Layer, Side
from estimator_ckpt.suggesting.hypotheses import Hypothesis, Matcher


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
    def _families(self) -> tuple[Mapping[tuple, Family], Mapping[tuple, Family]]:
        """All families of each side, not only what is left of them, by their texts."""
        source, target = (
            {(family.view, family.literals): family for family in side.families()} for side in self._sides
        )
        return source, target

    def may_turn(self, hypothesis: Hypothesis, matcher: Matcher) -> bool:
        """Returns True if the layers fit as well in the reverse order of the resolutions of one side.

        Args:
          hypothesis: The hypothesis.
          matcher: Decides which layers can be the same.
        """
        pairs, families = hypothesis.layers, self._families
        of_source, of_target = hypothesis.source, hypothesis.target
        if len(pairs) < 2 or of_source.has_resolutions == of_target.has_resolutions:
            return False
        sized, counted, whole = of_source, of_target, families
        if of_target.has_resolutions:
            pairs = [(b, a) for a, b in pairs]
            sized, counted, whole = of_target, of_source, families[::-1]
        return any(
            not _are_logarithms(
                whole[0][sized.view, sized.literals], s, whole[1][counted.view, counted.literals], t
            )
            and _fits_turned(pairs, s, counted, t, matcher)
            for s in sized.slots
            if sized.is_resolution(s)
            for t in counted.slots
        )


def _are_logarithms(sized: Family, s: int, counted: Family, t: int) -> bool:
    """Returns True if numbers at one place are the binary logarithms of the resolutions at another one."""
    logarithms = {number.bit_length() - 1 for number in sized.numbers(s) if number.bit_count() == 1}
    numbers = counted.numbers(t)
    return len(logarithms) == len(sized.numbers(s)) and (logarithms <= numbers or numbers <= logarithms)


def _fits_turned(pairs: list[tuple[Layer, Layer]], s: int, counted: Family, t: int, matcher: Matcher) -> bool:
    """Returns True if all layers fit if the numbers at one place fall as the resolutions rise."""
    number_of = {a.values[s]: b.values[t] for a, b in pairs}
    if len(set(number_of.values())) < 2 or any(number_of[a.values[s]] != b.values[t] for a, b in pairs):
        return False
    turned = dict(
        zip(sorted(number_of), [number_of[n] for n in sorted(number_of, reverse=True)], strict=True)
    )
    by_values = {layer.values: layer for layer in counted.layers}
    for a, b in pairs:
        other = by_values.get((*b.values[:t], turned[a.values[s]], *b.values[t + 1 :]))
        if other is None or not matcher.roles(a, other):
            return False
    return True
