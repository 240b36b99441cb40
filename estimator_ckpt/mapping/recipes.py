"""Recipes: how a tensor is made of tensors of a checkpoint."""

import dataclasses
from typing import Any, Protocol

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.mapping.transforms import Transform, concatenated, dtype_number, reshaped


class Recipe(Protocol):
    """How a tensor is made. Recipes are immutable and hashable."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys of the tensors that it is made of."""

    @property
    def plain(self) -> bool:
        """Whether the value of the only source is taken as it is."""

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result, without reading a tensor.

        Raises:
          CheckpointError: If the recipe does not fit the tensors.
        """

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the result. Reads the sources and checks their checksums."""

    def with_sources(self, sources: tuple[str, ...]) -> 'Recipe':
        """Returns the same recipe for other tensors, such as the slots of a variable."""

    def moves_no_bytes(self, reader: TensorSource) -> bool:
        """Returns True if the bytes of the result are those of the only source."""


@dataclasses.dataclass(frozen=True, slots=True)
class TensorRecipe:
    """Makes a tensor of one or several of the source by the operations of a rule.

    Attributes:
      sources: The keys of the source's tensors.
      operations: The operations, in order.
      part: The number of the part of a split.
      parts: The number of parts of the split.
      merge: Whether slices are merged into one tensor.
    """

    sources: tuple[str, ...]
    operations: tuple[Transform, ...] = ()
    part: int = 0
    parts: int = 1
    merge: bool = False

    @property
    def plain(self) -> bool:
        """Returns True if the value of the only source is taken as it is."""
        return not self.operations and not self.merge

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result, without reading a tensor.

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

    def moves_no_bytes(self, reader: TensorSource) -> bool:
        """Returns True if the bytes of the result are those of the only source."""
        if not self.operations:
            return not self.merge
        reshapes = all(operation.name == 'reshape' for operation in self.operations)
        return reshapes and not reader.entry(self.sources[0]).slices

    def with_sources(self, sources: tuple[str, ...]) -> 'TensorRecipe':
        """Returns the same recipe for other tensors."""
        return dataclasses.replace(self, sources=sources)

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the result. Reads the sources and checks their checksums."""
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


@dataclasses.dataclass(frozen=True)
class WrappedRecipe:
    """Changes what another recipe makes.

    Attributes:
      recipe: The other recipe.
    """

    recipe: Recipe
    plain = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys of the tensors that it is made of."""
        return self.recipe.sources

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result, without reading a tensor."""
        return self.recipe.outcome(reader)

    def with_sources(self, sources: tuple[str, ...]) -> Any:
        """Returns the same recipe for other tensors."""
        return dataclasses.replace(self, recipe=self.recipe.with_sources(sources))

    def moves_no_bytes(self, reader: TensorSource) -> bool:
        """Returns False: the result is computed."""
        return False


@dataclasses.dataclass(frozen=True)
class Cast(WrappedRecipe):
    """Casts to another data type.

    Attributes:
      dtype: TensorFlow's data type number.
    """

    dtype: int

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result, without reading a tensor."""
        return self.dtype, self.recipe.outcome(reader)[1]

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the result."""
        return self.recipe.compute(reader).astype(dtypes.to_numpy(self.dtype))


@dataclasses.dataclass(frozen=True)
class Scaled(WrappedRecipe):
    """Multiplies by a number, in the value's own data type.

    Attributes:
      factor: The number.
    """

    factor: float

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the result."""
        value = self.recipe.compute(reader)
        return (value * np.asarray(self.factor, value.dtype)).astype(value.dtype)


@dataclasses.dataclass(frozen=True)
class Constant:
    """Gives a number that is in no checkpoint.

    Attributes:
      value: The number.
      dtype: TensorFlow's data type number.
    """

    value: float
    dtype: int
    sources: tuple[str, ...] = ()
    plain = False

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of a scalar."""
        return self.dtype, ()

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the number."""
        return np.array(self.value, dtypes.to_numpy(self.dtype))

    def with_sources(self, sources: tuple[str, ...]) -> 'Constant':
        """Returns the same number, whatever the tensors."""
        return self

    def moves_no_bytes(self, reader: TensorSource) -> bool:
        """Returns False: no tensor has these bytes."""
        return False
