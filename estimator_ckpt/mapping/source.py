"""A checkpoint as the source of a mapping: its tensors, and the values of its steps and hyperparameters."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import TypeGuard

import numpy as np

from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind, is_step
from estimator_ckpt.keys.slots import SlotState
from estimator_ckpt.mapping.slot_states import read_states
from estimator_ckpt.mapping.tensors import Tensor, promote, read_tensors

_BETAS = ('beta_1', 'beta_2')
_RATES = ('learning_rate', '_learning_rate')


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A checkpoint with those of its tensors that are mapped.

    Attributes:
      contents: The checkpoint.
      tensors: The tensors, including those that rules split or join.
    """

    contents: Contents
    tensors: Sequence[Tensor]

    @classmethod
    def read(cls, contents: Contents, root: str | None = None) -> 'Source':
        """Returns a checkpoint with all of its tensors.

        Args:
          contents: The checkpoint.
          root: The object whose children are named without its path; see `read_tensors`.
        """
        return cls(contents, read_tensors(contents, root))

    def of(self, tensors: Sequence[Tensor]) -> 'Source':
        """Returns the same checkpoint with other tensors."""
        return Source(self.contents, tensors)

    @property
    def reader(self) -> TensorSource:
        """The reader of the checkpoint."""
        return self.contents.reader

    @functools.cached_property
    def slot_states(self) -> dict[str, SlotState]:
        """The contents of each slot of a known optimizer, by key."""
        return read_states(self.contents, self.tensors, self.learning_rates)

    @functools.cached_property
    def steps(self) -> list[Tensor]:
        """The global steps; if there is none, the other counters of steps."""
        counters = [tensor for tensor in self._scalars if is_step(tensor.meaning, tensor.path)]
        return [t for t in counters if t.meaning.kind is Kind.STEP] or counters

    @functools.cached_property
    def step(self) -> int | None:
        """The number of steps; None if there is no counter of steps, or several differ."""
        numbers = {self.number(tensor) for tensor in self.steps}
        number = numbers.pop() if len(numbers) == 1 else None
        return None if number is None else as_step(number)

    @functools.cached_property
    def betas(self) -> dict[str, float]:
        """The betas of Adam that the checkpoint has, by their Keras names."""
        numbers = {_last(tensor): self.number(tensor) for tensor in self._scalars if _last(tensor) in _BETAS}
        return {beta: number for beta, number in numbers.items() if _is_finite(number)}

    @functools.cached_property
    def learning_rates(self) -> dict[str, float]:
        """The learning rates that the checkpoint has, by the path or scope of the optimizer."""
        rates = {
            '/'.join(tensor.path[:-1]) or tensor.name.rpartition('/')[0]: self.number(tensor)
            for tensor in self._scalars
            if tensor.meaning.kind is Kind.OPTIMIZER and _last(tensor) in _RATES
        }
        return {optimizer: rate for optimizer, rate in rates.items() if _is_finite(rate)}

    def number(self, tensor: Tensor) -> float | None:
        """Returns the value of a scalar, which may be infinite or not a number.

        Returns None if it is no real number, or if its data file is missing, which is an error only for some callers.
        """
        try:
            return read_number(self.reader, tensor.key)
        except CheckpointNotFoundError:
            return None

    @functools.cached_property
    def _scalars(self) -> list[Tensor]:
        types_and_shapes = self.reader.types_and_shapes()
        return [tensor for tensor in self.tensors if not types_and_shapes[tensor.key][1]]


def read_number(reader: TensorSource, key: str, verify: bool = False) -> float | None:
    """Returns the real number that a tensor of one element holds, which may be infinite or not a number.

    Args:
      reader: The checkpoint.
      key: The key of the tensor.
      verify: Whether to check the checksum.

    Returns:
      The number; None if the tensor has several elements, or holds a string or another value that is no real number.

    Raises:
      CheckpointError: If the tensor cannot be read.
    """
    if math.prod(reader.entry(key).shape) != 1:
        return None
    value = reader.tensor(key, verify)
    if value.dtype.kind in 'iuf':
        return value.item()
    # The types of ml_dtypes have the kind V.
    return float(value.astype(np.float64).item()) if value.dtype.kind == 'V' else None


def as_step(number: float) -> int | None:
    """Returns a number as a number of steps; None if it cannot be one, because it is negative or not finite."""
    return int(number) if 0 <= number < 1 << 63 else None


def _is_finite(number: float | None) -> TypeGuard[float]:
    return number is not None and math.isfinite(number)


def _last(tensor: Tensor) -> str:
    return tensor.path[-1] if tensor.path else tensor.name.rpartition('/')[2]


def promote_all(source: Source, option: str = 'promote_averages=True') -> list[Tensor]:
    """Returns the tensors of a checkpoint without moving averages, whose values replace those of their variables.

    Args:
      source: The checkpoint.
      option: The option that requests this, for the message of the error.

    Raises:
      CheckpointError: If no variable has a moving average.
    """
    if not any(t.meaning.kind is Kind.AVERAGE and t.meaning.variable for t in source.tensors):
        raise CheckpointError(f'{source.reader.prefix} has no moving averages of variables; omit {option}.')
    return promote(source.tensors)
