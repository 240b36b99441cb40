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

    value: int
    dtype: int
    sources: tuple[str, ...] = ()

    def compute(self, reader: BundleReader) -> np.ndarray:
        """The number."""
        return np.array(self.value, dtypes.to_numpy(self.dtype))
