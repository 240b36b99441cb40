"""The digits classifier in Keras, 2 or 3 and on any backend, for the examples that go on where train_digits.py ends."""

import keras


def build_model() -> keras.Model:
    """A convolutional classifier, from images of shape [n, 8, 8, 1] to logits of shape [n, 10]."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, activation='relu', name='conv'),
            keras.layers.BatchNormalization(name='norm'),
            keras.layers.Flatten(name='flatten'),
            keras.layers.Dense(64, activation='relu', name='hidden'),
            keras.layers.Dense(10, name='logits'),
        ],
        name='digits',
    )
