"""Pairs of encoders of texts, for an eighteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.fifteenth_sequence_transformers import TFElectraDiscriminatorPredictions
from tests.suggesting.fourteenth_sequence_heads import TFBertEncoder
from tests.suggesting.keras_nlp_layers import Positions, add_attention
from tests.suggesting.known_pairs import Pair
from tests.suggesting.thirteenth_sequence_language_models import add_bert_layers

_NORM = ('gamma', 'beta')
_layers = tf.keras.layers


class TFElectraEmbeddings(tf.keras.layers.Layer):
    """The tables of NVIDIA's, of which only that of the words is a variable of the layer itself."""

    def __init__(self, words: int, width: int, **options: Any):
        super().__init__(**options)
        self.vocab_size, self.embedding_size = words, width
        self.position_embeddings = _layers.Embedding(512, width, name='position_embeddings')
        self.token_type_embeddings = _layers.Embedding(2, width, name='token_type_embeddings')
        self.LayerNorm = _layers.LayerNormalization(epsilon=1e-12, name='LayerNorm')
        self.dropout = _layers.Dropout(0.1)

    def build(self, shape):
        with tf.name_scope('word_embeddings'):
            extents = [self.vocab_size, self.embedding_size]
            self.word_embeddings = self.add_weight('weight', shape=extents)
        super().build(shape)

    def call(self, inputs, mode='embedding'):
        if mode == 'linear':
            return tf.matmul(inputs, self.word_embeddings, transpose_b=True)
        places = self.position_embeddings(tf.range(tf.shape(inputs)[1])[None])
        kinds = self.token_type_embeddings(tf.zeros_like(inputs))
        return self.dropout(self.LayerNorm(tf.gather(self.word_embeddings, inputs) + places + kinds))


class TFElectraMainLayer(tf.keras.Model):
    def __init__(self, embeddings: TFElectraEmbeddings, width: int, count: int, **options: Any):
        super().__init__(**options)
        self.embeddings = embeddings
        if embeddings.embedding_size != width:
            self.embeddings_project = _layers.Dense(width, name='embeddings_project')
        self.encoder = TFBertEncoder(width, count, name='encoder')

    def call(self, ids):
        x = self.embeddings(ids)
        if hasattr(self, 'embeddings_project'):
            x = self.embeddings_project(x)
        return self.encoder(x)


class TFElectraForPreTraining(tf.keras.Model):
    def __init__(self, words: int, width: int, count: int):
        super().__init__()
        embeddings = TFElectraEmbeddings(words, width, name='embeddings')
        self.electra = TFElectraMainLayer(embeddings, width, count, name='electra')
        name = 'discriminator_predictions'
        self.discriminator_predictions = TFElectraDiscriminatorPredictions(width, name=name)

    def call(self, ids):
        return self.discriminator_predictions(self.electra(ids))


class TFElectraGeneratorPredictions(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.LayerNorm = _layers.LayerNormalization(epsilon=1e-12, name='LayerNorm')
        self.dense = _layers.Dense(width, name='dense')

    def call(self, x):
        return self.LayerNorm(tf.nn.gelu(self.dense(x)))


class TFElectraMaskedLMHead(tf.keras.layers.Layer):
    def __init__(self, embeddings: TFElectraEmbeddings, **options: Any):
        super().__init__(**options)
        self.vocab_size, self.input_embeddings = embeddings.vocab_size, embeddings

    def build(self, shape):
        self.bias = self.add_weight(shape=(self.vocab_size,), name='bias')
        super().build(shape)

    def call(self, x):
        return self.input_embeddings(x, mode='linear') + self.bias


class TFElectraForMaskedLM(tf.keras.Model):
    def __init__(self, embeddings: TFElectraEmbeddings, width: int, count: int):
        super().__init__()
        self.electra = TFElectraMainLayer(embeddings, width, count, name='electra')
        narrow = embeddings.embedding_size
        self.generator_predictions = TFElectraGeneratorPredictions(narrow, name='generator_predictions')
        self.generator_lm_head = TFElectraMaskedLMHead(embeddings, name='generator_lm_head')

    def call(self, ids):
        return self.generator_lm_head(self.generator_predictions(self.electra(ids)))


class PretrainingModel(tf.keras.Model):
    """Both networks, of which the generator is called first."""

    def __init__(self, words: int, width: int, narrow: int, count: int):
        super().__init__()
        self.discriminator = TFElectraForPreTraining(words, width, count)
        shared = self.discriminator.electra.embeddings
        self.generator = TFElectraForMaskedLM(shared, narrow, count)

    def call(self, ids):
        return self.discriminator(tf.argmax(self.generator(ids), axis=-1, output_type=tf.int32))


def nvidia_electra() -> Pair:
    """google-research/electra's base as run_pretraining.py trains it, narrow, and NVIDIA/DeepLearningExamples' of TF 2.

    The new one is the PretrainingModel of its TensorFlow2/LanguageModeling/ELECTRA, whose generator shares the tables
    of its discriminator and is a third as wide, as the old one is. That the new model shares them was read in a fork.
    """
    tf.keras.backend.clear_session()
    rows, words, width, narrow, count = Rows(), 800, 192, 64, 12
    model = PretrainingModel(words, width, narrow, count)
    model(tf.zeros([1, 4], tf.int32))
    first, second = model.discriminator, model.generator
    tables, at = first.electra.embeddings, 'electra/embeddings'
    rows.add(tables.word_embeddings, f'{at}/word_embeddings')
    for kind in ('position', 'token_type'):
        rows.add(getattr(tables, f'{kind}_embeddings').embeddings, f'{at}/{kind}_embeddings')
    rows.layer(tables.LayerNorm, f'{at}/LayerNorm', _NORM)
    add_bert_layers(rows, first.electra.encoder, 'electra')
    head, at = first.discriminator_predictions, 'discriminator_predictions'
    rows.layer(head.dense, f'{at}/dense')
    rows.layer(head.dense_prediction, f'{at}/dense_1')
    rows.layer(second.electra.embeddings_project, 'generator/embeddings_project')
    add_bert_layers(rows, second.electra.encoder, 'generator')
    head, at = second.generator_predictions, 'generator_predictions'
    rows.layer(head.dense, f'{at}/dense')
    rows.layer(head.LayerNorm, f'{at}/LayerNorm', _NORM)
    rows.add(second.generator_lm_head.bias, f'{at}/output_bias')
    return with_slots(rows.pair(model=model), 'adam_m', 'adam_v', others={'global_step': ()})


def masked_language_model() -> Pair:
    """google-research/bert's base as run_pretraining.py trains it, narrow, and keras-io's masked_language_modeling.

    The new one is keras-team/keras-io's examples/nlp/masked_language_modeling, with the count and the widths of layers
    and places of the old in its configuration. It has no kinds of tokens, no norm of the tables, and a matrix of
    outputs of its own, for which the old one has the table of words again.
    """
    tf.keras.backend.clear_session()
    rows, words, width, heads, count = Rows(), 1000, 96, 12, 12
    inputs = _layers.Input((512,), dtype='int64')
    table = _layers.Embedding(words, width, name='word_embedding')
    places = Positions(512, 'position_embedding')
    x = table(inputs)
    x += places(x)
    rows.add(table.embeddings, 'bert/embeddings/word_embeddings')
    rows.add(places.position_embeddings, 'bert/embeddings/position_embeddings')
    for n in range(count):
        at, name = f'bert/encoder/layer_{n}', f'encoder_{n}'
        attention = _layers.MultiHeadAttention(heads, width // heads, name=f'{name}_multiheadattention')
        y = _layers.Dropout(0.1, name=f'{name}_att_dropout')(attention(x, x, x))
        norms = [
            _layers.LayerNormalization(epsilon=1e-6, name=f'{name}_{part}_layernormalization')
            for part in ('att', 'ffn')
        ]
        y = norms[0](x + y)
        dense = [_layers.Dense(4 * width, activation='relu'), _layers.Dense(width)]
        z = tf.keras.Sequential(dense, name=f'{name}_ffn')(y)
        x = norms[1](y + _layers.Dropout(0.1, name=f'{name}_ffn_dropout')(z))
        add_attention(rows, attention, f'{at}/attention')
        for norm, part in zip(norms, ('attention/output', 'output'), strict=True):
            rows.layer(norm, f'{at}/{part}/LayerNorm', _NORM)
        for layer, part in zip(dense, ('intermediate', 'output'), strict=True):
            rows.layer(layer, f'{at}/{part}/dense')
    output = _layers.Dense(words, name='mlm_cls', activation='softmax')
    model = tf.keras.Model(inputs, output(x), name='masked_bert_model')
    rows.add(output.bias, 'cls/predictions/output_bias')
    at = 'cls/predictions/transform'
    others = {
        'bert/embeddings/token_type_embeddings': (2, width),
        'bert/pooler/dense/kernel': (width, width),
        f'{at}/dense/kernel': (width, width),
        'cls/seq_relationship/output_weights': (2, width),
        'cls/seq_relationship/output_bias': (2,),
    }
    vectors = ('bert/embeddings/LayerNorm/gamma', 'bert/embeddings/LayerNorm/beta', 'bert/pooler/dense/bias')
    ends = 'dense/bias', 'LayerNorm/gamma', 'LayerNorm/beta'
    others |= {name: (width,) for name in (*vectors, *(f'{at}/{end}' for end in ends))}
    return with_slots(rows.pair(others, model=model), 'adam_m', 'adam_v', others={'global_step': ()})
