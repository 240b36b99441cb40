"""Pairs of encoders of texts and their layers in TensorFlow 2, for a twelfth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

_NORM = ('gamma', 'beta')


def _norm(name: str) -> tf.keras.layers.LayerNormalization:
    return tf.keras.layers.LayerNormalization(name=name, axis=-1, epsilon=1e-12, dtype=tf.float32)


class EmbeddingLookup(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int, **options: Any):
        super().__init__(**options)
        self.vocab_size, self.embedding_size = words, width

    def build(self, shape):
        self.embeddings = self.add_weight('embeddings', shape=[self.vocab_size, self.embedding_size])
        super().build(shape)

    def call(self, ids):
        return tf.gather(self.embeddings, ids)


class Dense2DProjection(tf.keras.layers.Layer):
    def __init__(self, units: int, activation: Any = None, **options: Any):
        super().__init__(**options)
        self.output_size, self.activation = units, activation

    def build(self, shape):
        self.kernel = self.add_weight('kernel', shape=[shape[-1], self.output_size])
        self.bias = self.add_weight('bias', shape=[self.output_size])
        super().build(shape)

    def call(self, x):
        y = tf.einsum('abc,cd->abd', x, self.kernel) + self.bias
        return y if self.activation is None else self.activation(y)


class EmbeddingPostprocessor(tf.keras.layers.Layer):
    """What BERT's has, and a projection if there is a width for it, as ALBERT's has."""

    def __init__(self, kinds: int, places: int, projected: int | None, **options: Any):
        super().__init__(**options)
        self.token_type_vocab_size, self.max_position_embeddings = kinds, places
        self.hidden_size = projected

    def build(self, shape):
        width = shape[-1]
        self.type_embeddings = self.add_weight('type_embeddings', shape=[self.token_type_vocab_size, width])
        places = self.max_position_embeddings
        self.position_embeddings = self.add_weight('position_embeddings', shape=[places, width])
        self.output_layer_norm = _norm('layer_norm')
        self.output_dropout = tf.keras.layers.Dropout(0.1, dtype=tf.float32)
        if self.hidden_size is not None:
            self.projection = Dense2DProjection(self.hidden_size, name='embedding_hidden_mapping_in')
        super().build(shape)

    def call(self, x, types):
        x += tf.gather(self.type_embeddings, types) + self.position_embeddings[None, : tf.shape(x)[1]]
        x = self.output_dropout(self.output_layer_norm(x))
        return x if self.hidden_size is None else self.projection(x)


class Dense3D(tf.keras.layers.Layer):
    """A layer whose heads are no axis of its variables, as those of TF1."""

    def __init__(self, heads: int, depth: int, output_projection: bool = False, **options: Any):
        super().__init__(**options)
        self.num_attention_heads, self.size_per_head = heads, depth
        self.hidden_size, self.output_projection = heads * depth, output_projection

    def build(self, shape):
        width = self.hidden_size
        self.kernel = self.add_weight('kernel', shape=[width if self.output_projection else shape[-1], width])
        self.bias = self.add_weight('bias', shape=[width])
        super().build(shape)

    def call(self, x):
        split = self.num_attention_heads, self.size_per_head
        if self.output_projection:
            return (
                tf.einsum('abcd,cde->abe', x, tf.reshape(self.kernel, [*split, self.hidden_size])) + self.bias
            )
        kernel = tf.reshape(self.kernel, [-1, *split])
        return tf.einsum('abc,cde->abde', x, kernel) + tf.reshape(self.bias, split)


class Attention(tf.keras.layers.Layer):
    def __init__(self, heads: int, depth: int, **options: Any):
        super().__init__(**options)
        self.num_attention_heads, self.size_per_head = heads, depth

    def build(self, shape):
        sizes = self.num_attention_heads, self.size_per_head
        self.query_dense = Dense3D(*sizes, name='query')
        self.key_dense = Dense3D(*sizes, name='key')
        self.value_dense = Dense3D(*sizes, name='value')
        self.attention_probs_dropout = tf.keras.layers.Dropout(0.1)
        super().build(shape)

    def call(self, x):
        query, key, value = self.query_dense(x), self.key_dense(x), self.value_dense(x)
        weights = tf.nn.softmax(tf.einsum('BTNH,BFNH->BNFT', key, query) / self.size_per_head**0.5)
        return tf.einsum('BNFT,BTNH->BFNH', self.attention_probs_dropout(weights), value)


class TransformerBlock(tf.keras.layers.Layer):
    def __init__(self, width: int, heads: int, inner: int, **options: Any):
        super().__init__(**options)
        self.hidden_size, self.num_attention_heads, self.intermediate_size = width, heads, inner

    def build(self, shape):
        width = self.hidden_size
        sizes = self.num_attention_heads, width // self.num_attention_heads
        self.attention_layer = Attention(*sizes, name='self_attention')
        self.attention_output_dense = Dense3D(*sizes, output_projection=True, name='self_attention_output')
        self.attention_dropout = tf.keras.layers.Dropout(0.1)
        self.attention_layer_norm = _norm('self_attention_layer_norm')
        self.intermediate_dense = Dense2DProjection(self.intermediate_size, tf.nn.gelu, name='intermediate')
        self.output_dense = Dense2DProjection(width, name='output')
        self.output_dropout = tf.keras.layers.Dropout(0.1)
        self.output_layer_norm = _norm('output_layer_norm')
        super().build(shape)

    def call(self, x):
        y = self.attention_dropout(self.attention_output_dense(self.attention_layer(x)))
        x = self.attention_layer_norm(x + y)
        y = self.output_dropout(self.output_dense(self.intermediate_dense(x)))
        return self.output_layer_norm(y + x)


class Transformer(tf.keras.layers.Layer):
    """The encoder, of layers, or of one that all share."""

    def __init__(self, count: int, shared: bool, *sizes: int, **options: Any):
        super().__init__(**options)
        self.num_hidden_layers, self._shared, self._sizes = count, shared, sizes

    def build(self, shape):
        if self._shared:
            self.shared_layer = TransformerBlock(*self._sizes, name='shared_layer')
        else:
            count = self.num_hidden_layers
            self.layers = [TransformerBlock(*self._sizes, name=f'layer_{n}') for n in range(count)]
        super().build(shape)

    def call(self, x):
        for n in range(self.num_hidden_layers):
            x = self.shared_layer(x) if self._shared else self.layers[n](x)
        return x


class BertModel(tf.keras.layers.Layer):
    """The encoder of BERT, or of ALBERT if there is a width for its words; without its mask."""

    def __init__(
        self, words: int, width: int, count: int, heads: int, narrow: int | None = None, **options: Any
    ):
        super().__init__(**options)
        self._words, self._narrow, self._count = words, narrow, count
        self._sizes = width, heads, 4 * width

    def build(self, shape):
        width, shared = self._sizes[0], self._narrow is not None
        self.embedding_lookup = EmbeddingLookup(self._words, self._narrow or width, name='word_embeddings')
        self.embedding_postprocessor = EmbeddingPostprocessor(
            2, 512, width if shared else None, name='embedding_postprocessor'
        )
        self.encoder = Transformer(self._count, shared, *self._sizes, name='encoder')
        self.pooler_transform = tf.keras.layers.Dense(width, activation='tanh', name='pooler_transform')
        super().build(shape)

    def call(self, inputs):
        ids, _, types = inputs
        x = self.encoder(self.embedding_postprocessor(self.embedding_lookup(ids), types))
        return self.pooler_transform(tf.squeeze(x[:, 0:1, :], axis=1)), x


class BertNer(tf.keras.Model):
    """The model for names, without what selects the first parts of words."""

    def __init__(self, count: int, *sizes: int):
        super().__init__()
        self.bert = BertModel(*sizes)
        self.dropout = tf.keras.layers.Dropout(0.1)
        self.classifier = tf.keras.layers.Dense(count, activation='softmax', name='output')

    def call(self, inputs):
        return self.classifier(self.dropout(self.bert(inputs)[1]))


def _embed(rows: Rows, model: BertModel) -> None:
    at, after = 'bert/embeddings', model.embedding_postprocessor
    rows.add(model.embedding_lookup.embeddings, f'{at}/word_embeddings')
    rows.add(after.type_embeddings, f'{at}/token_type_embeddings')
    rows.add(after.position_embeddings, f'{at}/position_embeddings')
    rows.layer(after.output_layer_norm, f'{at}/LayerNorm', _NORM)
    rows.layer(model.pooler_transform, 'bert/pooler/dense')


def _block(rows: Rows, block: TransformerBlock, at: str, *scopes: str) -> None:
    """Notes a block, by the scopes of its attention, norms and dense layers."""
    attention, norm, inner, output, last = (f'{at}/{scope}' for scope in scopes)
    for part in ('query', 'key', 'value'):
        rows.layer(getattr(block.attention_layer, f'{part}_dense'), f'{attention}/self/{part}')
    rows.layer(block.attention_output_dense, f'{attention}/output/dense')
    rows.layer(block.attention_layer_norm, norm, _NORM)
    rows.layer(block.intermediate_dense, inner)
    rows.layer(block.output_dense, output)
    rows.layer(block.output_layer_norm, last, _NORM)


def bert_ner() -> Pair:
    """kyzhouhzau/BERT-NER as it is trained, narrow, and the model of kamalkraj/BERT-NER-TF of the same widths.

    The old one has a label more, X, so that its output has no target. The pooler of both is in the model, but is not
    used for names, so that the old one has no slots of it.
    """
    tf.keras.backend.clear_session()
    rows, width, count = Rows(), 96, 12
    model = BertNer(12, 600, width, count, 12)
    model([tf.zeros([1, 4], tf.int32)] * 3)
    _embed(rows, model.bert)
    ends = 'attention', 'attention/output/LayerNorm', 'intermediate/dense', 'output/dense', 'output/LayerNorm'
    for n, block in enumerate(model.bert.encoder.layers):
        _block(rows, block, f'bert/encoder/layer_{n}', *ends)
    others = {'output_weights': (13, width), 'output_bias': (13,)}
    pair = rows.pair(others, model=model)
    return with_slots(pair, 'adam_m', 'adam_v', but='/pooler/', others={'global_step': ()})


def albert_tf2() -> Pair:
    """google-research/albert as run_classifier.py tunes it, and the model of kamalkraj/ALBERT-TF2.0's, both narrow.

    Both have two labels and one layer, which is used twelve times. The new model is the functional one of
    run_classifer.py, whose Dense has the old output transposed.
    """
    tf.keras.backend.clear_session()
    layers, rows, width, narrow = tf.keras.layers, Rows(), 192, 32
    names = 'input_word_ids', 'input_mask', 'input_type_ids'
    inputs = {name: layers.Input([512], dtype=tf.int32, name=name) for name in names}
    albert = BertModel(600, width, 12, 12, narrow, name='albert_model')
    pooled, _ = albert(list(inputs.values()))
    output = layers.Dense(2, name='output')
    model = tf.keras.Model(inputs, output(layers.Dropout(0.1)(pooled)))
    _embed(rows, albert)
    rows.layer(albert.embedding_postprocessor.projection, 'bert/encoder/embedding_hidden_mapping_in')
    at, inner = 'bert/encoder/transformer/group_0/inner_group_0', 'ffn_1/intermediate'
    ends = 'attention_1', 'LayerNorm', f'{inner}/dense', f'{inner}/output/dense', 'LayerNorm_1'
    _block(rows, albert.encoder.shared_layer, at, *ends)
    rows.add(output.kernel, 'output_weights', (2, width))
    rows.add(output.bias, 'output_bias')
    return with_slots(rows.pair(model=model), 'adam_m', 'adam_v', others={'global_step': ()})
