"""The file operations that checkpoints need, on local paths and on TensorFlow's file systems.

Local paths use the standard library. A path with a scheme (`gs://`, `s3://`, `hdfs://`, `ram://`, ...) goes through
`tf.io.gfile`, which is imported only then.
"""

import abc
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

Progress = Callable[[int], object] | None
_CHUNK = 16 * 1024 * 1024
_READ_AHEAD = 1024 * 1024


class Files(abc.ABC):
    """The file operations of one kind of file system. Offsets and sizes are in bytes."""

    @abc.abstractmethod
    def exists(self, path: str) -> bool:
        """Returns True if there is a file or directory at `path`."""

    @abc.abstractmethod
    def is_dir(self, path: str) -> bool:
        """Returns True if `path` is a directory."""

    @abc.abstractmethod
    def size(self, path: str) -> int:
        """Returns the size of a file."""

    @abc.abstractmethod
    def mtime(self, path: str) -> float:
        """Returns the time of the last modification of a file, in seconds since the epoch."""

    @abc.abstractmethod
    def list_dir(self, path: str) -> list[str]:
        """Returns the sorted base names of what is in a directory."""

    @abc.abstractmethod
    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        """Reads a byte range of a file.

        Args:
          path: The file.
          offset: The offset of the first byte.
          size: The number of bytes; None for all up to the end of the file.

        Returns:
          The bytes; fewer than `size` if the file ends before.
        """

    @abc.abstractmethod
    def read_into(self, path: str, offset: int, buffer: memoryview) -> int:
        """Fills a buffer with a byte range of a file.

        Args:
          path: The file.
          offset: The offset of the first byte.
          buffer: Writable memory of as many bytes as are to be read.

        Returns:
          The number of bytes read; less than the size of `buffer` if the file ends before.
        """

    @abc.abstractmethod
    def write(self, path: str, data: bytes) -> None:
        """Creates or replaces a file.

        Args:
          path: The file.
          data: Its contents.
        """

    @abc.abstractmethod
    def write_pieces(self, path: str, pieces: Iterable[bytes], progress: Progress = None) -> None:
        """Creates or replaces a file, piece by piece.

        Args:
          path: The file.
          pieces: Its contents, in consecutive pieces.
          progress: Called with the number of bytes of each piece after it was written.
        """

    @abc.abstractmethod
    def rename(self, source: str, destination: str) -> None:
        """Renames a file, replacing another one.

        Args:
          source: The file.
          destination: Its new path, on the same file system.
        """

    @abc.abstractmethod
    def remove(self, path: str) -> None:
        """Removes a file."""

    @abc.abstractmethod
    def remove_dir(self, path: str) -> None:
        """Removes an empty directory."""

    @abc.abstractmethod
    def make_dirs(self, path: str) -> None:
        """Creates a directory and its parents, as far as they do not exist."""

    @abc.abstractmethod
    def link(self, source: str, destination: str) -> None:
        """Makes `destination` a hard link to a file, or a copy on file systems without hard links.

        Args:
          source: The file.
          destination: Its further path, which must not exist.
        """

    @abc.abstractmethod
    def copy(self, source: str, destination: str, progress: Progress = None) -> None:
        """Copies a file, replacing another one.

        Args:
          source: The file.
          destination: The path of the copy.
          progress: Called with the number of bytes of each piece after it was copied.
        """


class LocalFiles(Files):
    """Files of this machine."""

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def is_dir(self, path: str) -> bool:
        return os.path.isdir(path)

    def size(self, path: str) -> int:
        return os.path.getsize(path)

    def mtime(self, path: str) -> float:
        return os.path.getmtime(path)

    def list_dir(self, path: str) -> list[str]:
        return sorted(os.listdir(path or '.'))

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        with open(path, 'rb') as file:
            file.seek(offset)
            return file.read() if size is None else file.read(size)

    def read_into(self, path: str, offset: int, buffer: memoryview) -> int:
        with open(path, 'rb', buffering=0) as file:
            file.seek(offset)
            done = 0
            while done < len(buffer) and (count := file.readinto(buffer[done:])):
                done += count
            return done

    def write(self, path: str, data: bytes) -> None:
        with open(path, 'wb') as file:
            file.write(data)

    def write_pieces(self, path: str, pieces: Iterable[bytes], progress: Progress = None) -> None:
        with open(path, 'wb') as file:
            _write_pieces(file, pieces, progress)

    def rename(self, source: str, destination: str) -> None:
        os.replace(source, destination)

    def remove(self, path: str) -> None:
        os.remove(path)

    def remove_dir(self, path: str) -> None:
        os.rmdir(path)

    def make_dirs(self, path: str) -> None:
        os.makedirs(path or '.', exist_ok=True)

    def link(self, source: str, destination: str) -> None:
        try:
            os.link(os.path.realpath(source), destination)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EACCES):
                raise
            self.copy(source, destination)

    def copy(self, source: str, destination: str, progress: Progress = None) -> None:
        if progress is None:
            shutil.copyfile(source, destination)
            return
        with open(source, 'rb') as reader, open(destination, 'wb') as writer:
            while chunk := reader.read(_CHUNK):
                writer.write(chunk)
                progress(len(chunk))


class RemoteFiles(Files):
    """Files of TensorFlow's file systems."""

    def __init__(self) -> None:
        import tensorflow as tf

        self._gfile = tf.io.gfile
        self._error = tf.errors.OpError

    def exists(self, path: str) -> bool:
        return self._gfile.exists(path)

    def is_dir(self, path: str) -> bool:
        return self._gfile.isdir(path)

    def size(self, path: str) -> int:
        return self._gfile.stat(path).length

    def mtime(self, path: str) -> float:
        return self._gfile.stat(path).mtime_nsec / 1e9

    def list_dir(self, path: str) -> list[str]:
        return sorted(name.rstrip('/') for name in self._gfile.listdir(path))

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        with self._gfile.GFile(path, 'rb') as file:
            file.seek(offset)
            return file.read() if size is None else file.read(size)

    def read_into(self, path: str, offset: int, buffer: memoryview) -> int:
        data = self.read(path, offset, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, path: str, data: bytes) -> None:
        with self._gfile.GFile(path, 'wb') as file:
            file.write(data)

    def write_pieces(self, path: str, pieces: Iterable[bytes], progress: Progress = None) -> None:
        with self._gfile.GFile(path, 'wb') as file:
            file.write(b'')  # Creates the file even if there are no pieces.
            _write_pieces(file, pieces, progress)

    def rename(self, source: str, destination: str) -> None:
        self._gfile.rename(source, destination, overwrite=True)

    def remove(self, path: str) -> None:
        self._gfile.remove(path)

    def remove_dir(self, path: str) -> None:
        self._gfile.rmtree(path)

    def make_dirs(self, path: str) -> None:
        self._gfile.makedirs(path)

    def link(self, source: str, destination: str) -> None:
        # Object stores have no links, but copy on the server.
        self.copy(source, destination)

    def copy(self, source: str, destination: str, progress: Progress = None) -> None:
        self._gfile.copy(source, destination, overwrite=True)
        if progress is not None:
            progress(self.size(destination))


_local = LocalFiles()


def files_for(path: str) -> Files:
    """Returns the file operations for `path`."""
    return RemoteFiles() if '://' in path else _local


def _write_pieces(file: BinaryIO, pieces: Iterable[bytes], progress: Progress) -> None:
    for piece in pieces:
        file.write(piece)
        if progress is not None:
            progress(len(piece))


def chunks(files: Files, path: str, offset: int, size: int) -> Iterator[bytes]:
    """Reads a byte range of a file piece by piece.

    Args:
      files: The operations of the file's file system.
      path: The file.
      offset: The offset of the first byte.
      size: The number of bytes.

    Yields:
      Consecutive pieces of at most 16 MiB; fewer bytes in all if the file ends before.
    """
    while size > 0:
        data = files.read(path, offset, min(size, _CHUNK))
        if not data:
            return
        yield data
        offset += len(data)
        size -= len(data)


class ReadAhead:
    """Reads small byte ranges in ascending order, neighbors together, to save opening the file for each."""

    def __init__(self, files: Files):
        self._files = files
        self._path, self._start, self._data = '', 0, b''

    def read(self, path: str, offset: int, size: int) -> bytes:
        """Returns the bytes of a range that lies within the file.

        Args:
          path: The file.
          offset: The offset of the first byte.
          size: The number of bytes.
        """
        start = offset - self._start
        if path != self._path or start < 0 or start + size > len(self._data):
            ahead = min(max(size, _READ_AHEAD), self._files.size(path) - offset)
            self._path, self._start, start = path, offset, 0
            self._data = self._files.read(path, offset, ahead)
        return self._data[start : start + size]
