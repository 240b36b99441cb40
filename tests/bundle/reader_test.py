"""Tests the reader on checkpoints that TensorFlow writes: entries, shards, slices, tensors, checksums."""

import os

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

from estimator_ckpt.bundle import dtypes, table
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.reader import BundleReader
from tests.bundle.helpers import (
    BFLOAT16,
    DTYPES,
    assert_same,
    checkpoints,
    flip_byte,
    index_of,
    merge,
    our_tensors,
    properties,
    save,
    save_sharded,
    strings,
    temporary_prefix,
    tf_tensors,
)


@properties(100)
@hypothesis.given(checkpoints())
def test_any_tensors_that_tensorflow_writes_are_read_back_equal(values):
    with temporary_prefix() as prefix:
        assert_same(our_tensors(save(prefix, values)), values)


def test_tensors_of_every_type_are_read_as_tensorflow_reads_them(tmp_path):
    values = {str(dtype): np.arange(6).reshape(2, 3).astype(dtype) for dtype in DTYPES}
    values |= {f'{dtype} scalar': np.ones((), dtype) for dtype in DTYPES}
    values |= {f'{dtype} empty': np.zeros((0, 3), dtype) for dtype in DTYPES}
    values['strings'] = strings(b'', b'one', b'', b'\0\xff\0', b'x' * 1000)
    values['string'] = strings(b'scalar\0').reshape(())
    values['no strings'] = strings().reshape(3, 0)
    prefix = save(tmp_path / 'model', values)
    assert_same(our_tensors(prefix), values)
    assert_same(our_tensors(prefix), tf_tensors(prefix))


def test_entries_say_what_tensorflows_own_messages_say(tmp_path):
    values = {'a': np.ones((2, 3)), 'b': strings(b'', b'b'), 'c': np.int8(1), 'emb': np.ones((5, 4))}
    prefix = save(tmp_path / 'model', values, {'emb': '10 4 5,5:-'})
    reader = BundleReader(prefix)
    theirs = {key: raw for key, raw in table.read_table(index_of(prefix)) if key}
    assert list(reader.raw) == list(theirs)
    for key, raw in theirs.items():
        expected, entry = tensor_bundle_pb2.BundleEntryProto.FromString(raw), reader.raw_entry(key)
        assert entry.dtype == expected.dtype
        assert list(entry.shape) == [dim.size for dim in expected.shape.dim]
        assert (entry.shard, entry.offset, entry.size) == (expected.shard_id, expected.offset, expected.size)
        assert entry.crc32c == expected.crc32c
        assert entry.slices == tuple(
            tuple((e.start, e.length if e.HasField('length') else None) for e in part.extent)
            for part in expected.slices
        )
    assert reader.entry('emb').slices == (((5, 5), (0, None)),)


def test_the_header_says_how_many_shards_there_are_and_the_byte_order(tmp_path):
    reader = BundleReader(save(tmp_path / 'model', {'x': np.ones(1)}))
    assert (reader.num_shards, reader.big_endian) == (1, False)


def test_tensors_are_found_in_every_shard_of_a_sharded_save(tmp_path):
    prefix = tmp_path / 'model.ckpt'
    values = save_sharded(prefix, devices=3)
    reader = BundleReader(prefix)
    assert reader.num_shards == 3
    assert {reader.entry(key).shard for key in values} == {0, 1, 2}
    assert reader.data_paths() == [f'{prefix}.data-0000{n}-of-00003' for n in range(3)]
    assert_same(our_tensors(prefix), values)
    reader.check_data_files()


def test_tensors_are_found_in_every_shard_of_a_merged_checkpoint(tmp_path):
    values = {f'v{n}': np.arange(n) for n in range(5)}
    parts = [save(tmp_path / f'part{n}', {key: value}) for n, (key, value) in enumerate(values.items())]
    prefix = merge(tmp_path / 'model', *parts)
    assert BundleReader(prefix).num_shards == 5
    assert_same(our_tensors(prefix), values)


@pytest.mark.parametrize('dtype', ['float32', 'int64', 'bool', 'complex64', BFLOAT16], ids=str)
def test_slices_are_put_together(tmp_path, dtype):
    whole = np.arange(40).reshape(10, 4).astype(dtype)
    one = save(tmp_path / 'one', {'v': whole[:5]}, {'v': '10 4 0,5:0,4'})
    two = save(tmp_path / 'two', {'v': whole[5:8], 'w': np.ones(2)}, {'v': '10 4 5,3:-'})
    three = save(tmp_path / 'three', {'v': whole[8:]}, {'v': '10 4 8,2:-'})
    prefix = merge(tmp_path / 'model', one, two, three)
    assert BundleReader(prefix).num_shards == 3
    assert_same(our_tensors(prefix), {'v': whole, 'w': np.ones(2)})
    assert_same(our_tensors(prefix), tf_tensors(prefix))


def test_slices_in_two_dimensions_are_put_together(tmp_path):
    whole = np.arange(24.0).reshape(4, 6)
    parts = [
        save(
            tmp_path / f'{row}{column}',
            {'v': whole[row : row + 2, column : column + 3]},
            {'v': f'4 6 {spec}'},
        )
        for row, column, spec in [(0, 0, '0,2:0,3'), (0, 3, '0,2:3,3'), (2, 0, '2,2:0,3'), (2, 3, '2,2:3,3')]
    ]
    prefix = merge(tmp_path / 'model', *parts)
    assert_same(our_tensors(prefix), {'v': whole})
    assert_same(our_tensors(prefix), tf_tensors(prefix))


@pytest.mark.parametrize(
    'whole',
    [strings(b'a', b'', b'', b'dd'), np.arange(4, dtype='float16'), np.arange(4, dtype='uint64')],
    ids=repr,
)
def test_slices_that_tensorflow_does_not_put_together_are(tmp_path, whole):
    # TensorFlow writes such slices and reads them one by one, but not whole ('Dtype half not supported').
    one = save(tmp_path / 'one', {'v': whole[:2]}, {'v': '4 0,2'})
    two = save(tmp_path / 'two', {'v': whole[2:]}, {'v': '4 2,2'})
    prefix = merge(tmp_path / 'model', one, two)
    with pytest.raises(ValueError, match='not supported'):
        tf_tensors(prefix)
    assert_same(our_tensors(prefix), {'v': whole})


def test_partitioned_variables_of_a_tf1_saver_are_put_together(tmp_path):
    prefix = str(tmp_path / 'model.ckpt')
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.get_variable(
            'emb',
            shape=[10, 3],
            initializer=tf.compat.v1.random_normal_initializer(seed=1),
            partitioner=tf.compat.v1.fixed_size_partitioner(4),
        )
        session.run(tf.compat.v1.global_variables_initializer())
        values = np.concatenate(session.run(tf.compat.v1.global_variables()))
        tf.compat.v1.train.Saver().save(session, prefix)
    assert len(BundleReader(prefix).entry('emb').slices) == 4
    assert_same(our_tensors(prefix), {'emb': values})


def test_the_data_of_slices_are_not_listed_among_the_keys(tmp_path):
    prefix = save(tmp_path / 'model', {'v': np.ones(2), b'\0v': np.ones(2), 'w': np.ones(1)}, {'v': '4 0,2'})
    reader = BundleReader(prefix)
    assert len(reader.raw) == 4
    assert reader.keys() == ['\0v', 'v', 'w']
    assert sorted(tf.compat.v1.train.NewCheckpointReader(prefix).get_variable_to_shape_map()) == reader.keys()


@pytest.mark.parametrize('specs', [['4 0,2'], ['4 0,2', '4 1,2'], ['4 0,2', '4 3,1']])
def test_slices_that_leave_a_part_out_raise_instead_of_giving_zeros(tmp_path, specs):
    values = [np.ones(int(spec[-1])) for spec in specs]
    parts = [save(tmp_path / str(n), {'v': values[n]}, {'v': spec}) for n, spec in enumerate(specs)]
    with pytest.raises(CorruptCheckpointError, match="model.index.*'v' do not cover it"):
        BundleReader(merge(tmp_path / 'model', *parts)).tensor('v')


def test_an_object_based_checkpoint_is_read_as_tensorflow_reads_it(tmp_path):
    checkpoint = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0]), d={'a.b/c': tf.Variable('text')})
    prefix = checkpoint.save(str(tmp_path / 'ckpt'))
    assert '_CHECKPOINTABLE_OBJECT_GRAPH' in BundleReader(prefix)
    assert_same(our_tensors(prefix), tf_tensors(prefix))


def test_keys_that_are_not_utf_8_are_read(tmp_path):
    prefix = save(tmp_path / 'model', {b'\xff\xfe': np.float32(3), b'\xff': np.float32(4)})
    reader = BundleReader(prefix)
    assert [reader.tensor(key).item() for key in sorted(reader.keys())] == [4, 3]


def test_a_key_that_is_not_there_is_named(tmp_path):
    reader = BundleReader(save(tmp_path / 'model', {'x': np.ones(1)}))
    assert 'x' in reader
    assert 'y' not in reader
    for read in (reader.tensor, reader.entry):
        with pytest.raises(KeyError, match="model has no tensor 'y'"):
            read('y')


@pytest.mark.parametrize('position', range(4 * 8))
def test_a_changed_byte_of_a_data_file_is_found_on_request(tmp_path, position):
    values = {key: np.ones(8, np.uint8) for key in 'abcd'}
    prefix = save(tmp_path / 'model', values)
    flip_byte(f'{prefix}.data-00000-of-00001', position)
    reader = BundleReader(prefix)
    *intact, damaged = sorted(values, key=lambda key: key == 'abcd'[position // 8])
    for key in intact:
        assert reader.tensor(key, verify=True).tolist() == [1] * 8
    assert reader.tensor(damaged).tolist() != [1] * 8
    with pytest.raises(CorruptCheckpointError, match=rf"model\.data-00000-of-00001.*'{damaged}'.*checksum"):
        reader.tensor(damaged, verify=True)


def test_a_changed_byte_of_a_slice_is_found_on_request(tmp_path):
    prefix = save(tmp_path / 'model', {'v': np.ones(3)}, {'v': '4 1,3'})
    prefix = merge(tmp_path / 'all', save(tmp_path / 'rest', {'v': np.ones(1)}, {'v': '4 0,1'}), prefix)
    flip_byte(f'{prefix}.data-00001-of-00002', 23)
    with pytest.raises(CorruptCheckpointError, match='data-00001-of-00002.*checksum'):
        BundleReader(prefix).tensor('v', verify=True)


def test_the_bytes_of_a_tensor_are_given_as_stored(tmp_path):
    reader = BundleReader(save(tmp_path / 'model', {'a': np.ones(3), 'b': np.arange(3, dtype='<i4')}))
    assert reader.read_bytes(reader.entry('b'), b'b') == np.arange(3, dtype='<i4').tobytes()
    assert reader.entry('b').dtype == dtypes.from_numpy(np.dtype('int32'))


def test_a_missing_data_file_is_named_with_a_key_it_holds(tmp_path):
    prefix = save(tmp_path / 'model', {'a': np.ones(2), 'b': np.ones(2)})
    os.remove(f'{prefix}.data-00000-of-00001')
    reader = BundleReader(prefix)
    assert 'a' in reader
    with pytest.raises(
        CheckpointNotFoundError, match=r'model\.data-00000-of-00001, which holds .* is missing; copy'
    ):
        reader.check_data_files()
    with pytest.raises(
        CheckpointNotFoundError, match=r"model\.data-00000-of-00001, which holds 'a', is missing"
    ):
        reader.tensor('a')


def test_a_data_file_that_is_cut_off_is_named_with_the_key_behind_its_end(tmp_path):
    values = {'a': np.ones(4, np.int8), 'b': np.ones(4, np.int8)}
    prefix = save(tmp_path / 'model', values)
    path = f'{prefix}.data-00000-of-00001'
    os.truncate(path, 7)
    reader = BundleReader(prefix)
    with pytest.raises(
        CorruptCheckpointError, match=r"model\.data-00000-of-00001 is cut off: it has 7 bytes, and 'b'"
    ):
        reader.check_data_files()
    with pytest.raises(
        CorruptCheckpointError, match=r"model\.data-00000-of-00001 is cut off before the end of 'b'"
    ):
        reader.tensor('b')
    assert reader.tensor('a', verify=True).tolist() == [1] * 4


def test_data_files_that_are_longer_than_needed_are_fine(tmp_path):
    values = {'a': np.ones(4)}
    prefix = save(tmp_path / 'model', values)
    with open(f'{prefix}.data-00000-of-00001', 'ab') as file:
        file.write(b'more')
    BundleReader(prefix).check_data_files()
    assert_same(our_tensors(prefix), values)
