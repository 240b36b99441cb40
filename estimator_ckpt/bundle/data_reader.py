"""Reads the bytes and the values of tensors from the data files of a checkpoint."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from estimator_ckpt.bundle import checksums, dtypes, tensors
from estimator_ckpt.bundle.checked_reading import read_checked
from estimator_ckpt.bundle.entries import Entry, decode_key
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import data_path

# Tensors of at least this many bytes are read straight into their array; smaller ones are copied once more.
_LARGE = 64 * 1024


class DataReader:
    """The data files of one checkpoint. Keys are stored keys, and name the tensor in errors."""

    def __init__(self, prefix: str, num_shards: int, big_endian: bool):
        """Opens no file yet.

        Args:
          prefix: The prefix of the checkpoint.
          num_shards: The number of data files.
          big_endian: Whether the checkpoint was written on a big-endian machine.
        """
        self._prefix, self._files = prefix, files_for(prefix)
        self._num_shards, self._big_endian = num_shards, big_endian

    def path(self, shard: int) -> str:
        """Returns the path of a data file."""
        return data_path(self._prefix, shard, self._num_shards)

    def size(self, shard: int, key: bytes) -> int:
        """Returns the size of a data file, in bytes.

        Args:
          shard: The number of the file.
          key: The key of a tensor that it holds.

        Raises:
          CheckpointNotFoundError: If the file is missing.
        """
        with self._reading(shard, key):
            return self._files.size(self.path(shard))

    def numpy_dtype(self, key: bytes, entry: Entry) -> np.dtype:
        """Returns the NumPy type of a tensor.

        Args:
          key: The key of the tensor.
          entry: Its entry.

        Raises:
          dtypes.UnsupportedDtypeError: If NumPy has no such type.
        """
        if entry.dtype == dtypes.STRING:
            return np.dtype(object)
        try:
            return dtypes.to_numpy(entry.dtype)
        except dtypes.UnsupportedDtypeError as error:
            raise dtypes.UnsupportedDtypeError(
                f'{self._prefix}: the tensor {decode_key(key)!r} cannot be read: {error}; its bytes can be copied.'
            ) from error

    def tensor(self, key: bytes, entry: Entry, verify: bool) -> np.ndarray:
        """Reads the value of a tensor that is stored whole.

        Args:
          key: The key of the tensor.
          entry: Its entry.
          verify: Whether to check the checksum.

        Raises:
          CheckpointNotFoundError: If the data file is missing.
          CorruptCheckpointError: If the data file is too short, or if the checksum does not match.
          dtypes.UnsupportedDtypeError: If NumPy has no such type.
        """
        numpy_dtype = self.numpy_dtype(key, entry)
        if entry.size >= _LARGE and numpy_dtype.kind != 'O' and not self._big_endian:
            return self.numbers(key, entry, numpy_dtype, verify)
        data = self.read_bytes(entry, key)
        try:
            if verify and tensors.checksum(data, entry.dtype, entry.shape, self._big_endian) != entry.crc32c:
                raise ValueError('its checksum does not match')
            return tensors.decode(data, entry.dtype, entry.shape, self._big_endian)
        except ValueError as error:
            raise self._damaged(key, entry, error) from error

    def numbers(self, key: bytes, entry: Entry, numpy_dtype: np.dtype, verify: bool = False) -> np.ndarray:
        """Reads numbers of a little-endian machine straight into their array.

        Args:
          key: The key of the tensor.
          entry: Its entry, or one with the offset, size and shape of some of its rows.
          numpy_dtype: Its type.
          verify: Whether to check the checksum.

        Raises:
          CheckpointNotFoundError: If the data file is missing.
          CorruptCheckpointError: If the data file is too short, or if the checksum does not match.
        """
        self.check_is_in_file(entry, key)
        array = tensors.empty(entry.shape, numpy_dtype)
        buffer = array.reshape(-1).view(np.uint8)
        path, crc = self.path(entry.shard), None
        with self._reading(entry.shard, key):
            if verify:
                count, crc = read_checked(self._files, path, entry.offset, buffer)
            else:
                count = self._files.read_into(path, entry.offset, buffer.data)
        if count != entry.size:
            raise self._damaged(key, entry, f'{count} bytes of {entry.size} could be read')
        if crc is not None and checksums.mask(crc) != entry.crc32c:
            raise self._damaged(key, entry, 'its checksum does not match')
        return array

    def read_bytes(self, entry: Entry, key: bytes = b'') -> bytes:
        """Reads the stored bytes of a tensor.

        Args:
          entry: The entry of the tensor, without slices.
          key: The key of the tensor.

        Raises:
          CheckpointNotFoundError: If the data file is missing.
          CorruptCheckpointError: If the data file is too short.
        """
        self.check_is_in_file(entry, key)
        with self._reading(entry.shard, key):
            return self._files.read(self.path(entry.shard), entry.offset, entry.size)

    def check_is_in_file(self, entry: Entry, key: bytes) -> None:
        """Checks that the bytes of a tensor lie within its data file.

        Args:
          entry: The entry of the tensor, without slices.
          key: The key of the tensor.

        Raises:
          CheckpointNotFoundError: If the data file is missing.
          CorruptCheckpointError: If the data file is too short.
        """
        if self.size(entry.shard, key) < entry.offset + entry.size:
            raise CorruptCheckpointError(
                f'{self.path(entry.shard)} is cut off before the end of {decode_key(key)!r}; restore the file from a '
                'copy, or use another checkpoint.'
            )

    def _damaged(self, key: bytes, entry: Entry, fault: Any) -> CorruptCheckpointError:
        return CorruptCheckpointError(
            f'{self.path(entry.shard)}: the tensor {decode_key(key)!r} is damaged: {fault}; restore the file from a '
            'copy, or use another checkpoint.'
        )

    @contextlib.contextmanager
    def _reading(self, shard: int, key: bytes) -> Iterator[None]:
        """Says which file is missing, as one may be deleted at any moment."""
        try:
            yield
        except FileNotFoundError as error:
            raise CheckpointNotFoundError(
                f'The data file {self.path(shard)}, which holds {decode_key(key)!r}, is missing; copy it there, or use '
                'another checkpoint.'
            ) from error
