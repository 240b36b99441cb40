"""Tests that entries decoded all at once are those decoded one by one, and that no odd one is taken for plain."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.columns import decode_columns, same_bytes, same_shapes
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.reader import BundleReader
from tests.bundle.helpers import entry, properties, save, sliced_entry, temporary_prefix, write_by_hand

NUM_SHARDS = 300
FLOAT32, INT8 = 1, 6


def decoded(reader, key):
    try:
        return reader.raw_entry(key)
    except CorruptCheckpointError as error:
        return str(error)


def assert_types_and_shapes_are_those_of_entries(prefix):
    reader = BundleReader(prefix)
    try:
        entries = {key: reader.entry(key) for key in sorted(reader.keys())}
    except CorruptCheckpointError:
        with pytest.raises(CorruptCheckpointError):
            BundleReader(prefix).types_and_shapes()
    else:
        found = BundleReader(prefix).types_and_shapes()
        assert {key: found[key] for key in entries} == {k: (e.dtype, e.shape) for k, e in entries.items()}


def assert_decoded_alike(prefix):
    """Gives which entries were decoded all at once."""
    one_by_one, at_once = BundleReader(prefix), BundleReader(prefix)
    at_once.decode_all()
    for key in one_by_one.raw:
        assert decoded(at_once, key) == decoded(one_by_one, key)
    assert_types_and_shapes_are_those_of_entries(prefix)
    return at_once.columns.plain.tolist()


@st.composite
def fitting_entries(draw):
    """Entries as TensorFlow writes them."""
    dtype = draw(st.integers(0, 70))
    shape = draw(st.lists(st.sampled_from([0, 1, 2, 127, 128, 1 << 20, 1 << 33]), max_size=10))
    size = (dtypes.size(dtype) or 1) * int(np.prod([float(extent) for extent in shape]))
    shard = draw(st.integers(0, NUM_SHARDS - 1))
    offset = draw(st.integers(0, 40).map(lambda bits: (1 << bits) - 1))
    crc32c = draw(st.integers(0, (1 << 32) - 1))
    return entry(dtype, shape, shard_id=shard, offset=offset, size=min(size, (1 << 63) - 1), crc32c=crc32c)


fields = st.integers(0, 255).map(lambda byte: bytes([byte])) | st.binary(max_size=3)


@st.composite
def changed_entries(draw):
    """Entries with bytes put in, replaced, or removed."""
    raw = draw(fitting_entries()).SerializeToString()
    start = draw(st.integers(0, len(raw)))
    return raw[:start] + draw(fields) + raw[start + draw(st.integers(0, 3)) :]


@properties(300)
@hypothesis.given(st.lists(fitting_entries() | changed_entries() | st.binary(max_size=12), max_size=6))
def test_entries_of_any_bytes_are_decoded_alike_or_refused_alike(items):
    with temporary_prefix() as prefix:
        assert_decoded_alike(
            write_by_hand(prefix, {b'%d' % n: item for n, item in enumerate(items)}, b'', NUM_SHARDS)
        )


def test_what_tensorflow_writes_is_decoded_at_once(tmp_path):
    values = {f'{rank}': np.ones([2] * rank, np.float16) for rank in range(9)}
    values |= {'empty': np.ones((3, 0)), 'text': np.array([b'a', b'bc'], object), 'large': np.ones(100_000)}
    assert all(assert_decoded_alike(save(tmp_path / 'model', values)))


@pytest.mark.parametrize(
    'odd',
    [
        entry(FLOAT32, [2], size=7),
        entry(FLOAT32, [2], size=8, shard_id=NUM_SHARDS),
        entry(FLOAT32, [2], size=8, shard_id=-1),
        entry(FLOAT32, [2], size=8, offset=-1),
        entry(FLOAT32, [-2], size=8),
        entry(INT8, [1 << 32, 1 << 32], size=0),  # As integers of 64 bits the product is 0.
        entry(INT8, [1 << 53, 3], size=3 << 53),
        entry(FLOAT32 + (1 << 20), [2], size=7),
        entry(FLOAT32, [1] * 9, size=4),
        sliced_entry(FLOAT32, '4 0,2'),
        b'\x08\x81\x80\x80\x80\x10' + entry(FLOAT32, [2], size=8).SerializeToString()[2:],  # 2**32 and one.
        entry(FLOAT32, [2], size=8).SerializeToString()[::-1],
        entry(FLOAT32, [2], size=8).SerializeToString() + b'\x12\x00',
        b'\x12\xff\xff\xff\xff\xff\xff\xff\x7f',
        b'\x35\x00',
        b'\x08\xff',
    ],
)
def test_what_is_odd_is_left_to_protobuf_and_its_neighbours_are_not(tmp_path, odd):
    good = entry(FLOAT32, [2], b'12345678')
    prefix = write_by_hand(tmp_path / 'model', {b'a': good, b'b': odd, b'c': good}, b'', NUM_SHARDS)
    assert assert_decoded_alike(prefix) == [True, False, True]


def test_many_entries_that_are_asked_for_one_by_one_are_those_decoded_at_once(tmp_path):
    values = {f'{number}': np.ones([number % 3] * (number % 4), np.int8) for number in range(200)}
    one_by_one, at_once = (BundleReader(save(tmp_path / 'model', values)) for _ in range(2))
    at_once.decode_all()
    assert [one_by_one.entry(key) for key in values] == [at_once.entry(key) for key in values]


def test_no_entries_are_no_rows():
    columns = decode_columns([], 1)
    assert columns.plain.tolist() == columns.shapes() == []


def test_the_places_of_tensors_are_given_but_for_those_without_bytes_or_in_slices(tmp_path):
    entries = {
        b'a': entry(INT8, [2], b'12', shard_id=1, offset=3),
        b'b': entry(INT8, [1] * 9, b'1', offset=5),
        b'empty': entry(INT8, [0]),
        b'sliced': sliced_entry(INT8, '4 0,2'),
    }
    reader = BundleReader(write_by_hand(tmp_path / 'model', entries, b'', 2))
    assert reader.places() == {'a': (1, 3, 2), 'b': (0, 5, 1)}


@pytest.mark.parametrize('last', ['plain', 'odd'])
def test_the_tensor_that_ends_last_in_each_shard_is_what_its_length_is_held_against(tmp_path, last):
    ranks = {'plain': 1, 'odd': 9}
    entries = {
        b'%s' % name.encode(): entry(INT8, [1] * rank, b'1', offset=10 if name == last else 2)
        for name, rank in ranks.items()
    }
    prefix = write_by_hand(tmp_path / 'model', entries, bytes(10))
    with pytest.raises(CorruptCheckpointError, match=f"10 bytes, and '{last}' ends at byte 11"):
        BundleReader(prefix).check_data_files()
    entries[b'elsewhere'] = entry(INT8, [1], b'1', shard_id=1)
    prefix = write_by_hand(tmp_path / 'model', entries, bytes(11), 2)
    with pytest.raises(CheckpointNotFoundError, match="00001-of-00002, which holds 'elsewhere'"):
        BundleReader(prefix).check_data_files()


def test_entries_are_the_same_if_type_shape_size_and_checksum_are(tmp_path):
    a = {
        b'dtype': entry(INT8, [4], b'1234'),
        b'equal': entry(INT8, [2, 2], b'1234'),
        b'place': entry(INT8, [4], b'1234'),
        b'rank': entry(INT8, [4], b'1234'),
        b'slices': sliced_entry(INT8, '4 0,2'),
        b'value': entry(INT8, [4], b'1234'),
    }
    b = a | {
        b'dtype': entry(FLOAT32, [1], b'1234'),
        b'place': entry(INT8, [4], b'1234', offset=9),
        b'rank': entry(INT8, [4, 1], b'1234'),
        b'value': entry(INT8, [4], b'1235'),
    }
    columns = [
        BundleReader(write_by_hand(tmp_path / name, entries, b'')).columns
        for name, entries in (('a', a), ('b', b))
    ]
    assert same_bytes(*columns).tolist() == [False, True, True, False, False, False]
    assert same_shapes(*columns).tolist() == [False, True, True, False, False, True]
