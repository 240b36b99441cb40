"""Tells what kind of layer a layer is, from the names and shapes of its variables."""

import functools
import re
from collections.abc import Iterable, Mapping

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.name_parts import DIMENSIONS, KERAS_CHILD, KERAS_OPERATION

# The words in which the names of a convolution and its normalization may differ, and which make up counted names.
WORDS = frozenset(
    [
        'conv',
        'conv1d',
        'conv2d',
        'conv3d',
        'convolution',
        'depthwise',
        'separable',
        'transpose',
        'tpu',
        'cross',
    ]
    + ['bn', 'norm', 'batch', 'layer', 'replica', 'sync', 'normalization', 'batchnorm', 'fused']
    + ['instance', 'group']
)
TOKEN = re.compile(rf'[A-Za-z]+(?i:{DIMENSIONS})|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+')
# Where Keras 2 and Keras 3 track the layers of functional models.
_TRACKED = re.compile(rf'(?:^|/)(?:{KERAS_CHILD}|{KERAS_OPERATION})\d')
_NUMBER = re.compile(r'(?:.*_)?(\d+)')
_TRANSPOSED = re.compile(r'transpose|deconv', re.I)
_CONVOLUTIONS = ('kernel', 'depthwise_kernel', 'pointwise_kernel')
# The main roles of normalizations.
NORMS = ('gamma', 'beta', 'mean')
# The least share of equal names that must be those of convolutions and normalizations of as many channels.
LEAST_AGREEMENT = 0.9


def channels(layer: Layer) -> tuple[int, int] | None:
    """Returns the numbers of input and output channels of a convolution; None for other layers."""
    shapes = {role: layer.variables[role].shape for role in _CONVOLUTIONS if role in layer.variables}
    if not shapes or any(len(shape) < 3 for shape in shapes.values()):
        return None
    first, last = next(iter(shapes.items())), list(shapes.items())[-1]
    if 'depthwise_kernel' in shapes:
        first = 'depthwise_kernel', shapes['depthwise_kernel']
    inputs, outputs = first[1][-2], last[1][-1]
    if last[0] == 'depthwise_kernel':
        outputs = last[1][-2] * last[1][-1]
    if last[0] == 'kernel' and inputs != outputs:
        kernel, bias = layer.variables['kernel'], layer.variables.get('bias')
        transposed = any(_TRANSPOSED.search(name) for name in kernel.names)
        if bias.shape == (inputs,) if bias is not None else transposed:
            return outputs, inputs
    return inputs, outputs


def is_norm(layer: Layer) -> bool:
    """Returns True if a layer has the variables of a normalization."""
    return layer.main_role in NORMS


def is_tracked_by_keras(layers: Iterable[Layer]) -> bool:
    """Returns True if the names of layers have the numbers by which Keras tracks the layers of models."""
    return all(_TRACKED.search(str(layer.split)) for layer in layers)


def main_number(layer: Layer) -> int:
    """Returns the number of the variable that characterizes a layer."""
    return layer.variables[layer.main_role].number


def last_kernel(convolution: Layer) -> int:
    """Returns the number of the kernel that gives the outputs of a convolution: of a separable one the pointwise."""
    pointwise = convolution.variables.get('pointwise_kernel')
    return main_number(convolution) if pointwise is None else pointwise.number


def agree(convolution: Layer, norm: Layer) -> bool:
    """Returns True if a normalization has as many channels as the outputs of a convolution.

    Args:
      convolution: The convolution.
      norm: The normalization.
    """
    of_convolution = channels(convolution)
    assert of_convolution is not None
    # Sonnet keeps the other axes, with one element each.
    return norm.variables[norm.main_role].size == of_convolution[1]


def may_be_aligned(a: Layer, b: Layer, sources: Mapping[int, int], targets: Mapping[int, int]) -> bool:
    """Returns True if neither of two layers is aligned with a third one.

    Args:
      a: The layer of the source.
      b: The layer of the target.
      sources: The source of each aligned target.
      targets: The target of each aligned source.
    """
    s, t = main_number(a), main_number(b)
    return sources.get(t, s) == s and targets.get(s, t) == t


def aligned_layers(sides: tuple[Side, Side], sources: Mapping[int, int]) -> list[Pair]:
    """Returns the pairs of layers whose main variables are aligned.

    Args:
      sides: The source and the target.
      sources: The source of each aligned target.
    """
    layers = [{main_number(layer): layer for layer in side.layers()} for side in sides]
    return [(layers[0][s], layers[1][t]) for t, s in sources.items() if s in layers[0] and t in layers[1]]


def place(layer: Layer) -> tuple[str, str, int, bool]:
    """Returns the scope, the name without number, the number, and whether a layer has a counted name."""
    scope, _, name = str(layer.split).rstrip('/').rpartition('/')
    return scope, *_place(name)


# Many layers have the same names in other scopes, and each is asked for many times.
@functools.lru_cache(maxsize=100_000)
def _place(name: str) -> tuple[str, int, bool]:
    match = _NUMBER.fullmatch(name)
    base = name[: match.start(1)].rstrip('_') if match else name
    words = [token.lower() for token in TOKEN.findall(base)]
    return base, to_int(match[1]) if match else 0, set(words) <= WORDS
