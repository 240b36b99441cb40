"""The errors of this package as those of `tf.errors` too, for programs that catch these around a saver's methods."""

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.paths import checkpoint_exists
from estimator_ckpt.common import formatting
from estimator_ckpt.mapping.report import MappingError, MappingReport
from estimator_ckpt.program.log import logger


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


class SaveError(_OpError, CheckpointError, OSError):
    """A checkpoint could not be written, because of the disk. It is an `OSError` with its number and file too."""

    def __init__(self, message: str, number: int, filename: str | None = None):
        """Creates an error.

        Args:
          message: The sentence for people.
          number: The number of the error, as `errno` has it.
          filename: The file; None if it is not known.
        """
        super().__init__(message)
        self.errno, self.strerror, self.filename = number, os.strerror(number), filename

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.errno, self.filename)


class _NoRoom(SaveError, tf.errors.ResourceExhaustedError):
    """There is no room on the disk, or for open files."""

    _CODE = tf.errors.RESOURCE_EXHAUSTED


class _Denied(SaveError, tf.errors.PermissionDeniedError, PermissionError):
    """Writing is not permitted."""

    _CODE = tf.errors.PERMISSION_DENIED


class _Gone(SaveError, tf.errors.NotFoundError, FileNotFoundError):
    """A file or directory has vanished."""

    _CODE = tf.errors.NOT_FOUND


class _NoDirectory(SaveError, tf.errors.FailedPreconditionError):
    """There is a file where a directory is needed, or a directory where a file is."""

    _CODE = tf.errors.FAILED_PRECONDITION


class _DiskFailed(SaveError, tf.errors.UnknownError):
    """The disk has failed in another way.

    Files that are too large belong here too: TensorFlow raises an `OutOfRangeError` for them, which MonitoredSession
    takes for the regular end of the input.
    """


# The classes and the remedies of the errors of a disk, by their numbers.
_DISK_ERRORS: dict[int, tuple[type[SaveError], str]] = {
    errno.ENOSPC: (_NoRoom, 'make room, or save elsewhere'),
    errno.EDQUOT: (_NoRoom, 'make room, or save elsewhere'),
    errno.EMFILE: (_NoRoom, 'raise the limit of open files (ulimit -n)'),
    errno.ENFILE: (_NoRoom, 'close other programs, which have too many files open'),
    errno.EFBIG: (_DiskFailed, 'raise the limit of file sizes (ulimit -f), or save elsewhere'),
    errno.EACCES: (_Denied, 'check the permissions of the directory'),
    errno.EPERM: (_Denied, 'check the permissions of the directory'),
    errno.EROFS: (_Denied, 'check how the file system is mounted'),
    errno.ENOENT: (_Gone, 'check whether another program removes files there'),
    errno.ESTALE: (_DiskFailed, 'check the file server'),
    errno.ENOTDIR: (_NoDirectory, 'check the path'),
    errno.EISDIR: (_NoDirectory, 'check the path'),
    errno.EIO: (_DiskFailed, 'check the disk'),
}
_NEEDS_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What TensorFlow says of the errors of local files: the path, and what the C library calls the error.
_NAMED_ERROR = re.compile(
    r'(\S+); (' + '|'.join(re.escape(os.strerror(number)) for number in _DISK_ERRORS) + r')(?![\w])'
)
# After these MonitoredSession creates the session anew, or the session was closed.
_NOT_OF_DISKS = (tf.errors.AbortedError, tf.errors.UnavailableError, tf.errors.CancelledError)


def _disk_error(error: Exception) -> tuple[int, str | None] | None:
    """Returns the number and the file of an error of a disk; None for another error."""
    if isinstance(error, OSError):
        return (error.errno, error.filename) if error.errno in _DISK_ERRORS else None
    if isinstance(error, tf.errors.OpError) and not isinstance(error, _NOT_OF_DISKS):
        named = _NAMED_ERROR.search(error.message)
        if named:
            return next(number for number in _DISK_ERRORS if os.strerror(number) == named[2]), named[1]
    return None


def reason_of(error: Exception) -> str:
    """Returns the reason of an error, in a line and without a full stop.

    Args:
      error: An error. Those of a disk may name a temporary file, or come with the stack of an op; this is left out.
    """
    found = None if isinstance(error, CheckpointError) else _disk_error(error)
    reason = str(error) if found is None else os.strerror(found[0])
    return ' '.join(reason.split()).rstrip('.')


@contextlib.contextmanager
def errors_of_save(
    path: str, last_checkpoint: Callable[[], str | None], needed: Callable[[], int] = lambda: 0
) -> Iterator[None]:
    """Says in a sentence which checkpoint could not be saved, and which one is left, if the disk fails.

    Args:
      path: The checkpoint, or another file that is saved with it.
      last_checkpoint: Returns the checkpoint that was saved last; None if there is none.
      needed: Returns the least number of bytes that must be written; 0 if it is not known.

    The sentence is logged too: in a traceback it comes last, after TensorFlow's stack of some forty lines.

    Raises:
      SaveError: If the body raises an error of the disk. It is an `OSError`, and an error of `tf.errors`.
    """
    try:
        yield
    except CheckpointError:
        raise
    except (OSError, tf.errors.OpError) as error:
        found = _disk_error(error)
        if found is None:
            raise
        number, file = found
        kind, remedy = _DISK_ERRORS[number]
        room = _room(path, number, needed()) if number in _NEEDS_ROOM else ''
        last = last_checkpoint()
        left = 'no checkpoint was saved before'
        if last is not None and checkpoint_exists(last):
            left = f'the last checkpoint, {last}, is intact'
        message = f'{path} could not be saved: {os.strerror(number)}{room}; {left}; {remedy}.'
        logger().error('%s', message)
        raise kind(message, number, file) from error


def _room(path: str, number: int, needed: int) -> str:
    """Returns how many bytes are needed, and how many are free, as far as this is known."""
    if not needed:
        return ''
    text = f', and it needs at least {formatting.size(needed)}'
    if number == errno.ENOSPC and '://' not in path:
        with contextlib.suppress(OSError):
            text += (
                f', while {formatting.size(shutil.disk_usage(os.path.dirname(path) or ".").free)} are free'
            )
    return text
