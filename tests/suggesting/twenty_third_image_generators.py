"""Pairs of networks that make images, for the twenty-third blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import counted

_layers = tf.keras.layers


class _Srgan:
    """Builds MathiasGruber's two networks, and notes the names that trevor-m's layers are given in each scope."""

    def __init__(self):
        self.rows, self._counts = Rows(), {}

    def conv(self, x: Any, scope: str, width: int, bias: bool = True, size: int = 3, stride: int = 1) -> Any:
        """A convolution; `bias` is whether the old one has a bias, as all of the new ones do."""
        layer = _layers.Conv2D(width, kernel_size=size, strides=stride, padding='same')
        x = layer(x)
        name = counted(self._counts, f'{scope}/conv2d')
        self.rows.layer(layer, name, ['kernel', 'bias'] if bias else ['kernel'])
        return x

    def norm(self, x: Any, scope: str) -> Any:
        layer = _layers.BatchNormalization(momentum=0.8)
        x = layer(x)
        self.rows.layer(layer, counted(self._counts, f'{scope}/batch_normalization'), STATISTICS)
        return x

    def prelu(self, x: Any) -> Any:
        """A PReLU, which the old Keras counts from one."""
        layer = _layers.PReLU(shared_axes=[1, 2])
        x = layer(x)
        self._counts['prelu'] = self._counts.get('prelu', 0) + 1
        self.rows.add(layer.alpha, f'generator/p_re_lu_{self._counts["prelu"]}/alpha')
        return x

    def generator(self) -> tf.keras.Model:
        at = 'generator'
        inputs = _layers.Input(shape=(None, None, 3))
        x = start = self.prelu(self.conv(inputs, at, 64, size=9))
        for _ in range(16):
            y = self.prelu(self.norm(self.conv(x, at, 64, False), at))
            x = _layers.Add()([self.norm(self.conv(y, at, 64, False), at), x])
        x = _layers.Add()([self.norm(self.conv(x, at, 64, False), at), start])
        for _ in range(2):
            x = self.conv(x, at, 256)
            x = self.prelu(_layers.Lambda(lambda y: tf.nn.depth_to_space(y, 2))(x))
        last = _layers.Conv2D(3, kernel_size=9, strides=1, padding='same', activation='tanh')
        x = last(x)
        self.rows.layer(last, f'{at}/forward')
        return tf.keras.Model(inputs, x)

    def discriminator(self) -> tf.keras.Model:
        at = 'discriminator'
        inputs = _layers.Input(shape=(96, 96, 3))
        x = _layers.LeakyReLU(alpha=0.2)(self.conv(inputs, at, 64))
        for n, width in enumerate((64, 128, 128, 256, 256, 512, 512)):
            x = self.conv(x, at, width, False, stride=1 if n % 2 else 2)
            x = self.norm(_layers.LeakyReLU(alpha=0.2)(x), at)
        x = _layers.LeakyReLU(alpha=0.2)(_layers.Dense(1024)(x))
        last = _layers.Dense(1, activation='sigmoid')
        x = last(x)
        self.rows.layer(last, f'{at}/dense_1')
        return tf.keras.Model(inputs, x)


def srgan() -> Pair:
    """trevor-m/tensorflow-SRGAN as its train.py saves it with a discriminator, and MathiasGruber/SRGAN-Keras' SRGAN.

    The files are srgan.py and libs/srgan.py. The old convolutions before norms have no biases, all of the new ones do.
    The old discriminator's first dense layer sees the whole image and the new one each place of it, so it has no
    answer; the new discriminator normalizes after its rectifiers. Of the old one alone are the slots of both
    optimizers. The names of the old PReLUs are of memory: those that tf.contrib.keras gives its layers in TF 1.3.
    """
    tf.keras.backend.clear_session()
    net = _Srgan()
    generator, discriminator = net.generator(), net.discriminator()
    others = {'discriminator/dense/kernel': (6 * 6 * 512, 1024), 'discriminator/dense/bias': (1024,)}
    pair = net.rows.pair(others, generator=generator, discriminator=discriminator)
    powers = {f'beta{n}_power{end}': () for n in (1, 2) for end in ('', '_1')}
    return with_slots(pair, 'Adam', 'Adam_1', others=powers)
