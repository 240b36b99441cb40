"""Tests that TensorFlow reads what the writer composes: entries kept, renamed, aliased, removed, added, merged."""

import tracemalloc

import hypothesis
import numpy as np
import pytest
import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from tests.bundle.helpers import (
    assert_same,
    checkpoints,
    entry,
    index_of,
    merge,
    our_tensors,
    properties,
    read_file,
    save,
    save_sharded,
    strings,
    temporary_prefix,
    tf_tensors,
    write_by_hand,
)

EMBEDDING = np.arange(40.0).reshape(10, 4)
UPPER, LOWER = '10 4 0,5:-', '10 4 5,5:-'
WHOLE = {'a': np.arange(3.0), 'b': np.ones((2, 2), np.int32), 's': strings(b'one', b'')}
VALUES = {**WHOLE, 'emb': EMBEDDING}


def write(prefix, values):
    writer = BundleWriter(str(prefix))
    for key, value in values.items():
        writer.add_tensor(key, value)
    return writer.publish()


@pytest.fixture
def parts(tmp_path):
    """Two checkpoints with one slice each of a variable."""
    upper = save(tmp_path / 'upper', {**WHOLE, 'emb': EMBEDDING[:5]}, {'emb': UPPER})
    lower = save(tmp_path / 'lower', {'c': np.ones(2), 'emb': EMBEDDING[5:]}, {'emb': LOWER})
    return BundleReader(upper), BundleReader(lower)


@pytest.fixture
def source(tmp_path):
    upper = save(tmp_path / 'part0', {**WHOLE, 'emb': EMBEDDING[:5]}, {'emb': UPPER})
    lower = save(tmp_path / 'part1', {'emb': EMBEDDING[5:]}, {'emb': LOWER})
    return BundleReader(merge(tmp_path / 'source', upper, lower))


@pytest.fixture
def writer(tmp_path, source):
    writer = BundleWriter(str(tmp_path / 'new' / 'model'))
    writer.include(source, 'link')
    return writer


@properties(100)
@hypothesis.given(checkpoints())
def test_any_tensors_we_write_are_read_back_equal_by_tensorflow(values):
    with temporary_prefix() as prefix:
        assert_same(tf_tensors(write(prefix, values)), values)


@properties(50)
@hypothesis.given(checkpoints())
def test_any_checkpoint_passed_on_keeps_its_bytes(values):
    with temporary_prefix('old') as old, temporary_prefix('new') as new:
        writer = BundleWriter(new)
        writer.include(BundleReader(save(old, values)), 'copy')
        writer.publish()
        assert index_of(new) == index_of(old)
        assert read_file(f'{new}.data-00000-of-00001') == read_file(f'{old}.data-00000-of-00001')


def test_a_checkpoint_of_one_tensor_has_the_bytes_that_tensorflow_writes(tmp_path):
    ours, theirs = write(tmp_path / 'ours', {'x': np.ones(3)}), save(tmp_path / 'theirs', {'x': np.ones(3)})
    assert index_of(ours) == index_of(theirs)
    assert read_file(f'{ours}.data-00000-of-00001') == read_file(f'{theirs}.data-00000-of-00001')


def test_a_checkpoint_of_no_tensors_is_read_by_tensorflow(tmp_path):
    assert tf_tensors(write(tmp_path / 'empty', {})) == {}
    assert our_tensors(tmp_path / 'empty') == {}


def test_100_000_tensors_are_read_by_tensorflow_and_rewritten_by_it_to_the_same_bytes(tmp_path):
    writer = BundleWriter(str(tmp_path / 'model'))
    for number in range(100_000):
        writer.add_tensor(f'model/layer_{number % 97}/block_{number}/kernel', np.int32(number))
    prefix = writer.publish()
    raw = index_of(prefix)
    assert len(raw) > 10 * 256 * 1024
    theirs = tf.compat.v1.train.NewCheckpointReader(prefix)
    assert len(theirs.get_variable_to_shape_map()) == 100_000
    for number in (*range(0, 100_000, 997), 99_999):
        assert theirs.get_tensor(f'model/layer_{number % 97}/block_{number}/kernel') == number
    assert index_of(merge(tmp_path / 'theirs', prefix)) == raw


def test_renamed_tensors_have_their_new_keys_only(writer):
    for key in VALUES:
        writer.rename(key, f'scope/{key}')
        assert f'scope/{key}' in writer
        assert key not in writer
    assert_same(tf_tensors(writer.publish()), {f'scope/{key}': value for key, value in VALUES.items()})


def test_a_tensor_renamed_to_its_own_name_stays(writer):
    for key in VALUES:
        writer.rename(key, key)
    assert_same(tf_tensors(writer.publish()), VALUES)


def test_two_tensors_can_swap_their_names(writer):
    writer.rename('a', 'spare')
    writer.rename('emb', 'a')
    writer.rename('spare', 'emb')
    assert_same(tf_tensors(writer.publish()), {**VALUES, 'a': EMBEDDING, 'emb': VALUES['a']})


def test_aliased_tensors_are_read_under_both_keys_and_stored_once(writer, source):
    for key in VALUES:
        writer.alias(f'{key}/.ATTRIBUTES/VARIABLE_VALUE', key)
    prefix = writer.publish()
    aliases = {f'{key}/.ATTRIBUTES/VARIABLE_VALUE': value for key, value in VALUES.items()}
    assert_same(tf_tensors(prefix), {**VALUES, **aliases})
    stored = [read_file(path) for path in BundleReader(prefix).data_paths()]
    assert stored == [read_file(path) for path in source.data_paths()]


def test_removed_tensors_are_gone_with_their_slices_and_the_others_stay(writer):
    writer.remove('a')
    writer.remove('emb')
    prefix = writer.publish()
    assert_same(tf_tensors(prefix), {'b': VALUES['b'], 's': VALUES['s']})
    assert list(BundleReader(prefix).raw) == [b'b', b's']


def test_added_tensors_share_one_further_shard(writer, source):
    added = {
        '_CHECKPOINTABLE_OBJECT_GRAPH': strings(b'graph').reshape(()),
        'step': np.int64(7),
        'n': np.float32([1]),
    }
    for key, value in added.items():
        writer.add_tensor(key, value)
    prefix = writer.publish()
    reader = BundleReader(prefix)
    assert reader.num_shards == source.num_shards + 1
    assert {reader.entry(key).shard for key in added} == {source.num_shards}
    assert_same(tf_tensors(prefix), {**VALUES, **added})
    assert_same(our_tensors(prefix), {**VALUES, **added})


def test_added_tensors_are_renamed_aliased_and_removed_like_others(writer):
    for key in ('x', 'y', 'z'):
        writer.add_tensor(key, np.float32(1))
    writer.rename('x', 'renamed')
    writer.alias('alias', 'y')
    writer.remove('z')
    added = dict.fromkeys(['renamed', 'y', 'alias'], np.float32(1))
    assert_same(tf_tensors(writer.publish()), {**VALUES, **added})


@pytest.mark.parametrize('key', ['a', 'emb', 'added'])
def test_a_key_that_is_there_is_not_given_again(writer, parts, tmp_path, key):
    writer.add_tensor('added', np.ones(1))
    with pytest.raises(CheckpointError, match=f"'{key}'"):
        writer.alias(key, 'b')
    with pytest.raises(CheckpointError, match=f"'{key}'"):
        writer.rename('b', key)
    with pytest.raises(CheckpointError, match=f"'{key}'"):
        writer.add_tensor(key, np.ones(1))
    with pytest.raises(CheckpointError, match=f"'{key}'"):
        writer.include(BundleReader(save(tmp_path / 'other', {key: np.ones(1)})), 'link')


def test_the_empty_key_is_the_headers_and_refused(writer):
    with pytest.raises(CheckpointError, match='empty'):
        writer.add_tensor('', np.ones(1))
    with pytest.raises(CheckpointError, match='empty'):
        writer.alias('', 'a')
    with pytest.raises(CheckpointError, match='empty'):
        writer.rename('a', '')
    assert_same(tf_tensors(writer.publish()), VALUES)


@pytest.mark.parametrize('change', ['alias', 'rename', 'remove'])
def test_a_key_that_is_not_there_is_a_key_error(writer, change):
    arguments = {'alias': ('new', 'nope'), 'rename': ('nope', 'new'), 'remove': ('nope',)}[change]
    with pytest.raises(KeyError, match='nope'):
        getattr(writer, change)(*arguments)
    assert_same(tf_tensors(writer.publish()), VALUES)


def test_two_parts_with_slices_of_one_variable_are_merged_as_tensorflow_merges_them(tmp_path, parts):
    writer = BundleWriter(str(tmp_path / 'ours'))
    for part in parts:
        writer.include(part, 'copy')
    ours, theirs = writer.publish(), merge(tmp_path / 'theirs', *(part.prefix for part in parts))
    assert_same(tf_tensors(ours), {**VALUES, 'c': np.ones(2)})
    assert index_of(ours) == index_of(theirs)
    for number in range(2):
        name = f'data-0000{number}-of-00002'
        assert read_file(f'{ours}.{name}') == read_file(f'{theirs}.{name}')


def test_parts_of_several_shards_are_merged(tmp_path):
    writer, expected = BundleWriter(str(tmp_path / 'model')), {}
    for part in range(3):
        source = tmp_path / f'part{part}'
        values = save_sharded(source, devices=2)
        writer.include(BundleReader(source), 'link')
        for key in values:
            writer.rename(key, f'{part}/{key}')
        expected |= {f'{part}/{key}': value for key, value in values.items()}
    writer.add_tensor('step', np.int64(1))
    prefix = writer.publish()
    assert BundleReader(prefix).num_shards == 7
    assert_same(tf_tensors(prefix), {**expected, 'step': np.int64(1)})


def test_merged_slices_are_aliased_renamed_and_removed_together(tmp_path, parts):
    writer = BundleWriter(str(tmp_path / 'model'))
    for part in parts:
        writer.include(part, 'link')
    writer.alias('alias', 'emb')
    writer.rename('emb', 'renamed')
    for key in ('c', *WHOLE):
        writer.remove(key)
    prefix = writer.publish()
    assert_same(tf_tensors(prefix), {'alias': EMBEDDING, 'renamed': EMBEDDING})
    assert len(BundleReader(prefix).raw) == 6


@pytest.mark.parametrize(
    ('value', 'spec'),
    [
        (EMBEDDING[:5], UPPER),
        (np.ones((5, 5)), '10 5 5,5:-'),
        (np.ones((5, 4), np.float32), LOWER),
        (EMBEDDING, ''),
    ],
    ids=['same slice', 'other shape', 'other type', 'whole'],
)
def test_slices_that_do_not_belong_together_are_not_merged(tmp_path, parts, value, spec):
    writer = BundleWriter(str(tmp_path / 'model'))
    writer.include(parts[0], 'link')
    with pytest.raises(
        CheckpointError, match='other has a key .*emb.*model has already; rename or remove one'
    ):
        writer.include(BundleReader(save(tmp_path / 'other', {'emb': value}, {'emb': spec})), 'link')


def test_checkpoints_of_different_byte_orders_are_not_merged(tmp_path, writer):
    big = BundleReader(
        write_by_hand(tmp_path / 'big', {b'x': entry(1, (1,), b'1234')}, b'1234', endianness=1)
    )
    with pytest.raises(CheckpointError, match='big differs in byte order'):
        writer.include(big, 'link')


def test_a_big_endian_checkpoint_is_passed_on_and_takes_no_tensors(tmp_path):
    data = np.arange(3, dtype='>f4').tobytes()
    big = BundleReader(write_by_hand(tmp_path / 'big', {b'x': entry(1, (3,), data)}, data, endianness=1))
    writer = BundleWriter(str(tmp_path / 'model'))
    writer.include(big, 'link')
    writer.rename('x', 'y')
    assert tf_tensors(writer.publish())['y'].tolist() == [0, 1, 2]
    writer.add_tensor('z', np.ones(1))
    with pytest.raises(CheckpointError, match='big-endian'):
        writer.publish()


def test_sameness_of_contents_sees_keys_types_shapes_and_bytes_and_not_where_they_lie(
    tmp_path, writer, source
):
    assert writer.has_contents_of(source)
    again = BundleWriter(str(tmp_path / 'again'))
    again.include(BundleReader(write(tmp_path / 'one_shard', WHOLE)), 'link')
    assert not again.has_contents_of(source)
    again.include(BundleReader(write(tmp_path / 'other_shard', {'step': np.int64(1)})), 'link')
    same = {'step': np.int64(1), **WHOLE}
    assert again.has_contents_of(BundleReader(write(tmp_path / 'same', same)))
    for number, change in enumerate(
        [{'step': np.int64(2)}, {'step': np.int32(1)}, {'step': np.ones(1, np.int64)}]
    ):
        other = BundleReader(write(tmp_path / f'other{number}', {**same, **change}))
        assert not again.has_contents_of(other)
        assert again.has_contents_of(other, ignoring=frozenset({'step'}))


def test_a_computed_tensor_is_written_in_pieces_and_not_copied_whole(tmp_path):
    value = np.random.default_rng(0).standard_normal((2000, 3000))
    writer = BundleWriter(str(tmp_path / 'model'))
    writer.add_computed('before', 7, (1,), lambda: strings(b'text'))
    writer.add_computed('x', 2, (3000, 2000), lambda: value.T)
    writer.add_computed('y', 1, (), lambda: np.float32(3).reshape(()))
    tracemalloc.start()
    try:
        writer.publish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.8 * value.nbytes
    expected = {'before': strings(b'text'), 'x': np.ascontiguousarray(value.T), 'y': np.float32(3)}
    assert_same(tf_tensors(tmp_path / 'model'), expected)
    assert_same(our_tensors(tmp_path / 'model'), expected)
