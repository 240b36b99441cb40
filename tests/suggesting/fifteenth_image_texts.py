"""A pair of networks that read texts in images, for a fifteenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


def crnn() -> Pair:
    """Belval/CRNN as it is trained, and the model of FLming/CRNN.tf2, both for 63 classes and gray images.

    The old one has biases before its norms, and two norms; the new one has a third after its last convolution.
    """
    tf.keras.backend.clear_session()
    layers, rows, others = tf.keras.layers, Rows(), {}
    x = inputs = tf.keras.Input([32, None, 1])
    pools = {1: 2, 2: 2, 4: (2, 1), 6: (2, 1)}
    norms = {3: 'batch_normalization', 5: 'batch_normalization_1', 7: ''}
    for number, width in enumerate((64, 128, 256, 256, 512, 512, 512), 1):
        size, padding = (2, 'valid') if number == 7 else (3, 'same')
        normed, at = number in norms, f'conv2d_{number - 1}' if number > 1 else 'conv2d'
        acts = None if normed else 'relu'
        conv = layers.Conv2D(
            width, size, 1, padding, activation=acts, use_bias=not normed, name=f'conv{number}'
        )
        x = conv(x)
        rows.layer(conv, at, ['kernel'] if normed else ['kernel', 'bias'])
        if normed:
            others[f'{at}/bias'] = (width,)
            norm = layers.BatchNormalization(name=f'bn{number}')
            x = layers.Activation('relu', name=f'relu{number}')(norm(x))
            if norms[number]:
                rows.layer(norm, norms[number], STATISTICS)
        if number in pools:
            pool = layers.MaxPool2D(2, pools[number], 'same', name=f'pool{number}')
            x = pool(x)
    x = layers.Reshape((-1, 512), name='reshape7')(x)
    for number in (1, 2):
        both = layers.Bidirectional(layers.LSTM(256, return_sequences=True), name=f'bi_lstm{number}')
        x = both(x)
        for way, layer in (('fw', both.forward_layer), ('bw', both.backward_layer)):
            rows.lstm(layer.cell, f'bidirectional-rnn-{number}/bidirectional_rnn/{way}/basic_lstm_cell')
    logits = layers.Dense(63, name='logits')
    model = tf.keras.Model(inputs, logits(x), name='crnn')
    rows.add(logits.kernel, 'W')
    rows.add(logits.bias, 'b')
    steps = dict.fromkeys(('beta1_power', 'beta2_power'), ())
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)
