"""A pair of language models that remember, for a seventeenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

_NORM = ('gamma', 'beta')
_layers = tf.keras.layers


class TFPositionwiseFF(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, **options: Any):
        super().__init__(**options)
        self.layer_1 = _layers.Dense(inner, activation='relu', name='CoreNet_._0')
        self.drop_1 = _layers.Dropout(0.1)
        self.layer_2 = _layers.Dense(width, name='CoreNet_._3')
        self.drop_2 = _layers.Dropout(0.1)
        self.layer_norm = _layers.LayerNormalization(epsilon=1e-5, name='layer_norm')

    def call(self, x):
        y = self.drop_2(self.layer_2(self.drop_1(self.layer_1(x))))
        return self.layer_norm(x + y)


class TFRelPartialLearnableMultiHeadAttn(tf.keras.layers.Layer):
    """The attention; how it shifts, and what it remembers, is left out."""

    def __init__(self, width: int, heads: int, **options: Any):
        super().__init__(**options)
        self.n_head, self.d_head = heads, width // heads
        self.qkv_net = _layers.Dense(3 * width, use_bias=False, name='qkv_net')
        self.drop = _layers.Dropout(0.1)
        self.dropatt = _layers.Dropout(0.0)
        self.o_net = _layers.Dense(width, use_bias=False, name='o_net')
        self.layer_norm = _layers.LayerNormalization(epsilon=1e-5, name='layer_norm')
        self.r_net = _layers.Dense(width, use_bias=False, name='r_net')

    def build(self, shape):
        split = self.n_head, self.d_head
        self.r_r_bias = self.add_weight(shape=split, initializer='zeros', name='r_r_bias')
        self.r_w_bias = self.add_weight(shape=split, initializer='zeros', name='r_w_bias')
        super().build(shape)

    def call(self, x, places):
        q, k, v = tf.split(self.qkv_net(x), 3, axis=-1)
        flat = [-1]
        content = tf.matmul(q + tf.reshape(self.r_w_bias, flat), k, transpose_b=True)
        scores = content + tf.matmul(
            q + tf.reshape(self.r_r_bias, flat), self.r_net(places), transpose_b=True
        )
        return self.layer_norm(x + self.drop(self.o_net(self.dropatt(tf.nn.softmax(scores)) @ v)))


class TFRelPartialLearnableDecoderLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, heads: int, inner: int, **options: Any):
        super().__init__(**options)
        self.dec_attn = TFRelPartialLearnableMultiHeadAttn(width, heads, name='dec_attn')
        self.pos_ff = TFPositionwiseFF(width, inner, name='pos_ff')

    def call(self, x, places):
        return self.pos_ff(self.dec_attn(x, places))


class TFTransfoEmbeddings(tf.keras.layers.Layer):
    def __init__(self, count: int, width: int, **options: Any):
        super().__init__(**options)
        self.vocab_size, self.emb_size = count, width

    def build(self, shape):
        self.weight = self.add_weight(shape=(self.vocab_size, self.emb_size), name='embeddings')
        super().build(shape)

    def call(self, ids):
        return tf.gather(self.weight, ids)


class TFAdaptiveEmbedding(tf.keras.layers.Layer):
    """The tables, each of which is a quarter as wide as the one before; here all are looked up for all words."""

    def __init__(self, counts: list[int], width: int, **options: Any):
        super().__init__(**options)
        self.d_embed, self.emb_layers, self.emb_projs = width, [], []
        for n, count in enumerate(counts):
            table = TFTransfoEmbeddings(count, width // 4**n, name=f'emb_layers_._{n}')
            self.emb_layers.append(table)

    def build(self, shape):
        for n in range(len(self.emb_layers)):
            extents = self.d_embed // 4**n, self.d_embed
            self.emb_projs.append(self.add_weight(shape=extents, name=f'emb_projs_._{n}'))
        super().build(shape)

    def call(self, ids):
        tables = zip(self.emb_layers, self.emb_projs, strict=True)
        return tf.add_n([table(ids) @ matrix for table, matrix in tables])


class TFTransfoXLMainLayer(tf.keras.layers.Layer):
    def __init__(self, counts: list[int], width: int, heads: int, inner: int, blocks: int, **options: Any):
        super().__init__(**options)
        self.word_emb = TFAdaptiveEmbedding(counts, width, name='word_emb')
        self.drop = _layers.Dropout(0.1)
        self.layers = []
        for n in range(blocks):
            layer = TFRelPartialLearnableDecoderLayer(width, heads, inner, name=f'layers_._{n}')
            self.layers.append(layer)

    def call(self, ids):
        x = self.drop(self.word_emb(ids))
        places = self.drop(tf.zeros_like(x))
        for layer in self.layers:
            x = layer(x, places)
        return self.drop(x)


class TFAdaptiveSoftmaxMask(tf.keras.layers.Layer):
    def __init__(self, counts: list[int], width: int, **options: Any):
        super().__init__(**options)
        self.counts, self.d_embed, self.out_layers, self.out_projs = counts, width, [], []

    def build(self, shape):
        clusters, width = len(self.counts) - 1, self.d_embed
        self.cluster_weight = self.add_weight(shape=(clusters, width), name='cluster_weight')
        self.cluster_bias = self.add_weight(shape=(clusters,), name='cluster_bias')
        for n, count in enumerate(self.counts):
            narrow = width // 4**n
            self.out_projs.append(self.add_weight(shape=(narrow, width), name=f'out_projs_._{n}'))
            weight = self.add_weight(shape=(count, narrow), name=f'out_layers_._{n}_._weight')
            bias = self.add_weight(shape=(count,), name=f'out_layers_._{n}_._bias')
            self.out_layers.append((weight, bias))
        super().build(shape)

    def call(self, x):
        logits = []
        for (weight, bias), matrix in zip(self.out_layers, self.out_projs, strict=True):
            inner = tf.matmul(x, matrix, transpose_b=True)
            logits.append(tf.matmul(inner, weight, transpose_b=True) + bias)
        return tf.concat(logits, axis=-1)


class TFTransfoXLLMHeadModel(tf.keras.Model):
    def __init__(self, counts: list[int], width: int, *sizes: int):
        super().__init__()
        self.transformer = TFTransfoXLMainLayer(counts, width, *sizes, name='transformer')
        self.crit = TFAdaptiveSoftmaxMask(counts, width, name='crit')

    def call(self, ids):
        return self.crit(self.transformer(ids))


def tf_transformer_xl() -> Pair:
    """kimiyoung/transformer-xl for WikiText-103 as train_gpu.py trains it, narrow, and transformers' TFTransfoXL.

    The new one is huggingface/transformers' TFTransfoXLLMHeadModel. Each new layer has its part of the old biases,
    which have no targets therefore. The old one gives words and outputs the same tables, and the same matrices but the
    first, of all of which the new one has two.
    """
    tf.keras.backend.clear_session()
    rows, blocks, counts, width, heads = Rows(), 6, [40, 80, 240, 400], 256, 16
    model = TFTransfoXLLMHeadModel(counts, width, heads, 4 * width, blocks)
    model(tf.zeros([1, 4], tf.int32))
    main, head, softmax = model.transformer, model.crit, 'transformer/adaptive_softmax'
    for n in range(len(counts)):
        weight, bias = head.out_layers[n]
        at = f'transformer/adaptive_embed/cutoff_{n}'
        for table in (main.word_emb.emb_layers[n].weight, weight):
            rows.add(table, f'{at}/lookup_table')
        rows.add(main.word_emb.emb_projs[n], f'{at}/proj_W')
        rows.add(head.out_projs[n], f'{at}/proj_W' if n else f'{softmax}/cutoff_0/proj')
        rows.add(bias, f'{softmax}/cutoff_{n}/b')
    rows.add(head.cluster_weight, f'{softmax}/cutoff_0/cluster_W')
    rows.add(head.cluster_bias, f'{softmax}/cutoff_0/cluster_b')
    for n, layer in enumerate(main.layers):
        at, attention = f'transformer/layer_{n}', layer.dec_attn
        for part, source in (('qkv_net', 'qkv'), ('o_net', 'o'), ('r_net', 'r')):
            rows.layer(getattr(attention, part), f'{at}/rel_attn/{source}', ['kernel'])
        rows.layer(attention.layer_norm, f'{at}/rel_attn/LayerNorm', _NORM)
        for m in (1, 2):
            rows.layer(getattr(layer.pos_ff, f'layer_{m}'), f'{at}/ff/layer_{m}')
        rows.layer(layer.pos_ff.layer_norm, f'{at}/ff/LayerNorm', _NORM)
    split = blocks, heads, width // heads
    others = {f'transformer/r_{part}_bias': split for part in 'wr'}
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)
