"""A pair of taggers, for a twelfth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair


class CRF(tf.keras.layers.Layer):
    """The layer of keras-contrib, without what it computes along the sequence."""

    def __init__(self, units: int):
        super().__init__()
        self.units = units

    def build(self, shape):
        vector = [self.units]
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name='kernel')
        self.chain_kernel = self.add_weight(shape=(self.units, self.units), name='chain_kernel')
        self.bias = self.add_weight(shape=vector, name='bias', initializer='zeros')
        self.left_boundary = self.add_weight(shape=vector, name='left_boundary', initializer='zeros')
        self.right_boundary = self.add_weight(shape=vector, name='right_boundary', initializer='zeros')
        super().build(shape)

    def call(self, x):
        return tf.matmul(x, self.kernel) + self.bias


def anago() -> Pair:
    """guillaumegenthial/tf_ner's chars_lstm_lstm_crf as it is trained, and BiLSTMCRF of Hironsan/anago, of its sizes.

    The old one's table of words is a bare variable that is not trained. The new one has two layers before its CRF,
    whose kernel is therefore smaller than the old one's of the same place, so that it has no source; its bias and its
    matrix of transitions have. Both matrices of each new LSTM are one in the old. That the CRF of keras-contrib learns
    boundaries is its default.
    """
    tf.keras.backend.clear_session()
    layers, rows, words, letters, tags = tf.keras.layers, Rows(), 3000, 86, 9
    units, narrow = 100, 25
    word_ids = layers.Input(batch_shape=(None, None), dtype='int32')
    lengths = layers.Input(batch_shape=(None, None), dtype='int32')
    word_table = layers.Embedding(words + 1, 300, mask_zero=True)
    embedded = word_table(word_ids)
    char_ids = layers.Input(batch_shape=(None, None, None), dtype='int32')
    char_table = layers.Embedding(letters, 100, mask_zero=True)
    chars = char_table(char_ids)
    chars = layers.Lambda(lambda x: tf.reshape(x, [-1, tf.shape(x)[-2], 100]))(chars)
    forward = layers.LSTM(narrow, return_state=True)
    first = forward(chars)[-2]
    backward = layers.LSTM(narrow, return_state=True, go_backwards=True)
    states = layers.Concatenate(axis=-1)([first, backward(chars)[-2]])
    joined = layers.Lambda(lambda x: tf.reshape(x[0], [-1, tf.shape(x[1])[1], 2 * narrow]))
    x = layers.Concatenate(axis=-1)([embedded, joined([states, word_ids])])
    both = layers.Bidirectional(layers.LSTM(units, return_sequences=True))
    x = layers.Dropout(0.5)(both(layers.Dropout(0.5)(x)))
    for _ in range(2):
        x = layers.Dense(100, activation='tanh')(x)
    crf = CRF(tags)
    model = tf.keras.Model([word_ids, char_ids, lengths], crf(x))
    rows.add(word_table.embeddings, 'Variable')
    rows.add(char_table.embeddings, 'chars')
    cells = forward.cell, backward.cell, both.forward_layer.cell, both.backward_layer.cell
    for n, cell in enumerate(cells):
        rows.lstm(cell, f'lstm_fused_cell_{n}' if n else 'lstm_fused_cell')
    rows.add(crf.bias, 'dense/bias')
    rows.add(crf.chain_kernel, 'crf')
    pair = rows.pair({'dense/kernel': (2 * units, tags)}, model=model)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', but='^Variable$', others=steps)
