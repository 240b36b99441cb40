"""The errors of this package as programs catch them around `restore`: as those of `tf.errors` too."""

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.mapping.report import MappingError, MappingReport


class _OpError(tf.errors.OpError):
    """An error that no op has raised. What `tf.errors` take as arguments differs from what ours do."""

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
    """A checkpoint that is gone."""

    _CODE = tf.errors.NOT_FOUND


class _DataLoss(_OpError, CorruptCheckpointError, tf.errors.DataLossError):
    """A checkpoint that is damaged."""

    _CODE = tf.errors.DATA_LOSS


class _Missing(_OpError, MappingError, tf.errors.NotFoundError):
    """Variables that are not in a checkpoint."""

    _CODE = tf.errors.NOT_FOUND


class _Mismatch(_OpError, MappingError, tf.errors.InvalidArgumentError):
    """Variables that have another shape or data type in a checkpoint."""

    _CODE = tf.errors.INVALID_ARGUMENT


class _MissingAndMismatch(_OpError, MappingError, tf.errors.NotFoundError, tf.errors.InvalidArgumentError):
    """Variables of both kinds."""

    _CODE = tf.errors.NOT_FOUND


def _as_program_error(error: CheckpointError) -> CheckpointError:
    """Returns the error that is also the one of `tf.errors` that `tf.compat.v1.train.Saver` would raise."""
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
    """Raises this package's errors as those that programs catch around `tf.compat.v1.train.Saver.restore`."""
    try:
        yield
    except CheckpointError as error:
        program_error = _as_program_error(error)
        if program_error is error:
            raise
        raise program_error.with_traceback(error.__traceback__) from error.__cause__
