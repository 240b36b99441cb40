"""Pairs of agents and of a recommender, for a sixteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Part, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


def gomoku() -> Pair:
    """junxiaosong/AlphaZero_Gomoku's policy_value_net_tensorflow.py for a board of 8, and its policy_value_net_keras.

    The old one makes a variable besides, to decay it, and has the channels of its convolutions last, so that the rows
    of the first dense layers have another order.
    """
    tf.keras.backend.clear_session()
    rows, size = Rows(), 8
    options = {'data_format': 'channels_first', 'activation': 'relu'}
    numbers = {'conv2d': 0, 'dense': 0}

    def apply(layer: Any, x: Any, kind: str) -> Any:
        x, n = layer(x), numbers[kind]
        rows.layer(layer, f'{kind}_{n}' if n else kind)
        numbers[kind] += 1
        return x

    x = inputs = tf.keras.Input([4, size, size])
    for width in (32, 64, 128):
        x = apply(_layers.Conv2D(width, 3, padding='same', **options), x, 'conv2d')
    policy = _layers.Flatten()(apply(_layers.Conv2D(4, 1, **options), x, 'conv2d'))
    policy = apply(_layers.Dense(size * size, activation='softmax'), policy, 'dense')
    value = _layers.Flatten()(apply(_layers.Conv2D(2, 1, **options), x, 'conv2d'))
    value = apply(_layers.Dense(64), value, 'dense')
    value = apply(_layers.Dense(1, activation='tanh'), value, 'dense')
    pair = rows.pair({'Variable': (512, size, size)}, model=tf.keras.Model(inputs, [policy, value]))
    return with_slots(pair, 'Adam', 'Adam_1', others={'beta1_power': (), 'beta2_power': ()})


def _conv_only(rows: Rows, scope: str) -> tf.keras.Model:
    """Makes the convolutions of the new baselines, and notes the old names."""
    inputs = tf.keras.Input([84, 84, 4], dtype=tf.uint8)
    x = tf.cast(inputs, tf.float32) / 255.0
    with tf.name_scope('convnet'):
        for n, (width, size, stride) in enumerate(((32, 8, 4), (64, 4, 2), (64, 3, 1))):
            conv = _layers.Conv2D(width, size, stride, 'same', activation='relu')
            x = conv(x)
            at = f'{scope}/convnet/Conv_{n}' if n else f'{scope}/convnet/Conv'
            rows.layer(conv, at, kernel='weights', bias='biases')
    return tf.keras.Model(inputs=[inputs], outputs=[x])


def _q_func(rows: Rows, scope: str, actions: int) -> tf.keras.Model:
    """Makes a network of the new baselines, and notes the old names."""
    model = _conv_only(rows, scope)
    latent, heads = _layers.Flatten()(model.outputs[0]), []
    for name, count in (('action_value', actions), ('state_value', 1)):
        at = f'{scope}/{name}/fully_connected'
        with tf.name_scope(name):
            hidden, output = _layers.Dense(256, activation=None), _layers.Dense(count, activation=None)
            heads.append(output(tf.nn.relu(hidden(latent))))
        rows.layer(hidden, at, kernel='weights', bias='biases')
        rows.layer(output, f'{at}_1', kernel='weights', bias='biases')
    action, state = heads
    centered = action - tf.expand_dims(tf.reduce_mean(action, 1), 1)
    return tf.keras.Model(inputs=model.inputs, outputs=[state + centered])


def dueling() -> Pair:
    """openai/baselines' deepq with conv_only as it duels in Atari games, and DEEPQ of its tf2 branch.

    The new convolutions are given the padding that is the old ones' by default. The old one keeps the names of its
    graph, as a Saver saves it; that its slots begin with deepq/ is as of the scope in which it minimizes.
    """
    tf.keras.backend.clear_session()
    rows, parts = Rows(), {}
    for attribute, scope in (('q_network', 'q_func'), ('target_q_network', 'target_q_func')):
        with tf.name_scope(attribute):
            parts[attribute] = _q_func(rows, f'deepq/{scope}', 6)
    eps = tf.Variable(0.0, name='eps')
    rows.add(eps, 'deepq/eps')
    pair = rows.pair(model=Part(**parts, eps=eps))
    steps = {'deepq/beta1_power': (), 'deepq/beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', prefix='deepq/', but='/(target_q_func/|eps$)', others=steps)


def multinomial_vae() -> Pair:
    """dawenl/vae_cf's MultiVAE, and Mult_VAE of recommenders-team/recommenders with the widths of the old one.

    The old one has mean and variance in one layer, and makes its Saver before its optimizer. The count of things is
    smaller than that of MovieLens.
    """
    tf.keras.backend.clear_session()
    rows, things, width, latent = Rows(), 2000, 600, 200

    def add(layer: tf.keras.layers.Dense, side: str, n: int, factor: int = 1) -> None:
        x, y = layer.kernel.shape
        rows.add(layer.kernel, f'weight_{side}_{n}to{n + 1}', (x, factor * y))
        rows.add(layer.bias, f'bias_{side}_{n + 1}', (factor * y,))

    def sample(parts: Any) -> Any:
        mean, variance = parts
        return mean + tf.exp(variance / 2) * tf.random.normal(tf.shape(mean))

    inputs = tf.keras.Input([things])
    x = _layers.Lambda(lambda x: tf.math.l2_normalize(x, axis=1))(inputs)
    hidden = _layers.Dense(width, activation='tanh')
    x = hidden(_layers.Dropout(0.5)(x))
    add(hidden, 'q', 0)
    mean, variance = _layers.Dense(latent), _layers.Dense(latent)
    x = _layers.Lambda(sample, output_shape=(latent,))([mean(x), variance(x)])
    for layer in (mean, variance):
        add(layer, 'q', 1, 2)
    decoder, output = _layers.Dense(width, activation='tanh'), _layers.Dense(things)
    x = output(_layers.Dropout(0.5)(decoder(x)))
    add(decoder, 'p', 0)
    add(output, 'p', 1)
    return rows.pair(model=tf.keras.Model(inputs, x))
