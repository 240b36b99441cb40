"""Tests that damaged and hostile checkpoints raise a checkpoint error, and take no memory for what they claim."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from estimator_ckpt.bundle import table
from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.slices import encode_key, parse_spec
from tests.bundle.helpers import (
    entry,
    index_of,
    properties,
    save,
    sliced_entry,
    strings,
    temporary_prefix,
    write_by_hand,
    write_file,
)

FLOAT, STRING = 1, 7
HUGE = 1 << 62


@pytest.fixture
def prefix(tmp_path):
    values = {'layer/a': np.ones(2, np.float32), 'layer/b': strings(b'text'), 'v': np.ones((5, 4), np.int8)}
    return save(tmp_path / 'model', values, {'v': '10 4 0,5:-'})


def short(message):
    return str(message)[:40].replace('\n', ' ')


def use(prefix):
    """Opens a checkpoint and uses it in every way; gives the errors that are not about the checkpoint as a whole."""
    reader = BundleReader(prefix)
    errors = []
    for action in (reader.keys, reader.check_data_files):
        try:
            action()
        except CheckpointError as error:
            errors.append(error)
    for key in reader.raw:
        for verify in (False, True):
            try:
                reader.tensor(key.decode('utf-8', 'surrogateescape'), verify)
            except CheckpointError as error:
                errors.append(error)
    return errors


def test_an_index_cut_off_at_any_length_is_corrupt(prefix):
    raw = index_of(prefix)
    for length in range(len(raw)):
        write_file(f'{prefix}.index', raw[:length])
        with pytest.raises(CorruptCheckpointError, match=r'model\.index.*copy'):
            BundleReader(prefix)


def test_a_changed_bit_anywhere_in_an_index_is_an_error_or_changes_nothing(prefix):
    raw = index_of(prefix)
    expected = BundleReader(prefix).raw
    found = 0
    for position in range(len(raw)):
        for bit in range(8):
            write_file(
                f'{prefix}.index', raw[:position] + bytes([raw[position] ^ 1 << bit]) + raw[position + 1 :]
            )
            try:
                # What names no block, such as the footer's padding, may change.
                assert BundleReader(prefix).raw == expected
            except CorruptCheckpointError:
                found += 1
    assert found > 8 * (len(raw) - 64)


@properties(300)
@hypothesis.given(st.binary(max_size=200), st.booleans())
def test_garbage_is_a_corrupt_index(garbage, with_magic):
    with temporary_prefix() as prefix:
        write_file(f'{prefix}.index', garbage + b'\x57\xfb\x80\x8b\x24\x75\x47\xdb' * with_magic)
        with pytest.raises(CorruptCheckpointError, match='not a readable checkpoint index'):
            BundleReader(prefix)


def test_a_git_lfs_pointer_is_named_as_such(prefix):
    pointer = b'version https://git-lfs.github.com/spec/v1\noid sha256:' + b'0' * 64 + b'\nsize 4321\n'
    write_file(f'{prefix}.index', pointer)
    with pytest.raises(CorruptCheckpointError, match=r'model\.index.*Git LFS pointer: run `git lfs pull`'):
        BundleReader(prefix)


def test_an_empty_index_is_corrupt(prefix):
    write_file(f'{prefix}.index', b'')
    with pytest.raises(CorruptCheckpointError, match='0 bytes'):
        BundleReader(prefix)


def test_a_table_without_a_header_is_corrupt(prefix):
    write_file(f'{prefix}.index', table.build_table([(b'a', b'b')]))
    with pytest.raises(CorruptCheckpointError, match='no header'):
        BundleReader(prefix)


def test_a_header_that_does_not_parse_is_corrupt(prefix):
    write_file(f'{prefix}.index', table.build_table([(b'', b'\xff\xff')]))
    with pytest.raises(CorruptCheckpointError, match="entry of '' does not parse"):
        BundleReader(prefix)


@pytest.mark.parametrize('num_shards', [0, -1, 100_001, 2**31 - 1])
def test_an_impossible_number_of_shards_is_corrupt(tmp_path, no_big_memory, num_shards):
    with pytest.raises(CorruptCheckpointError, match=f'claims {num_shards} shards'):
        BundleReader(write_by_hand(tmp_path / 'model', {}, num_shards=num_shards))


def test_an_index_of_a_newer_format_is_refused(tmp_path):
    with pytest.raises(CorruptCheckpointError, match='reader of version 2'):
        BundleReader(write_by_hand(tmp_path / 'model', {}, version={'producer': 2, 'min_consumer': 2}))


@pytest.mark.parametrize(
    'bad',
    [
        b'\xff',
        entry(FLOAT, (2,), b'1234'),
        entry(FLOAT, (-1,), b'1234'),
        entry(FLOAT, (-1, -1), b'1234'),
        entry(FLOAT, (HUGE, HUGE), b'1234'),
        entry(FLOAT, (HUGE,), size=HUGE),
        entry(FLOAT, (1,), b'1234', shard_id=1),
        entry(FLOAT, (1,), b'1234', shard_id=-1),
        entry(FLOAT, (1,), b'1234', offset=-1),
        entry(FLOAT, (1,), b'1234', size=-1),
        entry(STRING, (1,), b'1234', size=-1),
        sliced_entry(FLOAT, '4 0,5'),
        sliced_entry(FLOAT, '4 2,3'),
        sliced_entry(FLOAT, '4 -1,2'),
        sliced_entry(FLOAT, '4 0,-2'),
        sliced_entry(FLOAT, '4 4 0,4'),
    ],
    ids=short,
)
def test_an_entry_that_cannot_be_is_corrupt(tmp_path, no_big_memory, bad):
    prefix = write_by_hand(tmp_path / 'model', {b'x': bad}, b'1234')
    with pytest.raises(
        CorruptCheckpointError, match=r"model\.index is damaged: the entry of 'x' .*; restore"
    ):
        BundleReader(prefix).entry('x')
    assert use(prefix)


@pytest.mark.parametrize(
    'bad',
    [
        entry(FLOAT, (1 << 40,), size=1 << 42),
        entry(FLOAT, (1,), b'1234', offset=1),
        entry(FLOAT, (1,), b'1234', offset=HUGE),
        entry(FLOAT, (1,), b'1234', offset=2**63 - 1),
        entry(FLOAT, (HUGE, HUGE, 0)),
        entry(FLOAT, (1,) * 100, b'1234'),
        entry(STRING, (HUGE,), b'1234'),
        entry(STRING, (1,), b'1234', size=1 << 50),
        entry(STRING, (1,), b'\xff' * 9 + b'\1'),
        entry(STRING, (HUGE, HUGE, 0), b'1234'),
        entry(0, (1,), b'1234'),
        entry(99, (HUGE,), size=HUGE),
        sliced_entry(FLOAT, f'{HUGE} {HUGE} 0,1:0,1'),
    ],
    ids=short,
)
def test_a_tensor_that_cannot_be_is_an_error(tmp_path, no_big_memory, bad):
    prefix = write_by_hand(tmp_path / 'model', {b'x': bad}, b'1234')
    with pytest.raises(CheckpointError, match="model.*'x'"):
        BundleReader(prefix).tensor('x')
    assert use(prefix)


def test_a_rank_that_cannot_be_is_refused_before_it_costs_time(tmp_path):
    # The product of that many extents alone would take minutes.
    prefix = write_by_hand(tmp_path / 'model', {b'x': entry(FLOAT, (HUGE,) * 100_000, b'1234')}, b'1234')
    with pytest.raises(CorruptCheckpointError, match="'x' has the impossible rank 100000"):
        BundleReader(prefix).entry('x')


RANK_100 = f'{"1 " * 100}{"-:" * 99}-'


@pytest.mark.parametrize(
    ('dtype', 'spec', 'piece'),
    [
        # The slice claims what no data file holds.
        (FLOAT, f'{1 << 40} -', entry(FLOAT, (1 << 40,), size=1 << 42)),
        (STRING, f'{1 << 40} -', entry(STRING, (1 << 40,), b'1234')),
        # No elements or one, and yet no array that NumPy makes.
        (FLOAT, f'0 {HUGE} {HUGE} 0,0:-:-', entry(FLOAT, (0, HUGE, HUGE))),
        (FLOAT, RANK_100, entry(FLOAT, (1,) * 100, b'1234')),
        # Another type or shape than the whole has.
        (FLOAT, '1 -', entry(3, (1,), b'1234')),
        (FLOAT, '1 -', entry(FLOAT, (1, 1), b'1234')),
        (FLOAT, '1 -', entry(FLOAT, (), b'1234')),
        # A slice of a slice, and none.
        (FLOAT, '1 -', sliced_entry(FLOAT, '1 -')),
        (FLOAT, '1 -', b'\xff'),
    ],
)
def test_a_slice_that_cannot_be_is_an_error(tmp_path, no_big_memory, dtype, spec, piece):
    entries = {b'x': sliced_entry(dtype, spec), encode_key(b'x', parse_spec(spec)[1]): piece}
    prefix = write_by_hand(tmp_path / 'model', entries, b'1234')
    with pytest.raises(CorruptCheckpointError, match="model.*'x'|model.*x00x"):
        BundleReader(prefix).tensor('x')
    use(prefix)


def test_a_slice_without_data_is_an_error(tmp_path):
    prefix = write_by_hand(tmp_path / 'model', {b'x': sliced_entry(FLOAT, '4 0,4')})
    with pytest.raises(CorruptCheckpointError, match="'x' has no entry"):
        BundleReader(prefix).tensor('x')


def test_a_slice_named_many_times_does_not_stand_for_many(tmp_path, no_big_memory):
    int8, size = 6, 1 << 20
    spec = f'{size << 13} 0,{size}'
    piece = entry(int8, (size,), bytes(size))
    entries = {b'x': sliced_entry(int8, *[spec] * (1 << 13)), encode_key(b'x', ((0, size),)): piece}
    with pytest.raises(CorruptCheckpointError, match="slices of 'x' do not cover it"):
        BundleReader(write_by_hand(tmp_path / 'model', entries, bytes(size))).tensor('x')


numbers = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-2, 8)
small = st.integers(-(1 << 31), (1 << 31) - 1) | st.integers(-1, 30)
plain_entries = st.builds(
    entry,
    small,
    st.lists(numbers, max_size=3),
    shard_id=small,
    offset=numbers,
    size=numbers,
    crc32c=st.just(0),
)


@properties(300)
@hypothesis.given(
    st.dictionaries(st.binary(min_size=1, max_size=4), plain_entries | st.binary(max_size=20)),
    st.binary(max_size=20),
)
def test_entries_of_any_contents_are_read_or_raise_a_checkpoint_error(entries, data):
    with temporary_prefix() as prefix:
        use(write_by_hand(prefix, entries, data))
