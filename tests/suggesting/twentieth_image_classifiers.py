"""Pairs of networks that classify images, for the twentieth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import WEIGHTS, with_averages

_layers = tf.keras.layers


class Conv2d(_layers.Layer):
    """The convolution of tf2cv, of which one of two kinds is made."""

    def __init__(self, width: int, size: int, stride: int, depthwise: bool, name: str):
        super().__init__(name=name)
        self.use_pad, self.use_conv = size > 1, not depthwise
        if self.use_pad:
            self.pad = _layers.ZeroPadding2D(padding=(size // 2, size // 2))
        options = {'strides': stride, 'padding': 'valid', 'use_bias': False}
        if depthwise:
            self.dw_conv = _layers.DepthwiseConv2D(size, name='dw_conv', **options)
        else:
            self.conv = _layers.Conv2D(width, size, name='conv', **options)

    def call(self, x):
        x = self.pad(x) if self.use_pad else x
        return self.conv(x) if self.use_conv else self.dw_conv(x)


class NormedConv(_layers.Layer):
    """The block of tf2cv of a convolution, its norm and its activation."""

    def __init__(self, width: int, size: int, name: str, stride: int = 1, depthwise: bool = False):
        super().__init__(name=name)
        self.conv = Conv2d(width, size, stride, depthwise, name='conv')
        self.bn = _layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name='bn')
        self.activ = _layers.ReLU()

    def call(self, x, training=None):
        return self.activ(self.bn(self.conv(x), training=training))


class DwsConvBlock(_layers.Layer):
    """The unit of tf2cv's MobileNet."""

    def __init__(self, before: int, width: int, strides: int, name: str):
        super().__init__(name=name)
        self.dw_conv = NormedConv(before, 3, name='dw_conv', stride=strides, depthwise=True)
        self.pw_conv = NormedConv(width, 1, name='pw_conv')

    def call(self, x, training=None):
        return self.pw_conv(self.dw_conv(x, training=training), training=training)


class MobileNet(tf.keras.Model):
    """The MobileNet of tf2cv."""

    def __init__(self, *widths: list[int]):
        super().__init__()
        self.features = tf.keras.Sequential(name='features')
        self.features.add(NormedConv(32, 3, name='init_block', stride=2))
        before = 32
        for i, row in enumerate(widths):
            stage = tf.keras.Sequential(name=f'stage{i + 1}')
            for j, width in enumerate(row):
                stage.add(DwsConvBlock(before, width, 2 if i and not j else 1, name=f'unit{j + 1}'))
                before = width
            self.features.add(stage)
        self.features.add(_layers.AveragePooling2D(pool_size=7, strides=1, name='final_pool'))
        self.output1 = _layers.Dense(units=1000, name='output1')

    def call(self, x, training=None):
        x = tf.transpose(self.features(x, training=training), perm=(0, 3, 1, 2))
        return self.output1(tf.reshape(x, (-1, 1024)))


def mobilenet_v1() -> Pair:
    """tensorflow/models' slim's MobileNet V1 with averages, and osmr/imgclsmob's mobilenet_w1 of tf2cv.

    The old one has a class more. How the new block calls its norm was read of its users alone. Which averages the
    published checkpoint has is not verified.
    """
    tf.keras.backend.clear_session()
    model, rows, root = (
        MobileNet([64], [128, 128], [256, 256], [512] * 6, [1024, 1024]),
        Rows(),
        'MobilenetV1',
    )
    model(tf.keras.Input([224, 224, 3]))

    def unit(block: NormedConv, source: str) -> None:
        conv, at = block.conv, f'{root}/MobilenetV1/{source}'
        if conv.use_conv:
            rows.layer(conv.conv, at, ['kernel'], **WEIGHTS)
        else:
            rows.layer(conv.dw_conv, at, ['depthwise_kernel'], **WEIGHTS)
        rows.layer(block.bn, f'{at}/BatchNorm', STATISTICS)

    first, *stages, _ = model.features.layers
    unit(first, 'Conv2d_0')
    for number, block in enumerate((block for stage in stages for block in stage.layers), 1):
        unit(block.dw_conv, f'Conv2d_{number}_depthwise')
        unit(block.pw_conv, f'Conv2d_{number}_pointwise')
    at = f'{root}/Logits/Conv2d_1c_1x1'
    others = {f'{at}/weights': (1, 1, 1024, 1001), f'{at}/biases': (1001,)}
    return with_averages(rows.pair(others, model=model), 'RMSProp', 'RMSProp_1')


class ConvBlock(tf.keras.Model):
    """The block of tensorflow/examples' DenseNet, which makes its second convolution first."""

    def __init__(self, width: int):
        super().__init__()
        options = {'padding': 'same', 'use_bias': False}
        self.conv2 = _layers.Conv2D(width, (3, 3), **options)
        self.batchnorm1 = _layers.BatchNormalization(axis=-1)
        self.dropout = _layers.Dropout(0)
        self.conv1 = _layers.Conv2D(4 * width, (1, 1), **options)
        self.batchnorm2 = _layers.BatchNormalization(axis=-1)

    def call(self, x, training=True):
        x = self.conv1(tf.nn.relu(self.batchnorm1(x, training=training)))
        x = self.conv2(tf.nn.relu(self.batchnorm2(x, training=training)))
        return self.dropout(x, training=training)


class TransitionBlock(tf.keras.Model):
    """The transition of tensorflow/examples' DenseNet."""

    def __init__(self, width: int):
        super().__init__()
        self.batchnorm = _layers.BatchNormalization(axis=-1)
        self.conv = _layers.Conv2D(width, (1, 1), padding='same', use_bias=False)
        self.avg_pool = _layers.AveragePooling2D()

    def call(self, x, training=True):
        return self.avg_pool(self.conv(tf.nn.relu(self.batchnorm(x, training=training))))


class DenseBlock(tf.keras.Model):
    """The dense block of tensorflow/examples' DenseNet."""

    def __init__(self, count: int, growth_rate: int):
        super().__init__()
        self.blocks = [ConvBlock(growth_rate) for _ in range(count)]

    def call(self, x, training=True):
        for block in self.blocks:
            x = tf.concat([x, block(x, training=training)], axis=-1)
        return x


class DenseNet(tf.keras.Model):
    """The DenseNet of tensorflow/examples, which makes the norm after its blocks before them."""

    def __init__(self, counts: list[int], growth_rate: int, classes: int):
        super().__init__()
        width = 2 * growth_rate
        self.conv1 = _layers.Conv2D(width, (7, 7), strides=(2, 2), padding='same', use_bias=False)
        self.pool1 = _layers.MaxPooling2D((3, 3), strides=(2, 2), padding='same')
        self.batchnorm1 = _layers.BatchNormalization(axis=-1)
        self.batchnorm2 = _layers.BatchNormalization(axis=-1)
        self.dense_blocks, self.transition_blocks = [], []
        for number, count in enumerate(counts):
            self.dense_blocks.append(DenseBlock(count, growth_rate))
            if number + 1 < len(counts):
                width = (width + growth_rate * count) // 2
                self.transition_blocks.append(TransitionBlock(width))
        self.last_pool = _layers.GlobalAveragePooling2D()
        self.classifier = _layers.Dense(classes)

    def call(self, x, training=True):
        x = self.pool1(tf.nn.relu(self.batchnorm1(self.conv1(x), training=training)))
        for block, transition in zip(self.dense_blocks, self.transition_blocks, strict=False):
            x = transition(block(x, training=training), training=training)
        x = self.batchnorm2(self.dense_blocks[-1](x, training=training), training=training)
        return self.classifier(self.last_pool(tf.nn.relu(x)))


def densenet_121() -> Pair:
    """pudae/tensorflow-densenet's DenseNet-121 as it is trained, and tensorflow/examples' models/densenet.

    The new one's check of a list of layers, which refuses each, is left out. Both have 1000 classes, the new ones in a
    dense layer. That slim's script trained the old one is not verified.
    """
    tf.keras.backend.clear_session()
    model, rows, root = DenseNet([6, 12, 24, 16], 32, 1000), Rows(), 'densenet121'
    model(tf.keras.Input([224, 224, 3]))
    rows.layer(model.conv1, f'{root}/conv1', ['kernel'], **WEIGHTS)
    rows.layer(model.batchnorm1, f'{root}/BatchNorm', STATISTICS)
    units = {}
    for number, dense in enumerate(model.dense_blocks, 1):
        for place, block in enumerate(dense.blocks, 1):
            at = f'dense_block{number}/conv_block{place}'
            units[f'{at}/x1'] = block.batchnorm1, block.conv1
            units[f'{at}/x2'] = block.batchnorm2, block.conv2
    for number, block in enumerate(model.transition_blocks, 1):
        units[f'transition_block{number}/blk'] = block.batchnorm, block.conv
    for source, (norm, conv) in units.items():
        rows.layer(norm, f'{root}/{source}/BatchNorm', STATISTICS)
        rows.layer(conv, f'{root}/{source}/Conv', ['kernel'], **WEIGHTS)
    rows.layer(model.batchnorm2, f'{root}/final_block/BatchNorm', STATISTICS)
    rows.add(model.classifier.kernel, f'{root}/logits/weights', (1, 1, 1024, 1000))
    rows.add(model.classifier.bias, f'{root}/logits/biases')
    return with_slots(rows.pair(model=model), 'RMSProp', 'RMSProp_1', others={'global_step': ()})


def xception() -> Pair:
    """HiKapok/Xception_Tensorflow's model as it is published, and keras-team/keras-hub's XceptionBackbone.

    The old one was made of Keras's weights, and has no slots. It makes a shortcut before its block, the new one after
    it. The new one has no classes.
    """
    tf.keras.backend.clear_session()
    rows, shortcuts = Rows(), 0

    def noted(x: Any, layer: Any, norm: str, source: str, beside: str) -> Any:
        separable = isinstance(layer, _layers.SeparableConv2D)
        after, x = _layers.BatchNormalization(axis=-1, name=norm), layer(x)
        x = after(x)
        rows.layer(layer, source, ['depthwise_kernel', 'pointwise_kernel'] if separable else ['kernel'])
        rows.layer(after, beside, STATISTICS)
        return x

    filters = [[32, 64], [128, 128], [256, 256], [728, 728], *[[728] * 3] * 8, [728, 1024], [1536, 2048]]
    x = inputs = _layers.Input([None, None, 3])
    for block, widths in enumerate(filters, 1):
        residual, first, last = x, block == 1, block == len(filters)
        for number, width in enumerate(widths, 1):
            name = f'block{block}_{"conv" if first else "sepconv"}{number}'
            if not first and not last and (block, number) != (2, 1):
                x = _layers.Activation('relu', name=f'{name}_act')(x)
            if first:
                layer = _layers.Conv2D(width, (3, 3), strides=3 - number, use_bias=False, name=name)
            else:
                layer = _layers.SeparableConv2D(width, (3, 3), padding='same', use_bias=False, name=name)
            x = noted(x, layer, f'{name}_bn', name, f'{name}_bn')
            if first or last:
                x = _layers.Activation('relu', name=f'{name}_act')(x)
        if first or last:
            continue
        if len(widths) == 2:
            x = _layers.MaxPool2D((3, 3), strides=(2, 2), padding='same', name=f'block{block}_pool')(x)
            shortcuts, name = shortcuts + 1, f'block{block}_residual'
            options = {'strides': (2, 2), 'padding': 'same', 'use_bias': False}
            layer = _layers.Conv2D(x.shape[-1], (1, 1), name=f'{name}_conv', **options)
            sources = f'conv2d_{shortcuts}', f'batch_normalization_{shortcuts}'
            residual = noted(residual, layer, f'{name}_bn', *sources)
        x = _layers.Add(name=f'block{block}_residual_add')([x, residual])
    others = {'dense/kernel': (2048, 1000), 'dense/bias': (1000,)}
    return rows.pair(others, backbone=tf.keras.Model(inputs, x))


def vgg_16() -> Pair:
    """dgurkaynak/tensorflow-cnn-finetune's VggNetModel as it trains two layers, and 1297rohit/VGG16-In-Keras' model.

    Both are for images of 64x64 here, of 26 kinds and of cats and dogs. The latter was read as others keep it.
    """
    tf.keras.backend.clear_session()
    model, rows = tf.keras.Sequential(), Rows()
    model.add(_layers.Input([64, 64, 3]))
    for stack, (count, width) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for number in range(1, count + 1):
            layer = _layers.Conv2D(filters=width, kernel_size=(3, 3), padding='same', activation='relu')
            model.add(layer)
            rows.layer(layer, f'conv{stack}_{number}', **WEIGHTS)
        model.add(_layers.MaxPool2D(pool_size=(2, 2), strides=(2, 2)))
    model.add(_layers.Flatten())
    for source in ('fc6', 'fc7'):
        layer = _layers.Dense(units=4096, activation='relu')
        model.add(layer)
        rows.layer(layer, source, **WEIGHTS)
    model.add(_layers.Dense(units=2, activation='softmax'))
    others = {'fc8/weights': (4096, 26), 'fc8/biases': (26,)}
    powers = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', but='^conv|^fc6', others=powers)
