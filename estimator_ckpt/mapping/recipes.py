"""Recipes, which compute the value of a tensor from tensors of a checkpoint."""

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError, TensorMemoryError
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.mapping.operations import (
    RESHAPES,
    WHOLE,
    Part,
    apply,
    dtype_after,
    join,
    joined_shape,
    shape_after,
)
from estimator_ckpt.mapping.transforms import Transform, for_slots

_FLOATS = frozenset(('float16', 'bfloat16', 'float32', 'float64'))


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
        """Returns the result. The sources are read, and their checksums checked.

        Raises:
          TensorMemoryError: If the result does not fit into the memory.
        """

    def for_slots(self, sources: tuple[str, ...]) -> 'Recipe':
        """Returns the recipe for slots of the variables that the recipe takes.

        Args:
          sources: The keys of the slots.

        Raises:
          ValueError: If slots have no counterpart.
        """

    def moves_no_bytes(self, reader: TensorSource) -> bool:
        """Returns True if the bytes of the result are those of the only source."""


@dataclasses.dataclass(frozen=True, slots=True)
class Preparation:
    """The operations on one of several tensors before these are joined.

    Attributes:
      operations: The operations.
      part: The part that is taken of a tensor that they divide.
    """

    operations: tuple[Transform, ...] = ()
    part: Part = WHOLE


# Never changed, yet not frozen: there may be 100,000, and to create a frozen one takes four times as long.
@dataclasses.dataclass(slots=True, unsafe_hash=True)
class TensorRecipe:
    """Computes a tensor from one or several tensors by the operations of a rule.

    Attributes:
      sources: The keys of the tensors that the recipe takes.
      operations: The operations in the order in which they apply. Only the first can join tensors.
      part: The part that is taken of a tensor that the operations divide.
      merge: Whether slices are merged into one tensor.
      before: The operations on each of the tensors that are joined; empty for none.
    """

    sources: tuple[str, ...]
    operations: tuple[Transform, ...] = ()
    part: Part = WHOLE
    merge: bool = False
    before: tuple[Preparation, ...] = ()

    @property
    def plain(self) -> bool:
        """True if the value of the only source is taken unchanged."""
        return not self.operations and not self.merge

    @property
    def takes_all(self) -> bool:
        """True if the recipe takes a single tensor, and not only a part of it."""
        return len(self.sources) == 1 and self.part.of == 1 and not self.before

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result. No tensor is read.

        Raises:
          CheckpointError: If an operation does not fit the tensors.
        """
        join, rest = self._join_and_rest()
        before = self.before or (Preparation(),) * len(self.sources)
        key, dtype = self.sources[0], 0
        try:
            shapes, types = [], []
            for key, prepared in zip(self.sources, before, strict=True):
                entry = reader.entry(key)
                shapes.append(shape_after(prepared.operations, entry.shape, prepared.part))
                types.append(dtype_after(prepared.operations, entry.dtype))
            key, dtype, shape = self.sources[0], types[0], shapes[0]
            if join is not None:
                try:
                    shape = joined_shape(join, shapes)
                except ValueError as error:
                    raise ValueError(
                        f'{join.name} does not fit {{}} of shape {list(shape)}: {error}'
                    ) from error
                if len(set(types)) > 1:
                    raise ValueError(f'{join.name} does not fit {{}}: the data types of the tensors differ')
            return dtype_after(rest, dtype), shape_after(rest, shape, self.part)
        except ValueError as error:
            raise CheckpointError(
                f'{reader.prefix}: {str(error).format(repr(key))}; correct the rule.'
            ) from error

    def _join_and_rest(self) -> tuple[Transform | None, tuple[Transform, ...]]:
        if self.operations and self.operations[0].joins:
            return self.operations[0], self.operations[1:]
        return None, self.operations

    def moves_no_bytes(self, reader: TensorSource) -> bool:
        """Returns True if the bytes of the result are those of the only source."""
        if not self.operations:
            return not self.merge
        reshapes = all(operation.name in RESHAPES for operation in self.operations)
        return reshapes and not reader.entry(self.sources[0]).slices

    def for_slots(self, sources: tuple[str, ...]) -> 'TensorRecipe':
        """Returns the recipe for slots of the variables.

        Args:
          sources: The keys of the slots.

        Raises:
          ValueError: If slots have no counterpart.
        """
        before = tuple(Preparation(for_slots(prepared.operations), prepared.part) for prepared in self.before)
        return dataclasses.replace(
            self, sources=sources, operations=for_slots(self.operations), before=before
        )

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the result. The sources are read, and their checksums checked.

        Raises:
          TensorMemoryError: If the result does not fit into the memory.
        """
        join_operation, rest = self._join_and_rest()
        before = self.before or (Preparation(),) * len(self.sources)
        with _allocating(self, reader):
            arrays = [
                apply(prepared.operations, reader.tensor(key, verify=True), prepared.part)
                for key, prepared in zip(self.sources, before, strict=True)
            ]
            result = arrays[0] if join_operation is None else join(join_operation, arrays)
            arrays.clear()
            return apply(rest, result, self.part)


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

    def for_slots(self, sources: tuple[str, ...]) -> Any:
        """Returns the recipe for slots of the variables.

        Args:
          sources: The keys of the slots.
        """
        return dataclasses.replace(self, recipe=self.recipe.for_slots(sources))

    def moves_no_bytes(self, reader: TensorSource) -> bool:
        """Returns False, because the result is computed."""
        return False


@contextlib.contextmanager
def _allocating(recipe: Recipe, reader: TensorSource) -> Iterator[None]:
    """Says which tensors need more memory than there is."""
    try:
        yield
    except TensorMemoryError:
        raise
    except MemoryError as error:
        entries = [reader.entry(key) for key in recipe.sources]
        taken = sum((dtypes.size(entry.dtype) or 0) * math.prod(entry.shape) for entry in entries)
        dtype, shape = recipe.outcome(reader)
        needed = taken + (dtypes.size(dtype) or 0) * math.prod(shape)
        raise TensorMemoryError(
            f'{reader.prefix}: {", ".join(map(repr, recipe.sources))} cannot be converted: this needs {needed:,} '
            'bytes, more than there is free memory; use a machine with more of it.'
        ) from error


def _no_number(reader: TensorSource, keys: tuple[str, ...]) -> CheckpointError:
    names = ', '.join(f'{key!r} ({dtypes.name(reader.entry(key).dtype)})' for key in keys)
    return CheckpointError(
        f'{reader.prefix}: {names} cannot be converted, because it holds other values; drop it.'
    )


@dataclasses.dataclass(frozen=True)
class Cast(WrappedRecipe):
    """Casts the result of another recipe to a data type.

    Attributes:
      dtype: TensorFlow's data type number.
    """

    dtype: int

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result. No tensor is read.

        Raises:
          CheckpointError: If the other recipe does not fit its tensors, or gives strings.
        """
        dtype, shape = self.recipe.outcome(reader)
        if dtype == dtypes.STRING:
            raise _no_number(reader, self.sources)
        return self.dtype, shape

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the result, computed in the data type of the other recipe and then cast."""
        with _allocating(self, reader):
            return self.recipe.compute(reader).astype(dtypes.to_numpy(self.dtype))


@dataclasses.dataclass(frozen=True)
class Scaled(WrappedRecipe):
    """Multiplies the result of another recipe by a number, in its own data type.

    Attributes:
      factor: The number.
    """

    factor: float

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result. No tensor is read.

        Raises:
          CheckpointError: If the other recipe does not fit its tensors, or does not give floating-point numbers.
        """
        dtype, shape = self.recipe.outcome(reader)
        if dtypes.name(dtype) not in _FLOATS:
            raise _no_number(reader, self.sources)
        return dtype, shape

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the product."""
        with _allocating(self, reader):
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

    def for_slots(self, sources: tuple[str, ...]) -> 'Constant':
        """Returns the same number for any slots."""
        return self

    def moves_no_bytes(self, reader: TensorSource) -> bool:
        """Returns False, because no tensor has the bytes of the result."""
        return False
