"""Reads a sorted string table block by block, where its values are too many bytes to be read whole."""

import bisect
import operator
import struct
from collections.abc import Callable

from estimator_ckpt.bundle import checksums, varint
from estimator_ckpt.bundle.table import (
    BEYOND,
    FOOTER_SIZE,
    TRAILER_SIZE,
    UNCOMPRESSED,
    TableError,
    block_items,
    check_block,
    data_blocks,
    index_handle,
    open_block,
)

# The footer and the index block are read together where they fit this many bytes.
_TAIL_SIZE = 64 * 1024
# A block up to this size is read whole for its first value, and so is checked.
_SMALL_BLOCK = 1024 * 1024
_CHUNK = 16 * 1024 * 1024
_MAX_ENTRY_HEAD = 30  # Three variable-length integers.


class PartialTable:
    """A table that is read block by block.

    Opening it reads the footer and the index block. The data blocks must lie one behind another, as table builders
    write them, so that reading all of them reads no byte twice.

    Attributes:
      blocks: The data blocks, in the order of their keys.
    """

    def __init__(self, read: Callable[[int, int], bytes], size: int):
        """Opens a table.

        Args:
          read: Returns the bytes of the file from an offset, as many as the second argument says.
          size: The size of the file in bytes.

        Raises:
          TableError: If the footer or the index block is damaged.
        """
        self._read = read
        tail_start = max(size - _TAIL_SIZE, 0)
        tail = self._read_exactly(tail_start, size - tail_start)
        try:
            offset, index_size = index_handle(tail)
            if offset + index_size + TRAILER_SIZE > size - FOOTER_SIZE:
                raise TableError('the index block reaches beyond the end')
            if offset >= tail_start:
                start = offset - tail_start
                stored = tail[start : start + index_size + TRAILER_SIZE]
            else:
                stored = self._read_exactly(offset, index_size + TRAILER_SIZE)
            index = open_block(stored, offset)
            self.blocks = list(data_blocks(index, offset))
        except TableError:
            raise
        except (ValueError, IndexError, struct.error) as error:
            raise TableError(str(error)) from error

    def find(self, key: bytes) -> int | None:
        """Returns the number of the only block that can hold `key`, or None if none can."""
        number = bisect.bisect_left(self.blocks, key, key=operator.attrgetter('last_key'))
        return number if number < len(self.blocks) else None

    def items(self, number: int) -> list[tuple[bytes, memoryview]]:
        """Reads one block, checks its checksum, and returns its keys and values.

        Args:
          number: The position of the block in `blocks`.

        Raises:
          TableError: If the block is damaged.
        """
        _, offset, size = self.blocks[number]
        stored = self._read_exactly(offset, size + TRAILER_SIZE)
        try:
            return block_items(open_block(stored, offset))
        except TableError:
            raise
        except (ValueError, IndexError, struct.error) as error:
            raise TableError(str(error)) from error

    def first_item(self) -> tuple[bytes, bytes, bool]:
        """Reads the first key and value, without reading much of what follows.

        Returns:
          The key, the value, and True if the checksum over them was checked. It is not where the block is large and
          not compressed; `check_block` checks it.

        Raises:
          TableError: If the table has no entry or the block is damaged.
        """
        if not self.blocks:
            raise TableError('it is an empty table')
        _, offset, size = self.blocks[0]
        if size <= _SMALL_BLOCK or self._read_exactly(offset + size, 1)[0] != UNCOMPRESSED:
            items = self.items(0)
            if not items:
                raise TableError('its first block is empty')
            key, value = items[0]
            return key, bytes(value), True
        head = self._read_exactly(offset, _MAX_ENTRY_HEAD)
        try:
            shared, position = varint.decode(head, 0)
            key_size, position = varint.decode(head, position)
            value_size, position = varint.decode(head, position)
        except ValueError as error:
            raise TableError(str(error)) from error
        if shared or position + key_size + value_size > size:
            raise TableError(BEYOND)
        entry = self._read_exactly(offset + position, key_size + value_size)
        return entry[:key_size], entry[key_size:], False

    def check_block(self, number: int) -> None:
        """Checks the checksum of one block, which is read piece by piece.

        Args:
          number: The position of the block in `blocks`.

        Raises:
          TableError: If it does not match.
        """
        _, offset, size = self.blocks[number]
        crc, position, end = 0, offset, offset + size + 1
        while position < end:
            piece = self._read_exactly(position, min(end - position, _CHUNK))
            crc = checksums.crc32c(piece, crc)
            position += len(piece)
        check_block(crc, self._read_exactly(end, 4), offset)

    def _read_exactly(self, offset: int, size: int) -> bytes:
        data = self._read(offset, size)
        if len(data) != size:
            raise TableError(f'it is cut off: {len(data)} of {size} bytes could be read at byte {offset}')
        return data
