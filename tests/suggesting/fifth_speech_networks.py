"""Pairs of networks that recognize speech, for a fifth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Part, Rows, built, dense, with_slots
from tests.suggesting.known_pairs import Pair


def ds_cnn() -> Pair:
    """ARM-software/ML-KWS-for-MCU's small DS-CNN as it is trained, and mlcommons/tiny's for keyword spotting.

    The norms of the old one have no gamma; the new one's layers have no names.
    """
    tf.keras.backend.clear_session()
    layers, rows, old, width = tf.keras.layers, Rows(), 'DS-CNN', 64
    names = {'kernel': 'weights', 'depthwise_kernel': 'depthwise_weights', 'bias': 'biases'}

    def unit(x: Any, layer: Any, scope: str, role: str = 'kernel') -> Any:
        norm = layers.BatchNormalization()
        x = norm(layer(x))
        rows.layer(layer, f'{old}/{scope}', (role, 'bias'), **names)
        rows.layer(norm, f'{old}/{scope}/batch_norm', STATISTICS[1:])
        return layers.Activation('relu')(x)

    inputs = layers.Input([49, 10, 1])
    x = unit(inputs, layers.Conv2D(width, (10, 4), 2, 'same'), 'conv_1')
    x = layers.Dropout(0.2)(x)
    for n in range(1, 5):
        depthwise = layers.DepthwiseConv2D(3, padding='same')
        x = unit(x, depthwise, f'conv_ds_{n}/dw_conv', 'depthwise_kernel')
        x = unit(x, layers.Conv2D(width, 1, padding='same'), f'conv_ds_{n}/pw_conv')
    x = layers.Flatten()(layers.AveragePooling2D((24, 5))(layers.Dropout(0.4)(x)))
    head = layers.Dense(12, activation='softmax')
    model = tf.keras.Model(inputs, head(x))
    rows.layer(head, f'{old}/fc1', **names)
    steps = {'global_step': (), 'train/beta1_power': (), 'train/beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)


class _SequenceNorm(tf.keras.layers.Layer):
    """TensorFlowASR's norm of sequences, which keeps no statistics."""

    def build(self, shape):
        self.beta = self.add_weight('beta', shape=shape[-1:])
        self.gamma = self.add_weight('gamma', shape=shape[-1:])


def _counted(number: int) -> str:
    return 'batch_normalization' + (f'_{number}' if number else '')


def deep_speech_2() -> Pair:
    """DeepSpeech2 of tensorflow/models' research with LSTMs, narrow, and the objects of TensorSpeech/TensorFlowASR's.

    The norm before a recurrent layer, or the last one, of the old is the norm after the layer before in the new. The
    new convolutions have biases, and the new norms of sequences no statistics.
    """
    tf.keras.backend.clear_session()
    rows, units, features, convs, blocks, others = Rows(), 48, 161, [], [], {}
    root = 'deepspeech2/encoder'
    for n, (size, channels) in enumerate((((41, 11), 1), ((21, 11), 32))):
        with tf.name_scope(f'{root}/conv_module/block_{n}'):
            conv = tf.keras.layers.Conv2D(32, size, padding='same', name='conv2d')
            conv = built(conv, None, features, channels)
            norm = built(tf.keras.layers.BatchNormalization(name='bn'), None, None, 32)
        rows.layer(conv, f'cnn_{n + 1}', ['kernel'])
        rows.layer(norm, _counted(n), STATISTICS)
        convs.append(Part(conv=conv, bn=norm))
    width = 32 * 81
    for n in range(5):
        with tf.name_scope(f'{root}/rnn_module/block_{n}'):
            lstm = tf.keras.layers.LSTM(units, return_sequences=True, name='lstm')
            rnn = built(tf.keras.layers.Bidirectional(lstm, name='blstm'), None, width)
            norm = built(_SequenceNorm(name='bn'), None, 2 * units)
        for short, layer in (('fw', rnn.forward_layer), ('bw', rnn.backward_layer)):
            rows.lstm(layer.cell, f'bidirectional_rnn/{short}/rnn_{short}_{n + 1}')
        rows.layer(norm, _counted(n + 2), STATISTICS[:2])
        others |= {f'{_counted(n + 2)}/{role}': (2 * units,) for role in STATISTICS[2:]}
        blocks.append(Part(rnn=rnn, bn=norm))
        width = 2 * units
    with tf.name_scope('deepspeech2/decoder'):
        vocabulary = dense(width, 29, name='logits')
    rows.layer(vocabulary, 'dense')
    encoder = Part(conv_module=Part(blocks=convs), rnn_module=Part(blocks=blocks))
    model = Part(encoder=encoder, decoder=Part(vocab=vocabulary))
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)
