"""Pairs of encoders of sequences, for the nineteenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_sequence_encoders import embed
from tests.suggesting.sixth_language_models import add_transformer

_layers = tf.keras.layers


class ConditionalRandomField(tf.keras.layers.Layer):
    """The layer of bert4keras, which gives on what it gets."""

    def build(self, shape):
        self._trans = self.add_weight(name='trans', shape=[shape[-1], shape[-1]])
        super().build(shape)

    def call(self, x):
        return tf.identity(x)


def named_entities() -> Pair:
    """macanv/BERT-BiLSTM-CRF-NER without its LSTM, narrow, and bojone/bert4keras' task_sequence_labeling_ner_crf.

    The old one is trained with crf only, so that but a projection and the field come after its encoder; no gradients
    reach its pooler. It has 11 labels, among them those of padding, and the new one 7, so that none of what comes after
    the new encoder has a source. Its layers of dropout within the blocks are left out.
    """
    tf.keras.backend.clear_session()
    rows, words, width, labels = Rows(), 1000, 96, 11
    inputs, x = embed(rows, words, width)
    for n in range(12):
        x = add_transformer(rows, x, n, 'bert', 4 * width)
    field = ConditionalRandomField()
    model = tf.keras.Model(inputs, field(_layers.Dense(7)(x)))
    others = {
        'project/logits/W': (width, labels),
        'project/logits/b': (labels,),
        'crf_loss/transitions': (labels, labels),
    }
    pair = with_slots(rows.pair(others, model=model), 'adam_m', 'adam_v')
    pooler = {
        'bert/pooler/dense/kernel': (width, width),
        'bert/pooler/dense/bias': (width,),
        'global_step': (),
    }
    return Pair({**pair.shapes, **pooler}, pair.target, pair.sources)


class BiRNN(tf.keras.Model):
    """The model of the second version of TensorFlow-Examples, as a subclass."""

    def __init__(self, units: int, classes: int):
        super().__init__()
        lstm_fw = _layers.LSTM(units, return_sequences=False)
        lstm_bw = _layers.LSTM(units, return_sequences=False, go_backwards=True)
        self.bi_lstm = _layers.Bidirectional(lstm_fw, backward_layer=lstm_bw)
        self.out = _layers.Dense(classes)

    def call(self, x):
        return self.out(self.bi_lstm(x))


def digits_in_both_directions() -> Pair:
    """aymericdamien/TensorFlow-Examples' bidirectional_rnn of TF1 for MNIST, and its own of tensorflow_v2.

    The new one has 32 units by default, here 128 as the old one. The old outputs' variables have no names of their own.
    The old one is as it was when it used Adam; that a Saver saves it is assumed, for the example does not.
    """
    tf.keras.backend.clear_session()
    rows, units, classes = Rows(), 128, 10
    model = BiRNN(units, classes)
    model(tf.zeros([1, 28, 28]))
    both = model.bi_lstm
    for way, layer in (('fw', both.forward_layer), ('bw', both.backward_layer)):
        rows.lstm(layer.cell, f'bidirectional_rnn/{way}/basic_lstm_cell')
    rows.add(model.out.kernel, 'Variable')
    rows.add(model.out.bias, 'Variable_1')
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others={'beta1_power': (), 'beta2_power': ()})
