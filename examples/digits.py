"""The digits classifier in Keras 2, which the example binaries of Estimator share."""

import tensorflow as tf
from digits_data import LEARNING_RATE


def build_model() -> tf.keras.Model:
    """A convolutional classifier, from images of shape [n, 8, 8, 1] to logits of shape [n, 10]."""
    return tf.keras.Sequential(
        [
            tf.keras.layers.Conv2D(16, 3, activation='relu', input_shape=(8, 8, 1), name='conv'),
            tf.keras.layers.BatchNormalization(name='norm'),
            tf.keras.layers.Flatten(name='flatten'),
            tf.keras.layers.Dense(64, activation='relu', name='hidden'),
            tf.keras.layers.Dense(10, name='logits'),
        ],
        name='digits',
    )


def build_optimizer() -> tf.keras.optimizers.Optimizer:
    """The optimizer that trains the model under Estimator and goes on training it in TF2."""
    return tf.keras.optimizers.legacy.Adam(LEARNING_RATE)
