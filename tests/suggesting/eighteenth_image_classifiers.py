"""Pairs of networks that classify images, for an eighteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import WEIGHTS, counted, with_averages

_layers = tf.keras.layers


class _MobileNet:
    """Builds JonathanCMitchell's MobileNet V2, and notes slim's names."""

    def __init__(self):
        self.rows = Rows()

    def unit(self, x: Any, layer: Any, norm: str, source: str, relu: str | None) -> Any:
        """A convolution, its norm, and, but for those that project, what follows them."""
        role = 'depthwise_kernel' if isinstance(layer, _layers.DepthwiseConv2D) else 'kernel'
        norm = _layers.BatchNormalization(epsilon=1e-5, name=norm)
        x = norm(layer(x))
        self.rows.layer(layer, f'MobilenetV2/{source}', [role], **WEIGHTS)
        self.rows.layer(norm, f'MobilenetV2/{source}/BatchNorm', STATISTICS)
        return x if relu is None else _layers.Activation(tf.nn.relu6, name=relu or None)(x)

    def block(self, inputs: Any, number: int, width: int, stride: int) -> Any:
        at = f'expanded_conv_{number}' if number else 'expanded_conv'
        name, norm, x = f'mobl{number}_conv_{number}', f'bn{number}_conv_{number}_bn', inputs
        if number:
            layer = _layers.Conv2D(6 * x.shape[-1], 1, padding='same', use_bias=False, name=f'{name}_expand')
            x = self.unit(x, layer, f'{norm}_expand', f'{at}/expand', f'conv_{number}_relu')
        layer = _layers.DepthwiseConv2D(
            3, strides=stride, use_bias=False, padding='same', name=f'{name}_depthwise'
        )
        x = self.unit(x, layer, f'{norm}_depthwise', f'{at}/depthwise', f'conv_dw_{number}_relu')
        layer = _layers.Conv2D(width, 1, padding='same', use_bias=False, name=f'{name}_project')
        x = self.unit(x, layer, f'{norm}_project', f'{at}/project', None)
        if stride > 1 or inputs.shape[-1] != width:
            return x
        return _layers.Add(name=f'res_connect_{number}')([inputs, x])


def mobilenet_v2() -> Pair:
    """tensorflow/models' slim's MobileNet V2 with averages, and JonathanCMitchell/mobilenet_v2_keras' mobilenetv2.py.

    The latter extracts its weights from slim's checkpoints, and has their 1001 classes, in a dense layer. Which slots
    the published checkpoint has is not verified; they are those of slim's training here.
    """
    tf.keras.backend.clear_session()
    net = _MobileNet()
    inputs = _layers.Input([224, 224, 3])
    layer = _layers.Conv2D(32, 3, strides=(2, 2), padding='same', use_bias=False, name='Conv1')
    x = net.unit(inputs, layer, 'bn_Conv1', 'Conv', 'Conv1_relu')
    widths = [16, 24, 24, *[32] * 3, *[64] * 4, *[96] * 3, *[160] * 3, 320]
    for number, width in enumerate(widths):
        x = net.block(x, number, width, 2 if number in {1, 3, 6, 13} else 1)
    x = net.unit(x, _layers.Conv2D(1280, 1, use_bias=False, name='Conv_1'), 'Conv_1_bn', 'Conv_1', '')
    last = _layers.Dense(1001, activation='softmax', use_bias=True, name='Logits')
    x = last(_layers.Flatten()(_layers.AveragePooling2D(pool_size=(7, 7))(x)))
    net.rows.add(last.kernel, 'MobilenetV2/Logits/Conv2d_1c_1x1/weights', (1, 1, 1280, 1001))
    net.rows.add(last.bias, 'MobilenetV2/Logits/Conv2d_1c_1x1/biases')
    return with_averages(net.rows.pair(model=tf.keras.Model(inputs, x)), 'RMSProp', 'RMSProp_1')


class _DenseNet:
    """Builds KerasHub's DenseNet, and notes pudae's names."""

    def __init__(self):
        self.rows = Rows()

    def norm(self, x: Any, name: str, source: str) -> Any:
        layer = _layers.BatchNormalization(axis=-1, epsilon=1.001e-5, name=f'{name}bn')
        x = layer(x)
        self.rows.layer(layer, f'densenet121/{source}BatchNorm', STATISTICS)
        return _layers.Activation('relu', name=f'{name}relu')(x)

    def conv(self, x: Any, width: int, size: int, name: str, source: str, **others: Any) -> Any:
        layer = _layers.Conv2D(width, size, use_bias=False, name=f'{name}conv', **others)
        x = layer(x)
        self.rows.layer(layer, f'densenet121/{source}', ['kernel'], **WEIGHTS)
        return x

    def block(self, inputs: Any, name: str, source: str) -> Any:
        x = self.norm(inputs, f'{name}_1_', f'{source}/x1/')
        x = self.conv(x, 128, 1, f'{name}_1_', f'{source}/x1/Conv')
        x = self.norm(x, f'{name}_2_', f'{source}/x2/')
        x = self.conv(x, 32, 3, f'{name}_2_', f'{source}/x2/Conv', padding='same')
        return _layers.Concatenate(axis=-1, name=f'{name}_concat')([inputs, x])


def densenet_121() -> Pair:
    """pudae/tensorflow-densenet's DenseNet-121 as it is trained, and keras-team/keras-hub's DenseNetBackbone.

    The new one has no classes.
    """
    tf.keras.backend.clear_session()
    net = _DenseNet()
    inputs = _layers.Input([None, None, 3])
    x = net.norm(net.conv(inputs, 64, 7, 'conv1_', 'conv1', strides=2, padding='same'), 'conv1_', '')
    x = _layers.MaxPooling2D(3, strides=2, padding='same', name='pool1')(x)
    for stack, count in enumerate((6, 12, 24, 16), 1):
        if stack > 1:
            name, source = f'transition{stack - 1}_', f'transition_block{stack - 1}/blk/'
            x = net.norm(x, name, source)
            x = net.conv(x, x.shape[-1] // 2, 1, name, f'{source}Conv')
            x = _layers.AveragePooling2D(2, strides=2, name=f'{name}pool')(x)
        for number in range(1, count + 1):
            x = net.block(x, f'stack{stack}_block{number}', f'dense_block{stack}/conv_block{number}')
    x = net.norm(x, '', 'final_block/')
    at = 'densenet121/logits'
    others = {f'{at}/weights': (1, 1, 1024, 1000), f'{at}/biases': (1000,)}
    pair = net.rows.pair(others, model=tf.keras.Model(inputs, x))
    return with_slots(pair, 'RMSProp', 'RMSProp_1', others={'global_step': ()})


def vgg_16() -> Pair:
    """tensorflow/models' slim's VGG-16 as it is trained, and keras-team/keras-hub's VGGImageClassifier.

    The two layers before the classes have an eighth of their width here. Both have 1000 classes, the new ones in a
    dense layer. The new backbone was read in an early version, whose loop leaves out the last stack; it is here.
    """
    tf.keras.backend.clear_session()
    rows, wide, noted = Rows(), 512, {'kernel': 'weights', 'bias': 'biases'}
    x = inputs = _layers.Input([224, 224, 3])
    for stack, (count, width) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for number in range(1, count + 1):
            layer = _layers.Conv2D(
                width, (3, 3), activation='relu', padding='same', name=f'block{stack}_conv{number}'
            )
            x = layer(x)
            rows.layer(layer, f'vgg_16/conv{stack}/conv{stack}_{number}', **noted)
        x = _layers.MaxPooling2D((2, 2), (2, 2), name=f'block{stack}_pool')(x)
    backbone, pooler = tf.keras.Model(inputs, x), _layers.GlobalAveragePooling2D(name='pooler')
    convs = [
        _layers.Conv2D(filters=wide, kernel_size=7, name='fc1', activation='relu', padding='valid'),
        _layers.Conv2D(filters=wide, kernel_size=1, name='fc2', activation='relu', padding='same'),
    ]
    last, drop = _layers.Dense(1000, name='predictions'), _layers.Dropout(rate=0.0, name='output_dropout')
    head = tf.keras.Sequential([convs[0], drop, convs[1], pooler, last], name='head')
    model = tf.keras.Model(backbone.input, head(backbone(backbone.input)))
    model.backbone, model.pooler, model.head = backbone, pooler, head
    for layer, source in zip(convs, ('fc6', 'fc7'), strict=True):
        rows.layer(layer, f'vgg_16/{source}', **noted)
    rows.add(last.kernel, 'vgg_16/fc8/weights', (1, 1, wide, 1000))
    rows.add(last.bias, 'vgg_16/fc8/biases')
    return with_slots(rows.pair(model=model), 'RMSProp', 'RMSProp_1', others={'global_step': ()})


class _ResNet:
    """Builds the layers of Keras's example, which have no names, and notes the numbers of tf.layers."""

    def __init__(self):
        self.rows, self._counts = Rows(), {}

    def named(self) -> tuple[str, str]:
        """Returns the next convolution of the old one and its norm, of which each has one."""
        names = [counted(self._counts, name) for name in ('conv2d', 'batch_normalization')]
        return f'resnet_model/{names[0]}', f'resnet_model/{names[1]}'

    def layer(self, x: Any, width: int, names: tuple[str, str], stride: int = 1, relu: bool = True) -> Any:
        x = self.conv(x, width, 3, stride, names[0])
        norm = _layers.BatchNormalization()
        x = norm(x)
        self.rows.layer(norm, names[1], STATISTICS)
        return _layers.Activation('relu')(x) if relu else x

    def conv(self, x: Any, width: int, size: int, stride: int, source: str) -> Any:
        layer = _layers.Conv2D(width, kernel_size=size, strides=stride, padding='same')
        x = layer(x)
        self.rows.layer(layer, source, ['kernel'])
        return x


def cifar_resnet_56() -> Pair:
    """tensorflow/models' official/r1/resnet for CIFAR-10, of 56 layers, and keras-team/keras' examples/cifar10_resnet.

    Both are of version 1. The old one makes the shortcut first, with a norm, and one in its first block too; the new
    one makes it after the others. The new convolutions have biases.
    """
    tf.keras.backend.clear_session()
    net, others = _ResNet(), {}
    inputs = _layers.Input([32, 32, 3])
    x = net.layer(inputs, 16, net.named())
    for stack, width in enumerate((16, 32, 64)):
        for block in range(9):
            shortcut = None if block else net.named()
            stride = 2 if stack and not block else 1
            y = net.layer(x, width, net.named(), stride)
            y = net.layer(y, width, net.named(), relu=False)
            if shortcut:
                others |= {f'{shortcut[1]}/{role}': (width,) for role in STATISTICS}
                if stack:
                    x = net.conv(x, width, 1, stride, shortcut[0])
                else:
                    others[f'{shortcut[0]}/kernel'] = (1, 1, 16, 16)
            x = _layers.Activation('relu')(_layers.add([x, y]))
    last = _layers.Dense(10, activation='softmax')
    x = last(_layers.Flatten()(_layers.AveragePooling2D(pool_size=8)(x)))
    net.rows.layer(last, 'resnet_model/dense')
    pair = net.rows.pair(others, model=tf.keras.Model(inputs=inputs, outputs=x))
    return with_slots(pair, 'Momentum', others={'global_step': ()})
