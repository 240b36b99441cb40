"""Pairs of translators, for an eighteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Part, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers
_NORM = {'gamma': 'layer_norm_scale', 'beta': 'layer_norm_bias'}


class MultiHeadAttention(tf.keras.layers.Layer):
    """The attention of OpenNMT-tf; its heads and masks are left out."""

    def __init__(self, width: int):
        super().__init__()
        self.linear_queries = _layers.Dense(width)
        self.linear_keys = _layers.Dense(width)
        self.linear_values = _layers.Dense(width)
        self.linear_output = _layers.Dense(width)

    def call(self, inputs, memory=None):
        queries = self.linear_queries(inputs)
        memory = inputs if memory is None else memory
        keys, values = self.linear_keys(memory), self.linear_values(memory)
        weights = tf.nn.softmax(tf.matmul(queries, keys, transpose_b=True))
        return self.linear_output(weights @ values)


class FeedForwardNetwork(tf.keras.layers.Layer):
    def __init__(self, inner: int, width: int):
        super().__init__()
        self.inner = _layers.Dense(inner, activation='relu')
        self.outer = _layers.Dense(width)

    def call(self, inputs):
        return self.outer(self.inner(inputs))


class TransformerLayerWrapper(tf.keras.layers.Layer):
    """What normalizes the inputs of a layer, and adds them to what it makes."""

    def __init__(self, layer: tf.keras.layers.Layer):
        super().__init__()
        self.layer = layer
        self.input_layer_norm = _layers.LayerNormalization()
        self.output_layer_norm = None

    def call(self, inputs, *args):
        return inputs + self.layer(self.input_layer_norm(inputs), *args)


class SelfAttentionEncoderLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int):
        super().__init__()
        self.self_attention = TransformerLayerWrapper(MultiHeadAttention(width))
        self.ffn = TransformerLayerWrapper(FeedForwardNetwork(inner, width))

    def call(self, x):
        return self.ffn(self.self_attention(x))


class SelfAttentionDecoderLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int):
        super().__init__()
        self.self_attention = TransformerLayerWrapper(MultiHeadAttention(width))
        self.attention = [TransformerLayerWrapper(MultiHeadAttention(width))]
        self.ffn = TransformerLayerWrapper(FeedForwardNetwork(inner, width))

    def call(self, x, memory):
        return self.ffn(self.attention[0](self.self_attention(x), memory))


class Dense(tf.keras.layers.Dense):
    """The layer of OpenNMT-tf, whose matrix is the transposed one of another."""

    def __init__(self, units: int, weight: tf.Variable):
        super().__init__(units)
        self.weight = weight

    def add_weight(self, name, *args, **options):
        return self.weight if name == 'kernel' else super().add_weight(name, *args, **options)

    def call(self, inputs):
        return tf.matmul(inputs, self.kernel, transpose_b=True) + self.bias


class WordEmbedder(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int):
        super().__init__()
        self._shape = words, width

    def build(self, _):
        self.embedding = self.add_weight(name='embedding', shape=self._shape)
        self.built = True

    def call(self, ids):
        return tf.nn.embedding_lookup(self.embedding, ids)


class _Side(tf.keras.layers.Layer):
    """The encoder or the decoder, without positions, which are no variables."""

    kind: type

    def __init__(self, count: int, width: int, inner: int):
        super().__init__()
        self._width = width
        self.layer_norm = _layers.LayerNormalization()
        self.layers = [self.kind(width, inner) for _ in range(count)]

    def call(self, inputs, *memory):
        x = inputs * self._width**0.5
        for layer in self.layers:
            x = layer(x, *memory)
        return self.layer_norm(x)


class SelfAttentionEncoder(_Side):
    kind = SelfAttentionEncoderLayer


class SelfAttentionDecoder(_Side):
    kind = SelfAttentionDecoderLayer


class TransformerBaseSharedEmbeddings(tf.keras.Model):
    """The model of OpenNMT-tf, all of whose tables are one."""

    def __init__(self, words: int, count: int, width: int, inner: int):
        super().__init__()
        source, target = WordEmbedder(words, width), WordEmbedder(words, width)
        self.examples_inputter = Part(features_inputter=source, labels_inputter=target)
        source.build(None)
        target.embedding, target.built = source.embedding, True
        self.encoder = SelfAttentionEncoder(count, width, inner)
        self.decoder = SelfAttentionDecoder(count, width, inner)
        self.decoder.output_layer = Dense(words, source.embedding)

    def call(self, ids):
        inputters = self.examples_inputter
        memory = self.encoder(inputters.features_inputter(ids))
        return self.decoder.output_layer(self.decoder(inputters.labels_inputter(ids), memory))


def open_nmt_transformer() -> Pair:
    """tensorflow/models' official Transformer of r1.x, narrow, and the TransformerBaseSharedEmbeddings of OpenNMT-tf.

    The new one is that of OpenNMT/OpenNMT-tf's V2, whose attention and output have biases, which the old one has not.
    The old program keeps its slots in a scope of their own. How the new inputters, whose tables
    are one, name and hold it, is not verified.
    """
    tf.keras.backend.clear_session()
    rows, count, width, words, root = Rows(), 6, 96, 800, 'model/Transformer'
    model = TransformerBaseSharedEmbeddings(words, count, width, 4 * width)
    model(tf.zeros([1, 4], tf.int32))
    table = model.examples_inputter.features_inputter.embedding
    rows.add(table, f'{root}/embedding_shared_weights/embedding_and_softmax/weights')

    def norm(layer: Any, source: str) -> None:
        rows.layer(layer, f'{root}/{source}/layer_normalization', _NORM, **_NORM)

    def attend(wrapper: TransformerLayerWrapper, source: str, kind: str) -> None:
        norm(wrapper.input_layer_norm, source)
        for part, short in (('queries', 'q'), ('keys', 'k'), ('values', 'v'), ('output', 'output_transform')):
            layer = getattr(wrapper.layer, f'linear_{part}')
            rows.add(layer.kernel, f'{root}/{source}/{kind}/{short}/kernel')

    for name in ('encoder', 'decoder'):
        side = getattr(model, name)
        for n, layer in enumerate(side.layers):
            at = f'{name}_stack/layer_{n}'
            attend(layer.self_attention, f'{at}/self_attention', 'self_attention')
            if name == 'decoder':
                attend(layer.attention[0], f'{at}/encdec_attention', 'attention')
            norm(layer.ffn.input_layer_norm, f'{at}/ffn')
            for part, source in (('inner', 'filter_layer'), ('outer', 'output_layer')):
                rows.layer(getattr(layer.ffn.layer, part), f'{root}/{at}/ffn/feed_foward_network/{source}')
        norm(side.layer_norm, f'{name}_stack')
    scope = 'model/get_train_op'
    steps = {'global_step': (), f'{scope}/beta1_power': (), f'{scope}/beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', prefix=f'{scope}/', others=steps)


def katakana() -> Pair:
    """tensorflow/nmt of one layer with Luong's attention and Adam, and wanasit/katakana's attention-based notebook.

    Both have 54 and 89 symbols and are 64 wide, as the new one is. The old decoder sees the attention besides, so that
    its kernel has no target, and its attention has a matrix for the memory. The new one mixes the context before the
    outputs, so that the halves of the matrix are the other way round. Only the new mixture and output have biases.
    """
    tf.keras.backend.clear_session()
    rows, width, old, new, at = Rows(), 64, 54, 89, 'dynamic_seq2seq'
    inputs, others = _layers.Input([20]), _layers.Input([20])
    tables = [_layers.Embedding(count, width, input_length=20, mask_zero=True) for count in (old, new)]
    recurrent = [_layers.LSTM(width, return_sequences=True, unroll=True) for _ in range(2)]
    encoder = recurrent[0](tables[0](inputs))
    last = encoder[:, -1, :]
    decoder = recurrent[1](tables[1](others), initial_state=[last, last])
    attention = _layers.dot([decoder, encoder], axes=[2, 2])
    attention = _layers.Activation('softmax', name='attention')(attention)
    context = _layers.dot([attention, encoder], axes=[2, 1])
    mixed = _layers.concatenate([context, decoder])
    mixture, output = _layers.Dense(width, activation='tanh'), _layers.Dense(new, activation='softmax')
    y = _layers.TimeDistributed(output)(_layers.TimeDistributed(mixture)(mixed))
    for table, side in zip(tables, ('encoder', 'decoder'), strict=True):
        rows.add(table.embeddings, f'embeddings/{side}/embedding_{side}')
    rows.lstm(recurrent[0].cell, f'{at}/encoder/rnn/basic_lstm_cell')
    rows.add(recurrent[1].cell.bias, f'{at}/decoder/attention/basic_lstm_cell/bias')
    rows.layer(mixture, f'{at}/decoder/attention/attention_layer', ['kernel'])
    rows.layer(output, f'{at}/decoder/output_projection', ['kernel'])
    pair = rows.pair(
        {
            f'{at}/decoder/attention/basic_lstm_cell/kernel': (3 * width, 4 * width),
            f'{at}/decoder/memory_layer/kernel': (width, width),
        },
        model=tf.keras.Model([inputs, others], y),
    )
    # nmt gives its step no name.
    steps = {'Variable': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', others=steps)
