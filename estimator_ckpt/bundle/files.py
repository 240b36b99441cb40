"""The few file operations a checkpoint needs, on local paths and on TensorFlow's file systems.

Local paths use the standard library. A path with a scheme (`gs://`, `s3://`, `hdfs://`, `ram://`, ...) goes through
`tf.io.gfile`, which is imported only then.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

Progress = Callable[[int], object] | None
_CHUNK = 16 * 1024 * 1024
_READ_AHEAD = 1024 * 1024


class LocalFiles:
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
        """Makes `destination` another name of `source`; where the file system cannot, a copy."""
        try:
            os.link(os.path.realpath(source), destination)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EACCES):
                raise
            self.copy(source, destination)

    def copy(self, source: str, destination: str, progress: Progress = None) -> None:
        """Copies a file; `progress` is told the number of bytes behind each piece."""
        if progress is None:
            shutil.copyfile(source, destination)
            return
        with open(source, 'rb') as reader, open(destination, 'wb') as writer:
            while chunk := reader.read(_CHUNK):
                writer.write(chunk)
                progress(len(chunk))


class RemoteFiles:
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
            file.write(b'')  # Opens it, where there is nothing to write too.
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
        """Copies: object stores have no links, but copy on their own side."""
        self.copy(source, destination)

    def copy(self, source: str, destination: str, progress: Progress = None) -> None:
        self._gfile.copy(source, destination, overwrite=True)
        if progress is not None:
            progress(self.size(destination))


Files = LocalFiles | RemoteFiles
_local = LocalFiles()


def files_for(path: str) -> Files:
    """The file operations for `path`."""
    return RemoteFiles() if '://' in path else _local


def _write_pieces(file: BinaryIO, pieces: Iterable[bytes], progress: Progress) -> None:
    for piece in pieces:
        file.write(piece)
        if progress is not None:
            progress(len(piece))


def chunks(files: Files, path: str, offset: int, size: int) -> Iterator[bytes]:
    """Reads a byte range piece by piece."""
    while size > 0:
        data = files.read(path, offset, min(size, _CHUNK))
        if not data:
            return
        yield data
        offset += len(data)
        size -= len(data)


class ReadAhead:
    """Reads small byte ranges in ascending order, neighbours together: opening a file for each takes longer."""

    def __init__(self, files: Files):
        self._files = files
        self._path, self._start, self._data = '', 0, b''

    def read(self, path: str, offset: int, size: int) -> bytes:
        """The bytes of a range that lies within the file."""
        start = offset - self._start
        if path != self._path or start < 0 or start + size > len(self._data):
            ahead = min(max(size, _READ_AHEAD), self._files.size(path) - offset)
            self._path, self._start, start = path, offset, 0
            self._data = self._files.read(path, offset, ahead)
        return self._data[start : start + size]
