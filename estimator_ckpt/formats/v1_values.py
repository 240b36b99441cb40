"""Decodes the values in a V1 checkpoint: a `TensorProto` without type and shape, decoded by array operations.

The fields are those of `tensorflow/core/framework/tensor.proto`. The field for each type is defined in
`tensorflow/core/util/saved_tensor_slice_util.h`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from estimator_ckpt.bundle import dtypes, tensors, varint
from estimator_ckpt.formats import wire

_STRING_FIELD = 8
_MAX_VARINT_BYTES = 10
# Integers are decoded from this many bytes at a time, which takes little memory besides the result.
_SLAB = 1 << 20
# Unpacked values are searched for in windows of this many bytes at first. The search is given up after this many
# windows that contained other fields.
_FIRST_WINDOW, _MAX_MISSES = 64, 100
# Stretches of fewer bytes than the first number are joined to about the second number.
_SHORT, _JOINED = 1024, 64 * 1024


class _Field(NamedTuple):
    """The field that holds the values of a type.

    Attributes:
      number: The number of the field.
      unpacked: The wire type of an unpacked value.
      bits: The number of bits of a variable-length integer that count.
    """

    number: int
    unpacked: int
    bits: int = 64


_INT, _HALF = _Field(7, wire.VARINT, bits=32), _Field(13, wire.VARINT, bits=32)
_FIELDS = {
    'float32': _Field(5, wire.FIXED32),
    'float64': _Field(6, wire.FIXED64),
    **dict.fromkeys(['int32', 'int16', 'int8', 'uint16', 'uint8'], _INT),
    **dict.fromkeys(['qint32', 'qint16', 'qint8', 'quint16', 'quint8'], _INT),
    'complex64': _Field(9, wire.FIXED32),
    'int64': _Field(10, wire.VARINT),
    'bool': _Field(11, wire.VARINT),
    'complex128': _Field(12, wire.FIXED64),
    **dict.fromkeys(['float16', 'bfloat16'], _HALF),
    'uint32': _Field(16, wire.VARINT, bits=32),
    'uint64': _Field(17, wire.VARINT),
}


class ValuesError(ValueError):
    """Raised if values cannot be parsed or their number does not match the shape. The message is a clause."""


def decode(message: memoryview, dtype: int, count: int) -> np.ndarray:
    """Returns the values of a tensor or slice.

    Memory is allocated only if the message has as many values as expected.

    Args:
      message: The `TensorProto`.
      dtype: TensorFlow's data type number.
      count: The expected number of elements.

    Returns:
      A writable array of shape `[count]`; strings as an object array of `bytes`.

    Raises:
      ValuesError: If the message is damaged or does not have `count` elements.
      dtypes.UnsupportedDtypeError: If NumPy has no such type, or the V1 format does not store it.
    """
    _check_count(message, dtype, count)
    if dtype == dtypes.STRING:
        return _strings(message, count)
    numpy_dtype, field = _types(dtype)
    if field.unpacked == wire.VARINT:
        return _integers(message, field, numpy_dtype, count)
    return _floats(message, field, numpy_dtype, count)


def check(message: memoryview, dtype: int, count: int) -> None:
    """Checks that `decode` can decode the values of a tensor or slice, without a copy if they are stored as they are.

    Args:
      message: The `TensorProto`.
      dtype: TensorFlow's data type number.
      count: The expected number of elements.

    Raises:
      ValuesError: If the message is damaged or does not have `count` elements.
      dtypes.UnsupportedDtypeError: If NumPy has no such type, or no field holds its values.
    """
    if dtype == dtypes.STRING or _types(dtype)[1].unpacked != wire.VARINT:
        _check_count(message, dtype, count)
    else:  # Its values may be out of the range of their type.
        decode(message, dtype, count)


def _check_count(message: memoryview, dtype: int, count: int) -> None:
    present = count_values(message, dtype)
    if present != count:
        raise ValuesError(f'it holds {present} values where its shape has {count}')


def count_values(message: memoryview, dtype: int) -> int:
    """Returns how many values a `TensorProto` has, without decoding them.

    Args:
      message: The `TensorProto`.
      dtype: TensorFlow's data type number.

    Raises:
      ValuesError: If the message is damaged.
      dtypes.UnsupportedDtypeError: If NumPy has no such type, or no field holds its values.
    """
    try:
        if dtype == dtypes.STRING:
            return sum(1 for _ in _string_values(message))
        numpy_dtype, field = _types(dtype)
        if field.unpacked == wire.VARINT:
            return sum(map(_count_varints, _runs(message, field)))
        count, rest = divmod(sum(map(len, _runs(message, field))), numpy_dtype.itemsize)
    except wire.WireError as error:
        raise ValuesError(f'its values cannot be parsed: {error}') from error
    if rest:
        raise ValuesError('one of its values is cut off')
    return count


def _types(dtype: int) -> tuple[np.dtype, _Field]:
    """Returns NumPy's type of values, and the field that holds them."""
    numpy_dtype, field = dtypes.to_numpy(dtype), _FIELDS.get(dtypes.name(dtype))
    if field is None:
        raise dtypes.UnsupportedDtypeError(f'no field holds values of {dtypes.name(dtype)}')
    return numpy_dtype, field


def _string_values(message: memoryview) -> Iterator[memoryview]:
    for number, kind, value in wire.fields(message):
        if number == _STRING_FIELD and kind == wire.BYTES and not isinstance(value, int):
            yield value


def _strings(message: memoryview, count: int) -> np.ndarray:
    array = np.empty(count, object)
    array[:] = [bytes(value) for value in _string_values(message)]
    return array


def _floats(message: memoryview, field: _Field, dtype: np.dtype, count: int) -> np.ndarray:
    array = tensors.empty((count,), dtype)
    raw, position = array.view(np.uint8), 0
    for run in _runs(message, field):
        raw[position : position + len(run)] = run
        position += len(run)
    return array


def _integers(message: memoryview, field: _Field, dtype: np.dtype, count: int) -> np.ndarray:
    array, position = tensors.empty((count,), dtype), 0
    for run in _runs(message, field):
        for values in _varints(run):
            array[position : position + len(values)] = _converted(values, field, dtype)
            position += len(values)
    return array


def _runs(message: memoryview, field: _Field) -> Iterator[np.ndarray]:
    """Yields the bytes of the values of a field, where short stretches are joined.

    Args:
      message: The message.
      field: The field.

    Raises:
      ValuesError: If a value is cut off.
      wire.WireError: If the message is damaged.
    """
    joined = bytearray()
    for stretch in _stretches(message, field):
        if field.unpacked == wire.VARINT and len(stretch) and stretch[-1] >= 0x80:
            raise ValuesError('one of its values is cut off')
        if len(stretch) < _SHORT:
            joined += stretch
            if len(joined) < _JOINED:
                continue
            stretch = memoryview(b'')
        if joined:
            yield np.frombuffer(bytes(joined), np.uint8)
            joined.clear()
        if len(stretch):
            yield np.frombuffer(stretch, np.uint8)
    if joined:
        yield np.frombuffer(bytes(joined), np.uint8)


def _stretches(message: memoryview, field: _Field) -> Iterator[memoryview]:
    """Yields the bytes of the values of a field, for consecutive values at once.

    A packed field is one stretch, and so are unpacked values, as many as a window holds. The windows grow as long as
    there are no other fields between the values, and are given up if there often are.
    """
    position, window, misses = 0, _FIRST_WINDOW, 0
    while position < len(message):
        number, kind, value, end = wire.field_at(message, position)
        if number == field.number:
            if kind not in (wire.BYTES, field.unpacked):
                raise wire.WireError(f'its values have the wire type {kind}')
            if kind == wire.BYTES and not isinstance(value, int):
                yield value
            else:
                stretch, used = memoryview(b''), 0
                if misses < _MAX_MISSES:
                    part = message[position : position + window]
                    stretch, used = _unpacked_stretch(part, field)
                    grows = used > len(part) - _FIRST_WINDOW // 2
                    window = min(2 * window, _SLAB) if grows else _FIRST_WINDOW
                    misses += not grows
                if used:
                    end = position + used
                else:
                    # A single value, whose tag may have more bytes than necessary.
                    stored = message[position:end]
                    stretch = stored[varint.decode(stored, 0)[1] :]
                yield stretch
        position = end


def _unpacked_stretch(message: memoryview, field: _Field) -> tuple[memoryview, int]:
    """Removes the tags of the unpacked values at the beginning of a message.

    Args:
      message: The message.
      field: The field of the values.

    Returns:
      The bytes of the values, and the number of bytes of the values with their tags.
    """
    tag = np.frombuffer(varint.encode(field.number << 3 | field.unpacked), np.uint8)
    raw = np.frombuffer(message, np.uint8)
    if field.unpacked != wire.VARINT:
        width = len(tag) + wire.FIXED_SIZES[field.unpacked]
        rows = raw[: len(raw) // width * width].reshape(-1, width)
        rows = rows[: _leading((rows[:, : len(tag)] == tag).all(axis=1))]
        return rows[:, len(tag) :].reshape(-1).data, rows.size
    # Tags are variable-length integers as well, and alternate with values.
    ends = np.flatnonzero(raw < 0x80)
    ends = ends[: len(ends) // 2 * 2]
    starts = np.concatenate(([0], ends[1::2] + 1))[: len(ends) // 2]
    tagged = ends[::2] - starts == len(tag) - 1
    for byte in range(len(tag)):
        tagged &= raw[starts + byte] == tag[byte]
    count = _leading(tagged)
    used = int(ends[2 * count - 1]) + 1 if count else 0
    kept = np.ones(used, bool)
    for byte in range(len(tag)):
        kept[starts[:count] + byte] = False
    return raw[:used][kept].data, used


def _leading(flags: np.ndarray) -> int:
    """Returns the number of flags before the first one that is not set."""
    return len(flags) if flags.all() else int(flags.argmin())


def _count_varints(run: np.ndarray) -> int:
    """Returns the number of variable-length integers in a run."""
    return sum(
        int(np.count_nonzero(run[start : start + _SLAB] < 0x80)) for start in range(0, len(run), _SLAB)
    )


def _varints(run: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the variable-length integers of a run, which ends with a complete one, in arrays of some thousands."""
    start = 0
    while start < len(run):
        slab = run[start : start + _SLAB]
        ends = np.flatnonzero(slab < 0x80)
        if not len(ends):
            raise ValuesError('one of its values is longer than 64 bits')
        start += int(ends[-1]) + 1
        yield _decode_varints(slab[: ends[-1] + 1], ends)


def _decode_varints(slab: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Returns the unsigned integers of a slab, given the positions of their last bytes."""
    if len(ends) == len(slab):
        return slab
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    widest = int(lengths.max())
    if widest > _MAX_VARINT_BYTES:
        raise ValuesError('one of its values is longer than 64 bits')
    values = (slab[starts] & 0x7F).astype(np.uint64)
    for byte in range(1, widest):
        longer = np.flatnonzero(lengths > byte)
        bits = (slab[starts[longer] + byte] & 0x7F).astype(np.uint64)
        values[longer] |= bits << np.uint64(7 * byte)
    return values


def _converted(values: np.ndarray, field: _Field, dtype: np.dtype) -> np.ndarray:
    """Returns unsigned integers as values of a data type.

    Args:
      values: The integers.
      field: The field that holds them.
      dtype: The data type.

    Raises:
      ValuesError: If a value is out of the range of the data type.
    """
    if dtype.kind == 'b':
        return values != 0
    if field is _HALF:
        return _in_range(values.astype(np.uint64), np.dtype(np.uint16)).view(dtype)
    if field.bits == 32:
        # Protobuf uses the low bits. TensorFlow stores small types as signed integers of 32 bits.
        values = values.astype(np.uint32)
        if dtype.itemsize < 4:
            return _in_range(values.view(np.int32), dtype)
        return values.view(dtype)
    return values.astype(np.uint64, copy=False).view(dtype)


def _in_range(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    limits = np.iinfo(dtype)
    if len(values) and not limits.min <= values.min() <= values.max() <= limits.max:
        raise ValuesError(f'one of its values is out of the range of {dtype}')
    return values.astype(dtype)
