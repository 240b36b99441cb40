"""Pairs of networks of texts and recommendations, for a third blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.keras_nlp_layers import Encoder, Positions, add_encoder
from tests.suggesting.known_pairs import Pair, Shapes


def keras_nlp_bert() -> Pair:
    """google-research/bert's classifier, narrow, and BertBackbone of keras-team/keras-nlp, whose heads are an axis.

    The new names, paths and shapes are those of keras-nlp 0.4.1 when it is run.
    """
    tf.keras.backend.clear_session()
    layers, rows, width, heads, inner, norm = tf.keras.layers, Rows(), 96, 4, 384, ('gamma', 'beta')
    ids, segments = layers.Input([None], name='token_ids'), layers.Input([None], name='segment_ids')
    words, kinds = (
        layers.Embedding(count, width, name=f'{name}_embedding')
        for name, count in (('token', 300), ('segment', 2))
    )
    positions, first = (
        Positions(64, 'position_embedding'),
        layers.LayerNormalization(name='embeddings_layer_norm'),
    )
    embedded = words(ids)
    x = layers.Add()([embedded, positions(embedded), kinds(segments)])
    x = layers.Dropout(0.1, name='embeddings_dropout')(first(x))
    blocks = [Encoder(heads, inner, f'transformer_layer_{n}') for n in range(12)]
    for block in blocks:
        x = block(x)
    pooled = layers.Dense(width, activation='tanh', name='pooled_dense')
    outputs = {'sequence_output': x, 'pooled_output': pooled(x[:, 0, :])}
    model = tf.keras.Model({'token_ids': ids, 'segment_ids': segments}, outputs, name='bert_backbone')
    at = 'bert/embeddings'
    rows.add(words.embeddings, f'{at}/word_embeddings')
    rows.add(positions.position_embeddings, f'{at}/position_embeddings')
    rows.add(kinds.embeddings, f'{at}/token_type_embeddings')
    rows.layer(first, f'{at}/LayerNorm', norm)
    for n, block in enumerate(blocks):
        add_encoder(rows, block, f'bert/encoder/layer_{n}')
    rows.layer(pooled, 'bert/pooler/dense')
    others = {'output_weights': (2, width), 'output_bias': (2,)}
    return with_slots(rows.pair(others, model=model), 'adam_m', 'adam_v', others={'global_step': ()})


class _QaNet:
    """Collects the names of both QANets; Keras counts the layers that have no name of their own."""

    def __init__(self, width: int):
        self.width, self.shapes, self.targets, self.sources = width, {}, {}, {}
        self._counts: dict[str, int] = {}

    def name(self, kind: str) -> str:
        """Returns the next of the names that Keras counts."""
        number = self._counts[kind] = self._counts.get(kind, -1) + 1
        return f'{kind}_{number}' if number else kind

    def add(self, source: str, target: str, old: tuple[int, ...], new: tuple[int, ...] | None = None) -> None:
        self.shapes[source], self.targets[target], self.sources[target] = old, new or old, source

    def conv(self, source: str, x: int, y: int, bias: bool = True, size: int = 1, name: str = '') -> None:
        """A convolution, which has a bias in Keras in any case."""
        name = name or self.name('conv1d')
        self.add(f'{source}/kernel_', f'{name}/kernel', (size, x, y))
        self.targets[f'{name}/bias'] = (y,)
        if bias:
            self.add(f'{source}/bias_', f'{name}/bias', (1, 1, y), (y,))

    def norm(self, source: str) -> None:
        name = self.name('layer_normalization')
        for role in ('layer_norm_scale', 'layer_norm_bias'):
            self.add(f'{source}/{role}', f'{name}/{role}', (self.width,))

    def block(self, scope: str, number: int, count: int, size: int) -> list[str]:
        """The layers of a block that all its uses share. Returns the scopes of the norms, which each use has anew."""
        width, convs = self.width, f'{scope}/encoder_block_{number}'
        for n in range(count):
            name, at = self.name('depthwise_conv1d'), f'{convs}/depthwise_conv_layers_{n}'
            for role, *shape in (
                ('depthwise_filter', size, 1, width, 1),
                ('pointwise_filter', 1, 1, width, width),
                ('bias', width),
            ):
                self.add(f'{at}/{role}', f'{name}/{role}', tuple(shape))
        at = f'{scope}/self_attention_layers{number}'
        for name, factor in (('memory', 2), ('query', 1)):
            self.conv(f'{at}/Multi_Head_Attention/{name}_projection', width, factor * width, False)
        for name in ('FFN_1', 'FFN_2'):
            self.conv(f'{at}/{name}', width, width)
        return [
            *(f'{convs}/layer_norm_{n}' for n in range(count)),
            f'{at}/layer_norm_1',
            f'{at}/layer_norm_2',
        ]


def qa_net() -> Pair:
    """NLPLearn/QANet, as copies keep it, and ewrfcas/QANet_keras by the names that Keras gives when a Saver saves it.

    The new one normalizes with other variables wherever it uses a block again.
    """
    width, chars, net = 96, 64, _QaNet(96)
    net.add('word_mat', 'embedding/embeddings', (900, 300))
    net.add('char_mat', 'char_embedding/embeddings', (95, chars))
    at = 'Input_Embedding_Layer'
    net.conv(f'{at}/char_conv', chars, width, size=5, name='char_conv')
    net.conv(f'{at}/highway/input_projection', 300 + width, width, False, name='highway_input_projection')
    for n in range(2):
        for old, new in (('gate', 'gate'), ('activation', 'linear')):
            net.conv(f'{at}/highway/{old}_{n}', width, width, name=f'highway{n}_{new}')
    norms = net.block('Embedding_Encoder_Layer/Encoder_Residual_Block', 0, 4, 7)
    for source in 2 * norms:
        net.norm(source)
    at, new = 'Context_to_Query_Attention_Layer/efficient_trilinear', 'context2query_attention'
    for old, role, *shape in (
        ('linear_kernel4arg0', 'W0', width, 1),
        ('linear_kernel4arg1', 'W1', width, 1),
        ('linear_kernel4mul', 'W2', 1, 1, width),
        ('linear_bias', 'linear_bias', 1),
    ):
        net.add(f'{at}/{old}', f'{new}/{role}', tuple(shape))
    net.conv('Model_Encoder_Layer/input_projection', 4 * width, width, False)
    norms = []
    for n in range(7):
        norms += net.block('Model_Encoder_Layer/Model_Encoder', n, 2, 5)
    for source in 3 * norms:
        net.norm(source)
    for name in ('start', 'end'):
        net.conv(f'Output_Layer/{name}_pointer', 2 * width, 1, False)
    pair = Pair(net.shapes, net.targets, net.sources)
    pair = with_slots(pair, 'ExponentialMovingAverage', 'Adam', 'Adam_1', but='^word_mat$')
    return with_slots(pair, others={'global_step': (), 'beta1_power': (), 'beta2_power': ()})


def text_rnn() -> Pair:
    """TextRNN of brightmart/text_classification, and TextBiRNN of ShawnyXiao/TextClassification-Keras, of one width."""
    tf.keras.backend.clear_session()
    layers, rows, words, width = tf.keras.layers, Rows(), 3000, 128
    table, rnn, output = layers.Embedding(words, width), layers.LSTM(width), layers.Dense(10)
    both, inputs = layers.Bidirectional(rnn), layers.Input([200])
    model = tf.keras.Model(inputs, output(both(table(inputs))))
    rows.add(table.embeddings, 'Embedding')
    for short, layer in (('fw', both.forward_layer), ('bw', both.backward_layer)):
        rows.lstm(layer.cell, f'bidirectional_rnn/{short}/basic_lstm_cell')
    rows.add(output.kernel, 'W_projection')
    rows.add(output.bias, 'b_projection')
    pair = rows.pair(model=model)
    slots: Shapes = {
        f'OptimizeLoss/{name}/{end}': shape
        for name, shape in pair.shapes.items()
        for end in ('Adam', 'Adam_1')
    }
    steps = ('Global_Step', 'Epoch_Step', 'OptimizeLoss/beta1_power', 'OptimizeLoss/beta2_power')
    return with_slots(pair, others={**slots, **dict.fromkeys(steps, ())})


def neural_factorization() -> Pair:
    """NeuMF of tensorflow/models' official Estimator, and of hexiangnan/neural_collaborative_filtering.

    The tables of the old one hold the factors and the inputs of the dense layers beside each other.
    """
    tf.keras.backend.clear_session()
    layers, rows, factors, units = tf.keras.layers, Rows(), 8, (64, 32, 16, 8)
    inputs, tables = [], {}
    for side, count in (('user', 943), ('item', 1682)):
        inputs.append(layers.Input([1], dtype='int32', name=f'{side}_input'))
        for kind, size in (('mf', factors), ('mlp', units[0] // 2)):
            table = layers.Embedding(count, size, name=f'{kind}_embedding_{side}')
            tables[kind, side] = layers.Flatten()(table(inputs[-1]))
            source = f'embedding_{side}/embeddings'
            rows.add(table.embeddings, source, (count, factors + units[0] // 2))
    factorized = layers.Multiply()([tables['mf', 'user'], tables['mf', 'item']])
    x = layers.Concatenate()([tables['mlp', 'user'], tables['mlp', 'item']])
    hidden = [layers.Dense(y, activation='relu', name=f'layer{n}') for n, y in enumerate(units[1:], 1)]
    for layer in hidden:
        x = layer(x)
    last = layers.Dense(1, activation='sigmoid', name='prediction')
    model = tf.keras.Model(inputs, last(layers.Concatenate()([factorized, x])))
    for layer, source in zip((*hidden, last), ('dense', 'dense_1', 'dense_2', 'rating'), strict=True):
        rows.layer(layer, source)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)
