"""Tests the sorted string table against the indexes that TensorFlow writes."""

import cramjam
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from estimator_ckpt.bundle import checksums, table, varint
from estimator_ckpt.bundle.reader import BundleReader
from tests.bundle.helpers import (
    assert_same,
    checkpoints,
    first_block,
    index_of,
    merge,
    our_tensors,
    properties,
    save,
    table_of_block,
    temporary_prefix,
    tf_tensors,
    write_file,
)


def rewritten(raw):
    return table.build_table(table.read_table(raw))


@properties(100)
@hypothesis.given(checkpoints())
def test_an_index_of_tensorflow_rewritten_unchanged_has_the_same_bytes(tensors):
    with temporary_prefix() as prefix:
        raw = index_of(save(prefix, tensors))
    assert rewritten(raw) == raw


def test_an_index_of_many_blocks_rewritten_unchanged_has_the_same_bytes(tmp_path):
    noise = np.random.default_rng(0)
    names = [noise.integers(1, 256, 1 + number % 700, np.uint8).tobytes() for number in range(4000)]
    raw = index_of(save(tmp_path / 'model', {name: np.int8(1) for name in names}))
    assert len(raw) > 5 * 256 * 1024
    assert rewritten(raw) == raw


def test_an_index_of_many_neighbouring_keys_rewritten_unchanged_has_the_same_bytes(tmp_path):
    # The separators between blocks depend on where two neighbours differ.
    names = [
        b'scope/' * 40 + bytes([1 + a, 255 - b]) + b'\xff' * (b % 3) for a in range(30) for b in range(200)
    ]
    raw = index_of(save(tmp_path / 'model', {name: np.int8(1) for name in names + [b'\xff', b'\xff\xff']}))
    assert rewritten(raw) == raw


def test_an_index_of_long_keys_and_of_zeros_rewritten_unchanged_has_the_same_bytes(tmp_path):
    # Keys are compared some thousands at once, some bytes of each, the shorter ones filled up with zeros.
    names = [b'scope/' * size + bytes([last]) for size in (42, 43, 90) for last in (1, 2)]
    names += [b'zero' + bytes(count) + end for count in range(5) for end in (b'', b'\1')]
    names += [b'many/%05d' % number for number in range(10_000)]
    raw = index_of(save(tmp_path / 'model', {name: np.int8(1) for name in names}))
    assert rewritten(raw) == raw


@pytest.mark.parametrize('near', range(-4, 5))
def test_an_index_whose_block_is_just_full_rewritten_unchanged_has_the_same_bytes(tmp_path, near):
    # Whether a block ends before the last key depends on each byte: one of these fills it to the last.
    names = [b'a', b'b' * (256 * 1024 - 50 + near), b'c']
    raw = index_of(save(tmp_path / 'model', {name: np.int8(1) for name in names}))
    assert rewritten(raw) == raw


def test_an_index_that_tensorflow_merged_rewritten_unchanged_has_the_same_bytes(tmp_path):
    parts = [save(tmp_path / f'part{n}', {f'a/{n}': np.ones(n), f'b/{n}': np.ones(n)}) for n in range(5)]
    raw = index_of(merge(tmp_path / 'model', *parts))
    assert rewritten(raw) == raw


@properties(200)
@hypothesis.given(st.dictionaries(st.binary(max_size=40), st.binary(max_size=300)))
def test_any_keys_and_values_come_back(items):
    ascending = sorted(items.items())
    assert list(table.read_table(table.build_table(ascending))) == ascending


@pytest.mark.parametrize('size', [0, 127, 128, 16383, 16384, 256 * 1024, 1_000_000])
def test_keys_and_values_of_any_length_come_back(size):
    items = [(b'k' * size, b'v' * size), (b'k' * size + b'l', b'v'), (b'm' + b'k' * size, b'v' * size)]
    assert list(table.read_table(table.build_table(items))) == items


@pytest.mark.parametrize('second', [b'a', b'b'])
def test_keys_that_do_not_ascend_are_refused(second):
    with pytest.raises(ValueError, match="b'b'"):
        table.build_table([(b'b', b''), (second, b'')])


def test_snappy_compressed_blocks_are_read_as_tensorflow_reads_them(tmp_path):
    prefix = save(tmp_path / 'model', {f'layer_{n}/kernel': np.float32(n) for n in range(100)})
    expected = list(table.read_table(index_of(prefix)))
    block = first_block(index_of(prefix))
    write_file(f'{prefix}.index', table_of_block(cramjam.snappy.compress_raw(block), 1))
    assert list(table.read_table(index_of(prefix))) == expected
    assert len(BundleReader(prefix).keys()) == 100
    assert_same(our_tensors(prefix), tf_tensors(prefix))


def test_the_densest_snappy_block_is_read():
    items = [(b'key', b'\0' * 1_000_000)]
    dense = bytes(cramjam.snappy.compress_raw(first_block(table.build_table(items))))
    assert list(table.read_table(table_of_block(dense, 1))) == items


@pytest.mark.parametrize('claim', [10**6, 2**32 - 1, 2**63, 2**64 - 1])
def test_a_snappy_block_that_claims_a_huge_length_is_refused(claim):
    block = varint.encode(claim) + b'\x00a'
    with pytest.raises(table.TableError, match=f'claims to hold {claim}'):
        list(table.read_table(table_of_block(block, 1)))


@properties(200)
@hypothesis.given(st.binary(max_size=100), st.sampled_from([0, 1]) | st.integers(0, 255))
def test_a_garbage_block_of_any_compression_type_raises_a_table_error_or_is_read(block, kind):
    try:
        items = list(table.read_table(table_of_block(block, kind)))
    except table.TableError:
        return
    assert kind in (0, 1)
    assert all(isinstance(part, bytes) for item in items for part in item)


def test_an_unknown_compression_type_is_refused():
    with pytest.raises(table.TableError, match='unknown compression type 4'):
        list(table.read_table(table_of_block(b'whatever', 4)))


@pytest.mark.parametrize('lengths', [b'\1\1\0', b'\0\2\0', b'\0\0\2', b'\0\1\1', b'\0\xff\xff'])
def test_an_entry_that_reaches_beyond_its_block_or_shares_more_than_there_is_is_refused(lengths):
    with pytest.raises(table.TableError, match='entry of a block reaches beyond'):
        list(table.read_table(table_of_block(lengths + b'k' + bytes(4) + b'\1\0\0\0', 0)))


@pytest.mark.parametrize('restarts', [1, 1000, 2**32 - 1])
def test_a_block_that_names_more_restart_points_than_it_has_is_refused(restarts):
    with pytest.raises(table.TableError, match='restart points'):
        list(table.read_table(table_of_block(restarts.to_bytes(4, 'little'), 0)))


@pytest.mark.parametrize('offset', [0, 1000, 2**31, 2**63, 2**64 - 1])
@pytest.mark.parametrize('size', [1000, 2**31, 2**63, 2**64 - 1])
def test_a_footer_that_points_beyond_the_file_is_refused(offset, size):
    handle = varint.encode(offset) + varint.encode(size)
    footer = (b'\0\0' + handle).ljust(40, b'\0') + table.MAGIC.to_bytes(8, 'little')
    with pytest.raises(table.TableError, match='reaches beyond the end'):
        list(table.read_table(bytes(500) + footer))


def test_a_block_whose_shared_keys_would_fill_the_memory_is_refused():
    # Each entry of six bytes would make a key of 100,000 bytes.
    key = b'k' * 100_000
    block = b'\0' + varint.encode(len(key)) + b'\0' + key
    for number in range(50_000):
        block += varint.encode(len(key) - 2) + b'\x02\0' + number.to_bytes(2, 'big')
    block += bytes(4) + b'\1\0\0\0'
    with pytest.raises(table.TableError, match='keys'):
        list(table.read_table(table_of_block(block, 0)))


def table_of_handles(body, *handles):
    """A table whose index block lists blocks by last key, offset and size."""
    index = b''
    for key, offset, size in handles:
        handle = varint.encode(offset) + varint.encode(size)
        index += bytes((0, len(key), len(handle))) + key + handle
    index += bytes(4) + b'\1\0\0\0'
    empty = first_block(table.build_table([]))
    out = bytearray(body)
    footer = varint.encode(len(out)) + varint.encode(len(empty))
    out += _stored(empty)
    footer += varint.encode(len(out)) + varint.encode(len(index))
    out += _stored(index)
    return bytes(out) + footer.ljust(40, b'\0') + table.MAGIC.to_bytes(8, 'little')


def _stored(contents):
    contents += b'\0'
    return contents + checksums.mask(checksums.crc32c(contents)).to_bytes(4, 'little')


BLOCK = first_block(table.build_table([(b'key', b'value' * 10_000)]))
END = len(BLOCK) + table.TRAILER_SIZE


def test_a_table_whose_blocks_lie_one_behind_another_is_read():
    raw = table_of_handles(_stored(BLOCK) * 2, (b'l', 0, len(BLOCK)), (b'm', END, len(BLOCK)))
    assert len(list(table.read_table(raw))) == 2


def test_a_block_that_an_index_names_many_times_is_read_once():
    # Each of 100,000 names would cost the time of the whole block.
    names = [(b'%06d' % number, 0, len(BLOCK)) for number in range(100_000)]
    with pytest.raises(table.TableError, match='block at byte 0 overlaps another'):
        list(table.read_table(table_of_handles(_stored(BLOCK), *names)))


@pytest.mark.parametrize(
    'handles',
    [[(b'a', END, len(BLOCK)), (b'b', 0, len(BLOCK))], [(b'a', 0, len(BLOCK)), (b'b', 1, len(BLOCK))]],
)
def test_blocks_in_another_order_or_that_overlap_are_refused(handles):
    with pytest.raises(table.TableError, match='overlaps another'):
        list(table.read_table(table_of_handles(_stored(BLOCK) * 2, *handles)))


def test_a_snappy_bomb_is_refused_before_it_is_decompressed(no_big_memory):
    # A literal of one byte, then copies of 64 bytes at the distance 1: the densest that snappy can be.
    copies = (65 << 20) // 64
    bomb = varint.encode(1 + 64 * copies) + b'\0\0' + b'\xfe\1\0' * copies
    raw = table_of_block(bomb, 1)
    del bomb
    with pytest.raises(table.TableError, match=f'claims to hold {1 + 64 * copies}'):
        list(table.read_table(raw))


def test_a_snappy_block_too_large_for_the_memory_is_a_table_error(monkeypatch):
    def no_memory(block):
        raise MemoryError

    monkeypatch.setattr(cramjam.snappy, 'decompress_raw', no_memory)
    with pytest.raises(table.TableError, match='too many for the memory'):
        list(table.read_table(table_of_block(varint.encode(1) + b'\0a', 1)))


@pytest.mark.parametrize('entry', [b'\0\0\0', b'\x7f\1\0k', b'\0\1\0k'])
def test_a_compressed_block_of_millions_of_equal_entries_is_refused(no_big_memory, entry):
    # Three bytes of a file for each 64 of the block, of which each entry takes three or four and hundreds in memory.
    first = b'\0\x7f\0' + b'k' * 127
    contents = first + entry * (8_000_000 // len(entry)) + bytes(4) + b'\1\0\0\0'
    raw = table_of_block(bytes(cramjam.snappy.compress_raw(contents)), 1)
    assert len(raw) < len(contents) / 20
    with pytest.raises(table.TableError, match='keys of a block do not ascend'):
        list(table.read_table(raw))
