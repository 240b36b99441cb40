"""The exceptions of this package. Each message names the file, the key and what to do."""


class CheckpointError(Exception):
    """A checkpoint could not be read, written or applied."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """A checkpoint, or one of its files, is not there."""

    def __str__(self) -> str:
        return Exception.__str__(self)


class CorruptCheckpointError(CheckpointError):
    """A file of a checkpoint is not what its format or its checksums say."""
