"""The entries of an index, and checks of their plausibility."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.slices import Slice

HEADER_KEY = b''
MAX_RANK = 254  # TensorFlow's own limit.


class Entry(NamedTuple):
    """The entry of one key.

    Attributes:
      dtype: TensorFlow's data type number.
      shape: The shape of the tensor.
      shard: The number of the data file that holds the bytes.
      offset: The offset of the bytes in the data file.
      size: The number of bytes.
      crc32c: The masked checksum of the bytes.
      slices: The slices that a partitioned tensor is stored as; empty for a tensor stored whole.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc32c: int
    slices: tuple[Slice, ...] = ()


def is_possible_shape(shape: Sequence[int]) -> bool:
    """Returns True if TensorFlow can have a tensor of a shape, as far as ranks and numbers of elements go."""
    return len(shape) <= MAX_RANK and min(shape, default=0) >= 0 and math.prod(filter(None, shape)) < 1 << 63


def encode_key(key: str) -> bytes:
    """Returns the stored form of a key."""
    return key.encode('utf-8', 'surrogateescape')


def decode_key(key: bytes) -> str:
    """Returns the key of a stored form. Bytes that are not UTF-8 survive a round trip."""
    return key.decode('utf-8', 'surrogateescape')


@dataclasses.dataclass(frozen=True, slots=True)
class Location:
    """The place of a tensor in a checkpoint.

    Attributes:
      key: The key of the tensor, or of the partitioned tensor that it is a slice of.
      slice_spec: The slice (`'10 4 0,5:0,4'`); empty for the whole tensor.
    """

    key: str
    slice_spec: str = ''


def entry_fault(entry: Entry, num_shards: int) -> str | None:
    """Returns what is impossible about an entry.

    Args:
      entry: The entry to check.
      num_shards: The number of data files of the checkpoint.

    Returns:
      The predicate of a sentence about the entry; None if it is plausible.
    """
    if len(entry.shape) > MAX_RANK:
        return f'has the impossible rank {len(entry.shape)}'
    if any(extent < 0 for extent in entry.shape):
        return f'has the impossible shape {list(entry.shape)}'
    for part in entry.slices:
        if len(part) != len(entry.shape):
            return f'has a slice of rank {len(part)} for the shape {list(entry.shape)}'
        for (start, length), extent in zip(part, entry.shape, strict=True):
            if start < 0 or (length is not None and not 0 <= length <= extent - start):
                return f'has a slice outside of its shape {list(entry.shape)}'
    if entry.slices:
        return None
    if not 0 <= entry.shard < num_shards:
        return f'lies in shard {entry.shard} of {num_shards}'
    if entry.offset < 0 or entry.size < 0:
        return f'lies at byte {entry.offset} with {entry.size} bytes'
    itemsize = dtypes.size(entry.dtype)
    if itemsize is not None and entry.size != itemsize * math.prod(entry.shape):
        return f'has {entry.size} bytes, which do not make {dtypes.name(entry.dtype)} of shape {list(entry.shape)}'
    return None
