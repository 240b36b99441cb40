"""A pair of networks that classify texts, for an eleventh blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair


def character_cnn() -> Pair:
    """mhjabreel/CharCNN of TensorFlow's first versions as it is trained, and mhjabreel/CharCnn_Keras' CharCNNZhang.

    Both have the layers of Zhang et al. for the four classes of AG's News. The old convolutions have two axes of
    places, and the old step has no name. The new one has vectors of characters, which the old one has not; they are 69
    wide here, as the old one's characters are, and not 128.
    """
    tf.keras.backend.clear_session()
    layers, rows, length, characters = tf.keras.layers, Rows(), 1014, 69
    inputs = layers.Input([length], name='sent_input', dtype='int64')
    x = layers.Embedding(characters + 1, characters, input_length=length)(inputs)
    sizes = ((7, 3), (7, 3), (3, None), (3, None), (3, None), (3, 3))
    for n, (size, pool) in enumerate(sizes):
        conv = layers.Conv1D(256, size)
        seen = x.shape[-1]
        x = layers.ThresholdedReLU(1e-6)(conv(x))
        x = layers.MaxPooling1D(pool)(x) if pool else x
        at = f'ConvolutionLayer{f"_{n}" * bool(n)}'
        rows.add(conv.kernel, f'{at}/W', (size, seen, 1, 256))
        rows.add(conv.bias, f'{at}/b')
    x = layers.Flatten()(x)
    for n in range(2):
        dense = layers.Dense(1024)
        x = layers.Dropout(0.5)(layers.ThresholdedReLU(1e-6)(dense(x)))
        rows.layer(dense, f'LinearLayer{f"_{n}" * bool(n)}', kernel='W', bias='b')
    output = layers.Dense(4, activation='softmax')
    model = tf.keras.Model(inputs, output(x))
    rows.layer(output, 'OutputLayer', kernel='W', bias='b')
    steps = {'Variable': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)
