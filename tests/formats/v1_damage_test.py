"""Tests that damaged and hostile V1 checkpoints raise a checkpoint error, and take no memory for what they claim."""

import cramjam
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from estimator_ckpt.bundle import slices, table, varint
from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError
from estimator_ckpt.formats.v1 import V1Reader
from tests.bundle.helpers import properties, read_file, strings, table_of_block, temporary_prefix, write_file
from tests.formats.helpers import (
    FLOAT,
    INT32,
    STRING,
    WHOLE,
    encoded,
    faults,
    floats,
    header_tensor,
    items,
    message,
    packed,
    record,
    save_v1,
    write_v1,
)

HUGE = 1 << 62
VALUES = {
    'a': np.arange(6, dtype=np.float32).reshape(2, 3),
    'b': strings(b'text'),
    'c': np.array([-1, 300], np.int32),
}


@pytest.fixture
def path(tmp_path):
    return save_v1(tmp_path / 'model', VALUES)


def is_read_right_or_not_at_all(path, expected):
    """Opens a checkpoint and reads all of it; gives whether anything failed, and fails where a value is another."""
    failed = False
    try:
        reader = V1Reader(path)
        reader.check_data_files()
        list(reader.faults())
    except CheckpointError as error:
        assert str(error).endswith('.')
        return True
    for key in sorted(reader.keys()):
        try:
            value = reader.tensor(key)
        except CheckpointError as error:
            assert 'model' in str(error)
            failed = True
        else:
            assert value.tolist() == expected[key].tolist()
            assert value.dtype == expected[key].dtype
    return failed


def test_a_checkpoint_cut_off_at_any_length_is_corrupt(path):
    raw = read_file(path)
    for length in range(len(raw)):
        write_file(path, raw[:length])
        with pytest.raises(CorruptCheckpointError, match=r'model is .*copy'):
            V1Reader(path)


def test_a_changed_bit_anywhere_is_an_error_or_changes_nothing(path):
    raw = read_file(path)
    found = 0
    for position in range(len(raw)):
        for bit in range(8):
            write_file(path, raw[:position] + bytes([raw[position] ^ 1 << bit]) + raw[position + 1 :])
            found += is_read_right_or_not_at_all(path, VALUES)
    assert found > 8 * (len(raw) - 64)


@properties(300)
@hypothesis.given(st.binary(max_size=200), st.booleans())
def test_garbage_is_corrupt(garbage, with_magic):
    with temporary_prefix() as path:
        write_file(path, garbage + table.MAGIC.to_bytes(8, 'little') * with_magic)
        with pytest.raises(CorruptCheckpointError):
            V1Reader(path)


@properties(300)
@hypothesis.given(
    st.dictionaries(st.binary(max_size=8), st.binary(max_size=60), max_size=4), st.binary(max_size=80)
)
def test_a_table_of_garbage_is_an_error_or_is_read(records, header):
    with temporary_prefix('model') as path:
        write_file(path, table.build_table(sorted({**records, b'': header}.items())))
        try:
            reader = V1Reader(path)
        except CorruptCheckpointError:
            return
        list(reader.faults())


@properties(300)
@hypothesis.given(st.data())
def test_changed_bytes_under_right_checksums_are_a_checkpoint_error_or_are_read(data):
    # What a hostile file can hold: any bytes, with checksums that match.
    block = bytearray(
        table_block(
            header_tensor(b'a', FLOAT, (3,)) + header_tensor(b'b', STRING, (2,)),
            {(b'a', (WHOLE,)): floats(1, 2, 3), (b'b', (WHOLE,)): message(8, b'x') + message(8, b'yz')},
        )
    )
    for _ in range(data.draw(st.integers(1, 3))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    with temporary_prefix('model') as path:
        write_file(path, table_of_block(block, 0))
        try:
            reader = V1Reader(path)
            reader.check_data_files()
        except CorruptCheckpointError:
            return
        list(reader.faults())
        for key in sorted(reader.keys()):
            try:
                assert reader.tensor(key).shape == reader.entry(key).shape
            except CheckpointError:
                continue


def table_block(header, records):
    """The one block of a V1 checkpoint, with restart points that are read by nobody."""
    block = b''
    for key, value in items(header, records):
        block += b'\0' + varint.encode(len(key)) + varint.encode(len(value)) + key + value
    return block + bytes(4) + b'\1\0\0\0'


@pytest.mark.parametrize(
    ('header', 'fault'),
    [
        (header_tensor(b'x', FLOAT, (-1,)), 'impossible shape'),
        (header_tensor(b'x', FLOAT, (HUGE, HUGE)), 'impossible shape'),
        (header_tensor(b'x', FLOAT, (HUGE, HUGE, 0)), 'impossible shape'),
        (header_tensor(b'x', FLOAT, (1,) * 255), 'impossible rank 255'),
        (message(1, message(1, b'x') + message(2, b'') + encoded(3, 0, FLOAT)), 'has no slice'),
        (message(1, message(1, b'x') + message(2, encoded(3, 0, 1)) + message(4, b'')), 'has no shape'),
        (header_tensor(b'x', FLOAT, (4,), ((0, 5),)), 'slice outside of its shape'),
        (header_tensor(b'x', FLOAT, (4,), ((2, 3),)), 'slice outside of its shape'),
        (header_tensor(b'x', FLOAT, (4,), ((-1, 2),)), 'slice outside of its shape'),
        (header_tensor(b'x', FLOAT, (4,), ((0, -2),)), 'slice outside of its shape'),
        (header_tensor(b'x', FLOAT, (4,), ((HUGE, HUGE),)), 'slice outside of its shape'),
        (message(1, header_tensor(b'x', FLOAT, (4,))[2:-4] + message(4, b'')), 'slice of rank 0'),
        (header_tensor(b'x', FLOAT, (4,), (WHOLE, WHOLE)), 'slice of rank 2'),
        (header_tensor(b'x', FLOAT, (4,)) * 2, "slice .* of 'x' is in .* twice"),
        (header_tensor(b'x', FLOAT, (4,), ((0, 2),), ((0, 2),)), "slice .* of 'x' is in .* twice"),
        (header_tensor(b'x', FLOAT, (4,), (WHOLE,), ((0, 4),)), "slice .* of 'x' is in .* twice"),
        (header_tensor(b'x', FLOAT, (4,)) + header_tensor(b'x', INT32, (4,)), "'x' is int32 of shape"),
        (message(2, encoded(2, 0, 2)), 'needs a reader of version 2'),
        (b'\xff', 'header cannot be parsed'),
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_is_corrupt(tmp_path, no_big_memory, header, fault):
    path = write_v1(tmp_path / 'model', header, {})
    with pytest.raises(CorruptCheckpointError, match=f'model is .*{fault}.*; restore the file from a copy'):
        V1Reader(path)


@pytest.mark.parametrize('first', [b'', record(b'x', (), floats(1)), b'\x0a\x05', b'\x0b'])
def test_a_first_record_that_is_no_header_is_corrupt(tmp_path, first):
    write_file(tmp_path / 'model', table.build_table([(b'', first)]))
    with pytest.raises(CorruptCheckpointError, match='model is'):
        V1Reader(tmp_path / 'model')


@pytest.mark.parametrize('raw', [table.build_table([]), table.build_table([(b'a', b'b')])])
def test_a_table_without_a_header_is_corrupt(tmp_path, raw):
    write_file(tmp_path / 'model', raw)
    with pytest.raises(CorruptCheckpointError, match='model is'):
        V1Reader(tmp_path / 'model')


def test_shards_that_contradict_each_other_are_corrupt(tmp_path):
    save_v1(tmp_path / 'model-00000-of-00002', {'x': np.ones((2, 4))}, {'x': '4 4 0,2:-'})
    save_v1(tmp_path / 'model-00001-of-00002', {'x': np.ones((2, 5))}, {'x': '4 5 2,2:-'})
    with pytest.raises(
        CorruptCheckpointError, match=r"model-00001-of-00002 .*'x' is float64 of shape \[4, 5\]"
    ):
        V1Reader(tmp_path / 'model')


def test_a_tensor_that_is_in_two_shards_is_corrupt(tmp_path):
    for number in range(2):
        save_v1(tmp_path / f'model-0000{number}-of-00002', {'x': np.ones(2)})
    with pytest.raises(CorruptCheckpointError, match=r"model-00001-of-00002 .*'x' .* twice"):
        V1Reader(tmp_path / 'model')


@pytest.mark.parametrize(
    ('dtype', 'shape', 'values'),
    [
        (FLOAT, (3,), floats(1, 2)),
        (FLOAT, (1,), floats(1, 2)),
        (FLOAT, (HUGE,), floats(1, 2)),
        (FLOAT, (1 << 40,), b''),
        (FLOAT, (1,), b'\x2a\xff'),
        (FLOAT, (1,), b'\x2a\x03abc'),
        (FLOAT, (1,), packed(7, 1)),
        (FLOAT, (1,), encoded(5, 0, 1)),
        (FLOAT, (1,), b'\x2b'),
        (FLOAT, (2,), b'\x2d\0\0\0\0\x2d\0'),
        (INT32, (HUGE,), packed(7, 1)),
        (INT32, (1,), b'\x3a\x01\xff'),
        (INT32, (1,), b'\x3a\x0b' + b'\xff' * 10 + b'\1'),
        (INT32, (1,), b'\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\1'),
        (6, (1,), packed(7, 128)),
        (4, (1,), packed(7, -1)),
        (19, (1,), packed(13, 1 << 16)),
        (STRING, (2,), message(8, b'x')),
        (STRING, (HUGE,), message(8, b'x')),
        (STRING, (1,), message(8, b'x') * 2),
        (STRING, (1,), encoded(8, 0, 1)),
        (STRING, (1,), b'\x42\x05x'),
    ],
)  # fmt: skip
def test_values_that_are_not_those_of_the_shape_are_corrupt(tmp_path, no_big_memory, dtype, shape, values):
    path = write_v1(tmp_path / 'model', header_tensor(b'x', dtype, shape), {(b'x', (WHOLE,)): values})
    with pytest.raises(
        CorruptCheckpointError,
        match=r"model is damaged: the tensor 'x': (it|its|one of its) .*; restore the file",
    ):
        V1Reader(path).tensor('x')
    assert [key for _, key, _ in faults(path)] == ['x']


def test_rank_and_extents_that_numpy_cannot_hold_are_a_checkpoint_error(tmp_path, no_big_memory):
    for shape in ((1,) * 100, (HUGE, 0)):
        parts = (WHOLE,) * len(shape)
        values = floats(*[1] * (0 not in shape))
        path = write_v1(tmp_path / 'model', header_tensor(b'x', 2, shape), {(b'x', parts): values})
        with pytest.raises(CorruptCheckpointError, match="'x'"):
            V1Reader(path).tensor('x')


@pytest.mark.parametrize(
    ('parts', 'fault'),
    [
        ([((0, 2),)], 'do not cover it'),
        ([((0, 2),), ((2, 1),)], 'do not cover it'),
        ([((0, 3),), ((2, 2),)], 'overlap'),
        ([((0, 2),), ((1, 2),)], 'overlap and do not cover it'),
        ([((0, 4),), ((0, 2),)], 'overlap'),
    ],
)
def test_slices_that_do_not_cover_their_tensor_once_are_corrupt(tmp_path, parts, fault):
    path = write_v1(
        tmp_path / 'model',
        header_tensor(b'x', FLOAT, (4,), *parts),
        {(b'x', part): floats(*[1] * part[0][1]) for part in parts},
    )
    with pytest.raises(CorruptCheckpointError, match=f"model is damaged: the slices of 'x' {fault}; restore"):
        V1Reader(path).tensor('x')


def test_slices_of_a_tensor_that_is_claimed_to_be_huge_take_no_memory(tmp_path, no_big_memory):
    half = HUGE // 2
    parts = [((0, half),), ((half, half),)]
    path = write_v1(
        tmp_path / 'model',
        header_tensor(b'x', FLOAT, (HUGE,), *parts),
        {(b'x', part): floats(1) for part in parts},
    )
    V1Reader(path).check_data_files()
    with pytest.raises(CorruptCheckpointError, match="'x': it holds 1 values where"):
        V1Reader(path).tensor('x')


def test_a_missing_record_is_corrupt(tmp_path):
    part = ((2, 2),)
    path = write_v1(
        tmp_path / 'model',
        header_tensor(b'x', FLOAT, (4,), ((0, 2),), part),
        {(b'x', ((0, 2),)): floats(1, 2)},
    )
    with pytest.raises(
        CorruptCheckpointError, match=r"model is damaged: the record of 'x', slice .* is missing"
    ):
        V1Reader(path).tensor('x')
    assert faults(path) == [(path, 'x', 'the record of the slice ((2, 2),) is missing')]


def test_a_record_that_the_header_does_not_list_is_a_fault(tmp_path):
    path = write_v1(tmp_path / 'model', b'', {(b'x', ()): floats(1)})
    assert V1Reader(path).keys() == []
    assert faults(path) == [(path, 'x', 'its header does not list the slice ()')]


@pytest.mark.parametrize(
    'stored',
    [
        record(b'y', (WHOLE,), floats(1)),
        record(b'x', ((0, 1),), floats(1)),
        b'',
        b'\x12\x01\x0a',
        b'\x0a\x00',
    ],
    ids=['name', 'slice', 'empty', 'garbage', 'header'],
)
def test_a_record_of_another_slice_or_none_is_corrupt(tmp_path, stored):
    key = slices.encode_key(b'x', (WHOLE,))
    header = message(1, header_tensor(b'x', FLOAT, (1,)))
    write_file(tmp_path / 'model', table.build_table([(b'', header), (key, stored)]))
    with pytest.raises(CorruptCheckpointError, match='model is damaged: the record under the key'):
        V1Reader(tmp_path / 'model').tensor('x')
    assert faults(tmp_path / 'model')


def test_keys_that_do_not_ascend_in_a_block_are_corrupt(tmp_path):
    header = header_tensor(b'x', FLOAT, (1,))
    block = table_block(header, {(b'x', (WHOLE,)): floats(1)})[:-8]
    entry = block[block.index(b'\0x\0\1') - 3 :]
    write_file(tmp_path / 'model', table_of_block(block + entry + bytes(4) + b'\1\0\0\0', 0))
    with pytest.raises(CorruptCheckpointError, match='do not ascend'):
        V1Reader(tmp_path / 'model').tensor('x')


def test_a_compressed_block_of_zeros_takes_memory_in_proportion_to_the_file(tmp_path, no_big_memory):
    compressed = varint.encode(1 << 40) + bytes(cramjam.snappy.compress_raw(bytes(1000)))[2:]
    write_file(tmp_path / 'model', table_of_block(compressed, 1))
    with pytest.raises(CorruptCheckpointError, match='claims to hold'):
        V1Reader(tmp_path / 'model')


def test_an_unfinished_write_is_named_as_such(tmp_path, path):
    write_file(tmp_path / 'model.tempstate123', read_file(path)[:-60])
    with pytest.raises(
        CorruptCheckpointError, match=r'model\.tempstate123 is an unfinished write .*; use another'
    ):
        V1Reader(tmp_path / 'model.tempstate123')


def test_many_short_runs_of_values_take_no_memory(tmp_path, no_big_memory):
    # Each packed field of one value takes three bytes.
    count = 100_000
    path = write_v1(
        tmp_path / 'model', header_tensor(b'x', INT32, (count,)), {(b'x', (WHOLE,)): packed(7, 5) * count}
    )
    assert (V1Reader(path).tensor('x') == 5).all()
