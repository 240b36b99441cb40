"""A pair of networks for graphs, for an eighth blind test; see `blind_pairs`."""

import math

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair


class MeanAggregator(tf.keras.layers.Layer):
    """The aggregator of stellargraph, which makes its bias before the weights of nodes and of neighbours."""

    def __init__(self, output_dim: int, act: str):
        super().__init__()
        self.output_dim, self.act = output_dim, tf.keras.activations.get(act)

    def build(self, shapes):
        self.bias = self.add_weight(name='bias', shape=(self.output_dim,))
        self.w_group = [
            self.add_weight(name=f'weight_g{n}', shape=(shape[-1], self.output_dim // len(shapes)))
            for n, shape in enumerate(shapes)
        ]
        super().build(shapes)

    def call(self, inputs):
        nodes, neighbours = inputs
        parts = [nodes @ self.w_group[0], tf.reduce_mean(neighbours, axis=2) @ self.w_group[1]]
        return self.act(tf.concat(parts, axis=2) + self.bias)


def graph_sage() -> Pair:
    """williamleif/GraphSAGE, supervised, of three layers with means, and stellargraph/stellargraph's GraphSAGE.

    Both concatenate what they make of a node and of its neighbours, the new one with biases. The old program saves
    nothing by itself; so all its variables are taken. The new one's last layer is that of stellargraph's examples.
    """
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()
    nodes, features, width, classes, samples = 3000, 602, 256, 41, [25, 10, 10]
    widths = [features, width, width, width]
    inputs = [layers.Input([math.prod(samples[:n]), features]) for n in range(len(samples) + 1)]
    aggregators = [MeanAggregator(width, act) for act in ('relu', 'relu', 'linear')]
    states = inputs
    for hop, aggregator in enumerate(aggregators):
        outputs = []
        for n in range(len(samples) - hop):
            shape = states[n].shape[1], samples[n], widths[hop]
            neighbours = layers.Dropout(0.0)(layers.Reshape(shape)(states[n + 1]))
            outputs.append(aggregator([layers.Dropout(0.0)(states[n]), neighbours]))
        states = outputs
    x = layers.Lambda(lambda y: tf.nn.l2_normalize(y, axis=-1))(layers.Reshape([width])(states[0]))
    last = layers.Dense(classes, activation='softmax')
    model = tf.keras.Model(inputs, last(x))
    for n, aggregator in enumerate(aggregators, 1):
        for weight, kind in zip(aggregator.w_group, ('self', 'neigh'), strict=True):
            rows.add(weight, f'meanaggregator_{n}_vars/{kind}_weights')
    rows.layer(last, 'dense_1_vars', kernel='weights')
    pair = with_slots(rows.pair(model=model), 'Adam', 'Adam_1')
    others = {'adj_info': (nodes, 128), 'Variable': (nodes, features), 'beta1_power': (), 'beta2_power': ()}
    return Pair({**pair.shapes, **others}, pair.target, pair.sources)
