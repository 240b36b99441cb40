"""Pairs of encoders of texts, for a thirteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.keras_nlp_layers import add_attention
from tests.suggesting.known_pairs import Pair, Shapes
from tests.suggesting.model_garden_layers import OnDeviceEmbedding, PositionEmbedding, dense

_NORM = ('gamma', 'beta')
_layers = tf.keras.layers


class BigBirdAttention(tf.keras.layers.MultiHeadAttention):
    """What the attention has of layers; here it attends to all."""

    def call(self, query, value):
        if not self._built_from_signature:
            self._build_from_signature(query=query, value=value)
        queries, keys, values = self._query_dense(query), self._key_dense(value), self._value_dense(value)
        weights = tf.nn.softmax(tf.einsum('abcd,aecd->acbe', queries, keys))
        return self._output_dense(tf.einsum('acbe,aecd->abcd', weights, values))


class TransformerScaffold(tf.keras.layers.Layer):
    """The layer of the Model Garden, which makes its attention of a class, without a name for it."""

    def __init__(self, heads: int, inner: int, **options: Any):
        super().__init__(**options)
        self._num_heads, self._inner_dim = heads, inner

    def build(self, shape):
        width, norm = shape[-1], {'axis': -1, 'epsilon': 1e-12}
        self._attention_layer = BigBirdAttention(self._num_heads, width // self._num_heads)
        self._feedforward_block = None
        self._attention_dropout = _layers.Dropout(0.1)
        self._attention_layer_norm = _layers.LayerNormalization(name='self_attention_layer_norm', **norm)
        self._intermediate_dense = dense(self._inner_dim, 'intermediate')
        self._intermediate_activation_layer = _layers.Activation('gelu')
        self._output_dense = dense(width, 'output')
        self._output_dropout = _layers.Dropout(0.1)
        self._output_layer_norm = _layers.LayerNormalization(name='output_layer_norm', **norm)
        super().build(shape)

    def call(self, x):
        x = self._attention_layer_norm(x + self._attention_dropout(self._attention_layer(query=x, value=x)))
        y = self._output_dense(self._intermediate_activation_layer(self._intermediate_dense(x)))
        return self._output_layer_norm(self._output_dropout(y) + x)


class BigBirdEncoder(tf.keras.Model):
    """The functional model, which does not track its attributes."""

    def __init__(self, words: int, width: int, count: int, heads: int, places: int):
        self._self_setattr_tracking = False
        names = 'input_word_ids', 'input_mask', 'input_type_ids'
        ids, mask, types = (_layers.Input([None], dtype=tf.int32, name=name) for name in names)
        self._embedding_layer = OnDeviceEmbedding(words, width, name='word_embeddings')
        x = self._embedding_layer(ids)
        self._position_embedding_layer = PositionEmbedding(places, name='position_embedding')
        positions = self._position_embedding_layer(x)
        self._type_embedding_layer = OnDeviceEmbedding(16, width, name='type_embeddings')
        x = _layers.Add()([x, positions, self._type_embedding_layer(types)])
        self._embedding_norm_layer = _layers.LayerNormalization(
            name='embeddings/layer_norm', axis=-1, epsilon=1e-12
        )
        x = _layers.Dropout(0.1)(self._embedding_norm_layer(x))
        self._transformer_layers, outputs = [], []
        for _ in range(count):
            layer = TransformerScaffold(heads, 4 * width)
            self._transformer_layers.append(layer)
            x = layer(x)
            outputs.append(x)
        super().__init__(
            inputs=[ids, mask, types], outputs={'sequence_output': x, 'encoder_outputs': outputs}
        )


def _bert_heads(words: int, width: int, transform: str, norm: str) -> Shapes:
    """Returns the shapes of BERT's heads for pretraining, and of its pooler."""
    return {
        'bert/pooler/dense/kernel': (width, width),
        'bert/pooler/dense/bias': (width,),
        f'{transform}/kernel': (width, width),
        f'{transform}/bias': (width,),
        f'{norm}/beta': (width,),
        f'{norm}/gamma': (width,),
        'cls/predictions/output_bias': (words,),
        'cls/seq_relationship/output_weights': (2, width),
        'cls/seq_relationship/output_bias': (2,),
    }


def model_garden_big_bird() -> Pair:
    """google-research/bigbird's base as run_pretraining.py trains it, narrow, and tensorflow/models' BigBirdEncoder.

    The old norm of the embeddings is the encoder's. By default the old one does not tell which sentence is next, so
    that no gradients reach its pooler and that head, which the new one lacks. The heads are an axis of the new
    kernels, and masks, which have no variables, are left out.
    """
    tf.keras.backend.clear_session()
    rows, words, width, heads = Rows(), 600, 96, 12
    model, at = BigBirdEncoder(words, width, 12, heads, 4096), 'bert/embeddings'
    rows.add(model._embedding_layer.embeddings, f'{at}/word_embeddings')
    rows.add(model._type_embedding_layer.embeddings, f'{at}/token_type_embeddings')
    rows.add(model._position_embedding_layer._position_embeddings, f'{at}/position_embeddings')
    rows.layer(model._embedding_norm_layer, 'bert/encoder/LayerNorm', _NORM)
    for n, layer in enumerate(model._transformer_layers):
        at = f'bert/encoder/layer_{n}'
        add_attention(rows, layer._attention_layer, f'{at}/attention')
        rows.layer(layer._attention_layer_norm, f'{at}/attention/output/LayerNorm', _NORM)
        rows.layer(layer._intermediate_dense, f'{at}/intermediate/dense')
        rows.layer(layer._output_dense, f'{at}/output/dense')
        rows.layer(layer._output_layer_norm, f'{at}/output/LayerNorm', _NORM)
    others = _bert_heads(words, width, *['cls/predictions/transform'] * 2)
    pair = rows.pair(others, encoder=model)
    slot = 'AdamWeightDecayOptimizer'
    return with_slots(pair, slot, f'{slot}_1', but='/pooler/|/seq_relationship/', others={'global_step': ()})


class LayerNormalization(tf.keras.layers.Layer):
    """The norm of Separius, as Keras had none."""

    def build(self, shape):
        self.gamma = self.add_weight(name='gamma', shape=shape[-1:], initializer='ones')
        self.beta = self.add_weight(name='beta', shape=shape[-1:], initializer='zeros')
        super().build(shape)

    def call(self, x):
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        return self.gamma * (x - mean) / tf.sqrt(variance + 1e-12) + self.beta


class MultiHeadAttention(tf.keras.layers.Layer):
    """The attention, which has no variables; here with one head."""

    def call(self, inputs):
        x, mask = inputs
        q, k, v = tf.split(x, 3, axis=-1)
        return tf.nn.softmax(tf.matmul(q, k, transpose_b=True) - 1e4 * (1 - mask[:, 0])) @ v


class Gelu(tf.keras.layers.Layer):
    def call(self, x):
        return tf.nn.gelu(x)


def bert_keras() -> Pair:
    """google-research/bert's multilingual base as it is released, narrow, and the model of Separius/BERT-keras.

    The answer is that of the latter's load_google_bert. Its c_attn has the old queries, keys and values beside each
    other, of which the keys come first in natural order. Its words are in another order and without those that are
    not used, so that they have no source. It has no pooler and no heads. The released checkpoint has no slots.
    """
    tf.keras.backend.clear_session()
    rows, words, width, places = Rows(), 600, 96, 512
    names = 'token_input', 'segment_input', 'position_input'
    tokens, segments, positions = (_layers.Input([places], name=name, dtype='int32') for name in names)
    mask = _layers.Input([1, places, places], name='attention_mask_input')
    tables = {}
    for kind, name, count in (
        ('token_type', 'Segment', 2),
        ('position', 'Position', places),
        ('word', 'Token', words - 4 - 99 + 5),
    ):
        tables[kind] = _layers.Embedding(count, width, input_length=places, name=f'{name}Embedding')
    dropout = _layers.Dropout(0.1, name='EmbeddingDropOut')
    add = _layers.Add(name='AddEmbeddings')
    norm = LayerNormalization()
    summands = [tables['token_type'](segments), tables['position'](positions), tables['word'](tokens)]
    x = dropout(norm(add(summands)))
    at = 'bert/embeddings'
    for kind in ('token_type', 'position'):
        rows.add(tables[kind].embeddings, f'{at}/{kind}_embeddings')
    rows.layer(norm, f'{at}/LayerNorm', _NORM)
    others = {f'{at}/word_embeddings': (words, width)}

    def conv(layer: Any, source: str) -> None:
        rows.add(layer.kernel, f'{source}/kernel', tuple(layer.kernel.shape[1:]))
        rows.add(layer.bias, f'{source}/bias')

    for n in range(12):
        at, new = f'bert/encoder/layer_{n}', f'layer_{n}'
        projection = _layers.Conv1D(width, 1, name=f'{new}/c_attn_proj')
        joint = _layers.Conv1D(3 * width, 1, name=f'{new}/c_attn')
        x1 = joint(x)
        x1 = projection(MultiHeadAttention(name=f'{new}/self_attention')([x1, mask]))
        x1 = _layers.Dropout(0.1, name=f'{new}/ln_1_drop')(x1)
        norms = [LayerNormalization(name=f'{new}/ln_{i}') for i in (1, 2)]
        x1 = norms[0](_layers.Add(name=f'{new}/ln_1_add')([x, x1]))
        inner = _layers.Conv1D(4 * width, 1, name=f'{new}/c_fc')
        output = _layers.Conv1D(width, 1, name=f'{new}/c_ffn_proj')
        y = output(Gelu(name=f'{new}/gelu')(inner(x1)))
        y = _layers.Dropout(0.1, name=f'{new}/ln_2_drop')(y)
        x = norms[1](_layers.Add(name=f'{new}/ln_2_add')([x1, y]))
        conv(projection, f'{at}/attention/output/dense')
        rows.layer(norms[0], f'{at}/attention/output/LayerNorm', _NORM)
        conv(inner, f'{at}/intermediate/dense')
        conv(output, f'{at}/output/dense')
        rows.layer(norms[1], f'{at}/output/LayerNorm', _NORM)
        rows.add(joint.kernel, f'{at}/attention/self/key/kernel', (width, width))
        rows.add(joint.bias, f'{at}/attention/self/key/bias', (width,))
        for part in ('query', 'value'):
            others[f'{at}/attention/self/{part}/kernel'] = (width, width)
            others[f'{at}/attention/self/{part}/bias'] = (width,)
    model = tf.keras.Model([tokens, segments, positions, mask], [x], name='Transformer')
    at = 'cls/predictions/transform'
    others |= _bert_heads(words, width, f'{at}/dense', f'{at}/LayerNorm')
    return rows.pair(others, model=model)
