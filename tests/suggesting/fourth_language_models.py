"""Pairs of models of texts and tables, for a fourth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Part, Rows, dense, with_slots
from tests.suggesting.known_pairs import Pair, files
from tests.suggesting.sequence_networks import dense as dense_names
from tests.suggesting.sequence_networks import norm as norm_names


def keras_bert() -> Pair:
    """google-research/bert as it is pretrained, narrow, and the names of CyberZHG/keras-bert with both heads.

    The answer is that of the latter's loader.py, which transposes the matrix of the next sentence.
    """
    width, inner, words, answer = 96, 384, 300, {}
    for kind, name, count in (
        ('word', 'Token', words),
        ('position', 'Position', 64),
        ('token_type', 'Segment', 2),
    ):
        source = f'bert/embeddings/{kind}_embeddings'
        answer[source] = f'Embedding-{name}/embeddings', (count, width), None
    answer |= norm_names('bert/embeddings/LayerNorm', 'Embedding-Norm', width)
    for n in range(12):
        old, new = f'bert/encoder/layer_{n}', f'Encoder-{n + 1}'
        attention, feed_forward = f'{new}-MultiHeadSelfAttention', f'{new}-FeedForward'
        for source, layer, end, x, y in (
            ('attention/self/query', attention, 'q', width, width),
            ('attention/self/key', attention, 'k', width, width),
            ('attention/self/value', attention, 'v', width, width),
            ('attention/output/dense', attention, 'o', width, width),
            ('intermediate/dense', feed_forward, '1', width, inner),
            ('output/dense', feed_forward, '2', inner, width),
        ):
            # Both layers put their own names before those of their weights.
            answer[f'{old}/{source}/kernel'] = f'{layer}/{layer}_W{end}', (x, y), None
            answer[f'{old}/{source}/bias'] = f'{layer}/{layer}_b{end}', (y,), None
        answer |= norm_names(f'{old}/attention/output/LayerNorm', f'{attention}-Norm', width)
        answer |= norm_names(f'{old}/output/LayerNorm', f'{feed_forward}-Norm', width)
    answer |= dense_names('cls/predictions/transform/dense', 'MLM-Dense', width, width)
    answer |= norm_names('cls/predictions/transform/LayerNorm', 'MLM-Norm', width)
    answer['cls/predictions/output_bias'] = 'MLM-Sim/bias', (words,), None
    answer |= dense_names('bert/pooler/dense', 'NSP-Dense', width, width)
    answer['cls/seq_relationship/output_weights'] = 'NSP/kernel', (2, width), (width, 2)
    answer['cls/seq_relationship/output_bias'] = 'NSP/bias', (2,), None
    return with_slots(files(answer), 'adam_m', 'adam_v', others={'global_step': ()})


class _Weights(tf.keras.layers.Layer):
    """A layer of CyberZHG's: but for embeddings, the names of its weights begin with its own."""

    def __init__(self, name: str, **shapes: tuple[int, ...]):
        super().__init__(name=name)
        self._shapes = shapes

    def build(self, _):
        for role, shape in self._shapes.items():
            name = role if role == 'embeddings' else f'{self.name}_{role}'
            setattr(self, role, self.add_weight(name, shape=shape))

    def call(self, x):
        return x + sum(tf.reduce_sum(getattr(self, role)) for role in self._shapes)


def keras_gpt_2() -> Pair:
    """openai/gpt-2's smallest, narrow, and the model of CyberZHG/keras-gpt-2, whose attention has three matrices.

    The answer is that of the latter's loader.py, which takes them from the one of the old.
    """
    tf.keras.backend.clear_session()
    layers, rows, width, names = tf.keras.layers, Rows(), 64, {'gamma': 'g', 'beta': 'b'}
    inputs = layers.Input([None], name='Input')
    words, inner = layers.Embedding(300, width, name='Embed-Token'), (width, 4 * width)
    positions = _Weights('Embed-Token-Pos', embeddings=(64, width))
    x = positions(words(inputs))
    rows.add(words.embeddings, 'model/wte')
    rows.add(positions.embeddings, 'model/wpe')
    square, vector = (width, width), (width,)
    for n in range(12):
        at, new = f'model/h{n}', f'Encode-{n}'
        norm = layers.LayerNormalization(name=f'{new}-MultiHeadAtt-Norm')
        shapes = {f'{kind}{part}': shape for part in 'qkvo' for kind, shape in (('W', square), ('b', vector))}
        attention = _Weights(f'{new}-MultiHeadAtt', **shapes)
        x = layers.Add(name=f'{new}-MultiHeadAtt-Add')([x, attention(norm(x))])
        rows.layer(norm, f'{at}/ln_1', names, **names)
        for part in 'qkv':
            rows.add(getattr(attention, f'W{part}'), f'{at}/attn/c_attn/w', (1, width, 3 * width))
            rows.add(getattr(attention, f'b{part}'), f'{at}/attn/c_attn/b', (3 * width,))
        rows.add(attention.Wo, f'{at}/attn/c_proj/w', (1, *square))
        rows.add(attention.bo, f'{at}/attn/c_proj/b')
        norm = layers.LayerNormalization(name=f'{new}-FeedForward-Norm')
        shapes = {'W1': inner, 'b1': inner[1:], 'W2': inner[::-1], 'b2': vector}
        feed_forward = _Weights(f'{new}-FeedForward', **shapes)
        x = layers.Add(name=f'{new}-FeedForward-Add')([x, feed_forward(norm(x))])
        rows.layer(norm, f'{at}/ln_2', names, **names)
        for end, name, shape in (('1', 'c_fc', inner), ('2', 'c_proj', inner[::-1])):
            rows.add(getattr(feed_forward, f'W{end}'), f'{at}/mlp/{name}/w', (1, *shape))
            rows.add(getattr(feed_forward, f'b{end}'), f'{at}/mlp/{name}/b')
    last = layers.LayerNormalization(name='Norm')
    model = tf.keras.Model(inputs, last(x))
    rows.layer(last, 'model/ln_f', names, **names)
    return rows.pair(model=model)


def tapas() -> Pair:
    """google-research/tapas's question answering, narrow, and the names of huggingface/transformers' TFTapas.

    The new heads of cells and columns are named outside of the model; that of aggregations is transposed.
    """
    width, inner, root, answer = 96, 384, 'tf_tapas_for_question_answering', {}
    old, new = 'bert/embeddings', f'{root}/tapas/embeddings'
    answer[f'{old}/word_embeddings'] = f'{new}/word_embeddings/weight', (300, width), None
    tables = {'position_embeddings': 64}
    for n, count in enumerate((3, 256, 256, 2, 256, 256, 10)):
        tables[f'token_type_embeddings_{n}'] = count
    for name, count in tables.items():
        answer[f'{old}/{name}'] = f'{new}/{name}/embeddings', (count, width), None
    answer |= norm_names(f'{old}/LayerNorm', f'{new}/LayerNorm', width)
    for n in range(12):
        old, new = f'bert/encoder/layer_{n}', f'{root}/tapas/encoder/layer_._{n}'
        for name, x, y in (
            *((f'attention/self/{part}', width, width) for part in ('query', 'key', 'value')),
            ('attention/output/dense', width, width),
            ('intermediate/dense', width, inner),
            ('output/dense', inner, width),
        ):
            answer |= dense_names(f'{old}/{name}', f'{new}/{name}', x, y)
        for name in ('attention/output', 'output'):
            answer |= norm_names(f'{old}/{name}/LayerNorm', f'{new}/{name}/LayerNorm', width)
    answer |= dense_names('bert/pooler/dense', f'{root}/tapas/pooler/dense', width, width)
    for name in ('output', 'column_output'):
        answer[f'{name}_weights'] = f'{name}/{name}_weights', (width,), None
        answer[f'{name}_bias'] = f'{name}/{name}_bias', (), None
    head = f'{root}/aggregation_classifier'
    answer['output_weights_agg'] = f'{head}/kernel', (4, width), (width, 4)
    answer['output_bias_agg'] = f'{head}/bias', (4,), None
    return with_slots(files(answer), 'adam_m', 'adam_v', others={'global_step': ()})


def ptb_lstm() -> Pair:
    """tensorflow/models' tutorials/rnn/ptb, small, and tensorflow/tensorflow's rnn_ptb.py of eager execution.

    Both have cells with one matrix; the new one tracks them in a list.
    """
    rows, words, width, cells = Rows(), 1000, 200, []
    table = tf.Variable(tf.zeros([words, width]), name='ptb_model/embedding/embedding_kernel')
    rows.add(table, 'Model/embedding')
    for n in range(2):
        at = 'ptb_model/rnn/basic_lstm_cell' + ('_1' if n else '')
        kernel = tf.Variable(tf.zeros([2 * width, 4 * width]), name=f'{at}/kernel')
        cell = Part(kernel=kernel, bias=tf.Variable(tf.zeros([4 * width]), name=f'{at}/bias'))
        cells.append(rows.layer(cell, f'Model/RNN/multi_rnn_cell/cell_{n}/basic_lstm_cell'))
    with tf.name_scope('ptb_model'):
        linear = dense(width, words, name='dense')
    rows.add(linear.kernel, 'Model/softmax_w')
    rows.add(linear.bias, 'Model/softmax_b')
    model = Part(embedding=Part(embedding=table), rnn=Part(cells=cells), linear=linear)
    others = {'Model/global_step': (), 'Train/Model/Variable': ()}
    rate = tf.Variable(20.0, name='learning_rate')
    return rows.pair(others, model=model, learning_rate=rate)
