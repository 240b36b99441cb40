"""Pairs of networks that segment images and find what they show, for a fourth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_SLIM = {'kernel': 'weights', 'bias': 'biases'}


class ConvBlock(tf.keras.layers.Layer):
    """The block of jakeret/unet, whose class Keras makes its name of."""

    def __init__(self, width: int):
        super().__init__()
        layers = tf.keras.layers
        self.conv2d_1 = layers.Conv2D(width, 3, activation='relu')
        self.dropout_1 = layers.Dropout(0.5)
        self.conv2d_2 = layers.Conv2D(width, 3, activation='relu')
        self.dropout_2 = layers.Dropout(0.5)

    def call(self, x):
        return self.dropout_2(self.conv2d_2(self.dropout_1(self.conv2d_1(x))))


class UpconvBlock(tf.keras.layers.Layer):
    """The block of jakeret/unet that doubles the extents."""

    def __init__(self, width: int):
        super().__init__()
        self.upconv = tf.keras.layers.Conv2DTranspose(width, 2, 2)
        self.activation = tf.keras.layers.Activation('relu')

    def call(self, x):
        return self.activation(self.upconv(x))


class CropConcatBlock(tf.keras.layers.Layer):
    """Joins a layer on the way up and the middle of the one on the way down."""

    def call(self, x, down):
        margin = (down.shape[1] - x.shape[1]) // 2
        return tf.concat([down[:, margin : margin + x.shape[1], margin : margin + x.shape[2]], x], -1)


def first_u_net() -> Pair:
    """jakeret/tf_unet of five layers, whose scopes are of ops alone, and jakeret/unet, the same author's in Keras."""
    tf.keras.backend.clear_session()
    layers, rows, depth, root = tf.keras.layers, Rows(), 5, 16
    x = inputs = layers.Input([188, 188, 1], name='inputs')
    down = []

    def convolve(x, level: int, scope: str):
        block = ConvBlock(root * 2**level)
        x = block(x)
        for n, conv in enumerate((block.conv2d_1, block.conv2d_2), 1):
            rows.add(conv.kernel, f'{scope}_conv_{level}/w{n}')
            rows.add(conv.bias, f'{scope}_conv_{level}/b{n}')
        return x

    for level in range(depth):
        x = convolve(x, level, 'down')
        down.append(x)
        if level < depth - 1:
            x = layers.MaxPooling2D(2)(x)
    for level in reversed(range(depth - 1)):
        block = UpconvBlock(root * 2**level)
        x = block(x)
        rows.add(block.upconv.kernel, f'up_conv_{level}/wd')
        rows.add(block.upconv.bias, f'up_conv_{level}/bd')
        x = convolve(CropConcatBlock()(x, down[level]), level, 'up')
    last = layers.Conv2D(2, 1, activation='relu')
    x = layers.Activation('softmax', name='outputs')(last(x))
    rows.add(last.kernel, 'output_map/weight')
    rows.add(last.bias, 'output_map/bias')
    model = tf.keras.Model(inputs, x, name='unet')
    # Norms are kept of the gradients of what `convolve` makes alone.
    steps = {'global_step': (), 'norm_gradients': (8 * depth - 4,)}
    return with_slots(rows.pair(model=model), 'Momentum', others=steps)


class _L2Normalization(tf.keras.layers.Layer):
    """Scales each channel of what has been normalized over the channels."""

    def build(self, shape):
        self.gamma = self.add_weight(f'{self.name}_gamma', shape=(shape[-1],))

    def call(self, x):
        return tf.math.l2_normalize(x, -1) * self.gamma


class _Ssd:
    """Builds pierluigiferrari's SSD300, and notes balancap's names; an eighth of the width, 20 classes and then 3."""

    old = 'ssd_300_vgg'

    def __init__(self):
        self.rows, self.others = Rows(), {}

    def conv(self, x, name: str, source: str, width: int, size: int = 3, **options: Any):
        options = {'padding': 'same', 'activation': 'relu', **options}
        layer = tf.keras.layers.Conv2D(width, size, name=name, **options)
        x = layer(x)
        self.rows.layer(layer, f'{self.old}/{source}', **_SLIM)
        return x

    def extra(self, x, number: int, width: int, strided: bool):
        """A pair of convolutions after VGG's."""
        name, scope = f'conv{number}', f'block{number + 2}'
        x = self.conv(x, f'{name}_1', f'{scope}/conv1x1', width // 2, 1)
        if strided:
            x = tf.keras.layers.ZeroPadding2D(1, name=f'{name}_padding')(x)
        options = {'strides': 2 if strided else 1, 'padding': 'valid'}
        return self.conv(x, f'{name}_2', f'{scope}/conv3x3', width, **options)

    def classes(self, x, name: str, scope: str, boxes: int):
        """The head whose size depends on the classes."""
        head = tf.keras.layers.Conv2D(4 * boxes, 3, padding='same', name=f'{name}_mbox_conf')
        at = f'{self.old}/{scope}_box/conv_cls'
        self.others |= {f'{at}/weights': (3, 3, x.shape[-1], 21 * boxes), f'{at}/biases': (21 * boxes,)}
        return tf.keras.layers.Reshape([-1, 4])(head(x))


def ssd_300() -> Pair:
    """balancap/SSD-Tensorflow's SSD300 with VGG, narrow, and pierluigiferrari/ssd_keras' for three classes.

    The new one makes the heads of the classes before those of the boxes.
    """
    tf.keras.backend.clear_session()
    net, layers = _Ssd(), tf.keras.layers
    x = inputs = layers.Input([300, 300, 3])
    seen = {}
    for block, (count, width) in enumerate(((2, 8), (2, 16), (3, 32), (3, 64), (3, 64)), 1):
        for n in range(1, count + 1):
            x = net.conv(x, f'conv{block}_{n}', f'conv{block}/conv{block}_{n}', width)
        seen[block] = x
        size, stride = (3, 1) if block == 5 else (2, 2)
        x = layers.MaxPooling2D(size, stride, 'same', name=f'pool{block}')(x)
    x = net.conv(x, 'fc6', 'conv6', 128, dilation_rate=6)
    x = seen[7] = net.conv(x, 'fc7', 'conv7', 128, 1)
    for number, width in ((6, 64), (7, 32), (8, 32), (9, 32)):
        x = seen[number + 2] = net.extra(x, number, width, number < 8)
    norm = _L2Normalization(name='conv4_3_norm')
    seen[4] = norm(seen[4])
    net.rows.add(norm.gamma, f'{net.old}/block4_box/L2Normalization/gamma')
    heads = (
        ('conv4_3_norm', 4, 4),
        ('fc7', 7, 6),
        ('conv6_2', 8, 6),
        ('conv7_2', 9, 6),
        ('conv8_2', 10, 4),
        ('conv9_2', 11, 4),
    )
    kinds = [net.classes(seen[block], name, f'block{block}', boxes) for name, block, boxes in heads]
    places = []
    for name, block, boxes in heads:
        options = {'activation': None}
        y = net.conv(seen[block], f'{name}_mbox_loc', f'block{block}_box/conv_loc', 4 * boxes, **options)
        places.append(layers.Reshape([-1, 4], name=f'{name}_mbox_loc_reshape')(y))
    kinds = layers.Activation('softmax')(layers.Concatenate(axis=1, name='mbox_conf')(kinds))
    places = layers.Concatenate(axis=1, name='mbox_loc')(places)
    model = tf.keras.Model(inputs, layers.Concatenate(axis=2, name='predictions')([kinds, places]))
    steps = {'global_step': ()}
    return with_slots(net.rows.pair(net.others, model=model), 'RMSProp', 'RMSProp_1', others=steps)


class _DarkNet:
    """Builds YAD2K's YOLO V2, and notes darkflow's names, which count activations and pools too."""

    def __init__(self):
        self.rows, self._count = Rows(), 0

    def skip(self, layers: int = 1) -> None:
        """Goes on counting where the old network has a layer without variables."""
        self._count += layers

    def scope(self) -> str:
        self.skip()
        return f'{self._count - 1}-convolutional'

    def conv(self, x, width: int, size: int):
        layers = tf.keras.layers
        layer = layers.Conv2D(width, size, padding='same', use_bias=False)
        norm = layers.BatchNormalization()
        x = norm(layer(x))
        at = self.scope()
        self.rows.layer(layer, at, ['kernel'])
        # darkflow adds its biases to what slim has scaled.
        self.rows.layer(norm, at, STATISTICS, beta='biases')
        self.skip()
        return layers.LeakyReLU(0.1)(x)

    def block(self, x, width: int, count: int):
        """Convolutions whose width is halved at every second."""
        for n in range(count):
            x = self.conv(x, width // 2 if n % 2 else width, 1 if n % 2 else 3)
        return x

    def pool(self, x):
        self.skip()
        return tf.keras.layers.MaxPooling2D(2)(x)


def yolo_v2() -> Pair:
    """thtrieu/darkflow's YOLO V2 for VOC as it is trained, narrow, and allanzelener/YAD2K's for three classes.

    The biases that the old one adds after its norms are the offsets of the new one's norms.
    """
    tf.keras.backend.clear_session()
    net, layers = _DarkNet(), tf.keras.layers
    x = inputs = layers.Input([416, 416, 3])
    for width, count in ((4, 1), (8, 1), (16, 3), (32, 3)):
        x = net.pool(net.block(x, width, count))
    passed = net.block(x, 64, 5)
    x = net.block(net.pool(passed), 128, 5)
    x = net.conv(net.conv(x, 128, 3), 128, 3)
    net.skip()
    passed = net.conv(passed, 8, 1)
    passed = layers.Lambda(lambda v: tf.nn.space_to_depth(v, 2), name='space_to_depth_x2')(passed)
    net.skip(2)
    x = net.conv(layers.Concatenate()([passed, x]), 128, 3)
    model = tf.keras.Model(inputs, layers.Conv2D(5 * 8, 1, padding='same')(x))
    at = net.scope()
    others = {f'{at}/kernel': (1, 1, 128, 125), f'{at}/biases': (125,)}
    return with_slots(net.rows.pair(others, model=model), 'RMSProp', 'RMSProp_1')
