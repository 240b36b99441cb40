"""The layers of the Model Garden's encoders of texts, with the attributes and names that it gives their parts."""

from typing import Any

import tensorflow as tf


class OnDeviceEmbedding(tf.keras.layers.Layer):
    """A table of words or kinds."""

    def __init__(self, count: int, width: int, **options: Any):
        super().__init__(**options)
        self._vocab_size, self._embedding_width = count, width

    def build(self, shape):
        extents = self._vocab_size, self._embedding_width
        self.embeddings = self.add_weight('embeddings', shape=extents, dtype=tf.float32)
        super().build(shape)

    def call(self, ids):
        return tf.gather(self.embeddings, ids)


class PositionEmbedding(tf.keras.layers.Layer):
    """A table of positions."""

    def __init__(self, max_length: int, **options: Any):
        super().__init__(**options)
        self._max_length = max_length

    def build(self, shape):
        self._position_embeddings = self.add_weight('embeddings', shape=[self._max_length, shape[-1]])
        super().build(shape)

    def call(self, x):
        return tf.broadcast_to(self._position_embeddings[: tf.shape(x)[1]], tf.shape(x))


def dense(width: int, name: str, activation: str | None = None) -> tf.keras.layers.EinsumDense:
    """Returns the layer that the blocks have for a dense one."""
    options = {'bias_axes': 'd', 'activation': activation, 'name': name}
    return tf.keras.layers.EinsumDense('abc,cd->abd', output_shape=(None, width), **options)


class TransformerEncoderBlock(tf.keras.layers.Layer):
    """The block, which normalizes after its parts; here without a mask."""

    def __init__(self, heads: int, inner: int, **options: Any):
        super().__init__(**options)
        self._num_heads, self._inner_dim = heads, inner

    def build(self, shape):
        layers, width = tf.keras.layers, shape[-1]
        norm = {'axis': -1, 'epsilon': 1e-12}
        self._attention_layer = layers.MultiHeadAttention(
            self._num_heads, width // self._num_heads, name='self_attention'
        )
        self._attention_dropout = layers.Dropout(0.1)
        self._attention_layer_norm = layers.LayerNormalization(name='self_attention_layer_norm', **norm)
        self._attention_layer_norm_kv = self._attention_layer_norm
        self._intermediate_dense = dense(self._inner_dim, 'intermediate')
        self._intermediate_activation_layer = layers.Activation('gelu')
        self._inner_dropout_layer = layers.Dropout(0.0)
        self._output_dense = dense(width, 'output')
        self._output_dropout = layers.Dropout(0.1)
        self._output_layer_norm = layers.LayerNormalization(name='output_layer_norm', **norm)
        super().build(shape)

    def call(self, x):
        x = self._attention_layer_norm(x + self._attention_dropout(self._attention_layer(query=x, value=x)))
        inner = self._inner_dropout_layer(self._intermediate_activation_layer(self._intermediate_dense(x)))
        return self._output_layer_norm(x + self._output_dropout(self._output_dense(inner)))
