"""Tests how values of V1 checkpoints are decoded, packed or not, against protocol buffers and TensorFlow."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2

from estimator_ckpt.bundle import varint
from estimator_ckpt.formats import v1_values, wire
from tests.bundle.helpers import properties
from tests.formats.helpers import (
    WHOLE,
    encoded,
    header_tensor,
    message,
    our_v1_tensors,
    tf_restored,
    write_v1,
)

# By type: its number, the field of its values and the wire type of one that is not packed.
FIELDS = {
    'float32': (1, 5, wire.FIXED32),
    'float64': (2, 6, wire.FIXED64),
    'int32': (3, 7, wire.VARINT),
    'uint8': (4, 7, wire.VARINT),
    'int16': (5, 7, wire.VARINT),
    'int8': (6, 7, wire.VARINT),
    'int64': (9, 10, wire.VARINT),
    'bool': (10, 11, wire.VARINT),
    'uint16': (17, 7, wire.VARINT),
    'float16': (19, 13, wire.VARINT),
    'uint32': (22, 16, wire.VARINT),
    'uint64': (23, 17, wire.VARINT),
}


def decode(message, dtype, count):
    return v1_values.decode(memoryview(message), FIELDS[dtype][0], count)


def stored(value, dtype):
    """One value without its tag."""
    if FIELDS[dtype][2] != wire.VARINT:
        return np.array(value, dtype).tobytes()
    bits = np.array(value, dtype).view(np.uint16) if dtype == 'float16' else value
    return varint.encode(int(bits) % (1 << 64))


def unpacked(values, dtype):
    _, number, kind = FIELDS[dtype]
    tag = varint.encode(number << 3 | kind)
    return b''.join(tag + stored(value, dtype) for value in values)


def packed(values, dtype):
    return message(FIELDS[dtype][1], b''.join(stored(value, dtype) for value in values))


def some(dtype, count):
    noise = np.random.default_rng(count).integers(0, 256, count * np.dtype(dtype).itemsize, np.uint8)
    return noise % 2 == 1 if dtype == 'bool' else noise.view(dtype)


@pytest.mark.parametrize('count', [1, 5, 20_000])
@pytest.mark.parametrize('dtype', FIELDS)
def test_values_are_decoded_packed_or_not(dtype, count):
    values = some(dtype, count)
    for encode in (packed, unpacked):
        assert decode(encode(values, dtype), dtype, count).tobytes() == values.tobytes()


@pytest.mark.parametrize('dtype', FIELDS)
def test_values_of_which_some_are_packed_are_decoded_in_their_order(dtype):
    values = some(dtype, 3000)
    parts = [values[:1], values[1:2], values[2:900], values[900:1800], values[1800:1801], values[1801:]]
    for first, second in ((packed, unpacked), (unpacked, packed)):
        encoded_parts = [
            (first, second)[number % 2](part, dtype) + encoded(99, wire.VARINT, 5)
            for number, part in enumerate(parts)
        ]
        assert decode(b''.join(encoded_parts), dtype, 3000).tobytes() == values.tobytes()


@pytest.mark.parametrize('dtype', ['float32', 'int32', 'bool'])
def test_values_that_alternate_between_packed_and_not_are_decoded(dtype):
    values = some(dtype, 1000)
    mixed = b''.join((packed, unpacked)[number % 2]([value], dtype) for number, value in enumerate(values))
    assert decode(mixed, dtype, 1000).tobytes() == values.tobytes()


def test_a_tag_and_a_value_of_more_bytes_than_they_need_are_decoded():
    # The tag 0x38 and the value 5, each with a needless byte.
    assert decode(b'\xb8\x00\x85\x00' * 3 + b'\x38\x06', 'int32', 4).tolist() == [5, 5, 5, 6]


def test_complex_numbers_are_pairs():
    values = np.array([1 + 2j, -3.5j], np.complex64)
    for encode in (packed, unpacked):
        pairs = encode(values.view(np.float32), 'float32')
        renumbered = b'\x4a' + pairs[1:] if encode is packed else pairs.replace(b'\x2d', b'\x4d')
        assert v1_values.decode(memoryview(renumbered), 8, 2).tolist() == values.tolist()


def test_negative_integers_of_five_bytes_are_those_that_protobuf_takes_them_for():
    five = message(7, varint.encode((1 << 32) - 1))
    assert tensor_pb2.TensorProto.FromString(five).int_val == [-1]
    assert decode(five, 'int32', 1).tolist() == [-1]
    assert decode(five, 'int8', 1).tolist() == [-1]


@pytest.mark.parametrize('dtype', ['float32', 'int32', 'float64', 'int64', 'int8'])
def test_values_that_are_not_packed_are_read_as_tensorflow_restores_them(tmp_path, dtype):
    values = some(dtype, 300)
    path = write_v1(
        tmp_path / 'model',
        header_tensor(b'x', FIELDS[dtype][0], (300,)),
        {(b'x', (WHOLE,)): unpacked(values, dtype)},
    )
    restored = tf_restored(path, {'x': np.dtype(dtype)})['x']
    assert our_v1_tensors(path)['x'].tobytes() == restored.tobytes() == values.tobytes()


@properties(300)
@hypothesis.given(st.binary(max_size=60), st.sampled_from(['int64', 'int32', 'bool', 'float32', 'float64']))
def test_any_bytes_are_decoded_as_protobuf_decodes_them_or_refused(data, dtype):
    fields = {'int64': 'int64_val', 'int32': 'int_val', 'bool': 'bool_val', 'float32': 'float_val'}
    packed_data = message(FIELDS[dtype][1], data)
    try:
        expected = list(
            getattr(tensor_pb2.TensorProto.FromString(packed_data), fields.get(dtype, 'double_val'))
        )
    except Exception:  # protobuf's DecodeError differs between its implementations.
        expected = None
    try:
        found = decode(packed_data, dtype, len(expected or ()))
    except v1_values.ValuesError:
        assert expected is None
    else:
        assert expected is None or np.array(expected, dtype).tobytes() == found.tobytes()


@properties(200)
@hypothesis.given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=50))
def test_integers_of_any_size_are_those_that_protobuf_encodes(values):
    encoded_values = tensor_pb2.TensorProto(int64_val=values).SerializeToString()
    assert decode(encoded_values, 'int64', len(values)).tolist() == values


@properties(200)
@hypothesis.given(st.binary(max_size=100), st.sampled_from([1, 3, 7, 8, 10, 19]), st.integers(0, 20))
def test_garbage_is_refused_or_has_as_many_values_as_the_shape(data, dtype, count):
    try:
        assert len(v1_values.decode(memoryview(data), dtype, count)) == count
    except v1_values.ValuesError as error:
        assert str(error)
