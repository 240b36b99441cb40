"""Pairs of models of texts, for a sixth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Part, Rows, built, dense, embedding, with_adafactor, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sequence_networks import electra

_NORM = ('beta', 'gamma')


class LayerNormalization(tf.keras.layers.Layer):
    """The norm of bert4keras, which makes its shift first."""

    def build(self, shape):
        self.beta = self.add_weight('beta', shape=shape[-1:])
        self.gamma = self.add_weight('gamma', shape=shape[-1:])

    def call(self, x):
        return x * self.gamma + self.beta


class PositionEmbedding(tf.keras.layers.Layer):
    """The positions of bert4keras."""

    def __init__(self, count: int, name: str):
        super().__init__(name=name)
        self._count = count

    def build(self, shape):
        self.embeddings = self.add_weight('embeddings', shape=(self._count, shape[-1]))

    def call(self, x):
        return x + self.embeddings[: tf.shape(x)[1]]


class MultiHeadAttention(tf.keras.layers.Layer):
    """The attention of bert4keras, whose layers have no names; its heads are left out."""

    def build(self, shape):
        layer, width = tf.keras.layers.Dense, shape[-1]
        self.q_dense, self.k_dense, self.v_dense = layer(width), layer(width), layer(width)
        self.o_dense = layer(width)

    def call(self, x):
        weights = tf.nn.softmax(tf.matmul(self.q_dense(x), self.k_dense(x), transpose_b=True))
        return self.o_dense(weights @ self.v_dense(x))


class FeedForward(tf.keras.layers.Layer):
    """The network of bert4keras, whose layers have no names."""

    def __init__(self, units: int, name: str):
        super().__init__(name=name)
        self._units = units

    def build(self, shape):
        self.i0_dense = tf.keras.layers.Dense(self._units, 'gelu')
        self.o_dense = tf.keras.layers.Dense(shape[-1])

    def call(self, x):
        return self.o_dense(self.i0_dense(x))


def apply(rows: Rows, layer: Any, x: Any, source: str, roles: tuple[str, ...] = ('kernel', 'bias')) -> Any:
    """Calls a layer and notes its variables. Returns what it gives."""
    y = layer(x)
    rows.layer(layer, source, roles)
    return y


def add_transformer(rows: Rows, x: Any, n: int, scope: str, inner: int) -> Any:
    """Makes the layers of a block of bert4keras, and notes the names that Google's have in a scope."""
    layers = tf.keras.layers
    at, name = f'{scope}/encoder/layer_{n}', f'Transformer-{n}-MultiHeadSelfAttention'
    attention = MultiHeadAttention(name=name)
    x = layers.Add(name=f'{name}-Add')([x, attention(x)])
    for short, part in (('q', 'query'), ('k', 'key'), ('v', 'value')):
        rows.layer(getattr(attention, f'{short}_dense'), f'{at}/attention/self/{part}')
    rows.layer(attention.o_dense, f'{at}/attention/output/dense')
    x = apply(rows, LayerNormalization(name=f'{name}-Norm'), x, f'{at}/attention/output/LayerNorm', _NORM)
    name = f'Transformer-{n}-FeedForward'
    network = FeedForward(inner, name)
    x = layers.Add(name=f'{name}-Add')([x, network(x)])
    rows.layer(network.i0_dense, f'{at}/intermediate/dense')
    rows.layer(network.o_dense, f'{at}/output/dense')
    return apply(rows, LayerNormalization(name=f'{name}-Norm'), x, f'{at}/output/LayerNorm', _NORM)


def bert4keras() -> Pair:
    """google-research/electra as it is pretrained, narrow, and the model of bojone/bert4keras, its discriminator.

    The answer is that of the latter's variable_mapping.
    """
    tf.keras.backend.clear_session()
    old, rows, layers = electra().shapes, Rows(), tf.keras.layers
    narrow, width, inner, words = 64, 128, 512, 300
    inputs = [layers.Input([None], name=f'Input-{name}') for name in ('Token', 'Segment')]
    token = layers.Embedding(words, narrow, name='Embedding-Token')
    segment = layers.Embedding(2, narrow, name='Embedding-Segment')
    x = layers.Add(name='Embedding-Token-Segment')([token(inputs[0]), segment(inputs[1])])
    position = PositionEmbedding(old['electra/embeddings/position_embeddings'][0], 'Embedding-Position')
    x = position(x)
    for layer, kind in ((token, 'word'), (segment, 'token_type'), (position, 'position')):
        rows.add(layer.embeddings, f'electra/embeddings/{kind}_embeddings')

    x = apply(rows, LayerNormalization(name='Embedding-Norm'), x, 'electra/embeddings/LayerNorm', _NORM)
    x = apply(rows, layers.Dense(width, name='Embedding-Mapping'), x, 'electra/embeddings_project')
    count = sum(name.endswith('/query/kernel') and name.startswith('electra/') for name in old)
    for n in range(count):
        x = add_transformer(rows, x, n, 'electra', inner)
    head = 'discriminator_predictions'
    x = apply(rows, layers.Dense(width, name='Discriminator-Dense'), x, f'{head}/dense')
    x = apply(rows, layers.Dense(1, name='Discriminator-Prediction'), x, f'{head}/dense_1')
    pair = rows.pair(model=tf.keras.Model(inputs, x))
    others = {name: shape for name, shape in old.items() if name not in pair.shapes}
    return with_slots(Pair({**pair.shapes, **others}, pair.target, pair.sources), 'adam_m', 'adam_v')


class T5LayerNorm(tf.keras.layers.Layer):
    """The norm of keras-hub's T5."""

    def build(self, shape):
        self.weight = self.add_weight('weight', shape=shape[-1:])


class _T5:
    """Makes the objects of keras-hub's T5, and notes the names of Mesh TensorFlow."""

    def __init__(self, width: int, inner: int, heads: int):
        self.rows, self._width, self._inner, self._heads = Rows(), width, inner, heads

    def norm(self, source: str, name: str | None = None) -> T5LayerNorm:
        return self.rows.layer(
            built(T5LayerNorm(name=name), None, self._width), source, ['weight'], weight='scale'
        )

    def attention(self, name: str, source: str, biased: bool) -> Part:
        parts = {}
        with tf.name_scope(name):
            for part, end in (('query', 'q'), ('key', 'k'), ('value', 'v'), ('output', 'o')):
                layer = dense(self._width, self._width, bias=False, name=f'{part}_projector')
                self.rows.add(layer.kernel, f'{source}/{end}')
                parts[f'{part}_projector'] = layer
            if biased:
                table = tf.Variable(tf.zeros([32, self._heads]), name='embeddings')
                self.rows.add(table, f'{source}/relative_attention_bias', (self._heads, 32))
                parts['relative_attention_bias'] = table
        return Part(**parts)

    def block(self, side: str, number: int) -> Part:
        at, parts = f'{side}/block_{number:03}', {}
        attentions = [('self', 'SelfAttention')] + [('cross', 'EncDecAttention')] * (side == 'decoder')
        with tf.name_scope(f'transformer_{side}_layer_{number}'):
            for n, (name, old) in enumerate(attentions):
                source, biased = f'{at}/layer_{n:03}', not (n or number)
                name = f'{name}_attention'
                parts[name] = self.attention(name, f'{source}/{old}', biased)
                parts[f'{name}_layer_norm'] = self.norm(f'{source}/layer_norm')
            source = f'{at}/layer_{len(attentions):03}'
            shape = self._width, self._inner
            for name, end, (x, y) in (
                ('input', 'wi_0', shape),
                ('gate', 'wi_1', shape),
                ('output', 'wo', shape[::-1]),
            ):
                layer = dense(x, y, bias=False, name=f'{name}_projector')
                parts[f'{name}_projector'] = layer
                self.rows.layer(layer, f'{source}/DenseReluDense/{end}', ['kernel'])
            parts['layer_norm'] = self.norm(f'{source}/layer_norm')
        return Part(**parts)


def keras_hub_t5() -> Pair:
    """google-research/text-to-text-transfer-transformer's T5.1.1 by Mesh TensorFlow, narrow, and keras-hub's objects.

    The answer is that of keras-team/keras-hub's convert_t5_checkpoints.py, which leaves out the biases of positions;
    these are transposed. The new backbone has no layer for logits. Adafactor keeps sums of rows and of columns.
    """
    tf.keras.backend.clear_session()
    width, words, net, parts = 64, 300, _T5(64, 160, 4), {}
    token = embedding(words, width, name='token_embedding')
    net.rows.add(token.embeddings, 'shared/embedding')
    for side in ('encoder', 'decoder'):
        parts[f'{side}_transformer_layers'] = [net.block(side, n) for n in range(8)]
        parts[f'{side}_layer_norm'] = net.norm(f'{side}/final_layer_norm', f'{side}_output_layer_norm')
    pair = net.rows.pair(
        {'decoder/logits/kernel': (width, words)}, model=Part(token_embedding=token, **parts)
    )
    return with_adafactor(pair, least=5)
