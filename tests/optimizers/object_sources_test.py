"""Slots of checkpoints of every style, wherever their objects have them, as slots of a Keras optimizer."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt

tf1 = tf.compat.v1
pytestmark = pytest.mark.skipif(
    not tf.__version__.startswith('2.15'), reason='later versions have no legacy optimizers'
)

# The objects of the program, by how much of the optimizer they reach.
OBJECTS = {
    'default': lambda kernel, optimizer, step: None,
    'without_optimizer': lambda kernel, optimizer, step: tf.train.Checkpoint(kernel=kernel, step=step),
    'with_optimizer': lambda kernel, optimizer, step: tf.train.Checkpoint(
        kernel=kernel, optimizer=optimizer, step=step
    ),
    'elsewhere': lambda kernel, optimizer, step: tf.train.Checkpoint(
        kernel=kernel, training=tf.train.Checkpoint(adam=optimizer), step=step
    ),
}


def _trained(path, style, objects, name='Adam'):
    """Saves a program after three steps, and returns the checkpoint and its values by name."""
    with tf.Graph().as_default(), tf1.Session() as session:
        kernel = tf1.get_variable('net/kernel', initializer=np.ones((3, 2), np.float32))
        step = tf1.train.get_or_create_global_step()
        optimizer = tf1.train.AdamOptimizer(0.1, name=name)
        train = optimizer.minimize(tf.reduce_sum(tf.square(kernel)), step)
        saver = estimator_ckpt.Saver(style, OBJECTS[objects](kernel, optimizer, step))
        session.run(tf1.global_variables_initializer())
        for _ in range(3):
            session.run(train)
        values = session.run({'kernel': kernel, 'm': optimizer.get_slot(kernel, 'm'),
                              'v': optimizer.get_slot(kernel, 'v')})  # fmt: skip
        return saver.save(session, str(path)), values


def _restored(path, kernel_path):
    """What a program of Keras restores."""
    kernel, optimizer = tf.Variable(np.zeros((3, 2), np.float32)), tf.keras.optimizers.legacy.Adam()
    holder = parent = tf.train.Checkpoint(optimizer=optimizer)
    *parents, last = kernel_path
    for name in parents:
        setattr(parent, name, tf.train.Checkpoint())
        parent = getattr(parent, name)
    setattr(parent, last, kernel)
    status = holder.restore(str(path))
    optimizer._create_all_weights([kernel])
    status.assert_existing_objects_matched()
    slots = {name: optimizer.get_slot(kernel, name).numpy() for name in ('m', 'v')}
    return {'kernel': kernel.numpy(), **slots}, optimizer


@pytest.mark.parametrize('name', ['Adam', 'generator_adam'])
@pytest.mark.parametrize('with_rule', [True, False])
@pytest.mark.parametrize('objects', OBJECTS)
@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_keras_takes_over_the_slots_and_the_step(style, objects, with_rule, name, tmp_path):
    source, expected = _trained(tmp_path / 'source', style, objects, name)
    rules = [('(net/)?kernel', 'model/kernel')] if with_rule else []
    estimator_ckpt.convert(
        source,
        tmp_path / 'x',
        'tf2',
        rules=rules,
        keras_optimizer='Adam',
        hyperparameters={'learning_rate': 0.1},
    )
    path = ['model', 'kernel']
    if not with_rule:
        name_based, by_default = style == 'tf1', objects == 'default'
        path = (
            ['vars', 'net/kernel'] if name_based else ['var_list', 'net/kernel'] if by_default else ['kernel']
        )
    values, optimizer = _restored(tmp_path / 'x', path)
    for key, value in expected.items():
        np.testing.assert_array_equal(values[key], value)
    assert optimizer.iterations == 3
    assert not estimator_ckpt.verify(tmp_path / 'x').faults


@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_the_slots_of_an_optimizer_move_with_the_object_of_their_variable(style, tmp_path):
    kernel, optimizer = tf.Variable(np.ones((3, 2), np.float32), name='k'), tf.keras.optimizers.legacy.Adam()
    optimizer.apply_gradients([(tf.ones((3, 2)), kernel)])
    source = tf.train.Checkpoint(kernel=kernel, optimizer=optimizer).save(str(tmp_path / 'source'))
    report = estimator_ckpt.convert(source, tmp_path / 'x', style, rules={'kernel': 'model/kernel'})
    values, restored = _restored(tmp_path / 'x', ['model', 'kernel'])
    for name in ('m', 'v'):
        np.testing.assert_array_equal(values[name], optimizer.get_slot(kernel, name).numpy())
    assert restored.iterations == 1
    assert not [row for row in report.matched if row.target.startswith('kernel/')]
