"""The values of single numbers in a checkpoint."""

from estimator_ckpt.bundle.errors import CheckpointNotFoundError
from estimator_ckpt.contents import Contents
from estimator_ckpt.tensor_names import Tensor


def read_number(contents: Contents, tensor: Tensor) -> float | None:
    """The value of a scalar; None where its data file is not there, which says whoever needs it."""
    try:
        return contents.reader.tensor(tensor.key).item()
    except CheckpointNotFoundError:
        return None
