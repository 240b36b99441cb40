"""A checkpoint as the source of a mapping: its tensors, and what they say of its optimizers and steps."""

import dataclasses
import functools
from collections.abc import Sequence

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
    """A checkpoint with the tensors of it that are mapped.

    Attributes:
      contents: The checkpoint.
      tensors: Its tensors, those that rules split or join among them.
    """

    contents: Contents
    tensors: Sequence[Tensor]

    @classmethod
    def read(cls, contents: Contents, root: str | None = None) -> 'Source':
        """Reads all tensors of a checkpoint.

        Args:
          contents: The checkpoint.
          root: The object path below which variables are called by the rest of their paths; see `read_tensors`.
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
        """What each slot holds, by its key; without those of optimizers that are not known."""
        return read_states(self.contents, self.tensors, self.learning_rates)

    @functools.cached_property
    def steps(self) -> list[Tensor]:
        """The global steps; where there is none, what else counts steps."""
        counters = [t for t in self.tensors if is_step(t.meaning, t.path) and self._is_scalar(t)]
        return [t for t in counters if t.meaning.kind is Kind.STEP] or counters

    @functools.cached_property
    def step(self) -> int | None:
        """The number of steps; None if there is none, or several differ."""
        numbers = {self.number(tensor) for tensor in self.steps}
        number = numbers.pop() if len(numbers) == 1 else None
        return None if number is None else int(number)

    @functools.cached_property
    def betas(self) -> dict[str, float]:
        """Adam's betas by their Keras names, where the checkpoint has them."""
        numbers = {
            _last(tensor): self.number(tensor)
            for tensor in self.tensors
            if _last(tensor) in _BETAS and self._is_scalar(tensor)
        }
        return {beta: number for beta, number in numbers.items() if number is not None}

    @functools.cached_property
    def learning_rates(self) -> dict[str, float]:
        """The learning rate of each optimizer by its path or scope, where the checkpoint has it."""
        rates = {
            '/'.join(tensor.path[:-1]) or tensor.name.rpartition('/')[0]: self.number(tensor)
            for tensor in self.tensors
            if tensor.meaning.kind is Kind.OPTIMIZER and _last(tensor) in _RATES and self._is_scalar(tensor)
        }
        return {optimizer: rate for optimizer, rate in rates.items() if rate is not None}

    def number(self, tensor: Tensor) -> float | None:
        """Returns the value of a scalar; None where its data file is missing, which whoever needs it says."""
        try:
            return self.reader.tensor(tensor.key).item()
        except CheckpointNotFoundError:
            return None

    def _is_scalar(self, tensor: Tensor) -> bool:
        return self.reader.entry(tensor.key).shape == ()


def _last(tensor: Tensor) -> str:
    return tensor.path[-1] if tensor.path else tensor.name.rpartition('/')[2]


def promote_all(source: Source, option: str = 'promote_averages=True') -> list[Tensor]:
    """Returns the tensors of a checkpoint without moving averages, each variable that has one with its value.

    Args:
      source: The checkpoint.
      option: What asked for it, for the error.

    Raises:
      CheckpointError: If there are no moving averages of variables.
    """
    if not any(t.meaning.kind is Kind.AVERAGE and t.meaning.variable for t in source.tensors):
        raise CheckpointError(f'{source.reader.prefix} has no moving averages of variables; omit {option}.')
    return promote(source.tensors)
