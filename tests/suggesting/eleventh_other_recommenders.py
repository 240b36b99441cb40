"""A pair of networks that recommend, for an eleventh blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.seventh_recommenders import DNN, PredictionLayer


class InteractingLayer(tf.keras.layers.Layer):
    """The attention of DeepCTR between the fields, none of whose matrices has a bias."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.att_embedding_size, self.head_num = width, heads

    def build(self, shape):
        extents = [shape[-1], self.att_embedding_size * self.head_num]
        self.W_Query = self.add_weight('query', shape=extents)
        self.W_key = self.add_weight('key', shape=extents)
        self.W_Value = self.add_weight('value', shape=extents)
        self.W_Res = self.add_weight('res', shape=extents)
        super().build(shape)

    def call(self, x):
        parts = (self.W_Query, self.W_key, self.W_Value)
        query, key, value = (tf.stack(tf.split(x @ w, self.head_num, axis=2)) for w in parts)
        scores = tf.nn.softmax(tf.matmul(query, key, transpose_b=True))
        found = tf.concat(tf.unstack(scores @ value), axis=-1)
        return tf.nn.relu(found + x @ self.W_Res)


def auto_int() -> Pair:
    """DeepGraphLearning/RecommenderSystems' AutoInt with dense layers, and shenweichen/DeepCTR's, for 23 fields.

    Both have three blocks of two heads and a residual matrix. The old projections have biases, and norms without names
    follow them; the first tf.Variables without a name are those of the dense layers. The new one has a table for each
    field, none of which is a whole one of the old, linear tables besides, and one last matrix for both of the old.
    """
    tf.keras.backend.clear_session()
    layers, rows, width, units, counts = tf.keras.layers, Rows(), 16, 64, [20 + n for n in range(23)]
    inputs = [layers.Input([1], name=f'C{n}') for n in range(1, len(counts) + 1)]
    tables: dict[str, list] = {'linear0sparse_emb_C': [], 'sparse_emb_C': []}
    for (start, found), extent in zip(tables.items(), (1, width), strict=True):
        for n, (x, count) in enumerate(zip(inputs, counts, strict=True), 1):
            found.append(layers.Embedding(count, extent, name=f'{start}{n}')(x))
    linear, embedded = (layers.Concatenate(axis=1)(found) for found in tables.values())
    linear = layers.Lambda(lambda x: tf.reduce_sum(x, 1))(linear)
    blocks, x = [], embedded
    for _ in range(3):
        blocks.append(InteractingLayer(units // 2, 2))
        x = blocks[-1](x)
    attended, dnn = layers.Flatten()(x), DNN((400, 400))
    deep = dnn(layers.Flatten()(embedded))
    logit = layers.Dense(1, use_bias=False)(layers.Concatenate()([attended, deep]))
    output = PredictionLayer()(layers.Add()([logit, linear]))
    others: dict[str, tuple[int, ...]] = {
        'feature_embeddings': (sum(counts), width),
        'prediction_dense': (400, 1),
        'prediction_bias_dense': (),
        'prediction': (len(counts) * units, 1),
        'prediction_bias': (),
    }
    ends = ['', *(f'_{n}' for n in range(1, 12))]
    for n, (kernel, bias) in enumerate(zip(dnn.kernels, dnn.bias, strict=True)):
        rows.add(kernel, f'Variable{ends[2 * n]}')
        rows.add(bias, f'Variable{ends[2 * n + 1]}', (1, 400))
    for n, block in enumerate(blocks):
        matrices = (block.W_Query, block.W_key, block.W_Value, block.W_Res)
        for end, matrix in zip(ends[4 * n : 4 * n + 4], matrices, strict=True):
            rows.add(matrix, f'dense{end}/kernel')
            others[f'dense{end}/bias'] = (units,)
        others |= {f'Variable_{4 + 2 * n + k}': (units,) for k in range(2)}
    pair = rows.pair(others, model=tf.keras.Model(inputs, output))
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', others=steps)
