"""Pairs of language models, for a thirteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair, Shapes

_NORM = ('gamma', 'beta')
_layers = tf.keras.layers


def _norm() -> tf.keras.layers.LayerNormalization:
    return _layers.LayerNormalization(epsilon=1e-12, name='LayerNorm')


class TFRemBertEmbeddings(tf.keras.layers.Layer):
    def __init__(self, words: int, narrow: int, **options: Any):
        super().__init__(**options)
        self.vocab_size, self.input_embedding_size = words, narrow
        self.LayerNorm = _norm()
        self.dropout = _layers.Dropout(0.0)

    def build(self, shape):
        width = self.input_embedding_size
        with tf.name_scope('word_embeddings'):
            self.weight = self.add_weight(name='weight', shape=[self.vocab_size, width])
        with tf.name_scope('token_type_embeddings'):
            self.token_type_embeddings = self.add_weight(name='embeddings', shape=[2, width])
        with tf.name_scope('position_embeddings'):
            self.position_embeddings = self.add_weight(name='embeddings', shape=[512, width])
        super().build(shape)

    def call(self, ids):
        x = tf.gather(self.weight, ids) + self.position_embeddings[None, : tf.shape(ids)[1]]
        return self.dropout(self.LayerNorm(x + self.token_type_embeddings[0]))


class TFRemBertSelfAttention(tf.keras.layers.Layer):
    """The attention, here with one head."""

    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.query = _layers.Dense(width, name='query')
        self.key = _layers.Dense(width, name='key')
        self.value = _layers.Dense(width, name='value')
        self.dropout = _layers.Dropout(0.0)

    def call(self, x):
        scores = tf.matmul(self.query(x), self.key(x), transpose_b=True)
        return tf.matmul(self.dropout(tf.nn.softmax(scores)), self.value(x))


class TFRemBertSelfOutput(tf.keras.layers.Layer):
    """What ends the attention, as well as the layer, where its name is TFRemBertOutput."""

    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.dense = _layers.Dense(width, name='dense')
        self.LayerNorm = _norm()
        self.dropout = _layers.Dropout(0.0)

    def call(self, x, before):
        return self.LayerNorm(self.dropout(self.dense(x)) + before)


class TFRemBertAttention(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.self_attention = TFRemBertSelfAttention(width, name='self')
        self.dense_output = TFRemBertSelfOutput(width, name='output')

    def call(self, x):
        return self.dense_output(self.self_attention(x), x)


class TFRemBertIntermediate(tf.keras.layers.Layer):
    def __init__(self, inner: int, **options: Any):
        super().__init__(**options)
        self.dense = _layers.Dense(inner, name='dense')

    def call(self, x):
        return tf.nn.gelu(self.dense(x))


class TFRemBertLayer(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.attention = TFRemBertAttention(width, name='attention')
        self.intermediate = TFRemBertIntermediate(4 * width, name='intermediate')
        self.bert_output = TFRemBertSelfOutput(width, name='output')

    def call(self, x):
        x = self.attention(x)
        return self.bert_output(self.intermediate(x), x)


class TFRemBertEncoder(tf.keras.layers.Layer):
    def __init__(self, width: int, count: int, **options: Any):
        super().__init__(**options)
        self.embedding_hidden_mapping_in = _layers.Dense(width, name='embedding_hidden_mapping_in')
        self.layer = [TFRemBertLayer(width, name=f'layer_._{n}') for n in range(count)]

    def call(self, x):
        x = self.embedding_hidden_mapping_in(x)
        for layer in self.layer:
            x = layer(x)
        return x


class TFRemBertPooler(tf.keras.layers.Layer):
    def __init__(self, width: int, **options: Any):
        super().__init__(**options)
        self.dense = _layers.Dense(width, activation='tanh', name='dense')

    def call(self, x):
        return self.dense(x[:, 0])


class TFRemBertMainLayer(tf.keras.layers.Layer):
    def __init__(self, words: int, narrow: int, width: int, count: int, **options: Any):
        super().__init__(**options)
        self.embeddings = TFRemBertEmbeddings(words, narrow, name='embeddings')
        self.encoder = TFRemBertEncoder(width, count, name='encoder')
        self.pooler = TFRemBertPooler(width, name='pooler')

    def call(self, ids):
        return self.pooler(self.encoder(self.embeddings(ids)))


class TFRemBertForSequenceClassification(tf.keras.Model):
    def __init__(self, *sizes: int):
        super().__init__()
        self.rembert = TFRemBertMainLayer(*sizes, name='rembert')
        self.dropout = _layers.Dropout(0.1)
        self.classifier = _layers.Dense(2, name='classifier')

    def call(self, ids):
        return self.classifier(self.dropout(self.rembert(ids)))


def add_bert(rows: Rows, main: Any, scope: str = 'bert') -> None:
    """Notes what google-research/bert has of the tables, the layers and the pooler, if any, of a main layer."""
    at = f'{scope}/embeddings'
    rows.add(main.embeddings.weight, f'{at}/word_embeddings')
    rows.add(main.embeddings.token_type_embeddings, f'{at}/token_type_embeddings')
    rows.add(main.embeddings.position_embeddings, f'{at}/position_embeddings')
    rows.layer(main.embeddings.LayerNorm, f'{at}/LayerNorm', _NORM)
    add_bert_layers(rows, main.encoder, scope)
    if hasattr(main, 'pooler'):
        rows.layer(main.pooler.dense, f'{scope}/pooler/dense')


def add_bert_layers(rows: Rows, encoder: Any, scope: str = 'bert') -> None:
    """Notes what google-research/bert has of the layers of an encoder."""
    for n, layer in enumerate(encoder.layer):
        at, attention = f'{scope}/encoder/layer_{n}', layer.attention
        for part in ('query', 'key', 'value'):
            rows.layer(getattr(attention.self_attention, part), f'{at}/attention/self/{part}')
        for part, output in (('attention/output', attention.dense_output), ('output', layer.bert_output)):
            rows.layer(output.dense, f'{at}/{part}/dense')
            rows.layer(output.LayerNorm, f'{at}/{part}/LayerNorm', _NORM)
        rows.layer(layer.intermediate.dense, f'{at}/intermediate/dense')


def tf_rem_bert() -> Pair:
    """google-research/google-research's RemBERT as it is pretrained, narrow, and huggingface/transformers' TF's.

    The new one is TFRemBertForSequenceClassification. The answer is that of load_tf_weights_in_rembert. The names of
    the old heads, which have no targets, are not verified.
    """
    tf.keras.backend.clear_session()
    rows, words, narrow, width, wide, count = Rows(), 800, 24, 72, 96, 32
    model = TFRemBertForSequenceClassification(words, narrow, width, count)
    model(tf.zeros([1, 4], tf.int32))
    main = model.rembert
    add_bert(rows, main)
    rows.layer(main.encoder.embedding_hidden_mapping_in, 'bert/encoder/embedding_hidden_mapping_in')
    at = 'cls/predictions'
    others = {
        f'{at}/transform/dense/kernel': (width, wide),
        f'{at}/transform/dense/bias': (wide,),
        f'{at}/transform/LayerNorm/beta': (wide,),
        f'{at}/transform/LayerNorm/gamma': (wide,),
        f'{at}/output_embedding': (words, wide),
        f'{at}/output_bias': (words,),
    }
    return with_slots(rows.pair(others, model=model), 'adam_m', 'adam_v', others={'global_step': ()})


class _Layer(tf.keras.layers.Layer):
    """Stands for a layer of CyberZHG's, with its attributes and its weights; gives on the first of its inputs."""

    def __init__(self, name: str, shapes: Shapes | None = None, outputs: int = 1, prefix: str = ''):
        super().__init__(name=name)
        self._weights_of, self._count, self._prefix = dict(shapes or {}), outputs, prefix

    def build(self, _):
        for attribute, shape in self._weights_of.items():
            name = {'bias_segment': 'bias_context'}.get(attribute, attribute)
            setattr(self, name, self.add_weight(f'{self._prefix}{attribute}', shape=shape))

    def call(self, inputs):
        x = inputs[0] if isinstance(inputs, list) else inputs
        return tf.identity(x) if self._count == 1 else [tf.identity(x) for _ in range(self._count)]


class _XlNet:
    """Builds the model of two streams, and notes the names of the old one."""

    def __init__(self, words: int, width: int, inner: int):
        self.rows, self._words, self._width, self._inner = Rows(), words, width, inner

    def block(self, n: int, streams: list[Any], memory: Any, shared: list[Any]) -> list[Any]:
        """Makes the layers of a block, which both streams use; `shared` is what all blocks use."""
        width, inner, root = self._width, self._inner, f'model/transformer/layer_{n - 1}'
        segments, places, *masks = shared
        shapes = {'bias_context': (width,), 'bias_relative': (width,)}
        biases = _Layer(f'Relative-Bias-{n}', shapes, 2)(memory)
        biases.append(_Layer(f'Segment-Bias-{n}', {'bias_segment': (width,)})(memory))
        embedding = _Layer(f'Embed-Segment-{n}', {'embeddings': (2, width)}, 2)([segments, memory])
        attention = _Layer(f'Attention-{n}', {'kernel': (width, 5 * width)})
        feed_name = f'FeedForward-{n}'
        shapes = {'W1': (width, inner), 'b1': (inner,), 'W2': (inner, width), 'b2': (width,)}
        feed = _Layer(feed_name, shapes, prefix=f'{feed_name}_')
        shapes = {role: (width,) for role in _NORM}
        norms = {part: _Layer(f'{part}-Normal-{n}', shapes) for part in ('Attention', 'FeedForward')}
        adds = {part: _layers.Add(name=f'{part}-Residual-{n}') for part in norms}
        outputs = []
        for x, mask in zip(streams, masks, strict=True):
            y = attention([x, streams[0], memory, *embedding, places, *biases, mask])
            y = norms['Attention'](adds['Attention']([x, y]))
            outputs.append(norms['FeedForward'](adds['FeedForward']([y, feed(y)])))
        for part, source in (('Attention', 'rel_attn'), ('FeedForward', 'ff')):
            self.rows.layer(norms[part], f'{root}/{source}/LayerNorm', _NORM)
        for number in (1, 2):
            self.rows.add(getattr(feed, f'W{number}'), f'{root}/ff/layer_{number}/kernel')
            self.rows.add(getattr(feed, f'b{number}'), f'{root}/ff/layer_{number}/bias')
        return outputs

    def build(self, count: int) -> tf.keras.Model:
        width, root = self._width, 'model/transformer'
        names = 'Input-Token', 'Input-Segment', 'Input-Memory-Length', 'Input-Mask'
        tokens, segments, length, query = inputs = [_layers.Input([8, width], name=name) for name in names]
        table = _Layer('Embed-Token', {'embeddings': (self._words, width)}, 2)
        x, weights = table(tokens)
        x = _Layer('Embed-Token-Masked')([x, _Layer('Masking')(tokens)])
        mask = _Layer('Embed-Mask', {'embeddings': (1, 1, width)})
        streams = [x, mask([x, query])]

        def remember(n: int, y: Any) -> Any:
            memory = _Layer(f'Memory-{n}')
            memory.trainable = False
            memory._weights_of = {'memory': (2, 24, width)}
            return memory([y, length])

        memory = remember(0, x)
        places = _Layer('Embed-Pos')([x, memory])
        masks = _Layer('Permutation', outputs=2)([x, memory])
        for n in range(1, count + 1):
            streams = self.block(n, streams, memory, [segments, places, *masks])
            if n < count:
                memory = remember(n, streams[0])
        softmax = _Layer('Softmax', {'bias': (self._words,)})
        model = tf.keras.Model(inputs, softmax([streams[1], weights]))
        self.rows.add(table.embeddings, f'{root}/word_embedding/lookup_table')
        self.rows.add(mask.embeddings, f'{root}/mask_emb/mask_emb')
        self.rows.add(softmax.bias, 'model/lm_loss/bias')
        return model


def keras_xlnet() -> Pair:
    """zihangdai/xlnet of 12 layers as train.py pretrains it, narrow, and CyberZHG/keras-xlnet's for training.

    The answer is that of the latter's loader.py, and the embedding of masks, which that forgets. The new attention has
    five of the old matrices in one, and its biases and segments are of each layer, while the old ones are of all, so
    that none of these has a source. The new memories are variables. The new layers compute nothing here.
    """
    tf.keras.backend.clear_session()
    words, width, heads, count = 400, 96, 6, 12
    net, split = _XlNet(words, width, 4 * width), (heads, width // heads)
    model, root = net.build(count), 'model/transformer'
    others = {f'{root}/r_{part}_bias': (count, *split) for part in 'wrs'}
    others[f'{root}/seg_embed'] = (count, 2, *split)
    for n in range(count):
        for part in 'qkvro':
            others[f'{root}/layer_{n}/rel_attn/{part}/kernel'] = (width, *split)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(net.rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)
