"""Tests the optimizers that only Keras has: their state crosses between legacy and newer ones."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt

keras = tf.keras
pytestmark = pytest.mark.skipif(hasattr(keras, 'ops'), reason='Keras 3 has no legacy optimizers')
BATCHES = np.random.RandomState(0).randn(12, 8, 3).astype(np.float32)


def build():
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(4, activation='relu'), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((3,)), *layers])


def losses(model, optimizer, batches):
    result = []
    for batch in batches:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(batch) - 1) ** 2)
        result.append(float(loss))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return result


def warm_started(directory, before, after):
    """The losses of training on with the same optimizer, and those with another one that takes its state over."""
    model = build()
    losses(model, before, BATCHES[:5])
    path = tf.train.Checkpoint(model=model, optimizer=before).save(str(directory / 'x'))
    expected = losses(model, before, BATCHES[5:])
    model = build()
    report = estimator_ckpt.warm_start(
        estimator_ckpt.WarmStart(path, slots=True, step='keep'),
        tf.train.Checkpoint(model=model, optimizer=after),
    )
    return expected, losses(model, after, BATCHES[5:]), report


@pytest.mark.parametrize('to_legacy', [False, True])
def test_adamax_goes_on(tmp_path, to_legacy):
    optimizers = [keras.optimizers.legacy.Adamax(0.05), keras.optimizers.Adamax(0.05)]
    expected, actual, _ = warm_started(tmp_path, *(reversed(optimizers) if to_legacy else optimizers))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_the_slots_of_nadam_are_taken_and_its_schedule_is_computed(tmp_path):
    newer = keras.optimizers.Nadam(0.05)
    *_, report = warm_started(tmp_path, keras.optimizers.legacy.Nadam(0.05), newer)
    slots = [row for row in report.matched if row.source and '.OPTIMIZER_SLOT' in row.source]
    assert len(slots) == 8
    assert any('momentum rises' in warning for warning in report.warnings)
    note = 'the product of the momentums of 5 updates'
    assert [row.note for row in report.matched if row.note.startswith('the product')] == [note]


def test_tf1_has_neither(tmp_path):
    model, optimizer = build(), keras.optimizers.Adamax(0.05)
    losses(model, optimizer, BATCHES[:1])
    path = tf.train.Checkpoint(model=model, optimizer=optimizer).save(str(tmp_path / 'x'))
    with pytest.raises(estimator_ckpt.CheckpointError, match="TF1 has no slot 'm'; drop it"):
        estimator_ckpt.convert(path, tmp_path / 'y', 'tf1', keras_optimizer='Adamax')
