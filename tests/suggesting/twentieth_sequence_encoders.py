"""Pairs of encoders of texts, for the twentieth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.keras_nlp_layers import Encoder, Positions, add_encoder
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers
_NORM = ('gamma', 'beta')
_MOMENTS = ('adam_m', 'adam_v')


class EmbeddingLookup(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int, **options: Any):
        super().__init__(**options)
        self.n_token, self.d_embed = words, width

    def build(self, shape):
        self.lookup_table = self.add_weight('lookup_table', shape=[self.n_token, self.d_embed])
        super().build(shape)

    def call(self, ids):
        return tf.gather(self.lookup_table, ids)


class RelativeMultiheadAttention(tf.keras.layers.Layer):
    """The attention of official/nlp/xlnet, here without places, segments and their biases in its scores."""

    def __init__(self, width: int, heads: int, **options: Any):
        super().__init__(**options)
        self.d_model, self.n_head, self.d_head = width, heads, width // heads

    def build(self, shape):
        self.output_layer_norm = _layers.LayerNormalization(name='LayerNorm', axis=-1, epsilon=1e-12)
        extents = [self.d_model, self.n_head, self.d_head]
        self.kh_projection_layer = self.add_weight('k/kernel', shape=extents)
        self.vh_projection_layer = self.add_weight('v/kernel', shape=extents)
        self.kr_projection_layer = self.add_weight('r/kernel', shape=extents)
        self.qh_projection_layer = self.add_weight('q/kernel', shape=extents)
        self.proj_o = self.add_weight('o/kernel', shape=extents)
        self.attention_dropout = _layers.Dropout(0.1)
        super().build(shape)

    def call(self, h):
        query = tf.einsum('ibh,hnd->ibnd', h, self.qh_projection_layer)
        key = tf.einsum('ibh,hnd->ibnd', h, self.kh_projection_layer + self.kr_projection_layer)
        value = tf.einsum('ibh,hnd->ibnd', h, self.vh_projection_layer)
        weights = tf.nn.softmax(tf.einsum('ibnd,jbnd->ijbn', query, key), 1)
        x = tf.einsum('ijbn,jbnd->ibnd', weights, value)
        return self.output_layer_norm(self.attention_dropout(tf.einsum('ibnd,hnd->ibh', x, self.proj_o)) + h)


class PositionwiseFF(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, **options: Any):
        super().__init__(**options)
        self.d_model, self.d_inner = width, inner

    def build(self, shape):
        self.inner_projection_layer = _layers.Dense(self.d_inner, activation='gelu', name='layer_1')
        self.output_projection_layer = _layers.Dense(self.d_model, name='layer_2')
        self.output_dropout = _layers.Dropout(0.1, name='drop_2')
        self.output_layer_norm = _layers.LayerNormalization(name='LayerNorm', axis=-1, epsilon=1e-12)
        super().build(shape)

    def call(self, x):
        y = self.output_dropout(self.output_projection_layer(self.inner_projection_layer(x)))
        return self.output_layer_norm(y + x)


class TransformerXLModel(tf.keras.layers.Layer):
    def __init__(self, words: int, count: int, heads: int, width: int, **options: Any):
        super().__init__(**options)
        self.n_token, self.n_layer, self.n_head, self.d_model = words, count, heads, width

    def build(self, shape):
        words, width, heads = self.n_token, self.d_model, self.n_head
        self.embedding_lookup = EmbeddingLookup(words, width, name='word_embedding')
        self.h_dropout, self.g_dropout = _layers.Dropout(0.1), _layers.Dropout(0.1)
        extents = [self.n_layer, heads, width // heads]
        self.r_w_bias = self.add_weight('r_w_bias', shape=extents)
        self.r_r_bias = self.add_weight('r_r_bias', shape=extents)
        self.r_s_bias = self.add_weight('r_s_bias', shape=extents)
        self.seg_embed = self.add_weight('seg_embed', shape=[self.n_layer, 2, heads, width // heads])
        self.mask_emb = self.add_weight('mask_emb/mask_emb', shape=[1, 1, width])
        self.emb_dropout = _layers.Dropout(0.1)
        self.rel_multihead_layers, self.h_positionwise_ffn_layers = [], []
        for n in range(self.n_layer):
            attention = RelativeMultiheadAttention(width, heads, name=f'layer_{n}/rel_attn')
            self.rel_multihead_layers.append(attention)
            self.h_positionwise_ffn_layers.append(PositionwiseFF(width, 4 * width, name=f'layer_{n}/ff'))
        self.output_dropout = _layers.Dropout(0.1)
        super().build(shape)

    def call(self, ids):
        x = self.h_dropout(self.embedding_lookup(ids))
        for attention, network in zip(self.rel_multihead_layers, self.h_positionwise_ffn_layers, strict=True):
            x = network(attention(x))
        return x


class Summarization(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.d_model = width

    def build(self, shape):
        self.proj_layer = _layers.Dense(self.d_model, activation='tanh', name='summary')
        self.dropout_layer = _layers.Dropout(0.1)
        super().build(shape)

    def call(self, x):
        return self.dropout_layer(self.proj_layer(x[-1]))


class ClassificationLossLayer(tf.keras.layers.Layer):
    def __init__(self, classes: int, **options: Any):
        super().__init__(**options)
        self.n_class = classes

    def build(self, shape):
        self.proj_layer = _layers.Dense(self.n_class, name='logit')
        super().build(shape)

    def call(self, x):
        return self.proj_layer(x)


class ClassificationXLNetModel(tf.keras.Model):
    def __init__(self, words: int, count: int, heads: int, width: int, classes: int):
        super().__init__()
        self.transformerxl_model = TransformerXLModel(words, count, heads, width, name='transformer')
        self.summarization_layer = Summarization(width, name='sequence_summary')
        self.cl_loss_layer = ClassificationLossLayer(classes, name='classification')

    def call(self, ids):
        x = self.transformerxl_model(tf.transpose(ids))
        return self.cl_loss_layer(self.summarization_layer(x))


def classification_xlnet() -> Pair:
    """zihangdai/xlnet of 12 layers as train.py pretrains it, narrow, and the first XLNet of tensorflow/models for TF 2.

    The new one is the ClassificationXLNetModel of its official/nlp/xlnet of 2019, with TransformerXLModel, which keeps
    the names of the old one within a layer, and an embedding of masks that it does not use. Only it has a summary and
    classes, only the old one a bias of the outputs. The places and segments of the new one are left out.
    """
    tf.keras.backend.clear_session()
    rows, words, count, heads, width = Rows(), 400, 12, 6, 96
    model = ClassificationXLNetModel(words, count, heads, width, 2)
    model(tf.zeros([1, 4], tf.int32))
    main, root = model.transformerxl_model, 'model/transformer'
    rows.add(main.embedding_lookup.lookup_table, f'{root}/word_embedding/lookup_table')
    for name in ('r_w_bias', 'r_r_bias', 'r_s_bias', 'seg_embed'):
        rows.add(getattr(main, name), f'{root}/{name}')
    rows.add(main.mask_emb, f'{root}/mask_emb/mask_emb')
    for n, (attention, network) in enumerate(
        zip(main.rel_multihead_layers, main.h_positionwise_ffn_layers, strict=True)
    ):
        at = f'{root}/layer_{n}'
        for short, name in (('q', 'qh'), ('k', 'kh'), ('v', 'vh'), ('r', 'kr')):
            rows.add(getattr(attention, f'{name}_projection_layer'), f'{at}/rel_attn/{short}/kernel')
        rows.add(attention.proj_o, f'{at}/rel_attn/o/kernel')
        rows.layer(attention.output_layer_norm, f'{at}/rel_attn/LayerNorm', _NORM)
        rows.layer(network.inner_projection_layer, f'{at}/ff/layer_1')
        rows.layer(network.output_projection_layer, f'{at}/ff/layer_2')
        rows.layer(network.output_layer_norm, f'{at}/ff/LayerNorm', _NORM)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    pair = rows.pair({'model/lm_loss/bias': (words,)}, model=model)
    return with_slots(pair, 'Adam', 'Adam_1', others=steps)


class TokenAndPositionEmbedding(tf.keras.layers.Layer):
    """The layer of KerasNLP."""

    def __init__(self, words: int, places: int, width: int, **options: Any):
        super().__init__(**options)
        self.token_embedding = _layers.Embedding(words, width)
        self.position_embedding = Positions(places, 'position_embedding')

    def call(self, ids):
        x = self.token_embedding(ids)
        return x + self.position_embedding(x)


class MaskedLMHead(tf.keras.layers.Layer):
    """The head of KerasNLP, whose matrix is the table of words; it sees the words at some places."""

    def __init__(self, table: tf.Variable, **options: Any):
        super().__init__(**options)
        self.embedding_weights = table

    def build(self, shape):
        self._dense = _layers.Dense(shape[-1], activation='relu')
        self._layer_norm = _layers.LayerNormalization(epsilon=1e-5)
        self._bias = self.add_weight('output_bias', shape=[self.embedding_weights.shape[0]])
        super().build(shape)

    def call(self, x, mask_positions):
        x = tf.gather(x, mask_positions, axis=1, batch_dims=1)
        x = self._layer_norm(self._dense(x))
        return tf.nn.softmax(tf.matmul(x, self.embedding_weights, transpose_b=True) + self._bias)


def transformer_pretraining() -> Pair:
    """google-research/bert's base as run_pretraining.py trains it, narrow, and keras-io's transformer_pretraining.

    The new one is that of keras-team/keras-io's guides/keras_nlp, with the count and the widths of layers and places
    of the old in its settings; it has no kinds of tokens and no pooler. Its encoder is a model of its own, and its
    layers are those of KerasNLP of 2022.
    """
    tf.keras.backend.clear_session()
    rows, words, places, width, count = Rows(), 1000, 512, 96, 12
    inputs = _layers.Input([places], dtype='int32')
    table = TokenAndPositionEmbedding(words, places, width)
    norm = _layers.LayerNormalization(epsilon=1e-5)
    x = _layers.Dropout(0.1)(norm(table(inputs)))
    blocks = [
        Encoder(12, 4 * width, f'transformer_encoder_{n}'.removesuffix('_0'), True) for n in range(count)
    ]
    for block in blocks:
        x = block(x)
    encoder = tf.keras.Model(inputs, x)
    names = {'token_ids': places, 'mask_positions': 96}
    inputs = {name: _layers.Input([count], dtype='int32') for name, count in names.items()}
    encoded, head = encoder(inputs['token_ids']), MaskedLMHead(table.token_embedding.embeddings)
    model = tf.keras.Model(inputs, head(encoded, mask_positions=inputs['mask_positions']))
    at = 'bert/embeddings'
    rows.add(table.token_embedding.embeddings, f'{at}/word_embeddings')
    rows.add(table.position_embedding.position_embeddings, f'{at}/position_embeddings')
    rows.layer(norm, f'{at}/LayerNorm', _NORM)
    for n, block in enumerate(blocks):
        add_encoder(rows, block, f'bert/encoder/layer_{n}')
    at = 'cls/predictions'
    rows.layer(head._dense, f'{at}/transform/dense')
    rows.layer(head._layer_norm, f'{at}/transform/LayerNorm', _NORM)
    rows.add(head._bias, f'{at}/output_bias')
    others = {
        'bert/embeddings/token_type_embeddings': (2, width),
        'bert/pooler/dense/kernel': (width, width),
        'bert/pooler/dense/bias': (width,),
        'cls/seq_relationship/output_weights': (2, width),
        'cls/seq_relationship/output_bias': (2,),
    }
    return with_slots(rows.pair(others, model=model), *_MOMENTS, others={'global_step': ()})
