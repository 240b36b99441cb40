"""Starts to write files to the disk while they are still growing, so that little is left to wait for at the end."""

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator

# Seconds between two looks at the directory.
_INTERVAL = 0.02
# `sync_file_range` starts the writing of pages that are not written yet, and does not wait (Linux).
_START = 2


def _sync_file_range() -> Callable[..., int] | None:
    """Returns the function of the C library; None if it has none."""
    try:
        function = ctypes.CDLL(None, use_errno=True).sync_file_range
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    started: Callable[..., int] = function
    return started


_START_WRITING = _sync_file_range()


@contextlib.contextmanager
def writing_back(prefix: str) -> Iterator[None]:
    """Writes what is added to some local files to the disk, in a thread and without waiting.

    Errors are left to the call that waits for the files at the end.

    Args:
      prefix: What the paths of the files begin with.
    """
    if _START_WRITING is None:
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_write_back, args=(prefix, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _write_back(prefix: str, done: threading.Event) -> None:
    directory, start = os.path.split(prefix)
    while not done.wait(_INTERVAL):
        with contextlib.suppress(OSError):
            for name in os.listdir(directory or '.'):
                if name.startswith(start):
                    with contextlib.suppress(OSError):
                        _start_writing(os.path.join(directory, name))


def _start_writing(path: str) -> None:
    assert _START_WRITING is not None  # `writing_back` has checked it.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _START_WRITING(descriptor, 0, 0, _START)
    finally:
        os.close(descriptor)
