"""Operations on the values of tensors on their way into a converted checkpoint.

They are written `name=numbers`, several joined by spaces, and apply in order:

* `reshape=768,12,64`: one extent may be -1. No bytes move.
* `transpose=1,0`: the axes in their new order.
* `cast=float16`: to another type of numbers.
* `split=1`: along an axis, into as many equal parts as the rule names targets.
* `concat=0`: the tensors that a rule gives one target, in the order of their names, along an axis. It comes first.
"""

import dataclasses
import math

import numpy as np

from estimator_ckpt.bundle import dtypes

_NAMES = ('reshape', 'transpose', 'cast', 'split', 'concat')


@dataclasses.dataclass(frozen=True, slots=True)
class Transform:
    """One operation: its name, and its numbers or the type's name."""

    name: str
    numbers: tuple[int, ...] = ()
    type_name: str = ''


def parse_transforms(text: str) -> tuple[Transform, ...]:
    """The operations that a text means.

    Raises:
      ValueError: If it means none. The message says why.
    """
    operations = []
    for word in text.split():
        name, equals, argument = word.partition('=')
        if name not in _NAMES or not equals:
            raise ValueError(f'{word!r} is no operation; there are {", ".join(f"{n}=..." for n in _NAMES)}')
        if name == 'cast':
            dtype_number(argument)
            operations.append(Transform(name, type_name=argument))
            continue
        try:
            numbers = tuple(int(number) for number in argument.split(','))
        except ValueError:
            raise ValueError(f'{word!r} needs whole numbers, separated by commas') from None
        if name in ('split', 'concat') and len(numbers) != 1:
            raise ValueError(f'{word!r} needs one axis')
        operations.append(Transform(name, numbers))
    if any(operation.name == 'concat' for operation in operations[1:]):
        raise ValueError('concat must come first')
    return tuple(operations)


def dtype_number(type_name: str) -> int:
    if type_name == 'bfloat16':  # NumPy knows it only where ml_dtypes was imported.
        return dtypes.BFLOAT16
    try:
        return dtypes.from_numpy(np.dtype(type_name))
    except (TypeError, dtypes.UnsupportedDtypeError) as error:
        raise ValueError(f'{type_name!r} is no type of numbers') from error


def concatenated(shapes: list[tuple[int, ...]], axis: int) -> tuple[int, ...]:
    first = list(shapes[0])
    first[axis] = 0
    for shape in shapes:
        rest = list(shape)
        rest[axis] = 0
        if rest[:axis] + rest[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise ValueError(f'{list(shape)} and {list(shapes[0])} do not join along axis {axis}')
    first[axis] = sum(shape[axis] for shape in shapes)
    return tuple(first)


def reshaped(shape: tuple[int, ...], numbers: tuple[int, ...]) -> tuple[int, ...]:
    known = math.prod(number for number in numbers if number >= 0)
    if numbers.count(-1) == 1 and known and not math.prod(shape) % known:
        numbers = tuple(math.prod(shape) // known if number == -1 else number for number in numbers)
    if min(numbers, default=0) < 0 or math.prod(numbers) != math.prod(shape):
        raise ValueError(f'{math.prod(shape)} numbers do not make {list(numbers)}')
    return numbers
