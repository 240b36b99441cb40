"""Pairs of networks that classify images, for a fourth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.architectures import efficientnet
from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair, files

_ALL = '(?!)'


class _Names:
    """Collects the names of convolutions and norms of two networks, and the shapes both share."""

    def __init__(self, old: str, new: str):
        self.answer: dict[str, Any] = {}
        self._old, self._new = old, new

    def conv(self, old: str, new: str, size: int, x: int, y: int) -> int:
        """A convolution that slim normalizes. Returns how many channels it has."""
        a, b = f'{self._old}/{old}', f'{self._new}/{new}'
        self.answer[f'{a}/weights'] = f'{b}/convolution/kernel', (size, size, x, y), None
        for role in STATISTICS:
            self.answer[f'{a}/BatchNorm/{role}'] = f'{b}/normalization/{role}', (y,), None
        return y


def hugging_face_resnet() -> Pair:
    """slim's ResNet-50 V1, narrow, as it is trained, and the names of huggingface/transformers' for 10 classes."""
    root = 'tf_res_net_for_image_classification'
    net, x = _Names('resnet_v1_50', f'{root}/resnet'), 8
    net.conv('conv1', 'embedder/embedder', 7, 3, x)
    for block, (count, width) in enumerate(((3, 8), (4, 16), (6, 32), (3, 64)), 1):
        for unit in range(count):
            old = f'block{block}/unit_{unit + 1}/bottleneck_v1'
            new = f'encoder/stages.{block - 1}/layers.{unit}'
            if not unit:
                net.conv(f'{old}/shortcut', f'{new}/shortcut', 1, x, 4 * width)
            for n, (size, y) in enumerate(((1, width), (3, width), (1, 4 * width))):
                x = net.conv(f'{old}/conv{n + 1}', f'{new}/layer.{n}', size, x, y)
    old = {'resnet_v1_50/logits/weights': (1, 1, x, 1000), 'resnet_v1_50/logits/biases': (1000,)}
    new = {f'{root}/classifier.1/kernel': (x, 10), f'{root}/classifier.1/bias': (10,)}
    steps = {'global_step': (), 'resnet_v1_50/mean_rgb': (3,)}
    return with_slots(files(net.answer, old, new), 'Momentum', others=steps)


def _counted(name: str, number: int) -> str:
    return f'{name}_{number}' if number else name


def _inception_scopes() -> list[str]:
    """The scopes of research/inception's convolutions, in the order in which Keras Applications makes them."""
    scopes = [f'conv{n}' for n in range(5)]

    def block(name: str, **counts: int) -> None:
        for branch, count in counts.items():
            scopes.extend(f'mixed_{name}/{branch}/{_counted("Conv", n)}' for n in range(count))

    for name in ('35x35x256a', '35x35x288a', '35x35x288b'):
        block(name, branch1x1=1, branch5x5=2, branch3x3dbl=3, branch_pool=1)
    block('17x17x768a', branch3x3=1, branch3x3dbl=3)
    for letter in 'bcde':
        block(f'17x17x768{letter}', branch1x1=1, branch7x7=3, branch7x7dbl=5, branch_pool=1)
    block('17x17x1280a', branch3x3=2, branch7x7x3=4)
    for letter in 'ab':
        block(f'8x8x2048{letter}', branch1x1=1, branch3x3=3, branch3x3dbl=4, branch_pool=1)
    return scopes


def first_inception_v3() -> Pair:
    """tensorflow/models' research/inception of 2016 with averages, and the names of Keras Applications' layers.

    The old one has 1,001 classes, and a head beside.
    """
    tf.keras.backend.clear_session()
    model, answer, norm = tf.keras.applications.InceptionV3(weights=None), {}, STATISTICS[1:]
    for n, scope in enumerate(_inception_scopes()):
        name = _counted('conv2d', n)
        shape = tuple(model.get_layer(name).kernel.shape)
        answer[f'{scope}/weights'] = f'{name}/kernel', shape, None
        for role in norm:
            target = f'{_counted("batch_normalization", n)}/{role}'
            answer[f'{scope}/BatchNorm/{role}'] = target, shape[-1:], None
    old = {'logits/logits/weights': (2048, 1001), 'logits/logits/biases': (1001,)}
    for scope, shape in (('proj', (1, 1, 768, 128)), ('Conv', (5, 5, 128, 768))):
        old[f'aux_logits/{scope}/weights'] = shape
        old |= {f'aux_logits/{scope}/BatchNorm/{role}': shape[-1:] for role in norm}
    old |= {'aux_logits/FC/weights': (768, 1001), 'aux_logits/FC/biases': (1001,)}
    new = {'predictions/kernel': (2048, 1000), 'predictions/bias': (1000,)}
    pair = with_slots(files(answer, old, new), 'ExponentialMovingAverage', but=_ALL)
    average = 'ExponentialMovingAverage$|moving_'
    return with_slots(pair, 'RMSProp', 'RMSProp_1', but=average, others={'global_step': ()})


_BLOCK = {
    'expand_conv': 'conv_pw',
    'expand_bn': 'bn1',
    'dwconv': 'conv_dw',
    'bn': 'bn2',
    'se_reduce': 'se/conv_reduce',
    'se_expand': 'se/conv_expand',
    'project_conv': 'conv_pwl',
    'project_bn': 'bn3',
}
_FIRST_BLOCK = {**_BLOCK, 'bn': 'bn1', 'project_conv': 'conv_pw', 'project_bn': 'bn2'}
_AROUND = {'stem_conv': 'conv_stem', 'stem_bn': 'bn1', 'top_conv': 'conv_head', 'top_bn': 'bn2'}


def timm_efficientnet() -> Pair:
    """tensorflow/tpu's EfficientNet-B0 with averages, and the names of martinsbruveris/tensorflow-image-models'.

    Those are timm's; the new one has 10 classes. What Keras Applications calls each layer of the old one is known from
    `efficientnet`.
    """
    tf.keras.backend.clear_session()
    pair, answer, others = efficientnet(), {}, {}
    for target, source in pair.sources.items():
        name, _, role = target.rpartition('/')
        shape = pair.shapes[source]
        if name == 'predictions':
            others[source] = shape
            continue
        new = _AROUND.get(name)
        if not new:
            block, part = name.removeprefix('block').split('_', 1)
            parts = _FIRST_BLOCK if block == '1a' else _BLOCK
            new = f'blocks.{int(block[0]) - 1}.{"abcd".index(block[1])}/{parts[part]}'
        answer[source] = f'efficientnet_b0/{new}/{role}', shape, None
    new = {f'efficientnet_b0/classifier/{role}': s for role, s in (('kernel', (1280, 10)), ('bias', (10,)))}
    pair = with_slots(files(answer, others, new), 'ExponentialMovingAverage', but=_ALL)
    average = 'ExponentialMovingAverage$|moving_'
    return with_slots(pair, 'RMSProp', 'RMSProp_1', but=average, others={'global_step': ()})


class Conv2DBNBlock(tf.keras.layers.Layer):
    """The block of the Model Garden, which makes its layers when it is built; Keras numbers it by its class."""

    def __init__(self, width: int, stride: int):
        super().__init__()
        self._sizes = width, stride

    def build(self, shape):
        width, stride = self._sizes
        self._conv0 = tf.keras.layers.Conv2D(width, 3, stride, 'same', use_bias=False)
        self._norm0 = tf.keras.layers.BatchNormalization()

    def call(self, x):
        return tf.nn.relu6(self._norm0(self._conv0(x)))


class DepthwiseSeparableConvBlock(tf.keras.layers.Layer):
    """The block of the Model Garden of that name."""

    def __init__(self, width: int, stride: int):
        super().__init__()
        self._sizes = width, stride

    def build(self, shape):
        layers, (width, stride) = tf.keras.layers, self._sizes
        self._dwconv0 = layers.DepthwiseConv2D(3, stride, 'same', use_bias=False)
        self._norm0 = layers.BatchNormalization()
        self._conv1 = layers.Conv2D(width, 1, padding='same', use_bias=False)
        self._norm1 = layers.BatchNormalization()

    def call(self, x):
        x = tf.nn.relu6(self._norm0(self._dwconv0(x)))
        return tf.nn.relu6(self._norm1(self._conv1(x)))


def model_garden_mobilenet() -> Pair:
    """slim's MobileNet V1 of a quarter of the width with averages, and the backbone of tensorflow/models' official.

    The blocks of the new one make their layers when they are built; it has no head.
    """
    tf.keras.backend.clear_session()
    rows, x = Rows(), 8
    first = Conv2DBNBlock(x, 2)
    y = first(inputs := tf.keras.layers.Input([128, 128, 3]))
    old = 'MobilenetV1'
    rows.add(first._conv0.kernel, f'{old}/Conv2d_0/weights')
    rows.layer(first._norm0, f'{old}/Conv2d_0/BatchNorm', STATISTICS)
    widths = (64, 128, 128, 256, 256, *[512] * 6, 1024, 1024)
    for n, width in enumerate(widths, 1):
        block = DepthwiseSeparableConvBlock(width // 4, 2 if n in (2, 4, 6, 12) else 1)
        y = block(y)
        at = f'{old}/Conv2d_{n}'
        rows.add(block._dwconv0.depthwise_kernel, f'{at}_depthwise/depthwise_weights')
        rows.layer(block._norm0, f'{at}_depthwise/BatchNorm', STATISTICS)
        rows.add(block._conv1.kernel, f'{at}_pointwise/weights')
        rows.layer(block._norm1, f'{at}_pointwise/BatchNorm', STATISTICS)
    others = {
        f'{old}/Logits/Conv2d_1c_1x1/weights': (1, 1, 256, 1001),
        f'{old}/Logits/Conv2d_1c_1x1/biases': (1001,),
    }
    pair = rows.pair(others, backbone=tf.keras.Model(inputs, y))
    pair = with_slots(pair, 'ExponentialMovingAverage', but=_ALL)
    average = 'ExponentialMovingAverage$|moving_'
    return with_slots(pair, 'RMSProp', 'RMSProp_1', but=average, others={'global_step': ()})
