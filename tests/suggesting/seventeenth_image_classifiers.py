"""Pairs of networks that classify images, for a seventeenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.ninth_image_state_dicts import EFFICIENT
from tests.suggesting.sixteenth_image_backbones import WEIGHTS, with_averages


def mobilenet_v1() -> Pair:
    """Zehaos/MobileNet's network for ImageNet as its script trains it, and Keras Applications' MobileNet.

    The old convolutions have biases, and the old norms, which lie beside them, do not scale. Both have 1000 classes,
    the old ones in a dense layer. That its optimizer is the default one of slim's script is not verified.
    """
    tf.keras.backend.clear_session()
    model, rows, root, others = tf.keras.applications.MobileNet(weights=None), Rows(), 'MobileNet', {}

    def unit(conv: str, norm: str, source: str, beside: str, role: str = 'kernel') -> None:
        rows.layer(model.get_layer(conv), f'{root}/{source}', [role], **WEIGHTS)
        layer = model.get_layer(norm)
        rows.layer(layer, f'{root}/{beside}', STATISTICS[1:])
        others[f'{root}/{source}/biases'] = tuple(layer.beta.shape)

    unit('conv1', 'conv1_bn', 'conv_1', 'conv_1/batch_norm')
    for number in range(1, 14):
        at = f'conv_ds_{number + 1}'
        name, beside = f'conv_dw_{number}', f'{at}/dw_batch_norm'
        unit(name, f'{name}_bn', f'{at}/depthwise_conv', beside, 'depthwise_kernel')
        name, beside = f'conv_pw_{number}', f'{at}/pw_batch_norm'
        unit(name, f'{name}_bn', f'{at}/pointwise_conv', beside)
    last = model.get_layer('conv_preds')
    rows.add(last.kernel, f'{root}/fc_16/weights', (1024, 1000))
    rows.add(last.bias, f'{root}/fc_16/biases')
    return with_slots(rows.pair(others, model=model), 'RMSProp', 'RMSProp_1', others={'global_step': ()})


class _EfficientNet:
    """Builds the Model Garden's EfficientNet of named layers, and notes the names of tensorflow/tpu's."""

    def __init__(self):
        self.rows = Rows()

    def conv(
        self, x: Any, width: int, size: int, name: str, source: str, stride: int = 1, bias: bool = False
    ) -> Any:
        layer = tf.keras.layers.Conv2D(
            width, size, strides=stride, use_bias=bias, padding='same', name=f'{name}_conv2d'
        )
        x = layer(x)
        self.rows.layer(layer, f'efficientnet-b0/{source}', ('kernel', 'bias') if bias else ('kernel',))
        return x

    def norm(self, x: Any, name: str, source: str, active: bool = True) -> Any:
        layer = tf.keras.layers.BatchNormalization(axis=-1, epsilon=1e-3, name=f'{name}_bn')
        x = layer(x)
        self.rows.layer(layer, f'efficientnet-b0/{source}', STATISTICS)
        return tf.keras.layers.Activation('swish', name=f'{name}_activation')(x) if active else x

    def block(
        self, inputs: Any, at: str, name: str, widths: tuple[int, int, int], size: int, stride: int
    ) -> Any:
        layers, (before, wide, width) = tf.keras.layers, widths
        norms = iter([f'{at}/tpu_batch_normalization{end}' for end in ('', '_1', '_2')])
        convs, x = iter([f'{at}/conv2d', f'{at}/conv2d_1']), inputs
        if wide > before:
            x = self.norm(self.conv(x, wide, 1, f'{name}expand', next(convs)), f'{name}expand', next(norms))
        layer = layers.DepthwiseConv2D(
            size, strides=stride, use_bias=False, padding='same', name=f'{name}depthwise_conv2d'
        )
        x = layer(x)
        self.rows.layer(layer, f'efficientnet-b0/{at}/depthwise_conv2d', ['depthwise_kernel'])
        x = self.norm(x, f'{name}depthwise', next(norms))
        y = layers.GlobalAveragePooling2D(name=f'{name}se_squeeze')(x)
        y = layers.Reshape((1, 1, wide), name=f'{name}se_reshape')(y)
        y = self.conv(y, before // 4, 1, f'{name}se_reduce', f'{at}/se/conv2d', bias=True)
        y = layers.Activation('swish', name=f'{name}se_reduce_activation')(y)
        y = self.conv(y, wide, 1, f'{name}se_expand', f'{at}/se/conv2d_1', bias=True)
        y = layers.Activation('sigmoid', name=f'{name}se_expand_activation')(y)
        x = layers.multiply([x, y], name=f'{name}se_excite')
        x = self.conv(x, width, 1, f'{name}project', next(convs))
        x = self.norm(x, f'{name}project', next(norms), active=False)
        x = layers.Activation('linear', name=f'{name}id')(x)
        if stride > 1 or before != width:
            return x
        x = layers.Dropout(0.2, noise_shape=(None, 1, 1, 1), name=f'{name}drop')(x)
        return layers.add([x, inputs], name=f'{name}add')


def efficientnet_b0() -> Pair:
    """tensorflow/tpu's EfficientNet-B0 as it is trained, with averages, and tensorflow/models' official/legacy one.

    The latter is image_classification/efficientnet's, whose layers have names with the stack and the block. Both have
    1000 classes.
    """
    tf.keras.backend.clear_session()
    layers, net, number, before = tf.keras.layers, _EfficientNet(), 0, 32
    inputs, norm = layers.Input([None, None, 3]), 'tpu_batch_normalization'
    x = net.norm(net.conv(inputs / 255.0, 32, 3, 'stem', 'stem/conv2d', 2), 'stem', f'stem/{norm}')
    for stack, (size, factor, width, count) in enumerate(EFFICIENT):
        for block in range(count):
            stride = 2 if not block and stack in {1, 2, 3, 5} else 1
            widths, name = (before, factor * before, width), f'stack_{stack}/block_{block}/'
            x = net.block(x, f'blocks_{number}', name, widths, size, stride)
            number, before = number + 1, width
    x = net.norm(net.conv(x, 1280, 1, 'top', 'head/conv2d'), 'top', f'head/{norm}')
    x = layers.Dropout(0.2, name='top_dropout')(layers.GlobalAveragePooling2D(name='top_pool')(x))
    last = layers.Dense(1000, name='logits')
    x = layers.Activation('softmax', name='probs')(last(x))
    net.rows.layer(last, 'efficientnet-b0/head/dense')
    model = tf.keras.Model(inputs, x, name='efficientnet')
    return with_averages(net.rows.pair(model=model), 'RMSProp', 'RMSProp_1')


class BottleneckBlock(tf.keras.layers.Layer):
    """The block of official/vision's nn_blocks, which makes its layers as it is built."""

    def __init__(self, filters: int, strides: int, use_projection: bool):
        super().__init__()
        self._filters, self._strides, self._use_projection = filters, strides, use_projection

    def build(self, input_shape):
        layers, filters = tf.keras.layers, self._filters
        if self._use_projection:
            self._shortcut = layers.Conv2D(4 * filters, 1, strides=self._strides, use_bias=False)
            self._norm0 = layers.BatchNormalization()
        self._conv1 = layers.Conv2D(filters, 1, strides=1, use_bias=False)
        self._norm1 = layers.BatchNormalization()
        self._activation1 = layers.Activation('relu')
        self._conv2 = layers.Conv2D(filters, 3, strides=self._strides, padding='same', use_bias=False)
        self._norm2 = layers.BatchNormalization()
        self._activation2 = layers.Activation('relu')
        self._conv3 = layers.Conv2D(4 * filters, 1, strides=1, use_bias=False)
        self._norm3 = layers.BatchNormalization()
        self._activation3 = layers.Activation('relu')
        self._add = layers.Add()
        super().build(input_shape)

    def call(self, inputs, training=None):
        shortcut = self._norm0(self._shortcut(inputs)) if self._use_projection else inputs
        x = self._activation1(self._norm1(self._conv1(inputs)))
        x = self._activation2(self._norm2(self._conv2(x)))
        return self._activation3(self._add([self._norm3(self._conv3(x)), shortcut]))

    def units(self) -> dict[str, tuple[Any, Any]]:
        """Returns the convolutions and their norms by slim's names."""
        names = {f'conv{n}': (getattr(self, f'_conv{n}'), getattr(self, f'_norm{n}')) for n in (1, 2, 3)}
        return {'shortcut': (self._shortcut, self._norm0), **names} if self._use_projection else names


def resnet_v1() -> Pair:
    """tensorflow/models' slim's ResNet-50 V1 as it is trained, and the ResNet of its official/vision's backbones.

    The new one, which its checkpoints keep as `backbone`, has no classes. The strides lie in other blocks. How its
    block is built was read in a copy of its nn_blocks.
    """
    tf.keras.backend.clear_session()
    layers, rows, root = tf.keras.layers, Rows(), 'resnet_v1_50'

    def unit(conv: Any, norm: Any, source: str) -> None:
        rows.layer(conv, f'{root}/{source}', ['kernel'], **WEIGHTS)
        rows.layer(norm, f'{root}/{source}/BatchNorm', STATISTICS)

    inputs, endpoints = layers.Input([None, None, 3]), {}
    conv, norm = layers.Conv2D(64, 7, strides=2, use_bias=False, padding='same'), layers.BatchNormalization()
    x = layers.Activation('relu')(norm(conv(inputs)))
    unit(conv, norm, 'conv1')
    x = layers.MaxPool2D(pool_size=3, strides=2, padding='same')(x)
    for group, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 1):
        for number in range(count):
            block = BottleneckBlock(width, 2 if group > 1 and not number else 1, not number)
            x = block(x)
            for name, (conv, norm) in block.units().items():
                unit(conv, norm, f'block{group}/unit_{number + 1}/bottleneck_v1/{name}')
        x = layers.Activation('linear', name=f'block_group_l{group + 1}')(x)
        endpoints[str(group + 1)] = x
    others = {f'{root}/logits/weights': (1, 1, 2048, 1000), f'{root}/logits/biases': (1000,)}
    pair = rows.pair(others, backbone=tf.keras.Model(inputs, endpoints, name='res_net'))
    return with_slots(pair, 'Momentum', others={'global_step': ()})
