"""A pair of networks that draw photos as cartoons, for a seventh blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import Rows
from tests.suggesting.known_pairs import Pair
from tests.suggesting.seventh_image_translators import with_adams

_NORM = ('gamma', 'beta')


class CusConv2D(tf.keras.layers.Layer):
    """The convolution of AnimeGANv2_Tensorflow2; its padding is left out."""

    def __init__(self, width: int, size: int = 3, stride: int = 1):
        super().__init__()
        self.conv = tf.keras.layers.Conv2D(width, size, stride, 'same', use_bias=False)

    def call(self, x):
        return self.conv(x)


class Conv2DNormLReLU(tf.keras.layers.Layer):
    """The block of that name, which does not normalize."""

    def __init__(self, width: int, size: int = 3, stride: int = 1):
        super().__init__()
        self.cus_conv2d = CusConv2D(width, size, stride)

    def call(self, x):
        return tf.nn.leaky_relu(self.cus_conv2d(x))


class DwiseConv2D(tf.keras.layers.Layer):
    """The block of that name."""

    def __init__(self):
        super().__init__()
        self.depthwise_conv2d = tf.keras.layers.DepthwiseConv2D(3, padding='same')

    def call(self, x):
        return self.depthwise_conv2d(x)


class InvertedResidualBlock(tf.keras.layers.Layer):
    """The block of that name, which makes its first convolution last, when it is built."""

    def __init__(self, width: int):
        super().__init__()
        self.conv2d_norm_lrelu = None
        self.dwise_conv2d = DwiseConv2D()
        self.layer_norm = tf.keras.layers.LayerNormalization()
        self.cus_conv2d = CusConv2D(width, 1)
        self.layer_norm2 = tf.keras.layers.LayerNormalization()

    def build(self, shape):
        self.conv2d_norm_lrelu = Conv2DNormLReLU(2 * shape[-1], 1)
        super().build(shape)

    def call(self, x):
        y = self.layer_norm(self.dwise_conv2d(self.conv2d_norm_lrelu(x)))
        y = self.layer_norm2(self.cus_conv2d(tf.nn.leaky_relu(y)))
        return x + y if x.shape[-1] == y.shape[-1] else y


class Unsample(tf.keras.layers.Layer):
    """The block of that name."""

    def __init__(self, width: int):
        super().__init__()
        self.conv2d_norm_lrelu = Conv2DNormLReLU(width)

    def call(self, x):
        return self.conv2d_norm_lrelu(tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2))


class _AnimeGenerator(tf.keras.Model):
    """The generator of AnimeGANv2_Tensorflow2."""

    def __init__(self):
        super().__init__(name='Generator')
        conv, inverted = Conv2DNormLReLU, InvertedResidualBlock
        self.A_block = [conv(32, 7), conv(64, stride=2), conv(64)]
        self.B_block = [conv(128, stride=2), conv(128)]
        self.C_block = [conv(128), *[inverted(256) for _ in range(4)], conv(128)]
        self.D_block = [Unsample(128), conv(128)]
        self.E_block = [Unsample(64), conv(64), conv(32, 7)]
        self.cus_conv = CusConv2D(3, 1)

    def call(self, x):
        for layer in [*self.A_block, *self.B_block, *self.C_block, *self.D_block, *self.E_block]:
            x = layer(x)
        return tf.tanh(self.cus_conv(x))


class SpectralNormalization(tf.keras.layers.Wrapper):
    """The wrapper of tensorflow/addons; its iterations are left out."""

    def build(self, shape):
        super().build(shape)
        self.w = self.layer.kernel
        self.u = self.add_weight(name='sn_u', shape=(1, self.w.shape[-1]), trainable=False)

    def call(self, x):
        return self.layer(x)


class Conv(tf.keras.layers.Layer):
    """The convolution of the discriminator, which has a second one that is never built."""

    def __init__(self, width: int, stride: int = 1):
        super().__init__()
        layer = tf.keras.layers.Conv2D
        self.spectral_norm = SpectralNormalization(layer(width, 3, stride, 'same', use_bias=False))
        self.conv = layer(width, 3, stride, use_bias=False)

    def call(self, x):
        return self.spectral_norm(x)


class _AnimeDiscriminator(tf.keras.Model):
    """The discriminator of AnimeGANv2_Tensorflow2."""

    def __init__(self):
        super().__init__(name='Discriminator')
        layers = tf.keras.layers
        self.conv1, self.leaky_relu1, self.listLayers = Conv(32), layers.LeakyReLU(), []
        for width in (64, 128):
            self.listLayers += [Conv(width, 2), layers.LeakyReLU(), Conv(2 * width)]
            self.listLayers += [layers.LayerNormalization(), layers.LeakyReLU()]
        self.conv2, self.layer_norm2 = Conv(256), layers.LayerNormalization()
        self.leaky_relu2, self.conv3 = layers.LeakyReLU(), Conv(1)

    def call(self, x):
        x = self.leaky_relu1(self.conv1(x))
        for layer in self.listLayers:
            x = layer(x)
        return self.conv3(self.leaky_relu2(self.layer_norm2(self.conv2(x))))


def _anime_generator(rows: Rows) -> tuple[_AnimeGenerator, dict[str, tuple[int, ...]]]:
    """Returns the generator, and the shapes of the norms that it lacks."""
    model, norms = _AnimeGenerator(), {}
    model(tf.zeros([1, 16, 16, 3]))
    for letter in 'ABCDE':
        number, at = 0, f'generator/G_MODEL/{letter}'
        for n, block in enumerate(getattr(model, f'{letter}_block')):
            if isinstance(block, InvertedResidualBlock):
                scope, conv = f'{at}/r{n}', block.conv2d_norm_lrelu
                rows.layer(block.dwise_conv2d.depthwise_conv2d, f'{scope}/r{n}', ['bias'])
                rows.add(block.dwise_conv2d.depthwise_conv2d.depthwise_kernel, f'{scope}/r{n}/w')
                rows.layer(block.layer_norm, f'{scope}/1', _NORM)
                rows.add(block.cus_conv2d.conv.kernel, f'{scope}/Conv_1/weights')
                rows.layer(block.layer_norm2, f'{scope}/2', _NORM)
                end = ''
            else:
                scope, end = at, f'_{number}' if number else ''
                conv = block.conv2d_norm_lrelu if isinstance(block, Unsample) else block
                number += 1
            kernel = conv.cus_conv2d.conv.kernel
            rows.add(kernel, f'{scope}/Conv{end}/weights')
            norms |= {f'{scope}/LayerNorm{end}/{role}': (kernel.shape[-1],) for role in _NORM}
    rows.add(model.cus_conv.conv.kernel, 'generator/G_MODEL/out_layer/Conv/weights')
    return model, norms


def _anime_discriminator(rows: Rows) -> _AnimeDiscriminator:
    model, at = _AnimeDiscriminator(), 'discriminator'
    model(tf.zeros([1, 16, 16, 3]))
    layers = model.listLayers
    convs = {'conv_0': model.conv1, 'last_conv': model.conv2, 'D_logit': model.conv3}
    rows.layer(model.layer_norm2, f'{at}/2_ins_norm', _NORM)
    for n in (1, 2):
        convs |= {f'conv_s2_{n}': layers[5 * n - 5], f'conv_s1_{n}': layers[5 * n - 3]}
        rows.layer(layers[5 * n - 2], f'{at}/1_norm_{n}', _NORM)
    for name, conv in convs.items():
        rows.add(conv.spectral_norm.w, f'{at}/{name}/kernel')
        rows.add(conv.spectral_norm.u, f'{at}/{name}/u')
    return model


def anime_gan() -> Pair:
    """TachibanaYoshino/AnimeGANv2 as it is trained, and the objects of jiyegege/AnimeGANv2_Tensorflow2.

    The old generator has two optimizers, and norms that the new one lacks.
    """
    tf.keras.backend.clear_session()
    rows = Rows()
    generator, norms = _anime_generator(rows)
    pair = rows.pair(norms, generated=generator, discriminator=_anime_discriminator(rows))
    ends = {'discriminator': ('Adam', 'Adam_1'), 'generator': ('Adam', 'Adam_1', 'Adam_2', 'Adam_3')}
    return with_adams(pair, ends, 3)
