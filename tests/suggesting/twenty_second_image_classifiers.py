"""Pairs of networks that classify images and boards, for the twenty-second blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import WEIGHTS, counted

_layers = tf.keras.layers


class _ResNet:
    """Builds keras-vggface's ResNet-50, a quarter of the width, and notes slim's names."""

    def __init__(self):
        self.rows = Rows()

    def unit(self, x: Any, width: int, size: int, name: str, source: str, stride: int = 1) -> Any:
        """A convolution and its norm."""
        options = {'strides': (stride, stride), 'padding': 'same', 'use_bias': False}
        conv = _layers.Conv2D(width // 4, (size, size), name=name, **options)
        norm = _layers.BatchNormalization(axis=3, name=f'{name}/bn')
        x = norm(conv(x))
        self.rows.layer(conv, f'resnet_v1_50/{source}', ['kernel'], **WEIGHTS)
        self.rows.layer(norm, f'resnet_v1_50/{source}/BatchNorm', STATISTICS)
        return x

    def block(self, x: Any, stage: int, block: int, width: int, stride: int) -> Any:
        """A block, of which the first of a stage projects what it adds."""
        name = f'conv{stage}_{block}'
        source = f'block{stage - 1}/unit_{block}/bottleneck_v1'
        y = self.unit(x, width, 1, f'{name}_1x1_reduce', f'{source}/conv1', stride)
        y = _layers.Activation('relu')(y)
        y = _layers.Activation('relu')(self.unit(y, width, 3, f'{name}_3x3', f'{source}/conv2'))
        y = self.unit(y, 4 * width, 1, f'{name}_1x1_increase', f'{source}/conv3')
        if block == 1:
            x = self.unit(x, 4 * width, 1, f'{name}_1x1_proj', f'{source}/shortcut', stride)
        return _layers.Activation('relu')(_layers.add([y, x]))


def faces() -> Pair:
    """slim's ResNet-50 V1 as it is published for ImageNet, and rcmalli/keras-vggface's RESNET50 for VGGFace2.

    The files are slim's nets/resnet_v1.py and keras_vggface/models.py; both are a quarter of the width. The old classes
    are 1000 and the new ones 8631, so neither has an answer. slim strides in the last unit of a block. Its names are
    those that other pairs here have.
    """
    tf.keras.backend.clear_session()
    net = _ResNet()
    inputs = _layers.Input(shape=(224, 224, 3))
    x = _layers.Activation('relu')(net.unit(inputs, 64, 7, 'conv1/7x7_s2', 'conv1', 2))
    x = _layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
    for stage, count, width in ((2, 3, 64), (3, 4, 128), (4, 6, 256), (5, 3, 512)):
        for block in range(1, count + 1):
            x = net.block(x, stage, block, width, 2 if block == 1 and stage > 2 else 1)
    x = _layers.Flatten()(_layers.AveragePooling2D((7, 7), name='avg_pool')(x))
    x = _layers.Dense(8631, activation='softmax', name='classifier')(x)
    others = {'global_step': (), 'resnet_v1_50/mean_rgb': (3,)}
    others |= {'resnet_v1_50/logits/weights': (1, 1, 512, 1000), 'resnet_v1_50/logits/biases': (1000,)}
    return net.rows.pair(others, model=tf.keras.Model(inputs, x, name='vggface_resnet50'))


class _Chess:
    """Builds cchess-zero's network of TensorFlow 2, whose layers have no names, and counts those of its old one."""

    def __init__(self):
        self.rows, self.counts = Rows(), {}

    def unit(self, x: Any, width: int, size: int) -> Any:
        """A convolution and its norm, which in the old one neither scales nor shifts."""
        conv = _layers.Conv2D(kernel_size=size, filters=width, padding='same')
        norm = _layers.BatchNormalization(epsilon=1e-5, fused=True)
        x = norm(conv(x))
        self.rows.layer(conv, counted(self.counts, 'conv2d'))
        self.rows.layer(norm, counted(self.counts, 'BatchNorm'), ['moving_mean', 'moving_variance'])
        return x

    def block(self, x: Any, width: int) -> Any:
        y = _layers.ReLU()(self.unit(x, width, 3))
        return _layers.ReLU()(_layers.add([tf.convert_to_tensor(x), self.unit(y, width, 3)]))

    def dense(self, x: Any, units: int, activation: str | None = None) -> Any:
        layer = _layers.Dense(units, activation=activation)
        x = layer(x)
        self.rows.layer(layer, counted(self.counts, 'fully_connected'), **WEIGHTS)
        return x


def chinese_chess() -> Pair:
    """chengstone/cchess-zero's policy_value_network.py as it is trained, and its policy_value_network_tf2.py.

    The old one has convolutions of tf.layers, and norms and dense layers of tf.contrib. The new norms scale and shift,
    which has no answer. The new one keeps its optimizer, too, which has nothing before it has run.
    """
    tf.keras.backend.clear_session()
    net, width = _Chess(), 128
    inputs = _layers.Input([9, 10, 14], dtype='float32', name='inputs')
    x = _layers.ReLU()(net.unit(inputs, width, 3))
    for _ in range(7):
        x = net.block(x, width)
    policy = _layers.Reshape([9 * 10 * 2])(_layers.ReLU()(net.unit(x, 2, 1)))
    policy = net.dense(policy, 2086)
    value = _layers.Reshape([9 * 10 * 1])(_layers.ReLU()(net.unit(x, 1, 1)))
    value = net.dense(net.dense(value, 256, 'relu'), 1, 'tanh')
    pair = net.rows.pair(model=tf.keras.Model(inputs=[inputs], outputs=[policy, value]))
    return with_slots(pair, 'Momentum', others={'global_step': ()})


def book_digits() -> Pair:
    """ageron/handson-ml's network of exercise 7 of chapter 13, and ageron/handson-ml3's of exercise 9 of chapter 14.

    Both answer the exercise "High Accuracy CNN for MNIST"; the old layers of tf.layers have names, the new ones, of a
    Sequential that is built as it is called, none. Both were read in copies that people keep of the notebooks.
    """
    tf.keras.backend.clear_session()
    rows = Rows()
    options = {'padding': 'same', 'activation': 'relu', 'kernel_initializer': 'he_normal'}
    convs = [_layers.Conv2D(width, kernel_size=3, **options) for width in (32, 64)]
    hidden = _layers.Dense(128, activation='relu', kernel_initializer='he_normal')
    last = _layers.Dense(10, activation='softmax')
    between = [_layers.MaxPool2D(), _layers.Flatten(), _layers.Dropout(0.25)]
    model = tf.keras.Sequential([*convs, *between, hidden, _layers.Dropout(0.5), last])
    model(tf.zeros([1, 28, 28, 1]))
    for layer, source in zip((*convs, hidden, last), ('conv1', 'conv2', 'fc1', 'output'), strict=True):
        rows.layer(layer, source)
    powers = {'train/beta1_power': (), 'train/beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=powers)
