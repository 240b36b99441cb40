"""Reads byte ranges of files and computes their CRC32C, on the cores that there are."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from estimator_ckpt.bundle import checksums, parallel
from estimator_ckpt.bundle.files import Files

# The number of bytes that a thread reads at a time. They stay in the cache of the processor for their checksum.
_PART = 4 * 1024 * 1024
# Ranges that are farther apart than this number of bytes are not read together.
_GAP = 64 * 1024


class Range(NamedTuple):
    """A byte range of a file.

    Attributes:
      path: The file.
      offset: The offset of the first byte.
      size: The number of bytes.
    """

    path: str
    offset: int
    size: int


class _Part(NamedTuple):
    """What is read at a time: ranges, of which the first may have begun before, and the last may not be complete.

    Attributes:
      path: The file.
      start: The offset of the first byte.
      pieces: For each range the offset of its first byte in the part, its size in the part, and whether it is complete.
    """

    path: str
    start: int
    pieces: list[tuple[int, int, bool]]

    @property
    def size(self) -> int:
        """The number of bytes up to the end of the range that ends last."""
        return max(offset + size for offset, size, _ in self.pieces)


def range_checksums(
    files: Files, ranges: Iterable[Range], progress: Callable[[int], object] = lambda count: None
) -> Iterator[int]:
    """Computes the checksums of byte ranges. Neighbors are read together.

    Args:
      files: The operations of the files' file system.
      ranges: The ranges, in the order of their places.
      progress: Called with the number of bytes of each piece after it was read.

    Yields:
      The unmasked CRC32C of each range; of fewer bytes if the file ends before.
    """
    buffers = parallel.Buffers()

    def check(part: _Part) -> list[tuple[int, int, bool]]:
        """Returns for each piece its checksum, how many of its bytes were read, and whether its range is complete."""
        with buffers.of(part.size) as buffer:
            count = files.read_into(part.path, part.start, buffer.data) if len(buffer) else 0
            buffer.flags.writeable = False
            pieces = ((buffer[start : min(start + size, count)], done) for start, size, done in part.pieces)
            return [(checksums.crc32c(piece), len(piece), done) for piece, done in pieces]

    crc = 0
    for checked in parallel.in_order(check, _parts(ranges), lambda part: part.size):
        for piece_crc, count, complete in checked:
            crc = checksums.combine(crc, piece_crc, count)
            progress(count)
            if complete:
                yield crc
                crc = 0


def _parts(ranges: Iterable[Range]) -> Iterator[_Part]:
    """Groups ranges that fit into one part, and cuts those that do not fit into any."""
    part, end = _Part('', 0, []), 0
    for path, offset, size in ranges:
        within = part.start <= offset <= offset + size <= part.start + _PART
        fits = path == part.path and within and offset <= end + _GAP
        if part.pieces and not fits:
            yield part
        if not part.pieces or not fits:
            part = _Part(path, offset, [])
        while size > _PART:
            yield _Part(path, offset, [(0, _PART, False)])
            part, offset, size = _Part(path, offset + _PART, []), offset + _PART, size - _PART
        part.pieces.append((offset - part.start, size, True))
        end = max(end, offset + size)
    if part.pieces:
        yield part


def read_checked(files: Files, path: str, offset: int, buffer: np.ndarray) -> tuple[int, int]:
    """Fills memory with a byte range of a file, and computes its checksum.

    Args:
      files: The operations of the file's file system.
      path: The file.
      offset: The offset of the first byte.
      buffer: Writable memory, an array of as many bytes as are to be read.

    Returns:
      The number of bytes read, less than the size of `buffer` if the file ends before; and their unmasked CRC32C.
    """

    def read(start: int) -> tuple[int, int]:
        part = buffer[start : start + _PART]
        count = files.read_into(path, offset + start, part.data)
        part.flags.writeable = False
        return count, checksums.crc32c(part[:count])

    starts = range(0, len(buffer), _PART)
    results = map(read, starts) if len(starts) < 2 else parallel.in_order(read, starts, lambda start: _PART)
    crc = done = 0
    for count, part_crc in results:
        crc = checksums.combine(crc, part_crc, count)
        done += count
    return done, crc
