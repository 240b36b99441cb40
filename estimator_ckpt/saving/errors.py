"""The errors of this package as subclasses of `tf.errors` too, for programs that catch those around `restore`."""

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.mapping.report import MappingError, MappingReport


class _OpError(tf.errors.OpError):
    """An error without an op. Its arguments are those of this package's errors, not of `tf.errors`."""

    _CODE = tf.errors.UNKNOWN

    def __init__(self, message: str, report: MappingReport | None = None):
        tf.errors.OpError.__init__(self, None, None, message, self._CODE)
        self.args = (message,)
        if report is not None:
            self.report = report

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, getattr(self, 'report', None))


class _NotFound(_OpError, CheckpointNotFoundError, tf.errors.NotFoundError):
    """A checkpoint does not exist."""

    _CODE = tf.errors.NOT_FOUND


class _DataLoss(_OpError, CorruptCheckpointError, tf.errors.DataLossError):
    """A checkpoint is damaged."""

    _CODE = tf.errors.DATA_LOSS


class _Missing(_OpError, MappingError, tf.errors.NotFoundError):
    """Variables have no source in a checkpoint."""

    _CODE = tf.errors.NOT_FOUND


class _Mismatch(_OpError, MappingError, tf.errors.InvalidArgumentError):
    """The sources of variables have another shape or data type."""

    _CODE = tf.errors.INVALID_ARGUMENT


class _MissingAndMismatch(_OpError, MappingError, tf.errors.NotFoundError, tf.errors.InvalidArgumentError):
    """Some variables have no source, and the sources of others have another shape or data type."""

    _CODE = tf.errors.NOT_FOUND


def _as_program_error(error: CheckpointError) -> CheckpointError:
    """Returns an error that is also of the `tf.errors` class that `tf.compat.v1.train.Saver` would raise."""
    if isinstance(error, tf.errors.OpError):
        return error
    message = f'Restoring from checkpoint failed: {error}'
    if isinstance(error, MappingError):
        missing, mismatched = bool(error.report.missing), bool(error.report.mismatched)
        kinds = {(True, False): _Missing, (False, True): _Mismatch, (True, True): _MissingAndMismatch}
        kind = kinds.get((missing, mismatched))
        if mismatched:
            start = (
                'Restoring from checkpoint failed: a mismatch between the current graph and the checkpoint.'
            )
            message = f'{start} {error}'
        return error if kind is None else kind(message, error.report)
    if isinstance(error, CheckpointNotFoundError):
        return _NotFound(message)
    if isinstance(error, CorruptCheckpointError):
        return _DataLoss(message)
    return error


@contextlib.contextmanager
def errors_of_restore() -> Iterator[None]:
    """Turns errors of this package into those that programs catch around `tf.compat.v1.train.Saver.restore`.

    Raises:
      CheckpointError: If the body raises one. The error is of a class of `tf.errors` too, where one corresponds.
    """
    try:
        yield
    except CheckpointError as error:
        program_error = _as_program_error(error)
        if program_error is error:
            raise
        raise program_error.with_traceback(error.__traceback__) from error.__cause__
