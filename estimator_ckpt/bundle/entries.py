"""Entries of an index: what they say of a key, and whether that is possible."""

import dataclasses
import math
from typing import NamedTuple

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.slices import Slice

HEADER_KEY = b''
MAX_RANK = 254  # TensorFlow's own limit.


class Entry(NamedTuple):
    """What the index says of one key.

    Attributes:
      dtype: TensorFlow's data type number.
      shape: The tensor's shape.
      shard: The data file that holds the bytes.
      offset: Where in it they begin.
      size: How many they are.
      crc32c: Their masked checksum.
      slices: The slices a partitioned tensor is stored as; empty for a tensor stored whole.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc32c: int
    slices: tuple[Slice, ...] = ()


def encode_key(key: str) -> bytes:
    """Returns the bytes that a key is stored as."""
    return key.encode('utf-8', 'surrogateescape')


def decode_key(key: bytes) -> str:
    """Returns the key that bytes stand for; what is not UTF-8 survives a round trip."""
    return key.decode('utf-8', 'surrogateescape')


@dataclasses.dataclass(frozen=True, slots=True)
class Location:
    """Where a tensor is in a checkpoint: a key, and a slice spec (`'10 4 0,5:0,4'`) where it is a part of that."""

    key: str
    slice_spec: str = ''


def entry_fault(entry: Entry, num_shards: int) -> str | None:
    """Returns what is impossible about an entry, as the end of a sentence; None if nothing is.

    Args:
      entry: The entry.
      num_shards: The number of data files of its checkpoint.
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
