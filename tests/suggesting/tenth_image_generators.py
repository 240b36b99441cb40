"""Pairs of networks that make images of images, for a tenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.seventh_image_translators import InstanceNormalization

_WEIGHTS = {'kernel': 'weights', 'bias': 'biases'}


def edsr() -> Pair:
    """jmiller656/EDSR-Tensorflow, and krasserm/super-resolution's edsr, both of 16 blocks, 64 wide, to twice the size.

    The old one keeps no slots, for it makes its Saver before its optimizer. It makes the larger image with two
    convolutions, the last of which is shuffled; the new one shuffles before its last.
    """
    tf.keras.backend.clear_session()
    layers, rows, count = tf.keras.layers, Rows(), 0

    def add(x: Any, activation: str | None = None) -> Any:
        nonlocal count
        layer = layers.Conv2D(64, 3, padding='same', activation=activation)
        y = layer(x)
        rows.layer(layer, f'Conv_{count}' if count else 'Conv', **_WEIGHTS)
        count += 1
        return y

    inputs = layers.Input([None, None, 3])
    x = b = add(layers.Lambda(lambda t: (t - 127.0) / 127.5)(inputs))
    for _ in range(16):
        b = layers.Add()([b, add(add(b, 'relu'))])
    x = layers.Add()([x, add(b)])
    x = layers.Conv2D(256, 3, padding='same', name='conv2d_1_scale_2')(x)
    x = layers.Lambda(lambda t: tf.nn.depth_to_space(t, 2))(x)
    x = layers.Lambda(lambda t: t * 127.5 + 127.0)(layers.Conv2D(3, 3, padding='same')(x))
    others = {
        'Conv_34/weights': (3, 3, 64, 64),
        'Conv_34/biases': (64,),
        'Conv_35/weights': (3, 3, 64, 12),
        'Conv_35/biases': (12,),
    }
    return rows.pair(others, model=tf.keras.Model(inputs, x, name='edsr'))


class ReflectionPadding2D(tf.keras.layers.Layer):
    """The layer of keras-io's CycleGAN."""

    def __init__(self, padding: tuple[int, int] = (1, 1), **kwargs):
        self.padding = tuple(padding)
        super().__init__(**kwargs)

    def call(self, x):
        width, height = self.padding
        return tf.pad(x, [[0, 0], [height, height], [width, width], [0, 0]], mode='REFLECT')


class CycleGan(tf.keras.Model):
    """The model of keras-io's CycleGAN, without its steps."""

    def __init__(self, generator_g, generator_f, discriminator_x, discriminator_y):
        super().__init__()
        self.gen_G = generator_g
        self.gen_F = generator_f
        self.disc_X = discriminator_x
        self.disc_Y = discriminator_y


class _CycleGan:
    """Builds the functional models of keras-io, and notes hardikbansal's names."""

    def __init__(self):
        self.rows = Rows()
        self._others: dict[str, tuple[int, ...]] = {}

    def layer(self, layer: Any, x: Any, scope: str) -> Any:
        """A convolution, which has a bias in the old network, and maybe in the new one."""
        y, transposed = layer(x), isinstance(layer, tf.keras.layers.Conv2DTranspose)
        source = f'Model/{scope}/{"Conv2d_transpose" if transposed else "Conv"}'
        self.rows.layer(layer, source, ('kernel', 'bias') if layer.use_bias else ['kernel'], **_WEIGHTS)
        if not layer.use_bias:
            self._others[f'{source}/biases'] = (layer.filters,)
        return y

    def unit(self, layer: Any, x: Any, scope: str, activation: Any = None) -> Any:
        """A convolution without biases, its norm and what activates."""
        x, norm = self.layer(layer, x, scope), InstanceNormalization()
        x = norm(x)
        source = f'Model/{scope}/instance_norm'
        self.rows.layer(norm, source, ('gamma', 'beta'), gamma='scale', beta='offset')
        return activation(x) if activation else x

    def generator(self, name: str, scope: str) -> tf.keras.Model:
        layers, filters = tf.keras.layers, 32
        image = layers.Input([256, 256, 3], name=f'{name}_img_input')
        x = ReflectionPadding2D((3, 3))(image)
        conv = layers.Conv2D(filters, 7, use_bias=False)
        x = self.unit(conv, x, f'{scope}/c1', layers.Activation('relu'))
        for number in (2, 3):
            filters *= 2
            conv = layers.Conv2D(filters, 3, 2, 'same', use_bias=False)
            x = self.unit(conv, x, f'{scope}/c{number}', layers.Activation('relu'))
        for number in range(1, 10):
            y, at = x, f'{scope}/r{number}'
            first = layers.Conv2D(filters, 3, use_bias=False)
            x = self.unit(first, ReflectionPadding2D()(x), f'{at}/c1', layers.Activation('relu'))
            second = layers.Conv2D(filters, 3, use_bias=False)
            x = self.unit(second, ReflectionPadding2D()(x), f'{at}/c2')
            x = layers.add([y, x])
        for number in (4, 5):
            filters //= 2
            conv = layers.Conv2DTranspose(filters, 3, 2, 'same', use_bias=False)
            x = self.unit(conv, x, f'{scope}/c{number}', layers.Activation('relu'))
        x = self.layer(layers.Conv2D(3, 7), ReflectionPadding2D((3, 3))(x), f'{scope}/c6')
        for role in ('scale', 'offset'):
            self._others[f'Model/{scope}/c6/instance_norm/{role}'] = (3,)
        return tf.keras.Model(image, layers.Activation('tanh')(x), name=name)

    def discriminator(self, name: str, scope: str) -> tf.keras.Model:
        layers = tf.keras.layers
        image = layers.Input([256, 256, 3], name=f'{name}_img_input')
        x = self.layer(layers.Conv2D(64, 4, 2, 'same'), image, f'{scope}/c1')
        x = layers.LeakyReLU(0.2)(x)
        for number, (width, stride) in enumerate(((128, 2), (256, 2), (512, 1)), 2):
            conv = layers.Conv2D(width, 4, stride, 'same', use_bias=False)
            x = self.unit(conv, x, f'{scope}/c{number}', layers.LeakyReLU(0.2))
        return tf.keras.Model(image, self.layer(layers.Conv2D(1, 4, 1, 'same'), x, f'{scope}/c5'), name=name)

    def pair(self, model: tf.keras.Model) -> Pair:
        return self.rows.pair(self._others, model=model)


def cycle_gan() -> Pair:
    """hardikbansal/CycleGAN as it is trained, and keras-team/keras-io's examples/generative/cyclegan, both 32 wide.

    The old convolutions have biases, and the last one of a generator is normalized. The norm of tensorflow/addons is
    that of another module here.
    """
    tf.keras.backend.clear_session()
    gan = _CycleGan()
    model = CycleGan(
        gan.generator('generator_G', 'g_A'),
        gan.generator('generator_F', 'g_B'),
        gan.discriminator('discriminator_X', 'd_A'),
        gan.discriminator('discriminator_Y', 'd_B'),
    )
    others = {name: () for name in ('global_step', 'beta1_power', 'beta2_power')}
    return with_slots(gan.pair(model), 'Adam', 'Adam_1', others=others)
