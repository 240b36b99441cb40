"""Pairs of agents, for an eleventh blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair


def _mlp(sizes: tuple[int, ...], name: str) -> tf.keras.Sequential:
    return tf.keras.Sequential([tf.keras.layers.Dense(size, activation='relu') for size in sizes], name)


class _MlpActor(tf.keras.Model):
    """The actor of the new program, whose body and heads are private."""

    def __init__(self, sizes: tuple[int, ...], actions: int):
        super().__init__()
        self._body = _mlp(sizes, 'actor')
        self._mu = tf.keras.layers.Dense(actions, name='mean')
        self._log_std = tf.keras.layers.Dense(actions, name='log_std_dev')

    def call(self, x):
        x = self._body(x)
        return self._mu(x), self._log_std(x)


def soft_actor_critic_models() -> Pair:
    """openai/spinningup's SAC of TF1, which has no value function, and the models of awarelab/spinningup_tf2's SAC.

    Both are for HalfCheetah, and have two layers of 256. The old target network has a policy of its own, which nothing
    uses. The new program clones the first critic thrice, so that all four have layers of the same names. It saves the
    actor alone; all of its models are in a checkpoint here.
    """
    tf.keras.backend.clear_session()
    layers, rows, seen, acts, sizes = tf.keras.layers, Rows(), 17, 6, (256, 256)
    actor = _MlpActor(sizes, acts)
    inputs = [layers.Input([seen]), layers.Input([acts])]
    x = layers.Concatenate(axis=-1)(inputs)
    body = tf.keras.Sequential([_mlp(sizes, 'critic'), layers.Dense(1), layers.Reshape([])])
    critic = tf.keras.Model(inputs, body(x))
    names = ('critic1', 'critic2', 'target_critic1', 'target_critic2')
    critics = {name: tf.keras.models.clone_model(critic) if n else critic for n, name in enumerate(names)}
    actor(tf.zeros([1, seen]))
    for n, layer in enumerate((*actor._body.layers, actor._mu, actor._log_std)):
        rows.layer(layer, f'main/pi/dense{f"_{n}" * bool(n)}')
    for name, scope in zip(names, ('main/q1', 'main/q2', 'target/q1', 'target/q2'), strict=True):
        hidden, output, _ = critics[name].layers[-1].layers
        for n, layer in enumerate((*hidden.layers, output)):
            rows.layer(layer, f'{scope}/dense{f"_{n}" * bool(n)}')
    pair = rows.pair(actor=actor, **critics)
    others = {
        name.replace('main', 'target'): shape
        for name, shape in pair.shapes.items()
        if name.startswith('main/pi')
    }
    steps = {f'beta{n}_power{end}': () for n in (1, 2) for end in ('', '_1')}
    return with_slots(pair, 'Adam', 'Adam_1', but='^target', others={**others, **steps})


class CVAE(tf.keras.Model):
    """The new program's model, without its optimizer."""

    def __init__(self, size: int):
        super().__init__()
        layers, sequential = tf.keras.layers, tf.keras.Sequential
        convolutions = [
            layers.Conv2D(count, 4, strides=2, activation='relu', name=f'enc_conv{n}')
            for n, count in enumerate((32, 64, 128, 256), 1)
        ]
        self.inference_net_base = sequential(
            [layers.InputLayer((64, 64, 3)), *convolutions, layers.Flatten()]
        )
        self.mu_net = sequential([layers.InputLayer((1024,)), layers.Dense(size, name='enc_fc_mu')])
        self.logvar_net = sequential([layers.InputLayer((1024,)), layers.Dense(size, name='enc_fc_log_var')])
        transposed = [
            layers.Conv2DTranspose(count, extent, strides=2, activation='relu', name=f'dec_deconv{n}')
            for n, (count, extent) in enumerate(((128, 5), (64, 5), (32, 6), (3, 6)), 1)
        ]
        self.generative_net = sequential(
            [
                layers.InputLayer((size,)),
                layers.Dense(4 * 256, activation='relu', name='dec_dense1'),
                layers.Reshape((1, 1, 4 * 256)),
                *transposed,
            ]
        )


def world_model_vae() -> Pair:
    """hardmaru/WorldModelsExperiments' ConvVAE for carracing as it is trained, and zacwellmer/WorldModels' CVAE.

    The old one makes its variables in a graph of their own, which the scope `conv_vae` around it does not reach. Its
    rate has no name.
    """
    tf.keras.backend.clear_session()
    rows, vae = Rows(), CVAE(32)
    names = {'dec_dense1': 'dec_fc'}
    for part in (vae.inference_net_base, vae.mu_net, vae.logvar_net, vae.generative_net):
        for layer in part.layers:
            if layer.weights:
                rows.layer(layer, names.get(layer.name, layer.name))
    steps = {'global_step': (), 'Variable': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(vae=vae), 'Adam', 'Adam_1', others=steps)
