"""Reads one file of a V1 checkpoint: the header, and the records of slices when they are requested."""

import itertools
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

from estimator_ckpt.bundle import parallel, slices
from estimator_ckpt.bundle.entries import decode_key
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError, damaged
from estimator_ckpt.bundle.files import Files
from estimator_ckpt.bundle.partial_table import PartialTable
from estimator_ckpt.bundle.slices import Slice
from estimator_ckpt.bundle.table import TableError
from estimator_ckpt.formats import detect, v1_messages
from estimator_ckpt.formats.v1_messages import HeaderTensor, MessageError, Record

_CACHE_SIZE = 32 * 1024 * 1024
# Records of up to this many bytes are kept even if their block is too large to keep.
_SMALL_RECORD = 64 * 1024
# TensorFlow writes to a file with such a name, and renames it at the end.
_UNFINISHED = re.compile(r'\.tempstate\d+$')

# The name and the slice of a record, or None in place of those that cannot be read; and what is wrong.
_Found = tuple[tuple[bytes, Slice] | None, str]


class BlockCache:
    """The blocks that were read last, which saves reading a block with many small tensors for each of them.

    Several threads may use a cache at the same time.
    """

    def __init__(self, capacity: int = _CACHE_SIZE):
        """Creates an empty cache.

        Args:
          capacity: The greatest number of bytes of records that are kept.
        """
        self._capacity, self._size = capacity, 0
        # The value of a record that is not kept is None.
        self._blocks: OrderedDict[object, dict[bytes, memoryview | None]] = OrderedDict()
        self._lock = threading.Lock()

    def value(
        self, block: object, key: bytes, load: Callable[[], dict[bytes, memoryview]]
    ) -> memoryview | None:
        """Returns the value of a key in a block; None if the block does not have the key.

        Args:
          block: A hashable object that identifies the block.
          key: The key.
          load: A function that reads the block.
        """
        with self._lock:
            kept = self._blocks.get(block)
            if kept is not None:
                self._blocks.move_to_end(block)
        if kept is not None and (key not in kept or kept[key] is not None):
            return kept.get(key)
        values = load()
        self._keep(block, values)
        return values.get(key)

    def _keep(self, block: object, values: dict[bytes, memoryview]) -> None:
        kept: dict[bytes, memoryview | None] = dict(values)
        if _size(values) > self._capacity // 2:
            # Small records are copied, because parts of a block keep the whole block in memory.
            kept = {
                key: memoryview(bytes(value)) if len(value) <= _SMALL_RECORD else None
                for key, value in values.items()
            }
        with self._lock:
            self._size += _size(kept) - _size(self._blocks.pop(block, {}))
            self._blocks[block] = kept
            while self._size > self._capacity and self._blocks:
                self._size -= _size(self._blocks.popitem(last=False)[1])


def _size(values: Mapping[bytes, memoryview | None]) -> int:
    """Returns the number of bytes of records."""
    return sum(len(key) + len(value or b'') for key, value in values.items())


class V1File:
    """One file of a V1 checkpoint.

    Attributes:
      path: The path of the file.
      size: The size in bytes.
      tensors: The tensors in the header, in its order.
    """

    def __init__(self, path: str, files: Files, cache: BlockCache):
        """Reads the header.

        Args:
          path: The path of the file.
          files: The operations of the file system.
          cache: The cache for blocks.

        Raises:
          CheckpointNotFoundError: If the file is missing.
          CorruptCheckpointError: If the file is damaged or is not a V1 checkpoint.
        """
        if not files.exists(path) or files.is_dir(path):
            raise CheckpointNotFoundError(
                f'{path}, a file of a V1 checkpoint, is missing; copy it there, or use another checkpoint.'
            )
        self.path, self.size = path, files.size(path)
        self._cache = cache
        try:
            self._table = PartialTable(files, path, self.size)
            self.tensors, self._header_checked = self._read_header()
        except (TableError, MessageError) as error:
            raise self._unreadable(error) from error

    def _read_header(self) -> tuple[list[HeaderTensor], bool]:
        key, value, checked = self._table.first_item()
        if key:
            raise MessageError('it has no header')
        return v1_messages.read_header(value), checked

    def _unreadable(self, error: Exception) -> CorruptCheckpointError:
        kind = detect.detect(self.path)
        if _UNFINISHED.search(self.path):
            return CorruptCheckpointError(
                f'{self.path} is an unfinished write of a V1 checkpoint, left by a writer that was stopped; use '
                'another checkpoint.'
            )
        if kind not in (detect.FileKind.V1_CHECKPOINT, detect.FileKind.UNKNOWN):
            return CorruptCheckpointError(detect.advice(self.path, kind))
        return CorruptCheckpointError(
            f'{self.path} is not a readable V1 checkpoint: {error}; restore the file from a copy, or use another '
            'checkpoint.'
        )

    def record(self, name: bytes, part: Slice) -> Record:
        """Reads the record of a slice. The checksum of its block is checked.

        Args:
          name: The name of the tensor as stored.
          part: The slice as listed in the header.

        Raises:
          CorruptCheckpointError: If the record is missing or damaged.
        """
        self._check_header()
        key = slices.encode_key(name, part)
        number = self._table.find(key)
        value = None
        if number is not None:
            value = self._cache.value((self.path, number), key, lambda: dict(self._items(number)))
        if value is None:
            raise damaged(self.path, f'the record of {decode_key(name)!r}, slice {part}, is missing')
        return self._record(key, value)

    def check_records(
        self, check: Callable[[Record], str]
    ) -> Iterator[tuple[int, tuple[bytes, Slice] | None, str]]:
        """Reads the whole file, a few blocks at a time.

        Args:
          check: Returns what is wrong with a record, or an empty string. It is called in other threads, and keeps
            nothing of the record.

        Yields:
          The number of bytes that were read since the previous item; the name and the slice of a record, or None in
          place of those that cannot be read; and what is wrong.
        """
        table, buffers = self._table, parallel.Buffers()

        def check_block(items: list[tuple[bytes, memoryview]] | TableError) -> list[_Found]:
            if isinstance(items, TableError):
                return [(None, str(damaged(self.path, str(items))))]
            found: list[_Found] = []
            try:
                for key, value in items:
                    if key:
                        record = self._record(key, value)
                        found.append(((record.name, record.part), check(record)))
            except CorruptCheckpointError as error:
                found.append((None, str(error)))
            return found

        def check_stretch(stretch: range) -> list[list[_Found]]:
            with buffers.of(table.memory_of(stretch)) as memory:
                return list(map(check_block, table.items_of(stretch, memory)))

        stretches = list(table.stretches())
        checked = parallel.in_order(check_stretch, stretches, table.memory_of)
        for number, found in enumerate(itertools.chain.from_iterable(checked)):
            size = table.blocks[number].size
            for record, problem in found:
                yield size, record, problem
                size = 0

    def _check_header(self) -> None:
        """Checks the checksum of the block with the header, if only the beginning of it has been read."""
        if not self._header_checked:
            try:
                self._table.check_block(0)
            except TableError as error:
                raise damaged(self.path, str(error)) from error
            self._header_checked = True

    def _items(self, number: int) -> list[tuple[bytes, memoryview]]:
        try:
            return self._table.items(number)
        except TableError as error:
            raise damaged(self.path, str(error)) from error

    def _record(self, key: bytes, value: memoryview) -> Record:
        try:
            record = v1_messages.read_record(value)
            if slices.encode_key(record.name, record.part) != key:
                raise MessageError(f'it names {decode_key(record.name)!r}, slice {record.part}')
        except (MessageError, OverflowError) as error:
            raise damaged(self.path, f'the record under the key {key!r}: {error}') from error
        return record
