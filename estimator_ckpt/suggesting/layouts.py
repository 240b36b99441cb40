"""Compares kernels in one layout: PyTorch has the output channels first, and TensorFlow last.

The kernel of `torch.nn.Linear` is [out, in], and those of convolutions are [out, in, height, width], where TensorFlow
has [in, out] and [height, width, in, out]; a depthwise one is [channels, 1, height, width] and [height, width,
channels, 1] (https://pytorch.org/docs/stable/nn.html). Embeddings are the same in both. Which layout a side has, the
windows and the lengths of biases tell, or else names such as `layer.0.wi.weight`, or the shapes of the other side.
Programs of TensorFlow have single matrices with the outputs first too, as BERT's `output_weights` [2, 768].
"""

import collections
import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from estimator_ckpt.suggesting.compared import ComparedTensor
from estimator_ckpt.suggesting.name_parts import find_role, words
from estimator_ckpt.suggesting.projections import is_of_input
from estimator_ckpt.suggesting.reshaping import OF_HEADS, Shape

# The shapes of the variables of layers, by the names of these and their roles.
Layers = Mapping[str, Mapping[str, Shape]]
_LARGEST_WINDOW = 11
_IN_STATE_DICT = re.compile(r'[^/]+\.(?:weight|[a-z_]*(?:embedding|token|table)s?)')
_ROLE, _TABLE = re.compile(r'weights?|kernel|embeddings?'), re.compile(r'bias|embed|table|position', re.I)
# The fewest kernels that must have counterparts in the other layout only, if no bias tells.
_LEAST_KERNELS = 2


def in_one_layout(
    source: list[ComparedTensor], target: list[ComparedTensor]
) -> tuple[list[ComparedTensor], list[ComparedTensor]]:
    """Returns the tensors of both sides, those that are in PyTorch's layout with TensorFlow's shapes.

    Args:
      source: The tensors of the source.
      target: The tensors of the target.
    """
    source, target = _in_one_layout(source, target)
    source, target = _with_heads_inside(source, target), _with_heads_inside(target, source)
    return _with_turned_namesakes(source, target), target


def _with_heads_inside(rows: list[ComparedTensor], others: list[ComparedTensor]) -> list[ComparedTensor]:
    """Returns tensors where projections to queries, keys and values have the axis of heads behind that of the inputs.

    TransformerLens has kernels of [12, 768, 64], which others have as [768, 12, 64] or [768, 768].
    """
    of_others = {row.shape for row in others}
    changed = []
    for row in rows:
        shape = row.shape or ()
        if len(shape) == OF_HEADS and not row.axes and shape not in of_others and is_of_input(row.names[-1]):
            heads, inputs, size = shape
            if heads * size == inputs and heads > 1:
                row = dataclasses.replace(row, shape=(inputs, heads, size), axes=(1, 0, 2))
        changed.append(row)
    return changed


def _in_one_layout(
    source: list[ComparedTensor], target: list[ComparedTensor]
) -> tuple[list[ComparedTensor], list[ComparedTensor]]:
    sides = source, target
    layers = _layers(source), _layers(target)
    number = _in_other_layout(sides, layers)
    if number is None:
        return _with_outputs_last(source, *layers), _with_outputs_last(target, *layers[::-1])
    # The words in the names of embeddings, by the shapes of all tensors.
    words_of: dict[Shape, set[str]] = collections.defaultdict(set)
    for row in sides[1 - number]:
        role, layer = _role(row)
        words_of[row.shape or ()].update(words([layer]) if role == 'embedding' else ())
    changed = [_with_channels_last(row, words_of) for row in sides[number]]
    return (source, changed) if number else (changed, target)


def _in_other_layout(sides: tuple[list[ComparedTensor], ...], layers: tuple[Layers, ...]) -> int | None:
    """Returns the number of the side that is in PyTorch's layout, where the other is not; None if there is none."""
    source, target = sides
    votes = [_votes(*side) for side in zip(sides, layers, strict=True)]
    if votes == [0, 0]:
        gains = _gain(source, target), _gain(target, source)
        if _named_alike(source, target) or max(gains) < _LEAST_KERNELS:
            return None
        # The shapes of matrices alone do not tell the sides apart, and either may be transposed.
        return int(gains[1] >= gains[0])
    return int(votes[1] > votes[0]) if min(votes) <= 0 < max(votes) else None


def _with_turned_namesakes(rows: list[ComparedTensor], others: list[ComparedTensor]) -> list[ComparedTensor]:
    """Returns tensors where tables that the other side has transposed, under their name, have its shape.

    T5's biases of positions are [heads, buckets] in TF1's checkpoints, and [buckets, heads] elsewhere.
    """
    shapes: dict[str, set[Shape | None]] = collections.defaultdict(set)
    for row in others:
        shapes[_last_name(row)].add(row.shape)
    all_shapes = set().union(*shapes.values())
    changed = []
    for row in rows:
        shape, name = row.shape or (), _last_name(row)
        is_turned = len(shape) == 2 and shapes.get(name) == {shape[::-1]} and shape not in all_shapes
        # Kernels are those of other layers: the decoder of an autoencoder has the shapes of its encoder.
        if is_turned and _TABLE.search(name) and not row.axes:
            row = dataclasses.replace(row, shape=shape[::-1], axes=(1, 0))
        changed.append(row)
    return changed


def _last_name(row: ComparedTensor) -> str:
    """Returns the last component of a name, without one that only says what the tensor is in its layer."""
    *_, scope, last = ['', '', *row.names[-1].replace('.', '/').split('/')]
    return scope if _ROLE.fullmatch(last) else last


def _role(row: ComparedTensor) -> tuple[str, str]:
    return find_role(row.names[-1].replace('.', '/'))


def _votes(rows: Sequence[ComparedTensor], layers: Layers) -> int:
    """Returns how many more kernels have their channels first, as in PyTorch, than have them last.

    Where these do not tell, it is 1 for the names of a state dict.
    """
    votes = 0
    for shapes in layers.values():
        kernel, bias = shapes.get('kernel', ()), shapes.get('bias', ())
        if len(kernel) > 1 and len(bias) == 1:
            votes += (kernel[0] == bias[0]) - (kernel[-1] == bias[0])
        # Kernels of three axes may be those of attention heads.
        elif len(kernel) > 3:
            windows = [
                all(extent <= _LARGEST_WINDOW for extent in part) for part in (kernel[:-2], kernel[2:])
            ]
            votes += windows[1] - windows[0]
    matrices = [row.names[-1] for row in rows if row.shape and len(row.shape) > 1]
    return votes or int(bool(matrices) and all(map(_IN_STATE_DICT.fullmatch, matrices)))


def _layers(rows: Iterable[ComparedTensor]) -> Layers:
    """Returns the shapes of the variables of each layer, by its name and their roles."""
    layers: dict[str, dict[str, Shape]] = collections.defaultdict(dict)
    for row in rows:
        role, layer = _role(row)
        layers[layer][role] = row.shape or ()
    return layers


def _with_outputs_last(rows: list[ComparedTensor], layers: Layers, others: Layers) -> list[ComparedTensor]:
    """Returns tensors where single matrices whose biases say that the outputs come first have them last.

    Args:
      rows: The tensors of one side.
      layers: Its layers.
      others: Those of the other side, where such a layer has its outputs last, and no kernel has the matrix's shape.
        Nor may the other side lack the layers beside it: of BERT's `cls`, programs have all or nothing.
    """
    lacking = _heads_that_lack(layers, {shape for of in others.values() for shape in of.values()})
    of_others = {(of['kernel'], of.get('bias', ())) for of in others.values() if 'kernel' in of}
    kernels = {kernel for kernel, _ in of_others}
    changed = []
    for row in rows:
        role, layer = _role(row)
        shape, bias = row.shape or (), layers[layer].get('bias', ())
        has_outputs_first = role == 'kernel' and len(shape) == 2 and shape[:1] == bias != shape[1:]
        has_counterpart = shape not in kernels and (shape[::-1], bias) in of_others
        if has_outputs_first and has_counterpart and _head(layer) not in lacking:
            row = dataclasses.replace(row, shape=shape[::-1], axes=(1, 0))
        changed.append(row)
    return changed


def _heads_that_lack(layers: Layers, shapes: Collection[Shape]) -> set[str]:
    """Returns the scopes of less than half of the layers in which one has a shape that the other side lacks."""
    heads = collections.Counter(map(_head, layers))
    lacking = {
        _head(layer)
        for layer, of in layers.items()
        if not all(shape in shapes or shape[::-1] in shapes for shape in of.values())
    }
    return {head for head in lacking if head and 2 * heads[head] < len(layers)}


def _head(layer: str) -> str:
    """Returns the outermost scope of a layer in scopes of scopes: `cls` of `cls/predictions/transform/dense`."""
    scope, _, rest = layer.partition('/')
    return scope if '/' in rest else ''


def _named_alike(source: Iterable[ComparedTensor], target: Iterable[ComparedTensor]) -> bool:
    """Returns True if more matrices of the same last names have the same shapes than have them transposed."""
    shapes: list[dict[str, set[Shape]]] = [collections.defaultdict(set), collections.defaultdict(set)]
    for of_side, rows in zip(shapes, (source, target), strict=True):
        for row in rows:
            role, layer = _role(row)
            if role != 'embedding' and row.shape and len(row.shape) == 2:
                of_side[layer.rstrip('/').rpartition('/')[2]].add(row.shape)
    votes = 0
    for name in shapes[0].keys() & shapes[1].keys():
        if len(shapes[0][name]) == len(shapes[1][name]) == 1:
            (shape,), (other,) = shapes[0][name], shapes[1][name]
            votes += (shape == other) - (shape[::-1] == other)
    return votes > 0


def _gain(rows: Iterable[ComparedTensor], others: Iterable[ComparedTensor]) -> int:
    """Returns how many more kernels have counterparts of the same shape if one side has PyTorch's layout."""
    own = [row.shape for row in rows if row.shape and len(row.shape) > 1 and _role(row)[0] != 'embedding']
    of_others = collections.Counter(row.shape for row in others if row.shape and len(row.shape) > 1)
    changes = [(shape, _permuted(shape, _channels_last(shape))) for shape in own]
    as_is, changed = (
        collections.Counter(change[n] for change in changes if change[0] != change[1]) for n in (0, 1)
    )
    return (changed & of_others).total() - (as_is & of_others).total()


def _channels_last(shape: Shape) -> tuple[int, ...]:
    """Returns the order in which TensorFlow has the axes of a kernel of PyTorch of this shape."""
    return (*range(2, len(shape)), 1, 0)


def _permuted(shape: Shape, axes: Sequence[int]) -> Shape:
    return tuple([shape[axis] for axis in axes])


def _with_channels_last(row: ComparedTensor, others: Mapping[Shape, set[str]]) -> ComparedTensor:
    """Returns a tensor of PyTorch with the shape that TensorFlow has for it.

    Args:
      row: The tensor.
      others: The words in the names of the embeddings of the other side, by the shapes of all of its tensors.
    """
    shape, (role, layer) = row.shape or (), _role(row)
    is_embedding = role == 'embedding' or not others.get(shape, set()).isdisjoint(words([layer]))
    if len(shape) < 2 or is_embedding:
        return row
    orders = [_channels_last(shape)]
    if len(shape) > 2 and shape[1] == 1:
        orders.append((*range(2, len(shape)), 0, 1))
    fitting = [axes for axes in orders if _permuted(shape, axes) in others]
    # Of kernels that fit neither or both ways, such as square ones, the name must tell that they are kernels.
    if (not fitting or shape in others) and not role.endswith('kernel'):
        return row
    if not fitting and shape in others:
        return row
    axes = (fitting or orders)[0]
    return dataclasses.replace(row, shape=_permuted(shape, axes), axes=axes)
