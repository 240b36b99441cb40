"""Pairs of networks of inverted residuals that classify images, for a fourteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


class _MobileNet:
    """Builds xiaochus' MobileNet V2, none of whose layers but two has a name, and notes slim's names."""

    def __init__(self):
        self.rows, self._layers = Rows(), tf.keras.layers

    def conv(self, x: Any, width: int, source: str, size: int = 1, stride: int = 1, acts: bool = True) -> Any:
        """A convolution, whose biases are of the new network alone, and its norm."""
        conv = self._layers.Conv2D(width, size, padding='same', strides=stride)
        return self._noted(x, conv, source, acts, kernel='weights')

    def depthwise(self, x: Any, stride: int, source: str) -> Any:
        """A depthwise convolution and its norm."""
        conv = self._layers.DepthwiseConv2D(3, strides=stride, depth_multiplier=1, padding='same')
        return self._noted(x, conv, source, depthwise_kernel='depthwise_weights')

    def _noted(self, x: Any, conv: Any, source: str, acts: bool = True, **role: str) -> Any:
        norm = self._layers.BatchNormalization(axis=-1)
        x = norm(conv(x))
        if source:
            self.rows.layer(conv, source, role, **role)
            self.rows.layer(norm, f'{source}/BatchNorm', STATISTICS)
        return self._layers.Activation(tf.nn.relu6)(x) if acts else x


def mobilenet_v2() -> Pair:
    """tensorflow/models' slim's MobileNet V2 as it is published, with averages, and xiaochus/MobileNetV2's.

    The new one, for 100 classes, has an expansion in its first block too, and biases before its norms. Which slots the
    published checkpoint has was not verified; they are those of slim's training here.
    """
    tf.keras.backend.clear_session()
    layers, net, root = tf.keras.layers, _MobileNet(), 'MobilenetV2'
    inputs = layers.Input([224, 224, 3])
    x = net.conv(inputs, 32, f'{root}/Conv', 3, 2)
    number, stages = 0, ((16, 1, 1, 1), (24, 6, 2, 2), (32, 6, 2, 3), (64, 6, 2, 4))
    for width, factor, stride, count in (*stages, (96, 6, 1, 3), (160, 6, 2, 3), (320, 6, 1, 1)):
        for block in range(count):
            at = f'{root}/expanded_conv{f"_{number}" if number else ""}'
            y = net.conv(x, x.shape[-1] * factor, f'{at}/expand' if number else '')
            y = net.depthwise(y, 1 if block else stride, f'{at}/depthwise')
            y = net.conv(y, width, f'{at}/project', acts=False)
            x = layers.Add()([y, x]) if block else y
            number += 1
    x = layers.GlobalAveragePooling2D()(net.conv(x, 1280, f'{root}/Conv_1'))
    x = layers.Dropout(0.3, name='Dropout')(layers.Reshape((1, 1, 1280))(x))
    x = layers.Conv2D(100, 1, padding='same')(x)
    x = layers.Reshape((100,))(layers.Activation('softmax', name='softmax')(x))
    at = f'{root}/Logits/Conv2d_1c_1x1'
    others = {f'{at}/weights': (1, 1, 1280, 1001), f'{at}/biases': (1001,)}
    pair = net.rows.pair(others, model=tf.keras.Model(inputs, x))
    slots = with_slots(pair, 'RMSProp', 'RMSProp_1', others={'global_step': ()})
    averages = with_slots(pair, 'ExponentialMovingAverage', but='^$')
    return Pair({**slots.shapes, **averages.shapes}, pair.target, pair.sources)


class _EfficientNet:
    """Builds titu1994's EfficientNet, none of whose layers has a name, and notes the names of TPU's blocks."""

    def __init__(self):
        self.rows, self._counts = Rows(), {}

    def conv(self, x: Any, width: int, scope: str, size: int = 1, stride: int = 1, bias: bool = False) -> Any:
        layer = tf.keras.layers.Conv2D(width, size, stride, 'same', use_bias=bias)
        x = layer(x)
        roles = ('kernel', 'bias') if bias else ('kernel',)
        self.rows.layer(layer, self._counted(scope, 'conv2d'), roles)
        return x

    def depthwise(self, x: Any, scope: str, size: int, stride: int) -> Any:
        layer = tf.keras.layers.DepthwiseConv2D(size, strides=stride, padding='same', use_bias=False)
        x = layer(x)
        self.rows.layer(layer, f'{scope}/depthwise_conv2d', ['depthwise_kernel'])
        return x

    def norm(self, x: Any, scope: str, acts: bool = True) -> Any:
        layer = tf.keras.layers.BatchNormalization(axis=-1, momentum=0.99, epsilon=1e-3)
        x = layer(x)
        self.rows.layer(layer, self._counted(scope, 'tpu_batch_normalization'), STATISTICS)
        return self.swish(x) if acts else x

    def swish(self, x: Any) -> Any:
        return tf.keras.layers.Activation(tf.nn.swish)(x)

    def block(self, x: Any, number: int, factor: int, width: int, size: int, stride: int) -> Any:
        layers, scope, inputs = tf.keras.layers, f'efficientnet-b0/blocks_{number}', x
        before = x.shape[-1]
        wide = before * factor
        if factor != 1:
            x = self.norm(self.conv(x, wide, scope), scope)
        x = self.norm(self.depthwise(x, scope, size, stride), scope)
        y = layers.Lambda(lambda a: tf.reduce_mean(a, [1, 2], keepdims=True))(x)
        y = self.swish(self.conv(y, before // 4, f'{scope}/se', bias=True))
        y = layers.Activation('sigmoid')(self.conv(y, wide, f'{scope}/se', bias=True))
        x = layers.Multiply()([y, x])
        x = self.norm(self.conv(x, width, scope), scope, acts=False)
        return layers.Add()([x, inputs]) if stride == 1 and width == before else x

    def _counted(self, scope: str, kind: str) -> str:
        number = self._counts.get((scope, kind), 0)
        self._counts[scope, kind] = number + 1
        return f'{scope}/{kind}_{number}' if number else f'{scope}/{kind}'


def efficientnet_b0() -> Pair:
    """tensorflow/tpu's EfficientNet-B0 as it is trained, with averages, and titu1994/keras-efficientnets'."""
    tf.keras.backend.clear_session()
    layers, net, root, number = tf.keras.layers, _EfficientNet(), 'efficientnet-b0', 0
    inputs = layers.Input([224, 224, 3])
    x = net.norm(net.conv(inputs, 32, f'{root}/stem', 3, 2), f'{root}/stem')
    stages = ((3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (5, 6, 40, 2, 2), (3, 6, 80, 2, 3))
    for size, factor, width, stride, count in (
        *stages,
        (5, 6, 112, 1, 3),
        (5, 6, 192, 2, 4),
        (3, 6, 320, 1, 1),
    ):
        for block in range(count):
            x = net.block(x, number, factor, width, size, 1 if block else stride)
            number += 1
    x = net.norm(net.conv(x, 1280, f'{root}/head'), f'{root}/head')
    logits = layers.Dense(1000)
    x = layers.Activation('softmax')(logits(layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))))
    net.rows.layer(logits, f'{root}/head/dense')
    pair = net.rows.pair(model=tf.keras.Model(inputs, x))
    slots = with_slots(pair, 'RMSProp', 'RMSProp_1', others={'global_step': ()})
    averages = with_slots(pair, 'ExponentialMovingAverage', but='^$')
    return Pair({**slots.shapes, **averages.shapes}, pair.target, pair.sources)
