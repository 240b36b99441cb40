"""A pair of recommenders, for a seventh blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows
from tests.suggesting.known_pairs import Pair


class DNN(tf.keras.layers.Layer):
    """The dense layers of DeepCTR, which are one; it makes all matrices before the biases."""

    def __init__(self, units: tuple[int, ...]):
        super().__init__()
        self._units = units

    def build(self, shape):
        extents = [shape[-1], *self._units]
        self.kernels = [
            self.add_weight(f'kernel{n}', shape=extents[n : n + 2]) for n in range(len(self._units))
        ]
        self.bias = [self.add_weight(f'bias{n}', shape=[units]) for n, units in enumerate(self._units)]

    def call(self, x):
        for kernel, bias in zip(self.kernels, self.bias, strict=True):
            x = tf.nn.relu(x @ kernel + bias)
        return x


class CIN(tf.keras.layers.Layer):
    """The compressed interactions of DeepCTR, whose sums over the factors are taken as one here."""

    def __init__(self, sizes: tuple[int, ...]):
        super().__init__()
        self._sizes = sizes

    def build(self, shape):
        fields = [shape[1], *[size // 2 for size in self._sizes]]
        self.filters, self.bias = [], []
        for n, size in enumerate(self._sizes):
            self.filters.append(self.add_weight(f'filter{n}', shape=[1, fields[n] * fields[0], size]))
            self.bias.append(self.add_weight(f'bias{n}', shape=[size]))

    def call(self, x):
        *halves, last = self._sizes
        count = sum(size // 2 for size in halves) + last
        return tf.tile(tf.reduce_sum(x, [1, 2])[:, None], [1, count])


class PredictionLayer(tf.keras.layers.Layer):
    """The last layer of DeepCTR, which has the only bias of the sum."""

    def build(self, shape):
        self.global_bias = self.add_weight('global_bias', shape=[1])

    def call(self, x):
        return tf.sigmoid(x + self.global_bias)


def x_deep_fm() -> Pair:
    """recommenders-team/recommenders' xDeepFM with all its parts, for 13 fields, and shenweichen/DeepCTR's in tf.keras.

    The new names, order and shapes are those of deepctr 0.9.3 when it is run. It has a table for each feature, none of
    which is a whole one of the old; its interactions have biases, and its one bias is the sum of three of the old. The
    old program makes its Saver before the optimizer, so that there are no slots.
    """
    tf.keras.backend.clear_session()
    layers, rows, dim, counts = tf.keras.layers, Rows(), 10, [20 + n for n in range(1, 14)]
    inputs = [layers.Input([1], name=f'C{n}') for n in range(1, len(counts) + 1)]
    tables: dict[str, list] = {'sparse_emb_C': [], 'linear0sparse_emb_C': []}
    for (start, found), width in zip(tables.items(), (dim, 1), strict=True):
        for n, (x, count) in enumerate(zip(inputs, counts, strict=True), 1):
            found.append(layers.Embedding(count, width, name=f'{start}{n}')(x))
    embedded, linear = (layers.Concatenate(axis=1)(found) for found in tables.values())
    dnn, cin = DNN((400, 400)), CIN((100, 100, 50))
    deep, crossed, last = layers.Dense(1, use_bias=False), layers.Dense(1, use_bias=False), PredictionLayer()
    first = deep(dnn(layers.Flatten()(embedded)))
    x = layers.Add()([layers.Lambda(lambda x: tf.reduce_sum(x, 1))(linear), first])
    x = last(layers.Add()([x, crossed(cin(embedded))]))
    at = 'XDeepFM'
    for n, (kernel, bias) in enumerate(zip(dnn.kernels, dnn.bias, strict=True)):
        rows.add(kernel, f'{at}/nn_part/w_nn_layer{n}')
        rows.add(bias, f'{at}/nn_part/b_nn_layer{n}')
    rows.add(deep.kernel, f'{at}/nn_part/w_nn_output')
    for n, kernel in enumerate(cin.filters):
        rows.add(kernel, f'{at}/exfm_part/f_{n}')
    rows.add(crossed.kernel, f'{at}/exfm_part/w_nn_output')
    others = {
        f'{at}/embedding/embedding_layer': (sum(counts), dim),
        f'{at}/linear_part/w': (sum(counts), 1),
        f'{at}/linear_part/b': (1,),
        f'{at}/exfm_part/b_nn_output': (1,),
        f'{at}/nn_part/b_nn_output': (1,),
    }
    return rows.pair(others, model=tf.keras.Model(inputs, x))
