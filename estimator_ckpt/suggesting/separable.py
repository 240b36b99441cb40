"""Aligns the pointwise kernels of separable convolutions with convolutions that the other side has apart.

Keras's `SeparableConv2D` has a depthwise and a pointwise kernel, where other programs have two layers:
`conv1_depthwise` and `conv1_pointwise`, or `conv_dw_1` and `conv_pw_1`.
"""

import re
from collections.abc import Iterator, Mapping

from estimator_ckpt.suggesting.families import Layer, Side
from estimator_ckpt.suggesting.layer_kinds import aligned_layers

_DEPTHWISE = re.compile(r'(?<![A-Za-z])(d)(epthwise|w)(?![a-z])', re.I)
_POINTWISE_KERNEL = 'pointwise_kernel'
_POINTWISE = {'epthwise': 'ointwise', 'w': 'w'}


def pointwise_pairs(
    sides: tuple[Side, Side], live: tuple[set[int], set[int]], sources: Mapping[int, int]
) -> Iterator[tuple[int, int]]:
    """Yields the pairs of kernels, and of their biases, by their numbers.

    Args:
      sides: The source and the target.
      live: The numbers of the variables of each side that are not yet aligned.
      sources: The source of each aligned target.
    """
    pairs = [pair for pair in aligned_layers(sides, sources) if len(set(map(_is_whole, pair))) > 1]
    by_name = [{str(layer.split): layer for layer in side.layers()} for side in sides] if pairs else []
    for pair in pairs:
        n = int(_is_whole(pair[0]))
        whole, other = pair[1 - n], by_name[n].get(_pointwise_name(pair[n]))
        if other is None:
            continue
        for own, role in (('kernel', _POINTWISE_KERNEL), ('bias', 'bias')):
            a, b = other.variables.get(own), whole.variables.get(role)
            if a is None or b is None or a.shape != b.shape:
                break
            if a.number in live[n] and b.number in live[1 - n]:
                yield (b.number, a.number) if n else (a.number, b.number)


def _is_whole(layer: Layer) -> bool:
    """Returns True if a layer has a pointwise kernel besides a depthwise one."""
    return _POINTWISE_KERNEL in layer.variables


def _pointwise_name(depthwise: Layer) -> str:
    """Returns the name that the pointwise convolution after a depthwise one has; empty if its name does not tell."""
    name = str(depthwise.split)
    matches = list(_DEPTHWISE.finditer(name))
    if not matches:
        return ''
    match = matches[-1]
    first = 'P' if match[1].isupper() else 'p'
    return name[: match.start()] + first + _POINTWISE[match[2].lower()] + name[match.end() :]
