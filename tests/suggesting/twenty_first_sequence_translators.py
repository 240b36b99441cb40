"""Pairs of translators, for the twenty-first blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair, Shapes

_layers = tf.keras.layers
_NORM = ('gamma', 'beta')


class DotProductAttention(tf.keras.layers.Layer):
    """The attention of the book, without masks."""

    def __init__(self, dropout: float):
        super().__init__()
        self.dropout = _layers.Dropout(dropout)

    def call(self, queries, keys, values):
        scores = tf.matmul(queries, keys, transpose_b=True)
        return tf.matmul(self.dropout(tf.nn.softmax(scores)), values)


class MultiHeadAttention(tf.keras.Model):
    """The attention, which is a d2l.Module, here with one head."""

    def __init__(self, width: int, dropout: float, bias: bool = False):
        super().__init__()
        self.attention = DotProductAttention(dropout)
        self.W_q = _layers.Dense(width, use_bias=bias)
        self.W_k = _layers.Dense(width, use_bias=bias)
        self.W_v = _layers.Dense(width, use_bias=bias)
        self.W_o = _layers.Dense(width, use_bias=bias)

    def call(self, inputs):
        queries, keys, values = inputs
        return self.W_o(self.attention(self.W_q(queries), self.W_k(keys), self.W_v(values)))


class PositionWiseFFN(tf.keras.layers.Layer):
    def __init__(self, inner: int, width: int):
        super().__init__()
        self.dense1 = _layers.Dense(inner)
        self.relu = _layers.ReLU()
        self.dense2 = _layers.Dense(width)

    def call(self, x):
        return self.dense2(self.relu(self.dense1(x)))


class AddNorm(tf.keras.layers.Layer):
    def __init__(self, norm_shape: list[int], dropout: float):
        super().__init__()
        self.dropout = _layers.Dropout(dropout)
        self.ln = _layers.LayerNormalization(norm_shape)

    def call(self, x, y):
        return self.ln(self.dropout(y) + x)


class TransformerEncoderBlock(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, dropout: float):
        super().__init__()
        self.attention = MultiHeadAttention(width, dropout)
        self.addnorm1 = AddNorm([2], dropout)
        self.ffn = PositionWiseFFN(inner, width)
        self.addnorm2 = AddNorm([2], dropout)

    def call(self, x):
        y = self.addnorm1(x, self.attention((x, x, x)))
        return self.addnorm2(y, self.ffn(y))


class TransformerDecoderBlock(tf.keras.layers.Layer):
    def __init__(self, width: int, inner: int, dropout: float):
        super().__init__()
        self.attention1 = MultiHeadAttention(width, dropout)
        self.addnorm1 = AddNorm([2], dropout)
        self.attention2 = MultiHeadAttention(width, dropout)
        self.addnorm2 = AddNorm([2], dropout)
        self.ffn = PositionWiseFFN(inner, width)
        self.addnorm3 = AddNorm([2], dropout)

    def call(self, x, encoded):
        y = self.addnorm1(x, self.attention1((x, x, x)))
        z = self.addnorm2(y, self.attention2((y, encoded, encoded)))
        return self.addnorm3(z, self.ffn(z))


class TransformerEncoder(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int, inner: int, count: int, dropout: float):
        super().__init__()
        self.embedding = _layers.Embedding(words, width)
        self.blks = [TransformerEncoderBlock(width, inner, dropout) for _ in range(count)]

    def call(self, ids):
        x = self.embedding(ids)
        for block in self.blks:
            x = block(x)
        return x


class TransformerDecoder(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int, inner: int, count: int, dropout: float):
        super().__init__()
        self.embedding = _layers.Embedding(words, width)
        self.blks = [TransformerDecoderBlock(width, inner, dropout) for _ in range(count)]
        self.dense = _layers.Dense(words)

    def call(self, ids, encoded):
        x = self.embedding(ids)
        for block in self.blks:
            x = block(x, encoded)
        return self.dense(x)


class Seq2Seq(tf.keras.Model):
    def __init__(self, encoder: TransformerEncoder, decoder: TransformerDecoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def call(self, inputs):
        sources, targets = inputs
        return self.decoder(targets, self.encoder(sources))


class _Collector:
    """Notes the parts of blocks, and what only the old one has of each attention."""

    def __init__(self, width: int):
        self.rows, self._width = Rows(), width
        self.others: dict[str, tuple[int, ...]] = {}

    def attend(self, attention: MultiHeadAttention, source: str) -> None:
        """Notes the three matrices; only the old ones have biases, only the new one a layer after the heads."""
        for name, end in (('q', ''), ('k', '_1'), ('v', '_2')):
            self.rows.add(getattr(attention, f'W_{name}').kernel, f'{source}/dense{end}/kernel')
            self.others[f'{source}/dense{end}/bias'] = (self._width,)

    def feed(self, network: PositionWiseFFN, source: str) -> None:
        """Notes the two layers, which are convolutions of one place in the old one."""
        for dense, end in ((network.dense1, ''), (network.dense2, '_1')):
            at = f'{source}/ff/conv1d{end}'
            self.rows.add(dense.kernel, f'{at}/kernel', (1, *dense.kernel.shape))
            self.rows.add(dense.bias, f'{at}/bias')

    def norms(self, source: str, *norms: AddNorm) -> None:
        for n, norm in enumerate(norms):
            end = f'_{n}' if n else ''
            self.rows.layer(norm.ln, f'{source}/LayerNorm{end}', _NORM)


def d2l_transformer() -> Pair:
    """lilianweng/transformer-tensorflow as it is trained, narrow, and the Transformer of d2l-ai/d2l-en by TensorFlow.

    The new one is that of its chapter attention-mechanisms-and-transformers/transformer.md, a d2l.Seq2Seq, with the
    count and the widths of layers of the old one, which is that of its last version, and without masks, heads and
    places, which have no variables. Both normalize after each part. The old attentions have biases, but no layer after
    the heads, so that each W_o has no source.
    """
    tf.keras.backend.clear_session()
    width, inner, count, words, root = 96, 384, 6, (500, 400), 'transformer'
    collector = _Collector(width)
    encoder = TransformerEncoder(words[0], width, inner, count, 0.2)
    decoder = TransformerDecoder(words[1], width, inner, count, 0.2)
    model = Seq2Seq(encoder, decoder)
    model((tf.zeros([1, 4], tf.int32), tf.zeros([1, 4], tf.int32)))
    collector.rows.add(encoder.embedding.embeddings, f'{root}/input_preprocess/embed_lookup')
    collector.rows.add(decoder.embedding.embeddings, f'{root}/target_preprocess/embed_lookup')
    for n, block in enumerate(encoder.blks):
        at = f'{root}/encoder/enc_{n}'
        collector.attend(block.attention, f'{at}/attn')
        collector.feed(block.ffn, at)
        collector.norms(at, block.addnorm1, block.addnorm2)
    for n, block in enumerate(decoder.blks):
        at = f'{root}/decoder/dec_{n}'
        collector.attend(block.attention1, f'{at}/self_attn')
        collector.attend(block.attention2, f'{at}/attn')
        collector.feed(block.ffn, at)
        collector.norms(at, block.addnorm1, block.addnorm2, block.addnorm3)
    collector.rows.layer(decoder.dense, f'{root}/dense')
    pair = collector.rows.pair(collector.others, model=model)
    steps: Shapes = {f'{root}/beta1_power': (), f'{root}/beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', prefix=f'{root}/', others=steps)
