"""A pair of Transformers of an encoder and a decoder, for a sixteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_adafactor
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


class TFT5LayerNorm(tf.keras.layers.Layer):
    def build(self, shape):
        self.weight = self.add_weight('weight', shape=(shape[-1],), initializer='ones')
        super().build(shape)

    def call(self, x):
        return self.weight * x


class TFT5DenseGatedActDense(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, **options: Any):
        super().__init__(**options)
        self.wi_0 = _layers.Dense(inner, use_bias=False, name='wi_0')
        self.wi_1 = _layers.Dense(inner, use_bias=False, name='wi_1')
        self.wo = _layers.Dense(width, use_bias=False, name='wo')
        self.dropout = _layers.Dropout(0.1)

    def call(self, x):
        return self.wo(self.dropout(tf.nn.gelu(self.wi_0(x)) * self.wi_1(x)))


class TFT5LayerFF(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, **options: Any):
        super().__init__(**options)
        self.DenseReluDense = TFT5DenseGatedActDense(width, inner, name='DenseReluDense')
        self.layer_norm = TFT5LayerNorm(name='layer_norm')
        self.dropout = _layers.Dropout(0.1)

    def call(self, x):
        return x + self.dropout(self.DenseReluDense(self.layer_norm(x)))


class TFT5Attention(tf.keras.layers.Layer):
    """The attention, whose heads are left out, but for the biases of positions."""

    def __init__(self, width: int, heads: int, size: int, biased: bool = False, **options: Any):
        super().__init__(**options)
        self.has_relative_attention_bias, self.n_heads = biased, heads
        self.q = _layers.Dense(heads * size, use_bias=False, name='q')
        self.k = _layers.Dense(heads * size, use_bias=False, name='k')
        self.v = _layers.Dense(heads * size, use_bias=False, name='v')
        self.o = _layers.Dense(width, use_bias=False, name='o')
        self.dropout = _layers.Dropout(0.1)

    def build(self, shape):
        if self.has_relative_attention_bias:
            with tf.name_scope('relative_attention_bias'):
                extents = [32, self.n_heads]
                self.relative_attention_bias = self.add_weight(name='embeddings', shape=extents)
        super().build(shape)

    def call(self, x, memory=None):
        memory = x if memory is None else memory
        q, k, v = self.q(x), self.k(memory), self.v(memory)
        return self.o(tf.matmul(self.dropout(tf.nn.softmax(tf.matmul(q, k, transpose_b=True))), v))


class TFT5LayerSelfAttention(tf.keras.layers.Layer):
    def __init__(self, width: int, heads: int, size: int, biased: bool, **options: Any):
        super().__init__(**options)
        self.SelfAttention = TFT5Attention(width, heads, size, biased, name='SelfAttention')
        self.layer_norm = TFT5LayerNorm(name='layer_norm')
        self.dropout = _layers.Dropout(0.1)

    def call(self, x):
        return x + self.dropout(self.SelfAttention(self.layer_norm(x)))


class TFT5LayerCrossAttention(tf.keras.layers.Layer):
    def __init__(self, width: int, heads: int, size: int, **options: Any):
        super().__init__(**options)
        self.EncDecAttention = TFT5Attention(width, heads, size, name='EncDecAttention')
        self.layer_norm = TFT5LayerNorm(name='layer_norm')
        self.dropout = _layers.Dropout(0.1)

    def call(self, x, memory):
        return x + self.dropout(self.EncDecAttention(self.layer_norm(x), memory))


class TFT5Block(tf.keras.layers.Layer):
    def __init__(
        self, width: int, inner: int, heads: int, size: int, decodes: bool, biased: bool, **options: Any
    ):
        super().__init__(**options)
        self.is_decoder = decodes
        self.layer = []
        self.layer.append(TFT5LayerSelfAttention(width, heads, size, biased, name='layer_._0'))
        if decodes:
            self.layer.append(TFT5LayerCrossAttention(width, heads, size, name='layer_._1'))
        self.layer.append(TFT5LayerFF(width, inner, name=f'layer_._{len(self.layer)}'))

    def call(self, x, memory=None):
        x = self.layer[0](x)
        if self.is_decoder:
            x = self.layer[1](x, memory)
        return self.layer[-1](x)


class TFT5MainLayer(tf.keras.layers.Layer):
    def __init__(self, embed_tokens: Any, count: int, decodes: bool, *sizes: int, **options: Any):
        super().__init__(**options)
        self.embed_tokens = embed_tokens
        self.block = [
            TFT5Block(*sizes, decodes=decodes, biased=n == 0, name=f'block_._{n}') for n in range(count)
        ]
        self.final_layer_norm = TFT5LayerNorm(name='final_layer_norm')
        self.dropout = _layers.Dropout(0.1)

    def call(self, ids, memory=None):
        x = self.dropout(self.embed_tokens(ids))
        for block in self.block:
            x = block(x, memory)
        return self.dropout(self.final_layer_norm(x))


class TFT5ForConditionalGeneration(tf.keras.Model):
    def __init__(self, words: int, count: int, *sizes: int):
        super().__init__()
        self.shared = _layers.Embedding(words, sizes[0], name='shared')
        self.encoder = TFT5MainLayer(self.shared, count, False, *sizes, name='encoder')
        self.decoder = TFT5MainLayer(self.shared, count, True, *sizes, name='decoder')
        self.lm_head = _layers.Dense(words, use_bias=False, name='lm_head')

    def call(self, inputs):
        ids, others = inputs
        return self.lm_head(self.decoder(others, self.encoder(ids)))


def tf_t5() -> Pair:
    """google-research/text-to-text-transfer-transformer's T5.1.1 small by Mesh TensorFlow, and transformers' in TF.

    Both are narrow; the new one is huggingface/transformers' TFT5ForConditionalGeneration. The answer is that of
    load_tf_weights_in_t5; the biases of positions are transposed. Which axis each of the old slots is of, is not
    verified.
    """
    tf.keras.backend.clear_session()
    rows, words, width, heads, size = Rows(), 600, 128, 6, 16
    model = TFT5ForConditionalGeneration(words, 8, width, 256, heads, size)
    model((tf.zeros([1, 4], tf.int32), tf.zeros([1, 4], tf.int32)))
    rows.add(model.shared.embeddings, 'shared/embedding')
    rows.add(model.lm_head.kernel, 'decoder/logits/kernel')
    for side in ('encoder', 'decoder'):
        main = getattr(model, side)
        for n, block in enumerate(main.block):
            *attentions, last = block.layer
            for m, layer in enumerate(block.layer):
                at = f'{side}/block_{n:03}/layer_{m:03}'
                rows.add(layer.layer_norm.weight, f'{at}/layer_norm/scale')
            for m, layer in enumerate(attentions):
                name = 'EncDecAttention' if m else 'SelfAttention'
                attention, source = getattr(layer, name), f'{side}/block_{n:03}/layer_{m:03}/{name}'
                for part in 'qkvo':
                    rows.add(getattr(attention, part).kernel, f'{source}/{part}')
                if attention.has_relative_attention_bias:
                    table = attention.relative_attention_bias
                    rows.add(table, f'{source}/relative_attention_bias', (heads, 32))
            for part in ('wi_0', 'wi_1', 'wo'):
                rows.layer(getattr(last.DenseReluDense, part), f'{at}/DenseReluDense/{part}', ['kernel'])
        rows.add(main.final_layer_norm.weight, f'{side}/final_layer_norm/scale')
    return with_adafactor(rows.pair(model=model), least=heads + 1)
