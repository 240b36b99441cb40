"""What the tests of the file format share: TensorFlow as the other side, and checkpoints made by hand."""

import contextlib
import os
import struct
import tempfile

import hypothesis
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from estimator_ckpt.bundle import checksums, table, varint
from estimator_ckpt.bundle.messages import BundleEntry, BundleHeader
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.slices import parse_spec

BFLOAT16 = tf.bfloat16.as_numpy_dtype
DTYPES = [
    *(np.dtype(f'{kind}{bits}') for kind in ('int', 'uint') for bits in (8, 16, 32, 64)),
    *map(np.dtype, ('float16', 'float32', 'float64', 'complex64', 'complex128', 'bool')),
    np.dtype(BFLOAT16),
]


def properties(max_examples):
    """Settings of a property test that gives the same result in every run."""
    return hypothesis.settings(derandomize=True, deadline=None, max_examples=max_examples)


@contextlib.contextmanager
def temporary_prefix(name='model.ckpt'):
    """A prefix in a folder of its own; a fixture would be shared by all examples of a property test."""
    with tempfile.TemporaryDirectory() as directory:
        yield os.path.join(directory, name)


def save(prefix, tensors, specs=None):
    """Lets TensorFlow write a checkpoint; `specs` gives slice specs of tensors by name."""
    names = list(tensors)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[(specs or {}).get(name, '') for name in names],
        tensors=[_tf_tensor(tensors[name]) for name in names],
    )
    return str(prefix)


def _tf_tensor(value):
    is_strings = isinstance(value, np.ndarray) and value.dtype == object
    return tf.convert_to_tensor(value, tf.string if is_strings else None)


def merge(prefix, *parts):
    """Lets TensorFlow merge checkpoints, whose data files it moves."""
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=list(parts), destination_prefix=str(prefix), delete_old_dirs=False
    )
    return str(prefix)


def save_sharded(prefix, devices):
    """Lets a TF1 saver write one shard per device, and gives the values by name."""
    values = {f'v{n}': np.arange(n + 2, dtype=np.float32) for n in range(2 * devices)}
    with tf.Graph().as_default():
        for number, (name, value) in enumerate(values.items()):
            with tf.device(f'/cpu:{number % devices}'):
                tf.compat.v1.get_variable(name, initializer=value)
        saver = tf.compat.v1.train.Saver(sharded=True)
        with tf.compat.v1.Session(config=tf.compat.v1.ConfigProto(device_count={'CPU': devices})) as session:
            session.run(tf.compat.v1.global_variables_initializer())
            saver.save(session, str(prefix), write_meta_graph=False, write_state=False)
    return values


def tf_tensors(prefix):
    """All tensors of a checkpoint, as TensorFlow reads them."""
    reader = tf.compat.v1.train.NewCheckpointReader(str(prefix))
    return {key: as_array(reader.get_tensor(key)) for key in reader.get_variable_to_shape_map()}


def our_tensors(prefix):
    """All tensors of a checkpoint, as we read them, checksums checked."""
    reader = BundleReader(prefix)
    return {key: reader.tensor(key, verify=True) for key in sorted(reader.keys())}


def as_array(value):
    """An array of what TensorFlow gives; NumPy would cut the zero bytes off the end of a single `bytes`."""
    if isinstance(value, bytes):
        array = np.empty((), object)
        array[()] = value
        return array
    return np.asarray(value)


def strings(*values):
    """An array of `bytes`."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def assert_same(actual, expected):
    """Fails unless two dicts of arrays have the same keys, types, shapes and bits."""
    assert sorted(actual) == sorted(expected)
    for key, array in actual.items():
        other = as_array(expected[key])
        assert (array.dtype, array.shape) == (other.dtype, other.shape), key
        if array.dtype == object:
            assert array.ravel().tolist() == other.ravel().tolist(), key
        else:
            assert array.tobytes() == other.tobytes(), key


def read_file(path):
    with open(path, 'rb') as file:
        return file.read()


def write_file(path, data):
    with open(path, 'wb') as file:
        file.write(data)


def index_of(prefix):
    return read_file(f'{prefix}.index')


def flip_byte(path, position):
    data = bytearray(read_file(path))
    data[position] ^= 0xFF
    write_file(path, bytes(data))


def entry(dtype, shape, data=b'', **fields):
    """An index entry for stored bytes; `fields` overrule what follows from them."""
    crc = checksums.mask(checksums.crc32c(data))
    message = BundleEntry(**({'dtype': dtype, 'size': len(data), 'crc32c': crc} | fields))
    message.shape.SetInParent()
    for extent in shape:
        message.shape.dim.add(size=extent)
    return message


def sliced_entry(dtype, spec, *more_specs):
    """An index entry of a tensor that is stored as slices."""
    message = entry(dtype, parse_spec(spec)[0], crc32c=0)
    for text in (spec, *more_specs):
        part = message.slices.add()
        for start, length in parse_spec(text)[1]:
            part.extent.add(start=start, length=length)
    return message


def write_by_hand(prefix, entries, data=b'', num_shards=1, **header_fields):
    """Writes an index of entries by raw key, messages or bytes, and one data file."""
    header = BundleHeader(num_shards=num_shards, **header_fields)
    items = {b'': header, **entries}
    raw = {key: item if isinstance(item, bytes) else item.SerializeToString() for key, item in items.items()}
    write_file(f'{prefix}.index', table.build_table(sorted(raw.items())))
    write_file(f'{prefix}.data-00000-of-{num_shards:05d}', data)
    return str(prefix)


def table_of_block(block, kind):
    """A table whose only data block is `block`, stored as compression type `kind`."""
    out = b''
    handles = []
    empty = struct.pack('<2I', 0, 1)
    for contents, type_byte in ((bytes(block), kind), (empty, 0)):
        handles.append(varint.encode(len(out)) + varint.encode(len(contents)))
        out += _with_trailer(contents, type_byte)
    index = bytes((0, 1, len(handles[0]))) + b'\xff' + handles[0] + empty
    handles.append(varint.encode(len(out)) + varint.encode(len(index)))
    footer = (handles[1] + handles[2]).ljust(40, b'\0') + struct.pack('<Q', table.MAGIC)
    return out + _with_trailer(index, 0) + footer


def _with_trailer(contents, kind):
    stored = contents + bytes([kind])
    return stored + struct.pack('<I', checksums.mask(checksums.crc32c(stored)))


def first_block(raw):
    """The bytes of the data block of a table that has one."""
    empty = struct.pack('<2I', 0, 1)
    return raw[: raw.rindex(_with_trailer(empty, 0)) - 5]


def keys():
    """Keys of all sorts: unicode, empty segments, dots, long common prefixes."""
    segment = st.text(max_size=8) | st.sampled_from(['', '.', '..', '.S', '.ATTRIBUTES', 'kernel', 'Adam_1'])
    path = st.lists(segment, min_size=1, max_size=4).map('/'.join)
    shared = st.builds(
        lambda char, count, end: char * count + end, st.sampled_from('aé/'), st.integers(0, 300), path
    )
    return (path | shared).filter(bool)


def tensors():
    """Small arrays of every type that NumPy holds and TensorFlow stores, with any bits."""
    shapes = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    numeric = st.tuples(st.sampled_from(DTYPES), shapes).flatmap(_numeric_arrays)
    return numeric | npst.arrays(object, shapes, elements=st.binary(max_size=200), fill=st.nothing())


def _numeric_arrays(type_and_shape):
    dtype, shape = type_and_shape
    size = int(np.prod(shape)) * dtype.itemsize

    def build(data):
        bits = np.frombuffer(data, np.uint8)
        return (bits % 2 if dtype.kind == 'b' else bits).view(dtype).reshape(shape)

    return st.binary(min_size=size, max_size=size).map(build)


def checkpoints(max_size=12):
    """What a whole checkpoint holds, by key."""
    return st.dictionaries(keys(), tensors(), min_size=1, max_size=max_size)
