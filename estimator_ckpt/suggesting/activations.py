"""Pairs the slopes of PReLU, which TF1 code often keeps beside the weights of a convolution, and Keras in a layer."""

import math
import operator
from collections.abc import Mapping

from estimator_ckpt.suggesting.families import Side, Variable

_ROLE, _LEAST = 'alpha', 3
_ORDER = operator.itemgetter(0)


def activation_pairs(
    sides: tuple[Side, Side], live: tuple[set[int], set[int]], sources: Mapping[int, int]
) -> list[tuple[int, int]]:
    """Returns the pairs of slopes, by number; none if the order of the program leaves a doubt about one.

    Each slope that is beside weights must be that of the only activation that was made after these weights, and before
    the next ones that have a slope.

    Args:
      sides: The source and the target.
      live: The numbers of the variables that are not yet aligned.
      sources: The source of each aligned target.
    """
    slopes = [
        [v for v in side.variables if v.number in of_side and side.roles[v.number] == _ROLE]
        for side, of_side in zip(sides, live, strict=True)
    ]
    if len(slopes[0]) != len(slopes[1]) or len(slopes[0]) < _LEAST:
        return []
    targets = {s: t for t, s in sources.items()}
    pairs = _interleaved(sides, slopes[0], slopes[1], targets)
    if not pairs:
        reversed_sides = sides[1], sides[0]
        pairs = [(b, a) for a, b in _interleaved(reversed_sides, slopes[1], slopes[0], sources)]
    return pairs


def _interleaved(
    sides: tuple[Side, Side],
    beside_weights: list[Variable],
    alone: list[Variable],
    counterparts: Mapping[int, int],
) -> list[tuple[int, int]]:
    """Returns the pairs if the slopes of the first side are beside weights, and those of the second side alone."""
    weights = {
        layer.variables[_ROLE].number: layer.variables['kernel'].number
        for family in sides[0].families()
        for layer in family.layers
        if {_ROLE, 'kernel'} <= layer.variables.keys()
    }
    before, after = [], [(slope.order, slope) for slope in alone if slope.order is not None]
    for slope in beside_weights:
        number = counterparts.get(weights.get(slope.number, -1))
        order = None if number is None else sides[1].variables[number].order
        if order is not None:
            before.append((order, slope))
    if len(before) < len(beside_weights) or len(after) < len(alone):
        return []
    before.sort(key=_ORDER)
    after.sort(key=_ORDER)
    ends = [*(order for order, _ in before[1:]), math.inf]
    rows = zip(before, after, ends, strict=True)
    if all(start < order < end and a.size == b.size for (start, a), (order, b), end in rows):
        return [(a.number, b.number) for (_, a), (_, b) in zip(before, after, strict=True)]
    return []
