"""A pair of translators, for a seventeenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair, Shapes

_layers = tf.keras.layers
_NORM = {'gamma': 'layer_norm_scale', 'beta': 'layer_norm_bias'}


class MultiHeadAttention(tf.keras.layers.Layer):
    """The attention of the chatbot; its heads and masks are left out."""

    def __init__(self, width: int, name: str):
        super().__init__(name=name)
        self.query_dense = _layers.Dense(units=width)
        self.key_dense = _layers.Dense(units=width)
        self.value_dense = _layers.Dense(units=width)
        self.dense = _layers.Dense(units=width)

    def call(self, inputs):
        query, key = self.query_dense(inputs['query']), self.key_dense(inputs['key'])
        weights = tf.nn.softmax(tf.matmul(query, key, transpose_b=True))
        return self.dense(weights @ self.value_dense(inputs['value']))


class PositionalEncoding(tf.keras.layers.Layer):
    """Stands for the waves that are added, which are no variables."""

    def call(self, x):
        return tf.identity(x)


class _Chatbot:
    """Makes the functional models of the chatbot, and notes the names of tensor2tensor."""

    def __init__(self, count: int, width: int, inner: int, words: int):
        self.rows, self._count, self._words = Rows(), count, words
        self._width, self._inner = width, inner

    def _norm(self, x: Any, y: Any, source: str) -> Any:
        norm = _layers.LayerNormalization(epsilon=1e-6)
        z = norm(x + y)
        self.rows.layer(norm, f'{source}/layer_postprocess/layer_norm', _NORM, **_NORM)
        return z

    def _attend(self, name: str, x: Any, memory: Any, source: str) -> Any:
        attention = MultiHeadAttention(self._width, name)
        y = _layers.Dropout(0.1)(attention({'query': x, 'key': memory, 'value': memory}))
        parts = ('query_dense', 'q'), ('key_dense', 'k'), ('value_dense', 'v'), ('dense', 'output_transform')
        for attribute, part in parts:
            layer = getattr(attention, attribute)
            self.rows.add(layer.kernel, f'{source}/multihead_attention/{part}/kernel')
        return self._norm(x, y, source)

    def _layer(self, side: str, n: int) -> tf.keras.Model:
        at, shape = f'transformer/body/{side}/layer_{n}', [None, self._width]
        x = tf.keras.Input(shape, name='inputs')
        inputs = [x]
        if side == 'decoder':
            inputs.append(tf.keras.Input(shape, name='encoder_outputs'))
            x = self._attend('attention_1', x, x, f'{at}/self_attention')
            x = self._attend('attention_2', x, inputs[1], f'{at}/encdec_attention')
        else:
            x = self._attend('attention', x, x, f'{at}/self_attention')
        first, second = _layers.Dense(self._inner, activation='relu'), _layers.Dense(self._width)
        y = _layers.Dropout(0.1)(second(first(x)))
        for m, layer in enumerate((first, second), 1):
            self.rows.layer(layer, f'{at}/ffn/conv{m}')
        return tf.keras.Model(inputs, self._norm(x, y, f'{at}/ffn'), name=f'{side}_layer_{n}')

    def side(self, side: str) -> tf.keras.Model:
        """Returns the encoder or the decoder."""
        inputs = [tf.keras.Input([None], name='inputs')]
        if side == 'decoder':
            inputs.append(tf.keras.Input([None, self._width], name='encoder_outputs'))
        table = _layers.Embedding(self._words, self._width)
        x, name = table(inputs[0]), {'encoder': 'input', 'decoder': 'target'}[side]
        at = f'transformer/symbol_modality_{self._words}_{self._width}/{name}_emb'
        self.rows.add(table.embeddings, f'{at}/weights_0')
        x *= tf.math.sqrt(tf.cast(self._width, tf.float32))
        x = _layers.Dropout(0.1)(PositionalEncoding()(x))
        for n in range(self._count):
            x = self._layer(side, n)([x, *inputs[1:]])
        return tf.keras.Model(inputs, x, name=side)


def chatbot() -> Pair:
    """tensorflow/tensor2tensor's transformer_base_v1 as it is trained, narrow, and bryanlimy/tf2-transformer-chatbot's.

    The new one is that of its transformer/model.py, and has two tables of one count of words.
    The old one is trained with shared_embedding_and_softmax_weights=0 and symbol_modality_num_shards=1, so that it has
    three matrices of words, of which that of the output is transposed. Both normalize after each part. Only the new
    attention, and output, have biases; masks are left out. That the slots begin with training/ is as of
    tf.contrib.layers.optimize_loss().
    """
    tf.keras.backend.clear_session()
    count, width, inner, words = 6, 96, 384, 800
    made = _Chatbot(count, width, inner, words)
    inputs, others = (tf.keras.Input([None], name=name) for name in ('inputs', 'dec_inputs'))
    encoded = made.side('encoder')(inputs)
    decoded = made.side('decoder')([others, encoded])
    output = _layers.Dense(words, name='outputs')
    model = tf.keras.Model([inputs, others], output(decoded), name='transformer')
    made.rows.add(
        output.kernel, f'transformer/symbol_modality_{words}_{width}/softmax/weights_0', (words, width)
    )
    steps: Shapes = {
        'global_step': (),
        'losses_avg/problem_0/total_loss': (),
        'training/beta1_power': (),
        'training/beta2_power': (),
    }
    old = {'transformer/body/target_space_embedding/kernel': (32, width)}
    return with_slots(made.rows.pair(old, model=model), 'Adam', 'Adam_1', prefix='training/', others=steps)
