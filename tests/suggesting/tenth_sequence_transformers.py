"""Pairs of Transformers, for a tenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

_NORM = ('gamma', 'beta')


class _Attention(tf.keras.layers.Layer):
    """kpe's attention without its output; the heads are none of its kernels' axes."""

    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self._width = width

    def build(self, shape):
        self.query_layer = tf.keras.layers.Dense(self._width, name='query')
        self.key_layer = tf.keras.layers.Dense(self._width, name='key')
        self.value_layer = tf.keras.layers.Dense(self._width, name='value')
        super().build(shape)

    def call(self, x):
        scores = tf.matmul(self.query_layer(x), self.key_layer(x), transpose_b=True)
        return tf.matmul(tf.nn.softmax(scores), self.value_layer(x))


class _Projection(tf.keras.layers.Layer):
    """kpe's layer at the end of both parts of a block."""

    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self._width = width

    def build(self, shape):
        self.dense = tf.keras.layers.Dense(self._width, name='dense')
        self.dropout = tf.keras.layers.Dropout(0.1)
        self.layer_norm = tf.keras.layers.LayerNormalization(name='LayerNorm')
        super().build(shape)

    def call(self, inputs):
        x, before = inputs
        return self.layer_norm(self.dropout(self.dense(x)) + before)


class _SelfAttention(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self._width = width

    def build(self, shape):
        self.attention_layer = _Attention(self._width, name='self')
        self.attention_projector = _Projection(self._width, name='output')
        super().build(shape)

    def call(self, x):
        return self.attention_projector([self.attention_layer(x), x])


class _Block(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, **options: Any):
        super().__init__(**options)
        self._width, self._inner = width, inner

    def build(self, shape):
        self.self_attention_layer = _SelfAttention(self._width, name='attention')
        self.intermediate_layer = tf.keras.layers.Dense(self._inner, name='intermediate')
        self.output_projector = _Projection(self._width, name='output')
        super().build(shape)

    def call(self, x):
        x = self.self_attention_layer(x)
        return self.output_projector([self.intermediate_layer(x), x])


class _Encoder(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, count: int, **options: Any):
        super().__init__(**options)
        self._sizes, self._count, self.encoder_layers = (width, inner), count, []

    def build(self, shape):
        for n in range(self._count):
            self.encoder_layers.append(_Block(*self._sizes, name=f'layer_{n}'))
        super().build(shape)

    def call(self, x):
        for layer in self.encoder_layers:
            x = layer(x)
        return x


class _Places(tf.keras.layers.Layer):
    def __init__(self, count: int, width: int, **options: Any):
        super().__init__(**options)
        self._shape = count, width

    def build(self, shape):
        self.embedding_table = self.add_weight(name='embeddings', shape=self._shape)
        super().build(shape)

    def call(self, ids):
        return self.embedding_table[: ids.shape[1]]


class _Embeddings(tf.keras.layers.Layer):
    """kpe's embeddings, whose layer of types is built only if types are given."""

    def __init__(self, words: int, places: int, width: int, **options: Any):
        super().__init__(**options)
        self._sizes = words, places, width

    def build(self, shape):
        words, places, width = self._sizes
        embedding = tf.keras.layers.Embedding
        self.word_embeddings_layer = embedding(words, width, name='word_embeddings')
        self.token_type_embeddings_layer = embedding(2, width, name='token_type_embeddings')
        self.position_embeddings_layer = _Places(places, width, name='position_embeddings')
        self.layer_norm_layer = tf.keras.layers.LayerNormalization(name='LayerNorm')
        self.dropout_layer = tf.keras.layers.Dropout(0.1)
        super().build(shape)

    def call(self, ids):
        x = self.word_embeddings_layer(ids) + self.position_embeddings_layer(ids)
        return self.dropout_layer(self.layer_norm_layer(x))


class _Bert(tf.keras.layers.Layer):
    def __init__(self, words: int, places: int, width: int, inner: int, count: int, **options: Any):
        super().__init__(**options)
        self._sizes = words, places, width, inner, count

    def build(self, shape):
        words, places, width, inner, count = self._sizes
        self.embeddings_layer = _Embeddings(words, places, width, name='embeddings')
        self.encoders_layer = _Encoder(width, inner, count, name='encoder')
        super().build(shape)

    def call(self, ids):
        return self.encoders_layer(self.embeddings_layer(ids))


def bert_for_tf2() -> Pair:
    """google-research/bert as run_classifier.py tunes it, narrow, and kpe/bert-for-tf2 in a model for movie reviews.

    The new model is that of the notebook gpu_movie_reviews.ipynb without adapters, as many have copied it: the first of
    its dense layers does what the old pooler does. It is given no types of tokens, so it has no embedding of them.
    """
    tf.keras.backend.clear_session()
    rows, layers, width, words, places = Rows(), tf.keras.layers, 96, 30522, 512
    bert = _Bert(words, places, width, 4 * width, 12, name='bert')
    ids = layers.Input([128], dtype='int32', name='input_ids')
    x = layers.Dropout(0.5)(layers.Lambda(lambda sequence: sequence[:, 0, :])(bert(ids)))
    pooler, output = layers.Dense(width, activation='tanh'), layers.Dense(2, activation='softmax')
    model = tf.keras.Model(ids, output(layers.Dropout(0.5)(pooler(x))))
    start, at = bert.embeddings_layer, 'bert/embeddings'
    rows.add(start.word_embeddings_layer.embeddings, f'{at}/word_embeddings')
    rows.add(start.position_embeddings_layer.embedding_table, f'{at}/position_embeddings')
    rows.layer(start.layer_norm_layer, f'{at}/LayerNorm', _NORM)

    def project(layer: _Projection, scope: str) -> None:
        rows.layer(layer.dense, f'{scope}/dense')
        rows.layer(layer.layer_norm, f'{scope}/LayerNorm', _NORM)

    for n, block in enumerate(bert.encoders_layer.encoder_layers):
        at, attention = f'bert/encoder/layer_{n}', block.self_attention_layer
        for part in ('query', 'key', 'value'):
            layer = getattr(attention.attention_layer, f'{part}_layer')
            rows.layer(layer, f'{at}/attention/self/{part}')
        project(attention.attention_projector, f'{at}/attention/output')
        rows.layer(block.intermediate_layer, f'{at}/intermediate/dense')
        project(block.output_projector, f'{at}/output')
    rows.layer(pooler, 'bert/pooler/dense')
    rows.add(output.kernel, 'output_weights', (2, width))
    rows.add(output.bias, 'output_bias')
    others = {'bert/embeddings/token_type_embeddings': (2, width)}
    pair = rows.pair(others, model=model)
    return with_slots(pair, 'adam_m', 'adam_v', others={'global_step': ()})
