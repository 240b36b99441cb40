"""A pair of networks that draw, for a seventh blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair


def _lstm(rows: Rows, cell: Any, source: str) -> None:
    """Notes the variables of an LSTM cell, whose two matrices are apart in the old one too."""
    names = {'kernel': 'W_xh', 'recurrent_kernel': 'W_hh'}
    rows.layer(cell, f'{source}/LSTMCell', ('kernel', 'recurrent_kernel', 'bias'), **names)


def sketch_rnn() -> Pair:
    """magenta/magenta's Sketch-RNN with LSTMs as it is trained, and eyalzk/sketch_rnn_keras, its port, in tf.keras.

    All variables of the old program, its optimizer's, the rate and the weight of the divergence are made in a scope.
    """
    tf.keras.backend.clear_session()
    layers, rows, narrow, wide, latent, mixtures = tf.keras.layers, Rows(), 256, 512, 128, 20
    strokes, lagged = (layers.Input([50, 5], name=f'{name}coder_input') for name in ('en', 'de'))
    encoder = layers.LSTM(narrow)
    decoder = layers.LSTM(wide, return_sequences=True, return_state=True)
    both = layers.Bidirectional(encoder, merge_mode='concat')
    x = both(strokes)
    mean, deviation = layers.Dense(latent), layers.Dense(latent)
    z = layers.Lambda(lambda pair: pair[0] + tf.exp(pair[1] / 2))([mean(x), deviation(x)])
    first = layers.Dense(2 * wide, activation='tanh', name='dec_initial_state')
    state = first(z)
    joined = layers.Concatenate()([lagged, layers.RepeatVector(50)(z)])
    x, _, _ = decoder(joined, initial_state=[state[:, :wide], state[:, wide:]])
    last = layers.Dense(3 + 6 * mixtures, name='output')
    model = tf.keras.Model([strokes, lagged], last(x))
    at = 'vector_rnn'
    for short, layer in (('fw', both.forward_layer), ('bw', both.backward_layer)):
        _lstm(rows, layer.cell, f'{at}/ENC_RNN/{short}')
    for layer, scope in ((mean, 'ENC_RNN_mu'), (deviation, 'ENC_RNN_sigma'), (first, 'linear')):
        rows.layer(layer, f'{at}/{scope}', kernel='super_linear_w', bias='super_linear_b')
    rows.add(last.kernel, f'{at}/RNN/output_w')
    rows.add(last.bias, f'{at}/RNN/output_b')
    _lstm(rows, decoder.cell, f'{at}/RNN')
    scalars = ('global_step', 'Variable', 'Variable_1', 'beta1_power', 'beta2_power')
    steps = {f'{at}/{name}': () for name in scalars}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', prefix=f'{at}/', others=steps)
