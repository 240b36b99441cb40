"""Decodes all entries of an index at once, field by field, where one by one takes a step in Python for each.

An entry is a `BundleEntryProto`. TensorFlow writes its fields in the order of their numbers, and leaves out those that
are zero; entries that look otherwise, have slices, or are not to be believed, are left to protobuf.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from estimator_ckpt.bundle import dtypes

# The tags of the fields of an entry, of a shape's dimensions, and of a dimension's size.
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE, _CRC32C = 0x08, 0x12, 0x18, 0x20, 0x28, 0x35
_DIMENSION, _EXTENT = 0x12, 0x08
_MAX_RANK = 8
_MAX_VARINT_BYTES = 8  # Of the ten that there can be: no number here has so many bits.
# What reading behind the last entry meets.
_PADDING = bytes(64)
# Up to here products in floating point are exact.
_MAX_EXACT = float(1 << 53)
# By data type number: the bytes of an element, 0 where these are not fixed.
_ITEM_SIZES = np.array([dtypes.size(number) or 0 for number in range(64)], np.float64)


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """The fields of entries, an array for each.

    Attributes:
      plain: Which entries could be decoded here and make sense; what other arrays say of the rest means nothing.
      dtype: TensorFlow's data type numbers.
      rank: How many dimensions the tensors have.
      extents: For each axis the extents of the tensors that have it.
      shard: The data files that hold the bytes.
      offset: Where in them they begin.
      size: How many they are.
      crc32c: Their masked checksums.
    """

    plain: np.ndarray
    dtype: np.ndarray
    rank: np.ndarray
    extents: list[np.ndarray]
    shard: np.ndarray
    offset: np.ndarray
    size: np.ndarray
    crc32c: np.ndarray

    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each tensor."""
        if not self.extents:
            return [()] * len(self.rank)
        longest = zip(*(extent.tolist() for extent in self.extents), strict=True)
        return [shape[:rank] for shape, rank in zip(longest, self.rank.tolist(), strict=True)]


def decode_columns(values: Sequence[bytes], num_shards: int) -> Columns:
    """Decodes the entries of an index.

    Args:
      values: The entries.
      num_shards: How many data files there are.
    """
    cursor = _Cursor(values)
    dtype = cursor.number(_DTYPE)
    rank, extents = cursor.shape()
    shard, offset, size = cursor.number(_SHARD), cursor.number(_OFFSET), cursor.number(_SIZE)
    crc32c = cursor.fixed32(_CRC32C)
    plain = cursor.at_end() & (dtype < len(_ITEM_SIZES)) & (shard < num_shards)
    item_size = _ITEM_SIZES[np.where(plain, dtype, 0)]
    expected = item_size.copy()
    for extent in extents:
        expected *= extent
    plain &= (expected < _MAX_EXACT) & ((item_size == 0) | (size == expected))
    return Columns(plain, dtype, rank, extents, shard, offset, size, crc32c)


class _Cursor:
    """A position in each entry. Reading a field moves those that have it; what is odd stays before its entry's end."""

    def __init__(self, values: Sequence[bytes]):
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        self._bytes = np.frombuffer(b''.join(values) + _PADDING, np.uint8)
        self._ends = np.cumsum(lengths)
        self._positions = self._ends - lengths

    def at_end(self) -> np.ndarray:
        """Which entries have been read to their last byte, and no further."""
        return self._positions == self._ends

    def _with(self, tag: int, ends: np.ndarray) -> np.ndarray:
        """The numbers of the entries that have a field with that tag next."""
        return np.flatnonzero((self._positions < ends) & (self._bytes[self._positions] == tag))

    def _give_up(self, odd: np.ndarray) -> None:
        """Reads no more of some entries."""
        self._positions[odd], self._ends[odd] = 0, -1

    def number(self, tag: int, ends: np.ndarray | None = None) -> np.ndarray:
        """The values of a field of whole numbers, 0 where it is left out."""
        found = np.zeros(len(self._ends), np.int64)
        rows = self._with(tag, self._ends if ends is None else ends)
        positions = self._positions[rows] + 1
        for shift in range(0, 7 * _MAX_VARINT_BYTES, 7):
            byte = self._bytes[positions].astype(np.int64)
            found[rows] |= (byte & 0x7F) << shift
            positions += 1
            last = byte < 0x80
            self._positions[rows[last]] = positions[last]
            rows, positions = rows[~last], positions[~last]
            if not len(rows):
                break
        self._give_up(rows)
        return found

    def fixed32(self, tag: int) -> np.ndarray:
        """The values of a field of four bytes, 0 where it is left out."""
        found = np.zeros(len(self._ends), np.int64)
        rows = self._with(tag, self._ends)
        for byte in range(4):
            found[rows] |= self._bytes[self._positions[rows] + 1 + byte].astype(np.int64) << 8 * byte
        self._positions[rows] += 5
        return found

    def shape(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """The ranks, and for each axis the extents, 1 where a tensor does not have that axis."""
        rank, extents = np.zeros(len(self._ends), np.int64), []
        length = self.number(_SHAPE)
        self._give_up(length > self._ends - self._positions)
        ends = np.where(self._ends < 0, 0, self._positions + length)
        for _ in range(_MAX_RANK):
            there = self._positions < ends
            if not there.any():
                break
            length = self.number(_DIMENSION, ends)
            dimension_ends = self._positions + length
            extent = self.number(_EXTENT, dimension_ends)
            # This is not so where a dimension has a name, is none, or reaches too far.
            self._give_up(there & (self._positions != dimension_ends))
            rank += there
            extents.append(np.where(there, extent, 1))
        self._give_up(self._positions != ends)
        return rank, extents
