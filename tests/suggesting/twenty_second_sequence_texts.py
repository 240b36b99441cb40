"""Pairs of a tagger and of a classifier of texts, for the twenty-second blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.twelfth_sequence_taggers import CRF

_layers = tf.keras.layers


def chunks() -> Pair:
    """scofield7419/sequence-labeling-BiLSTM-CRF as it is trained, and keras-contrib's conll2000_chunking_crf.

    The old one is engines/BiLSTM_CRFs.py of TF1, with one layer, Adam and no attention, and the widths of the second
    model of keras-team/keras-contrib's example. It gives the same cell to both directions, which have one kernel and
    one bias, therefore: TensorFlow makes no variables for a cell that has been built. So both of the new LSTMs have the
    same source, and their kernels divide it. That the new CRF learns boundaries is its default.
    """
    tf.keras.backend.clear_session()
    rows, words, width, units, tags = Rows(), 7000, 200, 200, 44
    model = tf.keras.Sequential()
    table = _layers.Embedding(words, width, mask_zero=True)
    both = _layers.Bidirectional(_layers.LSTM(units // 2, return_sequences=True))
    crf = CRF(tags)
    for layer in (table, both, crf):
        model.add(layer)
    model(tf.ones([1, 4], tf.int32))
    rows.add(table.embeddings, 'emb')
    for layer in (both.forward_layer, both.backward_layer):
        rows.lstm(layer.cell, 'bidirectional_rnn/fw/multi_rnn_cell/cell_0/lstm_cell')
    rows.add(crf.kernel, 'softmax_w')
    rows.add(crf.bias, 'softmax_b')
    rows.add(crf.chain_kernel, 'transitions')
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)


class AttLayer(tf.keras.layers.Layer):
    """The attention of richliao, without masks."""

    def __init__(self, attention_dim: int):
        super().__init__()
        self.attention_dim = attention_dim

    def build(self, shape):
        backend, init = tf.keras.backend, tf.keras.initializers.RandomNormal(seed=0)
        self.W = backend.variable(init((shape[-1], self.attention_dim)))
        self.b = backend.variable(init((self.attention_dim,)))
        self.u = backend.variable(init((self.attention_dim, 1)))
        super().build(shape)

    def call(self, x):
        weights = tf.exp(tf.matmul(tf.tanh(tf.matmul(x, self.W) + self.b), self.u))
        return tf.reduce_sum(x * weights / tf.reduce_sum(weights, 1, keepdims=True), 1)


def _gru(scope: str, inputs: int, units: int) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the old cells of both directions."""
    shapes: dict[str, tuple[int, ...]] = {}
    for way in ('fw', 'bw'):
        for part, extent in (('gates', 2 * units), ('candidate', units)):
            at = f'tcm/{scope}/{way}/gru_cell/{part}'
            shapes |= {f'{at}/weights': (inputs + units, extent), f'{at}/biases': (extent,)}
    return shapes


def hierarchical_attention() -> Pair:
    """ematvey/hierarchical-attention-networks' HANClassifierModel with GRUs, and richliao/textClassifier's HATT.

    The old one is HAN_model.py with GRUCell, as it makes itself and not as worker.py does, and the widths of the new
    one, which is textClassifierHATT.py; the names of cells are those of TF 1.0 by memory. The old GRUs have a matrix
    for both gates and one for the candidate, which are three in another order in the new ones, so that these have no
    sources. The old one sums up what its attention projects, the new one what comes before, which is twice as wide:
    its last kernel has no source, but its bias has.
    """
    tf.keras.backend.clear_session()
    rows, words, width, units, classes = Rows(), 20001, 100, 100, 2
    sentence = _layers.Input([100], dtype='int32')
    table = _layers.Embedding(words, width, input_length=100)
    word_layer, sentence_layer = AttLayer(units), AttLayer(units)
    both = _layers.Bidirectional(_layers.GRU(units, return_sequences=True))
    encoder = tf.keras.Model(sentence, word_layer(both(table(sentence))))
    review = _layers.Input([15, 100], dtype='int32')
    outer = _layers.Bidirectional(_layers.GRU(units, return_sequences=True))
    x = sentence_layer(outer(_layers.TimeDistributed(encoder)(review)))
    output = _layers.Dense(classes, activation='softmax')
    model = tf.keras.Model(review, output(x))
    model(tf.zeros([1, 15, 100], tf.int32))
    rows.add(table.embeddings, 'tcm/embedding/embedding_matrix')
    for scope, layer in (('word', word_layer), ('sentence', sentence_layer)):
        at = f'tcm/{scope}/attention'
        rows.add(layer.W, f'{at}/weights')
        rows.add(layer.b, f'{at}/biases')
        rows.add(layer.u, f'{at}/attention_context_vector', (units,))
    rows.add(output.bias, 'tcm/classifier/fully_connected/biases')
    others = {'tcm/classifier/fully_connected/weights': (units, classes)}
    others |= _gru('word', width, units) | _gru('sentence', units, units)
    steps = {'tcm/global_step': (), 'train/beta1_power': (), 'train/beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', prefix='train/', others=steps)
