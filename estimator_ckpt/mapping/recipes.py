"""Values that are made of others, beyond the operations of rules."""

import dataclasses
from typing import Any

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.reader import BundleReader


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
