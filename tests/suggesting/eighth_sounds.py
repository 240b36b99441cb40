"""Pairs of networks that hear or make sounds, for an eighth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import UNTRAINED, Rows, with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


class _Text2Mel:
    """Notes the layers of the three parts, each of which counts them in both, and the norms that only the old has."""

    def __init__(self):
        self.names = StateDict('Text2Mel/')
        self._source, self._target, self._old, self._new = '', '', 1, 0

    def part(self, source: str, target: str, first: int = 1) -> None:
        self._source, self._target, self._old, self._new = source, f'{target}.seq_', first, 0

    def conv(self, x: int, y: int, name: str = 'conv') -> None:
        at = f'{self._source}/C_{self._old}'
        self.names.weights(f'{at}/conv1d', f'{self._target}.{name}_{self._new}', (1, x, y))
        self._norm(f'{at}/normalize', y)
        self._count()

    def highway(self, width: int, size: int = 3) -> None:
        """A convolution, of whose outputs half are gates; the old one normalizes both halves."""
        at, target = f'{self._source}/HC_{self._old}', f'{self._target}.highway-conv_{self._new}'
        self.names.weights(f'{at}/conv1d', target, (size, width, 2 * width))
        for half in ('H1', 'H2'):
            self._norm(f'{at}/{half}', width)
        self._count()

    def _norm(self, source: str, width: int) -> None:
        for role in ('beta', 'gamma'):
            self.names.old(f'{source}/{role}', (width,))

    def _count(self) -> None:
        self._old, self._new = self._old + 1, self._new + 1


def dc_tts() -> Pair:
    """Kyubyong/dc_tts' Text2Mel as it is trained, and that of chaiyujin/dctts-pytorch, which does not normalize.

    The new one calls one of its convolutions `relu_2`, has a character less, and does not tell when speech is done.
    """
    net, embedded, width, mels = _Text2Mel(), 128, 256, 80
    net.part('TextEnc', 'texts_enc_', first=2)
    net.names.old('TextEnc/embed_1/lookup_table', (32, embedded))
    net.names.new('texts_enc_.seq_.char-embed.weight', (31, embedded))
    net.conv(embedded, 2 * width)
    net.conv(2 * width, 2 * width)
    for size in (*[3] * 10, 1, 1):
        net.highway(2 * width, size)
    net.part('AudioEnc', 'audio_enc_')
    net.conv(mels, width)
    net.conv(width, width)
    net.conv(width, width, name='relu')
    for _ in range(10):
        net.highway(width)
    net.part('AudioDec', 'audio_dec_')
    net.conv(2 * width, width)
    for _ in range(6):
        net.highway(width)
    for y in (width, width, width, mels):
        net.conv(width, y)
    net.names.old('AudioDec/dones/conv1d/kernel', (1, 2 * width, 2))
    net.names.old('AudioDec/dones/conv1d/bias', (2,))
    steps = {'gs/global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(net.names.pair(), 'Adam', 'Adam_1', others=steps)


def spleeter() -> Pair:
    """deezer/spleeter's two stems as they are trained, and tuan3w/spleeter-pytorch, a network for each instrument.

    The answer is that of the latter's tf2pytorch. The old layers are all counted one after the other. What the old
    one makes of its sixth norms is not used, so that the optimizer keeps nothing of them.
    """
    names, counts = StateDict(), {'conv2d': 0, 'conv2d_transpose': 0, 'batch_normalization': 0}

    def counted(kind: str) -> str:
        number = counts[kind]
        counts[kind] += 1
        return f'{kind}_{number}' if number else kind

    widths = [2, 16, 32, 64, 128, 256, 512]
    for instrument in range(2):
        at = f'instruments.{instrument}'
        for n, (x, y) in enumerate(zip(widths, widths[1:], strict=False), 1):
            names.weights(counted('conv2d'), f'{at}.down{n}.0', (5, 5, x, y))
            names.norm(counted('batch_normalization'), f'{at}.down{n}.1', y, statistics=True)
        for n, y in enumerate((256, 128, 64, 32, 16, 1), 1):
            x = 512 if n == 1 else 4 * y if y > 1 else 32
            names.weights(counted('conv2d_transpose'), f'{at}.up{n}.0', (5, 5, y, x), transposed=True)
            names.norm(counted('batch_normalization'), f'{at}.up{n}.2', y, statistics=True)
        names.weights(counted('conv2d'), f'{at}.up7.0', (4, 4, 1, 2))
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    unused = f'{UNTRAINED}|^batch_normalization_(5|17)/'
    return with_slots(names.pair(), 'Adam', 'Adam_1', but=unused, others=steps)


class _WaveGan:
    """Adds layers as MaxHolmberg96's two functions do, and notes the names of chrisdonahue."""

    def __init__(self, dim: int):
        self.rows, self._dim = Rows(), dim

    def add(self, model: tf.keras.Sequential, layer: Any, source: str, turned: bool = False) -> None:
        """The kernels of the new one's transposed convolutions lie along the other axis."""
        model.add(layer)
        shape = tuple(layer.kernel.shape)
        self.rows.add(layer.kernel, f'{source}/kernel', (1, shape[0], *shape[2:]) if turned else shape)
        self.rows.add(layer.bias, f'{source}/bias')

    def generator(self) -> tf.keras.Sequential:
        layers, dim, model = tf.keras.layers, self._dim, tf.keras.Sequential()
        model.add(layers.Input(100))
        self.add(model, layers.Dense(units=256 * dim), 'G/z_project/dense')
        model.add(layers.Reshape((16, 16 * dim)))
        for n, width in enumerate((8 * dim, 4 * dim, 2 * dim, dim, 1)):
            model.add(layers.ReLU())
            model.add(layers.Lambda(lambda x: tf.expand_dims(x, axis=2)))
            conv = layers.Conv2DTranspose(width, (25, 1), (4, 1), 'same')
            self.add(model, conv, f'G/upconv_{n}/conv2d_transpose', turned=True)
            model.add(layers.Lambda(lambda x: tf.squeeze(x, axis=2)))
        model.add(layers.Activation(tf.nn.tanh, name='tanh'))
        return model

    def discriminator(self) -> tf.keras.Sequential:
        layers, dim, model = tf.keras.layers, self._dim, tf.keras.Sequential()
        model.add(layers.Input((16384, 1)))
        for n, width in enumerate((dim, 2 * dim, 4 * dim, 8 * dim, 16 * dim)):
            self.add(model, layers.Conv1D(width, 25, 4, 'same'), f'D/downconv_{n}/conv1d')
            model.add(layers.LeakyReLU(alpha=0.2))
            if n < 4:
                model.add(layers.Lambda(lambda x: x))
        model.add(layers.Flatten())
        self.add(model, layers.Dense(units=1), 'D/output/dense')
        return model


def wave_gan() -> Pair:
    """chrisdonahue/wavegan, narrow and with a filter after it, and both models of MaxHolmberg96/WaveGAN."""
    tf.keras.backend.clear_session()
    net = _WaveGan(16)
    generator, discriminator = net.generator(), net.discriminator()
    pair = net.rows.pair(
        {'G/pp_filt/conv1d/kernel': (512, 1, 1)}, generator=generator, discriminator=discriminator
    )
    steps = {f'beta{n}_power{again}': () for again in ('', '_1') for n in (1, 2)}
    return with_slots(pair, 'Adam', 'Adam_1', others={**steps, 'global_step': ()})
