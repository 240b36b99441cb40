"""Pairs of Transformers, for a fourteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.thirteenth_sequence_language_models import TFRemBertEmbeddings

_NORM = ('gamma', 'beta')
_layers = tf.keras.layers


class TFConv1D(tf.keras.layers.Layer):
    """The projection of Hugging Face's, whose bias has two axes."""

    def __init__(self, outputs: int, inputs: int, **options: Any):
        super().__init__(**options)
        self.nf, self.nx = outputs, inputs

    def build(self, shape):
        self.weight = self.add_weight('weight', shape=[self.nx, self.nf])
        self.bias = self.add_weight('bias', shape=[1, self.nf])

    def call(self, x):
        return tf.matmul(x, self.weight) + self.bias


class TFSharedEmbeddings(tf.keras.layers.Layer):
    def __init__(self, words: int, width: int, **options: Any):
        super().__init__(**options)
        self.vocab_size, self.hidden_size = words, width

    def build(self, shape):
        self.weight = self.add_weight('weight', shape=[self.vocab_size, self.hidden_size])
        super().build(shape)

    def call(self, x, mode='embedding'):
        return (
            tf.gather(self.weight, x) if mode == 'embedding' else tf.matmul(x, self.weight, transpose_b=True)
        )


class TFAttention(tf.keras.layers.Layer):
    """The attention, here with one head that sees all."""

    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.c_attn = TFConv1D(3 * width, width, name='c_attn')
        self.c_proj = TFConv1D(width, width, name='c_proj')
        self.attn_dropout = _layers.Dropout(0.1)
        self.resid_dropout = _layers.Dropout(0.1)

    def call(self, x):
        query, key, value = tf.split(self.c_attn(x), 3, axis=2)
        weights = self.attn_dropout(tf.nn.softmax(tf.matmul(query, key, transpose_b=True)))
        return self.resid_dropout(self.c_proj(tf.matmul(weights, value)))


class TFMLP(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.c_fc = TFConv1D(4 * width, width, name='c_fc')
        self.c_proj = TFConv1D(width, 4 * width, name='c_proj')
        self.dropout = _layers.Dropout(0.1)

    def call(self, x):
        return self.dropout(self.c_proj(tf.nn.gelu(self.c_fc(x))))


class TFBlock(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.ln_1 = _layers.LayerNormalization(epsilon=1e-5, name='ln_1')
        self.attn = TFAttention(width, name='attn')
        self.ln_2 = _layers.LayerNormalization(epsilon=1e-5, name='ln_2')
        self.mlp = TFMLP(width, name='mlp')

    def call(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class TFGPT2MainLayer(tf.keras.layers.Layer):
    def __init__(self, words: int, places: int, width: int, count: int, **options: Any):
        super().__init__(**options)
        self.n_positions, self.n_embd = places, width
        self.wte = TFSharedEmbeddings(words, width, name='wte')
        self.drop = _layers.Dropout(0.1)
        self.h = [TFBlock(width, name=f'h_._{n}') for n in range(count)]
        self.ln_f = _layers.LayerNormalization(epsilon=1e-5, name='ln_f')

    def build(self, shape):
        with tf.name_scope('wpe'):
            self.wpe = self.add_weight(name='embeddings', shape=[self.n_positions, self.n_embd])
        super().build(shape)

    def call(self, ids):
        x = self.drop(self.wte(ids) + self.wpe[: tf.shape(ids)[1]])
        for block in self.h:
            x = block(x)
        return self.ln_f(x)


class TFGPT2LMHeadModel(tf.keras.Model):
    def __init__(self, *sizes: int):
        super().__init__()
        self.transformer = TFGPT2MainLayer(*sizes, name='transformer')

    def call(self, ids):
        return self.transformer.wte(self.transformer(ids), mode='linear')


def tf_gpt2() -> Pair:
    """openai/gpt-2's smallest as it is released, narrow, and huggingface/transformers' TFGPT2LMHeadModel.

    The answer is that of load_tf_weights_in_gpt2 and of the names that the latter's TF has of PyTorch's. The old
    matrices are kernels of convolutions of one, and the new biases have two axes. The old one has no slots.
    """
    tf.keras.backend.clear_session()
    rows, words, places, width, count = Rows(), 1000, 1024, 96, 12
    model = TFGPT2LMHeadModel(words, places, width, count)
    model(tf.zeros([1, 4], tf.int32))
    main = model.transformer
    rows.add(main.wte.weight, 'model/wte')
    rows.add(main.wpe, 'model/wpe')

    def norm(layer: Any, source: str) -> None:
        rows.layer(layer, source, _NORM, gamma='g', beta='b')

    def conv(layer: Any, source: str) -> None:
        rows.add(layer.weight, f'{source}/w', (1, layer.nx, layer.nf))
        rows.add(layer.bias, f'{source}/b', (layer.nf,))

    for n, block in enumerate(main.h):
        at = f'model/h{n}'
        norm(block.ln_1, f'{at}/ln_1')
        norm(block.ln_2, f'{at}/ln_2')
        for part in ('attn', 'mlp'):
            for name in ('c_attn' if part == 'attn' else 'c_fc', 'c_proj'):
                conv(getattr(getattr(block, part), name), f'{at}/{part}/{name}')
    norm(main.ln_f, 'model/ln_f')
    return rows.pair(model=model)


class TFAlbertAttention(tf.keras.layers.Layer):
    """The attention, here with one head."""

    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.query = _layers.Dense(width, name='query')
        self.key = _layers.Dense(width, name='key')
        self.value = _layers.Dense(width, name='value')
        self.dense = _layers.Dense(width, name='dense')
        self.LayerNorm = _layers.LayerNormalization(epsilon=1e-12, name='LayerNorm')
        self.attention_dropout = _layers.Dropout(0.0)
        self.output_dropout = _layers.Dropout(0.0)

    def call(self, x):
        weights = tf.nn.softmax(tf.matmul(self.query(x), self.key(x), transpose_b=True))
        y = self.dense(tf.matmul(self.attention_dropout(weights), self.value(x)))
        return self.LayerNorm(self.output_dropout(y) + x)


class TFAlbertLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.attention = TFAlbertAttention(width, name='attention')
        self.ffn = _layers.Dense(4 * width, name='ffn')
        self.ffn_output = _layers.Dense(width, name='ffn_output')
        self.full_layer_layer_norm = _layers.LayerNormalization(epsilon=1e-12, name='full_layer_layer_norm')
        self.dropout = _layers.Dropout(0.0)

    def call(self, x):
        x = self.attention(x)
        y = self.dropout(self.ffn_output(tf.nn.gelu(self.ffn(x))))
        return self.full_layer_layer_norm(y + x)


class TFAlbertLayerGroup(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.albert_layers = [TFAlbertLayer(width, name='albert_layers_._0')]

    def call(self, x):
        for layer in self.albert_layers:
            x = layer(x)
        return x


class TFAlbertTransformer(tf.keras.layers.Layer):
    def __init__(self, width: int, count: int, **options: Any):
        super().__init__(**options)
        self.num_hidden_layers = count
        self.embedding_hidden_mapping_in = _layers.Dense(width, name='embedding_hidden_mapping_in')
        self.albert_layer_groups = [TFAlbertLayerGroup(width, name='albert_layer_groups_._0')]

    def call(self, x):
        x = self.embedding_hidden_mapping_in(x)
        for _ in range(self.num_hidden_layers):
            x = self.albert_layer_groups[0](x)
        return x


class TFAlbertMainLayer(tf.keras.layers.Layer):
    def __init__(self, words: int, narrow: int, width: int, count: int, **options: Any):
        super().__init__(**options)
        self.embeddings = TFRemBertEmbeddings(words, narrow, name='embeddings')
        self.encoder = TFAlbertTransformer(width, count, name='encoder')
        self.pooler = None

    def call(self, ids):
        return self.encoder(self.embeddings(ids))


class TFAlbertForQuestionAnswering(tf.keras.Model):
    def __init__(self, *sizes: int):
        super().__init__()
        self.albert = TFAlbertMainLayer(*sizes, name='albert')
        self.qa_outputs = _layers.Dense(2, name='qa_outputs')

    def call(self, ids):
        return tf.split(self.qa_outputs(self.albert(ids)), 2, axis=-1)


def tf_albert() -> Pair:
    """google-research/albert's base as run_squad_v1.py tunes it, and huggingface/transformers' TFAlbert that answers.

    The new one is TFAlbertForQuestionAnswering, without a pooler; no gradients reach the old one's pooler. The old
    matrix of the head is transposed.
    """
    tf.keras.backend.clear_session()
    rows, words, narrow, width = Rows(), 3000, 128, 768
    model = TFAlbertForQuestionAnswering(words, narrow, width, 12)
    model(tf.zeros([1, 4], tf.int32))
    main, at = model.albert, 'bert/embeddings'
    rows.add(main.embeddings.weight, f'{at}/word_embeddings')
    rows.add(main.embeddings.token_type_embeddings, f'{at}/token_type_embeddings')
    rows.add(main.embeddings.position_embeddings, f'{at}/position_embeddings')
    rows.layer(main.embeddings.LayerNorm, f'{at}/LayerNorm', _NORM)
    rows.layer(main.encoder.embedding_hidden_mapping_in, 'bert/encoder/embedding_hidden_mapping_in')
    at, layer = (
        'bert/encoder/transformer/group_0/inner_group_0',
        main.encoder.albert_layer_groups[0].albert_layers[0],
    )
    for part in ('query', 'key', 'value'):
        rows.layer(getattr(layer.attention, part), f'{at}/attention_1/self/{part}')
    rows.layer(layer.attention.dense, f'{at}/attention_1/output/dense')
    rows.layer(layer.attention.LayerNorm, f'{at}/LayerNorm', _NORM)
    rows.layer(layer.ffn, f'{at}/ffn_1/intermediate/dense')
    rows.layer(layer.ffn_output, f'{at}/ffn_1/intermediate/output/dense')
    rows.layer(layer.full_layer_layer_norm, f'{at}/LayerNorm_1', _NORM)
    rows.add(model.qa_outputs.kernel, 'cls/squad/output_weights', (2, width))
    rows.add(model.qa_outputs.bias, 'cls/squad/output_bias')
    others = {'bert/pooler/dense/kernel': (width, width), 'bert/pooler/dense/bias': (width,)}
    pair = rows.pair(others, model=model)
    return with_slots(pair, 'adam_m', 'adam_v', but='/pooler/', others={'global_step': ()})
