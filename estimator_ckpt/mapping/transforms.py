"""Operations of rules on the values of tensors.

Operations are written `name=arguments`, separated by spaces, and apply in order. Axes may be negative, to count from
the last. Slots follow their variables by the same operations, unless something else is said here.

* `reshape=768,12,64`: changes the shape. One extent may be -1. No bytes are moved.
* `squeeze=0`: removes an axis of extent 1. `expand=0`: adds one. No bytes are moved.
* `transpose=1,0`: permutes the axes; the numbers are the old axes in their new order.
* `cast=float16`: casts to another numeric type.
* `slice=0,10,20`: takes a range of an axis: the axis, the first index and the one after the last; negative ones count
  from the end, and without the last the range goes up to the end.
* `blocks=1,0,2,1,3`: divides an axis into equal blocks and puts them in another order: the axis, then the numbers of
  the old blocks in their new order.
* `add=1.0`: adds a number; `add=1.0,0,1,4` only to block 1 of 4 along axis 0. Nothing is added to slots.
* `scale=0.5`: multiplies by a number, or a block as in `add`. Slots of such a variable have no counterpart: they must
  be dropped.
* `pad=0,1,2`: adds zeros before and after an axis: the axis and how many.
* `tile=0,3`: repeats along an axis: the axis and how many times.
* `split=1`: splits along an axis, into as many equal parts as the rule has targets; `split=1,10,20` into parts of
  these extents, one for each target.
* `unstack=0`: takes the tensors that are stacked along an axis apart, one for each target. `unstack=0,12` has a
  single target, in which `{}` stands for the number.
* `copy`: gives each target of the rule the whole tensor, such as a table that a new program has twice.
* `concat=0`: concatenates the tensors that rules give the same target along an axis, in the natural order of their
  names (`layer_2` before `layer_10`). `stack=0` stacks them along a new axis, and `sum` adds them up. Operations
  before these apply to each tensor, and those after to the result, where all rules of the target must agree.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from estimator_ckpt.bundle import dtypes


@dataclasses.dataclass(frozen=True, slots=True)
class Transform:
    """One operation.

    Attributes:
      name: The name of the operation, such as `'transpose'`.
      numbers: The extents, axes and so on; empty for operations without.
      type_name: The name of the numeric type; empty for other operations than `cast`.
      value: The number to add or to multiply by; 0 for other operations.
    """

    name: str
    numbers: tuple[int, ...] = ()
    type_name: str = ''
    value: float = 0.0

    @property
    def joins(self) -> bool:
        """True if the operation makes one tensor of several."""
        return self.name in _JOINS

    @property
    def divides(self) -> bool:
        """True if the operation makes several tensors of one."""
        return self.name in _DIVISIONS


_JOINS, _DIVISIONS = ('concat', 'stack', 'sum'), ('split', 'unstack', 'copy')
# The possible numbers of integers that each operation takes; None for any.
_COUNTS: dict[str, Sequence[int] | None] = {
    'reshape': None,
    'squeeze': (1,),
    'expand': (1,),
    'transpose': None,
    'slice': (2, 3),
    'blocks': None,
    'pad': (3,),
    'tile': (2,),
    'split': None,
    'unstack': (1, 2),
    'concat': (1,),
    'stack': (1,),
}
_WITH_VALUE, _ALONE = ('add', 'scale'), ('copy', 'sum')
# The names of all operations.
NAMES = (*_COUNTS, 'cast', *_WITH_VALUE, *_ALONE)


def parse_transforms(text: str) -> tuple[Transform, ...]:
    """Returns the operations that a text describes.

    Raises:
      ValueError: If an operation is unknown or malformed. The message gives the reason.
    """
    operations = tuple(_parsed(word) for word in text.split())
    joins = sum(operation.joins for operation in operations)
    divisions = sum(operation.divides for operation in operations)
    if joins > 1 or divisions > 1:
        raise ValueError('a rule can have one of concat, stack and sum, and one of split, unstack and copy')
    return operations


def _parsed(word: str) -> Transform:
    name, equals, argument = word.partition('=')
    if name in _ALONE and not equals:
        return Transform(name)
    if name not in NAMES or name in _ALONE or not equals:
        names = ', '.join(name if name in _ALONE else f'{name}=...' for name in NAMES)
        raise ValueError(f'unknown operation {word!r}; expected one of {names}')
    if name == 'cast':
        dtype_number(argument)
        return Transform(name, type_name=argument)
    if name in _WITH_VALUE:
        return _with_value(word, name, argument)
    numbers = _integers(word, argument.split(','))
    counts = _COUNTS[name]
    if counts is not None and len(numbers) not in counts:
        expected = 'a single axis' if counts == (1,) else f'{" or ".join(map(str, counts))} numbers'
        raise ValueError(f'{word!r} must have {expected}')
    if name == 'blocks' and (len(numbers) < 3 or sorted(numbers[1:]) != list(range(len(numbers) - 1))):
        raise ValueError(f'{word!r} must have an axis, and the numbers of all blocks from 0 on')
    if name in ('pad', 'tile') and min(numbers[1:]) < 0:
        raise ValueError(f'{word!r} must not have a negative number but the axis')
    return Transform(name, numbers)


def _with_value(word: str, name: str, argument: str) -> Transform:
    first, *rest = argument.split(',')
    try:
        value = float(first)
    except ValueError:
        raise ValueError(f'{word!r} must begin with a number') from None
    numbers = _integers(word, rest) if rest else ()
    if len(numbers) not in (0, 3) or (numbers and not 0 <= numbers[1] < numbers[2]):
        raise ValueError(f'{word!r} must have a number, or a number, an axis, a block and how many there are')
    return Transform(name, numbers, value=value)


def _integers(word: str, texts: Sequence[str]) -> tuple[int, ...]:
    try:
        return tuple(int(text) for text in texts)
    except ValueError:
        raise ValueError(f'{word!r} must have integers, separated by commas') from None


def for_slots(operations: Sequence[Transform]) -> tuple[Transform, ...]:
    """Returns the operations on the slots of a variable.

    Args:
      operations: The operations on the variable.

    Raises:
      ValueError: If the slots have no counterpart.
    """
    if any(operation.name == 'scale' for operation in operations):
        raise ValueError('the slots of a variable that is scaled have no counterpart; drop them')
    return tuple(operation for operation in operations if operation.name != 'add')


def at_join(
    operations: Sequence[Transform],
) -> tuple[tuple[Transform, ...], tuple[Transform, ...]]:
    """Returns the operations before the one that joins several tensors, and the others; the first ones if none does."""
    number = next((n for n, operation in enumerate(operations) if operation.joins), len(operations))
    return tuple(operations[:number]), tuple(operations[number:])


def targets_of(operations: Sequence[Transform], replacement: str) -> list[str]:
    """Returns the targets that the replacement of a rule names: several for a tensor that is divided.

    Args:
      operations: The operations of the rule.
      replacement: The replacement, in which targets are separated by commas.
    """
    division = next((operation for operation in operations if operation.divides), None)
    if division is None:
        return [replacement]
    if division.name == 'unstack' and len(division.numbers) == 2:
        return [replacement.replace('{}', str(number)) for number in range(division.numbers[1])]
    return [part.strip() for part in replacement.split(',')]


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
