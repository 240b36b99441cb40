"""Pairs of networks that classify images, for the twenty-first blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import WEIGHTS, counted, with_averages

_layers = tf.keras.layers


class _ResNet:
    """Builds broadinstitute's ResNet, whose names are Caffe's, and notes slim's."""

    def __init__(self):
        self.rows = Rows()

    def unit(self, x: Any, layer: Any, norm: str, source: str) -> Any:
        """A convolution without biases, and its norm."""
        norm = _layers.BatchNormalization(axis=3, epsilon=1e-5, name=norm)
        x = norm(layer(x))
        self.rows.layer(layer, source, ['kernel'], **WEIGHTS)
        self.rows.layer(norm, f'{source}/BatchNorm', STATISTICS)
        return x

    def block(self, x: Any, stage: int, number: int, name: str) -> Any:
        """A bottleneck, which makes its shortcut last."""
        at = f'resnet_v1_101/block{stage + 1}/unit_{number + 1}/bottleneck_v1'
        width, stride, y = 64 * 2**stage, 2 if stage and not number else 1, x
        sizes = ('a', width, 1, stride), ('b', width, 3, 1), ('c', 4 * width, 1, 1)
        for n, (letter, filters, size, steps) in enumerate(sizes, 1):
            end = f'{name}_branch2{letter}'
            if letter == 'b':
                y = _layers.ZeroPadding2D(padding=1, name=f'padding{end}')(y)
            conv = _layers.Conv2D(filters, size, strides=steps, use_bias=False, name=f'res{end}')
            y = self.unit(y, conv, f'bn{end}', f'{at}/conv{n}')
            if letter != 'c':
                y = _layers.Activation('relu', name=f'res{end}_relu')(y)
        if not number:
            options = {'strides': stride, 'use_bias': False, 'name': f'res{name}_branch1'}
            x = self.unit(x, _layers.Conv2D(4 * width, 1, **options), f'bn{name}_branch1', f'{at}/shortcut')
        y = _layers.Add(name=f'res{name}')([y, x])
        return _layers.Activation('relu', name=f'res{name}_relu')(y)


def resnet_v1_101() -> Pair:
    """tensorflow/models' slim's ResNet-101 V1 as it is published, and broadinstitute/keras-resnet's ResNet2D101.

    The files are research/slim's nets/resnet_v1.py, and blocks/_2d.py and models/_2d.py of keras_resnet. The new norms
    are Keras's but for an option that freezes them. The strides lie in other units. The old logits are a convolution,
    and the old one alone has the mean of the images and a step. The published checkpoint was not read.
    """
    tf.keras.backend.clear_session()
    net = _ResNet()
    inputs = _layers.Input([224, 224, 3])
    conv = _layers.Conv2D(64, (7, 7), strides=(2, 2), use_bias=False, name='conv1', padding='same')
    x = net.unit(inputs, conv, 'bn_conv1', 'resnet_v1_101/conv1')
    x = _layers.Activation('relu', name='conv1_relu')(x)
    x = _layers.MaxPooling2D((3, 3), strides=(2, 2), padding='same', name='pool1')(x)
    for stage, count in enumerate((3, 4, 23, 3)):
        for number in range(count):
            char = f'b{number}' if number and stage in (1, 2) else 'abc'[number]
            x = net.block(x, stage, number, f'{stage + 2}{char}')
    head = _layers.Dense(1000, activation='softmax', name='fc1000')
    x = head(_layers.GlobalAveragePooling2D(name='pool5')(x))
    net.rows.add(head.kernel, 'resnet_v1_101/logits/weights', (1, 1, 2048, 1000))
    net.rows.add(head.bias, 'resnet_v1_101/logits/biases')
    others = {'global_step': (), 'resnet_v1_101/mean_rgb': (3,)}
    return net.rows.pair(others, model=tf.keras.Model(inputs, x))


# The repeats, the size of the kernel, the stride, the expansion and the width of each row of blocks of MnasNet-B1.
_MNASNET_B1 = (
    (1, 3, 1, 1, 16),
    (3, 3, 2, 3, 24),
    (3, 5, 2, 3, 40),
    (3, 5, 2, 6, 80),
    (2, 3, 1, 6, 96),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class _MnasNet:
    """Builds Shathe's MnasNet of layers without names, and notes the names of tensorflow/tpu's.

    The old convolutions are Keras's, counted in the whole graph as the layers are made, while its norms are of
    tf.layers, counted in each scope.
    """

    scope = 'mnasnet-b1'

    def __init__(self):
        self.rows, self.counts = Rows(), {}

    def unit(self, x: Any, layer: Any, at: str, source: str, relu: bool = True) -> Any:
        """A convolution and its norm, by the scope of both and the counted name of the former."""
        norm = _layers.BatchNormalization(epsilon=1e-3, momentum=0.999)
        x = norm(layer(x))
        role = 'depthwise_kernel' if isinstance(layer, _layers.DepthwiseConv2D) else 'kernel'
        self.rows.layer(layer, f'{self.scope}/mnas_net_model/{at}/{source}', [role])
        name = counted(self.counts, f'{at}/batch_normalization')
        self.rows.layer(norm, f'{self.scope}/{name}', STATISTICS)
        return _layers.ReLU(max_value=6)(x) if relu else x

    def conv(self, x: Any, width: int, at: str, source: str = '', relu: bool = True, **options: Any) -> Any:
        options = {'kernel_size': 1, 'strides': 1, 'padding': 'same', 'use_bias': False, **options}
        source = source or counted(self.counts, 'conv2d')
        return self.unit(x, _layers.Conv2D(filters=width, **options), at, source, relu)

    def block(self, x: Any, number: int, size: int, stride: int, expansion: int, width: int) -> Any:
        """A block; the first one neither expands nor has, in the new one alone, a linear end."""
        at, y = f'mnas_blocks_{number}', x
        if number:
            y = self.conv(y, expansion * x.shape[-1], at)
        options = {'strides': stride, 'depth_multiplier': 1, 'padding': 'same', 'use_bias': False}
        layer = _layers.DepthwiseConv2D(kernel_size=size, **options)
        y = self.unit(y, layer, at, counted(self.counts, 'depthwise_conv2d'))
        y = self.conv(y, width, at, relu=not number)
        return _layers.add([x, y]) if stride == 1 and x.shape[-1] == width else y


def mnasnet_b1() -> Pair:
    """tensorflow/tpu's MnasNet-B1 as it is trained, with averages, and Shathe/MNasNet-Keras-Tensorflow's MnasNet.

    The files are models/official/mnasnet's mnasnet_model.py and mnasnet_models.py, and Mnasnet.py. The last
    convolution is 1280 wide in the old one and 1152 in the new one, so neither it, its norm nor the classes have an
    answer. The old names follow from its code and mnasnet_main.py's defaults; those of a convolution and of a norm of
    its family were read where others use them. The checkpoint was not read.
    """
    tf.keras.backend.clear_session()
    net, number = _MnasNet(), 0
    inputs = _layers.Input([224, 224, 3])
    x = net.conv(inputs, 32, 'mnas_stem', 'conv2d_33', kernel_size=3, strides=2)
    for count, size, stride, expansion, width in _MNASNET_B1:
        for repeat in range(count):
            x = net.block(x, number, size, 1 if repeat else stride, expansion, width)
            number += 1
    x = _layers.Conv2D(filters=1152, kernel_size=1, strides=1, padding='same', use_bias=False)(x)
    x = _layers.ReLU(max_value=6)(_layers.BatchNormalization(epsilon=1e-3, momentum=0.999)(x))
    x = _layers.Dense(1000, activation='softmax')(_layers.GlobalAveragePooling2D()(x))
    at = f'{net.scope}/mnas_net_model/mnas_head'
    others = {f'{at}/conv2d_34/kernel': (1, 1, 320, 1280), f'{at}/dense/kernel': (1280, 1000)}
    others[f'{at}/dense/bias'] = (1000,)
    norm = {f'{net.scope}/mnas_head/batch_normalization/{role}': (1280,) for role in STATISTICS}
    pair = net.rows.pair({**others, **norm}, model=tf.keras.Model(inputs, x))
    return with_averages(pair, 'RMSProp', 'RMSProp_1')


def handwritten_digits() -> Pair:
    """Hvass-Labs/TensorFlow-Tutorials' 02_Convolutional_Neural_Network, and the Sequential model of its 03C_Keras_API.

    No variable of the old tutorial has a name. It saves none of them itself; all are here. Its code was read in a copy
    alone, of the functions that make its layers and of what calls them.
    """
    tf.keras.backend.clear_session()
    model, rows, counts = tf.keras.Sequential(), Rows(), {}
    model.add(_layers.InputLayer(input_shape=(784,)))
    model.add(_layers.Reshape((28, 28, 1)))

    def add(layer: Any) -> None:
        model.add(layer)
        for variable in (layer.kernel, layer.bias):
            rows.add(variable, counted(counts, 'Variable'))

    options = {'kernel_size': 5, 'strides': 1, 'padding': 'same', 'activation': 'relu'}
    for n, width in ((1, 16), (2, 36)):
        add(_layers.Conv2D(filters=width, name=f'layer_conv{n}', **options))
        model.add(_layers.MaxPooling2D(pool_size=2, strides=2))
    model.add(_layers.Flatten())
    add(_layers.Dense(128, activation='relu'))
    add(_layers.Dense(10, activation='softmax'))
    powers = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=powers)
