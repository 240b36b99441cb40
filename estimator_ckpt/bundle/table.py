"""The sorted string table that a checkpoint's index is (the LevelDB table format).

The layout is that of `tensorflow/tsl/lib/io/table_builder.cc` and `block_builder.cc`; an index written here from the
entries of one that TensorFlow wrote has the same bytes. Blocks are read uncompressed or snappy-compressed, and written
uncompressed, as TensorFlow writes them.
"""

import struct
from collections.abc import Iterable, Iterator

from estimator_ckpt.bundle import checksums, varint

MAGIC = 0xDB4775248B80FB57
_FOOTER_SIZE = 48
_TRAILER_SIZE = 5
_BLOCK_SIZE = 256 * 1024
_RESTART_INTERVAL = 16
_UNCOMPRESSED, _SNAPPY = 0, 1
# A snappy element yields at most 64 bytes from 3; more is a lie about the length.
_MAX_SNAPPY_RATIO = 32
# With a restart every 16 entries, the keys of a block are at most 17 times as long as the block.
_MAX_KEYS_RATIO = 64


class TableError(ValueError):
    """The bytes are not a sorted string table. The message says where, without the file's name."""


def read_table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the table's keys and values in the order they are stored, every block's checksum checked.

    Raises:
      TableError: If anything is not as the format says.
    """
    try:
        index = _read_block(data, *_read_index_handle(data))
        for _, handle in _block_items(index):
            offset, position = varint.decode(handle, 0)
            size, _ = varint.decode(handle, position)
            yield from _block_items(_read_block(data, offset, size))
    except TableError:
        raise
    except (ValueError, IndexError, struct.error) as error:
        raise TableError(str(error)) from error


def _read_index_handle(data: bytes) -> tuple[int, int]:
    if len(data) < _FOOTER_SIZE:
        raise TableError(f'it has {len(data)} bytes, fewer than the table format needs')
    footer = data[-_FOOTER_SIZE:]
    if struct.unpack('<Q', footer[40:])[0] != MAGIC:
        raise TableError('it does not end with the magic number of a table')
    _, position = varint.decode(footer, 0)
    _, position = varint.decode(footer, position)
    offset, position = varint.decode(footer, position)
    size, _ = varint.decode(footer, position)
    return offset, size


def _read_block(data: bytes, offset: int, size: int) -> bytes:
    end = offset + size
    if end + _TRAILER_SIZE > len(data):
        raise TableError(f'a block at byte {offset} reaches beyond the end')
    stored = struct.unpack_from('<I', data, end + 1)[0]
    if checksums.mask(checksums.crc32c(data[offset : end + 1])) != stored:
        raise TableError(f'the checksum of the block at byte {offset} does not match')
    kind = data[end]
    if kind == _UNCOMPRESSED:
        return data[offset:end]
    if kind == _SNAPPY:
        return _decompress(data[offset:end])
    raise TableError(f'the block at byte {offset} has the unknown compression type {kind}')


def _decompress(block: bytes) -> bytes:
    import cramjam  # Only snappy-compressed indexes pay for the import.

    length, _ = varint.decode(block, 0)
    if length > _MAX_SNAPPY_RATIO * len(block):
        raise TableError(f'a compressed block of {len(block)} bytes claims to hold {length}')
    try:
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise TableError(f'a compressed block does not decompress: {error}') from error


def _block_items(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(block) < 4:
        raise TableError('a block is too short')
    end = len(block) - 4 - 4 * struct.unpack_from('<I', block, len(block) - 4)[0]
    if end < 0:
        raise TableError('a block names more restart points than it can hold')
    position, key, decode = 0, b'', varint.decode
    allowance = _MAX_KEYS_RATIO * len(block)
    while position < end:
        # Nearly every length fits one byte: spare those the function call.
        shared = block[position]
        unshared, size = block[position + 1], block[position + 2]
        if shared | unshared | size < 0x80:
            position += 3
        else:
            shared, position = decode(block, position)
            unshared, position = decode(block, position)
            size, position = decode(block, position)
        split = position + unshared
        if shared > len(key) or split + size > end:
            raise TableError('an entry of a block reaches beyond its end')
        key = key[:shared] + block[position:split]
        allowance -= shared
        if allowance < 0:
            raise TableError(f'the keys of a block of {len(block)} bytes share too much')
        position = split + size
        yield key, block[split:position]


def build_table(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The table of `items`, whose keys must be strictly ascending.

    Raises:
      ValueError: If the keys are not strictly ascending.
    """
    out, block, index = bytearray(), _BlockBuilder(_RESTART_INTERVAL), _BlockBuilder(1)
    last, pending = None, None
    for key, value in items:
        if last is not None and key <= last:
            raise ValueError(f'the key {key!r} does not come after {last!r}')
        if pending is not None:
            index.add(_shortest_separator(last, key), pending)
            pending = None
        block.add(key, value)
        last = key
        if block.size_estimate() >= _BLOCK_SIZE:
            pending = _append_block(out, block.finish())
            block = _BlockBuilder(_RESTART_INTERVAL)
    if not block.empty:
        pending = _append_block(out, block.finish())
    metaindex = _append_block(out, _BlockBuilder(_RESTART_INTERVAL).finish())
    if pending is not None:
        index.add(_short_successor(last), pending)
    footer = metaindex + _append_block(out, index.finish())
    out += footer.ljust(_FOOTER_SIZE - 8, b'\0') + struct.pack('<Q', MAGIC)
    return bytes(out)


def _append_block(out: bytearray, contents: bytes) -> bytes:
    handle = varint.encode(len(out)) + varint.encode(len(contents))
    contents += bytes([_UNCOMPRESSED])
    out += contents + struct.pack('<I', checksums.mask(checksums.crc32c(contents)))
    return handle


class _BlockBuilder:
    """One block: entries with the prefix they share with their predecessor left out, then the restart points."""

    def __init__(self, restart_interval: int):
        self._interval = restart_interval
        self._buffer = bytearray()
        self._restarts = [0]
        self._count = 0
        self._last = b''

    @property
    def empty(self) -> bool:
        return not self._buffer

    def size_estimate(self) -> int:
        return len(self._buffer) + 4 * len(self._restarts) + 4

    def add(self, key: bytes, value: bytes) -> None:
        shared = 0
        if self._count < self._interval:
            shared = _shared_prefix(self._last, key)
        else:
            self._restarts.append(len(self._buffer))
            self._count = 0
        unshared = len(key) - shared
        if shared | unshared | len(value) < 0x80:
            self._buffer += bytes((shared, unshared, len(value)))
        else:
            for number in (shared, unshared, len(value)):
                self._buffer += varint.encode(number)
        self._buffer += key[shared:]
        self._buffer += value
        self._last = key
        self._count += 1

    def finish(self) -> bytes:
        return bytes(self._buffer) + struct.pack(
            f'<{len(self._restarts) + 1}I', *self._restarts, len(self._restarts)
        )


def _shared_prefix(a: bytes, b: bytes) -> int:
    limit = min(len(a), len(b))
    # As numbers: the highest bit that differs tells the first byte that does, and no byte costs a step in Python.
    difference = int.from_bytes(a[:limit], 'big') ^ int.from_bytes(b[:limit], 'big')
    return limit - (difference.bit_length() + 7) // 8


def _shortest_separator(start: bytes, limit: bytes) -> bytes:
    """A short key k with start <= k < limit, as TensorFlow chooses it."""
    shared = _shared_prefix(start, limit)
    if shared < min(len(start), len(limit)):
        byte = start[shared]
        if byte < 0xFF and byte + 1 < limit[shared]:
            return start[:shared] + bytes([byte + 1])
    return start


def _short_successor(key: bytes) -> bytes:
    """A short key k >= key, as TensorFlow chooses it."""
    for position, byte in enumerate(key):
        if byte != 0xFF:
            return key[:position] + bytes([byte + 1])
    return key
