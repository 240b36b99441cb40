"""The exceptions of this package. Each message names the file, the key and the remedy."""


class CheckpointError(Exception):
    """Raised if a checkpoint cannot be read, written or applied."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """Raised if a checkpoint, or one of its files, does not exist."""

    def __str__(self) -> str:
        return Exception.__str__(self)


class TensorMemoryError(CheckpointError, MemoryError):
    """Raised if a tensor does not fit into the memory."""


class WrittenMeanwhileError(CheckpointError):
    """Raised if another process has written a checkpoint while this one was about to."""


class CorruptCheckpointError(CheckpointError):
    """Raised if a file of a checkpoint contradicts its format or its checksums."""


def damaged(path: str, fault: str) -> CorruptCheckpointError:
    """Returns the error for a damaged file.

    Args:
      path: The path of the file.
      fault: The fault, as a clause.
    """
    return CorruptCheckpointError(
        f'{path} is damaged: {fault}; restore the file from a copy, or use another checkpoint.'
    )
