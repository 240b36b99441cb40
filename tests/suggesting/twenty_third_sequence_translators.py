"""A pair of translators, for the twenty-third blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair, Shapes

_layers = tf.keras.layers


class MultiHeadAttention(tf.keras.layers.Layer):
    """The attention of the notebook, here without masks."""

    def __init__(self, **options: Any):
        super().__init__()
        self.num_heads, self.d_model = options['num_heads'], options['d_model']
        self.depth = self.d_model // self.num_heads
        self.wq = _layers.Dense(self.d_model)
        self.wk = _layers.Dense(self.d_model)
        self.wv = _layers.Dense(self.d_model)
        self.dense = _layers.Dense(self.d_model)

    def _split(self, x):
        x = tf.reshape(x, (tf.shape(x)[0], -1, self.num_heads, self.depth))
        return tf.transpose(x, perm=[0, 2, 1, 3])

    def call(self, v, k, q):
        q, k, v = self._split(self.wq(q)), self._split(self.wk(k)), self._split(self.wv(v))
        weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True))
        found = tf.transpose(tf.matmul(weights, v), perm=[0, 2, 1, 3])
        return self.dense(tf.reshape(found, (tf.shape(found)[0], -1, self.d_model)))


def point_wise_feed_forward_network(**options: Any) -> tf.keras.Sequential:
    layers = _layers.Dense(options['dff'], activation='relu'), _layers.Dense(options['d_model'])
    return tf.keras.Sequential(layers)


class EncoderLayer(tf.keras.layers.Layer):
    def __init__(self, **options: Any):
        super().__init__()
        self.mha = MultiHeadAttention(**options)
        self.ffn = point_wise_feed_forward_network(**options)
        self.layernorm1 = _layers.LayerNormalization(epsilon=1e-6)
        self.layernorm2 = _layers.LayerNormalization(epsilon=1e-6)
        self.dropout1 = _layers.Dropout(options['rate'])
        self.dropout2 = _layers.Dropout(options['rate'])

    def call(self, x):
        x = self.layernorm1(x + self.dropout1(self.mha(x, x, x)))
        return self.layernorm2(x + self.dropout2(self.ffn(x)))


class DecoderLayer(tf.keras.layers.Layer):
    def __init__(self, **options: Any):
        super().__init__()
        self.mha1 = MultiHeadAttention(**options)
        self.mha2 = MultiHeadAttention(**options)
        self.ffn = point_wise_feed_forward_network(**options)
        self.layernorm1 = _layers.LayerNormalization(epsilon=1e-6)
        self.layernorm2 = _layers.LayerNormalization(epsilon=1e-6)
        self.layernorm3 = _layers.LayerNormalization(epsilon=1e-6)
        self.dropout1 = _layers.Dropout(options['rate'])
        self.dropout2 = _layers.Dropout(options['rate'])
        self.dropout3 = _layers.Dropout(options['rate'])

    def call(self, x, encoded):
        x = self.layernorm1(self.dropout1(self.mha1(x, x, x)) + x)
        x = self.layernorm2(self.dropout2(self.mha2(encoded, encoded, x)) + x)
        return self.layernorm3(self.dropout3(self.ffn(x)) + x)


class Encoder(tf.keras.layers.Layer):
    """The encoder, here without positions, which are no variables."""

    def __init__(self, **options: Any):
        super().__init__()
        self.embedding = _layers.Embedding(options['input_vocab_size'], options['d_model'])
        self.enc_layers = [EncoderLayer(**options) for _ in range(options['num_layers'])]
        self.dropout = _layers.Dropout(options['rate'])

    def call(self, x):
        x = self.dropout(self.embedding(x))
        for layer in self.enc_layers:
            x = layer(x)
        return x


class Decoder(tf.keras.layers.Layer):
    def __init__(self, **options: Any):
        super().__init__()
        self.embedding = _layers.Embedding(options['target_vocab_size'], options['d_model'])
        self.dec_layers = [DecoderLayer(**options) for _ in range(options['num_layers'])]
        self.dropout = _layers.Dropout(options['rate'])

    def call(self, x, encoded):
        x = self.dropout(self.embedding(x))
        for layer in self.dec_layers:
            x = layer(x, encoded)
        return x


class Transformer(tf.keras.Model):
    def __init__(self, **options: Any):
        super().__init__()
        self.encoder = Encoder(**options)
        self.decoder = Decoder(**options)
        self.final_layer = _layers.Dense(options['target_vocab_size'])

    def call(self, inputs):
        questions, answers = inputs
        return self.final_layer(self.decoder(answers, self.encoder(questions)))


class _Collector:
    """Notes layers by the numbers that the old ones, which have no names, have in the order of their calls."""

    def __init__(self):
        self.rows, self._denses, self._variables = Rows(), 0, 0

    def dense(self, layer: Any) -> None:
        self.rows.layer(layer, f'dense_{self._denses}' if self._denses else 'dense')
        self._denses += 1

    def norm(self, layer: Any) -> None:
        """Notes the shift, which the old one makes first, and the scale."""
        for variable in (layer.beta, layer.gamma):
            self.rows.add(variable, f'Variable_{self._variables}' if self._variables else 'Variable')
            self._variables += 1

    def attend(self, attention: MultiHeadAttention, norm: Any) -> None:
        for layer in (attention.wq, attention.wk, attention.wv, attention.dense):
            self.dense(layer)
        self.norm(norm)

    def feed(self, network: tf.keras.Sequential, norm: Any) -> None:
        for layer in network.layers:
            self.dense(layer)
        self.norm(norm)


def book_chatbot() -> Pair:
    """NLP-kr/tensorflow-ml-nlp's 6.4 transformer as its Estimator trains it, and NLP-kr/tensorflow-ml-nlp-tf2's.

    Both are of two editions of a book, and of the sizes of configs.py: model.py, and 6.CHATBOT/6.4 Transformer.ipynb
    of the later edition, here without masks and places, which have no variables. The old one has one table for
    questions and answers, the new one has two. The old norms are bare variables that are not trained, so that they
    have no slots. Only the old layers of its attentions are rectified.
    """
    tf.keras.backend.clear_session()
    collector, words = _Collector(), 3000
    sizes = {'num_layers': 2, 'd_model': 128, 'num_heads': 4, 'dff': 512, 'rate': 0.1}
    model = Transformer(**sizes, input_vocab_size=words, target_vocab_size=words)
    model((tf.zeros([1, 4], tf.int32), tf.zeros([1, 4], tf.int32)))
    for part in (model.encoder, model.decoder):
        collector.rows.add(part.embedding.embeddings, 'embedding/embeddings')
    for layer in model.encoder.enc_layers:
        collector.attend(layer.mha, layer.layernorm1)
        collector.feed(layer.ffn, layer.layernorm2)
    for layer in model.decoder.dec_layers:
        collector.attend(layer.mha1, layer.layernorm1)
        collector.attend(layer.mha2, layer.layernorm2)
        collector.feed(layer.ffn, layer.layernorm3)
    collector.dense(model.final_layer)
    steps: Shapes = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    pair = collector.rows.pair(model=model)
    return with_slots(pair, 'Adam', 'Adam_1', but=r'^Variable', others=steps)
