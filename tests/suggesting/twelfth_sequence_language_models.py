"""Pairs of language models, for a twelfth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, built, with_slots
from tests.suggesting.known_pairs import Pair

_NORM = ('gamma', 'beta')


class MultiHeadAttention(tf.keras.layers.Layer):
    def __init__(self, width: int, heads: int):
        super().__init__()
        layers = tf.keras.layers
        self.num_heads, self.d_model, self.depth = heads, width, width // heads
        self.wq = layers.Dense(width, name='query')
        self.wk = layers.Dense(width, name='key')
        self.wv = layers.Dense(width, name='value')
        self.attn_drop = layers.Dropout(0.1)
        self.resid_drop = layers.Dropout(0.1)
        self.dense = layers.Dense(width, name='projection')

    def call(self, x):
        size = tf.shape(x)[0]

        def split(y):
            return tf.transpose(tf.reshape(y, [size, -1, self.num_heads, self.depth]), [0, 2, 1, 3])

        q, k, v = split(self.wq(x)), split(self.wk(x)), split(self.wv(x))
        weights = self.attn_drop(tf.nn.softmax(tf.matmul(q, k, transpose_b=True) / self.depth**0.5))
        y = tf.transpose(tf.matmul(weights, v), [0, 2, 1, 3])
        return self.resid_drop(self.dense(tf.reshape(y, [size, -1, self.d_model])))


class EncoderLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, heads: int):
        super().__init__()
        layers = tf.keras.layers
        self.mha = MultiHeadAttention(width, heads)
        self.ffn = tf.keras.Sequential(
            [layers.Dense(4 * width, activation='gelu'), layers.Dense(width), layers.Dropout(0.1)]
        )
        self.layernorm1 = layers.LayerNormalization(epsilon=1e-5)
        self.layernorm2 = layers.LayerNormalization(epsilon=1e-5)

    def call(self, x):
        x = x + self.mha(self.layernorm1(x))
        return x + self.ffn(self.layernorm2(x))


class GPT(tf.keras.Model):
    def __init__(self, words: int, places: int, width: int, heads: int, count: int):
        super().__init__()
        layers = tf.keras.layers
        self.tok_emb = layers.Embedding(words, width)
        self.pos_emb = self.add_weight('position_embeddings', shape=[places, width], initializer='zeros')
        self.drop = layers.Dropout(0.1)
        self.blocks = [EncoderLayer(width, heads) for _ in range(count)]
        self.ln_f = layers.LayerNormalization(epsilon=1e-5)
        self.head = layers.Dense(words, use_bias=False)

    def call(self, ids):
        x = self.drop(self.tok_emb(ids) + self.pos_emb[None, : tf.shape(ids)[1]])
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln_f(x))


def min_gpt() -> Pair:
    """openai/gpt-2's smallest as it is released, narrow, and kamalkraj/minGPT-TF's GPT of the same widths.

    The three matrices of the new attention are parts of one of the old. The new one's outputs have a matrix of their
    own, which is that of the old words, transposed. The mask, which has no variables, is left out.
    """
    tf.keras.backend.clear_session()
    rows, width, words, places = Rows(), 96, 500, 128
    model = GPT(words, places, width, 12, 12)
    model(tf.zeros([1, 4], tf.int32))

    def norm(layer: Any, source: str) -> None:
        rows.layer(layer, source, _NORM, gamma='g', beta='b')

    def dense(layer: Any, source: str) -> None:
        rows.add(layer.kernel, f'{source}/w', (1, *layer.kernel.shape))
        rows.add(layer.bias, f'{source}/b')

    rows.add(model.tok_emb.embeddings, 'model/wte')
    rows.add(model.head.kernel, 'model/wte', (words, width))
    rows.add(model.pos_emb, 'model/wpe')
    for n, block in enumerate(model.blocks):
        at, attention = f'model/h{n}', block.mha
        norm(block.layernorm1, f'{at}/ln_1')
        for layer in (attention.wq, attention.wk, attention.wv):
            rows.add(layer.kernel, f'{at}/attn/c_attn/w', (1, width, 3 * width))
            rows.add(layer.bias, f'{at}/attn/c_attn/b', (3 * width,))
        dense(attention.dense, f'{at}/attn/c_proj')
        norm(block.layernorm2, f'{at}/ln_2')
        dense(block.ffn.layers[0], f'{at}/mlp/c_fc')
        dense(block.ffn.layers[1], f'{at}/mlp/c_proj')
    norm(model.ln_f, 'model/ln_f')
    return rows.pair(model=model)


class TwoStreamRelativeAttention(tf.keras.layers.Layer):
    """What the attention has of layers; here it attends by the content alone."""

    def __init__(self, heads: int, depth: int, **options: Any):
        super().__init__(**options)
        self._num_heads, self._key_dim = heads, depth

    def build(self, shape):
        width, split = shape[-1], (None, self._num_heads, self._key_dim)

        def project(name: str) -> tf.keras.layers.EinsumDense:
            return built(tf.keras.layers.EinsumDense('abc,cde->abde', split, name=name), None, width)

        self._query_dense = project('query')
        self._key_dense = project('key')
        self._value_dense = project('value')
        output = tf.keras.layers.EinsumDense('ibnd,hnd->ibh', (None, width), name='attention_output')
        self._output_dense = built(output, None, *split[1:])
        self._encoding_dense = project('encoding')
        super().build(shape)

    def call(self, x):
        weights = tf.nn.softmax(tf.einsum('abcd,aecd->acbe', self._query_dense(x), self._key_dense(x)))
        return self._output_dense(tf.einsum('acbe,aecd->abcd', weights, self._value_dense(x)))


class XLNetEncoder(tf.keras.layers.Layer):
    def __init__(self, heads: int, width: int, inner: int, **options: Any):
        super().__init__(**options)
        self.num_heads, self.hidden_dim, self.intermediate_dim = heads, width, inner

    def build(self, shape):
        layers, width = tf.keras.layers, self.hidden_dim
        split, inner = (self.num_heads, width // self.num_heads), self.intermediate_dim
        self.relative_attention = built(TwoStreamRelativeAttention(*split, name='rel_attn'), None, width)
        norm = layers.LayerNormalization(epsilon=1e-12, name='layer_norm_rel_attn')
        self.layer_norm = built(norm, None, width)
        self.dropout_attn = layers.Dropout(0.0)
        norm = layers.LayerNormalization(epsilon=1e-12, name='layer_norm_ff')
        self.layer_norm_ff = built(norm, None, width)
        dense = layers.Dense(inner, name='feedforward_intermediate_dense')
        self.feedforward_intermediate_dense = built(dense, None, width)
        dense = layers.Dense(width, name='feedforward_output_dense')
        self.feedforward_output_dense = built(dense, None, inner)
        self.dropout_ff = layers.Dropout(0.0)
        self.content_attention_bias = self.add_weight('content_attention_bias', split)
        self.positional_attention_bias = self.add_weight('positional_attention_bias', split)
        self.segment_attention_bias = self.add_weight('segment_attention_bias', split)
        self.segment_encoding = self.add_weight('segment_encoding', (2, *split))
        super().build(shape)

    def call(self, x):
        x = self.layer_norm(x + self.dropout_attn(self.relative_attention(x)))
        y = self.dropout_ff(tf.nn.gelu(self.feedforward_intermediate_dense(x)))
        return self.layer_norm_ff(self.dropout_ff(self.feedforward_output_dense(y)) + x)


class _MaskLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.hidden_dim = width

    def build(self, shape):
        self.mask_emb = self.add_weight('mask_emb', (1, 1, self.hidden_dim))
        super().build(shape)

    def call(self, mask):
        return tf.cast(mask, tf.float32)[..., None]


class ContentAndQueryEmbedding(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int, **options: Any):
        super().__init__(**options)
        self.vocabulary_size, self.hidden_dim = words, width

    def build(self, shape):
        words = tf.keras.layers.Embedding(self.vocabulary_size, self.hidden_dim, name='word_embedding')
        self.word_embed = built(words, None)
        self.dropout_layer = tf.keras.layers.Dropout(0.0)
        super().build(shape)

    def call(self, ids):
        return self.dropout_layer(self.word_embed(ids))


class XLNetBackbone(tf.keras.Model):
    """The functional model, which keeps its layers under attributes besides."""

    def __init__(self, words: int, count: int, heads: int, width: int, inner: int):
        layers = tf.keras.layers
        embedding = ContentAndQueryEmbedding(words, width, name='content_query_embedding')
        masks = _MaskLayer(width, name='encoder_block_attn_mask_layer')
        blocks = [XLNetEncoder(heads, width, inner, name=f'xlnet_encoder_{n}') for n in range(count)]
        ids = layers.Input([None], dtype='int32', name='token_ids')
        mask = layers.Input([None], dtype='int32', name='padding_mask')
        segments = layers.Input([None], dtype='int32', name='segment_ids')
        x, content = embedding(ids), masks(mask)
        x = x * content
        for block in blocks:
            x = block(x)
        dropout = layers.Dropout(0.0, name='dropout')
        inputs = {'token_ids': ids, 'padding_mask': mask, 'segment_ids': segments}
        super().__init__(inputs=inputs, outputs=dropout(x))
        self.content_query_embedding, self.attn_mask_layer = embedding, masks
        self.transformer_layers, self.dropout = blocks, dropout


def keras_hub_xlnet() -> Pair:
    """zihangdai/xlnet of 12 layers as run_classifier.py tunes it for IMDB, narrow, and keras-hub's XLNetBackbone.

    The new layers have biases and segments of their own, of which the old one has those of all layers in one tensor, so
    that they have no source here. The old one is tuned without a second stream, and has no embedding of masks, but has
    heads besides. The new one tracks its layers here after those of the functional model, and computes less.
    """
    tf.keras.backend.clear_session()
    rows, words, count, heads, width = Rows(), 400, 12, 6, 96
    depth = width // heads
    model = XLNetBackbone(words, count, heads, width, 4 * width)
    root = 'model/transformer'
    rows.add(model.content_query_embedding.word_embed.embeddings, f'{root}/word_embedding/lookup_table')
    for n, block in enumerate(model.transformer_layers):
        at, attention = f'{root}/layer_{n}', block.relative_attention
        kinds = {'q': 'query', 'k': 'key', 'v': 'value', 'r': 'encoding', 'o': 'output'}
        for short, kind in kinds.items():
            rows.add(getattr(attention, f'_{kind}_dense').kernel, f'{at}/rel_attn/{short}/kernel')
        rows.layer(block.layer_norm, f'{at}/rel_attn/LayerNorm', _NORM)
        rows.layer(block.feedforward_intermediate_dense, f'{at}/ff/layer_1')
        rows.layer(block.feedforward_output_dense, f'{at}/ff/layer_2')
        rows.layer(block.layer_norm_ff, f'{at}/ff/LayerNorm', _NORM)
    others = {f'{root}/r_{part}_bias': (count, heads, depth) for part in 'wrs'}
    others |= {
        f'{root}/seg_embed': (count, 2, heads, depth),
        'model/sequnece_summary/summary/kernel': (width, width),
        'model/sequnece_summary/summary/bias': (width,),
        'model/classification_imdb/logit/kernel': (width, 2),
        'model/classification_imdb/logit/bias': (2,),
    }
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)
