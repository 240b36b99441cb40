"""Pairs of encoders of texts, for the twenty-second blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers
_NORM = ('gamma', 'beta')


class AttentionLayer(tf.keras.layers.Layer):
    """The attention of kpe, here with one head."""

    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.width = width

    def build(self, shape):
        self.query_layer = _layers.Dense(self.width, name='query')
        self.key_layer = _layers.Dense(self.width, name='key')
        self.value_layer = _layers.Dense(self.width, name='value')
        super().build(shape)

    def call(self, x):
        scores = tf.matmul(self.query_layer(x), self.key_layer(x), transpose_b=True)
        return tf.matmul(tf.nn.softmax(scores), self.value_layer(x))


class ProjectionLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.width = width

    def build(self, shape):
        self.dense = _layers.Dense(self.width, name='dense')
        self.dropout = _layers.Dropout(0.1)
        self.layer_norm = _layers.LayerNormalization(name='LayerNorm')
        super().build(shape)

    def call(self, inputs):
        output, residual = inputs
        return self.layer_norm(self.dropout(self.dense(output)) + residual)


class TransformerSelfAttentionLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.width = width

    def build(self, shape):
        self.attention_layer = AttentionLayer(self.width, name='self')
        self.attention_projector = ProjectionLayer(self.width, name='output')
        super().build(shape)

    def call(self, x):
        return self.attention_projector([self.attention_layer(x), x])


class SingleTransformerEncoderLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, **options: Any):
        super().__init__(**options)
        self.width, self.inner = width, inner

    def build(self, shape):
        self.self_attention_layer = TransformerSelfAttentionLayer(self.width, name='attention')
        self.intermediate_layer = _layers.Dense(self.inner, name='intermediate')
        self.output_projector = ProjectionLayer(self.width, name='output')
        super().build(shape)

    def call(self, x):
        x = self.self_attention_layer(x)
        return self.output_projector([self.intermediate_layer(x), x])


class TransformerEncoderLayer(tf.keras.layers.Layer):
    """The encoder, all of whose layers are one."""

    def __init__(self, width: int, inner: int, count: int, **options: Any):
        super().__init__(**options)
        self.width, self.inner, self.count = width, inner, count
        self.encoder_layers: list[Any] = []
        self.shared_layer = None

    def build(self, shape):
        self.shared_layer = SingleTransformerEncoderLayer(self.width, self.inner, name='layer_shared')
        super().build(shape)

    def call(self, x):
        for _ in range(self.count):
            x = self.shared_layer(x)
        return x


class PositionEmbeddingLayer(tf.keras.layers.Layer):
    def __init__(self, count: int, width: int, **options: Any):
        super().__init__(**options)
        self.count, self.width = count, width

    def build(self, shape):
        self.embedding_table = self.add_weight(name='embeddings', shape=[self.count, self.width])
        super().build(shape)

    def call(self, ids):
        return self.embedding_table[: ids.shape[1]]


class EmbeddingsProjector(tf.keras.layers.Layer):
    """The projection of the embeddings, which has no bias for the models of brightmart's."""

    def __init__(self, narrow: int, width: int, **options: Any):
        super().__init__(**options)
        self.narrow, self.width = narrow, width
        self.projector_bias_layer = None

    def build(self, shape):
        self.projector_layer = self.add_weight(name='projector', shape=[self.narrow, self.width])
        super().build(shape)

    def call(self, x):
        return tf.matmul(x, self.projector_layer)


class BertEmbeddingsLayer(tf.keras.layers.Layer):
    def __init__(self, words: int, places: int, narrow: int, width: int, **options: Any):
        super().__init__(**options)
        self.words, self.places, self.narrow, self.width = words, places, narrow, width

    def build(self, shape):
        self.word_embeddings_layer = _layers.Embedding(self.words, self.narrow, name='word_embeddings')
        self.word_embeddings_projector_layer = EmbeddingsProjector(
            self.narrow, self.width, name='word_embeddings_projector'
        )
        self.token_type_embeddings_layer = _layers.Embedding(2, self.width, name='token_type_embeddings')
        self.position_embeddings_layer = PositionEmbeddingLayer(
            self.places, self.width, name='position_embeddings'
        )
        self.layer_norm_layer = _layers.LayerNormalization(name='LayerNorm')
        self.dropout_layer = _layers.Dropout(0.1)
        super().build(shape)

    def call(self, inputs):
        ids, types = inputs
        x = self.word_embeddings_projector_layer(self.word_embeddings_layer(ids))
        x += self.token_type_embeddings_layer(types)
        x += self.position_embeddings_layer(ids)
        return self.dropout_layer(self.layer_norm_layer(x))


class BertModelLayer(tf.keras.layers.Layer):
    def __init__(
        self, words: int, places: int, narrow: int, width: int, inner: int, count: int, **options: Any
    ):
        super().__init__(**options)
        self.sizes, self.others = (words, places, narrow, width), (width, inner, count)

    def build(self, shape):
        self.embeddings_layer = BertEmbeddingsLayer(*self.sizes, name='embeddings')
        self.encoders_layer = TransformerEncoderLayer(*self.others, name='encoder')
        super().build(shape)

    def call(self, inputs):
        return self.encoders_layer(self.embeddings_layer(inputs))


def albert_zh() -> Pair:
    """brightmart/albert_zh's base as it is released, of a quarter of the widths, and kpe/bert-for-tf2's model of it.

    The old one is that of modeling.py and run_pretraining.py, whose layers share the scope layer_shared; it projects
    the embeddings of words, but not those of types and places. The new one is the layer of bert/model.py, with what
    loader_albert.py sets for brightmart's: a projection without a bias, after the words alone. The answer is that
    of map_to_stock_variable_name of loader.py. The new one has no pooler and no heads. That the release has no slots
    is not verified.
    """
    tf.keras.backend.clear_session()
    rows, words, places, narrow, width, inner, count = Rows(), 21128, 512, 32, 192, 768, 12
    ids, types = (_layers.Input([128], dtype='int32') for _ in range(2))
    bert = BertModelLayer(words, places, narrow, width, inner, count, name='bert')
    model = tf.keras.Model([ids, types], bert([ids, types]))
    model([tf.zeros([1, 128], tf.int32), tf.zeros([1, 128], tf.int32)])
    start, at = bert.embeddings_layer, 'bert/embeddings'
    rows.add(start.word_embeddings_layer.embeddings, f'{at}/word_embeddings')
    rows.add(start.word_embeddings_projector_layer.projector_layer, f'{at}/word_embeddings_2')
    rows.add(start.token_type_embeddings_layer.embeddings, f'{at}/token_type_embeddings')
    rows.add(start.position_embeddings_layer.embedding_table, f'{at}/position_embeddings')
    rows.layer(start.layer_norm_layer, f'{at}/LayerNorm', _NORM)
    shared, at = bert.encoders_layer.shared_layer, 'bert/encoder/layer_shared'
    attention = shared.self_attention_layer
    for part in ('query', 'key', 'value'):
        rows.layer(getattr(attention.attention_layer, f'{part}_layer'), f'{at}/attention/self/{part}')
    for part, layer in (
        ('attention/output', attention.attention_projector),
        ('output', shared.output_projector),
    ):
        rows.layer(layer.dense, f'{at}/{part}/dense')
        rows.layer(layer.layer_norm, f'{at}/{part}/LayerNorm', _NORM)
    rows.layer(shared.intermediate_layer, f'{at}/intermediate/dense')
    return rows.pair(_heads(words, width), model=model)


def _heads(words: int, width: int) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of what only the old one has."""
    head, sentences = 'cls/predictions', 'cls/seq_relationship'
    return {
        'bert/pooler/dense/kernel': (width, width),
        'bert/pooler/dense/bias': (width,),
        f'{head}/transform/dense/kernel': (width, width),
        f'{head}/transform/dense/bias': (width,),
        f'{head}/transform/LayerNorm/gamma': (width,),
        f'{head}/transform/LayerNorm/beta': (width,),
        f'{head}/output_bias': (words,),
        f'{sentences}/output_weights': (2, width),
        f'{sentences}/output_bias': (2,),
    }
