"""Pairs of Transformers with their heads, for a fourteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_adafactor, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.thirteenth_sequence_language_models import (
    TFRemBertEmbeddings,
    TFRemBertLayer,
    TFRemBertPooler,
    add_bert,
)

_NORM = ('gamma', 'beta')
_layers = tf.keras.layers


class TFBertEncoder(tf.keras.layers.Layer):
    def __init__(self, width: int, count: int, **options: Any):
        super().__init__(**options)
        self.layer = [TFRemBertLayer(width, name=f'layer_._{n}') for n in range(count)]

    def call(self, x):
        for layer in self.layer:
            x = layer(x)
        return x


class TFBertMainLayer(tf.keras.layers.Layer):
    """The layer, whose parts have the names and the variables of RemBERT's."""

    def __init__(self, words: int, width: int, count: int, **options: Any):
        super().__init__(**options)
        self.embeddings = TFRemBertEmbeddings(words, width, name='embeddings')
        self.encoder = TFBertEncoder(width, count, name='encoder')
        self.pooler = TFRemBertPooler(width, name='pooler')

    def call(self, ids):
        x = self.encoder(self.embeddings(ids))
        return x, self.pooler(x)


class TFBertPredictionHeadTransform(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.dense = _layers.Dense(width, name='dense')
        self.LayerNorm = _layers.LayerNormalization(epsilon=1e-12, name='LayerNorm')

    def call(self, x):
        return self.LayerNorm(tf.nn.gelu(self.dense(x)))


class TFBertLMPredictionHead(tf.keras.layers.Layer):
    def __init__(self, width: int, embeddings: TFRemBertEmbeddings, **options: Any):
        super().__init__(**options)
        self.transform = TFBertPredictionHeadTransform(width, name='transform')
        self.input_embeddings = embeddings

    def build(self, shape):
        self.bias = self.add_weight(shape=(self.input_embeddings.vocab_size,), name='bias')
        super().build(shape)

    def call(self, x):
        return tf.matmul(self.transform(x), self.input_embeddings.weight, transpose_b=True) + self.bias


class TFBertMLMHead(tf.keras.layers.Layer):
    def __init__(self, width: int, embeddings: TFRemBertEmbeddings, **options: Any):
        super().__init__(**options)
        self.predictions = TFBertLMPredictionHead(width, embeddings, name='predictions')

    def call(self, x):
        return self.predictions(x)


class TFBertNSPHead(tf.keras.layers.Layer):
    def __init__(self, **options: Any):
        super().__init__(**options)
        self.seq_relationship = _layers.Dense(2, name='seq_relationship')

    def call(self, x):
        return self.seq_relationship(x)


class TFBertForPreTraining(tf.keras.Model):
    def __init__(self, words: int, width: int, count: int):
        super().__init__()
        self.bert = TFBertMainLayer(words, width, count, name='bert')
        self.nsp = TFBertNSPHead(name='nsp___cls')
        self.mlm = TFBertMLMHead(width, self.bert.embeddings, name='mlm___cls')

    def call(self, ids):
        x, pooled = self.bert(ids)
        return self.mlm(x), self.nsp(pooled)


def tf_bert() -> Pair:
    """google-research/bert's base as run_pretraining.py trains it, narrow, and huggingface/transformers' in TF.

    The new one is TFBertForPreTraining; the matrix of the next sentence is transposed.
    """
    tf.keras.backend.clear_session()
    rows, words, width = Rows(), 1000, 96
    model = TFBertForPreTraining(words, width, 12)
    model(tf.zeros([1, 4], tf.int32))
    add_bert(rows, model.bert)
    head, at = model.mlm.predictions, 'cls/predictions'
    rows.layer(head.transform.dense, f'{at}/transform/dense')
    rows.layer(head.transform.LayerNorm, f'{at}/transform/LayerNorm', _NORM)
    rows.add(head.bias, f'{at}/output_bias')
    rows.add(model.nsp.seq_relationship.kernel, 'cls/seq_relationship/output_weights', (2, width))
    rows.add(model.nsp.seq_relationship.bias, 'cls/seq_relationship/output_bias')
    return with_slots(rows.pair(model=model), 'adam_m', 'adam_v', others={'global_step': ()})


class LayerNormalization(tf.keras.layers.Layer):
    """The norm of bert4keras without a shift."""

    def build(self, shape):
        self.gamma = self.add_weight('gamma', shape=shape[-1:])
        super().build(shape)

    def call(self, x):
        return x * self.gamma


class RelativePositionEmbeddingT5(tf.keras.layers.Layer):
    def __init__(self, heads: int, name: str):
        super().__init__(name=name)
        self.output_dim = heads

    def build(self, shape):
        self.embeddings = self.add_weight('embeddings', shape=(32, self.output_dim))
        super().build(shape)

    def call(self, inputs):
        q, v = inputs
        return tf.gather(self.embeddings, tf.zeros([tf.shape(q)[1], tf.shape(v)[1]], tf.int32))


class MultiHeadAttention(tf.keras.layers.Layer):
    """The attention of bert4keras, whose layers have no names and no biases; here of one head."""

    def __init__(self, inner: int, name: str):
        super().__init__(name=name)
        self._inner = inner

    def build(self, shape):
        width = shape[0][-1]
        self.q_dense = _layers.Dense(self._inner, use_bias=False)
        self.k_dense = _layers.Dense(self._inner, use_bias=False)
        self.v_dense = _layers.Dense(self._inner, use_bias=False)
        self.o_dense = _layers.Dense(width, use_bias=False)
        super().build(shape)

    def call(self, inputs):
        q, k, v, bias = inputs
        weights = tf.matmul(self.q_dense(q), self.k_dense(k), transpose_b=True) + bias[..., 0]
        return self.o_dense(tf.matmul(tf.nn.softmax(weights), self.v_dense(v)))


class FeedForward(tf.keras.layers.Layer):
    """The network of bert4keras with two activations."""

    def __init__(self, units: int, name: str):
        super().__init__(name=name)
        self.units = units

    def build(self, shape):
        self.i0_dense = _layers.Dense(self.units, 'gelu', use_bias=False)
        self.i1_dense = _layers.Dense(self.units, use_bias=False)
        self.o_dense = _layers.Dense(shape[-1], use_bias=False)
        super().build(shape)

    def call(self, x):
        return self.o_dense(self.i0_dense(x) * self.i1_dense(x))


class _T5:
    """Makes the layers of an encoder or a decoder as bert4keras does, and notes the old names."""

    def __init__(self, rows: Rows, side: str, inner: int, heads: int, size: int):
        self._rows, self._side, self._sizes = rows, side, (inner, heads, heads * size)

    def norm(self, x: Any, source: str, name: str) -> Any:
        layer = LayerNormalization(name=f'{self._side}-{name}-Norm')
        y = layer(x)
        self._rows.add(layer.gamma, f'{source}/rms_norm/scale')
        return y

    def attention(self, x: Any, memory: Any, bias: Any, name: str, source: str, old: str) -> Any:
        y = self.norm(x, source, name)
        layer = MultiHeadAttention(self._sizes[2], f'{self._side}-{name}')
        memory = y if memory is None else memory
        y = layer([y, memory, memory, bias])
        for part in 'qkvo':
            self._rows.add(getattr(layer, f'{part}_dense').kernel, f'{source}/{old}/{part}')
        y = _layers.Dropout(0.1, name=f'{self._side}-{name}-Dropout')(y)
        return _layers.Add(name=f'{self._side}-{name}-Add')([x, y])

    def feed(self, x: Any, name: str, source: str) -> Any:
        y = self.norm(x, source, name)
        layer = FeedForward(self._sizes[0], f'{self._side}-{name}')
        y = layer(y)
        at = f'{source}/DenseReluDense'
        for part, old in (('i0', 'wi_0'), ('i1', 'wi_1'), ('o', 'wo')):
            self._rows.add(getattr(layer, f'{part}_dense').kernel, f'{at}/{old}/kernel')
        y = _layers.Dropout(0.1, name=f'{self._side}-{name}-Dropout')(y)
        return _layers.Add(name=f'{self._side}-{name}-Add')([x, y])

    def blocks(self, x: Any, memory: Any, count: int) -> Any:
        side, old = self._side, self._side.lower()
        x, biases = _layers.Dropout(0.1, name=f'{side}-Embedding-Dropout')(x), []
        table = RelativePositionEmbeddingT5(self._sizes[1], f'{side}-Embedding-Relative-Position')
        for other in [x] if memory is None else [x, memory]:
            biases.append(table([x, other]))
        source = f'{old}/block_000/layer_000/SelfAttention/relative_attention_bias'
        self._rows.add(table.embeddings, source, (self._sizes[1], 32))
        for n in range(count):
            at, name = f'{old}/block_{n:03}', f'Transformer-{n}'
            self_name = f'{name}-MultiHeadSelfAttention'
            x = self.attention(x, None, biases[0], self_name, f'{at}/layer_000', 'SelfAttention')
            if memory is not None:
                cross_name = f'{name}-MultiHeadCrossAttention'
                x = self.attention(x, memory, biases[1], cross_name, f'{at}/layer_001', 'EncDecAttention')
            x = self.feed(x, f'{name}-FeedForward', f'{at}/layer_{1 if memory is None else 2:03}')
        x = self.norm(x, old, 'Output')
        return _layers.Dropout(0.1, name=f'{side}-Output-Dropout')(x)


def bert4keras_mt5() -> Pair:
    """google-research/multilingual-t5's small one by Mesh TensorFlow, narrow, and the T5 of bojone/bert4keras.

    The answer is that of the latter's variable_mapping; the biases of positions are transposed. The decoder is a layer
    of the new model. Which axis each of the old slots is of, is not verified.
    """
    tf.keras.backend.clear_session()
    rows, words, width, inner, heads, count = Rows(), 400, 128, 256, 6, 8
    token = _layers.Embedding(words, width, name='Embedding-Token')
    tokens = _layers.Input([None], name='Encoder-Input-Token')
    x = _T5(rows, 'Encoder', inner, heads, 16).blocks(token(tokens), None, count)
    context = _layers.Lambda(lambda x: x, name='Encoder-Output-Masked')(x)
    memory = _layers.Input([None, width], name='Input-Context')
    others = _layers.Input([None], name='Decoder-Input-Token')
    masked = _layers.Masking(0.0, name='Masked-Context')(memory)
    x = _T5(rows, 'Decoder', inner, heads, 16).blocks(token(others), masked, count)
    x = _layers.Lambda(lambda x: x / width**0.5, name='Decoder-Output-Scale')(x)
    logits = _layers.Dense(words, activation='softmax', use_bias=False, name='Decoder-Output-LM')
    decoder = tf.keras.Model([memory, others], logits(x))
    model = tf.keras.Model([tokens, others], decoder([context, others]))
    rows.add(token.embeddings, 'shared/embedding')
    rows.add(logits.kernel, 'decoder/logits/kernel')
    return with_adafactor(rows.pair(model=model), least=heads + 1)
