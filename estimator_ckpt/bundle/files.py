"""The file operations that checkpoints need, on local paths and on TensorFlow's file systems.

Local paths use the standard library. A path with a scheme (`gs://`, `s3://`, `hdfs://`, `ram://`, ...) goes through
`tf.io.gfile`, which is imported only then.
"""

import abc
import contextlib
import errno
import functools
import os
import shutil
from collections.abc import Callable, Iterable, Iterator

Progress = Callable[[int], object] | None
CHUNK_SIZE = 16 * 1024 * 1024


class Files(abc.ABC):
    """The file operations of one kind of file system. Offsets and sizes are in bytes.

    Attributes:
      is_object_store: Whether a file appears whole when it is closed, and a rename is a copy and a deletion.
    """

    is_object_store = False

    @abc.abstractmethod
    def read_if_there(self, path: str) -> bytes | None:
        """Returns the contents of a file; None if there is no such file."""

    @abc.abstractmethod
    def discard(self, path: str) -> None:
        """Removes a file if it exists."""

    @abc.abstractmethod
    def remove_tree(self, path: str) -> None:
        """Removes a directory with everything in it, if it exists."""

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
    def write_pieces(
        self, path: str, pieces: Iterable[bytes | memoryview], progress: Progress = None
    ) -> None:
        """Creates or replaces a file, piece by piece.

        Args:
          path: The file.
          pieces: Its contents, in consecutive pieces of bytes.
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

    def sync(self, path: str) -> None:
        """Waits until the contents of a file, or the names in a directory, survive a power cut.

        Does nothing on remote file systems, which answer for what they have taken.

        Args:
          path: The file or directory.
        """
        return

    def locked(self, directory: str) -> contextlib.AbstractContextManager[None]:
        """Returns a context that one process at a time can be in.

        It does not keep others out on remote file systems, and on local ones that have no locks.

        Args:
          directory: The directory whose files are renamed in the context.
        """
        return contextlib.nullcontext()

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

    def read_if_there(self, path: str) -> bytes | None:
        """Returns what a file holds, or None where there is no file."""
        try:
            return self.read(path)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def read_into(self, path: str, offset: int, buffer: memoryview) -> int:
        with open(path, 'rb', buffering=0) as file:
            file.seek(offset)
            done = 0
            while done < len(buffer) and (count := file.readinto(buffer[done:])):
                done += count
            return done

    def write(self, path: str, data: bytes) -> None:
        self.write_pieces(path, [data])

    def write_pieces(
        self, path: str, pieces: Iterable[bytes | memoryview], progress: Progress = None
    ) -> None:
        needed = 0
        with _naming(path, lambda: needed), open(path, 'wb') as file:
            for piece in pieces:
                needed += len(piece)
                file.write(piece)
                if progress is not None:
                    progress(len(piece))
                del piece  # It may be a view of a tensor, which would stay in memory with the next one.

    def rename(self, source: str, destination: str) -> None:
        os.replace(source, destination)

    def remove(self, path: str) -> None:
        os.remove(path)

    def discard(self, path: str) -> None:
        """Removes a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)

    def remove_tree(self, path: str) -> None:
        """Removes a directory with all that is in it, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)

    def sync(self, path: str) -> None:
        try:
            descriptor = os.open(path or '.', os.O_RDONLY)
        except PermissionError:
            return  # Windows opens no directories.
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some file systems cannot do this, such as those of FUSE.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EROFS):
                raise
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def locked(self, directory: str) -> Iterator[None]:
        # The directory itself is locked, so that no file is left behind, and a process that dies unlocks it.
        try:
            import fcntl

            descriptor = os.open(directory or '.', os.O_RDONLY)
        except (ImportError, PermissionError, FileNotFoundError):
            yield  # Windows, or there is nothing to lock.
            return
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def make_dirs(self, path: str) -> None:
        try:
            os.makedirs(path or '.', exist_ok=True)
        except FileExistsError as error:  # By a file.
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from error

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
        with _naming(destination, lambda: self.size(source)):
            if progress is None:
                shutil.copyfile(source, destination)
                return
            with open(source, 'rb') as reader, open(destination, 'wb') as writer:
                while chunk := reader.read(CHUNK_SIZE):
                    writer.write(chunk)
                    progress(len(chunk))


@contextlib.contextmanager
def _naming(path: str, needed: Callable[[], int]) -> Iterator[None]:
    """Names in an error for want of room, which names no file, the file and how many bytes it needs at least."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        message = (
            f'{error.strerror}: the file needs at least {needed():,} bytes; make room, or write elsewhere'
        )
        raise OSError(error.errno, message, path) from error


_local = LocalFiles()


def files_for(path: str) -> Files:
    """Returns the file operations for `path`.

    Raises:
      CheckpointError: If nothing that is installed provides the file system of its scheme.
    """
    scheme, separator, _ = path.partition('://')
    return _remote_files(scheme) if separator else _local


@functools.cache
def _remote_files(scheme: str) -> Files:
    from estimator_ckpt.bundle import remote_files

    return remote_files.for_scheme(scheme)


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
        data = files.read(path, offset, min(size, CHUNK_SIZE))
        if not data:
            return
        yield data
        offset += len(data)
        size -= len(data)
