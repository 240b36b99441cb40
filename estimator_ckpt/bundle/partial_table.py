"""Reads a sorted string table block by block, where its values are too many bytes to be read whole."""

import bisect
import contextlib
import operator
import struct
from collections.abc import Iterator

import numpy as np

from estimator_ckpt.bundle import varint
from estimator_ckpt.bundle.checked_reading import Range, range_checksums, read_checked
from estimator_ckpt.bundle.files import Files
from estimator_ckpt.bundle.table import (
    BEYOND,
    FOOTER_SIZE,
    TRAILER_SIZE,
    UNCOMPRESSED,
    TableError,
    block_contents,
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
# Consecutive blocks of up to this many bytes are read together; they stay in the cache of the processor.
_STRETCH = 4 * 1024 * 1024
_MAX_ENTRY_HEAD = 30  # Three variable-length integers.


class PartialTable:
    """A table that is read block by block.

    Opening it reads the footer and the index block. The data blocks must lie one behind another, as table builders
    write them, so that reading all of them reads no byte twice.

    Attributes:
      blocks: The data blocks, in the order of their keys.
    """

    def __init__(self, files: Files, path: str, size: int):
        """Opens a table.

        Args:
          files: The operations of the file system.
          path: The file.
          size: The size of the file in bytes.

        Raises:
          TableError: If the footer or the index block is damaged.
        """
        self._files, self._path = files, path
        tail_start = max(size - _TAIL_SIZE, 0)
        tail = self._read_exactly(tail_start, size - tail_start)
        with _parsing():
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
        stretch = range(number, number + 1)
        [items] = self.items_of(stretch, np.empty(self.memory_of(stretch), np.uint8))
        if isinstance(items, TableError):
            raise items
        return items

    def stretches(self) -> Iterator[range]:
        """Yields the positions in `blocks` of consecutive blocks that are worth reading together."""
        start = 0
        for number, block in enumerate(self.blocks):
            if number > start and block.offset + block.size - self.blocks[start].offset > _STRETCH:
                yield range(start, number)
                start = number
        if self.blocks:
            yield range(start, len(self.blocks))

    def memory_of(self, stretch: range) -> int:
        """Returns how many bytes of memory consecutive blocks are read into.

        Args:
          stretch: The positions of the blocks in `blocks`.
        """
        last = self.blocks[stretch[-1]]
        return last.offset + last.size + TRAILER_SIZE - self.blocks[stretch[0]].offset

    def items_of(
        self, stretch: range, memory: np.ndarray
    ) -> Iterator[list[tuple[bytes, memoryview]] | TableError]:
        """Reads consecutive blocks, and checks their checksums.

        Args:
          stretch: The positions of the blocks in `blocks`.
          memory: Memory of as many bytes as `memory_of` returns, which the values may be parts of.

        Yields:
          The keys and values of each block, or what is wrong with it.
        """
        start = self.blocks[stretch[0]].offset
        alone = len(stretch) == 1 and len(memory) > _STRETCH
        count = 0 if alone else self._files.read_into(self._path, start, memory.data)
        for number in stretch:
            _, offset, size = self.blocks[number]
            try:
                with _parsing():
                    if alone:
                        block = self._large_block(offset, size, memory[: size + 1])
                    else:
                        stored = memory[offset - start : min(offset - start + size + TRAILER_SIZE, count)]
                        self._check_count(len(stored), size + TRAILER_SIZE, offset)
                        stored.flags.writeable = False
                        block = open_block(stored.data, offset)
                    items = block_items(block)
            except TableError as error:
                yield error
            else:
                yield items

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
        with _parsing():
            shared, position = varint.decode(head, 0)
            key_size, position = varint.decode(head, position)
            value_size, position = varint.decode(head, position)
        if shared or position + key_size + value_size > size:
            raise TableError(BEYOND)
        entry = self._read_exactly(offset + position, key_size + value_size)
        return entry[:key_size], entry[key_size:], False

    def check_block(self, number: int) -> None:
        """Checks the checksum of one block, without holding it in memory.

        Args:
          number: The position of the block in `blocks`.

        Raises:
          TableError: If it does not match.
        """
        _, offset, size = self.blocks[number]
        (crc,) = range_checksums(self._files, [Range(self._path, offset, size + 1)])
        self._compare(crc, offset, size)

    def _large_block(self, offset: int, size: int, stored: np.ndarray) -> memoryview:
        """Reads a block into memory and checks its checksum with the cores that there are."""
        count, crc = read_checked(self._files, self._path, offset, stored)
        self._check_count(count, len(stored), offset)
        self._compare(crc, offset, size)
        return block_contents(stored.data[:size], int(stored[size]), offset)

    def _compare(self, crc: int, offset: int, size: int) -> None:
        """Compares the checksum of a block and its compression type with the one behind them."""
        check_block(crc, self._read_exactly(offset + size + 1, 4), offset)

    def _read_exactly(self, offset: int, size: int) -> bytes:
        data = self._files.read(self._path, offset, size)
        self._check_count(len(data), size, offset)
        return data

    @staticmethod
    def _check_count(count: int, size: int, offset: int) -> None:
        if count != size:
            raise TableError(f'it is cut off: {count} of {size} bytes could be read at byte {offset}')


@contextlib.contextmanager
def _parsing() -> Iterator[None]:
    """Raises all errors that bytes can cause as a `TableError`."""
    try:
        yield
    except TableError:
        raise
    except (ValueError, IndexError, struct.error) as error:
        raise TableError(str(error)) from error
