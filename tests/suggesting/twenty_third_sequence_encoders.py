"""A pair of encoders of texts, for the twenty-third blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting import sixth_language_models
from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.fifteenth_sequence_transformers import BiasAdd, Embedding
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixth_language_models import FeedForward, LayerNormalization, apply

_NORM = ('beta', 'gamma')
_layers = tf.keras.layers


class RelativePositionEmbedding(tf.keras.layers.Layer):
    """The table of distances of bert4keras, which it computes and all blocks share."""

    def __init__(self, count: int, width: int, name: str):
        super().__init__(name=name, trainable=False)
        self.input_dim, self.output_dim = count, width

    def build(self, shapes):
        self.embeddings = self.add_weight('embeddings', shape=(self.input_dim, self.output_dim))
        super().build(shapes)

    def call(self, inputs):
        queries, values = (tf.range(tf.shape(x)[1]) for x in inputs)
        far = (self.input_dim - 1) // 2
        return tf.gather(self.embeddings, tf.clip_by_value(values - queries[:, None], -far, far) + far)


class MultiHeadAttention(sixth_language_models.MultiHeadAttention):
    """The attention of bert4keras with typical_relative positions, without a mask."""

    def __init__(self, heads: int, name: str):
        super().__init__(name=name)
        self.heads = heads

    def build(self, shapes):
        super().build(shapes[0])

    def call(self, inputs):
        x, positions = inputs
        shape = tf.concat([tf.shape(x)[:2], [self.heads, x.shape[-1] // self.heads]], 0)
        q, k, v = (tf.reshape(dense(x), shape) for dense in (self.q_dense, self.k_dense, self.v_dense))
        scores = tf.einsum('bjhd,bkhd->bhjk', q, k) + tf.einsum('bjhd,jkd->bhjk', q, positions)
        scores = tf.nn.softmax(scores)
        found = tf.einsum('bhjk,bkhd->bjhd', scores, v) + tf.einsum('bhjk,jkd->bjhd', scores, positions)
        return self.o_dense(tf.reshape(found, tf.shape(x)))


def _add_block(rows: Rows, x: Any, positions: Any, n: int, heads: int) -> Any:
    """Makes the layers of a block of bert4keras's NEZHA, and notes the old names."""
    at, name = f'bert/encoder/layer_{n}', f'Transformer-{n}-MultiHeadSelfAttention'
    attention = MultiHeadAttention(heads, name)
    x = _layers.Add(name=f'{name}-Add')([x, attention([x, positions])])
    for short, part in (('q', 'query'), ('k', 'key'), ('v', 'value')):
        rows.layer(getattr(attention, f'{short}_dense'), f'{at}/attention/self/{part}')
    rows.layer(attention.o_dense, f'{at}/attention/output/dense')
    x = apply(rows, LayerNormalization(name=f'{name}-Norm'), x, f'{at}/attention/output/LayerNorm', _NORM)
    name = f'Transformer-{n}-FeedForward'
    network = FeedForward(4 * x.shape[-1], name)
    x = _layers.Add(name=f'{name}-Add')([x, network(x)])
    rows.layer(network.i0_dense, f'{at}/intermediate/dense')
    rows.layer(network.o_dense, f'{at}/output/dense')
    return apply(rows, LayerNormalization(name=f'{name}-Norm'), x, f'{at}/output/LayerNorm', _NORM)


def bert4keras_nezha() -> Pair:
    """huawei-noah/Pretrained-Language-Model's NEZHA-TensorFlow, narrow, and the NEZHA of bojone/bert4keras.

    The old one is NEZHA's base as run_pretraining.py trains it by Adam, with relative positions, which its modeling.py
    computes without a variable. The new one is made with_mlm of bert4keras/models.py, so that the old pooler and the
    next sentence have no targets; only the new one has a table of distances, which is not trained. The answer is that
    of its variable_mapping. Its layers of dropout are left out.
    """
    tf.keras.backend.clear_session()
    rows, words, width, heads, count = Rows(), 1000, 96, 12, 12
    ids, segments = (_layers.Input([None], name=f'Input-{name}') for name in ('Token', 'Segment'))
    token = Embedding(words, width, name='Embedding-Token')
    segment = _layers.Embedding(2, width, name='Embedding-Segment')
    x = _layers.Add(name='Embedding-Token-Segment')([token(ids), segment(segments)])
    at = 'bert/embeddings'
    rows.add(token.embeddings, f'{at}/word_embeddings')
    rows.add(segment.embeddings, f'{at}/token_type_embeddings')
    x = apply(rows, LayerNormalization(name='Embedding-Norm'), x, f'{at}/LayerNorm', _NORM)
    positions = RelativePositionEmbedding(2 * 64 + 1, width // heads, 'Embedding-Relative-Position')([x, x])
    for n in range(count):
        x = _add_block(rows, x, positions, n, heads)
    at = 'cls/predictions'
    x = apply(rows, _layers.Dense(width, 'gelu', name='MLM-Dense'), x, f'{at}/transform/dense')
    x = apply(rows, LayerNormalization(name='MLM-Norm'), x, f'{at}/transform/LayerNorm', _NORM)
    shift = BiasAdd(name='MLM-Bias')
    x = _layers.Activation('softmax', name='MLM-Activation')(shift(token(x, mode='dense')))
    rows.add(shift.bias, f'{at}/output_bias')
    others = {
        'bert/pooler/dense/kernel': (width, width),
        'bert/pooler/dense/bias': (width,),
        'cls/seq_relationship/output_weights': (2, width),
        'cls/seq_relationship/output_bias': (2,),
    }
    pair = rows.pair(others, model=tf.keras.Model([ids, segments], x))
    return with_slots(pair, 'adam_m', 'adam_v', others={'global_step': ()})
