"""Pairs of a tagger and of a classifier of texts, for the twenty-first blind test; see `blind_pairs`."""

from collections.abc import Iterator

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair, Shapes
from tests.suggesting.twelfth_sequence_taggers import CRF

_layers = tf.keras.layers


def chinese_names() -> Pair:
    """buppt/ChineseNER by TensorFlow as it is trained, and the model of stephen-v/zh-NER-keras, of its widths.

    The old one is that of tensorflow/bilstm_crf.py with the batches and widths of train.py, both for the eleven tags of
    the old one's data/renMinRiBao, whose sentences have 60 letters. The old one's last layer has a matrix for each text
    of a batch, and a bias for each place, too, so that the kernel and the bias of the new CRF, of keras-contrib, have
    no sources; its matrix of transitions has. Both matrices of each new LSTM are one in the old. That the CRF learns
    boundaries is its default.
    """
    tf.keras.backend.clear_session()
    rows, words, width, tags, batch, places, scope = Rows(), 3000, 100, 11, 32, 60, 'bilstm_crf'
    model = tf.keras.Sequential()
    table = _layers.Embedding(words, width, mask_zero=True)
    both = _layers.Bidirectional(_layers.LSTM(width, return_sequences=True))
    crf = CRF(tags)
    for layer in (table, both, crf):
        model.add(layer)
    model(tf.ones([1, 4], tf.int32))
    rows.add(table.embeddings, f'{scope}/word_embeddings')
    for way, layer in (('fw', both.forward_layer), ('bw', both.backward_layer)):
        rows.lstm(layer.cell, f'{scope}/bidirectional_rnn/{way}/lstm_cell')
    rows.add(crf.chain_kernel, f'{scope}/transitions')
    others = {f'{scope}/W': (batch, 2 * width, tags), f'{scope}/b': (batch, places, tags)}
    steps: Shapes = {f'{scope}/beta1_power': (), f'{scope}/beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', prefix=f'{scope}/', others=steps)


class KMaxPooling(tf.keras.layers.Layer):
    def __init__(self, k: int):
        super().__init__()
        self.k = k

    def call(self, x):
        return tf.transpose(tf.nn.top_k(tf.transpose(x, [0, 2, 1]), k=self.k)[0], [0, 2, 1])


class _VDCNN:
    """Builds the model of 17 layers, and keeps those that the old one has: convolutions, their norms, dense layers."""

    def __init__(self, classes: int, length: int):
        self.convs: list[tf.keras.layers.Conv1D] = []
        self.norms: list[tf.keras.layers.BatchNormalization] = []
        inputs = _layers.Input([length], name='inputs')
        self.table = _layers.Embedding(length, 16)
        self.first = _layers.Conv1D(64, 3, padding='same', name='temp_conv')
        x = self.first(self.table(inputs))
        for stage, filters in enumerate((64, 128, 256, 512), 1):
            for _ in range(2):
                x = self._block(x, filters)
            if stage < 4:
                x = _layers.MaxPooling1D(3, 2, padding='same', name=f'pool_{stage}')(x)
                x = _layers.Conv1D(2 * filters, 1, padding='same', name=f'1_1_conv_{stage}')(x)
                x = _layers.BatchNormalization(name=f'1_1_batch_normalization_{stage}')(x)
        x = _layers.Flatten()(KMaxPooling(8)(x))
        self.dense = [_layers.Dense(2048, activation='relu') for _ in range(2)]
        self.dense.append(_layers.Dense(classes, activation='softmax'))
        for layer in self.dense:
            x = layer(x)
        self.model = tf.keras.Model(inputs, x, name='VDCNN')

    def _block(self, x: tf.Tensor, filters: int) -> tf.Tensor:
        for _ in range(2):
            self.convs.append(_layers.Conv1D(filters, 3, padding='same'))
            self.norms.append(_layers.BatchNormalization())
            x = _layers.Activation('relu')(self.norms[-1](self.convs[-1](x)))
        return x

    def units(self) -> Iterator[tuple[int, int, tf.keras.layers.Conv1D, tf.keras.layers.BatchNormalization]]:
        """Yields each convolution and its norm, by the numbers of its block and of itself in it."""
        for n, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            yield n // 2 + 1, n % 2 + 1, conv, norm


def very_deep_cnn() -> Pair:
    """cjiang2/VDCNN, earlier zonetrooper32's, by TensorFlow 1, of 17 layers, and its own rewrite by Keras.

    The old one is vdcnn_17.py, the new one vdcnn.py with that depth, without shortcuts and with the pools of maxima, as
    train.py has them by default; both are for the four classes of AG's News. Old convolutions have an axis of one more.
    The new one doubles its channels after each pool by a convolution of one place, which has no source, so that the
    kernel of the next, which takes as many, has none either; its bias and its norm have. Its table has a row for each
    place, by mistake, the old one for each letter. The rows of the first dense kernel are in another order. The
    optimizer is that of the README; the name of the old step is not verified.
    """
    tf.keras.backend.clear_session()
    rows, letters, length = Rows(), 69, 1024
    network = _VDCNN(4, length)
    network.model(tf.zeros([1, length]))
    others: dict[str, tuple[int, ...]] = {'embedding/embedding_W': (letters, 16)}
    rows.add(network.first.kernel, 'first_conv/W_1', (3, 16, 1, 64))
    rows.add(network.first.bias, 'first_conv/b_1')
    for block, n, conv, norm in network.units():
        at = f'conv_block_{block}'
        size, x, y = conv.kernel.shape
        if n == 1 and block in (3, 5, 7):
            others[f'{at}/W_1'] = (size, 1, x // 2, y)
        else:
            rows.add(conv.kernel, f'{at}/W_{n}', (size, 1, x, y))
        rows.add(conv.bias, f'{at}/b_{n}')
        rows.layer(norm, f'{at}/BatchNorm' if n == 1 else f'{at}/BatchNorm_1', STATISTICS)
    for n, layer in enumerate(network.dense, 1):
        rows.layer(layer, f'fc{n}', kernel='w', bias='b')
    pair = rows.pair(others, model=network.model)
    return with_slots(pair, 'Momentum', others={'global_step': ()})
