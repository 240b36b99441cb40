"""Pairs of slim's classifiers and Keras models, for a sixteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import WEIGHTS, with_averages


class DenseBottleNeck(tf.keras.layers.Layer):
    """The block of Basic_CNNs_TensorFlow2's DenseNet, which calls it BottleNeck."""

    def __init__(self, growth_rate: int):
        super().__init__(name=_named('bottle_neck'))
        layers = tf.keras.layers
        self.bn1 = layers.BatchNormalization()
        self.conv1 = layers.Conv2D(4 * growth_rate, (1, 1), 1, 'same')
        self.bn2 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(growth_rate, (3, 3), 1, 'same')
        self.dropout = layers.Dropout(rate=0.5)

    def call(self, inputs, training=None):
        x = self.conv1(tf.nn.relu(self.bn1(inputs, training=training)))
        x = self.conv2(tf.nn.relu(self.bn2(x, training=training)))
        return self.dropout(x, training=training)


class DenseBlock(tf.keras.layers.Layer):
    """The blocks between two transitions."""

    def __init__(self, num_layers: int, growth_rate: int):
        super().__init__()
        self.bottle_necks = []
        for _ in range(num_layers):
            self.bottle_necks.append(DenseBottleNeck(growth_rate))

    def call(self, inputs, training=None):
        x = inputs
        for layer in self.bottle_necks:
            x = tf.concat([x, layer(x, training=training)], axis=-1)
        return x


class TransitionLayer(tf.keras.layers.Layer):
    """The transition, which takes the greatest of what it pools."""

    def __init__(self, out_channels: int):
        super().__init__()
        self.bn = tf.keras.layers.BatchNormalization()
        self.conv = tf.keras.layers.Conv2D(out_channels, (1, 1), 1, 'same')
        self.pool = tf.keras.layers.MaxPool2D((2, 2), 2, 'same')

    def call(self, inputs, training=None):
        return self.pool(self.conv(tf.nn.relu(self.bn(inputs, training=training))))


class DenseNet(tf.keras.Model):
    """The DenseNet-121 of Basic_CNNs_TensorFlow2, which does not normalize before its classes."""

    def __init__(self, classes: int):
        super().__init__()
        layers = tf.keras.layers
        self.conv = layers.Conv2D(64, (7, 7), 2, 'same')
        self.bn = layers.BatchNormalization()
        self.pool = layers.MaxPool2D((3, 3), 2, 'same')
        self.dense_block_1 = DenseBlock(6, 32)
        self.transition_1 = TransitionLayer(128)
        self.dense_block_2 = DenseBlock(12, 32)
        self.transition_2 = TransitionLayer(256)
        self.dense_block_3 = DenseBlock(24, 32)
        self.transition_3 = TransitionLayer(512)
        self.dense_block_4 = DenseBlock(16, 32)
        self.avgpool = layers.GlobalAveragePooling2D()
        self.fc = layers.Dense(classes, activation=tf.keras.activations.softmax)

    def call(self, inputs, training=None, mask=None):
        x = self.pool(tf.nn.relu(self.bn(self.conv(inputs), training=training)))
        x = self.transition_1(self.dense_block_1(x, training=training), training=training)
        x = self.transition_2(self.dense_block_2(x, training=training), training=training)
        x = self.transition_3(self.dense_block_3(x, training=training), training=training)
        return self.fc(self.avgpool(self.dense_block_4(x, training=training)))


def _named(name: str) -> str:
    """Returns the name that Keras gives an object whose class is called otherwise in its repository."""
    number = tf.keras.backend.get_uid(name)
    return f'{name}_{number - 1}' if number > 1 else name


def densenet_121() -> Pair:
    """pudae/tensorflow-densenet's DenseNet-121 as it is trained, and calmiLovesAI/Basic_CNNs_TensorFlow2's.

    The latter has 10 classes. Its convolutions have biases, its last block no norm after it. It keeps a list of tensors
    while it is called, which is left out.
    """
    tf.keras.backend.clear_session()
    model, rows, root = DenseNet(10), Rows(), 'densenet121'
    model(tf.keras.Input([224, 224, 3]))

    def unit(norm: Any, conv: Any, source: str) -> None:
        rows.layer(norm, f'{root}/{source}/BatchNorm', STATISTICS)
        rows.layer(conv, f'{root}/{source}/Conv', ['kernel'], **WEIGHTS)

    rows.layer(model.conv, f'{root}/conv1', ['kernel'], **WEIGHTS)
    rows.layer(model.bn, f'{root}/BatchNorm', STATISTICS)
    blocks = model.dense_block_1, model.dense_block_2, model.dense_block_3, model.dense_block_4
    for number, block in enumerate(blocks, 1):
        for n, layer in enumerate(block.bottle_necks, 1):
            at = f'dense_block{number}/conv_block{n}'
            unit(layer.bn1, layer.conv1, f'{at}/x1')
            unit(layer.bn2, layer.conv2, f'{at}/x2')
    for number, layer in enumerate((model.transition_1, model.transition_2, model.transition_3), 1):
        unit(layer.bn, layer.conv, f'transition_block{number}/blk')
    others = {f'{root}/final_block/BatchNorm/{role}': (1024,) for role in STATISTICS}
    others |= {f'{root}/logits/weights': (1, 1, 1024, 1000), f'{root}/logits/biases': (1000,)}
    pair = rows.pair(others, model=model)
    return with_slots(pair, 'RMSProp', 'RMSProp_1', others={'global_step': ()})


class BottleNeck(tf.keras.layers.Layer):
    """The block of Basic_CNNs_TensorFlow2's MobileNet V2, which always expands."""

    def __init__(self, input_channels: int, output_channels: int, expansion_factor: int, stride: int):
        super().__init__(name=_named('bottle_neck'))
        layers = tf.keras.layers
        self.residual = stride == 1 and input_channels == output_channels
        self.conv1 = layers.Conv2D(input_channels * expansion_factor, (1, 1), 1, 'same')
        self.bn1 = layers.BatchNormalization()
        self.dwconv = layers.DepthwiseConv2D((3, 3), strides=stride, padding='same')
        self.bn2 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(output_channels, (1, 1), 1, 'same')
        self.bn3 = layers.BatchNormalization()
        self.linear = layers.Activation(tf.keras.activations.linear)

    def call(self, inputs, training=None):
        x = tf.nn.relu6(self.bn1(self.conv1(inputs), training=training))
        x = tf.nn.relu6(self.bn2(self.dwconv(x), training=training))
        x = self.linear(self.bn3(self.conv2(x), training=training))
        return tf.keras.layers.add([x, inputs]) if self.residual else x


def _bottlenecks(t: int, before: int, width: int, n: int, s: int) -> tf.keras.Sequential:
    bottleneck = tf.keras.Sequential()
    for i in range(n):
        block = BottleNeck(width, width, t, 1) if i else BottleNeck(before, width, t, s)
        bottleneck.add(block)
    return bottleneck


class MobileNet_V2(tf.keras.Model):  # noqa: N801
    """The MobileNet V2 of Basic_CNNs_TensorFlow2, which normalizes in its blocks alone."""

    def __init__(self, classes: int):
        super().__init__()
        layers = tf.keras.layers
        self.conv1 = layers.Conv2D(32, (3, 3), 2, 'same')
        self.bottleneck_1 = _bottlenecks(1, 32, 16, 1, 1)
        self.bottleneck_2 = _bottlenecks(6, 16, 24, 2, 2)
        self.bottleneck_3 = _bottlenecks(6, 24, 32, 3, 2)
        self.bottleneck_4 = _bottlenecks(6, 32, 64, 4, 2)
        self.bottleneck_5 = _bottlenecks(6, 64, 96, 3, 1)
        self.bottleneck_6 = _bottlenecks(6, 96, 160, 3, 2)
        self.bottleneck_7 = _bottlenecks(6, 160, 320, 1, 1)
        self.conv2 = layers.Conv2D(1280, (1, 1), 1, 'same')
        self.avgpool = layers.AveragePooling2D((7, 7))
        self.conv3 = layers.Conv2D(classes, (1, 1), 1, 'same', activation=tf.keras.activations.softmax)

    def stages(self) -> list[tf.keras.Sequential]:
        return [getattr(self, f'bottleneck_{number}') for number in range(1, 8)]

    def call(self, inputs, training=None, mask=None):
        x = self.conv1(inputs)
        for stage in self.stages():
            x = stage(x, training=training)
        return self.conv3(self.avgpool(self.conv2(x)))


def mobilenet_v2() -> Pair:
    """tensorflow/models' slim's MobileNet V2 with averages, and calmiLovesAI/Basic_CNNs_TensorFlow2's of 10 classes.

    The convolutions of the new one have biases; it expands in its first block too, and does not normalize before and
    after its blocks. The slots are those of slim's training, which is not verified of a published checkpoint.
    """
    tf.keras.backend.clear_session()
    model, rows, root = MobileNet_V2(10), Rows(), 'MobilenetV2'
    model(tf.keras.Input([224, 224, 3]))

    def unit(conv: Any, norm: Any, source: str, role: str = 'kernel') -> None:
        rows.layer(conv, f'{root}/{source}', [role], **WEIGHTS)
        rows.layer(norm, f'{root}/{source}/BatchNorm', STATISTICS)

    rows.layer(model.conv1, f'{root}/Conv', ['kernel'], **WEIGHTS)
    rows.layer(model.conv2, f'{root}/Conv_1', ['kernel'], **WEIGHTS)
    blocks = [block for stage in model.stages() for block in stage.layers]
    for number, block in enumerate(blocks):
        at = f'expanded_conv_{number}' if number else 'expanded_conv'
        if number:
            unit(block.conv1, block.bn1, f'{at}/expand')
        unit(block.dwconv, block.bn2, f'{at}/depthwise', 'depthwise_kernel')
        unit(block.conv2, block.bn3, f'{at}/project')
    others = {
        f'{root}/{scope}/BatchNorm/{role}': (width,)
        for scope, width in (('Conv', 32), ('Conv_1', 1280))
        for role in STATISTICS
    }
    at = f'{root}/Logits/Conv2d_1c_1x1'
    others |= {f'{at}/weights': (1, 1, 1280, 1001), f'{at}/biases': (1001,)}
    return with_averages(rows.pair(others, model=model), 'RMSProp', 'RMSProp_1')


def resnet_v2() -> Pair:
    """tensorflow/models' slim's ResNet-50 V2 as it is trained, and keras-team/keras-cv's ResNetV2Backbone.

    The new one has no classes. Some convolutions of both have biases instead of norms.
    """
    tf.keras.backend.clear_session()
    layers, rows, root = tf.keras.layers, Rows(), 'resnet_v2_50'

    def conv(x: Any, width: int, size: int, name: str, source: str, bias: bool, stride: int = 1) -> Any:
        options = {'padding': 'same', 'use_bias': bias, 'name': f'{name}_conv'}
        layer = layers.Conv2D(width, size, strides=stride, **options)
        x = layer(x)
        rows.layer(layer, f'{root}/{source}', ('kernel', 'bias') if bias else ('kernel',), **WEIGHTS)
        return x

    def norm(x: Any, name: str, source: str) -> Any:
        layer = layers.BatchNormalization(axis=3, epsilon=1.001e-5, name=f'{name}_bn')
        x = layer(x)
        rows.layer(layer, f'{root}/{source}', STATISTICS)
        return layers.Activation('relu', name=f'{name}_relu')(x)

    def block(x: Any, width: int, stride: int, name: str, source: str, first: bool) -> Any:
        active = norm(x, f'{name}_use_preactivation', f'{source}/preact')
        if first:
            shortcut = conv(active, 4 * width, 1, f'{name}_0', f'{source}/shortcut', True, stride)
        elif stride > 1:
            shortcut = layers.MaxPooling2D(1, strides=stride, name=f'{name}_0_max_pooling')(x)
        else:
            shortcut = x
        x = conv(active, width, 1, f'{name}_1', f'{source}/conv1', False)
        x = norm(x, f'{name}_1', f'{source}/conv1/BatchNorm')
        x = conv(x, width, 3, f'{name}_2', f'{source}/conv2', False, stride)
        x = norm(x, f'{name}_2', f'{source}/conv2/BatchNorm')
        x = conv(x, 4 * width, 1, f'{name}_3', f'{source}/conv3', True)
        return layers.Add(name=f'{name}_out')([shortcut, x])

    inputs = layers.Input([None, None, 3])
    x = conv(layers.Rescaling(1 / 255.0)(inputs), 64, 7, 'conv1', 'conv1', True, 2)
    x = layers.MaxPooling2D(3, strides=2, padding='same', name='pool1_pool')(x)
    for stack, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for number in range(1, count + 1):
            stride = 2 if stack and number == count else 1
            source = f'block{stack + 1}/unit_{number}/bottleneck_v2'
            x = block(x, width, stride, f'v2_stack_{stack}_block{number}', source, number == 1)
    x = norm(x, 'post', 'postnorm')
    others = {f'{root}/logits/weights': (1, 1, 2048, 1001), f'{root}/logits/biases': (1001,)}
    pair = rows.pair(others, model=tf.keras.Model(inputs, x))
    return with_slots(pair, 'Momentum', others={'global_step': ()})
