"""Recipes, which compute the value of a tensor from tensors of a checkpoint."""

import dataclasses
from typing import Any, Protocol

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.mapping.transforms import Transform, concatenated, dtype_number, reshaped


class Recipe(Protocol):
    """The way to compute the value of a tensor. Recipes are immutable and hashable."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys of the tensors that the recipe takes."""

    @property
    def plain(self) -> bool:
        """True if the value of the only source is taken unchanged."""

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result. No tensor is read.

        Raises:
          CheckpointError: If the recipe does not fit the tensors.
        """

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the result. The sources are read, and their checksums checked."""

    def with_sources(self, sources: tuple[str, ...]) -> 'Recipe':
        """Returns the same recipe for other tensors, such as the slots of a variable."""

    def moves_no_bytes(self, reader: TensorSource) -> bool:
        """Returns True if the bytes of the result are those of the only source."""


@dataclasses.dataclass(frozen=True, slots=True)
class TensorRecipe:
    """Computes a tensor from one or several tensors by the operations of a rule.

    Attributes:
      sources: The keys of the tensors that the recipe takes.
      operations: The operations in the order in which they apply.
      part: The number of the part that a split yields, from 0.
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
        """True if the value of the only source is taken unchanged."""
        return not self.operations and not self.merge

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result. No tensor is read.

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
                    f'{error}; correct the rule.'
                ) from error
        return dtype, shape

    def _shape_after(self, operation: Transform, shape: tuple[int, ...]) -> tuple[int, ...]:
        if operation.name == 'reshape':
            return reshaped(shape, operation.numbers)
        if operation.name == 'transpose':
            if sorted(operation.numbers) != list(range(len(shape))):
                raise ValueError(f'{list(operation.numbers)} is not a permutation of {len(shape)} axes')
            return tuple(shape[axis] for axis in operation.numbers)
        axis = operation.numbers[0]
        if shape[axis] % self.parts:
            raise ValueError(f'an extent of {shape[axis]} cannot be split into {self.parts} equal parts')
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
        """Returns the result. The sources are read, and their checksums checked."""
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
    """A recipe that changes the result of another one.

    Attributes:
      recipe: The other recipe.
    """

    recipe: Recipe
    plain = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys of the tensors that the other recipe takes."""
        return self.recipe.sources

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result. No tensor is read."""
        return self.recipe.outcome(reader)

    def with_sources(self, sources: tuple[str, ...]) -> Any:
        """Returns the same recipe for other tensors."""
        return dataclasses.replace(self, recipe=self.recipe.with_sources(sources))

    def moves_no_bytes(self, reader: TensorSource) -> bool:
        """Returns False, because the result is computed."""
        return False


@dataclasses.dataclass(frozen=True)
class Cast(WrappedRecipe):
    """Casts the result of another recipe to a data type.

    Attributes:
      dtype: TensorFlow's data type number.
    """

    dtype: int

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result. No tensor is read."""
        return self.dtype, self.recipe.outcome(reader)[1]

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the result, computed in the data type of the other recipe and then cast."""
        return self.recipe.compute(reader).astype(dtypes.to_numpy(self.dtype))


@dataclasses.dataclass(frozen=True)
class Scaled(WrappedRecipe):
    """Multiplies the result of another recipe by a number, in its own data type.

    Attributes:
      factor: The number.
    """

    factor: float

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the product."""
        value = self.recipe.compute(reader)
        return (value * np.asarray(self.factor, value.dtype)).astype(value.dtype)


@dataclasses.dataclass(frozen=True)
class Constant:
    """A scalar that is not read from a checkpoint.

    Attributes:
      value: The number.
      dtype: TensorFlow's data type number.
      sources: Empty: no tensor is read.
    """

    value: float
    dtype: int
    sources: tuple[str, ...] = ()
    plain = False

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number, and the shape of a scalar."""
        return self.dtype, ()

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the number."""
        return np.array(self.value, dtypes.to_numpy(self.dtype))

    def with_sources(self, sources: tuple[str, ...]) -> 'Constant':
        """Returns the same number for any tensors."""
        return self

    def moves_no_bytes(self, reader: TensorSource) -> bool:
        """Returns False, because no tensor has the bytes of the result."""
        return False
