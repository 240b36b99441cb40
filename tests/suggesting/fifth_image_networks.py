"""Pairs of networks that classify and segment images, for a fifth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_ALL_BUT_CONVOLUTIONS = r'/(gamma|beta|moving_mean|moving_variance)$'


def keras_resnet_20() -> Pair:
    """The ResNet-20 of keras-team/keras' examples/cifar10_resnet.py, and the same in tf.keras.

    keras-team/keras counts layers from 1 and gives the moments of Adam no names; the session is saved by a Saver.
    tf.keras counts from 0.
    """
    tf.keras.backend.clear_session()
    layers, rows, counts = tf.keras.layers, Rows(), {'conv2d': 0, 'batch_normalization': 0}

    def scope(kind: str) -> str:
        counts[kind] += 1
        return f'{kind}_{counts[kind]}'

    def unit(x: Any, width: int, size: int = 3, stride: int = 1, norm: bool = True, relu: bool = True) -> Any:
        conv = layers.Conv2D(width, size, stride, 'same')
        x = conv(x)
        rows.layer(conv, scope('conv2d'))
        if norm:
            layer = layers.BatchNormalization()
            x = layer(x)
            rows.layer(layer, scope('batch_normalization'), STATISTICS)
        return layers.Activation('relu')(x) if relu else x

    inputs = layers.Input([32, 32, 3])
    x = unit(inputs, 16)
    for stack, width in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stack and not block else 1
            y = unit(unit(x, width, stride=stride), width, relu=False)
            if stride == 2:
                x = unit(x, width, 1, 2, norm=False, relu=False)
            x = layers.Activation('relu')(layers.Add()([x, y]))
    head = layers.Dense(10, activation='softmax')
    model = tf.keras.Model(inputs, head(layers.Flatten()(layers.AveragePooling2D(8)(x))))
    rows.layer(head, 'dense_1')
    others = {f'Adam/{name}': () for name in ('iterations', 'learning_rate', 'beta_1', 'beta_2', 'decay')}
    for n, variable in enumerate(2 * model.trainable_weights):
        others['training/Adam/Variable' + (f'_{n}' if n else '')] = tuple(variable.shape)
    return rows.pair(others, model=model)


def trainable_vgg_19() -> Pair:
    """machrisaa/tensorflow-vgg's trainable VGG-19 for images of 64x64, and Keras Applications' for 10 classes.

    The old variables repeat the name of their layer. Its example trains without slots.
    """
    tf.keras.backend.clear_session()
    model = tf.keras.applications.VGG19(weights=None, input_shape=(64, 64, 3), classes=10)
    rows = Rows()
    for block, count in enumerate((2, 2, 4, 4, 4), 1):
        for n in range(1, count + 1):
            old = f'conv{block}_{n}/conv{block}_{n}'
            layer = model.get_layer(f'block{block}_conv{n}')
            rows.add(layer.kernel, f'{old}_filters')
            rows.add(layer.bias, f'{old}_biases')
    for n in (1, 2):
        layer, old = model.get_layer(f'fc{n}'), f'fc{n + 5}/fc{n + 5}'
        rows.add(layer.kernel, f'{old}_weights')
        rows.add(layer.bias, f'{old}_biases')
    others = {'fc8/fc8_weights': (4096, 1000), 'fc8/fc8_biases': (1000,)}
    return rows.pair(others, model=model)


def _blocks(stage: int, count: int) -> list[str]:
    """The letters of Caffe's ResNet-101: where there are many blocks, those after the first are numbered."""
    if stage in (3, 4):
        return ['a', *(f'b{n}' for n in range(1, count))]
    return list('abc')


def deeplab_v2() -> Pair:
    """DrSleep/tensorflow-deeplab-resnet, as it is trained for PASCAL VOC, and Keras Applications' ResNet101 alone.

    The convolutions of the old one have no biases. It does not train its norms.
    """
    tf.keras.backend.clear_session()
    model, rows = tf.keras.applications.ResNet101(include_top=False, weights=None), Rows()

    def unit(source: str, norm: str, target: str) -> None:
        rows.layer(model.get_layer(f'{target}_conv'), source, ['kernel'], kernel='weights')
        rows.layer(model.get_layer(f'{target}_bn'), norm, STATISTICS)

    unit('conv1', 'bn_conv1', 'conv1')
    for stage, count in ((2, 3), (3, 4), (4, 23), (5, 3)):
        for n, letters in enumerate(_blocks(stage, count), 1):
            old, new = f'{stage}{letters}', f'conv{stage}_block{n}'
            if n == 1:
                unit(f'res{old}_branch1', f'bn{old}_branch1', f'{new}_0')
            for part, letter in enumerate('abc', 1):
                unit(f'res{old}_branch2{letter}', f'bn{old}_branch2{letter}', f'{new}_{part}')
    others = {}
    for n in range(4):
        others |= {f'fc1_voc12_c{n}/weights': (3, 3, 2048, 21), f'fc1_voc12_c{n}/biases': (21,)}
    return with_slots(rows.pair(others, backbone=model), 'Momentum', but=_ALL_BUT_CONVOLUTIONS)


class _Deviations(tf.keras.layers.Layer):
    """Adds the mean of the standard deviations over the batch as a channel."""

    def call(self, x):
        mean = tf.reduce_mean(tf.math.reduce_std(x, axis=0))
        return tf.concat([x, tf.ones_like(x[..., :1]) * mean], -1)


class _Progressive:
    """Builds matt-roz's networks of one resolution, and notes NVIDIA's names."""

    def __init__(self, stages: int, widths: dict[int, int]):
        self.rows, self._stages, self._widths = Rows(), stages, widths
        self.others: dict[str, tuple[int, ...]] = {'G/lod': (), 'D/lod': ()}

    def layer(self, layer: Any, x: Any, scope: str, roles: tuple[str, ...] = ('kernel', 'bias')) -> Any:
        y = layer(x)
        self.rows.layer(layer, scope, roles, kernel='weight')
        return y

    def conv(self, x: Any, name: str, scope: str, width: int, size: int = 3) -> Any:
        return self.layer(tf.keras.layers.Conv2D(width, size, padding='same', name=name), x, scope)

    def level(self, stage: int) -> int:
        """NVIDIA's number of a resolution, which the highest one's is 0 of."""
        return self._stages - stage

    def generator(self) -> tf.keras.Model:
        """The generator; only its last two layers for colors are connected."""
        layers, last, width = tf.keras.layers, self._stages, self._widths[2]
        inputs = layers.Input([width])
        dense = layers.Dense(16 * width, name='block_2/dense_projector')
        x = self.layer(dense, inputs, 'G/4x4/Dense', ('kernel',))
        # NVIDIA adds these biases when the features are an image.
        self.others['G/4x4/Dense/bias'] = (width,)
        x = layers.Reshape([4, 4, width], name='block_2/feature_reshape')(x)
        x = self.conv(x, 'block_2/conv2d_1', 'G/4x4/Conv', width)
        for stage in range(3, last + 1):
            before, x = x, layers.UpSampling2D(name=f'block_{stage}/upsample')(x)
            for n in (1, 2):
                scope = f'G/{2**stage}x{2**stage}/Conv{n - 1}'
                x = self.conv(x, f'block_{stage}/conv2d_{n}', scope, self._widths[stage])
        old = self.conv(before, f'block_{last - 1}/toRGB', f'G/ToRGB_lod{self.level(last - 1)}', 3, 1)
        new = self.conv(x, f'block_{last}/toRGB', 'G/ToRGB_lod0', 3, 1)
        for stage in range(2, last - 1):
            scope = f'G/ToRGB_lod{self.level(stage)}'
            self.others |= {f'{scope}/weight': (1, 1, self._widths[stage], 3), f'{scope}/bias': (3,)}
        outputs = layers.Add()([layers.UpSampling2D()(old), new])
        return tf.keras.Model(inputs, outputs, name='pgan_celeb_a_hq_generator')

    def discriminator(self) -> tf.keras.Model:
        """The discriminator; only its first two layers of colors are connected."""
        layers, last = tf.keras.layers, self._stages
        image = inputs = layers.Input([2**last, 2**last, 3])
        x = self.conv(image, f'block_{last}/fromRGB', 'D/FromRGB_lod0', self._widths[last], 1)
        for stage in range(last, 2, -1):
            for n in (1, 2):
                scope = f'D/{2**stage}x{2**stage}/Conv{n - 1}'
                x = self.conv(x, f'block_{stage}/conv2d_{n}', scope, self._widths[stage + 1 - n])
            x = layers.AveragePooling2D(name=f'block_{stage}/downsample')(x)
            if stage == last:
                image, width = layers.AveragePooling2D()(image), self._widths[last - 1]
                y = self.conv(image, f'block_{last - 1}/fromRGB', 'D/FromRGB_lod1', width, 1)
                x = layers.Add()([x, y])
        for stage in range(2, last - 1):
            scope, width = f'D/FromRGB_lod{self.level(stage)}', self._widths[stage]
            self.others |= {f'{scope}/weight': (1, 1, 3, width), f'{scope}/bias': (width,)}
        x = _Deviations(name='block_2/stddev_layer')(x)
        x = self.conv(x, 'block_2/conv2d_1', 'D/4x4/Conv', self._widths[2])
        x = layers.Flatten(name='block_2/flatten')(x)
        x = self.layer(layers.Dense(self._widths[2], name='block_2/dense_1'), x, 'D/4x4/Dense0')
        x = self.layer(layers.Dense(1, name='block_2/dense_2'), x, 'D/4x4/Dense1')
        return tf.keras.Model(inputs, x, name='pgan_celeb_a_hq_discriminator')


def progressive_gan() -> Pair:
    """tkarras/progressive_growing_of_gans at 128x128, narrow, and matt-roz/progressive_growing_of_gans_tensorflow_2's.

    The old networks neither fuse nor scale, and are saved without the averaged copy; they are pickled without slots.
    The old dense layers take and give the channels first, so that their rows or columns are ordered otherwise.
    """
    tf.keras.backend.clear_session()
    net = _Progressive(7, {2: 64, 3: 64, 4: 64, 5: 64, 6: 32, 7: 16})
    models = {'generator': net.generator(), 'discriminator': net.discriminator()}
    return net.rows.pair(net.others, **models)
