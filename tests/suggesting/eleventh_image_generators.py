"""Pairs of networks that make images of images, for an eleventh blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.seventh_image_translators import InstanceNormalization

_AFFINE = ('gamma', 'beta')


class Pad(tf.keras.layers.Layer):
    """The layer of CycleGAN-Tensorflow-2."""

    def __init__(self, paddings, mode='CONSTANT', **kwargs):
        super().__init__(**kwargs)
        self.paddings = paddings
        self.mode = mode

    def call(self, inputs):
        return tf.pad(inputs, self.paddings, mode=self.mode)


def _pad(width: int) -> Pad:
    return Pad([[0, 0], [width, width], [width, width], [0, 0]], mode='REFLECT')


class _CycleGan:
    """Builds LynnHo's models of layers without names, and notes tensorpack's names."""

    def __init__(self):
        self.rows = Rows()

    def unit(self, layer: Any, x: Any, source: str, norm: str | None = None) -> Any:
        """A convolution without biases, and its norm, which is within the former's scope unless `norm` tells."""
        x, normalization = layer(x), InstanceNormalization()
        x = normalization(x)
        self.rows.layer(layer, source, ['kernel'], kernel='W')
        self.rows.layer(normalization, norm or f'{source}/inorm', _AFFINE)
        return x

    def generator(self, scope: str) -> tf.keras.Model:
        layers, dim = tf.keras.layers, 64
        x = inputs = layers.Input([256, 256, 3])
        x = self.unit(layers.Conv2D(dim, 7, use_bias=False), _pad(3)(x), f'{scope}/conv0')
        x = layers.ReLU()(x)
        for number in (1, 2):
            dim *= 2
            conv = layers.Conv2D(dim, 3, strides=2, padding='same', use_bias=False)
            x = layers.ReLU()(self.unit(conv, x, f'{scope}/conv{number}'))
        for number in range(9):
            at = f'{scope}/res{number}'
            y = self.unit(layers.Conv2D(dim, 3, use_bias=False), _pad(1)(x), f'{at}/conv0')
            y = _pad(1)(layers.ReLU()(y))
            y = self.unit(layers.Conv2D(dim, 3, use_bias=False), y, f'{at}/conv1', f'{at}/inorm')
            x = layers.add([x, y])
        for number in (0, 1):
            dim //= 2
            conv = layers.Conv2DTranspose(dim, 3, strides=2, padding='same', use_bias=False)
            x = layers.ReLU()(self.unit(conv, x, f'{scope}/deconv{number}'))
        last = layers.Conv2D(3, 7)
        x = layers.Activation('tanh')(last(_pad(3)(x)))
        self.rows.layer(last, f'{scope}/convlast', kernel='W', bias='b')
        return tf.keras.Model(inputs=inputs, outputs=x)

    def discriminator(self, scope: str) -> tf.keras.Model:
        layers = tf.keras.layers
        x = inputs = layers.Input([256, 256, 3])
        first = layers.Conv2D(64, 4, strides=2, padding='same')
        x = layers.LeakyReLU(alpha=0.2)(first(x))
        self.rows.layer(first, f'{scope}/conv0', ['kernel'], kernel='W')
        for number, (dim, stride) in enumerate(((128, 2), (256, 2), (512, 1)), 1):
            conv = layers.Conv2D(dim, 4, strides=stride, padding='same', use_bias=False)
            x = layers.LeakyReLU(alpha=0.2)(self.unit(conv, x, f'{scope}/conv{number}'))
        last = layers.Conv2D(1, 4, strides=1, padding='same')
        x = last(x)
        self.rows.layer(last, f'{scope}/conv4', kernel='W', bias='b')
        return tf.keras.Model(inputs=inputs, outputs=x)


def cycle_gan() -> Pair:
    """tensorpack/tensorpack's CycleGAN as it is trained, and the models of LynnHo/CycleGAN-Tensorflow-2.

    The old scopes are named after what a generator makes, and after what a discriminator judges. The first layers of
    the new discriminators have biases. The norm of tensorflow/addons is that of another module here. What the old
    one's summaries average is left out.
    """
    tf.keras.backend.clear_session()
    gan = _CycleGan()
    models = {'G_A2B': gan.generator('gen/B'), 'G_B2A': gan.generator('gen/A')}
    models |= {'D_A': gan.discriminator('discrim/A'), 'D_B': gan.discriminator('discrim/B')}
    count = tf.Variable(0, dtype=tf.int64, trainable=False)
    others = {name: () for name in ('global_step', 'learning_rate', 'beta1_power', 'beta2_power')}
    return with_slots(gan.rows.pair(**models, ep_cnt=count), 'Adam', 'Adam_1', others=others)


class instance_norm(tf.keras.layers.Layer):  # noqa: N801
    """The norm of FastStyle, whose variables have no names."""

    def build(self, input_shape):
        self.beta = tf.Variable(tf.zeros([input_shape[3]]))
        self.gamma = tf.Variable(tf.ones([input_shape[3]]))

    def call(self, inputs):
        mean, var = tf.nn.moments(inputs, axes=[1, 2], keepdims=True)
        return self.gamma * (inputs - mean) / tf.sqrt(var + 1e-3) + self.beta


class conv_2d(tf.keras.layers.Layer):  # noqa: N801
    """The convolution of FastStyle."""

    def __init__(self, filters, kernel, stride):
        super().__init__()
        pad = kernel // 2
        self.paddings = tf.constant([[0, 0], [pad, pad], [pad, pad], [0, 0]])
        self.conv2d = tf.keras.layers.Conv2D(filters, kernel, stride, padding='valid')
        self.instance_norm = instance_norm()

    def call(self, inputs, relu=True):
        x = self.instance_norm(self.conv2d(tf.pad(inputs, self.paddings, mode='REFLECT')))
        return tf.nn.relu(x) if relu else x


class tran_conv_2d(tf.keras.layers.Layer):  # noqa: N801
    """The transposed convolution of FastStyle."""

    def __init__(self, filters, kernel, stride):
        super().__init__()
        self.tran_conv = tf.keras.layers.Conv2DTranspose(filters, kernel, stride, padding='same')
        self.instance_norm = instance_norm()

    def call(self, inputs):
        return tf.nn.relu(self.instance_norm(self.tran_conv(inputs)))


class residual(tf.keras.layers.Layer):  # noqa: N801
    """The block of FastStyle."""

    def __init__(self, filters, kernel, stride):
        super().__init__()
        self.conv1 = conv_2d(filters, kernel, stride)
        self.conv2 = conv_2d(filters, kernel, stride)

    def call(self, inputs):
        return inputs + self.conv2(self.conv1(inputs), relu=False)


class feed_forward(tf.keras.models.Model):  # noqa: N801
    """The network of FastStyle."""

    def __init__(self):
        super().__init__()
        self.conv1 = conv_2d(32, 9, 1)
        self.conv2 = conv_2d(64, 3, 2)
        self.conv3 = conv_2d(128, 3, 2)
        self.resid1 = residual(128, 3, 1)
        self.resid2 = residual(128, 3, 1)
        self.resid3 = residual(128, 3, 1)
        self.resid4 = residual(128, 3, 1)
        self.resid5 = residual(128, 3, 1)
        self.tran_conv1 = tran_conv_2d(64, 3, 2)
        self.tran_conv2 = tran_conv_2d(32, 3, 2)
        self.conv4 = conv_2d(3, 9, 1)

    def call(self, inputs):
        x = self.conv3(self.conv2(self.conv1(inputs)))
        x = self.resid5(self.resid4(self.resid3(self.resid2(self.resid1(x)))))
        x = self.conv4(self.tran_conv2(self.tran_conv1(x)), relu=False)
        return tf.nn.tanh(x) * 150 + 255.0 / 2


def style_transfer() -> Pair:
    """hwalsuklee/tensorflow-fast-style-transfer as it is trained, and the objects of cryu854/FastStyle.

    The new one is that of the two transposed convolutions, which its code has the layers of, and makes in comments;
    what it makes instead resizes. Its convolutions have biases. That the loss network of the old one has no variables
    is not verified.
    """
    tf.keras.backend.clear_session()
    network, rows = feed_forward(), Rows()
    network(tf.zeros([1, 32, 32, 3]))

    def unit(layer: Any, source: str) -> None:
        conv = layer.tran_conv if isinstance(layer, tran_conv_2d) else layer.conv2d
        rows.add(conv.kernel, f'{source}/weight')
        rows.layer(layer.instance_norm, source, _AFFINE, gamma='scale', beta='shift')

    for n in (1, 2, 3):
        unit(getattr(network, f'conv{n}'), f'conv{n}')
    for n in range(1, 6):
        block = getattr(network, f'resid{n}')
        unit(block.conv1, f'resid{n}_1')
        unit(block.conv2, f'resid{n}_2')
    for n, layer in enumerate((network.tran_conv1, network.tran_conv2, network.conv4), 1):
        unit(layer, f'convt{n}')
    others = {name: () for name in ('global_step', 'beta1_power', 'beta2_power')}
    return with_slots(rows.pair(network=network), 'Adam', 'Adam_1', others=others)
