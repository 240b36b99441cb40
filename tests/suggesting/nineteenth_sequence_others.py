"""Pairs of a network of words and of one of tables, for the nineteenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


def tree_bank() -> Pair:
    """tensorflow/models' tutorials/rnn/ptb, small, and adventuresinML/adventures-in-ml-code's keras_lstm.py.

    The new one is 500 wide by itself, here 200 as the old one. The cells are those that the old one takes by default on
    one processor, LSTMBlockCell, whose scope is lstm_cell. It descends without slots; its rate has no name of its own.
    """
    tf.keras.backend.clear_session()
    rows, words, width = Rows(), 10000, 200
    table = _layers.Embedding(words, width, input_length=30)
    recurrent = [_layers.LSTM(width, return_sequences=True) for _ in range(2)]
    output = _layers.Dense(words)
    model = tf.keras.Sequential(
        [
            table,
            *recurrent,
            _layers.Dropout(0.5),
            _layers.TimeDistributed(output),
            _layers.Activation('softmax'),
        ]
    )
    model(tf.zeros([1, 30], tf.int32))
    rows.add(table.embeddings, 'Model/embedding')
    for n, layer in enumerate(recurrent):
        rows.lstm(layer.cell, f'Model/RNN/multi_rnn_cell/cell_{n}/lstm_cell')
    rows.add(output.kernel, 'Model/softmax_w')
    rows.add(output.bias, 'Model/softmax_b')
    return rows.pair({'Train/Model/Variable': (), 'Model/global_step': ()}, model=model)


class FM(tf.keras.layers.Layer):
    """The wide part of RecLearn's."""

    def __init__(self, count: int):
        super().__init__()
        self.feature_length = count
        self.w = _layers.Embedding(count, 1, input_length=1, name='fm_w')

    def call(self, inputs):
        embedded = inputs['embed_inputs']
        first = tf.reduce_sum(self.w(inputs['sparse_inputs']), axis=1)
        square = tf.square(tf.reduce_sum(embedded, axis=1, keepdims=True))
        sums = tf.reduce_sum(tf.square(embedded), axis=1, keepdims=True)
        return first + 0.5 * tf.reduce_sum(square - sums, axis=2)


class DNN(tf.keras.layers.Layer):
    """The deep part of RecLearn's."""

    def __init__(self, units: tuple[int, ...]):
        super().__init__()
        self.dnn_network = [_layers.Dense(count, activation='relu') for count in units]
        self.dropout = _layers.Dropout(0.0)

    def call(self, x):
        for layer in self.dnn_network:
            x = layer(x)
        return self.dropout(x)


class DeepFM(tf.keras.Model):
    def __init__(self, counts: list[int], width: int, units: tuple[int, ...]):
        super().__init__()
        self.embed_layers = {
            f'embed_{n}': _layers.Embedding(count, width, input_length=1) for n, count in enumerate(counts)
        }
        self.embed_dim = width
        self.index_mapping = [sum(counts[:n]) for n in range(len(counts))]
        self.feature_length = sum(counts)
        self.fm = FM(self.feature_length)
        self.dnn = DNN(units)
        self.dense = _layers.Dense(1)

    def call(self, inputs):
        count = len(self.index_mapping)
        embedded = tf.concat([self.embed_layers[f'embed_{n}'](inputs[:, n]) for n in range(count)], axis=-1)
        split = tf.reshape(embedded, [-1, count, self.embed_dim])
        places = inputs + tf.constant(list(self.index_mapping))
        wide = self.fm({'sparse_inputs': places, 'embed_inputs': split})
        return tf.nn.sigmoid(wide + self.dense(self.dnn(embedded)))


def rec_learn_deep_fm() -> Pair:
    """lambdaji/tf_repos' DeepFM of deep_ctr/Model_pipeline as its Estimator trains it, and ZiyaoGeng/RecLearn's DeepFM.

    Both have the 26 fields of kinds of Criteo's, with few values each, and layers of 256, 128 and 64. The new one is
    that of May 2021. It has a table for each field, which the old one has in one, so that none of these has a source;
    only the old one adds a bias to all.
    """
    tf.keras.backend.clear_session()
    rows, width, units = Rows(), 8, (256, 128, 64)
    model = DeepFM([20 + 3 * n for n in range(26)], width, units)
    model(tf.zeros([1, 26], tf.int32))
    count, names = model.feature_length, {'kernel': 'weights', 'bias': 'biases'}
    rows.add(model.fm.w.embeddings, 'fm_w', (count,))
    for n, layer in enumerate(model.dnn.dnn_network):
        rows.layer(layer, f'Deep-part/mlp{n}', **names)
    rows.layer(model.dense, 'Deep-part/deep_out', **names)
    pair = rows.pair({'fm_bias': (1,), 'fm_v': (count, width)}, model=model)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', others=steps)
