"""Pairs of networks that translate images, for a seventh blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows
from tests.suggesting.known_pairs import Pair, Shapes

_NORM = ('gamma', 'beta')


class InstanceNormalization(tf.keras.layers.Layer):
    """The norm of tensorflow/addons."""

    def build(self, shape):
        self.gamma = self.add_weight(name='gamma', shape=shape[-1:])
        self.beta = self.add_weight(name='beta', shape=shape[-1:])

    def call(self, x):
        return x * self.gamma + self.beta


def with_adams(
    pair: Pair, ends: dict[str, tuple[str, ...]], count: int, others: Shapes | None = None
) -> Pair:
    """Adds the slots of each scope's optimizers, and the powers of as many as `count`; no `u` is trained."""
    slots: dict[str, tuple[int, ...]] = {}
    for name, shape in pair.shapes.items():
        if not name.endswith('/u'):
            slots |= {f'{name}/{end}': shape for end in ends[name.partition('/')[0]]}
    for number in range(count):
        slots |= {f'beta{n}_power{f"_{number}" if number else ""}': () for n in (1, 2)}
    return Pair({**pair.shapes, **slots, **(others or {})}, pair.target, pair.sources)


class _CycleGAN:
    """Builds LynnHo's generators and discriminators of layers without names, and notes vanhuyz's names."""

    def __init__(self):
        self.rows = Rows()

    def unit(self, layer: Any, x: Any, scope: str, end: str = '', slope: float = 0.0) -> Any:
        """A convolution without biases, and its norm."""
        norm = InstanceNormalization()
        x = norm(layer(x))
        self.rows.add(layer.kernel, f'{scope}/weights{end}')
        self.rows.layer(norm, f'{scope}/instance_norm', _NORM, gamma='scale', beta='offset')
        return tf.keras.layers.LeakyReLU(slope)(x)

    def generator(self, scope: str) -> tf.keras.Model:
        layers = tf.keras.layers
        inputs = layers.Input([256, 256, 3])
        conv = layers.Conv2D(64, 7, padding='same', use_bias=False)
        x = self.unit(conv, inputs, f'{scope}/c7s1_32')
        for name, width in (('d64', 128), ('d128', 256)):
            conv = layers.Conv2D(width, 3, 2, 'same', use_bias=False)
            x = self.unit(conv, x, f'{scope}/{name}')
        for number in range(1, 10):
            y = x
            for n in (1, 2):
                conv = layers.Conv2D(256, 3, padding='same', use_bias=False)
                y = self.unit(conv, y, f'{scope}/R256_{number}/layer{n}', str(n))
            x = layers.Add()([x, y])
        for name, width in (('u64', 128), ('u32', 64)):
            conv = layers.Conv2DTranspose(width, 3, 2, 'same', use_bias=False)
            x = self.unit(conv, x, f'{scope}/{name}')
        last = layers.Conv2D(3, 7, padding='same', activation='tanh')
        x = last(x)
        self.rows.add(last.kernel, f'{scope}/output/weights')
        return tf.keras.Model(inputs, x)

    def discriminator(self, scope: str) -> tf.keras.Model:
        layers = tf.keras.layers
        inputs = layers.Input([256, 256, 3])
        first = layers.Conv2D(64, 4, 2, 'same')
        x = layers.LeakyReLU(0.2)(first(inputs))
        self.rows.add(first.kernel, f'{scope}/C64/weights')
        for width in (128, 256, 512):
            conv = layers.Conv2D(width, 4, 1 if width == 512 else 2, 'same', use_bias=False)
            x = self.unit(conv, x, f'{scope}/C{width}', slope=0.2)
        last = layers.Conv2D(1, 4, padding='same')
        x = last(x)
        self.rows.layer(last, f'{scope}/output', kernel='weights', bias='biases')
        return tf.keras.Model(inputs, x)


def cycle_gan() -> Pair:
    """vanhuyz/CycleGAN-TensorFlow as it is trained, and the models of LynnHo/CycleGAN-Tensorflow-2.

    Four steps of the old one have no names. The first layers of the new discriminators, and the last ones of its
    generators, have biases.
    """
    tf.keras.backend.clear_session()
    net = _CycleGAN()
    models = {'G_A2B': net.generator('G'), 'G_B2A': net.generator('F')}
    models |= {'D_A': net.discriminator('D_X'), 'D_B': net.discriminator('D_Y')}
    pair = net.rows.pair(**models, ep_cnt=tf.Variable(0, dtype=tf.int64, trainable=False))
    ends = {scope: (f'Adam_{scope}', f'Adam_{scope}_1') for scope in ('G', 'F', 'D_X', 'D_Y')}
    steps: Shapes = {f'Variable{f"_{n}" if n else ""}': () for n in range(4)}
    return with_adams(pair, ends, 4, steps)


class ResidualBlock(tf.keras.layers.Layer):
    """The block of StarGAN-tf2, which drops what its norms give."""

    def __init__(self, width: int, name: str):
        super().__init__(name=name)
        layer = tf.keras.layers.Conv2D
        self.conv2d_1 = layer(width, 3, padding='same', use_bias=False)
        self.norm_layer_1 = InstanceNormalization()
        self.conv2d_2 = layer(width, 3, padding='same', use_bias=False)
        self.norm_layer_2 = InstanceNormalization()

    def call(self, x):
        y = self.conv2d_1(x)
        self.norm_layer_1(y)
        y = self.conv2d_2(tf.nn.relu(y))
        self.norm_layer_2(y)
        return x + y


class Downsample(tf.keras.layers.Layer):
    """The block of that name, which makes its norm before its convolution."""

    def __init__(self, width: int, size: int, stride: int, norm: bool, name: str):
        super().__init__(name=name)
        self.norm_layer = InstanceNormalization() if norm else None
        self.conv2d = tf.keras.layers.Conv2D(width, size, stride, 'same', use_bias=not norm)

    def call(self, x):
        x = self.conv2d(x)
        return tf.nn.leaky_relu(self.norm_layer(x) if self.norm_layer else x)


class Upsample(tf.keras.layers.Layer):
    """The block of that name."""

    def __init__(self, width: int, name: str):
        super().__init__(name=name)
        self.norm_layer = InstanceNormalization()
        self.conv2dtranspose = tf.keras.layers.Conv2DTranspose(width, 4, 2, 'same', use_bias=False)

    def call(self, x):
        return tf.nn.relu(self.norm_layer(self.conv2dtranspose(x)))


class _StarGenerator(tf.keras.Model):
    """The generator of StarGAN-tf2."""

    def __init__(self, width: int):
        super().__init__(name='generator')
        for n, size in enumerate((7, 4, 4), 1):
            layer = Downsample(width * 2 ** (n - 1), size, min(n, 2), True, f'g_downsample_{n}')
            setattr(self, f'downsample_{n}', layer)
        for n in range(1, 7):
            setattr(self, f'residualblock_{n}', ResidualBlock(4 * width, f'g_residualblock_{n}'))
        for n in (1, 2):
            setattr(self, f'upsample_{n}', Upsample(2 * width // n, f'g_upsample_{n}'))
        self.last_conv2d = tf.keras.layers.Conv2D(
            3, 7, padding='same', activation='tanh', name='g_last_conv2d', use_bias=False
        )

    def call(self, x):
        for name, count in (('downsample', 3), ('residualblock', 6), ('upsample', 2)):
            for n in range(1, count + 1):
                x = getattr(self, f'{name}_{n}')(x)
        return self.last_conv2d(x)


class _StarDiscriminator(tf.keras.Model):
    """The discriminator of StarGAN-tf2 for five domains."""

    def __init__(self, width: int):
        super().__init__(name='discriminator')
        for n in range(1, 7):
            layer = Downsample(width * 2 ** (n - 1), 4, 2, False, f'd_downsample_{n}')
            setattr(self, f'downsample_{n}', layer)
        self.conv2d_src = tf.keras.layers.Conv2D(1, 3, padding='same', use_bias=False)
        self.conv2d_cls = tf.keras.layers.Conv2D(5, 2, use_bias=False)

    def call(self, x):
        for n in range(1, 7):
            x = getattr(self, f'downsample_{n}')(x)
        return self.conv2d_src(x), self.conv2d_cls(x)


def star_gan() -> Pair:
    """taki0112/StarGAN-Tensorflow as it is trained, narrow, and the objects of Masao-Taketani/StarGAN-tf2."""
    tf.keras.backend.clear_session()
    rows, generator, discriminator = Rows(), _StarGenerator(16), _StarDiscriminator(16)
    generator(tf.zeros([1, 16, 16, 8]))
    discriminator(tf.zeros([1, 128, 128, 3]))
    scopes = {'conv': 'ins_norm', 'conv_0': 'down_ins_norm_0', 'conv_1': 'down_ins_norm_1'}
    for n, (conv, norm) in enumerate(scopes.items(), 1):
        block = getattr(generator, f'downsample_{n}')
        rows.layer(block.conv2d, f'generator/{conv}/conv2d', ['kernel'])
        rows.layer(block.norm_layer, f'generator/{norm}', _NORM)
    for n in range(6):
        block = getattr(generator, f'residualblock_{n + 1}')
        for part in (1, 2):
            at = f'generator/resblock_{n}/res{part}'
            rows.layer(getattr(block, f'conv2d_{part}'), f'{at}/conv_0/conv2d', ['kernel'])
            rows.layer(getattr(block, f'norm_layer_{part}'), f'{at}/instance_norm', _NORM)
    for n in range(2):
        block = getattr(generator, f'upsample_{n + 1}')
        rows.layer(block.conv2dtranspose, f'generator/deconv_{n}/conv2d_transpose', ['kernel'])
        rows.layer(block.norm_layer, f'generator/up_ins_norm{n}', _NORM)
    rows.layer(generator.last_conv2d, 'generator/G_logit/conv2d', ['kernel'])
    for n in range(6):
        block = getattr(discriminator, f'downsample_{n + 1}')
        rows.layer(block.conv2d, f'discriminator/conv_{n}/conv2d')
    rows.layer(discriminator.conv2d_src, 'discriminator/D_logit/conv2d', ['kernel'])
    rows.layer(discriminator.conv2d_cls, 'discriminator/D_label/conv2d', ['kernel'])
    epoch = tf.Variable(0, dtype=tf.int64)
    pair = rows.pair(epoch=epoch, gen=generator, disc=discriminator)
    return with_adams(pair, dict.fromkeys(('generator', 'discriminator'), ('Adam', 'Adam_1')), 2)
