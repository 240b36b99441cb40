"""The file operations on TensorFlow's file systems, and which of them are object stores."""

import contextlib
import errno
import importlib
from collections.abc import Iterable, Iterator

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import CHUNK_SIZE, Files, Progress, files_for

# The schemes whose file systems in TensorFlow and tensorflow-io put an object when its file is closed.
_OBJECT_STORES = frozenset({'az', 'gs', 'oss', 's3'})


class RemoteFiles(Files):
    """Files of TensorFlow's file systems."""

    def __init__(self) -> None:
        import tensorflow as tf

        self._gfile = tf.io.gfile
        self._not_found = tf.errors.NotFoundError
        self._beyond_end = tf.errors.OutOfRangeError
        self._no_file = (tf.errors.NotFoundError, tf.errors.FailedPreconditionError)

    def exists(self, path: str) -> bool:
        return self._gfile.exists(path)

    def is_dir(self, path: str) -> bool:
        return self._gfile.isdir(path)

    def size(self, path: str) -> int:
        try:
            length: int = self._gfile.stat(path).length
        except self._not_found as error:
            raise FileNotFoundError(errno.ENOENT, 'No such file', path) from error
        return length

    def mtime(self, path: str) -> float:
        return self._gfile.stat(path).mtime_nsec / 1e9

    def list_dir(self, path: str) -> list[str]:
        return sorted(name.rstrip('/') for name in self._gfile.listdir(path))

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        with self._gfile.GFile(path, 'rb') as file:
            try:
                file.seek(offset)
                if size is not None:
                    return file.read(size)
            except self._beyond_end:
                return b''
            # Without a number, it would ask for the size first: two requests more.
            pieces = [file.read(CHUNK_SIZE)]
            while len(pieces[-1]) == CHUNK_SIZE:
                pieces.append(file.read(CHUNK_SIZE))
            return b''.join(pieces)

    def read_if_there(self, path: str) -> bytes | None:
        """Returns what a file holds, or None where there is no file."""
        try:
            return self.read(path)
        except self._no_file:
            return None

    def read_into(self, path: str, offset: int, buffer: memoryview) -> int:
        data = self.read(path, offset, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, path: str, data: bytes) -> None:
        with self._gfile.GFile(path, 'wb') as file:
            file.write(data)

    def write_pieces(
        self, path: str, pieces: Iterable[bytes | memoryview], progress: Progress = None
    ) -> None:
        with self._gfile.GFile(path, 'wb') as file:
            file.write(b'')  # Opens it, where there is nothing to write too.
            for piece in pieces:
                file.write(bytes(piece))  # TensorFlow takes no views of memory.
                if progress is not None:
                    progress(len(piece))
                del piece  # It may be a view of a tensor, which would stay in memory with the next one.

    def rename(self, source: str, destination: str) -> None:
        self._gfile.rename(source, destination, overwrite=True)

    def remove(self, path: str) -> None:
        self._gfile.remove(path)

    def discard(self, path: str) -> None:
        """Removes a file, if it is there."""
        with contextlib.suppress(self._not_found):
            self._gfile.remove(path)

    def remove_tree(self, path: str) -> None:
        """Removes a directory with all that is in it, if it is there."""
        with contextlib.suppress(self._not_found):
            self._gfile.rmtree(path)

    def make_dirs(self, path: str) -> None:
        self._gfile.makedirs(path)

    def link(self, source: str, destination: str) -> None:
        # Object stores have no links, but copy on the server.
        self.copy(source, destination)

    def copy(self, source: str, destination: str, progress: Progress = None) -> None:
        """Copies a file.

        Args:
          source: The remote file.
          destination: The new file, which may be local.
          progress: A function that is called with the number of bytes of each piece that has been copied.
        """
        if '://' not in destination:
            # TensorFlow would read pieces of 128 KiB, each by requests of its own.
            files_for(destination).write_pieces(destination, self._pieces(source), progress)
            return
        self._gfile.copy(source, destination, overwrite=True)
        if progress is not None:
            progress(self.size(destination))

    def _pieces(self, path: str) -> Iterator[bytes]:
        with self._gfile.GFile(path, 'rb') as file:
            while piece := file.read(CHUNK_SIZE):
                yield piece
                if len(piece) < CHUNK_SIZE:
                    return


class ObjectStoreFiles(RemoteFiles):
    """Objects of a store, which TensorFlow's file systems show as files.

    An object appears whole when it has been written, and replaces the one before. A rename is a copy and a deletion. A
    directory is no more than a beginning that names share: it comes and goes with them.
    """

    is_object_store = True

    def list_dir(self, path: str) -> list[str]:
        try:
            return super().list_dir(path)
        except self._not_found:
            return []

    def make_dirs(self, path: str) -> None:
        """Does nothing."""

    def remove_tree(self, path: str) -> None:
        """Removes the objects of a directory that has no others below it, and the one that stands for itself."""
        for name in [*self.list_dir(path), '']:
            self.discard(f'{path}/{name}')


def for_scheme(scheme: str) -> RemoteFiles:
    """Returns the file operations for paths that begin with `scheme` and `://`.

    Raises:
      CheckpointError: If nothing that is installed provides the file system.
    """
    import tensorflow as tf

    if scheme not in tf.io.gfile.get_registered_schemes():
        try:
            importlib.import_module('tensorflow_io')  # Registers its file systems.
        except ImportError as error:
            raise CheckpointError(
                f'TensorFlow alone has no file system for {scheme}://; install the release of tensorflow-io that '
                f'matches TensorFlow {tf.__version__} ({error}).'
            ) from error
    return ObjectStoreFiles() if scheme in _OBJECT_STORES else RemoteFiles()
