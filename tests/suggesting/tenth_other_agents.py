"""A pair of agents, for a tenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair


def create_q_model(actions: int) -> tf.keras.Sequential:
    """The model of the example, whose input has the frames first."""
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Lambda(lambda x: tf.transpose(x, [0, 2, 3, 1]), input_shape=(4, 84, 84)),
            layers.Conv2D(32, 8, strides=4, activation='relu'),
            layers.Conv2D(64, 4, strides=2, activation='relu'),
            layers.Conv2D(64, 3, strides=1, activation='relu'),
            layers.Flatten(),
            layers.Dense(512, activation='relu'),
            layers.Dense(actions, activation='linear'),
        ]
    )


def breakout() -> Pair:
    """hill-a/stable-baselines' DQN with CnnPolicy for Breakout, and keras-io's examples/rl/deep_q_network_breakout.

    The old one does not duel, by its argument, and has its convolutions' biases in four axes. It keeps the names of its
    graph, as a Saver saves it. That its convolutions lie in the scope of the values of actions is not verified.
    """
    tf.keras.backend.clear_session()
    rows, models = Rows(), {}
    for attribute, scope in (('model', 'deepq/model'), ('model_target', 'deepq/target_q_func/model')):
        models[attribute] = model = create_q_model(4)
        *convs, hidden, output = (layer for layer in model.layers if layer.weights)
        at = f'{scope}/action_value'
        for n, conv in enumerate(convs, 1):
            rows.add(conv.kernel, f'{at}/c{n}/w')
            rows.add(conv.bias, f'{at}/c{n}/b', (1, conv.filters, 1, 1))
        rows.layer(hidden, f'{at}/fc1', kernel='w', bias='b')
        rows.layer(output, f'{at}/fully_connected', kernel='weights', bias='biases')
    others = {'deepq/eps': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(**models), 'Adam', 'Adam_1', but='^deepq/target_q_func/', others=others)
