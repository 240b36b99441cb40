"""Pairs of networks that classify images and KerasCV's backbones, for a sixteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.ninth_image_state_dicts import EFFICIENT

WEIGHTS = {'kernel': 'weights', 'bias': 'biases', 'depthwise_kernel': 'depthwise_weights'}


def with_averages(pair: Pair, *ends: str) -> Pair:
    """Adds slots of what is trained, a step, and an average of each source."""
    slots = with_slots(pair, *ends, others={'global_step': ()})
    averages = with_slots(pair, 'ExponentialMovingAverage', but='^$')
    return Pair({**slots.shapes, **averages.shapes}, pair.target, pair.sources)


def counted(counts: dict[str, int], name: str) -> str:
    """Returns a name as tf.layers makes it unique."""
    counts[name] = counts.get(name, -1) + 1
    return f'{name}_{counts[name]}' if counts[name] else name


class _ResNet:
    """Builds KerasCV's ResNet of version 1, and notes the names that tf.layers counts."""

    def __init__(self):
        self.rows, self._counts = Rows(), {}

    def unit(self, x: Any, width: int, size: int, name: str, stride: int = 1, padding: str = 'same') -> Any:
        """A convolution and its norm."""
        layers = tf.keras.layers
        conv = layers.Conv2D(
            width, size, strides=stride, padding=padding, use_bias=False, name=f'{name}_conv'
        )
        norm = layers.BatchNormalization(axis=-1, epsilon=1.001e-5, name=f'{name}_bn')
        x = norm(conv(x))
        self.rows.layer(conv, f'resnet_model/{counted(self._counts, "conv2d")}', ['kernel'])
        self.rows.layer(norm, f'resnet_model/{counted(self._counts, "batch_normalization")}', STATISTICS)
        return x

    def block(self, x: Any, width: int, stride: int, name: str, first: bool) -> Any:
        layers = tf.keras.layers
        shortcut = self.unit(x, 4 * width, 1, f'{name}_0', stride, 'valid') if first else x
        x = self.unit(x, width, 1, f'{name}_1', stride, 'valid')
        x = layers.Activation('relu', name=f'{name}_1_relu')(x)
        x = self.unit(x, width, 3, f'{name}_2')
        x = layers.Activation('relu', name=f'{name}_2_relu')(x)
        x = self.unit(x, 4 * width, 1, f'{name}_3', padding='valid')
        x = layers.Add(name=f'{name}_add')([shortcut, x])
        return layers.Activation('relu', name=f'{name}_out')(x)


def official_resnet() -> Pair:
    """tensorflow/models' official/r1/resnet of 50 layers and version 1, and keras-team/keras-cv's ResNetBackbone.

    Both begin a block with the shortcut. The strides lie in other convolutions. The new one has no classes.
    """
    tf.keras.backend.clear_session()
    layers, net = tf.keras.layers, _ResNet()
    inputs = layers.Input([None, None, 3])
    x = net.unit(layers.Rescaling(1 / 255.0)(inputs), 64, 7, 'conv1', 2)
    x = layers.Activation('relu', name='conv1_relu')(x)
    x = layers.MaxPooling2D(3, strides=2, padding='same', name='pool1_pool')(x)
    for stack, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for number in range(1, count + 1):
            stride = 2 if stack and number == 1 else 1
            x = net.block(x, width, stride, f'v2_stack_{stack}_block{number}', number == 1)
    others = {'resnet_model/dense/kernel': (2048, 1001), 'resnet_model/dense/bias': (1001,)}
    pair = net.rows.pair(others, model=tf.keras.Model(inputs, x))
    return with_slots(pair, 'Momentum', others={'global_step': ()})


def _adjusted(x: float) -> int:
    width = max(8, int(x + 4) // 8 * 8)
    return width + 8 if width < 0.9 * x else width


def _hard_sigmoid(x: Any) -> Any:
    return tf.keras.layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)


def _hard_swish(x: Any) -> Any:
    return tf.keras.layers.Multiply()([x, _hard_sigmoid(x)])


class SqueezeAndExcite2D(tf.keras.layers.Layer):
    """The layer of KerasCV."""

    def __init__(self, filters: int, bottleneck_filters: int, **options: Any):
        super().__init__(**options)
        layers = tf.keras.layers
        self.global_average_pool = layers.GlobalAveragePooling2D(keepdims=True)
        self.squeeze_conv = layers.Conv2D(bottleneck_filters, (1, 1), activation='relu')
        self.excite_conv = layers.Conv2D(filters, (1, 1), activation=_hard_sigmoid)

    def call(self, inputs):
        return inputs * self.excite_conv(self.squeeze_conv(self.global_average_pool(inputs)))


class _MobileNet:
    """Builds KerasCV's MobileNet V3, and notes slim's names."""

    def __init__(self):
        self.rows = Rows()

    def unit(self, x: Any, conv: tf.keras.layers.Layer, source: str) -> Any:
        """A convolution without biases, and its norm."""
        norm = tf.keras.layers.BatchNormalization(
            axis=-1, epsilon=1e-3, momentum=0.999, name=f'{conv.name}_BatchNorm'
        )
        x = norm(conv(x))
        role = 'depthwise_kernel' if conv.name.endswith('depthwise') else 'kernel'
        self.rows.layer(conv, f'MobilenetV3/{source}', [role], **WEIGHTS)
        self.rows.layer(norm, f'MobilenetV3/{source}/BatchNorm', STATISTICS)
        return x

    def conv(self, x: Any, width: int, name: str, source: str, size: int = 1, stride: int = 1) -> Any:
        options = {'padding': 'same', 'use_bias': False, 'name': name}
        return self.unit(x, tf.keras.layers.Conv2D(width, size, stride, **options), source)

    def block(self, x: Any, number: int, row: tuple, activation: Any) -> Any:
        layers, shortcut = tf.keras.layers, x
        factor, width, size, stride, squeezes = row
        at = f'expanded_conv_{number}' if number else 'expanded_conv'
        wide = _adjusted(x.shape[-1] * factor)
        if number:
            x = activation(self.conv(x, wide, f'{at}_expand', f'{at}/expand'))
        if stride == 2:
            x = layers.ZeroPadding2D(size // 2, name=f'{at}_depthwise_pad')(x)
        depthwise = layers.DepthwiseConv2D(
            size,
            strides=stride,
            padding='same' if stride == 1 else 'valid',
            use_bias=False,
            name=f'{at}_depthwise',
        )
        x = activation(self.unit(x, depthwise, f'{at}/depthwise'))
        if squeezes:
            squeeze = SqueezeAndExcite2D(wide, _adjusted(wide * 0.25))
            x = squeeze(x)
            old = f'MobilenetV3/{at}/squeeze_excite'
            self.rows.layer(squeeze.squeeze_conv, f'{old}/Conv', **WEIGHTS)
            self.rows.layer(squeeze.excite_conv, f'{old}/Conv_1', **WEIGHTS)
        x = self.conv(x, width, f'{at}_project', f'{at}/project')
        if stride == 1 and shortcut.shape[-1] == width:
            x = layers.Add(name=f'{at}_Add')([shortcut, x])
        return x


# The factor of expansion, the width, the size of the kernels, the stride and whether a block weighs its channels.
_LARGE = (
    (1, 16, 3, 1, False),
    (4, 24, 3, 2, False),
    (3, 24, 3, 1, False),
    (3, 40, 5, 2, True),
    (3, 40, 5, 1, True),
    (3, 40, 5, 1, True),
    (6, 80, 3, 2, False),
    (2.5, 80, 3, 1, False),
    (2.3, 80, 3, 1, False),
    (2.3, 80, 3, 1, False),
    (6, 112, 3, 1, True),
    (6, 112, 3, 1, True),
    (6, 160, 5, 2, True),
    (6, 160, 5, 1, True),
    (6, 160, 5, 1, True),
)


def mobilenet_v3() -> Pair:
    """tensorflow/models' slim's MobileNet V3 of 1001 classes, large, and keras-team/keras-cv's MobileNetV3Backbone.

    The new one has no layers after the last norm. Its preset's numbers and the name of its first norm are not verified;
    they are slim's, and like that of its last norm. Neither is which slots slim's published checkpoint has; they are
    those of slim's training.
    """
    tf.keras.backend.clear_session()
    layers, net = tf.keras.layers, _MobileNet()
    inputs = layers.Input([None, None, 3])
    x = layers.Rescaling(scale=1 / 255)(inputs)
    x = _hard_swish(net.conv(x, 16, 'Conv', 'Conv', 3, 2))
    for number, row in enumerate(_LARGE):
        x = net.block(x, number, row, layers.ReLU() if number < 6 else _hard_swish)
    x = _hard_swish(net.conv(x, 960, 'Conv_1', 'Conv_1'))
    others = {}
    for name, before, width in (('Conv_2', 960, 1280), ('Logits/Conv2d_1c_1x1', 1280, 1001)):
        others[f'MobilenetV3/{name}/weights'] = (1, 1, before, width)
        others[f'MobilenetV3/{name}/biases'] = (width,)
    pair = net.rows.pair(others, model=tf.keras.Model(inputs, x))
    return with_averages(pair, 'RMSProp', 'RMSProp_1')


class _EfficientNet:
    """Builds KerasCV's EfficientNet of version 1, and notes the names of TPU's blocks."""

    def __init__(self):
        self.rows, self._counts = Rows(), {}

    def unit(self, x: Any, conv: tf.keras.layers.Layer, norm: str, scope: str, activation: str) -> Any:
        """A convolution without biases, its norm and what activates, though nothing may activate the old one."""
        layers, depthwise = tf.keras.layers, isinstance(conv, tf.keras.layers.DepthwiseConv2D)
        bn = layers.BatchNormalization(axis=3, name=norm)
        x = layers.Activation('swish', name=activation)(bn(conv(x)))
        source = f'{scope}/depthwise_conv2d' if depthwise else counted(self._counts, f'{scope}/conv2d')
        self.rows.layer(conv, source, ['depthwise_kernel' if depthwise else 'kernel'])
        self.rows.layer(bn, counted(self._counts, f'{scope}/tpu_batch_normalization'), STATISTICS)
        return x

    def conv(self, width: int, size: int, name: str, stride: int = 1) -> tf.keras.layers.Layer:
        padding = 'valid' if stride == 2 else 'same'
        return tf.keras.layers.Conv2D(width, size, strides=stride, padding=padding, use_bias=False, name=name)

    def block(self, x: Any, scope: str, name: str, row: tuple, stride: int) -> Any:
        layers, inputs = tf.keras.layers, x
        size, factor, width = row
        before = x.shape[-1]
        wide = before * factor
        if factor != 1:
            conv = self.conv(wide, 1, f'{name}expand_conv')
            x = self.unit(x, conv, f'{name}expand_bn', scope, f'{name}expand_activation')
        if stride == 2:
            x = layers.ZeroPadding2D(size // 2, name=f'{name}dwconv_pad')(x)
        padding = 'valid' if stride == 2 else 'same'
        conv = layers.DepthwiseConv2D(
            size, strides=stride, padding=padding, use_bias=False, name=f'{name}dwconv'
        )
        x = self.unit(x, conv, f'{name}dwconv_bn', scope, f'{name}dwconv_activation')
        se = layers.GlobalAveragePooling2D(name=f'{name}se_squeeze')(x)
        se = layers.Reshape((1, 1, wide), name=f'{name}se_reshape')(se)
        for part, channels, activation in (('reduce', before // 4, 'swish'), ('expand', wide, 'sigmoid')):
            options = {'padding': 'same', 'activation': activation, 'name': f'{name}se_{part}'}
            conv = layers.Conv2D(channels, 1, **options)
            se = conv(se)
            self.rows.layer(conv, counted(self._counts, f'{scope}/se/conv2d'))
        x = layers.multiply([x, se], name=f'{name}se_excite')
        conv = self.conv(width, 1, f'{name}project')
        x = self.unit(x, conv, f'{name}project_bn', scope, f'{name}project_activation')
        if stride == 1 and before == width:
            x = layers.Dropout(0.1, noise_shape=(None, 1, 1, 1), name=f'{name}drop')(x)
            x = layers.Add(name=f'{name}add')([x, inputs])
        return x


def efficientnet_v1() -> Pair:
    """tensorflow/tpu's EfficientNet-B0 as it is trained, with averages, and keras-team/keras-cv's EfficientNetV1B0.

    The new one is a backbone without classes.
    """
    tf.keras.backend.clear_session()
    layers, net, root, number = tf.keras.layers, _EfficientNet(), 'efficientnet-b0', 0
    inputs = layers.Input([None, None, 3])
    x = layers.ZeroPadding2D(1, name='stem_conv_pad')(layers.Rescaling(1.0 / 255.0)(inputs))
    x = net.unit(x, net.conv(32, 3, 'stem_conv', 2), 'stem_bn', f'{root}/stem', 'stem_activation')
    for stage, (size, factor, width, count) in enumerate(EFFICIENT, 1):
        for block in range(count):
            stride = 2 if not block and stage in {2, 3, 4, 6} else 1
            name = f'block{stage}{"abcd"[block]}_'
            x = net.block(x, f'{root}/blocks_{number}', name, (size, factor, width), stride)
            number += 1
    x = net.unit(x, net.conv(1280, 1, 'top_conv'), 'top_bn', f'{root}/head', 'top_activation')
    others = {f'{root}/head/dense/kernel': (1280, 1000), f'{root}/head/dense/bias': (1000,)}
    return with_averages(net.rows.pair(others, model=tf.keras.Model(inputs, x)), 'RMSProp', 'RMSProp_1')
