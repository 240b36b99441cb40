"""The interface of readers of checkpoints, whatever their format."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from estimator_ckpt.bundle.slices import Slice


class TensorEntry(Protocol):
    """The entry of a tensor, without its value."""

    @property
    def dtype(self) -> int:
        """TensorFlow's data type number."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole tensor."""

    @property
    def shard(self) -> int:
        """The number of the file that holds the tensor, or the first slice of a partitioned tensor."""

    @property
    def size(self) -> int:
        """The number of bytes of the values; 0 for strings of unknown lengths."""

    @property
    def slices(self) -> tuple[Slice, ...]:
        """The slices that a partitioned tensor is stored as; empty for a tensor stored whole."""


class TensorSource(Protocol):
    """A reader of one checkpoint.

    Attributes:
      prefix: The path of the checkpoint for messages, and for TensorFlow if it can read the format.
      holds_v2_data: True if the data files have the V2 format. They can be linked or copied under a new index then, and
        entries have an offset and a checksum to compare. Otherwise all values must be read and written.
      is_read_by_tensorflow: True if TensorFlow's restore ops read the format.
    """

    prefix: str
    holds_v2_data: bool
    is_read_by_tensorflow: bool

    @property
    def num_shards(self) -> int:
        """The number of files that hold values."""

    def __contains__(self, key: str) -> bool:
        """Returns True if there is a tensor with this key."""

    def keys(self) -> list[str]:
        """Returns the keys of all tensors, sorted."""

    def entry(self, key: str) -> TensorEntry:
        """Returns the entry of a tensor.

        Raises:
          KeyError: If there is no such key.
          CorruptCheckpointError: If the entry is damaged.
        """

    def slice_entry(self, key: str, part: Slice) -> TensorEntry:
        """Returns the entry of a slice.

        Args:
          key: The key of the partitioned tensor.
          part: A slice that the entry of the tensor lists.

        Raises:
          CorruptCheckpointError: If the slice is missing.
        """

    def decode_all(self) -> None:
        """Decodes all entries at once, if that is faster than one by one."""

    def types_and_shapes(self) -> Mapping[str, tuple[int, tuple[int, ...]]]:
        """Returns the data type number and the shape of each tensor, which is cheaper than all entries.

        Raises:
          CorruptCheckpointError: If an entry is damaged.
        """

    def tensor(self, key: str, verify: bool = False) -> np.ndarray:
        """Reads the value of a tensor. Partitioned tensors are assembled from their slices.

        Args:
          key: The key of the tensor.
          verify: Whether to check a checksum that is not checked otherwise.

        Returns:
          A writable array of the tensor's shape; strings as an object array of `bytes`.

        Raises:
          KeyError: If there is no such key.
          CheckpointNotFoundError: If a file is missing.
          CorruptCheckpointError: If a file is damaged.
          UnsupportedDtypeError: If NumPy has no such type.
        """

    def rows(self, key: str, start: int, stop: int) -> np.ndarray:
        """Reads a range of a tensor along its first axis; the rest is not read if the format allows it.

        Checksums cover whole tensors, and are not checked where only a part is read.

        Args:
          key: The key of the tensor, which has at least one axis.
          start: The first index, at least 0.
          stop: The index after the last one, at most the extent.

        Raises:
          KeyError: If there is no such key.
          CheckpointNotFoundError: If a file is missing.
          CorruptCheckpointError: If a file is damaged.
          UnsupportedDtypeError: If NumPy has no such type.
        """

    def each_has_its_place(self) -> bool:
        """Returns True if no two keys share bytes. May return False when unsure; cheaper than `places`."""

    def places(self) -> dict[str, tuple[int, int, int]]:
        """Returns the shard, offset and size of the tensors whose bytes other keys may share."""

    def data_path(self, shard: int) -> str:
        """Returns the path of a file that holds values, given its number."""

    def data_paths(self) -> list[str]:
        """Returns the paths of all files that hold values."""

    def check_data_files(self) -> None:
        """Checks that all files exist and are long enough. No values are read.

        Raises:
          CheckpointNotFoundError: If a file is missing.
          CorruptCheckpointError: If a file is too short, or slices do not cover their tensor.
        """


class UnsharedSource:
    """What sources have in common no two tensors of which share bytes, whatever files they consist of."""

    _paths: Sequence[str]

    @property
    def num_shards(self) -> int:
        """The number of files."""
        return len(self._paths)

    def decode_all(self) -> None:
        """Does nothing, because all entries are decoded already."""

    def types_and_shapes(self: TensorSource) -> Mapping[str, tuple[int, tuple[int, ...]]]:
        """Returns the data type number and the shape of each tensor."""
        entries = {key: self.entry(key) for key in self.keys()}
        return {key: (entry.dtype, entry.shape) for key, entry in entries.items()}

    def each_has_its_place(self) -> bool:
        """Returns True, because no two tensors share bytes."""
        return True

    def places(self) -> dict[str, tuple[int, int, int]]:
        """Returns no places, because no two tensors share bytes."""
        return {}

    def data_path(self, shard: int) -> str:
        """Returns the path of a file, given its number."""
        return self._paths[shard]

    def data_paths(self) -> list[str]:
        """Returns the paths of all files."""
        return list(self._paths)
