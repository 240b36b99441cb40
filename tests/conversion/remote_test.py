"""Conversion on TensorFlow's file systems, with the one that is in memory."""

import uuid

import pytest
import tensorflow as tf

import estimator_ckpt

tf1 = tf.compat.v1


@pytest.fixture
def source():
    prefix = f'ram://{uuid.uuid4().hex}/source'
    variables = {'a': tf.Variable([1.0, 2.0]), 'scoped/c': tf.Variable(3.0)}
    return tf1.train.Saver(variables).save(None, prefix)


@pytest.mark.parametrize(
    'options', [{}, {'data': 'copy'}, {'compact': True}, {'rules': [('a', 'b', 'cast=float64')]}]
)
def test_a_remote_checkpoint_is_converted_where_it_is(options, source):
    destination = source.replace('source', 'converted')
    estimator_ckpt.convert(source, destination, 'both', **options)

    c = tf.Variable(0.0)
    tf.train.Checkpoint(vars={'scoped/c': c}).restore(destination).assert_existing_objects_matched()
    assert c.numpy() == 3.0
    assert {entry.key for entry in estimator_ckpt.list_entries(destination)} > {'scoped/c'}


def test_a_remote_checkpoint_is_converted_to_a_local_one_and_back(source, tmp_path):
    local = str(tmp_path / 'local')
    estimator_ckpt.convert(source, local, 'tf2')
    back = source.replace('source', 'back')
    estimator_ckpt.convert(local, back, 'tf1')
    reader = tf1.train.NewCheckpointReader(back)
    assert reader.get_tensor('a').tolist() == [1.0, 2.0]
    assert reader.get_variable_to_shape_map().keys() == {'a', 'scoped/c'}


def test_a_remote_checkpoint_that_is_not_there_is_named(source):
    with pytest.raises(estimator_ckpt.CheckpointNotFoundError, match='ram://.*did you mean source'):
        estimator_ckpt.convert(source + 's', source + '2', 'tf2')
