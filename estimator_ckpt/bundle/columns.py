"""Decodes all entries of an index at once, field by field, instead of one by one in Python.

An entry is a `BundleEntryProto`. TensorFlow writes its fields in the order of their numbers and omits those that are
zero. Entries that are encoded otherwise, have slices, or are implausible are left to protobuf.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from estimator_ckpt.bundle import dtypes

# Tags of the fields of an entry, of the dimensions of a shape, and of the size of a dimension.
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE, _CRC32C = 0x08, 0x12, 0x18, 0x20, 0x28, 0x35
_DIMENSION, _EXTENT = 0x12, 0x08
_MAX_RANK = 8
_MAX_VARINT_BYTES = 8  # Varints may take 10 bytes; no field here needs more than 8.
# Lets the reads of a field run past the end of the last entry.
_PADDING = bytes(64)
# Products of floating-point numbers are exact up to this.
_MAX_EXACT = float(1 << 53)
# The bytes of an element by data type number; 0 for types without a fixed size.
_ITEM_SIZES = np.array([dtypes.size(number) or 0 for number in range(64)], np.float64)


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """The fields of all entries, one array per field.

    Attributes:
      plain: Boolean array of shape `[num_entries]`: the entries that were decoded here and are plausible. The other
        arrays are meaningless for the remaining entries.
      dtype: TensorFlow's data type numbers, of shape `[num_entries]`.
      rank: The numbers of dimensions, of shape `[num_entries]`.
      extents: One array of shape `[num_entries]` per axis: the extents, 1 for tensors of a lower rank.
      shard: The numbers of the data files that hold the bytes.
      offset: The offsets of the bytes in their data files.
      size: The numbers of bytes.
      crc32c: The masked checksums.
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
        """Returns the shape of each tensor."""
        if not self.extents:
            return [()] * len(self.rank)
        longest = zip(*(extent.tolist() for extent in self.extents), strict=True)
        return [shape[:rank] for shape, rank in zip(longest, self.rank.tolist(), strict=True)]


def same_shapes(a: Columns, b: Columns) -> np.ndarray:
    """Returns a mask of the entries of two indexes with as many entries that were decoded here and have equal shapes.

    Args:
      a: The fields of one index.
      b: The fields of the other index, in the same order.
    """
    same = a.plain & b.plain & (a.rank == b.rank)
    for extent_a, extent_b in zip(a.extents, b.extents, strict=False):
        same &= extent_a == extent_b
    return same


def same_places(a: Columns, b: Columns) -> bool:
    """Returns True if the bytes of all entries of two indexes with as many entries are at the same places in the files.

    May return False when unsure.

    Args:
      a: The fields of one index.
      b: The fields of the other index, in the same order.
    """
    pairs = [(a.shard, b.shard), (a.offset, b.offset), (a.size, b.size)]
    return bool(np.all(a.plain & b.plain)) and all(np.array_equal(x, y) for x, y in pairs)


def same_bytes(a: Columns, b: Columns) -> np.ndarray:
    """Returns a mask of the entries with equal types, shapes, sizes and checksums.

    Args:
      a: The fields of one index.
      b: The fields of the other index, in the same order.
    """
    same = same_shapes(a, b) & (a.dtype == b.dtype)
    return same & (a.size == b.size) & (a.crc32c == b.crc32c)


def decode_columns(values: Sequence[bytes], num_shards: int) -> Columns:
    """Decodes the entries of an index.

    Args:
      values: The serialized entries.
      num_shards: The number of data files of the checkpoint.

    Returns:
      The fields, in the order of `values`.
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
    """A read position in each entry.

    Reading a field advances the positions of the entries that have it. The position of an entry that cannot be decoded
    here never reaches the end of the entry.
    """

    def __init__(self, values: Sequence[bytes]):
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        self._bytes = np.frombuffer(b''.join(values) + _PADDING, np.uint8)
        self._ends = np.cumsum(lengths)
        self._positions = self._ends - lengths

    def at_end(self) -> np.ndarray:
        """Returns a mask of the entries whose position is exactly their end."""
        return self._positions == self._ends

    def _with(self, tag: int, ends: np.ndarray) -> np.ndarray:
        """Returns the indices of the entries whose next byte before `ends` is `tag`."""
        return np.flatnonzero((self._positions < ends) & (self._bytes[self._positions] == tag))

    def _give_up(self, rows: np.ndarray) -> None:
        """Excludes entries, given by a mask or by indices, from further reads."""
        self._positions[rows], self._ends[rows] = 0, -1

    def number(self, tag: int, ends: np.ndarray | None = None) -> np.ndarray:
        """Reads a varint field; 0 where it is omitted."""
        values = np.zeros(len(self._ends), np.int64)
        rows = self._with(tag, self._ends if ends is None else ends)
        positions = self._positions[rows] + 1
        for shift in range(0, 7 * _MAX_VARINT_BYTES, 7):
            byte = self._bytes[positions].astype(np.int64)
            values[rows] |= (byte & 0x7F) << shift
            positions += 1
            last = byte < 0x80
            self._positions[rows[last]] = positions[last]
            rows, positions = rows[~last], positions[~last]
            if not len(rows):
                break
        self._give_up(rows)
        return values

    def fixed32(self, tag: int) -> np.ndarray:
        """Reads a field of four bytes; 0 where it is omitted."""
        values = np.zeros(len(self._ends), np.int64)
        rows = self._with(tag, self._ends)
        for byte in range(4):
            values[rows] |= self._bytes[self._positions[rows] + 1 + byte].astype(np.int64) << 8 * byte
        self._positions[rows] += 5
        return values

    def shape(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """Reads the shape field.

        Returns:
          The ranks, and the extents per axis; 1 where a tensor does not have the axis.
        """
        rank, extents = np.zeros(len(self._ends), np.int64), []
        length = self.number(_SHAPE)
        self._give_up(length > self._ends - self._positions)
        ends = np.where(self._ends < 0, 0, self._positions + length)
        for _ in range(_MAX_RANK):
            has_axis = self._positions < ends
            if not has_axis.any():
                break
            length = self.number(_DIMENSION, ends)
            dimension_ends = self._positions + length
            extent = self.number(_EXTENT, dimension_ends)
            # The position differs if the dimension has a name, is another field, or extends too far.
            self._give_up(has_axis & (self._positions != dimension_ends))
            rank += has_axis
            extents.append(np.where(has_axis, extent, 1))
        self._give_up(self._positions != ends)
        return rank, extents
