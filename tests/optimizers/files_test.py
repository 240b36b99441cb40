"""Training goes on after a checkpoint was converted for the other side, without this package."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from tests.optimizers.training import (
    CROSSINGS,
    RATE,
    RULES,
    STEPS,
    Net,
    train_keras,
    train_tf1,
)
from tests.toy import needs_keras_2

tf1 = tf.compat.v1
BEFORE, AFTER = range(STEPS), range(STEPS, 2 * STEPS)


def _hyperparameters(crossing) -> dict[str, float]:
    kept = {name: value for name, value in crossing.options.items() if name not in ('nesterov', 'centered')}
    return {'learning_rate': RATE, **kept}


def _go_on_in_keras(path, crossing, generation='legacy') -> list[float]:
    net, optimizer = Net(), crossing.make(generation)
    checkpoint = tf.train.Checkpoint(model=net, optimizer=optimizer)
    status = checkpoint.restore(path)
    if generation == 'new':
        optimizer.build([net.kernel, net.bias])
    losses = train_keras(net, optimizer, AFTER)
    status.assert_consumed()
    return losses


@needs_keras_2
@pytest.mark.parametrize('style', ['tf2', 'both'])
@pytest.mark.parametrize('name', CROSSINGS)
def test_tf1_goes_on_in_keras_legacy(name, style, tmp_path):
    crossing = CROSSINGS[name]
    expected = train_tf1(crossing, range(2 * STEPS))
    train_tf1(crossing, BEFORE, tmp_path / 'old')
    path = str(tmp_path / 'new')
    estimator_ckpt.convert(
        tmp_path / 'old',
        path,
        style,
        rules=RULES,
        keras_optimizer=crossing.keras,
        hyperparameters=_hyperparameters(crossing),
    )
    np.testing.assert_allclose(_go_on_in_keras(path, crossing), expected[STEPS:], rtol=1e-5)
    if style == 'both':  # The names keep what TF1 had.
        old, both = (tf.train.load_checkpoint(str(tmp_path / p)) for p in ('old', 'new'))
        for key in old.get_variable_to_shape_map():
            if 'power' not in key and both.has_tensor(key):
                np.testing.assert_array_equal(both.get_tensor(key), old.get_tensor(key))
        assert both.has_tensor('dense/kernel')


@needs_keras_2
@pytest.mark.parametrize('name', CROSSINGS)
def test_keras_legacy_goes_on_in_tf1(name, tmp_path):
    crossing = CROSSINGS[name]
    net, optimizer = Net(), crossing.make('legacy')
    train_keras(net, optimizer, BEFORE)
    source = tf.train.Checkpoint(model=net, optimizer=optimizer).save(str(tmp_path / 'x'))
    expected = train_keras(net, optimizer, AFTER)
    path = str(tmp_path / 'tf1')
    estimator_ckpt.convert(
        source, path, 'tf1', rules=[(r'model/([a-z]+)', r'dense/\1')], keras_optimizer=crossing.keras
    )

    def restore(session):
        # A plain Saver over exactly what TF1's optimizer has.
        tf1.train.Saver().restore(session, path)

    np.testing.assert_allclose(train_tf1(crossing, AFTER, start=restore), expected, rtol=1e-5)
    with tf.Graph().as_default():
        tf1.train.get_or_create_global_step()
        variables = [tf1.get_variable('dense/kernel', [3, 1]), tf1.get_variable('dense/bias', [1])]
        crossing.tf1().minimize(tf.reduce_sum(variables[0]) + tf.reduce_sum(variables[1]))
        expected_names = {v.op.name for v in tf1.global_variables()}
    assert set(tf.train.load_checkpoint(path).get_variable_to_shape_map()) == expected_names


@pytest.mark.parametrize('name', CROSSINGS)
def test_tf1_goes_on_in_the_layout_of_a_new_keras_optimizer(name, tmp_path):
    crossing = CROSSINGS[name]
    expected = train_tf1(crossing, range(2 * STEPS))
    train_tf1(crossing, BEFORE, tmp_path / 'old')
    net, optimizer = Net(), crossing.make('new')
    optimizer.build([net.kernel, net.bias])
    fresh = tf.train.Checkpoint(model=net, optimizer=optimizer).save(str(tmp_path / 'fresh'))
    path = str(tmp_path / 'new')
    estimator_ckpt.convert(tmp_path / 'old', path, 'tf2', rules=RULES, like=fresh)
    np.testing.assert_allclose(_go_on_in_keras(path, crossing, 'new'), expected[STEPS:], rtol=1e-5)
