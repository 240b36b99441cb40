"""Aligns the layers whose shapes no other layer of their side has, where many others are aligned already.

The decoder of a U-Net counts down on one side and goes on counting on the other; each of its levels has its own widths.
"""

import collections

from estimator_ckpt.suggesting.chains import kind
from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.layer_kinds import is_norm

# The fewest layers that are no chance together.
_LEAST_LAYERS = 3


def of_rare_shapes(sides: tuple[Side, Side], live: tuple[set[int], set[int]]) -> list[Pair]:
    """Returns the pairs of layers of which each side has one with these variables; none if there are few.

    Args:
      sides: The source and the target.
      live: The numbers of the variables of each side that are not yet aligned.
    """
    layers = [side.layers(of_side) for side, of_side in zip(sides, live, strict=True)]
    counts = [collections.Counter(map(kind, of_side)) for of_side in layers]
    found: tuple[dict[tuple, Layer], ...] = ({}, {})
    for of_side, count, by_signature in zip(layers, counts, found, strict=True):
        for layer in of_side:
            main = layer.variables[layer.main_role]
            if count[kind(layer)] == 1 and len(main.shape) > 1 and not is_norm(layer):
                by_signature[layer.signature] = layer
    pairs = [(layer, found[1][signature]) for signature, layer in found[0].items() if signature in found[1]]
    return pairs if len(pairs) >= _LEAST_LAYERS else []
