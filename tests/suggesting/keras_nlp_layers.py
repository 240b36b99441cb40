"""The layers of KerasNLP's encoders, with the paths and names that KerasNLP gives their parts."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows


class Positions(tf.keras.layers.Layer):
    """A table of positions."""

    def __init__(self, count: int, name: str):
        super().__init__(name=name)
        self._count = count

    def build(self, shape):
        self.position_embeddings = self.add_weight('embeddings', shape=[self._count, shape[-1]])

    def call(self, x):
        return tf.broadcast_to(self.position_embeddings[: tf.shape(x)[1]], tf.shape(x))


class Encoder(tf.keras.layers.Layer):
    """A layer of a TransformerEncoder, which makes its parts when it is first called; since 0.5, their weights too."""

    def __init__(self, heads: int, inner: int, name: str, builds_attention: bool = False):
        super().__init__(name=name)
        self._sizes, self._builds_attention = (heads, inner), builds_attention

    def build(self, shape):
        layers, width, (heads, inner) = tf.keras.layers, shape[-1], self._sizes
        self._self_attention_layer = layers.MultiHeadAttention(heads, width // heads)
        if self._builds_attention:
            self._self_attention_layer._build_from_signature(shape, shape)
        self._self_attention_layernorm = layers.LayerNormalization()
        self._feedforward_layernorm = layers.LayerNormalization()
        self._feedforward_intermediate_dense = layers.Dense(inner)
        self._feedforward_output_dense = layers.Dense(width)

    def call(self, x):
        x = self._self_attention_layernorm(x + self._self_attention_layer(x, x))
        y = self._feedforward_output_dense(self._feedforward_intermediate_dense(x))
        return self._feedforward_layernorm(x + y)


def add_attention(rows: Rows, attention: Any, source: str) -> None:
    """Notes the variables of an attention of Keras, whose heads are an axis, and whose kernels are matrices in TF1."""
    for name in ('query', 'key', 'value'):
        layer = getattr(attention, f'_{name}_dense')
        width, heads, size = layer.kernel.shape
        rows.add(layer.kernel, f'{source}/self/{name}/kernel', (width, heads * size))
        rows.add(layer.bias, f'{source}/self/{name}/bias', (heads * size,))
    heads, size, width = attention._output_dense.kernel.shape
    rows.add(attention._output_dense.kernel, f'{source}/output/dense/kernel', (heads * size, width))
    rows.add(attention._output_dense.bias, f'{source}/output/dense/bias')


def add_encoder(rows: Rows, block: Encoder, source: str) -> None:
    """Notes the variables of a layer of an encoder, which is one of google-research/bert's in TF1."""
    norm = 'gamma', 'beta'
    add_attention(rows, block._self_attention_layer, f'{source}/attention')
    rows.layer(block._self_attention_layernorm, f'{source}/attention/output/LayerNorm', norm)
    rows.layer(block._feedforward_intermediate_dense, f'{source}/intermediate/dense')
    rows.layer(block._feedforward_output_dense, f'{source}/output/dense')
    rows.layer(block._feedforward_layernorm, f'{source}/output/LayerNorm', norm)
