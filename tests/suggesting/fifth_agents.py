"""Pairs of agents and of a network of graphs, for a fifth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, UNTRAINED, Part, Rows, built, with_slots
from tests.suggesting.known_pairs import Pair


def _counted(name: str, number: int) -> str:
    return f'{name}_{number}' if number else name


def alpha_zero() -> Pair:
    """suragnair/alpha-zero-general's network for Othello in tf.layers, narrow, and its network in Keras.

    The old layers before norms have no biases; the new heads have names.
    """
    tf.keras.backend.clear_session()
    layers, rows, board, width = tf.keras.layers, Rows(), 8, 32
    norms = 0

    def unit(x: Any, layer: Any, scope: str) -> Any:
        nonlocal norms
        norm = layers.BatchNormalization()
        x = norm(layer(x))
        rows.layer(layer, scope, ['kernel'])
        rows.layer(norm, _counted('batch_normalization', norms), STATISTICS)
        norms += 1
        return layers.Activation('relu')(x)

    inputs = layers.Input([board, board])
    x = layers.Reshape([board, board, 1])(inputs)
    for n, padding in enumerate(('same', 'same', 'valid', 'valid')):
        x = unit(x, layers.Conv2D(width, 3, padding=padding), _counted('conv2d', n))
    x = layers.Flatten()(x)
    for n, units in enumerate((1024, 512)):
        x = layers.Dropout(0.3)(unit(x, layers.Dense(units), _counted('dense', n)))
    policy = layers.Dense(board**2 + 1, activation='softmax', name='pi')
    value = layers.Dense(1, activation='tanh', name='v')
    model = tf.keras.Model(inputs, [policy(x), value(x)])
    rows.layer(policy, 'dense_2')
    rows.layer(value, 'dense_3')
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)


def _perceptron(rows: Rows, inputs: int, outputs: int, scope: str, last: str) -> tf.keras.Sequential:
    """The network that create_mlp of stable-baselines-tf2 makes."""
    layers = tf.keras.layers
    dense = [layers.Dense(64, 'relu'), layers.Dense(64, 'relu'), layers.Dense(outputs)]
    model = tf.keras.Sequential([layers.Flatten(input_shape=(inputs,)), *dense])
    for layer, name in zip(dense, ('fc0', 'fc1', last), strict=True):
        rows.layer(layer, f'{scope}/{name}')
    return model


def twin_delayed() -> Pair:
    """The TD3 of Stable-Baselines-Team/stable-baselines, and of its stable-baselines-tf2, of the same widths.

    The old program is taken to be saved by a Saver. Its optimizers were made in a scope.
    """
    tf.keras.backend.clear_session()
    rows, parts = Rows(), {}
    observations, actions = 24, 4
    for scope, end in (('model', ''), ('target', '_target')):
        actor = _perceptron(rows, observations, actions, f'{scope}/pi', 'dense')
        parts[f'actor{end}'] = Part(mu=actor)
    for scope, end in (('model', ''), ('target', '_target')):
        networks = [
            _perceptron(rows, observations + actions, 1, f'{scope}/values_fn/qf{n}', f'qf{n}') for n in (1, 2)
        ]
        parts[f'critic{end}'] = Part(q1_net=networks[0], q2_net=networks[1], q_networks=networks)
    pair = rows.pair(policy=Part(**parts))
    steps = {f'loss/beta{n}_power{end}': () for n in (1, 2) for end in ('', '_1')}
    return with_slots(pair, 'Adam', 'Adam_1', prefix='loss/', but=f'{UNTRAINED}|^target/', others=steps)


def q_network() -> Pair:
    """devsisters/DQN-tensorflow, whose Saver keeps the predicting network alone, and QNetwork of tensorflow/agents.

    A layer without variables is counted among the new ones.
    """
    tf.keras.backend.clear_session()
    layers, rows, old = tf.keras.layers, Rows(), 'prediction'
    parts, channels = [], 4
    with tf.name_scope('QNetwork/EncodingNetwork'):
        for n, (width, size, stride) in enumerate(((32, 8, 4), (64, 4, 2), (64, 3, 1)), 1):
            layer = built(layers.Conv2D(width, size, stride, activation='relu'), None, None, channels)
            parts.append(rows.layer(layer, f'{old}/l{n}', kernel='w', bias='biases'))
            channels = width
        hidden = built(layers.Dense(512, 'relu'), 7 * 7 * 64)
    parts += [layers.Flatten(), rows.layer(hidden, f'{old}/l4', kernel='Matrix')]
    with tf.name_scope('QNetwork'):
        values = rows.layer(built(layers.Dense(6), 512), f'{old}/q', kernel='Matrix')
    network = Part(_encoder=Part(_postprocessing_layers=parts), _q_value_layer=values)
    return rows.pair({'step/step': ()}, q_network=network)


class GraphAttention(tf.keras.layers.Layer):
    """The layer of keras-gat, of whose class Keras makes its name."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self._width, self._heads = width, heads
        self.kernels, self.biases, self.attn_kernels = [], [], []

    def build(self, shapes):
        inputs = shapes[0][-1]
        for n in range(self._heads):
            self.kernels.append(self.add_weight(f'kernel_{n}', shape=(inputs, self._width)))
            self.biases.append(self.add_weight(f'bias_{n}', shape=(self._width,)))
            ends = (f'attn_kernel_self_{n}', f'attn_kernel_neigh_{n}')
            self.attn_kernels.append([self.add_weight(end, shape=(self._width, 1)) for end in ends])

    def call(self, inputs):
        x, neighbors = inputs
        outputs = []
        for kernel, bias, attention in zip(self.kernels, self.biases, self.attn_kernels, strict=True):
            y = x @ kernel
            scores = tf.nn.leaky_relu(y @ attention[0] + tf.transpose(y @ attention[1]))
            weights = tf.nn.softmax(scores - 1e9 * (1.0 - neighbors))
            outputs.append(weights @ y + bias)
        return tf.concat(outputs, -1)


def graph_attention() -> Pair:
    """PetarV-/GAT for Cora with 100 features and eight heads, and the layers of danielegrattarola/keras-gat.

    The old convolutions are of size 1, three for each head; the two that score have biases.
    """
    tf.keras.backend.clear_session()
    layers, rows, others = tf.keras.layers, Rows(), {}
    features, nodes, width, classes = 100, 200, 8, 7
    inputs = layers.Input([features]), layers.Input([nodes])
    first, second = GraphAttention(width, 8), GraphAttention(classes, 1)
    x = first([layers.Dropout(0.6)(inputs[0]), inputs[1]])
    x = second([layers.Dropout(0.6)(x), inputs[1]])
    model = tf.keras.Model(inputs, layers.Activation('softmax')(x))
    heads = [(layer, n) for layer, count in ((first, 8), (second, 1)) for n in range(count)]
    for number, (layer, n) in enumerate(heads):
        kernel = layer.kernels[n]
        rows.add(kernel, f'{_counted("conv1d", 3 * number)}/kernel', (1, *kernel.shape))
        rows.add(layer.biases[n], f'{_counted("BiasAdd", number)}/biases')
        for part, kernel in enumerate(layer.attn_kernels[n], 1):
            scope = _counted('conv1d', 3 * number + part)
            rows.add(kernel, f'{scope}/kernel', (1, *kernel.shape))
            others[f'{scope}/bias'] = (1,)
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)
