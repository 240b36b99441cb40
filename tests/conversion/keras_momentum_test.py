"""The momentum of Keras's SGD, whose value differs from that of TF1, on its way to names and back."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader

_NOTE = "The momentum keeps Keras's values"


@pytest.fixture(name='keras', scope='module')
def fixture_keras(tmp_path_factory):
    """A checkpoint of a Keras model with a momentum that is not 0."""
    if not tf.__version__.startswith('2.15'):
        pytest.skip('later versions have no legacy optimizers')
    path = str(tmp_path_factory.mktemp('keras') / 'weights')
    model = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,), name='net')])
    model.compile(tf.keras.optimizers.legacy.SGD(0.1, momentum=0.9), 'mse')
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    model.save_weights(path, save_format='tf')
    return path


def _values(prefix):
    reader = BundleReader(str(prefix))
    keys = reader.keys()
    return {key: reader.tensor(key) for key in keys if 'OBJECT_GRAPH' not in key}


def test_names_and_values_of_keras_are_kept(keras, tmp_path):
    report = estimator_ckpt.convert(keras, tmp_path / 'names', 'tf1')
    names, before = _values(tmp_path / 'names'), _values(keras)
    slot = 'layer_with_weights-0/kernel/.OPTIMIZER_SLOT/optimizer/momentum/.ATTRIBUTES/VARIABLE_VALUE'
    assert np.any(before[slot])
    np.testing.assert_array_equal(names['SGD/net/kernel/momentum'], before[slot])
    assert not [name for name in names if name.endswith('/Momentum')]
    assert _NOTE in str(report)


def test_round_trip_keeps_all_bits(keras, tmp_path):
    estimator_ckpt.convert(keras, tmp_path / 'names', 'tf1')
    estimator_ckpt.convert(tmp_path / 'names', tmp_path / 'back', 'tf2', like=keras)
    before, after = _values(keras), _values(tmp_path / 'back')
    assert before.keys() == after.keys()
    for key, value in before.items():
        np.testing.assert_array_equal(after[key], value)


def test_momentum_of_tf1_is_converted_if_asked(keras, tmp_path):
    report = estimator_ckpt.convert(keras, tmp_path / 'names', 'tf1', keras_optimizer='SGD')
    names, before = _values(tmp_path / 'names'), _values(keras)
    slot = 'layer_with_weights-0/kernel/.OPTIMIZER_SLOT/optimizer/momentum/.ATTRIBUTES/VARIABLE_VALUE'
    np.testing.assert_allclose(names['net/kernel/Momentum'], before[slot] / -np.float32(0.1), rtol=1e-6)
    assert _NOTE not in str(report)


def test_adam_gets_the_names_of_tf1_as_before(tmp_path):
    if not tf.__version__.startswith('2.15'):
        pytest.skip('later versions have no legacy optimizers')
    model = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,), name='net')])
    model.compile(tf.keras.optimizers.legacy.Adam(), 'mse')
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    model.save_weights(tmp_path / 'weights', save_format='tf')
    report = estimator_ckpt.convert(tmp_path / 'weights', tmp_path / 'names', 'tf1')
    assert {'net/kernel/Adam', 'net/kernel/Adam_1'} <= _values(tmp_path / 'names').keys()
    assert _NOTE not in str(report)
