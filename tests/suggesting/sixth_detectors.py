"""Pairs of networks that detect objects, for a sixth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


class _DarkNet:
    """Builds YunYang1994's YOLO V3 of Keras layers without names, and notes its names of TF1."""

    def __init__(self, divisor: int):
        self.rows, self._divisor = Rows(), divisor

    def unit(self, x: Any, name: str, width: int, size: int, stride: int = 1) -> Any:
        layers = tf.keras.layers
        conv = layers.Conv2D(width // self._divisor, size, stride, 'same', use_bias=False)
        norm = layers.BatchNormalization()
        x = norm(conv(x))
        self.rows.add(conv.kernel, f'{name}/weight')
        self.rows.layer(norm, f'{name}/batch_normalization', STATISTICS)
        return layers.LeakyReLU(0.1)(x)

    def features(self, x: Any) -> list[Any]:
        """Returns what the last three of the five groups of residual blocks give."""
        residual, number, features = 0, 1, []
        x = self.unit(x, 'darknet/conv0', 32, 3)
        for group, count in enumerate((1, 2, 8, 8, 4)):
            width = 64 * 2**group
            x = self.unit(x, f'darknet/conv{number}', width, 3, 2)
            number += 1 + 2 * count
            for _ in range(count):
                at = f'darknet/residual{residual}'
                y = self.unit(self.unit(x, f'{at}/conv1', width // 2, 1), f'{at}/conv2', width, 3)
                x = tf.keras.layers.Add()([x, y])
                residual += 1
            features.append(x)
        return features[2:]

    def head(self, x: Any, name: str, width: int) -> Any:
        """A layer for boxes of three anchors and 80 classes."""
        y = self.unit(x, f'conv_{name}obj_branch', width, 3)
        layer = tf.keras.layers.Conv2D(3 * 85, 1)
        y = layer(y)
        self.rows.layer(layer, f'conv_{name}bbox', kernel='weight')
        return y


def dark_net_yolo() -> Pair:
    """YunYang1994/tensorflow-yolov3 as it is trained, narrow, and that of its TensorFlow2.0-Examples.

    The old one is that of one stage of training, and enlarges images without variables.
    """
    tf.keras.backend.clear_session()
    net, layers = _DarkNet(4), tf.keras.layers
    inputs = layers.Input([128, 128, 3])
    *features, x = net.features(inputs)
    outputs, number = [], 52
    for name, width in (('l', 512), ('m', 256), ('s', 128)):
        if outputs:
            x = layers.UpSampling2D()(net.unit(x, f'conv{number}', width, 1))
            x = layers.Concatenate()([x, features.pop()])
            number += 1
        for n in range(5):
            x = net.unit(x, f'conv{number}', 2 * width if n % 2 else width, 3 if n % 2 else 1)
            number += 1
        outputs.insert(0, net.head(x, name, 2 * width))
    model = tf.keras.Model(inputs, outputs)
    steps = {'learn_rate/global_step': ()}
    steps |= {f'define_train_stage/beta{n}_power': () for n in (1, 2)}
    pair = net.rows.pair(model=model)
    return with_slots(pair, 'Adam', 'Adam_1', 'ExponentialMovingAverage', others=steps)


def squeeze_det() -> Pair:
    """BichenWuUCB/squeezeDet for KITTI as it is trained with two further modules, and omni-us/squeezedet-keras.

    The old program does not train the first layer. The new first layer has no name.
    """
    tf.keras.backend.clear_session()
    layers, rows, names = tf.keras.layers, Rows(), {'kernel': 'kernels', 'bias': 'biases'}

    def conv(x: Any, source: str, width: int, size: int, stride: int = 1, name: str | None = None) -> Any:
        activation = None if source == 'conv12' else 'relu'
        layer = layers.Conv2D(width, size, stride, 'same', activation=activation, name=name)
        x = layer(x)
        rows.layer(layer, source, **names)
        return x

    inputs = layers.Input([384, 1248, 3], name='input')
    x = layers.MaxPool2D(3, 2, 'same', name='pool1')(conv(inputs, 'conv1', 64, 3, 2))
    for n, width in enumerate((16, 16, 32, 32, 48, 48, 64, 64, 96, 96), 2):
        at = f'fire{n}'
        x = conv(x, f'{at}/squeeze1x1', width, 1, name=f'{at}/squeeze1x1')
        parts = [conv(x, f'{at}/expand{s}x{s}', 4 * width, s, name=f'{at}/expand{s}x{s}') for s in (1, 3)]
        x = layers.Concatenate(axis=3)(parts)
        if n in (3, 5):
            x = layers.MaxPool2D(3, 2, 'same', name=f'pool{n}')(x)
    x = conv(layers.Dropout(0.5, name='drop11')(x), 'conv12', 9 * 8, 3, name='conv12')
    model = tf.keras.Model(inputs, layers.Reshape([9 * 24 * 78, 8])(x))
    others = {'iou': (20, 9 * 24 * 78), 'global_step': ()}
    return with_slots(rows.pair(model=model), 'Momentum', but='^conv1/', others=others)
