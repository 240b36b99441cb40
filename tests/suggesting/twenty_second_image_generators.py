"""Pairs of networks that make images, for the twenty-second blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


class _Generator(tf.keras.Model):
    """The generator of the notebook of TensorFlow 2."""

    def __init__(self):
        super().__init__()
        self.fc1 = _layers.Dense(7 * 7 * 128)
        self.bn1 = _layers.BatchNormalization()
        self.conv2tr1 = _layers.Conv2DTranspose(64, 5, strides=2, padding='SAME')
        self.bn2 = _layers.BatchNormalization()
        self.conv2tr2 = _layers.Conv2DTranspose(1, 5, strides=2, padding='SAME')

    def call(self, x: Any, is_training: bool = False) -> Any:
        x = tf.nn.leaky_relu(self.bn1(self.fc1(x), training=is_training))
        x = tf.reshape(x, shape=[-1, 7, 7, 128])
        x = tf.nn.leaky_relu(self.bn2(self.conv2tr1(x), training=is_training))
        return tf.nn.tanh(self.conv2tr2(x))


class _Discriminator(tf.keras.Model):
    """The discriminator of the notebook of TensorFlow 2."""

    def __init__(self):
        super().__init__()
        self.conv1 = _layers.Conv2D(64, 5, strides=2, padding='SAME')
        self.bn1 = _layers.BatchNormalization()
        self.conv2 = _layers.Conv2D(128, 5, strides=2, padding='SAME')
        self.bn2 = _layers.BatchNormalization()
        self.flatten = _layers.Flatten()
        self.fc1 = _layers.Dense(1024)
        self.bn3 = _layers.BatchNormalization()
        self.fc2 = _layers.Dense(2)

    def call(self, x: Any, is_training: bool = False) -> Any:
        x = tf.reshape(x, [-1, 28, 28, 1])
        x = tf.nn.leaky_relu(self.bn1(self.conv1(x), training=is_training))
        x = tf.nn.leaky_relu(self.bn2(self.conv2(x), training=is_training))
        x = self.fc1(self.flatten(x))
        return self.fc2(tf.nn.leaky_relu(self.bn3(x, training=is_training)))


def example_dcgan() -> Pair:
    """aymericdamien/TensorFlow-Examples' notebook dcgan of TF1 as it is trained, and its own of tensorflow_v2.

    The files are notebooks/3_NeuralNetworks/dcgan.ipynb, read in a copy, and that of tensorflow_v2. Neither saves
    anything itself; all of the old variables are here, with the slots of both optimizers. Both have the same layers.
    """
    tf.keras.backend.clear_session()
    rows, generator, discriminator = Rows(), _Generator(), _Discriminator()
    discriminator(generator(tf.zeros([1, 100])))
    scope = 'Generator'
    rows.layer(generator.fc1, f'{scope}/dense')
    rows.layer(generator.bn1, f'{scope}/batch_normalization', STATISTICS)
    rows.layer(generator.conv2tr1, f'{scope}/conv2d_transpose')
    rows.layer(generator.bn2, f'{scope}/batch_normalization_1', STATISTICS)
    rows.layer(generator.conv2tr2, f'{scope}/conv2d_transpose_1')
    scope = 'Discriminator'
    rows.layer(discriminator.conv1, f'{scope}/conv2d')
    rows.layer(discriminator.bn1, f'{scope}/batch_normalization', STATISTICS)
    rows.layer(discriminator.conv2, f'{scope}/conv2d_1')
    rows.layer(discriminator.bn2, f'{scope}/batch_normalization_1', STATISTICS)
    rows.layer(discriminator.fc1, f'{scope}/dense')
    rows.layer(discriminator.bn3, f'{scope}/batch_normalization_2', STATISTICS)
    rows.layer(discriminator.fc2, f'{scope}/dense_1')
    pair = rows.pair(generator=generator, discriminator=discriminator)
    powers = {f'beta{n}_power{end}': () for n in (1, 2) for end in ('', '_1')}
    return with_slots(pair, 'Adam', 'Adam_1', others=powers)
