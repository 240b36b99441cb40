"""What the rest of the package needs of a file with named tensors."""

from typing import Protocol

import numpy as np

from estimator_ckpt.bundle.slices import Slice


class TensorEntry(Protocol):
    """What a file says of one tensor without its values."""

    @property
    def dtype(self) -> int:
        """TensorFlow's data type number."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole tensor."""

    @property
    def shard(self) -> int:
        """The number of the file that holds it; that of the first slice of a tensor in slices."""

    @property
    def size(self) -> int:
        """The bytes of its values; 0 for strings whose lengths are not known without reading them."""

    @property
    def slices(self) -> tuple[Slice, ...]:
        """The slices that a partitioned tensor is stored as; empty for a tensor stored whole."""


class TensorSource(Protocol):
    """A reader of one checkpoint or file of weights.

    Attributes:
      prefix: The path to name to the user, and to TensorFlow where it reads this format.
      num_shards: The number of files that hold values.
      holds_v2_data: True if the data files are those of the V2 format, so that their bytes can be linked or copied
        under a new index, and entries have an offset and a checksum to compare. Otherwise each value has to be read
        and written anew.
    """

    prefix: str
    num_shards: int
    holds_v2_data: bool

    def __contains__(self, key: str) -> bool:
        """Returns True if there is a tensor with this key."""

    def keys(self) -> list[str]:
        """Returns the keys of all tensors, sorted."""

    def entry(self, key: str) -> TensorEntry:
        """Returns the type and shape of a tensor.

        Raises:
          KeyError: If there is no such key.
          CorruptCheckpointError: If the file contradicts itself.
        """

    def slice_entry(self, key: str, part: Slice) -> TensorEntry:
        """Returns the type and shape of one of the slices that an entry lists.

        Raises:
          CorruptCheckpointError: If the slice is not there.
        """

    def decode_all(self) -> None:
        """Decodes all entries at once, where that is faster than one by one."""

    def tensor(self, key: str, verify: bool = False) -> np.ndarray:
        """Reads a tensor; slices are put together.

        Args:
          key: Its key.
          verify: True to check a checksum that would otherwise be left unchecked.

        Returns:
          A writable array of the tensor's shape; strings as an object array of `bytes`.

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
        """Returns the path of one of the files that hold values."""

    def data_paths(self) -> list[str]:
        """Returns the paths of all files that hold values."""

    def check_data_files(self) -> None:
        """Checks, without reading values, that every file is there and long enough.

        Raises:
          CheckpointNotFoundError: If a file is missing.
          CorruptCheckpointError: If a file is too short, or slices leave parts of a tensor out.
        """
