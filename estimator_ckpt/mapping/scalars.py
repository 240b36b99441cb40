"""The values of single numbers in a checkpoint."""

from collections.abc import Iterable

from estimator_ckpt.bundle.errors import CheckpointNotFoundError
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind, is_step
from estimator_ckpt.mapping.tensors import Tensor


def step_tensors(contents: Contents, tensors: Iterable[Tensor]) -> list[Tensor]:
    """The global steps; where there is none, what else counts steps."""
    steps = [t for t in tensors if is_step(t.meaning, t.path) and contents.reader.entry(t.key).shape == ()]
    return [t for t in steps if t.meaning.kind is Kind.STEP] or steps


def read_number(contents: Contents, tensor: Tensor) -> float | None:
    """The value of a scalar; None where its data file is not there, which says whoever needs it."""
    try:
        return contents.reader.tensor(tensor.key).item()
    except CheckpointNotFoundError:
        return None
