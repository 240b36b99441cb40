"""What the tests of other formats share: TensorFlow on the other side of V1 checkpoints, and files made by hand."""

import cramjam
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

from estimator_ckpt.bundle import dtypes, slices, table, varint
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import LocalFiles
from estimator_ckpt.formats import wire
from estimator_ckpt.formats.output import OutputTensor
from estimator_ckpt.formats.v1 import V1Reader
from tests.bundle import helpers
from tests.bundle.helpers import as_array, assert_same, first_block, table_of_block, write_file

# TensorFlow's op refuses to write others.
DTYPES = [dtype for dtype in helpers.DTYPES if dtype.name not in ('uint32', 'uint64', 'bfloat16')]
QUANTIZED = {
    tf.qint8: np.int8,
    tf.quint8: np.uint8,
    tf.qint32: np.int32,
}
FLOAT, DOUBLE, INT32, STRING, INT64 = 1, 2, 3, 7, 9
WHOLE = (0, None)


def save_v1(path, tensors, specs=None):
    """Lets TensorFlow write a V1 checkpoint; `specs` gives slice specs of tensors by name."""
    tf.raw_ops.SaveSlices(
        filename=str(path),
        tensor_names=list(tensors),
        shapes_and_slices=[(specs or {}).get(name, '') for name in tensors],
        data=[
            tf.constant(value, tf.string)
            if isinstance(value, np.ndarray) and value.dtype.kind == 'O'
            else value
            for value in tensors.values()
        ],
    )
    return str(path)


def tf_restored(path, types):
    """The tensors of `types` by name, as TensorFlow restores them."""
    values = tf.raw_ops.RestoreV2(
        prefix=str(path),
        tensor_names=list(types),
        shape_and_slices=[''] * len(types),
        dtypes=[tf.as_dtype(dtype) for dtype in types.values()],
    )
    return {name: as_array(value.numpy()) for name, value in zip(types, values, strict=True)}


def our_v1_tensors(path):
    """All tensors of a V1 checkpoint, as we read them."""
    reader = V1Reader(path)
    return {key: reader.tensor(key) for key in sorted(reader.keys())}


def faults(path):
    """What is wrong in a V1 checkpoint that is read whole, as (file, key, problem)."""
    return [fault[1:] for fault in V1Reader(path).faults() if fault[1]]


def encoded(number, kind, value):
    """A field of a message; `value` is an integer or bytes."""
    tag = varint.encode(number << 3 | kind)
    if kind == wire.VARINT:
        return tag + varint.encode(value % (1 << 64))
    return tag + (varint.encode(len(value)) if kind == wire.BYTES else b'') + value


def message(number, value):
    """A field that is a message, a string or packed values."""
    return encoded(number, wire.BYTES, value)


def packed(number, *values):
    """A packed field of variable-length integers."""
    return message(number, b''.join(varint.encode(value % (1 << 64)) for value in values))


def floats(*values):
    """The values of a float tensor, packed."""
    return message(5, np.array(values, np.float32).tobytes())


def _slice_message(part):
    extents = (
        b'' if length is None else encoded(1, 0, start) + encoded(2, 0, length) for start, length in part
    )
    return b''.join(message(1, extent) for extent in extents)


def header_tensor(name, dtype, shape, *parts):
    """The entry of a tensor in a header, in which the slices `parts` stand; all of it, if there are none."""
    dimensions = b''.join(message(2, encoded(1, 0, extent)) for extent in shape)
    parts = parts or ((WHOLE,) * len(shape),)
    out = message(1, name) + message(2, dimensions) + encoded(3, 0, dtype)
    return message(1, out + b''.join(message(4, _slice_message(part)) for part in parts))


def record(name, part, values):
    """The record of a slice."""
    return message(2, message(1, name) + message(2, _slice_message(part)) + message(3, values))


def items(header, records):
    """The keys and values of a V1 checkpoint.

    Args:
      header: The entries of tensors, joined.
      records: By name and slice their values, or the whole record.
    """
    found = {b'': message(1, header)}
    for (name, part), values in records.items():
        found[slices.encode_key(name, part)] = record(name, part, values)
    return sorted(found.items())


def write_v1(path, header, records, compressed=False):
    """Writes a V1 checkpoint by hand, as one block if it is to be compressed."""
    raw = table.build_table(items(header, records))
    if compressed:
        raw = table_of_block(cramjam.snappy.compress_raw(first_block(raw)), 1)
    write_file(path, raw)
    return str(path)


def tensors():
    """Small arrays of every type that TensorFlow writes to V1 checkpoints, with any bits."""
    return helpers.tensors().filter(lambda array: array.dtype in (*DTYPES, object))


def checkpoints():
    """What a whole checkpoint holds, by name."""
    return st.dictionaries(helpers.keys(), tensors(), min_size=1, max_size=12)


def output(values):
    """What a writer of arrays is given for arrays by name."""
    return [
        OutputTensor(
            name, dtypes.from_numpy(np.asarray(value).dtype), np.shape(value), lambda value=value: value
        )
        for name, value in values.items()
    ]


def bytes_read(monkeypatch):
    """A function that gives how many bytes of local files were read since it was called last."""
    counts = []
    read, read_into = LocalFiles.read, LocalFiles.read_into

    def counting_read(self, path, offset=0, size=None):
        data = read(self, path, offset, size)
        counts.append(len(data))
        return data

    def counting_read_into(self, path, offset, buffer):
        counts.append(read_into(self, path, offset, buffer))
        return counts[-1]

    def count():
        total = sum(counts)
        counts.clear()
        return total

    monkeypatch.setattr(LocalFiles, 'read', counting_read)
    monkeypatch.setattr(LocalFiles, 'read_into', counting_read_into)
    return count


def values_or_errors(opened, expected):
    """Reads all of a file that may be damaged.

    Args:
      opened: A function that opens it.
      expected: The right values by name.

    Returns:
      Whether anything failed, with an error of ours; a wrong value is an AssertionError.
    """
    failed = False
    try:
        reader = opened()
        reader.check_data_files()
    except CheckpointError as error:
        assert str(error).endswith('.')
        return True
    keys = reader.keys()
    for key in keys:
        try:
            value = reader.tensor(key)
        except CheckpointError as error:
            assert str(error).endswith('.')
            failed = True
        else:
            if key in expected:
                assert_same_array(value, expected[key])
            else:
                failed = True
    return failed or set(keys) != set(expected)


def assert_same_array(actual, expected):
    """Fails unless two arrays have the same type, shape and bits."""
    assert_same({'': np.asarray(actual)}, {'': np.asarray(expected)})
