"""Values that are made of others, beyond the operations of rules."""

import dataclasses
from typing import Any

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.mapping.transforms import Transform, concatenated, dtype_number, reshaped


@dataclasses.dataclass(frozen=True)
class Cast:
    """A value of another data type than its recipe makes it.

    Attributes:
      recipe: How it is made.
      dtype: TensorFlow's data type number.
    """

    recipe: Any
    dtype: int
    plain = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys of the tensors that it is made of."""
        return self.recipe.sources

    def with_sources(self, sources: tuple[str, ...]) -> 'Cast':
        """The same for other tensors."""
        return dataclasses.replace(self, recipe=self.recipe.with_sources(sources))

    def outcome(self, reader: BundleReader) -> tuple[int, tuple[int, ...]]:
        """The data type number and the shape of the result."""
        return self.dtype, self.recipe.outcome(reader)[1]

    def compute(self, reader: BundleReader) -> np.ndarray:
        """The result."""
        return self.recipe.compute(reader).astype(dtypes.to_numpy(self.dtype))


@dataclasses.dataclass(frozen=True)
class Constant:
    """A number that is in no checkpoint."""

    value: float
    dtype: int
    sources: tuple[str, ...] = ()

    def compute(self, reader: BundleReader) -> np.ndarray:
        """The number."""
        return np.array(self.value, dtypes.to_numpy(self.dtype))


@dataclasses.dataclass(frozen=True)
class Scaled:
    """A value times a number, in the value's own type.

    Attributes:
      recipe: How the value is made.
      factor: The number.
    """

    recipe: Any
    factor: float
    plain = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys of the tensors that it is made of."""
        return self.recipe.sources

    @property
    def operations(self) -> tuple[Any, ...]:
        """What is done besides; no operation of a rule moves no bytes here."""
        return (self,)

    def with_sources(self, sources: tuple[str, ...]) -> 'Scaled':
        """The same for other tensors."""
        return dataclasses.replace(self, recipe=self.recipe.with_sources(sources))

    def outcome(self, reader: BundleReader) -> tuple[int, tuple[int, ...]]:
        """The data type number and the shape of the result."""
        return self.recipe.outcome(reader)

    def moves_no_bytes(self, reader: BundleReader) -> bool:
        """Whether the bytes of the result are the source's."""
        return False

    def compute(self, reader: BundleReader) -> np.ndarray:
        """The result."""
        value = self.recipe.compute(reader)
        return (value * np.asarray(self.factor, value.dtype)).astype(value.dtype)


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
    operations: tuple[Transform, ...] = ()
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
                    shape = concatenated([entry.shape for entry in entries], operation.numbers[0])
                elif operation.name == 'cast':
                    dtype = dtype_number(operation.type_name)
                else:
                    shape = self._shape_after(operation, shape)
            except (ValueError, IndexError) as error:
                raise CheckpointError(
                    f'{reader.prefix}: {operation.name} does not fit {self.sources[0]!r} of shape {list(shape)}: '
                    f'{error}; mend the rule.'
                ) from error
        return dtype, shape

    def _shape_after(self, operation: Transform, shape: tuple[int, ...]) -> tuple[int, ...]:
        if operation.name == 'reshape':
            return reshaped(shape, operation.numbers)
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
                result = result.astype(dtypes.to_numpy(dtype_number(operation.type_name)))
            else:
                result = np.split(result, self.parts, axis=operation.numbers[0])[self.part]
        return result
