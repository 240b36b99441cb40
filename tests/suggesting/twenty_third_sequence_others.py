"""A pair of networks of tables, for the twenty-third blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows
from tests.suggesting.known_pairs import Pair
from tests.suggesting.seventh_recommenders import DNN, PredictionLayer

_layers = tf.keras.layers
_FIELDS = {
    'weekday': 4,
    'hour': 25,
    'useragent': 14,
    'IP': 131227,
    'region': 43,
    'city': 364,
    'adexchange': 5,
    'domain': 765,
    'slotid': 996,
    'slotwidth': 2,
    'slotheight': 2,
    'slotvisibility': 4,
    'slotformat': 2,
    'creative': 4,
    'advertiser': 2,
    'slotprice': 5,
}


class InnerProductLayer(tf.keras.layers.Layer):
    """The products of DeepCTR between all pairs of fields."""

    def call(self, fields):
        pairs = [(x, y) for n, x in enumerate(fields) for y in fields[n + 1 :]]
        first, second = (tf.concat(side, axis=1) for side in zip(*pairs, strict=True))
        return tf.reduce_sum(first * second, axis=2, keepdims=True)


def product_network() -> Pair:
    """Atomu2014/product-nets' PNN1 as main.py trains it for iPinYou, and PNN of shenweichen/DeepCTR's models/pnn.py.

    The old variables have no names, for init_var_map of utils.py gives them none: first a table for each field, then a
    matrix and a bias for each layer. The old one descends without slots, and has no Saver; the names are those that one
    would save. The new one is made for the same fields with dnn_hidden_units=(100,) and inner products only; its last
    layer has its bias in the prediction. It is rectified here, for its activation does not matter. The names of its
    tables are those of deepctr 0.9, as in the pairs of earlier tests.
    """
    tf.keras.backend.clear_session()
    rows, width, units, variables = Rows(), 10, 100, []
    inputs = [_layers.Input([1], name=name) for name in _FIELDS]
    tables = [_layers.Embedding(size, width, name=f'sparse_emb_{name}') for name, size in _FIELDS.items()]
    fields = [table(x) for table, x in zip(tables, inputs, strict=True)]
    products = _layers.Flatten()(InnerProductLayer()(fields))
    linear = _layers.Reshape([len(fields) * width])(_layers.Concatenate(axis=-1)(fields))
    dnn, dense, prediction = DNN((units,)), _layers.Dense(1, use_bias=False), PredictionLayer()
    deep = dnn(_layers.Flatten()(_layers.Concatenate()([linear, products])))
    model = tf.keras.Model(inputs, prediction(dense(deep)))
    model([tf.zeros([1, 1]) for _ in inputs])
    variables += [table.embeddings for table in tables]
    variables += [dnn.kernels[0], dnn.bias[0], dense.kernel, prediction.global_bias]
    for n, variable in enumerate(variables):
        rows.add(variable, f'Variable_{n}' if n else 'Variable')
    return rows.pair(model=model)
