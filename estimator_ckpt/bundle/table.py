"""The sorted string table that a checkpoint's index is (the LevelDB table format).

The layout is that of `tensorflow/tsl/lib/io/table_builder.cc` and `block_builder.cc`; an index written here from the
entries of one that TensorFlow wrote has the same bytes. Blocks are read uncompressed or snappy-compressed, and written
uncompressed, as TensorFlow writes them.
"""

import itertools
import operator
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from estimator_ckpt.bundle import checksums, varint

MAGIC = 0xDB4775248B80FB57
FOOTER_SIZE = 48
TRAILER_SIZE = 5
_BLOCK_SIZE = 256 * 1024
_RESTART_INTERVAL = 16
# The number of keys that are compared at once, and the number of leading bytes of each.
_ROWS, _MAX_COLUMNS = 4096, 256
UNCOMPRESSED, _SNAPPY = 0, 1  # The compression types of blocks.
# Snappy compresses best with copies of 64 bytes, which take 3; a block that claims more lies about its length.
_LONGEST_SNAPPY_COPY, _SHORTEST_SNAPPY_COPY = 64, 3
# Blocks of indexes are filled up to 256 KiB. The blocks of V1 checkpoints hold whole tensors and have no such limit.
_MAX_DECOMPRESSED = 64 << 20
# With a restart every 16 entries, the keys of a block have at most 17 times as many bytes as the block.
_MAX_KEYS_RATIO = 64
BEYOND = 'an entry of a block reaches beyond its end'


_Contents = TypeVar('_Contents', bytes, memoryview)


class TableError(ValueError):
    """Raised if bytes are not a sorted string table. The message says where, without the name of the file."""


class Block(NamedTuple):
    """The place of a data block in a table.

    Attributes:
      last_key: A key that no key of the block comes after, and each key of the next block does.
      offset: The position of the first byte.
      size: The number of bytes, without those of the compression type and the checksum.
    """

    last_key: bytes
    offset: int
    size: int


def read_table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Reads the items of a table, checking the checksum of every block.

    Args:
      data: The bytes of the table.

    Yields:
      The keys and values, in stored order.

    Raises:
      TableError: If the bytes are not a table.
    """
    try:
        index_offset, index_size = index_handle(data)
        index = _read_block(data, index_offset, index_size)
        # No byte is read twice, or a small file could name one block many thousands of times.
        for block in data_blocks(memoryview(index), index_offset):
            yield from block_items(_read_block(data, block.offset, block.size))
    except TableError:
        raise
    except (ValueError, IndexError, struct.error) as error:
        raise TableError(str(error)) from error


def data_blocks(index: memoryview, limit: int) -> Iterator[Block]:
    """Yields the blocks that an index block lists, which lie one behind another as table builders write them.

    Args:
      index: The index block.
      limit: The position in the file that no data block reaches beyond.

    Raises:
      TableError: If keys do not ascend, or blocks overlap.
      ValueError: If a handle of a block cannot be read.
    """
    last_key, end = None, 0
    for key, handle in block_items(index):
        offset, position = varint.decode(handle, 0)
        size, _ = varint.decode(handle, position)
        if last_key is not None and key <= last_key:
            raise TableError('the keys of its index block do not ascend')
        if offset < end or offset + size + TRAILER_SIZE > limit:
            raise TableError(f'the block at byte {offset} overlaps another')
        last_key, end = key, offset + size + TRAILER_SIZE
        yield Block(key, offset, size)


def index_handle(data: bytes) -> tuple[int, int]:
    """Returns the offset and the size of the index block, which the footer at the end of `data` names.

    Raises:
      TableError: If there is no footer.
      ValueError: If the footer is damaged.
    """
    if len(data) < FOOTER_SIZE:
        raise TableError(f'it has {len(data)} bytes, fewer than the table format needs')
    footer = data[-FOOTER_SIZE:]
    if struct.unpack('<Q', footer[40:])[0] != MAGIC:
        raise TableError('it does not end with the magic number of a table')
    _, position = varint.decode(footer, 0)
    _, position = varint.decode(footer, position)
    offset, position = varint.decode(footer, position)
    size, _ = varint.decode(footer, position)
    return offset, size


def _read_block(data: bytes, offset: int, size: int) -> bytes:
    end = offset + size + TRAILER_SIZE
    if end > len(data):
        raise TableError(f'a block at byte {offset} reaches beyond the end')
    return bytes(open_block(data[offset:end], offset, _MAX_DECOMPRESSED))


def open_block(stored: bytes | memoryview, offset: int, most: int | None = None) -> memoryview:
    """Returns the contents of a block, without a copy unless it is compressed.

    Args:
      stored: The block with its compression type and its checksum.
      offset: The position of the block in the file, for messages.
      most: The number of bytes that a compressed block may hold; None for no limit but that of the compression.

    Raises:
      TableError: If the checksum does not match, or the block cannot be decompressed.
    """
    contents, kind = memoryview(stored)[:-TRAILER_SIZE], stored[-TRAILER_SIZE]
    check_block(checksums.crc32c(np.frombuffer(stored, np.uint8, len(contents) + 1)), stored[-4:], offset)
    return block_contents(contents, kind, offset, most)


def block_contents(contents: memoryview, kind: int, offset: int, most: int | None = None) -> memoryview:
    """Returns the contents of a block whose checksum has been checked, without a copy unless it is compressed.

    Args:
      contents: The stored contents.
      kind: The compression type.
      offset: The position of the block in the file, for messages.
      most: The number of bytes that a compressed block may hold; None for no limit but that of the compression.

    Raises:
      TableError: If the block cannot be decompressed.
    """
    if kind == UNCOMPRESSED:
        return contents
    if kind == _SNAPPY:
        return memoryview(_decompress(bytes(contents), most))
    raise TableError(f'the block at byte {offset} has the unknown compression type {kind}')


def check_block(crc: int, stored: bytes | memoryview, offset: int) -> None:
    """Compares the checksum of a block with the stored one.

    Args:
      crc: The CRC32C of the block and its compression type.
      stored: The stored checksum.
      offset: The position of the block in the file, for messages.

    Raises:
      TableError: If the checksums differ.
    """
    if checksums.mask(crc) != struct.unpack('<I', stored)[0]:
        raise TableError(f'the checksum of the block at byte {offset} does not match')


def _decompress(block: bytes, most: int | None) -> bytes:
    import cramjam  # Imported here because few indexes are compressed.

    length, start = varint.decode(block, 0)
    # The length is checked first, because decompressing allocates it.
    possible = (len(block) - start) * _LONGEST_SNAPPY_COPY // _SHORTEST_SNAPPY_COPY
    if length > (possible if most is None else min(possible, most)):
        raise TableError(f'a compressed block of {len(block)} bytes claims to hold {length}')
    try:
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise TableError(f'a compressed block does not decompress: {error}') from error
    except MemoryError as error:
        raise TableError(
            f'a compressed block of {len(block)} bytes holds {length}, too many for the memory'
        ) from error


def block_items(block: _Contents) -> list[tuple[bytes, _Contents]]:
    """Returns the keys and values in the contents of a block; values are parts of `block`, of its type.

    Raises:
      TableError: If the contents are damaged.
      ValueError: If a length cannot be read.
      IndexError: If the block ends within an entry.
    """
    if len(block) < 4:
        raise TableError('a block is too short')
    end = len(block) - 4 - 4 * struct.unpack_from('<I', block, len(block) - 4)[0]
    if end < 0:
        raise TableError('a block names more restart points than it can hold')
    position, key, decode = 0, b'', varint.decode
    allowance = _MAX_KEYS_RATIO * len(block)
    items: list[tuple[bytes, _Contents]] = []
    length = 0
    while position < end:
        # Nearly every length fits into one byte and is decoded without a function call.
        shared = block[position]
        unshared, size = block[position + 1], block[position + 2]
        if shared | unshared | size < 0x80:
            position += 3
        else:
            shared, position = decode(block, position)
            unshared, position = decode(block, position)
            size, position = decode(block, position)
            # Only lengths of several bytes can add up to keys that are too long.
            allowance -= shared
            if allowance < 0:
                raise TableError(f'the keys of a block of {len(block)} bytes share too much')
        if shared > length:
            raise TableError(BEYOND)
        split = position + unshared
        last, key = key, key[:shared] + block[position:split]
        # Otherwise a few compressed bytes could stand for millions of entries.
        if key <= last and items:
            raise TableError('the keys of a block do not ascend')
        position = split + size
        items.append((key, block[split:position]))
        length = shared + unshared
    if position > end:
        raise TableError(BEYOND)
    return items


def build_table(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Builds a table.

    Args:
      items: The keys and values, by strictly ascending keys.

    Returns:
      The bytes of the table.

    Raises:
      ValueError: If the keys are not strictly ascending.
    """
    keys, values = map(list, zip(*items, strict=True)) if (items := list(items)) else ([], [])
    if not all(map(operator.lt, keys, keys[1:])):
        last, key = next(pair for pair in itertools.pairwise(keys) if pair[1] <= pair[0])
        raise ValueError(f'the key {key!r} does not follow {last!r}')
    out, index = bytearray(), {}
    shared = _shared_prefixes(keys)
    for start, end in itertools.pairwise([0, *_block_ends(keys, values, shared)]):
        block = _block(keys[start:end], values[start:end], shared[start:end].tolist())
        handle = _append_block(out, block)
        last = keys[end - 1]
        separator = _shortest_separator(last, keys[end]) if end < len(keys) else _short_successor(last)
        index[separator] = handle
    metaindex = _append_block(out, _block([], [], []))
    index_block = _block(list(index), list(index.values()), [0] * len(index), restart_interval=1)
    footer = metaindex + _append_block(out, index_block)
    out += footer.ljust(FOOTER_SIZE - 8, b'\0') + struct.pack('<Q', MAGIC)
    return bytes(out)


def _append_block(out: bytearray, contents: bytes) -> bytes:
    handle = varint.encode(len(out)) + varint.encode(len(contents))
    contents += bytes([UNCOMPRESSED])
    out += contents + struct.pack('<I', checksums.mask(checksums.crc32c(contents)))
    return handle


def _block_ends(keys: Sequence[bytes], values: Sequence[bytes], shared: np.ndarray) -> Iterator[int]:
    """Yields the end of each block, as the number of the entry after the one that fills the block."""
    # Three lengths of at most five bytes each, and restarts.
    if sum(map(len, keys)) + sum(map(len, values)) + 20 * len(keys) < _BLOCK_SIZE:
        if keys:
            yield len(keys)
        return
    key_sizes = np.fromiter(map(len, keys), np.int64, len(keys))
    value_sizes = np.fromiter(map(len, values), np.int64, len(values))

    def sizes(entries: slice, prefixes: np.ndarray) -> np.ndarray:
        unshared, size = key_sizes[entries] - prefixes, value_sizes[entries]
        return _varint_sizes(prefixes) + _varint_sizes(unshared) + _varint_sizes(size) + unshared + size

    least, start = np.cumsum(sizes(slice(None), shared)), 0
    while start < len(keys):
        # Restarts write some keys whole, which can only end the block earlier than this.
        before = least[start - 1] if start else 0
        entries = slice(start, int(np.searchsorted(least, before + _BLOCK_SIZE)) + 1)
        prefixes = shared[entries].copy()
        prefixes[::_RESTART_INTERVAL] = 0
        filled = np.cumsum(sizes(entries, prefixes)) + 4
        filled += 4 * (np.arange(len(filled)) // _RESTART_INTERVAL + 1)
        start = min(start + int(np.searchsorted(filled, _BLOCK_SIZE)) + 1, len(keys))
        yield start


def _varint_sizes(numbers: np.ndarray) -> np.ndarray:
    sizes = np.ones(len(numbers), np.int64)
    for bits in range(7, 35, 7):
        sizes += numbers >= 1 << bits
    return sizes


def _block(
    keys: Sequence[bytes],
    values: Sequence[bytes],
    shared: list[int],
    restart_interval: int = _RESTART_INTERVAL,
) -> bytes:
    """Builds a block: the entries without the prefixes shared with their predecessors, then the restart points."""
    for restart in range(0, len(keys), restart_interval):
        shared[restart] = 0
    entries = [
        # Nearly every length fits into one byte.
        b'%c%c%c%b%b' % (prefix, unshared, size, key[prefix:], value)
        if prefix | (unshared := len(key) - prefix) | (size := len(value)) < 0x80
        else b''.join(map(varint.encode, (prefix, unshared, size))) + key[prefix:] + value
        for prefix, key, value in zip(shared, keys, values, strict=True)
    ]
    ends = itertools.accumulate(map(len, entries), initial=0)
    restarts = list(ends)[:-1:restart_interval] or [0]
    return b''.join(entries) + struct.pack(f'<{len(restarts) + 1}I', *restarts, len(restarts))


def _shared_prefixes(keys: Sequence[bytes]) -> np.ndarray:
    """Returns the number of bytes that each key shares with its predecessor; 0 for the first.

    The keys are compared as rows of a matrix, some thousands at once.
    """
    shared = np.zeros(len(keys), np.int64)
    for start in range(1, len(keys), _ROWS):
        rows = keys[start - 1 : start + _ROWS]
        widest = min(max(map(len, rows)), _MAX_COLUMNS) or 1
        matrix = np.array(rows, f'S{widest}').view(np.uint8).reshape(len(rows), widest)
        differs = matrix[1:] != matrix[:-1]
        equal = np.where(differs.any(axis=1), differs.argmax(axis=1), widest)
        # Shorter keys are padded with zeros, which may equal the bytes of a longer key.
        sizes = np.fromiter(map(len, rows), np.int64, len(rows))
        shared[start : start + _ROWS] = np.minimum(equal, np.minimum(sizes[1:], sizes[:-1]))
    for number in np.flatnonzero(shared == _MAX_COLUMNS).tolist():
        shared[number] = _shared_prefix(keys[number - 1], keys[number])
    return shared


def _shared_prefix(a: bytes, b: bytes) -> int:
    limit = min(len(a), len(b))
    # Compared as integers, because the highest differing bit is in the first differing byte.
    difference = int.from_bytes(a[:limit], 'big') ^ int.from_bytes(b[:limit], 'big')
    return limit - (difference.bit_length() + 7) // 8


def _shortest_separator(start: bytes, limit: bytes) -> bytes:
    """Returns the short key k with start <= k < limit that TensorFlow chooses."""
    shared = _shared_prefix(start, limit)
    if shared < min(len(start), len(limit)):
        byte = start[shared]
        if byte < 0xFF and byte + 1 < limit[shared]:
            return start[:shared] + bytes([byte + 1])
    return start


def _short_successor(key: bytes) -> bytes:
    """Returns the short key k >= key that TensorFlow chooses."""
    for position, byte in enumerate(key):
        if byte != 0xFF:
            return key[:position] + bytes([byte + 1])
    return key
