"""A pair of agents, for a fifteenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows
from tests.suggesting.known_pairs import Pair
from tests.suggesting.tenth_other_agents import create_q_model


def atari_q_network() -> Pair:
    """devsisters/DQN-tensorflow for Breakout, and keras-team/keras-io's examples/rl/deep_q_network_breakout.

    The old Saver keeps the predicting network and its step alone, which the first of the new models is; its target has
    no source.
    """
    tf.keras.backend.clear_session()
    rows, model, target = Rows(), create_q_model(4), create_q_model(4)
    *convs, hidden, output = (layer for layer in model.layers if layer.weights)
    for n, conv in enumerate(convs, 1):
        rows.layer(conv, f'prediction/l{n}', kernel='w', bias='biases')
    rows.layer(hidden, 'prediction/l4', kernel='Matrix')
    rows.layer(output, 'prediction/q', kernel='Matrix')
    return rows.pair({'step/step': ()}, model=model, model_target=target)
