"""Pairs of agents, for a seventh blind test; see `blind_pairs`."""

import dataclasses

import tensorflow as tf

from tests.suggesting.blind_objects import UNTRAINED, Part, Rows, with_slots
from tests.suggesting.known_pairs import Pair


def _perceptron(rows: Rows, name: str, source: str, inputs: list[int], outputs: int, units: int) -> Part:
    """A network of tf2multiagentrl, whose output layer has the number of the last hidden one."""
    layers = tf.keras.layers
    joined = [layers.Input([extent]) for extent in inputs]
    x = layers.Concatenate()(joined) if len(joined) > 1 else joined[0]
    names = [f'{name}_hid0', f'{name}_hid1', f'{name}_out1']
    for n, (label, width) in enumerate(zip(names, (units, units, outputs), strict=True)):
        layer = layers.Dense(width, name=label)
        x = layer(x)
        scope = f'{source}/fully_connected{f"_{n}" if n else ""}'
        rows.layer(layer, scope, kernel='weights', bias='biases')
    return Part(model=tf.keras.Model(joined, x))


def multi_agent() -> Pair:
    """openai/maddpg in its scenario simple_tag as it is trained, and the objects of JohannesAck/tf2multiagentrl.

    The four agents have networks of the same shapes, but for the last one's policy. The optimizers of each agent are
    made in its scope, which is entered a second time for the policy.
    """
    tf.keras.backend.clear_session()
    rows, observations, actions, units = Rows(), [16, 16, 16, 14], 5, 64
    joined, agents = [*observations, *[actions] * len(observations)], []
    for n, extent in enumerate(observations):
        networks, at = {}, f'agent_{n}'
        for short, name, inputs, outputs in (('q', 'crit', joined, 1), ('p', 'pol', [extent], actions)):
            part = {'q': 'critic', 'p': 'policy'}[short]
            for end, start in (('', ''), ('_target', 'target_')):
                source = f'{at}/{start}{short}_func'
                networks[f'{part}{end}'] = _perceptron(rows, f'ag{n}{name}', source, inputs, outputs, units)
        agents.append(Part(**networks))
    pair = rows.pair(agents=agents)
    slots: dict[str, tuple[int, ...]] = {}
    for name, shape in pair.shapes.items():
        if '/target_' not in name:
            scope = name.partition('/')[0]
            slots |= {f'{scope}/{name}/{end}': shape for end in ('Adam', 'Adam_1')}
    for n in range(len(observations)):
        slots |= {f'agent_{n}{again}/beta{m}_power': () for again in ('', '_1') for m in (1, 2)}
    return dataclasses.replace(pair, shapes={**pair.shapes, **slots})


class ImplicitQuantileNetwork(tf.keras.Model):
    """The network of Dopamine, whose layers share names; that of the quantiles is made when it is first called."""

    def __init__(self, actions: int, name: str):
        super().__init__(name=name)
        layers = tf.keras.layers
        self.conv1 = layers.Conv2D(32, 8, 4, 'same', name='Conv')
        self.conv2 = layers.Conv2D(64, 4, 2, 'same', name='Conv')
        self.conv3 = layers.Conv2D(64, 3, 1, 'same', name='Conv')
        self.flatten = layers.Flatten()
        self.dense1 = layers.Dense(512, name='fully_connected')
        self.dense2 = layers.Dense(actions, name='fully_connected')

    def call(self, state, quantiles):
        x = self.flatten(self.conv3(self.conv2(self.conv1(state))))
        if not hasattr(self, 'dense_quantile'):
            self.dense_quantile = tf.keras.layers.Dense(x.shape[-1])
        return self.dense2(self.dense1(x * self.dense_quantile(quantiles)))


def implicit_quantile() -> Pair:
    """google/dopamine's implicit quantile agent in slim as it is trained, and the same agent's networks in Keras.

    The old network makes the layer of the quantiles before both other dense layers, the new one after them. That the
    optimizer is made in no scope is not verified.
    """
    tf.keras.backend.clear_session()
    rows, networks, roles = Rows(), {}, {'kernel': 'weights', 'bias': 'biases'}
    for part, name in (('online', 'Online'), ('target', 'Target')):
        network = ImplicitQuantileNetwork(6, name)
        network(tf.zeros([1, 84, 84, 4]), tf.zeros([1, 64]))
        for n, layer in enumerate((network.conv1, network.conv2, network.conv3)):
            rows.layer(layer, f'{name}/Conv{f"_{n}" if n else ""}', **roles)
        for n, layer in enumerate((network.dense_quantile, network.dense1, network.dense2)):
            rows.layer(layer, f'{name}/fully_connected{f"_{n}" if n else ""}', **roles)
        networks[f'{part}_convnet'] = network
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(**networks), 'Adam', 'Adam_1', but=f'{UNTRAINED}|^Target/', others=steps)
