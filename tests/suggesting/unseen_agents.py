"""Pairs of agents, graphs and clicks, for a second blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, UNTRAINED, Part, Rows, dense, embedding, with_slots
from tests.suggesting.known_pairs import Pair


def _numbered(shapes: list[tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Variables without names."""
    return {f'Variable_{n}' if n else 'Variable': shape for n, shape in enumerate(shapes)}


class _Leela:
    """Builds the Keras model of lczero-training, and notes TF1's names, which count all convolutions."""

    def __init__(self, filters: int):
        self.rows, self._filters, self._count = Rows(), filters, 0

    def conv(self, x, name: str, width: int, size: int, scale: bool = False, old: bool = True):
        layers = tf.keras.layers
        options = {'padding': 'same', 'use_bias': False, 'data_format': 'channels_first'}
        conv = layers.Conv2D(width, size, name=f'{name}/conv2d', **options)
        norm = layers.BatchNormalization(1, scale=scale, name=f'{name}/bn')
        x = norm(conv(x))
        if old:
            at = f'bn{self._count}'
            self._count += 1
            self.rows.add(conv.kernel, f'{at}/conv_weight')
            self.rows.layer(norm, f'{at}/batch_normalization', STATISTICS[1:])
        return x

    def residual(self, x, name: str):
        layers = tf.keras.layers
        y = layers.ReLU()(self.conv(x, f'{name}/1', self._filters, 3))
        y = self.conv(y, f'{name}/2', self._filters, 3, scale=True)
        pooled = layers.GlobalAveragePooling2D(data_format='channels_first')(y)
        squeezed = layers.Dense(self._filters // 4, 'relu', name=f'{name}/se/dense1')(pooled)
        excited = layers.Dense(2 * self._filters, name=f'{name}/se/dense2')(squeezed)
        excited = layers.Reshape([2, self._filters, 1, 1])(excited)
        y = layers.Lambda(lambda v: tf.sigmoid(v[1][:, 0]) * v[0] + v[1][:, 1])([y, excited])
        return layers.ReLU()(layers.Add()([x, y]))

    def connected(self, x, name: str, units: int, source: str | None):
        layer = tf.keras.layers.Dense(units, name=name)
        x = layer(x)
        if source:
            self.rows.layer(layer, source, kernel='weight')
        return x


def leela_zero() -> Pair:
    """LeelaChessZero/lczero-training under TF1, as jeremylorino's fork keeps it, and the Keras model of the same.

    The new one squeezes, scales, tells draws and counts moves. The old one has averages and sums of gradients.
    """
    tf.keras.backend.clear_session()
    net, layers, filters = _Leela(64), tf.keras.layers, 64
    inputs = layers.Input([112, 8, 8])
    x = layers.ReLU()(net.conv(inputs, 'input', filters, 3, scale=True))
    for n in range(1, 11):
        x = net.residual(x, f'residual_{n}')
    policy = layers.Flatten()(layers.ReLU()(net.conv(x, 'policy', 32, 1)))
    policy = net.connected(policy, 'policy/dense', 1858, 'fc1')
    value = layers.Flatten()(layers.ReLU()(net.conv(x, 'value', 32, 1)))
    value = net.connected(value, 'value/dense1', 128, 'fc2')
    value = net.connected(value, 'value/dense2', 3, None)
    left = layers.Flatten()(layers.ReLU()(net.conv(x, 'moves_left', 8, 1, old=False)))
    left = net.connected(left, 'moves_left/dense1', 128, None)
    left = net.connected(left, 'moves_left/dense2', 1, None)
    others = {'fc3/weight': (128, 1), 'fc3/bias': (1,)}
    pair = net.rows.pair(others, model=tf.keras.Model(inputs, [policy, value, left]))
    convolutions = [pair.shapes[f'bn{n}/conv_weight'] for n in range(23)]
    sums = [convolutions[0], convolutions[0][-1:]]
    for n in range(1, 21, 2):
        pairs = convolutions[n : n + 2]
        sums += [*pairs, *(shape[-1:] for shape in pairs)]
    for n, names in ((21, ['fc1']), (22, ['fc2', 'fc3'])):
        sums += [convolutions[n], convolutions[n][-1:]]
        sums += [pair.shapes.get(f'{name}/{role}') for name in names for role in ('weight', 'bias')]
    steps = {'global_step': (), 'swa_count': (), **_numbered(sums)}
    steps |= {f'swa/{name}': shape for name, shape in pair.shapes.items()}
    return with_slots(pair, 'Momentum', others=steps)


def soft_actor_critic() -> Pair:
    """The first SAC of openai/spinningup, which has a value function, as copies keep it, and keiohta/tf2rl's objects.

    The old target network has a policy and critics of its own, which nothing uses.
    """
    tf.keras.backend.clear_session()
    rows, seen, acts, units = Rows(), 17, 6, 256

    def network(name: str, source: str, *layers: tuple[str, str, int, int]) -> Part:
        parts = {}
        with tf.name_scope(name):
            for n, (attribute, label, x, y) in enumerate(layers):
                parts[attribute] = dense(x, y, name=label)
                rows.layer(parts[attribute], f'{source}/dense{f"_{n}" if n else ""}')
        return Part(**parts)

    def critic(name: str, source: str, x: int, last: str) -> Part:
        hidden = ('l1', 'L1', x, units), ('l2', 'L2', units, units)
        return network(name, source, *hidden, ('l3', last, units, 1))

    heads = ('out_mean', 'L_mean', units, acts), ('out_log_std', 'L_sigma', units, acts)
    hidden = ('l1', 'L1', seen, units), ('l2', 'L2', units, units)
    policy = Part(
        actor=network('GaussianPolicy', 'main/pi', *hidden, *heads),
        qf1=critic('qf1', 'main/q1', seen + acts, 'L2'),
        qf2=critic('qf2', 'main/q2', seen + acts, 'L2'),
        vf=critic('vf', 'main/v', seen, 'L3'),
        vf_target=critic('vf', 'target/v', seen, 'L3'),
    )
    pair = rows.pair(policy=policy)
    others = {
        name.replace('main', 'target'): shape
        for name, shape in pair.shapes.items()
        if name.startswith(('main/pi', 'main/q'))
    }
    steps = {f'beta{n}_power{end}': () for n in (1, 2) for end in ('', '_1')}
    return with_slots(pair, 'Adam', 'Adam_1', but='^target', others={**others, **steps})


def _variables(scope: str, **shapes: tuple[int, ...]) -> Part:
    """A module of Sonnet 2, which names its variables by where it was made."""
    with tf.name_scope(scope):
        return Part(**{name: tf.Variable(tf.zeros(shape), name=name) for name, shape in shapes.items()})


def graph_network() -> Pair:
    """EncodeProcessDecode of google-deepmind/graph_nets' demos in Sonnet 1, and that of its demos_tf2 in Sonnet 2.

    The names are those of both libraries when they are run.
    """
    rows, latent, top, kinds = Rows(), 16, 'EncodeProcessDecode', ('edge', 'node', 'global')

    def model(source: str, name: str, x: int) -> Part:
        linear = [
            _variables(f'{top}/{name}/mlp/linear_{n}', w=(width, latent), b=(latent,))
            for n, width in enumerate((x, latent))
        ]
        norm = _variables(f'{top}/{name}/layer_norm', scale=(latent,), offset=(latent,))
        for n, layer in enumerate(linear):
            rows.layer(layer, f'{source}/mlp/linear_{n}', 'wb')
        rows.layer(norm, f'{source}/layer_norm', ['scale', 'offset'], scale='gamma', offset='beta')
        return Part(_layers=[Part(_layers=linear), norm])

    def independent(end: str, *widths: int) -> Part:
        scope, parts = 'MLPGraphIndependent', {}
        for kind, x in zip(kinds, widths, strict=True):
            at = f'graph_independent/{kind}_model'
            parts[f'_{kind}_model'] = Part(_model=model(f'{scope}{end}/{at}', f'{scope}/{at}', x))
        return Part(_network=Part(**parts))

    encoder, decoder = independent('', 1, 5, 1), independent('_1', *[latent] * 3)
    at, blocks, outputs = 'MLPGraphNetwork/graph_network', {}, {}
    for kind, factor in zip(kinds, (8, 5, 4), strict=True):
        name = f'{at}/{kind}_block'
        blocks[f'_{kind}_block'] = Part(**{f'_{kind}_model': model(name, name, factor * latent)})
    for kind in ('edge', 'node'):
        at = f'{top}/graph_independent/{kind}_model'
        layer = _variables(f'{at}/{kind}_output', w=(latent, 2), b=(2,))
        rows.layer(layer, f'{at}/{kind}_output', 'wb')
        outputs[f'_{kind}_model'] = Part(_model=layer)
    core = Part(_network=Part(**blocks))
    module = Part(_encoder=encoder, _core=core, _decoder=decoder, _output_transform=Part(**outputs))
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(module=module), 'Adam', 'Adam_1', others=steps)


def deep_and_cross() -> Pair:
    """The DCN of princewen/tensorflow_practice, whose layers have no names, and that of ZiyaoGeng/RecLearn.

    The new one has a table for each feature, none of which is a whole one of the old.
    """
    tf.keras.backend.clear_session()
    rows, fields, width, hidden = Rows(), 39, 8, (256, 128, 64)
    total, number = fields * width, 0

    def noted(variable: tf.Variable, *shape: int) -> None:
        nonlocal number
        rows.add(variable, f'Variable_{number}' if number else 'Variable', shape)
        number += 1

    layers = [dense(x, y) for x, y in zip((total, *hidden), hidden, strict=False)]
    for layer in layers:
        noted(layer.kernel, *layer.kernel.shape)
        noted(layer.bias, 1, layer.units)
    crosses = {
        name: [tf.Variable(tf.zeros([total, 1]), name=f'cross_network/{name[6]}_{n}') for n in range(3)]
        for name in ('cross_weights', 'cross_bias')
    }
    for weight, bias in zip(*crosses.values(), strict=True):
        noted(weight, total, 1)
        noted(bias, total, 1)
    final = dense(total + hidden[-1], 1)
    noted(final.kernel, total + hidden[-1], 1)
    noted(final.bias)
    counts = [20 + 3 * n for n in range(fields)]
    model = Part(
        embed_layers={f'embed_{n}': embedding(count, width) for n, count in enumerate(counts)},
        cross_network=Part(**crosses),
        dnn_network=Part(dnn_network=layers),
        dense_final=final,
    )
    others = {'feature_embeddings': (sum(counts), width), 'feature_bias': (sum(counts), 1)}
    pair = rows.pair(others, model=model)
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', but=f'feature_bias|{UNTRAINED}', others=steps)
