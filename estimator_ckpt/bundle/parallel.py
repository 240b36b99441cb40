"""Runs a function on the cores that there are, and returns its results in order; and memory for it."""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np

_Item = TypeVar('_Item')
_Result = TypeVar('_Result')
# More do not read faster: two fill the bandwidth of a disk, and four that of most memories.
_MOST_THREADS = 4
# Items of about this many bytes are worked on in one go, because passing on a result takes as long as reading 1 MB.
_BATCH = 16 * 1024 * 1024
# What is worked on at the same time has at most this many bytes, unless one batch alone has more.
_MOST_BYTES = 128 * 1024 * 1024


def threads() -> int:
    """Returns how many threads work at the same time."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # Only some systems limit a process to some cores.
        cores = os.cpu_count() or 1
    return min(cores, _MOST_THREADS)


def in_order(
    function: Callable[[_Item], _Result], items: Iterable[_Item], size: Callable[[_Item], int]
) -> Iterator[_Result]:
    """Calls a function for each item in threads of their own, a few items ahead of what is taken.

    The threads end with the iteration: none is left in a process that forks. They help where the function releases
    the lock of the interpreter, as reading, copying arrays and checksums of large data do.

    Args:
      function: The function.
      items: Its arguments; they are taken in the caller's thread.
      size: Returns how many bytes an item stands for, in a file and in memory.

    Yields:
      The results, in the order of the items.

    Raises:
      Exception: What the function raises for an item, in place of its result or of an earlier one.
    """
    count = threads()
    if count == 1:
        yield from map(function, items)
        return
    from concurrent.futures import Future, ThreadPoolExecutor  # Few commands read large files.

    def work(batch: list[_Item]) -> list[_Result]:
        return list(map(function, batch))

    waiting: deque[tuple[int, Future[list[_Result]]]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for batch, batch_size in _batches(items, size):
                while len(waiting) > count or (
                    waiting and batch_size + sum(held for held, _ in waiting) > _MOST_BYTES
                ):
                    yield from waiting.popleft()[1].result()
                waiting.append((batch_size, pool.submit(work, batch)))
            while waiting:
                yield from waiting.popleft()[1].result()
        finally:
            for _, future in waiting:
                future.cancel()


def _batches(items: Iterable[_Item], size: Callable[[_Item], int]) -> Iterator[tuple[list[_Item], int]]:
    """Yields lists of consecutive items, and the number of bytes that they stand for."""
    batch: list[_Item] = []
    total = 0
    for item in items:
        batch.append(item)
        total += size(item)
        if total >= _BATCH:
            yield batch, total
            batch, total = [], 0
    if batch:
        yield batch, total


class Buffers:
    """Memory that is used again and again, by several threads: the system clears new memory, which takes long."""

    def __init__(self) -> None:
        self._free: list[np.ndarray] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def of(self, size: int) -> Iterator[np.ndarray]:
        """Lends memory until the context ends.

        Args:
          size: The number of bytes.

        Yields:
          An array of as many bytes.
        """
        with self._lock:
            fitting = [number for number, buffer in enumerate(self._free) if len(buffer) >= size]
            # One that is too small makes room for a larger one.
            buffer = self._free.pop(fitting[0] if fitting else 0) if self._free else np.empty(0, np.uint8)
        if len(buffer) < size:
            buffer = np.empty(size, np.uint8)
        try:
            yield buffer[:size]
        finally:
            with self._lock:
                self._free.append(buffer)
