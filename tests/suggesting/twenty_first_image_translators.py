"""Pairs of networks that translate images, for the twenty-first blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows
from tests.suggesting.known_pairs import Pair
from tests.suggesting.seventh_image_translators import InstanceNormalization

_layers = tf.keras.layers


class ReflectionPadding2D(_layers.Layer):
    """The layer of CycleGAN-Keras."""

    def __init__(self, padding: int):
        super().__init__()
        self._padding = padding

    def call(self, x):
        n = self._padding
        return tf.pad(x, [[0, 0], [n, n], [n, n], [0, 0]], 'REFLECT')


class _CycleGan:
    """Builds simontomaskarlsson's networks of layers without names, and notes xiaowei-hu's names.

    The norm is keras-contrib's, which has the same variables as that of tensorflow/addons, in the same order.
    """

    def __init__(self):
        self.rows = Rows()

    def conv(self, layer: Any, x: Any, source: str) -> Any:
        """A convolution; the old ones have no biases, and slim calls them by their kind in their scope."""
        kind = 'Conv2d_transpose' if isinstance(layer, _layers.Conv2DTranspose) else 'Conv'
        x = layer(x)
        self.rows.add(layer.kernel, f'{source}/{kind}/weights')
        return x

    def norm(self, x: Any, source: str) -> Any:
        norm = InstanceNormalization()
        x = norm(x)
        self.rows.layer(norm, source, ('gamma', 'beta'), gamma='scale', beta='offset')
        return x

    def unit(self, layer: Any, x: Any, at: str, conv: str, norm: str) -> Any:
        """A convolution, its norm and a rectifier."""
        x = self.norm(self.conv(layer, x, f'{at}_{conv}'), f'{at}_{norm}')
        return _layers.Activation('relu')(x)

    def generator(self, scope: str, name: str) -> tf.keras.Model:
        inputs = _layers.Input(shape=(256, 256, 3))
        x = ReflectionPadding2D(3)(inputs)
        conv = _layers.Conv2D(filters=32, kernel_size=7, strides=1, padding='valid')
        x = self.unit(conv, x, f'{scope}/g_e1', 'c', 'bn')
        for n, width in ((2, 64), (3, 128)):
            conv = _layers.Conv2D(filters=width, kernel_size=3, strides=2, padding='same')
            x = self.unit(conv, x, f'{scope}/g_e{n}', 'c', 'bn')
        for n in range(1, 10):
            at, y = f'{scope}/g_r{n}', ReflectionPadding2D(1)(x)
            options = {'kernel_size': 3, 'strides': 1, 'padding': 'valid'}
            y = self.unit(_layers.Conv2D(filters=128, **options), y, at, 'c1', 'bn1')
            y = ReflectionPadding2D(1)(y)
            y = self.conv(_layers.Conv2D(filters=128, **options), y, f'{at}_c2')
            x = _layers.add([self.norm(y, f'{at}_bn2'), x])
        for n, width in ((1, 64), (2, 32)):
            conv = _layers.Conv2DTranspose(filters=width, kernel_size=3, strides=2, padding='same')
            x = self.unit(conv, x, f'{scope}/g_d{n}', 'dc', 'bn')
        conv = _layers.Conv2D(3, kernel_size=7, strides=1)
        x = self.conv(conv, ReflectionPadding2D(3)(x), f'{scope}/g_pred_c')
        return tf.keras.Model(inputs=inputs, outputs=_layers.Activation('tanh')(x), name=name)

    def discriminator(self, scope: str) -> tf.keras.Model:
        x = inputs = _layers.Input(shape=(256, 256, 3))
        for n, width in enumerate((64, 128, 256, 512)):
            conv = _layers.Conv2D(filters=width, kernel_size=4, strides=2, padding='same')
            x = self.conv(conv, x, f'{scope}/d_h{n}_conv')
            x = self.norm(x, f'{scope}/d_bn{n}') if n else x
            x = _layers.LeakyReLU(alpha=0.2)(x)
        conv = _layers.Conv2D(filters=1, kernel_size=4, strides=1, padding='same')
        x = self.conv(conv, x, f'{scope}/d_h3_pred')
        return tf.keras.Model(inputs=inputs, outputs=_layers.Activation('sigmoid')(x))


def cycle_gan() -> Pair:
    """xiaowei-hu/CycleGAN-tensorflow with `--ngf 32`, and simontomaskarlsson/CycleGAN-Keras, for colors.

    The files are model.py, module.py and ops.py, and model.py. The latter makes its discriminators first, each in a
    model of its own, and its convolutions alone have biases. The former makes its Saver before its optimizers, so it
    saves neither slots nor a step. The old last unit of a discriminator does not halve the extents.
    """
    tf.keras.backend.clear_session()
    net, models = _CycleGan(), {}
    for end in 'AB':
        inner = net.discriminator(f'discriminator{end}')
        image = _layers.Input(shape=(256, 256, 3))
        models[f'D_{end}'] = tf.keras.Model(inputs=image, outputs=inner(image), name=f'D_{end}_model')
    for way in ('A2B', 'B2A'):
        models[f'G_{way}'] = net.generator(f'generator{way}', f'G_{way}_model')
    return net.rows.pair(**models)
