"""A pair of networks that recognize speech, for a seventh blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair


def mozilla_deep_speech() -> Pair:
    """mozilla/DeepSpeech 0.7 as it is trained without cuDNN, narrow, and qbit-/Automatic-Speech-Recognition's model.

    The answer is that of the latter's load_mozilla_deepspeech, whose first layer is a convolution of 19 frames in place
    of the old one's matrix. The bias of each old dense layer comes before its matrix.
    """
    tf.keras.backend.clear_session()
    layers, rows, features, frames, units, letters = tf.keras.layers, Rows(), 26, 19, 512, 29
    x = inputs = layers.Input([None, features], name='X')
    x = layers.Lambda(lambda x: tf.expand_dims(x, 3))(x)
    first = layers.Conv2D(units, (frames, features))
    x = first(layers.ZeroPadding2D((frames // 2, 0))(x))
    x = layers.ReLU()(layers.Lambda(lambda x: tf.squeeze(x, 2))(x))

    def dense(x: tf.Tensor, number: int, source: int, width: int = units) -> tf.Tensor:
        layer = layers.Dense(width)
        y = layers.TimeDistributed(layer, name=f'td_dense_{number}')(layers.Dropout(0.05)(x))
        rows.add(layer.bias, f'layer_{source}/bias')
        rows.add(layer.kernel, f'layer_{source}/weights')
        return layers.ReLU(20)(y) if width == units else y

    rows.add(first.bias, 'layer_1/bias')
    rows.add(first.kernel, 'layer_1/weights', (frames * features, units))
    x = dense(dense(x, 2, 2), 3, 3)
    recurrent = layers.LSTM(units, return_sequences=True, name='lstm_1')
    x = recurrent(layers.Dropout(0.05)(x))
    rows.lstm(recurrent.cell, 'cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell')
    outputs = dense(dense(x, 4, 5), 5, 6, letters)
    pair = rows.pair(model=tf.keras.Model(inputs, outputs, name='DeepSpeech'))
    steps = {name: () for name in ('global_step', 'learning_rate', 'beta1_power', 'beta2_power')}
    return with_slots(pair, 'Adam', 'Adam_1', others=steps)
