"""Pairs of networks that segment, make and denoise images, for a sixteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import counted

_layers = tf.keras.layers
_SLIM = {'kernel': 'weights', 'bias': 'biases'}
_POWERS = {name: () for name in ('beta1_power', 'beta2_power')}


class _Tiramisu:
    """Builds MadYZR's FC-DenseNet of layers without names, and notes what slim counts in GeorgeSeif's."""

    def __init__(self):
        self.rows = Rows()
        self._counts: dict[str, int] = {}

    def _source(self, kind: str) -> str:
        return f'FC-DenseNet56/{counted(self._counts, kind)}'

    def unit(self, x: Any, width: int, size: int = 3) -> Any:
        norm, conv = _layers.BatchNormalization(), _layers.Conv2D(width, size, padding='same')
        x = conv(_layers.Activation('relu')(norm(x)))
        self.rows.layer(norm, self._source('BatchNorm'), STATISTICS[1:])
        self.rows.layer(conv, self._source('Conv'), **_SLIM)
        return _layers.Dropout(0.2)(x)

    def up(self, x: Any, skipped: Any, width: int) -> Any:
        conv = _layers.Conv2DTranspose(width, kernel_size=3, strides=2, padding='same')
        x = conv(x)
        self.rows.layer(conv, self._source('Conv2d_transpose'), **_SLIM)
        return _layers.concatenate([x, skipped], axis=-1)

    def block(self, x: Any, count: int, growth: int) -> tuple[Any, list[Any]]:
        """Returns what a block takes and makes together, and what it makes."""
        made = []
        for _ in range(count):
            made.append(self.unit(x, growth))
            x = _layers.concatenate([x, made[-1]])
        return x, made


def fc_dense_net() -> Pair:
    """GeorgeSeif/Semantic-Segmentation-Suite's FC-DenseNet56 as it is trained, and MadYZR/FC-DenseNet-Keras'.

    Both are for 12 classes; the depths and the growth that the new one is made with are those of the old one, not its
    own defaults. The old norms do not scale.
    """
    tf.keras.backend.clear_session()
    net, growth, count, pools = _Tiramisu(), 12, 4, 5
    inputs = _layers.Input(shape=(None, None, 3))
    first, width, skipped = _layers.Conv2D(48, kernel_size=3, padding='same'), 48, []
    x = first(inputs)
    for _ in range(pools):
        x, _ = net.block(x, count, growth)
        width += growth * count
        skipped.append(x)
        x = _layers.MaxPooling2D((2, 2))(net.unit(x, width, 1))
    x, made = net.block(x, count, growth)
    for skip in reversed(skipped):
        x, made = net.block(net.up(_layers.concatenate(made), skip, growth * count), count, growth)
    last = _layers.Conv2D(12, kernel_size=1, padding='same')
    model = tf.keras.Model(inputs=inputs, outputs=_layers.Activation('sigmoid')(last(x)))
    net.rows.layer(first, 'FC-DenseNet56/first_conv', **_SLIM)
    net.rows.layer(last, 'FC-DenseNet56/logits', **_SLIM)
    return with_slots(net.rows.pair(model=model), 'RMSProp', 'RMSProp_1')


_AVERAGES = {'moving_mean': 'mean/EMA', 'moving_variance': 'variance/EMA'}


class _DcGan:
    """Builds LynnHo's generator and discriminator of layers without names, and notes tensorpack's names."""

    def __init__(self):
        self.rows, self.others = Rows(), {}

    def norm(self, x: Any, source: str) -> Any:
        norm = _layers.BatchNormalization()
        x = norm(x)
        self.rows.layer(norm, source, STATISTICS, **_AVERAGES)
        return x

    def generator(self, channels: int) -> tf.keras.Model:
        x = inputs = _layers.Input(shape=(1, 1, channels))
        first = _layers.Conv2DTranspose(512, 4, strides=1, padding='valid', use_bias=False)
        x = _layers.ReLU()(self.norm(first(x), 'gen/bn'))
        self.rows.add(first.kernel, 'gen/fc0/W', (channels, 8192))
        self.others['gen/fc0/b'] = (8192,)
        for number, width in enumerate((256, 128, 64, 3), 1):
            conv = _layers.Conv2DTranspose(width, 4, strides=2, padding='same', use_bias=False)
            x = conv(x)
            self.rows.layer(conv, f'gen/deconv{number}', ['kernel'], kernel='W')
            self.others[f'gen/deconv{number}/b'] = (width,)
            if number < 4:
                x = _layers.ReLU()(self.norm(x, f'gen/deconv{number}/bn'))
        x = _layers.Activation('tanh')(x)
        return tf.keras.Model(inputs=inputs, outputs=x, name='G_celeba')

    def discriminator(self) -> tf.keras.Model:
        x = inputs = _layers.Input(shape=(64, 64, 3))
        for number, width in enumerate((64, 128, 256, 512)):
            conv = _layers.Conv2D(width, 4, strides=2, padding='same', use_bias=not number)
            x, at = conv(x), f'discrim/conv{number}'
            self.rows.layer(conv, at, ['kernel'] if number else ['kernel', 'bias'], kernel='W', bias='b')
            if number:
                self.others[f'{at}/b'] = (width,)
                x = self.norm(x, f'discrim/bn{number}')
            x = _layers.LeakyReLU(alpha=0.2)(x)
        last = _layers.Conv2D(1, 4, strides=1, padding='valid')
        model = tf.keras.Model(inputs=inputs, outputs=last(x), name='D_celeba')
        self.rows.add(last.kernel, 'discrim/fct/W', (8192, 1))
        self.rows.add(last.bias, 'discrim/fct/b')
        return model


def dcgan() -> Pair:
    """tensorpack/tensorpack's DCGAN as it is trained, and LynnHo/DCGAN-LSGAN-WGAN-GP-DRAGAN-Tensorflow-2's for CelebA.

    The new ones have convolutions in the place of the old one's dense layers, whose outputs, or inputs, have the
    channels last, and biases only in the first and the last layer of the discriminator. Both begin with 100 numbers,
    which is not the new one's default. The old names are those of an earlier pair with the same network.
    """
    tf.keras.backend.clear_session()
    gan = _DcGan()
    models = {'G': gan.generator(100), 'D': gan.discriminator()}
    count = tf.Variable(0, dtype=tf.int64, trainable=False)
    others = {'global_step': (), 'learning_rate': (), **_POWERS}
    return with_slots(gan.rows.pair(gan.others, **models, ep_cnt=count), 'Adam', 'Adam_1', others=others)


def denoiser() -> Pair:
    """wbhu/DnCNN-tensorflow of seventeen blocks as it is trained, with its optimizer's name, and husqin/DnCNN-keras'.

    All of the new convolutions have biases. The old code was read in JoeXinfa/DnCNN-tensorflow, a copy of it; the
    states of the former that could be read are earlier ones, with other names.
    """
    tf.keras.backend.clear_session()
    rows = Rows()
    inputs = _layers.Input(shape=(None, None, 1))
    first = _layers.Conv2D(filters=64, kernel_size=(3, 3), strides=(1, 1), padding='same')
    x = _layers.Activation('relu')(first(inputs))
    rows.layer(first, 'block1/conv2d')
    for number in range(2, 17):
        conv = _layers.Conv2D(filters=64, kernel_size=(3, 3), strides=(1, 1), padding='same')
        norm = _layers.BatchNormalization(axis=-1, epsilon=1e-3)
        x = _layers.Activation('relu')(norm(conv(x)))
        rows.layer(conv, f'block{number}/conv{number}', ['kernel'])
        rows.layer(norm, f'block{number}/batch_normalization', STATISTICS)
    last = _layers.Conv2D(filters=1, kernel_size=(3, 3), strides=(1, 1), padding='same')
    x = _layers.Subtract()([inputs, last(x)])
    rows.layer(last, 'block17/conv2d')
    pair = rows.pair(model=tf.keras.Model(inputs=inputs, outputs=x))
    return with_slots(pair, 'AdamOptimizer', 'AdamOptimizer_1', others=_POWERS)
