"""A pair of agents, for a sixth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Part, Rows, dense
from tests.suggesting.known_pairs import Pair


def deep_deterministic() -> Pair:
    """openai/baselines' DDPG with noise on its parameters, and keiohta/tf2rl's objects, of the same widths.

    The old program is taken to be saved by a Saver. Its Adam keeps its moments outside the graph, and both noisy
    actors are copies that the new one lacks.
    """
    tf.keras.backend.clear_session()
    rows, observations, actions, units = Rows(), 17, 6, 64

    def network(name: str, source: str, inputs: int, outputs: int, last: str) -> Part:
        with tf.name_scope(name):
            layers = [dense(inputs, units, name='L1'), dense(units, units, name='L2')]
            head = dense(units, outputs, name='L3')
        for n, layer in enumerate(layers):
            rows.layer(layer, f'{source}/mlp_fc{n}', kernel='w', bias='b')
        rows.layer(head, f'{source}/{last}')
        return Part(l1=layers[0], l2=layers[1], l3=head)

    parts = {}
    for end, start in (('', ''), ('_target', 'target_')):
        parts[f'actor{end}'] = network('Actor', f'{start}actor', observations, actions, 'dense')
    for end, start in (('', ''), ('_target', 'target_')):
        parts[f'critic{end}'] = network('Critic', f'{start}critic', observations + actions, 1, 'output')
    pair = rows.pair(policy=Part(**parts))
    others: dict[str, tuple[int, ...]] = {'obs_rms/count': ()}
    others |= {f'obs_rms/{name}': (observations,) for name in ('runningsum', 'runningsumsq')}
    for name, shape in pair.shapes.items():
        if name.startswith('actor/'):
            others |= {f'{start}{name}': shape for start in ('param_noise_', 'adaptive_param_noise_')}
    return Pair({**pair.shapes, **others}, pair.target, pair.sources)
