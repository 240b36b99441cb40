"""Tests that checkpoints of the V1 format are read as TensorFlow reads them."""

import concurrent.futures

import hypothesis
import numpy as np
import pytest
import tensorflow as tf

from estimator_ckpt.bundle import slices
from estimator_ckpt.bundle.dtypes import UnsupportedDtypeError
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.files import LocalFiles
from estimator_ckpt.bundle.table import build_table
from estimator_ckpt.formats.v1 import V1Reader
from tests.bundle.helpers import (
    assert_same,
    properties,
    read_file,
    save,
    strings,
    temporary_prefix,
    write_file,
)
from tests.formats.helpers import (
    DTYPES,
    FLOAT,
    QUANTIZED,
    WHOLE,
    checkpoints,
    faults,
    floats,
    header_tensor,
    items,
    our_v1_tensors,
    save_v1,
    tf_restored,
    write_v1,
)


@pytest.fixture
def bytes_read(monkeypatch):
    """The sizes of all reads of local files from now on."""
    sizes, read = [], LocalFiles.read

    def counted(self, path, offset=0, size=None):
        data = read(self, path, offset, size)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(LocalFiles, 'read', counted)
    return sizes


def dtypes_of(arrays):
    return {name: array.dtype for name, array in arrays.items()}


def extremes(dtype):
    """Values at the limits of a type, with both signs."""
    if dtype.kind == 'b':
        return np.array([True, False, True])
    if dtype.kind in 'iu':
        limits = np.iinfo(dtype)
        near = [limits.min, limits.min // 2, 0, 1, 63, 64, limits.max // 2, limits.max]
        return np.array([*near, *(-1, -64, -65, -128) * (dtype.kind == 'i')], dtype)
    return np.array(
        [-1.5, -0.0, 0, np.inf, -np.inf, np.nan, np.finfo(dtype).max, np.finfo(dtype).tiny], dtype
    )


@pytest.mark.parametrize('shape', [None, (), (0,), (3, 0, 2), (2, 3, 4)], ids=str)
@pytest.mark.parametrize('dtype', DTYPES, ids=str)
def test_a_tensor_of_each_type_is_read_as_tensorflow_restores_it(tmp_path, dtype, shape):
    value = extremes(dtype) if shape is None else np.resize(extremes(dtype), shape)
    path = save_v1(tmp_path / 'model', {'x': value})
    assert_same(our_v1_tensors(path), tf_restored(path, {'x': dtype}))
    assert_same(our_v1_tensors(path), {'x': value})


@pytest.mark.parametrize('quantized', QUANTIZED, ids=str)
def test_a_tensor_of_a_quantized_type_is_read_as_the_integers_that_it_is_stored_as(tmp_path, quantized):
    value = extremes(np.dtype(QUANTIZED[quantized]))
    path = save_v1(tmp_path / 'model', {'x': tf.bitcast(value, quantized)})
    assert_same(our_v1_tensors(path), {'x': value})
    assert V1Reader(path).entry('x').dtype == quantized.as_datatype_enum


@pytest.mark.parametrize(
    'value', [strings(b'', b'a\0', b'\xff' * 300), strings(), strings(b'scalar').reshape(())]
)
def test_strings_are_read_as_tensorflow_restores_them(tmp_path, value):
    path = save_v1(tmp_path / 'model', {'x': value})
    assert_same(our_v1_tensors(path), tf_restored(path, {'x': object}))
    assert_same(our_v1_tensors(path), {'x': value})


@properties(150)
@hypothesis.given(checkpoints())
def test_any_checkpoint_is_read_as_tensorflow_restores_it(values):
    with temporary_prefix() as path:
        save_v1(path, values)
        assert_same(our_v1_tensors(path), tf_restored(path, dtypes_of(values)))
        assert_same(our_v1_tensors(path), values)
        assert faults(path) == []


@pytest.mark.parametrize('dtype', ['int32', 'int64', 'int8', 'float16', 'bool'])
def test_a_million_values_are_read_as_they_were_written(tmp_path, dtype):
    value = np.random.default_rng(0).integers(-128, 128, 1_300_000).astype(dtype)
    path = save_v1(tmp_path / 'model', {'x': value})
    assert_same(our_v1_tensors(path), {'x': value})


def run_saver(path, build, **options):
    """Lets a TF1 saver write what `build` makes, in the V1 format, and gives the path that it names."""
    with tf.Graph().as_default():
        build()
        saver = tf.compat.v1.train.Saver(write_version=tf.compat.v1.train.SaverDef.V1, **options)
        config = tf.compat.v1.ConfigProto(device_count={'CPU': 2})
        with tf.compat.v1.Session(config=config) as session:
            session.run(tf.compat.v1.global_variables_initializer())
            return saver.save(session, str(path), write_meta_graph=False, write_state=False)


def partitioned():
    tf.compat.v1.get_variable(
        'embedding',
        shape=(10, 7),
        initializer=lambda shape, dtype, partition_info: tf.constant(
            np.arange(70, dtype=np.float32).reshape(10, 7)[partition_info.var_offset[0] :][: shape[0]]
        ),
        partitioner=tf.compat.v1.fixed_size_partitioner(3),
    )
    tf.compat.v1.get_variable('step', initializer=np.int64(-5))


def on_two_devices():
    for number in range(4):
        with tf.device(f'/cpu:{number % 2}'):
            tf.compat.v1.get_variable(f'v{number}', initializer=np.full(number + 1, number, np.float32))


def test_a_partitioned_variable_of_a_saver_is_put_together(tmp_path):
    path = run_saver(tmp_path / 'model', partitioned)
    expected = {'embedding': np.arange(70, dtype=np.float32).reshape(10, 7), 'step': np.array(-5)}
    assert_same(our_v1_tensors(path), expected)
    assert_same(our_v1_tensors(path), tf_restored(path, dtypes_of(expected)))
    entry = V1Reader(path).entry('embedding')
    assert entry.shape == (10, 7)
    assert entry.slices == (((0, 4), WHOLE), ((4, 3), WHOLE), ((7, 3), WHOLE))
    pieces = [V1Reader(path).slice_entry('embedding', part) for part in entry.slices]
    assert [piece.shape for piece in pieces] == [(4, 7), (3, 7), (3, 7)]
    assert sum(piece.size for piece in pieces) == entry.size == 280
    assert V1Reader(path).entry('step').slices == ()


def test_shards_of_a_saver_are_read_by_their_pattern_their_prefix_and_each_shard(tmp_path):
    pattern = run_saver(tmp_path / 'model', on_two_devices, sharded=True)
    assert pattern == f'{tmp_path}/model-?????-of-00002'
    expected = {f'v{number}': np.full(number + 1, number, np.float32) for number in range(4)}
    shards = [f'{tmp_path}/model-0000{number}-of-00002' for number in range(2)]
    for path in (pattern, tmp_path / 'model', *shards):
        reader = V1Reader(path)
        assert (reader.prefix, reader.data_paths()) == (pattern, shards)
        assert_same(our_v1_tensors(path), expected)
    assert_same(our_v1_tensors(pattern), tf_restored(pattern, dtypes_of(expected)))
    assert [V1Reader(pattern).entry(name).shard for name in expected] == [0, 1, 0, 1]


def test_a_tensor_whose_slices_are_in_several_shards_is_put_together(tmp_path):
    whole = np.arange(40, dtype=np.complex64).reshape(10, 4)
    for number, (rows, spec) in enumerate([(whole[:3], '10 4 0,3:-'), (whole[3:], '10 4 3,7:-')]):
        save_v1(tmp_path / f'model-0000{number}-of-00002', {'x': rows}, {'x': spec})
    reader = V1Reader(tmp_path / 'model')
    assert_same(our_v1_tensors(reader.prefix), {'x': whole})
    assert_same(our_v1_tensors(reader.prefix), tf_restored(reader.prefix, {'x': whole.dtype}))
    assert [reader.slice_entry('x', part).shard for part in reader.entry('x').slices] == [0, 1]


@pytest.mark.parametrize(
    'specs',
    [['6 8 0,3:0,4', '6 8 0,3:4,4', '6 8 3,3:0,8'], ['6 8 -:0,1', '6 8 -:1,7']],
    ids=['corners', 'columns'],
)
def test_slices_across_several_dimensions_are_put_together(tmp_path, specs):
    whole = np.arange(48, dtype=np.int16).reshape(6, 8)
    parts = [slices.parse_spec(spec)[1] for spec in specs]
    for number, (spec, part) in enumerate(zip(specs, parts, strict=True)):
        path = tmp_path / f'model-{number:05d}-of-{len(specs):05d}'
        save_v1(path, {'x': whole[slices.as_numpy(part)]}, {'x': spec})
    reader = V1Reader(tmp_path / 'model')
    assert_same({'x': reader.tensor('x')}, {'x': whole})
    assert_same({'x': whole}, tf_restored(reader.prefix, {'x': whole.dtype}))


@pytest.mark.parametrize('spec', ['5 4 0,5:0,4', '5 4 0,5:-'])
def test_a_slice_that_covers_the_whole_is_a_whole_tensor(tmp_path, spec):
    value = np.ones((5, 4), np.float32)
    path = write_v1(
        tmp_path / 'model',
        header_tensor(b'x', FLOAT, (5, 4), slices.parse_spec(spec)[1]),
        {(b'x', slices.parse_spec(spec)[1]): floats(*value.ravel())},
    )
    assert V1Reader(path).entry('x').slices == ()
    assert_same(our_v1_tensors(path), {'x': value})
    assert_same(our_v1_tensors(path), tf_restored(path, {'x': value.dtype}))


def test_snappy_compressed_blocks_are_read_as_tensorflow_reads_them(tmp_path):
    path = write_v1(
        tmp_path / 'model',
        header_tensor(b'a', FLOAT, (1000,)) + header_tensor(b'b', FLOAT, ()),
        {(b'a', (WHOLE,)): floats(*[1.5] * 1000), (b'b', ()): floats(2)},
        compressed=True,
    )
    expected = {'a': np.full(1000, 1.5, np.float32), 'b': np.float32(2)}
    assert_same(our_v1_tensors(path), expected)
    assert_same(our_v1_tensors(path), tf_restored(path, {'a': np.float32, 'b': np.float32}))
    assert faults(path) == []


def test_the_entry_of_a_tensor_tells_its_type_shape_and_size(tmp_path):
    path = save_v1(tmp_path / 'model', {'x': np.ones((2, 3), np.int16), 's': strings(b'abc')})
    reader = V1Reader(path)
    assert (reader.prefix, reader.num_shards, reader.data_paths()) == (path, 1, [path])
    assert reader.entry('x') == (5, (2, 3), 0, 12, ())
    assert reader.entry('s') == (7, (1,), 0, 0, ())
    assert (reader.keys(), 'x' in reader, 'y' in reader) == (['s', 'x'], True, False)
    reader.check_data_files()


def test_values_of_a_v1_checkpoint_have_no_place_in_a_v2_index(tmp_path):
    reader = V1Reader(save_v1(tmp_path / 'model', {'x': np.ones(2)}))
    assert not reader.holds_v2_data
    assert reader.each_has_its_place()
    assert reader.places() == {}


def test_a_tensor_that_is_not_there_is_a_key_error(tmp_path):
    reader = V1Reader(save_v1(tmp_path / 'model', {'x': np.ones(2)}))
    for read in (reader.entry, reader.tensor, lambda key: reader.slice_entry(key, ())):
        with pytest.raises(KeyError, match="model has no tensor 'y'"):
            read('y')
    with pytest.raises(CorruptCheckpointError, match="slice .* of 'x' is missing"):
        reader.slice_entry('x', ((0, 1),))


def test_a_read_array_is_writable(tmp_path):
    value = V1Reader(save_v1(tmp_path / 'model', {'x': np.ones(2)})).tensor('x')
    value += 1
    assert value.tolist() == [2, 2]


@pytest.mark.parametrize('dtype', [20, 24, 99, 0])
def test_a_type_that_the_format_does_not_store_is_named(tmp_path, dtype):
    path = write_v1(tmp_path / 'model', header_tensor(b'x', dtype, (1,)), {(b'x', (WHOLE,)): floats(1)})
    with pytest.raises(UnsupportedDtypeError, match=r"model: the tensor 'x' cannot be read.*leave it out"):
        V1Reader(path).tensor('x')


def test_headers_are_read_without_the_values(tmp_path, bytes_read):
    values = {f'layer_{number:02d}/kernel': np.full((600, 1000), number, np.float32) for number in range(10)}
    path = save_v1(tmp_path / 'model', values)
    bytes_read.clear()
    reader = V1Reader(path)
    assert sum(reader.entry(key).size for key in sorted(reader.keys())) == 24_000_000
    assert sum(bytes_read) < 100_000
    bytes_read.clear()
    reader.tensor('layer_05/kernel')
    assert sum(bytes_read) < 2_500_000


@pytest.mark.parametrize('compressed', [False, True])
def test_a_header_in_one_block_with_a_large_tensor_is_read_without_it(tmp_path, bytes_read, compressed):
    noise = np.random.default_rng(0).standard_normal(500_000)
    path = write_v1(
        tmp_path / 'model',
        header_tensor(b'x', FLOAT, (500_000,)),
        {(b'x', (WHOLE,)): floats(*noise)},
        compressed,
    )
    bytes_read.clear()
    reader = V1Reader(path)
    assert reader.entry('x').shape == (500_000,)
    assert compressed or sum(bytes_read) < 100_000
    assert_same({'x': reader.tensor('x')}, {'x': noise.astype(np.float32)})


def test_a_header_that_was_read_without_its_block_is_checked_before_a_value_is_read(tmp_path):
    header = header_tensor(b'x', FLOAT, (500_000,)) + header_tensor(b'y', FLOAT, (2, 1))
    values = {(b'x', (WHOLE,)): floats(*[0] * 500_000), (b'y', (WHOLE, WHOLE)): floats(1, 2)}
    path = write_v1(tmp_path / 'model', header, values)
    # The two extents of y, exchanged: a shape that its values fit as well.
    damaged = read_file(path).replace(b'\x12\2\x08\2\x12\2\x08\1', b'\x12\2\x08\1\x12\2\x08\2', 1)
    write_file(path, damaged)
    assert V1Reader(path).entry('y').shape == (1, 2)
    with pytest.raises(CorruptCheckpointError, match='checksum of the block at byte 0'):
        V1Reader(path).tensor('y')


def test_small_tensors_of_one_block_are_read_together(tmp_path, bytes_read):
    path = save_v1(tmp_path / 'model', {f'v{number:03d}': np.full(10, number) for number in range(500)})
    reader = V1Reader(path)
    bytes_read.clear()
    for key in reversed(reader.keys()):
        assert reader.tensor(key)[0] == int(key[1:])
    assert sum(bytes_read) < 2 * len(read_file(path))


def test_small_tensors_of_a_large_block_are_not_read_with_it_each_time(tmp_path, bytes_read):
    header = b''.join(header_tensor(b'a%d' % number, FLOAT, ()) for number in range(50))
    values = {(b'a%d' % number, ()): floats(number) for number in range(50)}
    values[b'b', (WHOLE,)] = floats(*range(5_000_000))
    path = write_v1(tmp_path / 'model', header + header_tensor(b'b', FLOAT, (5_000_000,)), values)
    reader = V1Reader(path)
    bytes_read.clear()
    assert [reader.tensor(f'a{number}').item() for number in range(50)] == list(range(50))
    assert sum(bytes_read) < 45_000_000
    assert reader.tensor('b')[-1] == 4_999_999


def test_tensors_are_read_by_many_threads_at_once(tmp_path):
    values = {f'v{number:03d}': np.full(3000, number) for number in range(300)}
    reader = V1Reader(save_v1(tmp_path / 'model', values))
    names = list(values) * 3
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for name, value in zip(names, pool.map(reader.tensor, names), strict=True):
            assert (value == int(name[1:])).all()


def test_a_checkpoint_on_another_file_system_is_read(tmp_path):
    path = save_v1(tmp_path / 'model', {'x': np.arange(3)})
    remote = 'ram://v1_test/model-00000-of-00001'
    tf.io.gfile.makedirs('ram://v1_test')
    tf.io.gfile.copy(path, remote, overwrite=True)
    assert_same(our_v1_tensors('ram://v1_test/model'), {'x': np.arange(3)})
    assert V1Reader(remote).prefix == 'ram://v1_test/model-?????-of-00001'


def test_a_missing_shard_is_named(tmp_path):
    pattern = run_saver(tmp_path / 'model', on_two_devices, sharded=True)
    reader = V1Reader(pattern)
    (tmp_path / 'model-00001-of-00002').unlink()
    for path in (pattern, tmp_path / 'model'):
        with pytest.raises(
            CheckpointNotFoundError, match='model-00001-of-00002, .* is missing; copy it there'
        ):
            V1Reader(path)
    with pytest.raises(CheckpointNotFoundError, match='model-00001-of-00002, .* is missing; copy it there'):
        reader.check_data_files()


def test_a_file_that_changed_since_it_was_opened_is_damaged(tmp_path):
    path = save_v1(tmp_path / 'model', {'x': np.arange(3)})
    reader = V1Reader(path)
    write_file(path, read_file(path)[:-1])
    with pytest.raises(CorruptCheckpointError, match='when it was opened'):
        reader.check_data_files()


@pytest.mark.parametrize('name', ['nothing', 'missing/model', '', 'nothing-?????-of-00002', '.'])
def test_a_path_that_means_no_checkpoint_is_named(tmp_path, name):
    with pytest.raises(CheckpointNotFoundError, match='There is no V1 checkpoint .*check the path'):
        V1Reader(tmp_path / name if name else '')


def test_shards_of_two_checkpoints_with_one_prefix_are_not_mixed(tmp_path):
    for count in (1, 2):
        save_v1(tmp_path / f'model-00000-of-0000{count}', {'x': np.ones(1)})
    with pytest.raises(CheckpointNotFoundError, match=r'several checkpoints: .*-of-00001, .*-of-00002; name'):
        V1Reader(tmp_path / 'model')
    assert V1Reader(tmp_path / 'model-?????-of-00001').keys() == ['x']


def test_a_file_of_another_kind_is_named_as_such(tmp_path):
    prefix = save(tmp_path / 'model', {'x': np.ones(1)})
    with pytest.raises(CorruptCheckpointError, match=r'model\.index is the index of a V2 checkpoint; name'):
        V1Reader(f'{prefix}.index')
    write_file(tmp_path / 'weights.h5', b'\x89HDF\r\n\x1a\n' + bytes(100))
    with pytest.raises(CorruptCheckpointError, match=r'weights\.h5 is an HDF5 file'):
        V1Reader(tmp_path / 'weights.h5')


def test_names_that_are_escaped_in_keys_are_found(tmp_path):
    names = [b'\0', b'\xff', b'a\0\xffb', 'naïve/日本'.encode()]
    path = write_v1(
        tmp_path / 'model',
        b''.join(header_tensor(name, FLOAT, ()) for name in names),
        {(name, ()): floats(number) for number, name in enumerate(names)},
    )
    found = our_v1_tensors(path)
    assert {key.encode('utf-8', 'surrogateescape'): value.item() for key, value in found.items()} == {
        name: number for number, name in enumerate(names)
    }
    assert V1Reader(path).keys() == [name.decode('utf-8', 'surrogateescape') for name in sorted(names)]


def test_a_checkpoint_without_tensors_is_empty(tmp_path):
    write_file(tmp_path / 'model', build_table(items(b'', {})))
    assert V1Reader(tmp_path / 'model').keys() == []
    assert faults(tmp_path / 'model') == []
