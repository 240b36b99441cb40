"""The digits classifier that the example binaries share: its data and its Keras model."""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

BATCH_SIZE = 64
LEARNING_RATE = 0.002


def load_data() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """scikit-learn's 1,797 images of handwritten digits, split into `'train'` and `'test'`.

    Returns:
      For each split the images, float32 of shape [n, 8, 8, 1] with values from 0 to 1, and the labels, int64 of shape
      [n] with values from 0 to 9. The split is the same in every process.
    """
    digits = load_digits()
    images = (digits.images[..., np.newaxis] / digits.images.max()).astype(np.float32)
    labels = digits.target.astype(np.int64)
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=0.2, random_state=0, stratify=labels
    )
    return {'train': (train_x, train_y), 'test': (test_x, test_y)}


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
