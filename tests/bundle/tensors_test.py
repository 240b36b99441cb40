"""Tests the stored bytes of tensors, and data types, against TensorFlow's."""

import contextlib

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from estimator_ckpt.bundle import dtypes, table, tensors
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.messages import BundleEntry
from estimator_ckpt.bundle.reader import BundleReader
from tests.bundle.helpers import (
    BFLOAT16,
    DTYPES,
    assert_same,
    entry,
    index_of,
    our_tensors,
    properties,
    read_file,
    save,
    strings,
    temporary_prefix,
    tf_tensors,
    write_by_hand,
)
from tests.bundle.helpers import (
    tensors as any_tensor,
)

QUANTIZED = [tf.qint8, tf.quint8, tf.qint16, tf.quint16, tf.qint32]


def stored_by_tensorflow(array):
    """The stored bytes and masked checksum of one tensor."""
    with temporary_prefix() as prefix:
        raw = dict(table.read_table(index_of(save(prefix, {'x': array}))))[b'x']
        return read_file(f'{prefix}.data-00000-of-00001'), BundleEntry.FromString(raw).crc32c


@properties(150)
@hypothesis.given(any_tensor())
def test_any_array_has_the_bytes_and_checksum_that_tensorflow_stores(array):
    data, crc = stored_by_tensorflow(array)
    assert tensors.encode(array) == (data, crc)
    number = dtypes.from_numpy(array.dtype)
    assert tensors.checksum(data, number, array.shape) == crc
    assert_same({'x': tensors.decode(data, number, array.shape)}, {'x': array})


@pytest.mark.parametrize('dtype', DTYPES, ids=str)
def test_every_type_has_tensorflows_number(dtype):
    assert dtypes.from_numpy(dtype) == tf.as_dtype(dtype).as_datatype_enum


@pytest.mark.parametrize('number', [*range(1, 26), 29, 30])
def test_every_type_has_tensorflows_name_and_size(number):
    try:
        expected = tf.dtypes.as_dtype(number)
    except TypeError:
        pytest.skip(f'TensorFlow {tf.__version__} has no data type {number}')
    assert dtypes.name(number) == expected.name
    if number not in (dtypes.STRING, 20, 21):
        assert dtypes.size(number) == expected.size == dtypes.to_numpy(number).itemsize


@pytest.mark.parametrize('dtype', QUANTIZED, ids=lambda dtype: dtype.name)
def test_quantized_types_are_read(tmp_path, dtype):
    value = tf.bitcast(tf.constant([[1, 2], [3, 4]], dtype.name.removeprefix('q')), dtype)
    prefix = save(tmp_path / 'model', {'x': value})
    assert dtypes.name(BundleReader(prefix).entry('x').dtype) == dtype.name
    assert our_tensors(prefix)['x'].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize('name', ['int4', 'uint4'])
def test_four_bit_types_are_read(tmp_path, name):
    if not hasattr(tf.dtypes.experimental, name):
        pytest.skip(f'TensorFlow {tf.__version__} has no {name}')
    prefix = save(tmp_path / 'model', {'x': tf.cast([1, 2, 7], getattr(tf.dtypes.experimental, name))})
    assert our_tensors(prefix)['x'].astype(int).tolist() == [1, 2, 7]


@pytest.mark.parametrize('lengths', [(0,), (0, 0), (127, 128), (16383, 0, 16384), (100_000, 1)])
def test_strings_of_any_length_have_the_bytes_and_checksum_that_tensorflow_stores(lengths):
    array = strings(*(bytes([65 + n % 3]) * n for n in lengths))
    assert tensors.encode(array) == stored_by_tensorflow(array)


def test_text_is_stored_as_utf_8():
    expected = stored_by_tensorflow(strings('naïve'.encode(), b''))
    assert tensors.encode(strings('naïve', '')) == expected
    assert tensors.encode(np.array(['naïve', ''])) == expected


def test_arrays_in_any_memory_order_and_byte_order_are_stored_alike():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    expected = stored_by_tensorflow(array)
    assert tensors.encode(np.asfortranarray(array)) == expected
    assert tensors.encode(array.astype('>f4')) == expected
    assert tensors.encode(np.repeat(array, 2, axis=1)[:, ::2]) == expected


@pytest.mark.parametrize('piece', [1, 8, 100, 1 << 24])
@pytest.mark.parametrize('dtype', ['float32', '>i8', 'bool', 'complex128', BFLOAT16])
def test_pieces_of_an_array_in_any_order_are_what_is_stored(piece, dtype, monkeypatch):
    monkeypatch.setattr(tensors, '_PIECE', piece)
    array = (np.arange(120) % 7).reshape(4, 6, 5).astype(dtype)
    views = [array, array.T, array.transpose(1, 0, 2), array[:, ::-2], array[:1].T, array[0, 0, 0], array[:0]]
    for view in views:
        pieces = list(tensors.encoded_pieces(view))
        assert b''.join(piece.data for piece in pieces) == tensors.encode(view)[0]
        assert all(len(part) <= max(piece, array.itemsize) for part in pieces)


def test_what_is_contiguous_is_not_copied_in_pieces():
    array = np.arange(5_000_000, dtype=np.float64)
    pieces = list(tensors.encoded_pieces(array.reshape(2, -1)))
    assert len(pieces) > 2 and all(np.shares_memory(piece, array) for piece in pieces)
    assert array.flags.writeable


def test_big_endian_tensors_are_read_as_tensorflow_reads_them(tmp_path):
    values = {
        'complex': np.array([1 + 2j, -3], 'complex64'),
        'half': np.array([[1.5], [-2]], 'float16'),
        'long': np.array(-5, 'int64'),
        'small': np.array([1, 2], 'uint8'),
    }
    data, entries = b'', {}
    for key, value in values.items():
        stored = value.astype(value.dtype.newbyteorder('>')).tobytes()
        number = dtypes.from_numpy(value.dtype)
        entries[key.encode()] = entry(number, value.shape, stored, offset=len(data))
        data += stored
    prefix = write_by_hand(tmp_path / 'model', entries, data, endianness=1)
    assert_same(our_tensors(prefix), values)
    assert_same(tf_tensors(prefix), values)


def test_the_value_is_the_callers_to_change(tmp_path):
    value = BundleReader(save(tmp_path / 'model', {'x': np.ones(3)})).tensor('x')
    value += 1
    assert value.tolist() == [2, 2, 2]


@pytest.mark.parametrize('size', [0, 7, 9])
def test_bytes_that_do_not_fit_the_shape_are_refused(size):
    with pytest.raises(ValueError, match=f'{size} bytes do not make float32'):
        tensors.decode(bytes(size), 1, (2,))


@properties(150)
@hypothesis.given(st.binary(max_size=40), st.lists(st.integers(0, 3), max_size=3).map(tuple))
def test_garbage_in_place_of_strings_raises_a_value_error(data, shape):
    hypothesis.assume(data != tensors.encode(strings())[0])
    with pytest.raises(ValueError):
        tensors.decode(data, dtypes.STRING, shape)


@pytest.mark.parametrize(
    'change', [lambda data: data + b'x', lambda data: data[:-1]], ids=['longer', 'shorter']
)
def test_strings_whose_lengths_do_not_add_up_are_refused(change):
    data, _ = tensors.encode(strings(b'one', b'two'))
    with pytest.raises(ValueError, match='do not add up'):
        tensors.decode(change(data), dtypes.STRING, (2,))


@pytest.mark.parametrize('position', range(len(tensors.encode(strings(b'one', b'', b'three'))[0])))
def test_a_changed_byte_of_stored_strings_is_noticed(position):
    data, crc = tensors.encode(strings(b'one', b'', b'three'))
    changed = bytearray(data)
    changed[position] ^= 1
    with contextlib.suppress(ValueError):
        assert tensors.checksum(bytes(changed), dtypes.STRING, (3,)) != crc


@pytest.mark.parametrize(
    'array', [np.array([1, 'a'], object), np.array([None], object), np.array([[5]], object)]
)
def test_objects_that_are_no_strings_are_refused(array):
    with pytest.raises(TypeError):
        tensors.encode(array)


@pytest.mark.parametrize('dtype', ['datetime64[s]', [('a', 'i4')], 'longdouble'])
def test_types_that_tensorflow_does_not_store_are_refused_by_name(dtype):
    array = np.zeros(2, dtype)
    with pytest.raises(dtypes.UnsupportedDtypeError, match='TensorFlow cannot store arrays of'):
        tensors.encode(array)


@pytest.mark.parametrize('number', [20, 21, 99, -1])
def test_a_type_that_numpy_cannot_hold_is_named_with_file_and_key(tmp_path, number):
    prefix = write_by_hand(tmp_path / 'model', {b'x': entry(number, (1,), b'abcd')}, b'abcd')
    reader = BundleReader(prefix)
    with pytest.raises(dtypes.UnsupportedDtypeError, match=f"model.*'x'.*{dtypes.name(number)}") as caught:
        reader.tensor('x')
    assert isinstance(caught.value, CheckpointError)
    assert reader.read_bytes(reader.entry('x')) == b'abcd'


def test_bfloat16_comes_as_the_type_that_tensorflow_gives(tmp_path):
    prefix = save(tmp_path / 'model', {'x': tf.constant([1.5, -2], tf.bfloat16)})
    assert our_tensors(prefix)['x'].dtype == BFLOAT16 == tf_tensors(prefix)['x'].dtype
