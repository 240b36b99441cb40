"""Pairs of residual networks that classify images, for an eleventh blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.eighth_residual_networks import SeResNet
from tests.suggesting.known_pairs import Pair

_AVERAGES = {'moving_mean': 'mean/EMA', 'moving_variance': 'variance/EMA'}


class _SqueezedResNet(SeResNet):
    """Builds qubvel's SE-ResNet-50, and notes tensorpack's names."""

    parts = '/conv1', '/conv2', '/conv3', '/convshortcut'

    def note_unit(self, conv: Any, norm: Any, source: str) -> None:
        self.rows.layer(conv, source, ['kernel'], kernel='W')
        self.rows.layer(norm, f'{source}/bn', STATISTICS, **_AVERAGES)

    def note_excitation(self, down: Any, up: Any, source: str) -> None:
        for name, conv in (('fc1', down), ('fc2', up)):
            self.rows.add(conv.kernel, f'{source}/{name}/W', tuple(conv.kernel.shape[2:]))
            self.rows.add(conv.bias, f'{source}/{name}/b')


def se_res_net() -> Pair:
    """tensorpack/tensorpack's SE-ResNet-50 as it is trained, and qubvel/classification_models' seresnet50.

    The strides of both lie in other convolutions. What the old one makes by dense layers, the new one does by
    convolutions.
    """
    tf.keras.backend.clear_session()
    net, logits = _SqueezedResNet(), tf.keras.layers.Dense(1000)
    blocks = [[f'group{group}/block{n}' for n in range(count)] for group, count in enumerate((3, 4, 6, 3))]
    model = net.model('conv0', blocks, logits, 64)
    net.rows.layer(logits, 'linear', kernel='W', bias='b')
    pair = net.rows.pair({'learning_rate': (), 'global_step': ()}, model=model)
    return with_slots(pair, 'Momentum', but=r'EMA$|_step$|_rate$')


class BasicBlock(tf.keras.layers.Layer):
    """The block of Basic_CNNs_TensorFlow2."""

    def __init__(self, filter_num, stride=1):
        super().__init__()
        self.conv1 = tf.keras.layers.Conv2D(filter_num, (3, 3), stride, 'same')
        self.bn1 = tf.keras.layers.BatchNormalization()
        self.conv2 = tf.keras.layers.Conv2D(filter_num, (3, 3), 1, 'same')
        self.bn2 = tf.keras.layers.BatchNormalization()
        if stride != 1:
            self.downsample = tf.keras.Sequential()
            self.downsample.add(tf.keras.layers.Conv2D(filter_num, (1, 1), stride))
            self.downsample.add(tf.keras.layers.BatchNormalization())
        else:
            self.downsample = lambda x: x

    def call(self, inputs, training=None):
        residual = self.downsample(inputs)
        x = tf.nn.relu(self.bn1(self.conv1(inputs), training=training))
        x = self.bn2(self.conv2(x), training=training)
        return tf.nn.relu(tf.keras.layers.add([residual, x]))


def _layer(filter_num: int, stride: int = 1) -> tf.keras.Sequential:
    blocks = tf.keras.Sequential()
    blocks.add(BasicBlock(filter_num, stride=stride))
    blocks.add(BasicBlock(filter_num, stride=1))
    return blocks


class ResNetTypeI(tf.keras.Model):
    """The ResNet-18 of Basic_CNNs_TensorFlow2."""

    def __init__(self, classes: int):
        super().__init__()
        self.conv1 = tf.keras.layers.Conv2D(64, (7, 7), 2, 'same')
        self.bn1 = tf.keras.layers.BatchNormalization()
        self.pool1 = tf.keras.layers.MaxPool2D((3, 3), 2, 'same')
        self.layer1 = _layer(64)
        self.layer2 = _layer(128, stride=2)
        self.layer3 = _layer(256, stride=2)
        self.layer4 = _layer(512, stride=2)
        self.avgpool = tf.keras.layers.GlobalAveragePooling2D()
        self.fc = tf.keras.layers.Dense(classes, activation=tf.keras.activations.softmax)

    def call(self, inputs, training=None, mask=None):
        x = self.pool1(tf.nn.relu(self.bn1(self.conv1(inputs), training=training)))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x, training=training)
        return self.fc(self.avgpool(x))


def res_net_18() -> Pair:
    """dalgu90/resnet-18-tensorflow as it is trained, and calmiLovesAI/Basic_CNNs_TensorFlow2's resnet_18 of 5 classes.

    The convolutions of the new one have biases, and its shortcuts norms.
    """
    tf.keras.backend.clear_session()
    model, rows = ResNetTypeI(classes=5), Rows()
    model.build(input_shape=(None, 224, 224, 3))

    def unit(conv: Any, norm: Any, source: str, end: str = '') -> None:
        rows.layer(conv, f'{source}/conv{end}', ['kernel'])
        names = {'moving_mean': 'mu', 'moving_variance': 'sigma'}
        rows.layer(norm, f'{source}/bn{end}', STATISTICS, **names)

    unit(model.conv1, model.bn1, 'conv1')
    for number, layer in enumerate((model.layer1, model.layer2, model.layer3, model.layer4), 2):
        for n, block in enumerate(layer.layers, 1):
            unit(block.conv1, block.bn1, f'conv{number}_{n}', '_1')
            unit(block.conv2, block.bn2, f'conv{number}_{n}', '_2')
            if n == 1 and number > 2:
                rows.layer(block.downsample.layers[0], f'conv{number}_{n}/shortcut', ['kernel'])
    others = {'logits/fc/weights': (512, 1000), 'logits/fc/biases': (1000,), 'global_step': ()}
    return with_slots(rows.pair(others, model=model), 'Momentum', but=r'/(mu|sigma)$|_step$')
