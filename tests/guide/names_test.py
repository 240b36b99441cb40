"""Rows G2 to G7 and G19 to G21 of TensorFlow's guide "Migrating model checkpoints", through this package.

`a=1, b=2, scoped/c=3` are the guide's three float32 scalars.
"""

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from tests.testing.small_model import keys_of, needs_keras_2

tf1 = tf.compat.v1
VALUES = [1.0, 2.0, 3.0]
NAMES = {'a', 'b', 'scoped/c'}


def _graph_variables(values=(0.0, 0.0, 0.0)):
    a = tf1.get_variable('a', initializer=values[0])
    b = tf1.get_variable('b', initializer=values[1])
    with tf1.variable_scope('scoped'):
        c = tf1.get_variable('c', initializer=values[2])
    return [a, b, c]


def _eager_variables(values=(0.0, 0.0, 0.0)):
    a = tf.Variable(values[0], name='a')
    b = tf.Variable(values[1], name='b')
    with tf.name_scope('scoped'):
        c = tf.Variable(values[2], name='c')
    return [a, b, c]


def _numbers(variables):
    return [float(v.numpy()) for v in variables]


@pytest.fixture
def tf1_path(tmp_path):
    with tf.Graph().as_default(), tf1.Session() as session:
        _graph_variables(VALUES)
        saver = estimator_ckpt.Saver()
        session.run(tf1.global_variables_initializer())
        return saver.save(session, str(tmp_path / 'tf1-ckpt'))


def test_g2_a_saver_in_a_session_writes_names(tf1_path):
    assert keys_of(tf1_path) == NAMES
    assert [float(BundleReader(tf1_path).tensor(name)) for name in sorted(NAMES)] == VALUES


def test_g3_a_checkpoint_writes_object_paths(tmp_path):
    checkpoint = tf.train.Checkpoint(variables=_eager_variables([5.0, 6.0, 7.0]))
    path = estimator_ckpt.Saver('tf2', checkpoint).save(None, str(tmp_path / 'tf2-ckpt'))
    assert set(BundleReader(path).keys()) == {
        'variables/0/.ATTRIBUTES/VARIABLE_VALUE',
        'variables/1/.ATTRIBUTES/VARIABLE_VALUE',
        'variables/2/.ATTRIBUTES/VARIABLE_VALUE',
        'save_counter/.ATTRIBUTES/VARIABLE_VALUE',
        '_CHECKPOINTABLE_OBJECT_GRAPH',
    }


def test_g4_nested_objects_make_nested_paths(tmp_path):
    a, b, c = _eager_variables()
    module = tf.Module()
    module.d = tf.Variable(0.0)
    checkpoint = tf.train.Checkpoint(v={'a': a, 'b': b}, c=c, module=module)
    path = estimator_ckpt.Saver('tf2', checkpoint).save(None, str(tmp_path / 'root'))
    paths = ('v/a', 'v/b', 'c', 'module/d', 'save_counter')
    assert keys_of(path) == {f'{path}/.ATTRIBUTES/VARIABLE_VALUE' for path in paths}


def test_g5_matching_names_are_restored_and_saved_in_eager_mode(tf1_path, tmp_path):
    variables = _eager_variables()
    saver = estimator_ckpt.Saver(var_list=variables)
    saver.restore(None, tf1_path)
    assert _numbers(variables) == VALUES
    assert keys_of(saver.save(None, str(tmp_path / 'tf1-ckpt-saved-in-eager'))) == NAMES


def test_g6_an_object_restores_by_name_without_a_warning(tf1_path, caplog, monkeypatch):
    monkeypatch.setattr(tf.get_logger(), 'propagate', True)
    variables = [*_eager_variables(), tf.Variable(0.0, name='scoped/c')]
    with caplog.at_level('INFO', 'tensorflow'):
        monkeypatch.setattr(tf.get_logger(), 'level', 20)
        saver = estimator_ckpt.Saver('tf2', tf.train.Checkpoint(variables=variables))
        saver.restore(None, tf1_path)
    assert _numbers(variables) == [*VALUES, 3.0]
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ('INFO', f'Restoring parameters from {tf1_path}: 4 by name, 0 by object')
    ]


@needs_keras_2
def test_g7_track_tf1_style_variables_keeps_the_names(tmp_path):
    class Model(tf.keras.layers.Layer):
        @tf1.keras.utils.track_tf1_style_variables
        def call(self, inputs):
            with tf1.variable_scope('scope'):
                kernel = tf1.get_variable('kernel', [3, 2], initializer=tf1.zeros_initializer())
            return inputs @ kernel

    with tf.Graph().as_default(), tf1.Session() as session:
        with tf1.variable_scope('scope'):
            tf1.get_variable('kernel', initializer=tf.ones([3, 2]))
        saver = estimator_ckpt.Saver()
        session.run(tf1.global_variables_initializer())
        path = saver.save(session, str(tmp_path / 'x'))

    model = Model()
    model(tf.zeros([1, 3]))
    saver = estimator_ckpt.Saver('both', tf.train.Checkpoint(model=model))
    saver.restore(None, path)
    assert model(tf.ones([1, 3])).numpy().tolist() == [[3.0, 3.0]]
    assert keys_of(saver.save(None, str(tmp_path / 'y'))) >= keys_of(path) == {'scope/kernel'}


def test_g19_a_tf1_checkpoint_is_saved_in_tf2(tmp_path):
    saver = estimator_ckpt.Saver(var_list=_eager_variables(VALUES))
    path = saver.save(None, str(tmp_path / 'tf1-ckpt-saved-in-eager'))
    assert keys_of(path) == NAMES
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = _graph_variables()
        tf1.train.Saver().restore(session, path)
        assert session.run(variables) == VALUES


def test_g20_a_tf1_checkpoint_is_loaded_in_tf2(tf1_path):
    variables = _eager_variables()
    estimator_ckpt.Saver(var_list=variables).restore(None, tf1_path)
    assert _numbers(variables) == VALUES


def test_g21_a_tf2_checkpoint_is_saved_and_loaded_in_a_session(tmp_path):
    def checkpoint():
        return tf.train.Checkpoint(var_list={v.name.split(':')[0]: v for v in tf1.global_variables()})

    with tf.Graph().as_default(), tf1.Session() as session:
        _graph_variables(VALUES)
        saver = estimator_ckpt.Saver('tf2', checkpoint())
        session.run(tf1.global_variables_initializer())
        path = saver.save(session, str(tmp_path / 'tf2-ckpt-saved-in-session'))
    assert keys_of(path) == {
        'var_list/a/.ATTRIBUTES/VARIABLE_VALUE',
        'var_list/b/.ATTRIBUTES/VARIABLE_VALUE',
        'var_list/scoped.Sc/.ATTRIBUTES/VARIABLE_VALUE',
        'save_counter/.ATTRIBUTES/VARIABLE_VALUE',
    }

    for restore in ('plain', 'ours'):
        with tf.Graph().as_default(), tf1.Session() as session:
            variables = _graph_variables()
            session.run(tf1.global_variables_initializer())
            if restore == 'plain':
                checkpoint().restore(path).run_restore_ops(session)
            else:
                estimator_ckpt.Saver('tf2', checkpoint()).restore(session, path)
            assert session.run(variables) == VALUES
