"""The part that readers of files of whole arrays have in common, whatever library or format holds the arrays."""

import abc
import math
import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from estimator_ckpt.bundle import dtypes, tensors
from estimator_ckpt.bundle.entries import encode_key
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.slices import Slice
from estimator_ckpt.formats.source import UnsharedSource


class ArrayEntry(NamedTuple):
    """The entry of an array, without its value.

    Attributes:
      dtype: TensorFlow's data type number.
      shape: The shape.
      shard: The number of the file that holds the array.
      size: The number of bytes of the values; 0 for strings of unknown lengths.
      slices: Always empty, because arrays are stored whole.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int = 0
    size: int = 0
    slices: tuple[Slice, ...] = ()

    @classmethod
    def of(cls, dtype: int, shape: tuple[int, ...], shard: int = 0) -> 'ArrayEntry':
        """Returns the entry of an array whose size follows from its type and shape.

        Args:
          dtype: TensorFlow's data type number.
          shape: The shape.
          shard: The number of the file that holds the array.
        """
        return cls(dtype, shape, shard, (dtypes.size(dtype) or 0) * math.prod(shape))


class ArrayFile(UnsharedSource, abc.ABC):
    """A file, or several, of whole arrays; a `source.TensorSource`.

    A subclass reads the names, types and shapes when it is created, and an array when it is requested.

    Attributes:
      what: The kind of the file for messages, with its article.
      prefix: The path of the file.
      num_shards: The number of files.
      big_endian: False, because values do not depend on the machine that wrote them.
      holds_v2_data: False, because a V2 index cannot refer to the files.
      is_read_by_tensorflow: False, because only checkpoints are read by restore ops.
    """

    what = 'a file of arrays'
    big_endian = False
    holds_v2_data = False
    is_read_by_tensorflow = False

    def __init__(self, path: str | os.PathLike):
        """Creates a reader without arrays.

        Args:
          path: The path of the file.

        Raises:
          CheckpointNotFoundError: If there is no such file.
        """
        self.prefix = os.fspath(path)
        self._files = files_for(self.prefix)
        if not self._files.exists(self.prefix):
            raise CheckpointNotFoundError(f'There is no file {self.prefix}; check the path.')
        self._paths = [self.prefix]
        self._entries: dict[str, ArrayEntry] = {}

    @abc.abstractmethod
    def _read(self, key: str, entry: ArrayEntry) -> np.ndarray:
        """Reads an array.

        Raises:
          ValueError: If it is damaged. The message is a clause.
          OSError: If the file cannot be read.
        """

    def _read_rows(self, key: str, entry: ArrayEntry, start: int, stop: int) -> np.ndarray:
        """Reads a range along the first axis, if the format allows it without reading the rest."""
        return self._read(key, entry)[start:stop]

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def keys(self) -> list[str]:
        """Returns the names of the arrays, in the order of an index of the V2 format."""
        return sorted(self._entries, key=encode_key)

    def entry(self, key: str) -> ArrayEntry:
        """Returns the entry of an array.

        Raises:
          KeyError: If there is no such array.
        """
        if key not in self._entries:
            raise KeyError(f'{self.prefix} has no tensor {key!r}')
        return self._entries[key]

    def slice_entry(self, key: str, part: Slice) -> ArrayEntry:
        """Raises an error, because arrays are stored whole.

        Args:
          key: The name of the array.
          part: The slice.

        Raises:
          CorruptCheckpointError: Always.
        """
        raise CorruptCheckpointError(f'{self.prefix}: {key!r} has no slices.')

    def tensor(self, key: str, verify: bool = False) -> np.ndarray:
        """Reads the value of an array.

        Args:
          key: The name of the array.
          verify: Without effect: what the format has for a check is checked always.

        Returns:
          A writable array; strings as an object array of `bytes`.

        Raises:
          KeyError: If there is no such array.
          CheckpointNotFoundError: If the file is missing.
          CorruptCheckpointError: If the file is damaged.
          TensorMemoryError: If the array does not fit into the memory.
          dtypes.UnsupportedDtypeError: If NumPy has no such type.
        """
        entry = self.entry(key)
        try:
            with tensors.allocating(self.prefix, key, entry.dtype, entry.shape, entry.size):
                return self._read(key, entry)
        except (ValueError, OSError, dtypes.UnsupportedDtypeError) as error:
            raise self._fault(key, entry, error) from error

    def rows(self, key: str, start: int, stop: int) -> np.ndarray:
        """Reads a range of an array along its first axis; the rest is not read if the format allows it.

        Args:
          key: The name of the array, which has at least one axis.
          start: The first index, at least 0.
          stop: The index after the last one, at most the extent.

        Raises:
          KeyError: If there is no such array.
          CheckpointNotFoundError: If the file is missing.
          CorruptCheckpointError: If the file is damaged.
          TensorMemoryError: If the rows do not fit into the memory.
        """
        entry = self.entry(key)
        try:
            with tensors.allocating(self.prefix, key, entry.dtype, (stop - start, *entry.shape[1:])):
                return self._read_rows(key, entry, start, stop)
        except (ValueError, OSError, dtypes.UnsupportedDtypeError) as error:
            raise self._fault(key, entry, error) from error

    def _fault(self, key: str, entry: ArrayEntry, error: Exception) -> Exception:
        """Returns the error to raise for one that occurred when an array was read."""
        path = self._paths[entry.shard]
        if isinstance(error, dtypes.UnsupportedDtypeError):
            return dtypes.UnsupportedDtypeError(
                f'{path}: the tensor {key!r} cannot be read: {error}; drop it.'
            )
        if not self._files.exists(path):
            return CheckpointNotFoundError(
                f'{path}, which holds {key!r}, is missing; copy it there, or use another checkpoint.'
            )
        return CorruptCheckpointError(
            f'{path}: the tensor {key!r} is damaged: {error}; restore the file from a copy, or use another checkpoint.'
        )

    def check_data_files(self) -> None:
        """Checks that all files exist. That they are long enough was checked when they were opened.

        Raises:
          CheckpointNotFoundError: If a file is missing.
        """
        for path in self._paths:
            if not self._files.exists(path):
                raise CheckpointNotFoundError(f'{path} is missing; copy it there, or use another checkpoint.')

    def metadata(self) -> Mapping[str, str]:
        """Returns the texts that the file has beside its arrays, by name."""
        return {}
