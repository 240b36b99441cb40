"""Keras models as targets: functional, sequential, subclassed, shared layers, statistics, embeddings."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import WarmStart
from tests.testing.small_model import needs_keras_2
from tests.warm_start import sources

tf1 = tf.compat.v1
# While the tests are collected, before TensorFlow has looked at its devices.
_CPU = tf.config.list_physical_devices('CPU')[0]
tf.config.set_logical_device_configuration(_CPU, [tf.config.LogicalDeviceConfiguration()] * 2)
layers = tf.keras.layers
SHAPES = {
    'embeddings': [5, 4],
    'dense/kernel': [4, 4],
    'dense/bias': [4],
    'bn/gamma': [4],
    'bn/beta': [4],
    'bn/moving_mean': [4],
    'bn/moving_variance': [4],
    'out/kernel': [4, 2],
    'out/bias': [2],
}
VALUES = {name: sources.value(shape, 10 * number + 1) for number, (name, shape) in enumerate(SHAPES.items())}
WORDS = tf.constant([[0, 3, 4]])


def expected_output() -> np.ndarray:
    def dense(x, name):
        return x @ VALUES[f'{name}/kernel'] + VALUES[f'{name}/bias']

    x = dense(dense(VALUES['embeddings'][WORDS.numpy()], 'dense'), 'dense')
    x = (x - VALUES['bn/moving_mean']) / np.sqrt(VALUES['bn/moving_variance'] + 1e-3)
    return dense(x * VALUES['bn/gamma'] + VALUES['bn/beta'], 'out')


def _functional():
    inputs = tf.keras.Input([3], dtype=tf.int64)
    dense = layers.Dense(4)
    x = dense(dense(layers.Embedding(5, 4)(inputs)))
    return tf.keras.Model(inputs, layers.Dense(2)(layers.BatchNormalization()(x)))


def _sequential():
    dense = layers.Dense(4)
    return tf.keras.Sequential(
        [layers.Embedding(5, 4), dense, dense, layers.BatchNormalization(), layers.Dense(2)]
    )


class Subclassed(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.table = layers.Embedding(5, 4)
        self.dense = layers.Dense(4)
        self.bn, self.out = layers.BatchNormalization(), layers.Dense(2)

    def call(self, words):
        x = self.dense(self.dense(self.table(words)))
        return self.out(self.bn(x))


BY_LAYER = {
    'embeddings': 'model/layer_with_weights-0/embeddings',
    'dense/': 'model/layer_with_weights-1/',
    'bn/': 'model/layer_with_weights-2/',
    'out/': 'model/layer_with_weights-3/',
}
BY_ATTRIBUTE = {
    'embeddings': 'model/table/embeddings',
    'dense/': 'model/dense/',
    'bn/': 'model/bn/',
    'out/': 'model/out/',
}


@pytest.fixture
def source(tmp_path) -> str:
    return sources.write(tmp_path / 'source', VALUES)


@needs_keras_2
@pytest.mark.parametrize('built', [True, False], ids=['built', 'deferred'])
@pytest.mark.parametrize(
    'make, rules',
    [(_functional, BY_LAYER), (_sequential, BY_LAYER), (Subclassed, BY_ATTRIBUTE)],
    ids=['functional', 'sequential', 'subclassed'],
)
def test_every_kind_of_model_is_filled_with_its_statistics(make, rules, built, source):
    model = make()
    if built:
        model(WORDS)
    report = estimator_ckpt.warm_start(
        WarmStart(source, rules, include='all'), tf.train.Checkpoint(model=model)
    )
    np.testing.assert_allclose(model(WORDS), expected_output(), rtol=1e-5)
    assert len(report.matched) == len(SHAPES)


def test_built_models_are_filled_on_every_tensorflow(source):
    model = Subclassed()
    model(WORDS)
    estimator_ckpt.warm_start(
        WarmStart(source, BY_ATTRIBUTE, include='all'), tf.train.Checkpoint(model=model)
    )
    np.testing.assert_allclose(model(WORDS), expected_output(), rtol=1e-5)


def test_rules_take_layers_and_weights_themselves(source):
    model = Subclassed()
    model(WORDS)
    rules = {
        'embeddings': model.table.weights[0],
        'dense/': model.dense,
        'bn/': model.bn,
        'out/': model.out,
    }
    estimator_ckpt.warm_start(WarmStart(source, rules, include='all'), model)
    np.testing.assert_allclose(model(WORDS), expected_output(), rtol=1e-5)


def test_a_frozen_layer_and_the_optimizer_of_a_compiled_model_are_no_obstacle(source):
    model = Subclassed()
    model(WORDS)
    model.table.trainable = False
    model.compile(tf.keras.optimizers.Adam(), 'mse', metrics=['mae'])
    model.fit(WORDS, tf.zeros([1, 3, 2]), verbose=0)
    report = estimator_ckpt.warm_start(
        WarmStart(source, BY_ATTRIBUTE, include='all'), tf.train.Checkpoint(model=model)
    )
    np.testing.assert_allclose(model(WORDS), expected_output(), rtol=1e-5)
    assert len(report.matched) == len(SHAPES)


@needs_keras_2
def test_variables_that_keep_their_tf1_names_need_no_rules(source):
    class Net(tf.keras.layers.Layer):
        @tf1.keras.utils.track_tf1_style_variables
        def call(self, x):
            with tf1.variable_scope('dense'):
                kernel = tf1.get_variable('kernel', [4, 4])
                return tf.matmul(x, kernel) + tf1.get_variable('bias', [4])

    net = Net()
    net(tf.ones([1, 4]))
    estimator_ckpt.warm_start(WarmStart(source), net)
    expected = np.ones([1, 4]) @ VALUES['dense/kernel'] + VALUES['dense/bias']
    np.testing.assert_allclose(net(tf.ones([1, 4])), expected)


def test_a_mirrored_strategy_in_eager_mode(source):
    strategy = tf.distribute.MirroredStrategy(['/cpu:0', '/cpu:1'])
    with strategy.scope():
        kernel = tf.Variable(tf.zeros([4, 4]), name='dense/kernel')
    estimator_ckpt.warm_start(WarmStart(source), tf.train.Checkpoint(kernel=kernel))
    for value in kernel.values:
        np.testing.assert_array_equal(value, VALUES['dense/kernel'])
