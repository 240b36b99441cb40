"""A pair of translators, for a twelfth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair

_NORM = {'gamma': 'layer_norm_scale', 'beta': 'layer_norm_bias'}
_layers = tf.keras.layers


class LayerNormalization(tf.keras.layers.Layer):
    def build(self, shape):
        self.gamma = self.add_weight(name='gamma', shape=shape[-1:], initializer='ones')
        self.beta = self.add_weight(name='beta', shape=shape[-1:], initializer='zeros')
        super().build(shape)

    def call(self, x):
        mean = tf.reduce_mean(x, axis=-1, keepdims=True)
        return self.gamma * (x - mean) / (tf.math.reduce_std(x, axis=-1, keepdims=True) + 1e-6) + self.beta


class MultiHeadAttention:
    """The attention of mode 0, of large matrices, without masks."""

    def __init__(self, heads: int, width: int, depth: int):
        self.n_head, self.d_k = heads, depth
        self.qs_layer = _layers.Dense(heads * depth, use_bias=False)
        self.ks_layer = _layers.Dense(heads * depth, use_bias=False)
        self.vs_layer = _layers.Dense(heads * depth, use_bias=False)
        self.dropout = _layers.Dropout(0.1)
        self.layer_norm = LayerNormalization()
        self.w_o = _layers.TimeDistributed(_layers.Dense(width))

    def __call__(self, q, k, v):
        heads, depth = self.n_head, self.d_k
        qs, ks, vs = self.qs_layer(q), self.ks_layer(k), self.vs_layer(v)

        def split(x):
            s = tf.shape(x)
            x = tf.transpose(tf.reshape(x, [s[0], s[1], heads, depth]), [2, 0, 1, 3])
            return tf.reshape(x, [-1, s[1], depth])

        def join(x):
            s = tf.shape(x)
            x = tf.transpose(tf.reshape(x, [heads, -1, s[1], s[2]]), [1, 2, 0, 3])
            return tf.reshape(x, [-1, s[1], heads * depth])

        qs, ks, vs = _layers.Lambda(split)(qs), _layers.Lambda(split)(ks), _layers.Lambda(split)(vs)
        x = _layers.Lambda(lambda x: tf.matmul(x[0], x[1], transpose_b=True) / 8)([qs, ks])
        x = self.dropout(_layers.Activation('softmax')(x))
        head = _layers.Lambda(join)(_layers.Lambda(lambda x: tf.matmul(x[0], x[1]))([x, vs]))
        outputs = _layers.Dropout(0.1)(self.w_o(head))
        return self.layer_norm(_layers.Add()([outputs, q]))

    def note(self, rows: Rows, source: str) -> None:
        at = f'{source}/multihead_attention'
        for part in 'qkv':
            rows.add(getattr(self, f'{part}s_layer').kernel, f'{at}/{part}/kernel')
        rows.add(self.w_o.layer.kernel, f'{at}/output_transform/kernel')
        rows.layer(self.layer_norm, f'{source}/layer_postprocess/layer_norm', _NORM, **_NORM)


class PositionwiseFeedForward:
    def __init__(self, width: int, inner: int):
        self.w_1 = _layers.Conv1D(inner, 1, activation='relu')
        self.w_2 = _layers.Conv1D(width, 1)
        self.layer_norm = LayerNormalization()
        self.dropout = _layers.Dropout(0.1)

    def __call__(self, x):
        return self.layer_norm(_layers.Add()([self.dropout(self.w_2(self.w_1(x))), x]))

    def note(self, rows: Rows, source: str) -> None:
        for n, layer in enumerate((self.w_1, self.w_2), 1):
            rows.add(layer.kernel, f'{source}/conv{n}/kernel', tuple(layer.kernel.shape[1:]))
            rows.add(layer.bias, f'{source}/conv{n}/bias')
        rows.layer(self.layer_norm, f'{source}/layer_postprocess/layer_norm', _NORM, **_NORM)


class _Layer:
    """A layer of the encoder, or of the decoder if it attends to the former."""

    def __init__(self, width: int, inner: int, heads: int, depth: int, attends: bool):
        self.self_att_layer = MultiHeadAttention(heads, width, depth)
        self.enc_att_layer = MultiHeadAttention(heads, width, depth) if attends else None
        self.pos_ffn_layer = PositionwiseFeedForward(width, inner)

    def __call__(self, x, encoded: Any = None):
        x = self.self_att_layer(x, x, x)
        if self.enc_att_layer is not None:
            x = self.enc_att_layer(x, encoded, encoded)
        return self.pos_ffn_layer(x)

    def note(self, rows: Rows, source: str) -> None:
        self.self_att_layer.note(rows, f'{source}/self_attention')
        if self.enc_att_layer is not None:
            self.enc_att_layer.note(rows, f'{source}/encdec_attention')
        self.pos_ffn_layer.note(rows, f'{source}/ffn')


def _positions(x):
    mask = tf.cast(tf.not_equal(x, 0), tf.int32)
    return tf.cumsum(tf.ones_like(x), 1) * mask


def attention_is_all_you_need_keras() -> Pair:
    """tensor2tensor's transformer_base_v1 as it is trained, and lsdefine/attention-is-all-you-need-keras', both narrow.

    The old one is trained with shared_embedding_and_softmax_weights=0 and symbol_modality_num_shards=1, so that it has
    three matrices of words, and both normalize after each part. Only the new one's attention has a bias, that of its
    output, and a table of positions. The new layers for parts are in the functional model alone, and masks, which have
    no variables, are left out. That the slots begin with training/ is as of tf.contrib.layers.optimize_loss().
    """
    tf.keras.backend.clear_session()
    rows, width, inner, heads, words = Rows(), 96, 384, 6, (700, 800)
    places = _layers.Embedding(70, width, trainable=False)
    tables = [_layers.Embedding(count, width) for count in words]
    dropout = _layers.Dropout(0.1)
    sizes = width, inner, heads, width // heads
    encoder = [_Layer(*sizes, False) for _ in range(6)]
    decoder = [_Layer(*sizes, True) for _ in range(6)]
    target_layer = _layers.TimeDistributed(_layers.Dense(words[1], use_bias=False))
    source = _layers.Input([None], dtype='int32')
    target = _layers.Input([None], dtype='int32')
    before = _layers.Lambda(lambda x: x[:, :-1])(target)
    source_places, target_places = _layers.Lambda(_positions)(source), _layers.Lambda(_positions)(before)
    x = tables[0](source)
    x = dropout(_layers.Add()([x, places(source_places)]))
    for layer in encoder:
        x = layer(x)
    y = tables[1](before)
    y = _layers.Add()([y, places(target_places)])
    for layer in decoder:
        y = layer(y, x)
    model = tf.keras.Model([source, target], target_layer(y))
    root, kinds = 'transformer', zip(('input_emb', 'target_emb'), tables, words, strict=True)
    for kind, table, count in kinds:
        rows.add(table.embeddings, f'{root}/symbol_modality_{count}_{width}/{kind}/weights_0')
    name = f'{root}/symbol_modality_{words[1]}_{width}/softmax/weights_0'
    rows.add(target_layer.layer.kernel, name, (words[1], width))
    for side, parts in (('encoder', encoder), ('decoder', decoder)):
        for n, layer in enumerate(parts):
            layer.note(rows, f'{root}/body/{side}/layer_{n}')
    pair = rows.pair({f'{root}/body/target_space_embedding/kernel': (32, width)}, model=model)
    steps = {
        'global_step': (),
        'losses_avg/problem_0/total_loss': (),
        'training/beta1_power': (),
        'training/beta2_power': (),
    }
    return with_slots(pair, 'Adam', 'Adam_1', prefix='training/', others=steps)
