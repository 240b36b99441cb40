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


class Pair(keras.Model):
    """A model that is built when it is first called: TensorFlow calls both of its kernels `NAME/kernel`."""

    def __init__(self):
        super().__init__()
        self.first, self.second = keras.layers.Dense(3), keras.layers.Dense(3)

    def call(self, inputs):
        return self.second(self.first(inputs))


def _trained_pair(optimizer='adam'):
    model = Pair()
    model.compile(optimizer, 'mse', metrics=['mae'])
    random = np.random.RandomState(len(model.name))
    model.fit(random.rand(8, 3), random.rand(8, 3), batch_size=2, verbose=0)
    return model


def _assert_same(model, other):
    pairs = zip(
        model.variables + model.optimizer.variables,
        other.variables + other.optimizer.variables,
        strict=True,
    )
    for variable, expected in pairs:
        np.testing.assert_array_equal(np.array(variable), np.array(expected), variable.path)


def test_reports_and_rules_name_variables_by_their_paths(tmp_path):
    keras.utils.clear_session()
    model, other = _trained_pair(), _trained_pair()
    source = tf.train.Checkpoint(model=model).write(str(tmp_path / 'x'))
    first, second = (layer.kernel.path for layer in (other.first, other.second))
    assert first != second
    rules = {'model/first/_kernel': second, 'model/second/_kernel': first}
    report = estimator_ckpt.warm_start(
        estimator_ckpt.WarmStart(source, rules, include='.*/kernel'), tf.train.Checkpoint(model=other)
    )
    assert {row.target: row.source.partition('/.ATTR')[0] for row in report.matched} == {
        second: 'model/first/_kernel',
        first: 'model/second/_kernel',
    }
    np.testing.assert_array_equal(other.first.kernel.numpy(), model.second.kernel.numpy())


def test_a_list_of_variables_is_named_by_paths_and_takes_a_name_based_checkpoint(tmp_path):
    keras.utils.clear_session()
    model = _trained_pair()
    source = estimator_ckpt.Saver('tf1', tf.train.Checkpoint(model=model)).save(None, str(tmp_path / 'x'))
    keras.utils.clear_session()
    other = _trained_pair()
    report = estimator_ckpt.warm_start(estimator_ckpt.WarmStart(source), other.trainable_variables)
    assert [row.target for row in report.matched] == [v.path for v in model.trainable_variables]
    for weight, expected in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize('writer', ['tensorflow', 'tf1', 'tf2', 'both'])
@pytest.mark.parametrize(
    'name, options',
    [
        ('Adam', {}),
        ('Adam', {'amsgrad': True}),
        ('Adagrad', {}),
        ('SGD', {'momentum': 0.9}),
        ('RMSprop', {'momentum': 0.9, 'centered': True}),
    ],
)
def test_slots_come_from_checkpoints_of_keras_3_under_other_names(name, options, writer, tmp_path):
    def make():
        return _trained_pair(getattr(keras.optimizers, name)(**options))

    model, other, rules = make(), make(), None
    if writer == 'tensorflow':
        source = tf.train.Checkpoint(model=model).save(str(tmp_path / 'x'))
    else:
        saver = estimator_ckpt.Saver(writer, tf.train.Checkpoint(model=model))
        source = saver.save(None, str(tmp_path / 'x'))
    if writer == 'tf1':
        rules = [(old.path, new.path) for old, new in zip(model.weights, other.weights, strict=True)]
    estimator_ckpt.warm_start(
        estimator_ckpt.WarmStart(source, rules, include='all', slots=True, step='keep'),
        tf.train.Checkpoint(model=other),
    )
    assert int(other.optimizer.iterations.numpy()) == 4
    _assert_same(other, model)
