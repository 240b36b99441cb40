"""Pairs of encoders of texts, for an eleventh blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.keras_nlp_layers import add_attention
from tests.suggesting.known_pairs import Pair
from tests.suggesting.model_garden_layers import (
    OnDeviceEmbedding,
    PositionEmbedding,
    TransformerEncoderBlock,
    dense,
)

_NORM = ('gamma', 'beta')


class AlbertEncoder(tf.keras.Model):
    """The functional model, which keeps two of its layers under attributes besides."""

    def __init__(self, words: int, narrow: int, width: int, count: int, heads: int, inner: int):
        layers = tf.keras.layers
        word_ids = layers.Input([None], dtype=tf.int32, name='input_word_ids')
        mask = layers.Input([None], dtype=tf.int32, name='input_mask')
        type_ids = layers.Input([None], dtype=tf.int32, name='input_type_ids')
        word_layer = OnDeviceEmbedding(words, narrow, name='word_embeddings')
        x = word_layer(word_ids)
        position_layer = PositionEmbedding(512, name='position_embedding')
        positions = position_layer(x)
        x = layers.Add()([x, positions, OnDeviceEmbedding(2, narrow, name='type_embeddings')(type_ids)])
        x = layers.LayerNormalization(name='embeddings/layer_norm', axis=-1, epsilon=1e-12)(x)
        options = {'bias_axes': 'y', 'name': 'embedding_projection'}
        x = layers.EinsumDense('...x,xy->...y', output_shape=width, **options)(layers.Dropout(0.1)(x))
        shared_layer = TransformerEncoderBlock(heads, inner, name='transformer')
        for _ in range(count):
            x = shared_layer(x)
        pooler = layers.Dense(width, activation='tanh', name='pooler_transform')
        super().__init__(inputs=[word_ids, mask, type_ids], outputs=[x, pooler(x[:, 0, :])])
        self._embedding_layer = word_layer
        self._position_embedding_layer = position_layer


def model_garden_albert() -> Pair:
    """google-research/albert's base as it is pretrained, and tensorflow/models' AlbertEncoder of official/nlp/modeling.

    The old one has both heads of pretraining besides. Both have one layer, which is used twelve times. The mask is not
    used here, for it has no variables.
    """
    tf.keras.backend.clear_session()
    rows, words, narrow, width = Rows(), 30000, 128, 768
    encoder = AlbertEncoder(words, narrow, width, 12, 12, 4 * width)
    at = 'bert/embeddings'
    rows.add(encoder._embedding_layer.embeddings, f'{at}/word_embeddings')
    rows.add(encoder._position_embedding_layer._position_embeddings, f'{at}/position_embeddings')
    rows.add(encoder.get_layer('type_embeddings').embeddings, f'{at}/token_type_embeddings')
    rows.layer(encoder.get_layer('embeddings/layer_norm'), f'{at}/LayerNorm', _NORM)
    rows.layer(encoder.get_layer('embedding_projection'), 'bert/encoder/embedding_hidden_mapping_in')
    at, block = 'bert/encoder/transformer/group_0/inner_group_0', encoder.get_layer('transformer')
    add_attention(rows, block._attention_layer, f'{at}/attention_1')
    rows.layer(block._attention_layer_norm, f'{at}/LayerNorm', _NORM)
    rows.layer(block._intermediate_dense, f'{at}/ffn_1/intermediate/dense')
    rows.layer(block._output_dense, f'{at}/ffn_1/intermediate/output/dense')
    rows.layer(block._output_layer_norm, f'{at}/LayerNorm_1', _NORM)
    rows.layer(encoder.get_layer('pooler_transform'), 'bert/pooler/dense')
    others = {
        'cls/predictions/transform/dense/kernel': (width, narrow),
        'cls/predictions/transform/dense/bias': (narrow,),
        'cls/predictions/transform/LayerNorm/gamma': (narrow,),
        'cls/predictions/transform/LayerNorm/beta': (narrow,),
        'cls/predictions/output_bias': (words,),
        'cls/seq_relationship/output_weights': (2, width),
        'cls/seq_relationship/output_bias': (2,),
    }
    return with_slots(rows.pair(others, encoder=encoder), 'adam_m', 'adam_v', others={'global_step': ()})


class _NoNorm(tf.keras.layers.Layer):
    def build(self, shape):
        self.bias = self.add_weight('beta', shape=[shape[-1]], initializer='zeros')
        self.scale = self.add_weight('gamma', shape=[shape[-1]], initializer='ones')

    def call(self, x):
        return x * self.scale + self.bias


class MobileBertEmbedding(tf.keras.layers.Layer):
    def __init__(self, words: int, narrow: int, width: int, **options: Any):
        super().__init__(**options)
        self.word_embedding = OnDeviceEmbedding(words, narrow, name='word_embedding')
        self.type_embedding = OnDeviceEmbedding(2, width, name='type_embedding')
        self.pos_embedding = PositionEmbedding(512, name='position_embedding')
        self.word_embedding_proj = dense(width, 'embedding_projection')
        self.layer_norm = _NoNorm(name='embedding_norm')
        self.dropout_layer = tf.keras.layers.Dropout(0.1, name='embedding_dropout')

    def call(self, ids, types):
        x = self.word_embedding(ids)
        sides = ((0, 0), (0, 1), (0, 0)), ((0, 0), (1, 0), (0, 0))
        x = tf.concat([tf.pad(x[:, 1:], sides[0]), x, tf.pad(x[:, :-1], sides[1])], axis=2)
        x = self.word_embedding_proj(x)
        return self.dropout_layer(self.layer_norm(x + self.pos_embedding(x) + self.type_embedding(types)))


class _MobileBertTransformer(tf.keras.layers.Layer):
    """The block, whose layers are in lists of one dict."""

    def __init__(self, width: int, heads: int, inner: int, narrow: int, networks: int, **options: Any):
        super().__init__(**options)
        self.block_layers = {}
        for name in ('bottleneck_input', 'kq_shared_bottleneck'):
            self.block_layers[name] = [dense(narrow, f'{name}/dense'), _NoNorm(name=f'{name}/norm')]
        sizes = {'key_dim': narrow // heads, 'value_dim': narrow // heads, 'output_shape': narrow}
        attention = tf.keras.layers.MultiHeadAttention(heads, name='attention', **sizes)
        self.block_layers['attention'] = [attention, _NoNorm(name='attention/norm')]
        self.block_layers['ffn'] = []
        for n in range(networks):
            at = f'ffn_layer_{n}'
            first, second = (
                dense(inner, f'{at}/intermediate_dense', 'relu'),
                dense(narrow, f'{at}/output_dense'),
            )
            self.block_layers['ffn'].append([first, second, _NoNorm(name=f'{at}/norm')])
        at = 'bottleneck_output'
        dropout = tf.keras.layers.Dropout(0.1, name=f'{at}/dropout')
        self.block_layers[at] = [dense(width, f'{at}/dense'), dropout, _NoNorm(name=f'{at}/norm')]

    def call(self, before):
        parts = self.block_layers
        x, shared = (norm(dense(before)) for dense, norm in list(parts.values())[:2])
        attention, norm = parts['attention']
        x = norm(attention(shared, before, shared) + x)
        for first, second, norm in parts['ffn']:
            x = norm(second(first(x)) + x)
        dense, dropout, norm = parts['bottleneck_output']
        return norm(dropout(dense(x)) + before)


def model_garden_mobile_bert() -> Pair:
    """google-research/google-research's MobileBERT, and tensorflow/models' MobileBERTEncoder, both of full size.

    The new model tracks its layers as a functional one alone. The old one has its heads besides; whether the published
    checkpoint has slots is not verified, here there are none.
    """
    tf.keras.backend.clear_session()
    layers, rows, words, width, narrow, count = tf.keras.layers, Rows(), 30522, 512, 128, 24
    embedding = MobileBertEmbedding(words, narrow, width)
    blocks = [
        _MobileBertTransformer(width, 4, 512, narrow, 4, name=f'transformer_layer_{n}') for n in range(count)
    ]
    names = ('input_word_ids', 'input_mask', 'input_type_ids')
    inputs = [layers.Input([None], dtype=tf.int32, name=name) for name in names]
    x = embedding(inputs[0], inputs[2])
    for block in blocks:
        x = block(x)
    outputs = {'sequence_output': x, 'pooled_output': tf.squeeze(x[:, 0:1, :], axis=1)}
    model = tf.keras.Model(inputs, outputs)

    def norm(layer: _NoNorm, source: str) -> None:
        rows.add(layer.scale, f'{source}/FakeLayerNorm/gamma')
        rows.add(layer.bias, f'{source}/FakeLayerNorm/beta')

    at = 'bert/embeddings'
    rows.add(embedding.word_embedding.embeddings, f'{at}/word_embeddings')
    rows.add(embedding.type_embedding.embeddings, f'{at}/token_type_embeddings')
    rows.add(embedding.pos_embedding._position_embeddings, f'{at}/position_embeddings')
    rows.layer(embedding.word_embedding_proj, f'{at}/embedding_transformation')
    norm(embedding.layer_norm, at)
    for n, block in enumerate(blocks):
        at, parts = f'bert/encoder/layer_{n}', block.block_layers
        for name, old in (('bottleneck_input', 'input'), ('kq_shared_bottleneck', 'attention')):
            rows.layer(parts[name][0], f'{at}/bottleneck/{old}/dense')
            norm(parts[name][1], f'{at}/bottleneck/{old}')
        add_attention(rows, parts['attention'][0], f'{at}/attention')
        norm(parts['attention'][1], f'{at}/attention/output')
        for k, (first, second, last) in enumerate(parts['ffn']):
            to = f'{at}/ffn_layer_{k}' if k < 3 else at
            rows.layer(first, f'{to}/intermediate/dense')
            rows.layer(second, f'{to}/output/dense')
            norm(last, f'{to}/output')
        dense, _, last = parts['bottleneck_output']
        rows.layer(dense, f'{at}/output/bottleneck/dense')
        norm(last, f'{at}/output/bottleneck')
    others = {
        'cls/predictions/transform/dense/kernel': (width, width),
        'cls/predictions/transform/dense/bias': (width,),
        'cls/predictions/transform/LayerNorm/gamma': (width,),
        'cls/predictions/transform/LayerNorm/beta': (width,),
        'cls/predictions/extra_output_weights': (width - narrow, words),
        'cls/predictions/output_bias': (words,),
        'cls/seq_relationship/output_weights': (2, width),
        'cls/seq_relationship/output_bias': (2,),
        'global_step': (),
    }
    return rows.pair(others, encoder=model)
