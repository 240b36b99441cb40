"""What the operations of rules do to shapes and to values; `transforms` describes and parses them."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.mapping.transforms import Transform, dtype_number

Shape = tuple[int, ...]
# The operations that only change the shape.
RESHAPES = frozenset(('reshape', 'squeeze', 'expand'))


class Part(NamedTuple):
    """One of the tensors that an operation divides a tensor into.

    Attributes:
      number: The number of the part, from 0.
      of: The number of parts.
    """

    number: int = 0
    of: int = 1


# A tensor that is not divided.
WHOLE = Part()


def shape_after(operations: Sequence[Transform], shape: Shape, part: Part = WHOLE) -> Shape:
    """Returns the shape that operations on one tensor give.

    Args:
      operations: The operations, none of which joins tensors.
      shape: The shape of the tensor.
      part: The part that is taken of a tensor that is divided.

    Raises:
      ValueError: If an operation does not fit. The message begins with its name.
    """
    for operation in operations:
        if operation.name == 'cast':
            continue
        try:
            shape = _SHAPES[operation.name](operation, shape, part)
        except (ValueError, IndexError) as error:
            reason = f'there is no such axis in {list(shape)}' if isinstance(error, IndexError) else error
            raise ValueError(
                f'{operation.name} does not fit {{}} of shape {list(shape)}: {reason}'
            ) from error
    return shape


def dtype_after(operations: Sequence[Transform], dtype: int) -> int:
    """Returns the data type number that operations give.

    Args:
      operations: The operations.
      dtype: The data type number of the tensor.

    Raises:
      ValueError: If a string would be cast. The message begins with the name of the operation.
    """
    casts = [operation.type_name for operation in operations if operation.name == 'cast']
    if casts and dtype == dtypes.STRING:
        raise ValueError('cast does not fit {}: it holds strings')
    return dtype_number(casts[-1]) if casts else dtype


def joined_shape(operation: Transform, shapes: Sequence[Shape]) -> Shape:
    """Returns the shape of what an operation makes of several tensors.

    Args:
      operation: The operation.
      shapes: The shapes of the tensors.

    Raises:
      ValueError: If the shapes do not fit each other.
    """
    first = shapes[0]
    if operation.name == 'concat':
        try:
            return concatenated(list(shapes), operation.numbers[0])
        except IndexError:
            raise ValueError(f'there is no such axis in {list(first)}') from None
    different = next((shape for shape in shapes if shape != first), None)
    if different is not None:
        raise ValueError(f'the shapes {list(different)} and {list(first)} differ')
    return first if operation.name == 'sum' else _expanded(operation.numbers[0], first, len(shapes))


def apply(operations: Sequence[Transform], value: np.ndarray, part: Part = WHOLE) -> np.ndarray:
    """Returns the result of operations on one tensor.

    Args:
      operations: The operations, none of which joins tensors.
      value: The tensor.
      part: The part that is taken of a tensor that is divided.
    """
    for operation in operations:
        value = _VALUES[operation.name](operation, value, part)
    return value


def join(operation: Transform, values: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the tensor that an operation makes of several.

    Args:
      operation: The operation.
      values: The tensors.
    """
    if operation.name == 'concat':
        return np.concatenate(values, axis=operation.numbers[0])
    if operation.name == 'stack':
        return np.stack(values, axis=operation.numbers[0])
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def concatenated(shapes: list[Shape], axis: int) -> Shape:
    """Returns the shape of a concatenation.

    Args:
      shapes: The shapes of the tensors.
      axis: The axis along which the tensors are concatenated; negative to count from the last.

    Raises:
      IndexError: If a tensor has no such axis.
      ValueError: If the shapes differ in another axis.
    """
    first = list(shapes[0])
    first[axis] = 0
    for shape in shapes:
        extents = list(shape)
        extents[axis] = 0
        if extents[:axis] + extents[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise ValueError(
                f'the shapes {list(shape)} and {list(shapes[0])} cannot be concatenated along axis {axis}'
            )
    first[axis] = sum(shape[axis] for shape in shapes)
    return tuple(first)


def reshaped(shape: Shape, numbers: tuple[int, ...]) -> Shape:
    """Returns the shape of a reshaped tensor.

    Args:
      shape: The shape of the tensor.
      numbers: The new extents, one of which may be -1.

    Raises:
      ValueError: If the new shape has another number of elements.
    """
    given = math.prod(number for number in numbers if number >= 0)
    if numbers.count(-1) == 1 and given and not math.prod(shape) % given:
        numbers = tuple(math.prod(shape) // given if number == -1 else number for number in numbers)
    if min(numbers, default=0) < 0 or math.prod(numbers) != math.prod(shape):
        raise ValueError(f'{math.prod(shape)} elements cannot have the shape {list(numbers)}')
    return numbers


def _with_extent(shape: Shape, axis: int, extent: int) -> Shape:
    """Returns a shape with another extent of an axis, which may be counted from the last."""
    shape[axis]  # An axis that is not there is an IndexError.
    return tuple(extent if number == axis % len(shape) else e for number, e in enumerate(shape))


def _expanded(axis: int, shape: Shape, extent: int = 1) -> Shape:
    place = axis if axis >= 0 else len(shape) + 1 + axis
    if not 0 <= place <= len(shape):
        raise IndexError(axis)
    return (*shape[:place], extent, *shape[place:])


def _squeezed(operation: Transform, shape: Shape, part: Part) -> Shape:
    axis = operation.numbers[0]
    if shape[axis] != 1:
        raise ValueError(f'axis {axis} has the extent {shape[axis]}, not 1')
    return tuple(e for number, e in enumerate(shape) if number != axis % len(shape))


def _transposed(operation: Transform, shape: Shape, part: Part) -> Shape:
    if sorted(operation.numbers) != list(range(len(shape))):
        raise ValueError(f'{list(operation.numbers)} is not a permutation of {len(shape)} axes')
    return tuple(shape[axis] for axis in operation.numbers)


def _range(operation: Transform, extent: int) -> slice:
    """Returns the range of an axis that `slice` takes.

    Raises:
      ValueError: If it is not in the axis, or empty.
    """
    start, stop = operation.numbers[1], operation.numbers[2] if len(operation.numbers) > 2 else extent
    first, last = (number + extent if number < 0 else number for number in (start, stop))
    if not 0 <= first < last <= extent:
        raise ValueError(f'{start} to {stop} is no range of an axis of {extent}')
    return slice(first, last)


def _sliced(operation: Transform, shape: Shape, part: Part) -> Shape:
    axis = operation.numbers[0]
    taken = _range(operation, shape[axis])
    return _with_extent(shape, axis, taken.stop - taken.start)


def _in_blocks(operation: Transform, shape: Shape, part: Part) -> Shape:
    _check_blocks(shape[operation.numbers[0]], len(operation.numbers) - 1)
    return shape


def _check_blocks(extent: int, count: int) -> None:
    if extent % count:
        raise ValueError(f'an extent of {extent} cannot be divided into {count} equal blocks')


def _unchanged(operation: Transform, shape: Shape, part: Part) -> Shape:
    if operation.numbers:
        axis, _, count = operation.numbers
        _check_blocks(shape[axis], count)
    return shape


def _padded(operation: Transform, shape: Shape, part: Part) -> Shape:
    axis, before, after = operation.numbers
    return _with_extent(shape, axis, shape[axis] + before + after)


def _tiled(operation: Transform, shape: Shape, part: Part) -> Shape:
    axis, count = operation.numbers
    return _with_extent(shape, axis, shape[axis] * count)


def _edges(operation: Transform, extent: int, part: Part) -> tuple[int, int]:
    """Returns where a part of a tensor that is split begins and ends.

    Raises:
      ValueError: If the parts do not make up the axis.
    """
    extents = operation.numbers[1:]
    if not extents:
        if extent % part.of:
            raise ValueError(f'an extent of {extent} cannot be split into {part.of} equal parts')
        extents = (extent // part.of,) * part.of
    if sum(extents) != extent or len(extents) != part.of or min(extents) < 0:
        raise ValueError(f'an extent of {extent} cannot be split into {part.of} parts of {list(extents)}')
    start = sum(extents[: part.number])
    return start, start + extents[part.number]


def _split(operation: Transform, shape: Shape, part: Part) -> Shape:
    axis = operation.numbers[0]
    start, end = _edges(operation, shape[axis], part)
    return _with_extent(shape, axis, end - start)


def _unstacked(operation: Transform, shape: Shape, part: Part) -> Shape:
    axis = operation.numbers[0]
    if shape[axis] != part.of:
        raise ValueError(f'an extent of {shape[axis]} is not that of {part.of} targets')
    return tuple(e for number, e in enumerate(shape) if number != axis % len(shape))


_SHAPES: dict[str, Callable[[Transform, Shape, Part], Shape]] = {
    'reshape': lambda operation, shape, part: reshaped(shape, operation.numbers),
    'squeeze': _squeezed,
    'expand': lambda operation, shape, part: _expanded(operation.numbers[0], shape),
    'transpose': _transposed,
    'slice': _sliced,
    'blocks': _in_blocks,
    'add': _unchanged,
    'scale': _unchanged,
    'pad': _padded,
    'tile': _tiled,
    'split': _split,
    'unstack': _unstacked,
    'copy': lambda operation, shape, part: shape,
}


def _slice_value(operation: Transform, value: np.ndarray, part: Part) -> np.ndarray:
    axis = operation.numbers[0] % value.ndim
    return value[(slice(None),) * axis + (_range(operation, value.shape[axis]),)]


def _blocks_value(operation: Transform, value: np.ndarray, part: Part) -> np.ndarray:
    axis, *order = operation.numbers
    blocks = np.split(value, len(order), axis)
    return np.concatenate([blocks[number] for number in order], axis)


def _computed(operation: Transform, value: np.ndarray, part: Part) -> np.ndarray:
    """Returns the tensor with a number added to it, or multiplied by one, in whole or in a block."""
    result, number = value.copy(), np.asarray(operation.value).astype(value.dtype)
    where: tuple[slice, ...] = ()
    if operation.numbers:
        axis, block, count = operation.numbers
        size = value.shape[axis] // count
        where = (slice(None),) * (axis % value.ndim) + (slice(block * size, (block + 1) * size),)
    if operation.name == 'add':
        result[where] += number
    else:
        result[where] *= number
    return result


def _padded_value(operation: Transform, value: np.ndarray, part: Part) -> np.ndarray:
    axis, before, after = operation.numbers
    widths = [(before, after) if number == axis % value.ndim else (0, 0) for number in range(value.ndim)]
    return np.pad(value, widths)


def _tiled_value(operation: Transform, value: np.ndarray, part: Part) -> np.ndarray:
    axis, count = operation.numbers
    return np.concatenate([value] * count, axis) if count else value[:0]


def _split_value(operation: Transform, value: np.ndarray, part: Part) -> np.ndarray:
    axis = operation.numbers[0] % value.ndim
    return value[(slice(None),) * axis + (slice(*_edges(operation, value.shape[axis], part)),)]


_VALUES: dict[str, Callable[[Transform, np.ndarray, Part], np.ndarray]] = {
    'reshape': lambda operation, value, part: value.reshape(operation.numbers),
    'squeeze': lambda operation, value, part: value.squeeze(operation.numbers[0]),
    'expand': lambda operation, value, part: np.expand_dims(value, operation.numbers[0]),
    'transpose': lambda operation, value, part: value.transpose(operation.numbers),
    'cast': lambda operation, value, part: value.astype(dtypes.to_numpy(dtype_number(operation.type_name))),
    'slice': _slice_value,
    'blocks': _blocks_value,
    'add': _computed,
    'scale': _computed,
    'pad': _padded_value,
    'tile': _tiled_value,
    'split': _split_value,
    'unstack': lambda operation, value, part: np.take(value, part.number, operation.numbers[0]),
    'copy': lambda operation, value, part: value,
}
