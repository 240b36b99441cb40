"""A pair of networks that translate, for a fifth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair


class MultiHeadAttention(tf.keras.layers.Layer):
    """The attention of TensorFlow's tutorial, of whose class Keras makes its name; its heads are left out."""

    def __init__(self, width: int):
        super().__init__()
        dense = tf.keras.layers.Dense
        self.wq, self.wk, self.wv = dense(width), dense(width), dense(width)
        self.dense = dense(width)

    def call(self, v, k, q):
        weights = tf.nn.softmax(tf.matmul(self.wq(q), self.wk(k), transpose_b=True))
        return self.dense(weights @ self.wv(v))


def _feed_forward(width: int, inner: int) -> tf.keras.Sequential:
    return tf.keras.Sequential([tf.keras.layers.Dense(inner, 'relu'), tf.keras.layers.Dense(width)])


class EncoderLayer(tf.keras.layers.Layer):
    """A layer of the tutorial's encoder."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        norm = tf.keras.layers.LayerNormalization
        self.mha = MultiHeadAttention(width)
        self.ffn = _feed_forward(width, inner)
        self.layernorm1, self.layernorm2 = norm(epsilon=1e-6), norm(epsilon=1e-6)

    def call(self, x):
        x = self.layernorm1(x + self.mha(x, x, x))
        return self.layernorm2(x + self.ffn(x))


class DecoderLayer(tf.keras.layers.Layer):
    """A layer of the tutorial's decoder."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        norm = tf.keras.layers.LayerNormalization
        self.mha1, self.mha2 = MultiHeadAttention(width), MultiHeadAttention(width)
        self.ffn = _feed_forward(width, inner)
        self.layernorm1, self.layernorm2 = norm(epsilon=1e-6), norm(epsilon=1e-6)
        self.layernorm3 = norm(epsilon=1e-6)

    def call(self, x, encoded):
        x = self.layernorm1(x + self.mha1(x, x, x))
        x = self.layernorm2(x + self.mha2(encoded, encoded, x))
        return self.layernorm3(x + self.ffn(x))


class Encoder(tf.keras.layers.Layer):
    """The tutorial's encoder."""

    def __init__(self, count: int, width: int, inner: int, words: int):
        super().__init__()
        self.embedding = tf.keras.layers.Embedding(words, width)
        self.enc_layers = [EncoderLayer(width, inner) for _ in range(count)]

    def call(self, x):
        x = self.embedding(x)
        for layer in self.enc_layers:
            x = layer(x)
        return x


class Decoder(tf.keras.layers.Layer):
    """The tutorial's decoder."""

    def __init__(self, count: int, width: int, inner: int, words: int):
        super().__init__()
        self.embedding = tf.keras.layers.Embedding(words, width)
        self.dec_layers = [DecoderLayer(width, inner) for _ in range(count)]

    def call(self, x, encoded):
        x = self.embedding(x)
        for layer in self.dec_layers:
            x = layer(x, encoded)
        return x


class Transformer(tf.keras.Model):
    """The tutorial's model."""

    def __init__(self, count: int, width: int, inner: int, words: int):
        super().__init__()
        self.encoder = Encoder(count, width, inner, words)
        self.decoder = Decoder(count, width, inner, words)
        self.final_layer = tf.keras.layers.Dense(words)

    def call(self, inputs):
        x, y = inputs
        return self.final_layer(self.decoder(y, self.encoder(x)))


_NAMES = ('dense', 'dense_1', 'dense_2')


def _attend(rows: Rows, layer: MultiHeadAttention, norm: Any, scope: str) -> None:
    for part, name in zip((layer.wq, layer.wk, layer.wv), _NAMES, strict=True):
        rows.layer(part, f'{scope}/{name}')
    rows.layer(norm, f'{scope}/ln', ('gamma', 'beta'))


def _feed(rows: Rows, layer: tf.keras.Sequential, norm: Any, scope: str) -> None:
    scope = f'{scope}/positionwise_feedforward'
    for part, name in zip(layer.layers, _NAMES, strict=False):
        rows.layer(part, f'{scope}/{name}')
    rows.layer(norm, f'{scope}/ln', ('gamma', 'beta'))


def tutorial_transformer() -> Pair:
    """Kyubyong/transformer as it is trained, narrow, and the model of tensorflow/docs' tutorial on transformers.

    The old one has one matrix for the words of both sides, which is transposed at the end, and no layer after the
    heads; the new one has three matrices for words.
    """
    tf.keras.backend.clear_session()
    rows, count, width, inner, words = Rows(), 6, 64, 256, 300
    model = Transformer(count, width, inner, words)
    model((tf.zeros([1, 4], tf.int32), tf.zeros([1, 4], tf.int32)))
    table, shape = 'shared_weight_matrix/weight_mat', (words, width)
    rows.add(model.encoder.embedding.embeddings, table)
    rows.add(model.decoder.embedding.embeddings, table)
    rows.add(model.final_layer.kernel, table, shape)
    for n, layer in enumerate(model.encoder.enc_layers):
        scope = f'encoder/num_blocks_{n}'
        _attend(rows, layer.mha, layer.layernorm1, f'{scope}/multihead_attention')
        _feed(rows, layer.ffn, layer.layernorm2, scope)
    for n, layer in enumerate(model.decoder.dec_layers):
        scope = f'decoder/num_blocks_{n}'
        _attend(rows, layer.mha1, layer.layernorm1, f'{scope}/self_attention')
        _attend(rows, layer.mha2, layer.layernorm2, f'{scope}/vanilla_attention')
        _feed(rows, layer.ffn, layer.layernorm3, scope)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)
