"""Pairs of residual and dense networks that classify images, for a fourteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


class _PreActivated:
    """Builds the layers of qubvel's ResNet, and notes the names that tf.layers counts in the official one."""

    def __init__(self):
        self.rows, self._counts = Rows(), {'conv2d': 0, 'batch_normalization': 0}

    def conv(self, x: Any, width: int, name: str, size: int = 1, stride: int = 1) -> Any:
        layer = tf.keras.layers.Conv2D(width, size, stride, 'valid', use_bias=False, name=name)
        x = layer(x)
        self.rows.layer(layer, self._counted('conv2d'), ['kernel'])
        return x

    def norm(self, x: Any, name: str, known: bool = True) -> Any:
        layer = tf.keras.layers.BatchNormalization(momentum=0.99, epsilon=2e-5, name=name)
        x = layer(x)
        if known:
            self.rows.layer(layer, self._counted('batch_normalization'), STATISTICS)
        return tf.keras.layers.Activation('relu', name=name.replace('bn', 'relu'))(x)

    def block(self, x: Any, stage: int, number: int) -> Any:
        """A bottleneck; both sides make the shortcut of a first one right after its first norm."""
        layers, name, width = tf.keras.layers, f'stage{stage + 1}_unit{number + 1}_', 64 * 2**stage
        stride = 2 if stage and not number else 1
        shortcut, x = x, self.norm(x, f'{name}bn1')
        if not number:
            shortcut = self.conv(x, 4 * width, f'{name}sc', stride=stride)
        x = self.norm(self.conv(x, width, f'{name}conv1'), f'{name}bn2')
        x = self.conv(layers.ZeroPadding2D(1)(x), width, f'{name}conv2', 3, stride)
        x = self.conv(self.norm(x, f'{name}bn3'), 4 * width, f'{name}conv3')
        return layers.Add()([x, shortcut])

    def _counted(self, kind: str) -> str:
        number, self._counts[kind] = self._counts[kind], self._counts[kind] + 1
        return f'resnet_model/{kind}_{number}' if number else f'resnet_model/{kind}'


def official_v2() -> Pair:
    """tensorflow/models' official/r1/resnet of 50 layers and version 2, and qubvel/classification_models' resnet50.

    The new one has norms of the data and after the first convolution, too, and a class less.
    """
    tf.keras.backend.clear_session()
    layers, net = tf.keras.layers, _PreActivated()
    inputs = layers.Input([224, 224, 3], name='data')
    x = layers.BatchNormalization(momentum=0.99, epsilon=2e-5, scale=False, name='bn_data')(inputs)
    x = net.conv(layers.ZeroPadding2D(3)(x), 64, 'conv0', 7, 2)
    x = layers.ZeroPadding2D(1)(net.norm(x, 'bn0', known=False))
    x = layers.MaxPooling2D(3, 2, 'valid', name='pooling0')(x)
    for stage, count in enumerate((3, 4, 6, 3)):
        for number in range(count):
            x = net.block(x, stage, number)
    x = layers.GlobalAveragePooling2D(name='pool1')(net.norm(x, 'bn1'))
    x = layers.Activation('softmax', name='softmax')(layers.Dense(1000, name='fc1')(x))
    others = {'resnet_model/dense/kernel': (2048, 1001), 'resnet_model/dense/bias': (1001,)}
    pair = net.rows.pair(others, model=tf.keras.Model(inputs, x))
    return with_slots(pair, 'Momentum', others={'global_step': ()})


def densenet_40() -> Pair:
    """YixuanLi/densenet-tensorflow's DenseNet-40-12 in tensorpack as it is trained, and tdeboissiere's in Keras.

    The latter is that of DeepLearningImplementations with its denseblock_altern, which has the channels of a block in
    the old one's order. What the old one's summaries average is left out.
    """
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()
    averages = {'moving_mean': 'mean/EMA', 'moving_variance': 'variance/EMA'}

    def conv(x: Any, width: int, size: int, source: str, name: str | None = None) -> Any:
        layer = layers.Conv2D(width, size, padding='same', use_bias=False, name=name)
        x = layer(x)
        rows.layer(layer, source, ['kernel'], kernel='W')
        return x

    def norm(x: Any, source: str) -> Any:
        layer = layers.BatchNormalization()
        x = layer(x)
        rows.layer(layer, source, STATISTICS, **averages)
        return layers.Activation('relu')(x)

    inputs = layers.Input([32, 32, 3])
    x = conv(inputs, 16, 3, 'conv0', 'initial_conv2D')
    for block in (1, 2, 3):
        for number in range(12):
            at = f'block{block}/dense_layer.{number}'
            x = layers.Concatenate()([conv(norm(x, f'{at}/bn1'), 12, 3, f'{at}/conv1'), x])
        if block < 3:
            at = f'block{block}/transition{block}'
            x = conv(norm(x, f'{at}/bn1'), x.shape[-1], 1, f'{at}/conv1')
            x = layers.AveragePooling2D(2, 2)(x)
    x = layers.GlobalAveragePooling2D()(norm(x, 'bnlast'))
    logits = layers.Dense(10, activation='softmax')
    model = tf.keras.Model(inputs, logits(x), name='DenseNet')
    rows.layer(logits, 'linear', kernel='W', bias='b')
    others = {'learning_rate': (), 'global_step': ()}
    return with_slots(rows.pair(model=model), 'Momentum', but=r'EMA$', others=others)
