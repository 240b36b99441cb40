"""Access to parts of a local or remote file: as a file object for libraries, and as arrays of a byte range."""

import errno
import io
import math
from typing import Any

import numpy as np

from estimator_ckpt.bundle import tensors
from estimator_ckpt.bundle.files import Files


class RandomAccess(io.RawIOBase):
    """A local or remote file, or a part of one, as a library reads it. Buffers are left to `io.BufferedReader`."""

    def __init__(self, path: str, files: Files, size: int, start: int = 0):
        """Creates a file object at the beginning of a file or of a part.

        Args:
          path: The path of the file.
          files: The operations of its file system.
          size: The size of the file or part in bytes.
          start: The offset of the part in the file.
        """
        super().__init__()
        self._path, self._files, self._size, self._start, self._position = path, files, size, start, 0

    def readable(self) -> bool:
        """Returns True."""
        return True

    def seekable(self) -> bool:
        """Returns True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a position, which may be beyond the end.

        Args:
          offset: The offset in bytes.
          whence: What the offset counts from, as `io.IOBase.seek` takes it.

        Raises:
          OSError: If the position is before the beginning of the file, as other file objects raise it.
        """
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, f'the position {start + offset} is before the beginning of the file')
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Reads bytes into a buffer, and returns their number; 0 at the end."""
        count = max(0, min(len(buffer), self._size - self._position))
        data = self._files.read(self._path, self._start + self._position, count)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def read_array(files: Files, path: str, offset: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Reads an array whose values are a byte range of a file in C order.

    Memory is allocated only if the file is long enough.

    Args:
      files: The operations of the file's file system.
      path: The path of the file.
      offset: The offset of the first byte.
      shape: The shape of the array.
      dtype: The type of the array, in native or little-endian byte order.

    Returns:
      A writable array.

    Raises:
      FileNotFoundError: If the file is missing.
      ValueError: If the file is too short, or NumPy has no arrays of this shape. The message is a clause.
    """
    if not files.exists(path):
        raise FileNotFoundError(path)
    size = math.prod(shape) * dtype.itemsize
    available = files.size(path)
    if available < offset + size:
        raise ValueError(f'the file has {available} bytes, and its values end at byte {offset + size}')
    array = tensors.empty(shape, dtype)
    count = files.read_into(path, offset, byte_view(array).data)
    if count != size:
        raise ValueError(f'{count} bytes of {size} could be read')
    return array


def byte_view(array: np.ndarray) -> np.ndarray:
    """Returns the bytes of a contiguous array, without a copy."""
    return array.reshape(-1).view(np.uint8)


def check_booleans(array: np.ndarray) -> np.ndarray:
    """Returns an array, after a check that those of booleans consist of bytes 0 and 1.

    Raises:
      ValueError: If there is another byte.
    """
    if array.dtype.kind == 'b' and array.size and byte_view(array).max() > 1:
        raise ValueError('one of its values is not a boolean')
    return array
