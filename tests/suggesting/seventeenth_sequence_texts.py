"""Pairs of a classifier and of a summarizer of texts, for a seventeenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


def imdb_cnn() -> Pair:
    """gaussic/text-classification-cnn-rnn's TextCNN as it is trained, and keras-team/keras' examples/imdb_cnn.

    The new one has the widths of the old, and one class. Its version of Keras 1 was read; that of Keras 2, which pools
    over all places, was seen in code that was made of it.
    """
    tf.keras.backend.clear_session()
    rows, model, words, width, filters, hidden = Rows(), tf.keras.Sequential(), 5000, 64, 256, 128
    table = _layers.Embedding(words, width, input_length=600)
    conv = _layers.Conv1D(filters, 5, padding='valid', activation='relu', strides=1)
    dense, output = _layers.Dense(hidden), _layers.Dense(1)
    model.add(table)
    model.add(_layers.Dropout(0.2))
    model.add(conv)
    model.add(_layers.GlobalMaxPooling1D())
    model.add(dense)
    model.add(_layers.Dropout(0.2))
    model.add(_layers.Activation('relu'))
    model.add(output)
    model.add(_layers.Activation('sigmoid'))
    rows.add(table.embeddings, 'embedding')
    rows.layer(conv, 'conv')
    rows.layer(dense, 'fc1')
    pair = rows.pair({'fc2/kernel': (hidden, 10), 'fc2/bias': (10,)}, model=model)
    steps = {'optimize/beta1_power': (), 'optimize/beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', others=steps)


class AttentionLayer(tf.keras.layers.Layer):
    """The attention of thushv89/attention_keras, which looks at all places at once here."""

    def build(self, shape):
        encoded, decoded = (extents[2] for extents in shape)
        self.W_a = self.add_weight(name='W_a', shape=(encoded, encoded), initializer='uniform')
        self.U_a = self.add_weight(name='U_a', shape=(decoded, encoded), initializer='uniform')
        self.V_a = self.add_weight(name='V_a', shape=(encoded, 1), initializer='uniform')
        super().build(shape)

    def call(self, inputs):
        encoded, decoded = inputs
        keys = (encoded @ self.W_a)[:, None] + (decoded @ self.U_a)[:, :, None]
        energies = tf.nn.softmax((tf.tanh(keys) @ self.V_a)[..., 0])
        return energies @ encoded, energies


def summarizer() -> Pair:
    """tensorflow/nmt of three and one layers with Bahdanau's attention and Adam, and Analytics Vidhya's summarizer.

    The latter is aravindpai/How-to-build-own-text-summarizer-using-deep-learning's, with thushv89/attention_keras'
    AttentionLayer; it was read in copies of its first version, whose tables are as wide as its LSTMs. The old decoder
    sees the attention besides, so that its kernel has no target, and mixes both before an output without a bias, while
    the new output sees both. The matrices of an old LSTM are one.
    """
    tf.keras.backend.clear_session()
    rows, width, old, new, at = Rows(), 100, 2000, 1500, 'dynamic_seq2seq'
    inputs = tf.keras.Input([30])
    table = _layers.Embedding(old, width, trainable=True)
    x = table(inputs)
    for n in range(3):
        lstm = _layers.LSTM(width, return_sequences=True, return_state=True)
        x, *states = lstm(x)
        rows.lstm(lstm.cell, f'{at}/encoder/rnn/multi_rnn_cell/cell_{n}/basic_lstm_cell')
    rows.add(table.embeddings, 'embeddings/encoder/embedding_encoder')
    others = tf.keras.Input([None])
    table = _layers.Embedding(new, width, trainable=True)
    decoder = _layers.LSTM(width, return_sequences=True, return_state=True)
    y, _, _ = decoder(table(others), initial_state=states)
    rows.add(table.embeddings, 'embeddings/decoder/embedding_decoder')
    rows.add(decoder.cell.bias, f'{at}/decoder/attention/basic_lstm_cell/bias')
    attention = AttentionLayer(name='attention_layer')
    context, _ = attention([x, y])
    rows.add(attention.W_a, f'{at}/decoder/memory_layer/kernel')
    scope = f'{at}/decoder/attention/bahdanau_attention'
    rows.add(attention.U_a, f'{scope}/query_layer/kernel')
    rows.add(attention.V_a, f'{scope}/attention_v', (width,))
    mixed = _layers.Concatenate(axis=-1, name='concat_layer')([y, context])
    output = _layers.TimeDistributed(_layers.Dense(new, activation='softmax'))
    pair = rows.pair(
        {
            f'{at}/decoder/attention/basic_lstm_cell/kernel': (3 * width, 4 * width),
            f'{at}/decoder/attention/attention_layer/kernel': (2 * width, width),
            f'{at}/decoder/output_projection/kernel': (width, new),
        },
        model=tf.keras.Model([inputs, others], output(mixed)),
    )
    # nmt gives its step no name.
    steps = {'Variable': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', others=steps)
