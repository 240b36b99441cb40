"""Pairs of Transformers, for a fifteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.fourteenth_sequence_heads import TFBertEncoder
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sequence_networks import electra
from tests.suggesting.sixth_language_models import (
    LayerNormalization,
    PositionEmbedding,
    add_transformer,
    apply,
)
from tests.suggesting.thirteenth_sequence_language_models import TFRemBertEmbeddings, add_bert

_NORM = ('beta', 'gamma')
_layers = tf.keras.layers


class Embedding(tf.keras.layers.Embedding):
    """The words of bert4keras, which are its outputs too."""

    def call(self, inputs, mode='embedding'):
        if mode == 'embedding':
            return super().call(inputs)
        return tf.matmul(inputs, self.embeddings, transpose_b=True)


class BiasAdd(tf.keras.layers.Layer):
    """The shift of bert4keras."""

    def build(self, shape):
        self.bias = self.add_weight('bias', shape=shape[-1:])
        super().build(shape)

    def call(self, x):
        return x + self.bias


def bert4keras_bert() -> Pair:
    """google-research/bert's base as run_pretraining.py trains it, narrow, and the BERT of bojone/bert4keras.

    The new one is made with_nsp and with_mlm. The answer is that of its variable_mapping; the matrix of the next
    sentence is transposed. Its layers of dropout are left out.
    """
    tf.keras.backend.clear_session()
    rows, words, width, count = Rows(), 1000, 96, 12
    ids, segments = (_layers.Input([None], name=f'Input-{name}') for name in ('Token', 'Segment'))
    token = Embedding(words, width, name='Embedding-Token')
    segment = _layers.Embedding(2, width, name='Embedding-Segment')
    x = _layers.Add(name='Embedding-Token-Segment')([token(ids), segment(segments)])
    position = PositionEmbedding(512, 'Embedding-Position')
    x = position(x)
    at = 'bert/embeddings'
    for layer, kind in ((token, 'word'), (segment, 'token_type'), (position, 'position')):
        rows.add(layer.embeddings, f'{at}/{kind}_embeddings')
    x = apply(rows, LayerNormalization(name='Embedding-Norm'), x, f'{at}/LayerNorm', _NORM)
    for n in range(count):
        x = add_transformer(rows, x, n, 'bert', 4 * width)
    first = _layers.Lambda(lambda x: x[:, 0], name='Pooler')(x)
    pooled = apply(rows, _layers.Dense(width, 'tanh', name='Pooler-Dense'), first, 'bert/pooler/dense')
    following = _layers.Dense(2, 'softmax', name='NSP-Proba')
    outputs = [following(pooled)]
    at = 'cls/seq_relationship'
    rows.add(following.kernel, f'{at}/output_weights', (2, width))
    rows.add(following.bias, f'{at}/output_bias')
    at = 'cls/predictions'
    y = apply(rows, _layers.Dense(width, 'gelu', name='MLM-Dense'), x, f'{at}/transform/dense')
    y = apply(rows, LayerNormalization(name='MLM-Norm'), y, f'{at}/transform/LayerNorm', _NORM)
    shift = BiasAdd(name='MLM-Bias')
    y = shift(token(y, mode='dense'))
    rows.add(shift.bias, f'{at}/output_bias')
    outputs.append(_layers.Activation('softmax', name='MLM-Activation')(y))
    pair = rows.pair(model=tf.keras.Model([ids, segments], outputs))
    return with_slots(pair, 'adam_m', 'adam_v', others={'global_step': ()})


class TFElectraMainLayer(tf.keras.layers.Layer):
    """The layer, whose tables and layers have the names and the variables of BERT's."""

    def __init__(self, words: int, narrow: int, width: int, count: int, **options: Any):
        super().__init__(**options)
        self.embeddings = TFRemBertEmbeddings(words, narrow, name='embeddings')
        self.embeddings_project = _layers.Dense(width, name='embeddings_project')
        self.encoder = TFBertEncoder(width, count, name='encoder')

    def call(self, ids):
        return self.encoder(self.embeddings_project(self.embeddings(ids)))


class TFElectraDiscriminatorPredictions(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.dense = _layers.Dense(width, name='dense')
        self.dense_prediction = _layers.Dense(1, name='dense_prediction')

    def call(self, x):
        return self.dense_prediction(tf.nn.gelu(self.dense(x)))


class TFElectraForPreTraining(tf.keras.Model):
    def __init__(self, *sizes: int):
        super().__init__()
        self.electra = TFElectraMainLayer(*sizes, name='electra')
        self.discriminator_predictions = TFElectraDiscriminatorPredictions(
            sizes[2], name='discriminator_predictions'
        )

    def call(self, ids):
        return self.discriminator_predictions(self.electra(ids))


def tf_electra() -> Pair:
    """google-research/electra's small one as it is pretrained, narrow, and huggingface/transformers' TFElectra.

    The new one is TFElectraForPreTraining, the discriminator, whose tables the old generator shares.
    """
    tf.keras.backend.clear_session()
    rows = Rows()
    model = TFElectraForPreTraining(300, 64, 128, 12)
    model(tf.zeros([1, 4], tf.int32))
    add_bert(rows, model.electra, 'electra')
    rows.layer(model.electra.embeddings_project, 'electra/embeddings_project')
    head, at = model.discriminator_predictions, 'discriminator_predictions'
    rows.layer(head.dense, f'{at}/dense')
    rows.layer(head.dense_prediction, f'{at}/dense_1')
    pair = rows.pair(model=model)
    shapes = {**electra().shapes, **pair.shapes}
    return with_slots(Pair(shapes, pair.target, pair.sources), 'adam_m', 'adam_v')
