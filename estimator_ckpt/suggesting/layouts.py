"""Compares kernels in one layout: PyTorch has the output channels first, and TensorFlow last.

The kernel of `torch.nn.Linear` is [out, in], and those of convolutions are [out, in, height, width], where TensorFlow
has [in, out] and [height, width, in, out]; a depthwise one is [channels, 1, height, width] and [height, width, channels,
1] (https://pytorch.org/docs/stable/nn.html). Embeddings are the same in both. Which side has which layout is told by
the shapes alone, for names such as `weight` are used by both.
"""

import collections
import dataclasses
from collections.abc import Collection, Iterable, Sequence

from estimator_ckpt.suggesting.compared import ComparedTensor
from estimator_ckpt.suggesting.name_parts import find_role
from estimator_ckpt.suggesting.reshaping import Shape

# The fewest kernels that must have counterparts in the other layout only.
_LEAST_KERNELS = 2


def in_one_layout(
    source: list[ComparedTensor], target: list[ComparedTensor]
) -> tuple[list[ComparedTensor], list[ComparedTensor]]:
    """Returns the tensors of both sides, those that are in PyTorch's layout with TensorFlow's shapes.

    Args:
      source: The tensors of the source.
      target: The tensors of the target.
    """
    sides, gains = (source, target), (_gain(source, target), _gain(target, source))
    # The shapes of matrices alone do not tell the sides apart, and either may be transposed.
    number = int(gains[1] >= gains[0])
    if gains[number] < _LEAST_KERNELS:
        return source, target
    shapes = {row.shape for row in sides[1 - number] if row.shape}
    changed = [_with_channels_last(row, shapes) for row in sides[number]]
    return (source, changed) if number else (changed, target)


def _gain(rows: Iterable[ComparedTensor], others: Iterable[ComparedTensor]) -> int:
    """Returns how many more kernels have counterparts of the same shape if those of one side are taken for PyTorch's."""
    own = [row.shape for row in rows if row.shape and len(row.shape) > 1]
    of_others = collections.Counter(row.shape for row in others if row.shape and len(row.shape) > 1)
    own = [shape for shape in own if _permuted(shape, channels_last(shape)) != shape]
    changed = collections.Counter(_permuted(shape, channels_last(shape)) for shape in own)
    # A side with embeddings only, which both layouts have alike, gains nothing.
    return (changed & of_others).total() - (collections.Counter(own) & of_others).total()


def channels_last(shape: Shape) -> tuple[int, ...]:
    """Returns the order in which TensorFlow has the axes of a kernel of PyTorch.

    Args:
      shape: The shape in PyTorch.
    """
    return (*range(2, len(shape)), 1, 0)


def _permuted(shape: Shape, axes: Sequence[int]) -> Shape:
    return tuple([shape[axis] for axis in axes])


def _with_channels_last(row: ComparedTensor, shapes: Collection[Shape | None]) -> ComparedTensor:
    """Returns a tensor of PyTorch with the shape that TensorFlow has for it.

    Args:
      row: The tensor.
      shapes: The shapes of the other side.
    """
    shape = row.shape or ()
    role = find_role(row.names[-1].replace('.', '/'))[0]
    if len(shape) < 2 or role == 'embedding':
        return row
    orders = [channels_last(shape)]
    if len(shape) > 2 and shape[1] == 1:
        orders.append((*range(2, len(shape)), 0, 1))
    fitting = [axes for axes in orders if _permuted(shape, axes) in shapes]
    # Of kernels that fit neither or both ways, such as square ones, the name must tell that they are kernels.
    if (not fitting or shape in shapes) and not role.endswith('kernel'):
        return row
    if not fitting and shape in shapes:
        return row
    axes = (fitting or orders)[0]
    return dataclasses.replace(row, shape=_permuted(shape, axes), axes=axes)
