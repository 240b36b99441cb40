"""Tests tables that are read block by block, against tables read whole."""

import struct

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from estimator_ckpt.bundle import checksums, table, varint
from estimator_ckpt.bundle.files import LocalFiles
from estimator_ckpt.bundle.partial_table import PartialTable
from estimator_ckpt.bundle.table import TableError
from tests.bundle.helpers import properties


class Stored(LocalFiles):
    """A file in memory that notes how many bytes are read of it."""

    def __init__(self, raw):
        self.raw, self.count = raw, 0

    def open(self):
        return PartialTable(self, 'table', len(self.raw))

    def read(self, path, offset=0, size=None):
        data = self.raw[offset : offset + size]
        self.count += len(data)
        return data

    def read_into(self, path, offset, buffer):
        data = self.read(path, offset, len(buffer))
        buffer[: len(data)] = data
        return len(data)


def all_items(found):
    return [(key, bytes(value)) for number in range(len(found.blocks)) for key, value in found.items(number)]


def with_trailer(contents, kind=0):
    stored = contents + bytes([kind])
    return stored + struct.pack('<I', checksums.mask(checksums.crc32c(stored)))


def table_of_handles(*handles, body=b''):
    """A table whose index block lists blocks by last key, offset and size."""
    index = b''
    for key, offset, size in handles:
        handle = varint.encode(offset) + varint.encode(size)
        index += bytes((0, len(key), len(handle))) + key + handle
    index += bytes(4) + b'\1\0\0\0'
    footer = b'\0\0' + varint.encode(len(body)) + varint.encode(len(index))
    return body + with_trailer(index) + footer.ljust(40, b'\0') + struct.pack('<Q', table.MAGIC)


@properties(200)
@hypothesis.given(st.dictionaries(st.binary(max_size=20), st.binary(max_size=300), max_size=20))
def test_all_blocks_hold_what_the_table_holds(items):
    raw = table.build_table(sorted(items.items()))
    assert all_items(Stored(raw).open()) == list(table.read_table(raw)) == sorted(items.items())


@pytest.mark.parametrize('count', [1, 5, 40])
def test_a_key_is_found_in_the_one_block_that_is_read(count):
    items = {b'key%05d' % number: bytes([number]) * 100_000 for number in range(count)}
    stored = Stored(table.build_table(items.items()))
    found = stored.open()
    for key, value in items.items():
        stored.count = 0
        assert dict(found.items(found.find(key)))[key] == value
        assert stored.count < 400_000
    missing = found.find(b'key00000a')
    assert missing is None or b'key00000a' not in dict(found.items(missing))
    assert found.find(b'zzz') is None


def test_an_index_block_that_is_longer_than_what_is_read_first_is_read():
    items = [(b'%08d' % number + b'k' * 3000, b'v' * 200_000) for number in range(60)]
    stored = Stored(table.build_table(items))
    found = stored.open()
    assert stored.count > 64 * 1024
    assert all_items(found) == items


@pytest.mark.parametrize(('size', 'checked'), [(10, True), (1_000_000, True), (2_000_000, False)])
def test_the_first_value_is_read_without_a_large_block(size, checked):
    items = [(b'', b'first'), (b'a', b'v' * size)]
    stored = Stored(table.build_table(items))
    found = stored.open()
    assert found.first_item() == (b'', b'first', checked)
    assert checked or stored.count < 70_000


def test_the_checksum_of_a_large_block_is_checked_apart():
    items = [(b'', b'first'), (b'a', b'v' * 2_000_000)]
    raw = bytearray(table.build_table(items))
    Stored(raw).open().check_block(0)
    raw[1_000_000] ^= 1
    found = Stored(bytes(raw)).open()
    assert found.first_item()[1] == b'first'
    for check in (found.check_block, found.items):
        with pytest.raises(TableError, match='checksum of the block at byte 0'):
            check(0)


@pytest.mark.parametrize(
    ('handles', 'fault'),
    [
        ([(b'a', 0, 100), (b'b', 50, 100)], 'overlaps'),
        ([(b'a', 0, 100), (b'b', 0, 100)], 'overlaps'),
        ([(b'a', 0, 100), (b'b', 104, 50)], 'overlaps'),
        ([(b'a', 200, 100), (b'b', 0, 100)], 'overlaps'),
        ([(b'a', 0, 996)], 'overlaps'),
        ([(b'a', 0, 1 << 62)], 'overlaps'),
        ([(b'a', 1 << 63, 1 << 63)], 'overlaps'),
        ([(b'b', 0, 100), (b'a', 200, 100)], 'do not ascend'),
        ([(b'a', 0, 100), (b'a', 200, 100)], 'do not ascend'),
    ],
)
def test_blocks_that_overlap_or_whose_keys_do_not_ascend_are_refused(handles, fault):
    with pytest.raises(TableError, match=fault):
        Stored(table_of_handles(*handles, body=bytes(1000))).open()


@pytest.mark.parametrize('length', [0, 1, 47, 48, 200])
def test_a_table_that_is_cut_off_is_refused(length):
    raw = table.build_table([(b'a', b'b' * 300)])
    with pytest.raises(TableError):
        Stored(raw[:length]).open()


def test_a_file_that_got_shorter_since_it_was_opened_is_refused():
    stored = Stored(table.build_table([(b'a', b'b' * 300)]))
    found = stored.open()
    stored.raw = stored.raw[:100]
    with pytest.raises(TableError, match='cut off: 100 of'):
        found.items(0)


def in_stretches(found):
    """Returns the positions of the blocks that are read together, and for each block its items or its fault."""
    stretches = list(found.stretches())
    blocks = []
    for stretch in stretches:
        for items in found.items_of(stretch, np.empty(found.memory_of(stretch), np.uint8)):
            blocks.append(
                str(items) if isinstance(items, TableError) else [(key, bytes(value)) for key, value in items]
            )
    return stretches, blocks


class TestStretches:
    @properties(50)
    @hypothesis.given(
        st.dictionaries(
            st.binary(max_size=20), st.sampled_from([0, 300, 200_000, 3_000_000, 5_000_000]), max_size=9
        )
    )
    def test_blocks_read_together_hold_what_the_table_holds(self, sizes):
        items = [(key, bytes([len(key)]) * size) for key, size in sorted(sizes.items())]
        found = Stored(table.build_table(items)).open()
        stretches, blocks = in_stretches(found)
        assert [item for block in blocks for item in block] == items
        assert [number for stretch in stretches for number in stretch] == list(range(len(found.blocks)))

    def test_small_blocks_are_read_at_once(self):
        stored = Stored(table.build_table((b'%05d' % number, bytes(300_000)) for number in range(40)))
        found = stored.open()
        assert [len(stretch) for stretch in found.stretches()] == [13, 13, 13, 1]

    @pytest.mark.parametrize(('damaged', 'size'), [(0, 300_000), (2, 300_000), (1, 5_000_000)])
    def test_a_damaged_block_hides_no_other(self, damaged, size):
        items = [(b'%05d' % number, bytes([number]) * size) for number in range(4)]
        stored = Stored(table.build_table(items))
        offset = stored.open().blocks[damaged].offset
        raw = bytearray(stored.raw)
        raw[offset + 100] ^= 1
        _, blocks = in_stretches(Stored(bytes(raw)).open())
        assert blocks.pop(damaged) == f'the checksum of the block at byte {offset} does not match'
        assert [item for block in blocks for item in block] == items[:damaged] + items[damaged + 1 :]

    @pytest.mark.parametrize('size', [300_000, 5_000_000])
    def test_blocks_before_the_place_where_a_file_got_shorter_are_read(self, size):
        items = [(b'%05d' % number, bytes(size)) for number in range(3)]
        stored = Stored(table.build_table(items))
        found = stored.open()
        stored.raw = stored.raw[: size + 1000]
        _, blocks = in_stretches(found)
        assert blocks[0] == items[:1]
        assert all('it is cut off' in fault for fault in blocks[1:])

    def test_a_compressed_block_that_cannot_be_decompressed_is_a_fault(self):
        body = with_trailer(b'\xff' * 20, kind=1)
        _, blocks = in_stretches(Stored(table_of_handles((b'a', 0, 20), body=body)).open())
        assert len(blocks) == 1
        assert isinstance(blocks[0], str)


def test_a_table_without_blocks_has_no_first_item():
    with pytest.raises(TableError):
        Stored(table.build_table([])).open().first_item()


@properties(300)
@hypothesis.given(st.binary(max_size=120), st.sampled_from([0, 1]))
def test_a_garbage_block_is_a_table_error_or_is_read(block, kind):
    raw = table_of_handles((b'\xff', 0, len(block)), body=with_trailer(block, kind))
    try:
        items = Stored(raw).open().items(0)
    except TableError:
        return
    assert all(isinstance(key, bytes) for key, _ in items)
