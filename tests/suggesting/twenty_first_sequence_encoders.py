"""Pairs of encoders of texts, for the twenty-first blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows
from tests.suggesting.known_pairs import Pair
from tests.suggesting.thirteenth_sequence_language_models import (
    TFRemBertAttention,
    TFRemBertIntermediate,
    TFRemBertSelfOutput,
)

_layers = tf.keras.layers
_NORM = ('gamma', 'beta')


def _norm() -> tf.keras.layers.LayerNormalization:
    return _layers.LayerNormalization(epsilon=1e-12, name='LayerNorm')


class TFRoFormerSinusoidalPositionalEmbedding(tf.keras.layers.Layer):
    def __init__(self, places: int, width: int, **options: Any):
        super().__init__(**options)
        self.num_positions, self.embedding_dim = places, width

    def build(self, shape):
        self.weight = self.add_weight(name='embeddings', shape=[self.num_positions, self.embedding_dim])
        super().build(shape)

    def call(self, shape):
        return tf.gather(self.weight, tf.range(shape[1]))


class TFRoFormerEmbeddings(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int, **options: Any):
        super().__init__(**options)
        self.vocab_size, self.type_vocab_size, self.embedding_size = words, 2, width
        self.LayerNorm = _norm()
        self.dropout = _layers.Dropout(0.1)

    def build(self, shape):
        with tf.name_scope('word_embeddings'):
            self.weight = self.add_weight(name='weight', shape=[self.vocab_size, self.embedding_size])
        with tf.name_scope('token_type_embeddings'):
            extents = [self.type_vocab_size, self.embedding_size]
            self.token_type_embeddings = self.add_weight(name='embeddings', shape=extents)
        super().build(shape)

    def call(self, ids):
        x = tf.gather(self.weight, ids) + self.token_type_embeddings[0]
        return self.dropout(self.LayerNorm(x))


class TFRoFormerLayer(tf.keras.layers.Layer):
    """The layer, whose parts are those of BERT, here without the rotation."""

    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.attention = TFRemBertAttention(width, name='attention')
        self.intermediate = TFRemBertIntermediate(4 * width, name='intermediate')
        self.roformer_output = TFRemBertSelfOutput(width, name='output')

    def call(self, x):
        x = self.attention(x)
        return self.roformer_output(self.intermediate(x), x)


class TFRoFormerEncoder(tf.keras.layers.Layer):
    def __init__(self, places: int, width: int, heads: int, count: int, **options: Any):
        super().__init__(**options)
        self.embed_positions = TFRoFormerSinusoidalPositionalEmbedding(
            places, width // heads, name='embed_positions'
        )
        self.layer = [TFRoFormerLayer(width, name=f'layer_._{n}') for n in range(count)]

    def call(self, x):
        self.embed_positions(tf.shape(x)[:-1])
        for layer in self.layer:
            x = layer(x)
        return x


class TFRoFormerPredictionHeadTransform(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.dense = _layers.Dense(width, name='dense')
        self.LayerNorm = _norm()

    def call(self, x):
        return self.LayerNorm(tf.nn.gelu(self.dense(x)))


class TFRoFormerLMPredictionHead(tf.keras.layers.Layer):
    def __init__(self, width: int, embeddings: TFRoFormerEmbeddings, **options: Any):
        super().__init__(**options)
        self.transform = TFRoFormerPredictionHeadTransform(width, name='transform')
        self.input_embeddings = embeddings

    def build(self, shape):
        self.bias = self.add_weight(shape=[self.input_embeddings.vocab_size], name='bias')
        super().build(shape)

    def call(self, x):
        return tf.matmul(self.transform(x), self.input_embeddings.weight, transpose_b=True) + self.bias


class TFRoFormerMLMHead(tf.keras.layers.Layer):
    def __init__(self, width: int, embeddings: TFRoFormerEmbeddings, **options: Any):
        super().__init__(**options)
        self.predictions = TFRoFormerLMPredictionHead(width, embeddings, name='predictions')

    def call(self, x):
        return self.predictions(x)


class TFRoFormerMainLayer(tf.keras.layers.Layer):
    def __init__(self, words: int, places: int, width: int, heads: int, count: int, **options: Any):
        super().__init__(**options)
        self.embeddings = TFRoFormerEmbeddings(words, width, name='embeddings')
        self.encoder = TFRoFormerEncoder(places, width, heads, count, name='encoder')

    def call(self, ids):
        return self.encoder(self.embeddings(ids))


class TFRoFormerForMaskedLM(tf.keras.Model):
    def __init__(self, words: int, places: int, width: int, heads: int, count: int):
        super().__init__()
        self.roformer = TFRoFormerMainLayer(words, places, width, heads, count, name='roformer')
        self.mlm = TFRoFormerMLMHead(width, self.roformer.embeddings, name='mlm___cls')

    def call(self, ids):
        return self.mlm(self.roformer(ids))


def tf_ro_former() -> Pair:
    """ZhuiyiTechnology/roformer's Chinese base as it is released, narrow, and huggingface/transformers' TF RoFormer.

    The new one is TFRoFormerForMaskedLM of modeling_tf_roformer.py, of 2022. The names of the old one are those of
    bert4keras's variable_mapping of BERT, with which train.py builds it, with the head for masks and without a pooler,
    places and slots. Only the new one has a table of places, one for all heads, which it computes. That the release
    has nothing else is not verified.
    """
    tf.keras.backend.clear_session()
    rows, words, places, width, heads, count = Rows(), 1000, 1536, 96, 12, 12
    model = TFRoFormerForMaskedLM(words, places, width, heads, count)
    model(tf.zeros([1, 4], tf.int32))
    embeddings, at = model.roformer.embeddings, 'bert/embeddings'
    rows.add(embeddings.weight, f'{at}/word_embeddings')
    rows.add(embeddings.token_type_embeddings, f'{at}/token_type_embeddings')
    rows.layer(embeddings.LayerNorm, f'{at}/LayerNorm', _NORM)
    for n, layer in enumerate(model.roformer.encoder.layer):
        at, attention = f'bert/encoder/layer_{n}', layer.attention
        for part in ('query', 'key', 'value'):
            rows.layer(getattr(attention.self_attention, part), f'{at}/attention/self/{part}')
        for part, output in (
            ('attention/output', attention.dense_output),
            ('output', layer.roformer_output),
        ):
            rows.layer(output.dense, f'{at}/{part}/dense')
            rows.layer(output.LayerNorm, f'{at}/{part}/LayerNorm', _NORM)
        rows.layer(layer.intermediate.dense, f'{at}/intermediate/dense')
    head, at = model.mlm.predictions, 'cls/predictions'
    rows.layer(head.transform.dense, f'{at}/transform/dense')
    rows.layer(head.transform.LayerNorm, f'{at}/transform/LayerNorm', _NORM)
    rows.add(head.bias, f'{at}/output_bias')
    return rows.pair(model=model)
