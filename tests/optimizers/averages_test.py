"""Moving averages are kept, promoted over their variables, or dropped, zero-debiased ones too."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing.small_model import keys_of

tf1 = tf.compat.v1
AVERAGE = 'w/ExponentialMovingAverage'
DEBIASED = {'act/ExponentialMovingAverage/biased', 'act/ExponentialMovingAverage/local_step'}
KEPT = {'w', 'act/ExponentialMovingAverage'}


@pytest.fixture
def source(tmp_path) -> str:
    with tf.Graph().as_default(), tf1.Session() as session:
        weights = tf1.get_variable('w', initializer=[1.0, 2.0])
        activation = tf.identity(weights * 2, name='act')
        update = tf1.train.ExponentialMovingAverage(0.9, zero_debias=True).apply([weights, activation])
        session.run(tf1.global_variables_initializer())
        session.run(weights.assign([3.0, 4.0]))
        session.run(update)
        return tf1.train.Saver().save(session, str(tmp_path / 'source'))


@pytest.mark.parametrize('style', ['tf1', 'both'])
def test_they_are_kept_promoted_or_dropped(style, source, tmp_path):
    def convert(name, **options):
        estimator_ckpt.convert(source, tmp_path / name, style, **options)
        names = {key for key in keys_of(tmp_path / name) if '.ATTRIBUTES' not in key}
        return names, tf.train.load_checkpoint(str(tmp_path / name))

    old = tf.train.load_checkpoint(source)
    names, _ = convert('kept')
    assert names == KEPT | DEBIASED | {AVERAGE}
    names, promoted = convert('promoted', promote_averages=True)
    assert names == KEPT | DEBIASED
    np.testing.assert_array_equal(promoted.get_tensor('w'), old.get_tensor(AVERAGE))
    names, dropped = convert('dropped', drop='averages')
    assert names == KEPT
    np.testing.assert_array_equal(dropped.get_tensor('w'), old.get_tensor('w'))
