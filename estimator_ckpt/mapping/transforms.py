"""Operations of rules on the values of tensors.

Operations are written `name=numbers`, separated by spaces, and apply in order:

* `reshape=768,12,64`: changes the shape. One extent may be -1. No bytes are moved.
* `transpose=1,0`: permutes the axes; the numbers are the old axes in their new order.
* `cast=float16`: casts to another numeric type.
* `split=1`: splits along an axis, into as many equal parts as the rule has targets.
* `concat=0`: concatenates the tensors that a rule gives the same target along an axis, in the order of their names. It
  must be the first operation.
"""

import dataclasses
import math

import numpy as np

from estimator_ckpt.bundle import dtypes

_NAMES = ('reshape', 'transpose', 'cast', 'split', 'concat')


@dataclasses.dataclass(frozen=True, slots=True)
class Transform:
    """One operation.

    Attributes:
      name: The name of the operation, such as `'transpose'`.
      numbers: The extents, axes or axis; empty for `cast`.
      type_name: The name of the numeric type; empty for other operations than `cast`.
    """

    name: str
    numbers: tuple[int, ...] = ()
    type_name: str = ''


def parse_transforms(text: str) -> tuple[Transform, ...]:
    """Returns the operations that a text describes.

    Raises:
      ValueError: If an operation is unknown or malformed. The message gives the reason.
    """
    operations = []
    for word in text.split():
        name, equals, argument = word.partition('=')
        if name not in _NAMES or not equals:
            names = ', '.join(f'{name}=...' for name in _NAMES)
            raise ValueError(f'unknown operation {word!r}; expected one of {names}')
        if name == 'cast':
            dtype_number(argument)
            operations.append(Transform(name, type_name=argument))
            continue
        try:
            numbers = tuple(int(number) for number in argument.split(','))
        except ValueError:
            raise ValueError(f'{word!r} must have integers, separated by commas') from None
        if name in ('split', 'concat') and len(numbers) != 1:
            raise ValueError(f'{word!r} must have a single axis')
        operations.append(Transform(name, numbers))
    if any(operation.name == 'concat' for operation in operations[1:]):
        raise ValueError('concat must be the first operation')
    return tuple(operations)


def dtype_number(type_name: str) -> int:
    """Returns TensorFlow's number of a numeric type.

    Raises:
      ValueError: If there is no such type.
    """
    # NumPy has the name `bfloat16` only once ml_dtypes is imported.
    if type_name == 'bfloat16':
        return dtypes.BFLOAT16
    try:
        return dtypes.from_numpy(np.dtype(type_name))
    except (TypeError, dtypes.UnsupportedDtypeError) as error:
        raise ValueError(f'unknown numeric type {type_name!r}') from error


def concatenated(shapes: list[tuple[int, ...]], axis: int) -> tuple[int, ...]:
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


def reshaped(shape: tuple[int, ...], numbers: tuple[int, ...]) -> tuple[int, ...]:
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
