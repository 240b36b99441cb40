"""Rows G12 and G13 of the guide: objects keep a checkpoint loadable when the variables' names and scopes change."""

import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing.small_model import keys_of

tf1 = tf.compat.v1
VALUES = [1.0, 2.0, 3.0]


def _checkpoint(a, b, c):
    return tf.train.Checkpoint(unscoped=[a, b], scoped=[c])


@pytest.fixture(params=['tf2', 'both'])
def path(request, tmp_path):
    with tf.Graph().as_default(), tf1.Session() as session:
        a = tf1.get_variable('a', initializer=1.0)
        b = tf1.get_variable('b', initializer=2.0)
        with tf1.variable_scope('scoped'):
            c = tf1.get_variable('c', initializer=3.0)
        saver = estimator_ckpt.Saver(request.param, _checkpoint(a, b, c))
        session.run(tf1.global_variables_initializer())
        path = saver.save(session, str(tmp_path / 'tf2-ckpt'))
    assert keys_of(path) - {'a', 'b', 'scoped/c'} == {
        'unscoped/0/.ATTRIBUTES/VARIABLE_VALUE',
        'unscoped/1/.ATTRIBUTES/VARIABLE_VALUE',
        'scoped/0/.ATTRIBUTES/VARIABLE_VALUE',
        'save_counter/.ATTRIBUTES/VARIABLE_VALUE',
    }
    return path


@pytest.mark.parametrize('restorer', ['plain', 'ours'])
def test_g12_other_names_and_scopes_are_restored_in_a_graph(restorer, path):
    with tf.Graph().as_default(), tf1.Session() as session:
        a = tf1.get_variable('a_different_name', initializer=0.0)
        b = tf1.get_variable('b_different_name', initializer=0.0)
        with tf1.variable_scope('different_scope'):
            c = tf1.get_variable('c', initializer=0.0)
        session.run(tf1.global_variables_initializer())
        if restorer == 'plain':
            _checkpoint(a, b, c).restore(path).assert_consumed().run_restore_ops(session)
        else:
            estimator_ckpt.Saver('tf2', _checkpoint(a, b, c)).restore(session, path)
        assert session.run([a, b, c]) == VALUES


@pytest.mark.parametrize('restorer', ['plain', 'ours'])
def test_g13_other_names_are_restored_in_eager_mode(restorer, path):
    variables = [tf.Variable(0.0) for _ in range(3)]
    checkpoint = _checkpoint(*variables)
    if restorer == 'plain':
        checkpoint.restore(path).assert_consumed().run_restore_ops()
    else:
        estimator_ckpt.Saver('tf2', checkpoint).restore(None, path)
    assert [float(v) for v in variables] == VALUES
