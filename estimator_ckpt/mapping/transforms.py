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
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.reader import BundleReader

_NAMES = ('reshape', 'transpose', 'cast', 'split', 'concat')


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its name, and its numbers or the type's name."""

    name: str
    numbers: tuple[int, ...] = ()
    type_name: str = ''


def parse_operations(text: str) -> tuple[Operation, ...]:
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
            _dtype_number(argument)
            operations.append(Operation(name, type_name=argument))
            continue
        try:
            numbers = tuple(int(number) for number in argument.split(','))
        except ValueError:
            raise ValueError(f'{word!r} needs whole numbers, separated by commas') from None
        if name in ('split', 'concat') and len(numbers) != 1:
            raise ValueError(f'{word!r} needs one axis')
        operations.append(Operation(name, numbers))
    if any(operation.name == 'concat' for operation in operations[1:]):
        raise ValueError('concat must come first')
    return tuple(operations)


def _dtype_number(type_name: str) -> int:
    if type_name == 'bfloat16':  # NumPy knows it only where ml_dtypes was imported.
        return dtypes.BFLOAT16
    try:
        return dtypes.from_numpy(np.dtype(type_name))
    except (TypeError, dtypes.UnsupportedDtypeError) as error:
        raise ValueError(f'{type_name!r} is no type of numbers') from error


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """How a tensor is made of one or several of the source.

    Attributes:
      sources: Their keys.
      operations: What is done.
      part: Which part of a split it is.
      parts: Of how many.
      merge: Whether slices are put together.
    """

    sources: tuple[str, ...]
    operations: tuple[Operation, ...] = ()
    part: int = 0
    parts: int = 1
    merge: bool = False

    @property
    def plain(self) -> bool:
        """Whether the value of the only source is taken as it is."""
        return not self.operations and not self.merge

    def outcome(self, reader: BundleReader) -> tuple[int, tuple[int, ...]]:
        """The data type number and the shape of the result, without reading a tensor.

        Raises:
          CheckpointError: If an operation does not fit the tensors.
        """
        entries = [reader.entry(key) for key in self.sources]
        dtype, shape = entries[0].dtype, entries[0].shape
        for operation in self.operations:
            try:
                if operation.name == 'concat':
                    shape = _concatenated([entry.shape for entry in entries], operation.numbers[0])
                elif operation.name == 'cast':
                    dtype = _dtype_number(operation.type_name)
                else:
                    shape = self._shape_after(operation, shape)
            except (ValueError, IndexError) as error:
                raise CheckpointError(
                    f'{reader.prefix}: {operation.name} does not fit {self.sources[0]!r} of shape {list(shape)}: '
                    f'{error}; mend the rule.'
                ) from error
        return dtype, shape

    def _shape_after(self, operation: Operation, shape: tuple[int, ...]) -> tuple[int, ...]:
        if operation.name == 'reshape':
            return _reshaped(shape, operation.numbers)
        if operation.name == 'transpose':
            if sorted(operation.numbers) != list(range(len(shape))):
                raise ValueError(f'{list(operation.numbers)} does not order {len(shape)} axes')
            return tuple(shape[axis] for axis in operation.numbers)
        axis = operation.numbers[0]
        if shape[axis] % self.parts:
            raise ValueError(f'{shape[axis]} cannot be split into {self.parts}')
        return tuple(e // self.parts if a == axis % len(shape) else e for a, e in enumerate(shape))

    def moves_no_bytes(self, reader: BundleReader) -> bool:
        """Whether the bytes of the result are those of the only source."""
        if not self.operations:
            return not self.merge
        reshapes = all(operation.name == 'reshape' for operation in self.operations)
        return reshapes and not reader.entry(self.sources[0]).slices

    def with_sources(self, sources: tuple[str, ...]) -> 'Recipe':
        """The same for other tensors."""
        return dataclasses.replace(self, sources=sources)

    def compute(self, reader: BundleReader) -> np.ndarray:
        """The result; the sources are read for it, and their checksums checked."""
        arrays = [reader.tensor(key, verify=True) for key in self.sources]
        result = arrays[0]
        for operation in self.operations:
            if operation.name == 'concat':
                result = np.concatenate(arrays, axis=operation.numbers[0])
                arrays.clear()
            elif operation.name == 'reshape':
                result = result.reshape(operation.numbers)
            elif operation.name == 'transpose':
                result = result.transpose(operation.numbers)
            elif operation.name == 'cast':
                result = result.astype(dtypes.to_numpy(_dtype_number(operation.type_name)))
            else:
                result = np.split(result, self.parts, axis=operation.numbers[0])[self.part]
        return result


def _concatenated(shapes: list[tuple[int, ...]], axis: int) -> tuple[int, ...]:
    first = list(shapes[0])
    first[axis] = 0
    for shape in shapes:
        rest = list(shape)
        rest[axis] = 0
        if rest[:axis] + rest[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise ValueError(f'{list(shape)} and {list(shapes[0])} do not join along axis {axis}')
    first[axis] = sum(shape[axis] for shape in shapes)
    return tuple(first)


def _reshaped(shape: tuple[int, ...], numbers: tuple[int, ...]) -> tuple[int, ...]:
    known = math.prod(number for number in numbers if number >= 0)
    if numbers.count(-1) == 1 and known and not math.prod(shape) % known:
        numbers = tuple(math.prod(shape) // known if number == -1 else number for number in numbers)
    if min(numbers, default=0) < 0 or math.prod(numbers) != math.prod(shape):
        raise ValueError(f'{math.prod(shape)} numbers do not make {list(numbers)}')
    return numbers
