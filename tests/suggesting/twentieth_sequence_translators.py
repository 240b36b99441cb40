"""Pairs of translators, for the twentieth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.keras_nlp_layers import Encoder
from tests.suggesting.known_pairs import Pair
from tests.suggesting.twentieth_sequence_encoders import TokenAndPositionEmbedding

_layers = tf.keras.layers
_NORM = ('gamma', 'beta')
_STEPS = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}


class Decoder(tf.keras.layers.Layer):
    """The TransformerDecoder of KerasNLP, with an encoder and without masks."""

    def __init__(self, heads: int, inner: int, name: str):
        super().__init__(name=name)
        self._sizes = heads, inner

    def build(self, shape):
        width, (heads, inner) = shape[-1], self._sizes
        self._self_attention_layer = _layers.MultiHeadAttention(heads, width // heads)
        self._self_attention_layer._build_from_signature(shape, shape)
        self._self_attention_layernorm = _layers.LayerNormalization()
        self._self_attention_dropout = _layers.Dropout(0.0)
        self._cross_attention_layer = _layers.MultiHeadAttention(heads, width // heads)
        self._cross_attention_layer._build_from_signature(shape, shape)
        self._cross_attention_layernorm = _layers.LayerNormalization()
        self._cross_attention_dropout = _layers.Dropout(0.0)
        self._feedforward_intermediate_dense = _layers.Dense(inner, activation='relu')
        self._feedforward_output_dense = _layers.Dense(width)
        self._feedforward_layernorm = _layers.LayerNormalization()
        self._feedforward_dropout = _layers.Dropout(0.0)

    def call(self, x, encoded):
        y = self._self_attention_dropout(self._self_attention_layer(x, x))
        x = self._self_attention_layernorm(x + y)
        y = self._cross_attention_dropout(self._cross_attention_layer(x, encoded))
        x = self._cross_attention_layernorm(x + y)
        y = self._feedforward_output_dense(self._feedforward_intermediate_dense(x))
        return self._feedforward_layernorm(x + self._feedforward_dropout(y))


def _attend(rows: Rows, attention: Any, norm: Any, at: str) -> None:
    """Notes the three matrices, whose heads are an axis of the new ones alone, and the norm after them."""
    for name, end in (('query', ''), ('key', '_1'), ('value', '_2')):
        layer = getattr(attention, f'_{name}_dense')
        width, heads, size = layer.kernel.shape
        rows.add(layer.kernel, f'{at}/dense{end}/kernel', (width, heads * size))
        rows.add(layer.bias, f'{at}/dense{end}/bias', (heads * size,))
    rows.layer(norm, f'{at}/ln', _NORM)


def spanish() -> Pair:
    """Kyubyong/transformer as it is trained, narrow, and keras-io's neural_machine_translation_with_keras_nlp.

    The new one is that of keras-team/keras-io's examples/nlp, with the count and the widths of layers of the old one;
    its layers are those of KerasNLP of 2022, but for the width of the values of an attention, which is that of the
    keys, as in its later versions. Both normalize after each part. Only the new attentions have a layer after the
    heads. The old one has one table for all, the new one two, of other words, with places, and outputs of their own,
    so that none of these has a source.
    """
    tf.keras.backend.clear_session()
    rows, count, width, heads, words, places = Rows(), 6, 128, 8, 300, 40
    inputs = _layers.Input([None], dtype='int64', name='encoder_inputs')
    x = TokenAndPositionEmbedding(words, places, width)(inputs)
    encoders, decoders = (
        [made(heads, 4 * width, f'{name}_{n}'.removesuffix('_0')) for n in range(count)]
        for made, name in ((_encoder, 'transformer_encoder'), (Decoder, 'transformer_decoder'))
    )
    for layer in encoders:
        x = layer(x)
    encoded = x
    targets = _layers.Input([None], dtype='int64', name='decoder_inputs')
    states = _layers.Input([None, width], name='decoder_state_inputs')
    x = TokenAndPositionEmbedding(words, places, width)(targets)
    for layer in decoders:
        x = layer(x, states)
    output = _layers.Dense(words, activation='softmax')
    decoder = tf.keras.Model([targets, states], output(_layers.Dropout(0.5)(x)))
    model = tf.keras.Model([inputs, targets], decoder([targets, encoded]), name='transformer')
    for side, layers in (('encoder', encoders), ('decoder', decoders)):
        first = 'multihead_attention' if side == 'encoder' else 'self_attention'
        for n, layer in enumerate(layers):
            at = f'{side}/num_blocks_{n}'
            _attend(rows, layer._self_attention_layer, layer._self_attention_layernorm, f'{at}/{first}')
            if side == 'decoder':
                norm = layer._cross_attention_layernorm
                _attend(rows, layer._cross_attention_layer, norm, f'{at}/vanilla_attention')
            at = f'{at}/positionwise_feedforward'
            rows.layer(layer._feedforward_intermediate_dense, f'{at}/dense')
            rows.layer(layer._feedforward_output_dense, f'{at}/dense_1')
            rows.layer(layer._feedforward_layernorm, f'{at}/ln', _NORM)
    pair = rows.pair({'shared_weight_matrix/weight_mat': (2 * words, width)}, model=model)
    return with_slots(pair, 'Adam', 'Adam_1', others=_STEPS)


def _encoder(heads: int, inner: int, name: str) -> Encoder:
    return Encoder(heads, inner, name, builds_attention=True)


class WordEmbedder(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int):
        super().__init__()
        self.vocabulary_size, self.embedding_size = words, width

    def build(self, shape):
        self.embedding = self.add_weight('embedding', shape=[self.vocabulary_size, self.embedding_size])
        super().build(shape)

    def call(self, ids):
        return tf.gather(self.embedding, ids)


class Inputter(tf.keras.layers.Layer):
    """What has the inputters of both sides."""

    def __init__(self, sizes: tuple[int, int], width: int):
        super().__init__()
        self.features_inputter, self.labels_inputter = (WordEmbedder(size, width) for size in sizes)
        self.inputters = [self.features_inputter, self.labels_inputter]


class RNNCellWrapper(tf.keras.layers.Layer):
    def __init__(self, cell: tf.keras.layers.Layer):
        super().__init__()
        self.layer = cell
        self.cell = cell

    @property
    def state_size(self):
        return self.cell.state_size

    @property
    def output_size(self):
        return self.cell.output_size

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        return self.cell.get_initial_state(inputs=inputs, batch_size=batch_size, dtype=dtype)

    def call(self, x, states):
        return self.layer(x, states)


def _make_rnn_cell(count: int, units: int) -> tf.keras.layers.StackedRNNCells:
    return _layers.StackedRNNCells([RNNCellWrapper(_layers.LSTMCell(units)) for _ in range(count)])


class RNN(tf.keras.layers.Layer):
    def __init__(self, cell: tf.keras.layers.Layer):
        super().__init__()
        self.rnn = _layers.RNN(cell, return_sequences=True, return_state=True)

    def call(self, x):
        outputs, *states = self.rnn(x)
        return outputs, states


class RNNEncoder(tf.keras.layers.Layer):
    def __init__(self, count: int, units: int):
        super().__init__()
        self.rnn = RNN(_make_rnn_cell(count, units))

    def call(self, x):
        return self.rnn(x)


class LuongAttention(tf.keras.layers.Layer):
    """The attention of TensorFlow Addons."""

    def __init__(self, units: int):
        super().__init__(name='LuongAttention')
        self.memory_layer = _layers.Dense(units, name='memory_layer', use_bias=False)

    def call(self, query, memory):
        scores = tf.einsum('bd,btd->bt', query, self.memory_layer(memory))
        return tf.einsum('bt,btd->bd', tf.nn.softmax(scores), memory)


class AttentionWrapper(tf.keras.layers.Layer):
    """The wrapper of TensorFlow Addons, for one step from an attention of zeros."""

    def __init__(self, cell: Any, mechanism: LuongAttention, layer: tf.keras.layers.Layer):
        super().__init__()
        self._attention_layers = [layer]
        self._cell = cell
        self._attention_mechanisms = [mechanism]

    def call(self, x, states, memory):
        x, _ = self._cell(tf.concat([x, tf.zeros_like(x)], -1), states)
        context = self._attention_mechanisms[0](x, memory)
        return self._attention_layers[0](tf.concat([x, context], -1))


class AttentionalRNNDecoder(tf.keras.layers.Layer):
    def __init__(self, count: int, units: int, words: int):
        super().__init__()
        cell = _make_rnn_cell(count, units)
        self.attention_mechanism = LuongAttention(units)
        mixed = _layers.Dense(units, use_bias=False)
        self.cell = AttentionWrapper(cell, self.attention_mechanism, mixed)
        self.output_layer = _layers.Dense(words)

    def call(self, x, states, memory):
        return self.output_layer(self.cell(x, states, memory))


class SequenceToSequence(tf.keras.Model):
    def __init__(self, sizes: tuple[int, int], count: int, units: int):
        super().__init__()
        self.examples_inputter = Inputter(sizes, units)
        self.encoder = RNNEncoder(count, units)
        self.decoder = AttentionalRNNDecoder(count, units, sizes[1])

    def call(self, inputs):
        sources, targets = inputs
        memory, states = self.encoder(self.examples_inputter.features_inputter(sources))
        return self.decoder(self.examples_inputter.labels_inputter(targets), states, memory)


def small_nmt() -> Pair:
    """OpenNMT/OpenNMT-tf's NMTSmall of its last V1 as it is trained with Adam, narrow, and its NMTSmallV1 of V2.

    The answer is that of the latter's map_v1_weights, which divides the kernels of the LSTMs. Here the new decoder
    makes but one step, from an attention of zeros, and its classes of TensorFlow Addons have only their variables and
    attributes. Of the names of the old slots only optim is verified, and the place of its outputs is not.
    """
    tf.keras.backend.clear_session()
    rows, sizes, count, units = Rows(), (500, 400), 2, 128
    model = SequenceToSequence(sizes, count, units)
    model((tf.zeros([1, 4], tf.int32), tf.zeros([1], tf.int32)))
    inputter, decoder = model.examples_inputter, model.decoder
    rows.add(inputter.features_inputter.embedding, 'seq2seq/encoder/w_embs')
    rows.add(inputter.labels_inputter.embedding, 'seq2seq/decoder/w_embs')
    at = 'seq2seq/decoder/decoder/attention_wrapper'
    for stack, scope in ((model.encoder.rnn.rnn.cell, 'seq2seq/encoder/rnn'), (decoder.cell._cell, at)):
        for n, wrapper in enumerate(stack.cells):
            rows.lstm(wrapper.cell, f'{scope}/multi_rnn_cell/cell_{n}/lstm_cell')
    rows.layer(decoder.attention_mechanism.memory_layer, 'seq2seq/decoder/memory_layer', ['kernel'])
    rows.layer(decoder.cell._attention_layers[0], f'{at}/attention_layer', ['kernel'])
    rows.layer(decoder.output_layer, 'seq2seq/decoder/dense')
    steps = {'global_step': (), 'optim/beta1_power': (), 'optim/beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', prefix='optim/', others=steps)
