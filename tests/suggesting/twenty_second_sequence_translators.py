"""Pairs of translators, for the twenty-second blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair, Shapes

_layers = tf.keras.layers
_NORM = ('gamma', 'beta')


class PositionalEmbedding(tf.keras.layers.Layer):
    """The embedding, without the places, which have no variables."""

    def __init__(self, words: int, width: int):
        super().__init__()
        self.d_model = width
        self.embedding = _layers.Embedding(words, width, mask_zero=True)

    def call(self, x):
        return self.embedding(x) * self.d_model**0.5


class BaseAttention(tf.keras.layers.Layer):
    def __init__(self, **options: Any):
        super().__init__()
        self.mha = _layers.MultiHeadAttention(**options)
        self.layernorm = _layers.LayerNormalization()
        self.add = _layers.Add()


class CrossAttention(BaseAttention):
    def call(self, x, context):
        return self.layernorm(self.add([x, self.mha(query=x, key=context, value=context)]))


class GlobalSelfAttention(BaseAttention):
    def call(self, x):
        return self.layernorm(self.add([x, self.mha(query=x, value=x, key=x)]))


class CausalSelfAttention(BaseAttention):
    def call(self, x):
        return self.layernorm(self.add([x, self.mha(query=x, value=x, key=x, use_causal_mask=True)]))


class FeedForward(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, dropout: float = 0.1):
        super().__init__()
        self.seq = tf.keras.Sequential(
            [_layers.Dense(inner, activation='relu'), _layers.Dense(width), _layers.Dropout(dropout)]
        )
        self.add = _layers.Add()
        self.layer_norm = _layers.LayerNormalization()

    def call(self, x):
        return self.layer_norm(self.add([x, self.seq(x)]))


class EncoderLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, **options: Any):
        super().__init__()
        self.self_attention = GlobalSelfAttention(**options)
        self.ffn = FeedForward(width, inner)

    def call(self, x):
        return self.ffn(self.self_attention(x))


class Encoder(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int, inner: int, count: int, **options: Any):
        super().__init__()
        self.pos_embedding = PositionalEmbedding(words, width)
        self.enc_layers = [EncoderLayer(width, inner, **options) for _ in range(count)]
        self.dropout = _layers.Dropout(0.1)

    def call(self, x):
        x = self.dropout(self.pos_embedding(x))
        for layer in self.enc_layers:
            x = layer(x)
        return x


class DecoderLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, **options: Any):
        super().__init__()
        self.causal_self_attention = CausalSelfAttention(**options)
        self.cross_attention = CrossAttention(**options)
        self.ffn = FeedForward(width, inner)

    def call(self, x, context):
        x = self.causal_self_attention(x=x)
        return self.ffn(self.cross_attention(x=x, context=context))


class Decoder(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int, inner: int, count: int, **options: Any):
        super().__init__()
        self.pos_embedding = PositionalEmbedding(words, width)
        self.dropout = _layers.Dropout(0.1)
        self.dec_layers = [DecoderLayer(width, inner, **options) for _ in range(count)]

    def call(self, x, context):
        x = self.dropout(self.pos_embedding(x))
        for layer in self.dec_layers:
            x = layer(x, context)
        return x


class Transformer(tf.keras.Model):
    def __init__(self, words: tuple[int, int], width: int, inner: int, count: int, **options: Any):
        super().__init__()
        self.encoder = Encoder(words[0], width, inner, count, **options)
        self.decoder = Decoder(words[1], width, inner, count, **options)
        self.final_layer = _layers.Dense(words[1])

    def call(self, inputs):
        context, x = inputs
        return self.final_layer(self.decoder(x, self.encoder(context)))


def _attend(rows: Rows, attention: BaseAttention, source: str, norm: str) -> None:
    """Notes an attention, whose heads are an axis in the new one, and the norm after it."""
    mha = attention.mha
    for end, layer in (('', mha._query_dense), ('_1', mha._key_dense), ('_2', mha._value_dense)):
        width, *heads = layer.kernel.shape
        rows.add(layer.kernel, f'{source}/dense{end}/kernel', (width, heads[0] * heads[1]))
    output = mha._output_dense
    heads, size, width = output.kernel.shape
    rows.add(output.kernel, f'{source}/dense_3/kernel', (heads * size, width))
    rows.add(output.bias, f'{source}/dense_3/bias')
    rows.layer(attention.layernorm, f'{norm}/LayerNorm', _NORM)


def _feed(rows: Rows, network: FeedForward, at: str, number: int) -> None:
    for end, layer in zip(('', '_1'), network.seq.layers, strict=False):
        rows.layer(layer, f'{at}/feed-forward/dense{end}')
    rows.layer(network.layer_norm, f'{at}/add-and-norm-{number}/LayerNorm', _NORM)


def vietnamese() -> Pair:
    """DongjunLee/transformer-tensorflow for English to Vietnamese as it is trained, and tensorflow/text's Transformer.

    The old one has the sizes of config/iwslt15-en-vi.yml, the new one, of docs/tutorials/transformer.ipynb, too, by its
    arguments, but for its heads, each of which the tutorial takes as wide as the model. Both normalize after each part.
    Only the new one has biases for queries, keys and values. The optimizer is that of optimize_loss, which keeps its
    rate by memory. The counts of words are not those of the data.
    """
    tf.keras.backend.clear_session()
    rows, words, width, inner, count, heads, size = Rows(), (17191, 7709), 256, 512, 3, 4, 8
    model = Transformer(words, width, inner, count, num_heads=heads, key_dim=size, dropout=0.1)
    model((tf.ones([1, 4], tf.int32), tf.ones([1, 5], tf.int32)))
    for side, part in (('encoder', model.encoder), ('decoder', model.decoder)):
        rows.add(part.pos_embedding.embedding.embeddings, f'Embeddings/embedding_{side}')
    for n, layer in enumerate(model.encoder.enc_layers, 1):
        at = f'Encoder/layer-{n}'
        _attend(rows, layer.self_attention, f'{at}/self-attention', f'{at}/add-and-norm-1')
        _feed(rows, layer.ffn, at, 2)
    for n, layer in enumerate(model.decoder.dec_layers, 1):
        at = f'Decoder/layer-{n}'
        _attend(rows, layer.causal_self_attention, f'{at}/masked-self-attention', f'{at}/add-and-norm-1')
        _attend(rows, layer.cross_attention, f'{at}/encoder-decoder-attention', f'{at}/add-and-norm-2')
        _feed(rows, layer.ffn, at, 3)
    rows.layer(model.final_layer, 'Output/dense')
    steps: Shapes = {'global_step': ()}
    steps |= {f'train_op/{name}': () for name in ('beta1_power', 'beta2_power', 'learning_rate')}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', prefix='train_op/', others=steps)
