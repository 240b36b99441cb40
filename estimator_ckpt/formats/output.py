"""What writers of files of arrays have in common: the arrays to write, and a file that appears whole or not at all."""

import contextlib
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import chunks, files_for


class OutputTensor(NamedTuple):
    """A tensor to be written.

    Attributes:
      name: The name in the file.
      dtype: TensorFlow's data type number.
      shape: The shape.
      compute: The function that returns the value. It is called once, so that one tensor at a time is in memory.
    """

    name: str
    dtype: int
    shape: tuple[int, ...]
    compute: Callable[[], np.ndarray]

    def value(self) -> np.ndarray:
        """Returns the value, contiguous and with the shape and type that were announced.

        Raises:
          CheckpointError: If the value has another shape or type.
        """
        value = np.asarray(self.compute())
        if value.shape != self.shape or dtypes.from_numpy(value.dtype) != self.dtype:
            raise CheckpointError(
                f'{self.name!r} is {value.dtype} {list(value.shape)} instead of {dtypes.name(self.dtype)} '
                f'{list(self.shape)}; restore its file from a copy.'
            )
        return np.ascontiguousarray(value).reshape(self.shape)


@contextlib.contextmanager
def replacing(destination: str, durable: bool = True, overwrite: bool = True) -> Iterator[str]:
    """Yields the path of a local file that becomes `destination` at the end, unless an error is raised.

    Args:
      destination: The path of the new file, local or remote. Until the end, a file that is there stays as it is.
      durable: Whether the new file survives a power cut at the end.
      overwrite: Whether a local file that is there at the end is replaced.

    Raises:
      CheckpointError: If there is such a file, and it is not to be replaced.
    """
    files = files_for(destination)
    directory, base = os.path.split(destination)
    if directory:
        files.make_dirs(directory)
    is_remote = '://' in destination
    with tempfile.TemporaryDirectory() if is_remote else contextlib.nullcontext(directory) as folder:
        local = os.path.join(folder, f'{base}.tmp-{uuid.uuid4().hex[:12]}')
        local_files = files_for(local)
        try:
            yield local
            if not is_remote:
                if durable:
                    local_files.sync(local)
                if overwrite:
                    local_files.rename(local, destination)
                else:
                    _rename_to_new(local, destination)
                if durable:
                    local_files.sync(directory)
                return
            beside = os.path.join(directory, os.path.basename(local))
            try:
                size = local_files.size(local)
                files.write_pieces(beside, chunks(local_files, local, 0, size))
                files.rename(beside, destination)
            finally:
                files.discard(beside)
        finally:
            local_files.discard(local)


def _rename_to_new(path: str, destination: str) -> None:
    """Renames a local file unless another process has written the destination meanwhile."""
    try:
        os.link(path, destination)
    except FileExistsError as error:
        raise CheckpointError(
            f'Another process has written {destination} meanwhile, and what it wrote was kept; choose another '
            'destination, or overwrite it.'
        ) from error
    except OSError:
        os.rename(path, destination)  # There are file systems without links.
    else:
        os.remove(path)
