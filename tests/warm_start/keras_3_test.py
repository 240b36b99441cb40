"""What TensorFlow does not reach in a model of Keras 3 is an error, and not left out."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.errors import CheckpointError

keras = tf.keras
pytestmark = pytest.mark.skipif(not hasattr(keras, 'ops'), reason='this is of Keras 3')


class _Blocks(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [keras.layers.Dense(3), keras.layers.Dense(3)]
        self.out = keras.layers.Dense(2)

    def call(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        return self.out(inputs)


def _built():
    model = _Blocks()
    model(np.ones((1, 3), np.float32))
    return model


def _save(directory, model):
    checkpoint = tf.train.Checkpoint(model=model, blocks=list(model.blocks))
    return estimator_ckpt.Saver('tf2', checkpoint).save(None, str(directory / 'model.ckpt'))


def test_a_saver_names_the_weights_that_are_in_a_list(tmp_path):
    saver = estimator_ckpt.Saver('tf2', tf.train.Checkpoint(model=_built()))
    with pytest.raises(CheckpointError, match=r'dense\w*/kernel.*blocks=list\(model\.blocks\)'):
        saver.save(None, str(tmp_path / 'model.ckpt'))
    assert not list(tmp_path.iterdir())


def test_a_warm_start_names_them_and_fills_all_if_the_checkpoint_has_the_list(tmp_path):
    model, other = _built(), _built()
    source = _save(tmp_path, model)
    before = other.get_weights()
    with pytest.raises(CheckpointError, match='keeps layers in a list or dict'):
        estimator_ckpt.warm_start(estimator_ckpt.WarmStart(source), tf.train.Checkpoint(model=other))
    for value, kept in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, kept)
    target = tf.train.Checkpoint(model=other, blocks=list(other.blocks))
    report = estimator_ckpt.warm_start(estimator_ckpt.WarmStart(source), target)
    assert len(report.matched) == len(model.weights) == 6
    for value, expected in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_a_layout_of_a_model_with_a_list_is_refused(tmp_path):
    source = _save(tmp_path, _built())
    with pytest.raises(CheckpointError, match='keeps layers in a list or dict'):
        estimator_ckpt.convert(source, tmp_path / 'x', 'tf2', like=tf.train.Checkpoint(model=_built()))


@pytest.mark.parametrize('make', [_Blocks, lambda: keras.Sequential([keras.layers.Dense(3)])])
def test_a_model_that_is_not_built_is_refused(make, tmp_path):
    source = _save(tmp_path, _built())
    with pytest.raises(CheckpointError, match=r'Not built yet: model.*model\.build\(input_shape\)'):
        estimator_ckpt.warm_start(estimator_ckpt.WarmStart(source), tf.train.Checkpoint(model=make()))


def test_a_layer_that_a_built_model_does_not_use_is_no_error(tmp_path):
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(3)])
    source = tf.train.Checkpoint(model=model).write(str(tmp_path / 'source'))
    model.spare = keras.layers.Dense(3)
    report = estimator_ckpt.warm_start(estimator_ckpt.WarmStart(source), tf.train.Checkpoint(model=model))
    assert len(report.matched) == 2
