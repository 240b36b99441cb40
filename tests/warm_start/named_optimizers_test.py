"""Optimizers that a program has given a name: their slots are known as such, in files and in programs."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import WarmStart
from tests.testing.small_model import needs_keras_2

tf1 = tf.compat.v1


def _build():
    """Two networks with an Adam each, as GANs have."""
    train_ops = []
    for scope in ('g', 'd'):
        w = tf1.get_variable(f'{scope}/w', initializer=tf.constant([1.0, 2.0]))
        b = tf1.get_variable(f'{scope}/b', initializer=tf.constant(0.5))
        loss = tf.reduce_sum((w * 2 + b) ** 2)
        step = tf1.train.get_or_create_global_step() if scope == 'g' else None
        train_ops.append(
            tf1.train.AdamOptimizer(0.1, name=f'{scope}_adam').minimize(loss, step, var_list=[w, b])
        )
    return tf.group(*train_ops)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A checkpoint after three steps, and all values after three more."""
    with tf.Graph().as_default(), tf1.Session() as session:
        train_op, saver = _build(), tf1.train.Saver()
        session.run(tf1.global_variables_initializer())
        for _ in range(3):
            session.run(train_op)
        path = saver.save(session, str(tmp_path_factory.mktemp('gan') / 'm'))
        for _ in range(3):
            session.run(train_op)
        return path, {v.op.name: session.run(v) for v in tf1.global_variables()}


def test_they_are_listed_as_slots_and_can_be_dropped(trained, tmp_path):
    path, _ = trained
    slots = [entry for entry in estimator_ckpt.list_entries(path) if str(entry.kind) == 'slot']
    assert {(entry.variable, entry.slot_name) for entry in slots} == {
        (f'{net}/{v}', f'{net}_adam{number}') for net in 'gd' for v in 'wb' for number in ('', '_1')
    }
    estimator_ckpt.convert(path, tmp_path / 'x', 'tf1', drop=['slots', 'optimizer'])
    assert {entry.key for entry in estimator_ckpt.list_entries(tmp_path / 'x')} == {
        'g/w', 'g/b', 'd/w', 'd/b', 'global_step'
    }  # fmt: skip


def test_a_warm_start_with_slots_trains_on_exactly(trained):
    path, expected = trained
    with tf.Graph().as_default(), tf1.Session() as session:
        train_op = _build()
        session.run(tf1.global_variables_initializer())
        estimator_ckpt.warm_start(WarmStart(path, include='all', slots=True, step='keep'), session=session)
        for _ in range(3):
            session.run(train_op)
        for name, value in session.run({v.op.name: v for v in tf1.global_variables()}).items():
            np.testing.assert_array_equal(value, expected[name])


@needs_keras_2
def test_they_cross_to_keras(trained, tmp_path):
    path, _ = trained
    report = estimator_ckpt.convert(
        path,
        tmp_path / 'x',
        'tf2',
        keras_optimizer={'g_adam': 'Adam', 'd_adam': 'Adam'},
        hyperparameters={'g_adam': {'learning_rate': 0.1}, 'd_adam': {'learning_rate': 0.1}},
    )
    w = tf.Variable([0.0, 0.0])
    optimizer = tf.keras.optimizers.legacy.Adam()
    checkpoint = tf.train.Checkpoint(vars={'g/w': w}, optimizer_g_adam=optimizer)
    checkpoint.restore(str(tmp_path / 'x')).expect_partial()
    optimizer._create_all_weights([w])
    np.testing.assert_array_equal(optimizer.get_slot(w, 'm'), tf.train.load_variable(path, 'g/w/g_adam'))
    assert int(optimizer.iterations) == 3 and report.matched


def test_what_may_be_half_an_optimizer_is_refused(tmp_path):
    values = {'a': [1.0], 'b': [1.0, 2.0], 'a/copy': [1.0], 'b/copy': [1.0, 2.0], 'beta1_power': 0.9}
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = {name: tf1.get_variable(name, initializer=value) for name, value in values.items()}
        session.run(tf1.global_variables_initializer())
        path = tf1.train.Saver().save(session, str(tmp_path / 'x'))
        with pytest.raises(
            estimator_ckpt.CheckpointError, match=r'may be slots .*a/copy, b/copy.*slots=False'
        ):
            estimator_ckpt.warm_start(WarmStart(path, include='all', slots=True), session=session)
        estimator_ckpt.warm_start(WarmStart(path, include='all'), session=session)
        assert session.run(variables['b/copy']).tolist() == [1.0, 2.0]
