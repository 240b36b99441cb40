"""Pairs of translators, for the nineteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


def _norm() -> tf.keras.layers.LayerNormalization:
    return _layers.LayerNormalization(epsilon=1e-6, dtype='float32')


class Attention(tf.keras.layers.Layer):
    """The attention of official/legacy/transformer, here without masks; it makes its layers when it is built."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.hidden_size, self.num_heads = width, heads

    def build(self, shape):
        split = None, self.num_heads, self.hidden_size // self.num_heads
        for part in ('query', 'key', 'value'):
            layer = _layers.EinsumDense('BTE,ENH->BTNH', output_shape=split, bias_axes=None, name=part)
            setattr(self, f'{part}_dense_layer', layer)
        self.output_dense_layer = _layers.EinsumDense(
            'BTNH,NHE->BTE', output_shape=(None, self.hidden_size), bias_axes=None, name='output_transform'
        )
        super().build(shape)

    def call(self, x, source):
        query, key, value = (
            self.query_dense_layer(x),
            self.key_dense_layer(source),
            self.value_dense_layer(source),
        )
        weights = tf.nn.softmax(tf.einsum('BTNH,BFNH->BNFT', key, query))
        return self.output_dense_layer(tf.einsum('BNFT,BTNH->BFNH', weights, value))


class SelfAttention(Attention):
    def call(self, x):
        return super().call(x, x)


class FeedForwardNetwork(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int):
        super().__init__()
        self.hidden_size, self.filter_size = width, inner

    def build(self, shape):
        self.filter_dense_layer = _layers.Dense(self.filter_size, activation=tf.nn.relu, name='filter_layer')
        self.output_dense_layer = _layers.Dense(self.hidden_size, name='output_layer')
        super().build(shape)

    def call(self, x):
        return self.output_dense_layer(self.filter_dense_layer(x))


class PrePostProcessingWrapper(tf.keras.layers.Layer):
    def __init__(self, layer: tf.keras.layers.Layer):
        super().__init__()
        self.layer = layer

    def build(self, shape):
        self.layer_norm = _norm()
        super().build(shape)

    def call(self, x, *others):
        return x + self.layer(self.layer_norm(x), *others)


class Stack(tf.keras.layers.Layer):
    """What is EncoderStack and DecoderStack there; the latter's layers see what the encoder gives, too."""

    def __init__(self, sizes: tuple[int, int, int, int], sees: bool, **options: Any):
        super().__init__(**options)
        self._sizes, self._sees = sizes, sees
        self.layers = []

    def build(self, shape):
        count, width, inner, heads = self._sizes
        for _ in range(count):
            parts = [SelfAttention(width, heads)]
            if self._sees:
                parts.append(Attention(width, heads))
            parts.append(FeedForwardNetwork(width, inner))
            self.layers.append([PrePostProcessingWrapper(part) for part in parts])
        self.output_normalization = _norm()
        super().build(shape)

    def call(self, x, encoded=None):
        for n, (first, *seeing, last) in enumerate(self.layers):
            with tf.name_scope(f'layer_{n}'):
                with tf.name_scope('self_attention'):
                    x = first(x)
                for part in seeing:
                    with tf.name_scope('encdec_attention'):
                        x = part(x, encoded)
                with tf.name_scope('ffn'):
                    x = last(x)
        return self.output_normalization(x)


class EmbeddingSharedWeights(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int):
        super().__init__()
        self.vocab_size, self.hidden_size = words, width

    def build(self, shape):
        with tf.name_scope('embedding_and_softmax'):
            extents = [self.vocab_size, self.hidden_size]
            self.shared_weights = self.add_weight('weights', shape=extents, dtype=tf.float32)
        super().build(shape)

    def call(self, inputs, mode='embedding'):
        if mode == 'embedding':
            return tf.gather(self.shared_weights, inputs) * self.hidden_size**0.5
        return tf.einsum('bte,ve->btv', inputs, self.shared_weights)


class Transformer(tf.keras.Model):
    def __init__(self, words: int, sizes: tuple[int, int, int, int], **options: Any):
        super().__init__(**options)
        self.embedding_softmax_layer = EmbeddingSharedWeights(words, sizes[1])
        self.encoder_stack = Stack(sizes, False, name='encoder_stack')
        self.decoder_stack = Stack(sizes, True, name='decoder_stack')

    def call(self, inputs):
        with tf.name_scope('Transformer'):
            with tf.name_scope('encode'):
                encoded = self.encoder_stack(self.embedding_softmax_layer(inputs[0]))
            with tf.name_scope('decode'):
                y = self.decoder_stack(self.embedding_softmax_layer(inputs[1]), encoded)
                return self.embedding_softmax_layer(y, mode='linear')


def legacy_transformer() -> Pair:
    """tensorflow/tensor2tensor's transformer_base as it is trained, narrow, and official/legacy of tensorflow/models.

    The new one is the model that create_model of its transformer.py makes for training; its table of positions has no
    variables and is left out. Both normalize before each part. The heads are an axis of the new kernels. The old one
    keeps its one table in 16 parts, so that the new table has no source. That the slots begin with training/ is as of
    tf.contrib.layers.optimize_loss().
    """
    tf.keras.backend.clear_session()
    rows, words, width, inner = Rows(), 1600, 96, 384
    with tf.name_scope('model'):
        inputs = [_layers.Input([None], dtype='int64', name=name) for name in ('inputs', 'targets')]
        transformer = Transformer(words, (6, width, inner, 8), name='transformer_v2')
        logits = _layers.Lambda(lambda x: x, name='logits')(transformer(inputs))
    model, body = tf.keras.Model(inputs, logits), 'transformer/body'

    def norm(layer: Any, at: str) -> None:
        at = f'{at}/layer_prepostprocess/layer_norm/layer_norm'
        rows.add(layer.gamma, f'{at}_scale')
        rows.add(layer.beta, f'{at}_bias')

    def attend(layer: Any, at: str) -> None:
        parts = {'q': 'query', 'k': 'key', 'v': 'value', 'output_transform': 'output'}
        for short, part in parts.items():
            kernel = getattr(layer, f'{part}_dense_layer').kernel
            rows.add(kernel, f'{at}/multihead_attention/{short}/kernel', (width, width))

    for side, stack in (('encoder', transformer.encoder_stack), ('decoder', transformer.decoder_stack)):
        for n, (*attentions, last) in enumerate(stack.layers):
            at = f'{body}/{side}/layer_{n}'
            for part, wrapper in zip(('self_attention', 'encdec_attention'), attentions, strict=False):
                norm(wrapper.layer_norm, f'{at}/{part}')
                attend(wrapper.layer, f'{at}/{part}')
            norm(last.layer_norm, f'{at}/ffn')
            rows.layer(last.layer.filter_dense_layer, f'{at}/ffn/conv1')
            rows.layer(last.layer.output_dense_layer, f'{at}/ffn/conv2')
        norm(stack.output_normalization, f'{body}/{side}')
    table = f'transformer/symbol_modality_{words}_{width}/shared/weights'
    others = {f'{table}_{n}': (words // 16, width) for n in range(16)}
    others[f'{body}/target_space_embedding/kernel'] = (32, width)
    steps = {'training/beta1_power': (), 'training/beta2_power': (), 'losses_avg/problem_0/total_loss': ()}
    pair = with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', prefix='training/', others=steps)
    return Pair({**pair.shapes, 'global_step': ()}, pair.target, pair.sources)


class Encoder(tf.keras.Model):
    """The encoder of the tutorial."""

    def __init__(self, words: int, width: int, units: int):
        super().__init__()
        self.enc_units = units
        self.embedding = _layers.Embedding(words, width)
        self.gru = _layers.GRU(units, return_sequences=True, return_state=True)

    def call(self, x, hidden):
        return self.gru(self.embedding(x), initial_state=hidden)


class BahdanauAttention(tf.keras.layers.Layer):
    """The attention of the tutorial."""

    def __init__(self, units: int):
        super().__init__()
        self.W1, self.W2, self.V = _layers.Dense(units), _layers.Dense(units), _layers.Dense(1)

    def call(self, query, values):
        score = self.V(tf.nn.tanh(self.W1(query[:, None]) + self.W2(values)))
        return tf.reduce_sum(tf.nn.softmax(score, axis=1) * values, axis=1)


class Decoder(tf.keras.Model):
    """The decoder of the tutorial."""

    def __init__(self, words: int, width: int, units: int):
        super().__init__()
        self.dec_units = units
        self.embedding = _layers.Embedding(words, width)
        self.gru = _layers.GRU(units, return_sequences=True, return_state=True)
        self.fc = _layers.Dense(words)
        self.attention = BahdanauAttention(units)

    def call(self, x, hidden, encoded):
        context = self.attention(hidden, encoded)
        output, _ = self.gru(tf.concat([context[:, None], self.embedding(x)], axis=-1))
        return self.fc(output[:, 0])


def tutorial_translator() -> Pair:
    """tensorflow/nmt of one layer of GRUs with Bahdanau's attention and Adam, and tensorflow/docs' nmt_with_attention.

    The new one is that of the tutorial before its layers for texts, with tables as wide as its units, as the old one's
    are. The old cells have a matrix for the gates and one for the rest, the new ones two for all that, so that these
    have no sources. Only the old one mixes the attention before its outputs; it has no biases there, nor in it.
    """
    tf.keras.backend.clear_session()
    rows, units, old, new, at = Rows(), 256, 900, 1100, 'dynamic_seq2seq'
    encoder, decoder = Encoder(old, units, units), Decoder(new, units, units)
    encoded, state = encoder(tf.zeros([1, 4], tf.int32), tf.zeros([1, units]))
    decoder(tf.zeros([1, 1], tf.int32), state, encoded)
    for side, part in (('encoder', encoder), ('decoder', decoder)):
        rows.add(part.embedding.embeddings, f'embeddings/{side}/embedding_{side}')
    attention, scope = decoder.attention, f'{at}/decoder/attention'
    rows.layer(attention.W1, f'{scope}/bahdanau_attention/query_layer', ['kernel'])
    rows.layer(attention.W2, f'{at}/decoder/memory_layer', ['kernel'])
    rows.add(attention.V.kernel, f'{scope}/bahdanau_attention/attention_v', (units,))
    rows.layer(decoder.fc, f'{at}/decoder/output_projection', ['kernel'])
    others = {f'{scope}/attention_layer/kernel': (2 * units, units)}
    for cell, x in ((f'{at}/encoder/rnn', units), (scope, 2 * units)):
        for part, y in (('gates', 2 * units), ('candidate', units)):
            others[f'{cell}/gru_cell/{part}/kernel'] = (x + units, y)
            others[f'{cell}/gru_cell/{part}/bias'] = (y,)
    # nmt gives its step no name.
    steps = {'Variable': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, encoder=encoder, decoder=decoder), 'Adam', 'Adam_1', others=steps)
