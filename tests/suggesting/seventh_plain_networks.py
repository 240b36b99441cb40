"""Pairs of networks of layers in a row, for a seventh blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


def dncnn() -> Pair:
    """wbhu/DnCNN-tensorflow as copies keep it and train it, for gray images, and cszn/DnCNN's training code in Keras.

    The new one counts all layers in one row, and its last convolution has no biases.
    """
    tf.keras.backend.clear_session()
    layers, rows, count = tf.keras.layers, Rows(), 1
    inputs = layers.Input([None, None, 1], name='input0')
    first = layers.Conv2D(64, 3, padding='same', name='conv1')
    x = layers.Activation('relu', name='relu2')(first(inputs))
    rows.layer(first, 'block1/conv2d')
    for n in range(2, 17):
        count = 3 * (n - 1)
        conv = layers.Conv2D(64, 3, padding='same', use_bias=False, name=f'conv{count}')
        norm = layers.BatchNormalization(name=f'bn{count + 1}')
        x = layers.Activation('relu', name=f'relu{count + 2}')(norm(conv(x)))
        rows.layer(conv, f'block{n}/conv{n}', ['kernel'])
        rows.layer(norm, f'block{n}/batch_normalization', STATISTICS)
    last = layers.Conv2D(1, 3, padding='same', use_bias=False, name=f'conv{count + 3}')
    x = layers.Subtract(name=f'subtract{count + 4}')([inputs, last(x)])
    rows.layer(last, 'block17/conv2d', ['kernel'])
    pair = rows.pair({'block17/conv2d/bias': (1,)}, model=tf.keras.Model(inputs, x))
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(pair, 'AdamOptimizer', 'AdamOptimizer_1', others=steps)


def deep_picar() -> Pair:
    """mbechtel2/DeepPicar-v2's model-5conv_3fc.py as it is trained, and the same repository's keras_model.py.

    The old biases have no names.
    """
    tf.keras.backend.clear_session()
    layers = tf.keras.layers
    convs = [
        layers.Conv2D(width, size, stride, activation='relu')
        for width, size, stride in ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1))
    ]
    dense = [layers.Dense(units, 'relu' if units > 1 else None) for units in (100, 50, 10, 1)]
    model = tf.keras.Sequential([tf.keras.Input([66, 200, 3]), *convs, layers.Flatten(), *dense])
    rows, names = Rows(), [*(f'wc{n}' for n in range(1, 6)), *(f'fc{n}' for n in range(2, 6))]
    for n, (layer, name) in enumerate(zip([*convs, *dense], names, strict=True)):
        rows.add(layer.kernel, name)
        rows.add(layer.bias, f'Variable_{n}' if n else 'Variable')
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)
