"""A pair of translators with LSTMs, for a sixteenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


def words() -> Pair:
    """tensorflow/nmt of one layer without attention, with Adam, and hlamba28/Word-Level-Eng-Mar-NMT's model.

    Both are 50 wide, as the new one is. Only the new output has a bias.
    """
    tf.keras.backend.clear_session()
    rows, width, old, new, at = Rows(), 50, 1400, 1800, 'dynamic_seq2seq'
    inputs = tf.keras.Input([None])
    table = _layers.Embedding(old, width, mask_zero=True)
    encoder = _layers.LSTM(width, return_state=True)
    _, *states = encoder(table(inputs))
    rows.add(table.embeddings, 'embeddings/encoder/embedding_encoder')
    rows.lstm(encoder.cell, f'{at}/encoder/rnn/basic_lstm_cell')
    others = tf.keras.Input([None])
    table = _layers.Embedding(new, width, mask_zero=True)
    decoder = _layers.LSTM(width, return_sequences=True, return_state=True)
    x, _, _ = decoder(table(others), initial_state=states)
    rows.add(table.embeddings, 'embeddings/decoder/embedding_decoder')
    rows.lstm(decoder.cell, f'{at}/decoder/basic_lstm_cell')
    output = _layers.Dense(new, activation='softmax')
    model = tf.keras.Model([inputs, others], output(x))
    rows.layer(output, f'{at}/decoder/output_projection', ['kernel'])
    steps = {'Variable': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)
