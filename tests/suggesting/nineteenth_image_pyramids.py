"""A pair of networks that detect objects by pyramids of features, for the nineteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import with_averages

_layers = tf.keras.layers

_WIDTH, _TRUNK = 64, 'efficientnet-b0'
# The factor of expansion, the width, the size of the kernels, the stride and the count of each group of blocks.
_BLOCKS = (
    (1, 16, 3, 1, 1),
    (6, 24, 3, 2, 2),
    (6, 40, 5, 2, 2),
    (6, 80, 3, 2, 3),
    (6, 112, 5, 1, 3),
    (6, 192, 5, 2, 4),
    (6, 320, 3, 1, 1),
)
# What each node of a cell takes: numbers of the cell's inputs, and of the nodes before it.
_NODES = ((3, 4), (2, 5), (1, 6), (0, 7), (1, 7, 8), (2, 6, 9), (3, 5, 10), (4, 11))
_LEVELS = (3, 2, 1, 0, 1, 2, 3, 4)


def _norm(name: str = 'tpu_batch_normalization') -> Any:
    return _layers.BatchNormalization(name=name)


def _conv(width: int, size: int = 1, stride: int = 1, bias: bool = False, name: str = 'conv2d') -> Any:
    return _layers.Conv2D(width, size, stride, 'same', use_bias=bias, name=name)


def _separable(width: int, name: str) -> Any:
    return _layers.SeparableConv2D(width, 3, padding='same', name=name)


class _SE(_layers.Layer):
    def __init__(self, narrow: int, width: int):
        super().__init__(name='se')
        self._se_reduce = _conv(narrow, bias=True)
        self._se_expand = _conv(width, bias=True, name='conv2d_1')

    def call(self, inputs):
        x = tf.reduce_mean(inputs, [1, 2], keepdims=True)
        return tf.sigmoid(self._se_expand(tf.nn.swish(self._se_reduce(x)))) * inputs


class _MBConvBlock(_layers.Layer):
    def __init__(self, x: int, row: tuple[int, int, int, int, int], name: str):
        super().__init__(name=name)
        factor, width, size, stride, _ = row
        norm = 'tpu_batch_normalization'
        self._expand_conv = self._bn0 = None
        if factor > 1:
            self._expand_conv, self._bn0 = _conv(factor * x), _norm()
        later = '_1' if factor > 1 else ''
        self._depthwise_conv = _layers.DepthwiseConv2D(
            size, stride, 'same', use_bias=False, name='depthwise_conv2d'
        )
        self._bn1 = _norm(f'{norm}{later}')
        self._se = _SE(max(1, x // 4), factor * x)
        self._project_conv = _conv(width, name=f'conv2d{later}')
        self._bn2 = _norm(f'{norm}_{2 if factor > 1 else 1}')

    def call(self, inputs):
        x = tf.nn.swish(self._bn0(self._expand_conv(inputs))) if self._expand_conv else inputs
        x = self._se(tf.nn.swish(self._bn1(self._depthwise_conv(x))))
        x = self._bn2(self._project_conv(x))
        return x + inputs if x.shape == inputs.shape else x


class _Stem(_layers.Layer):
    def __init__(self):
        super().__init__(name='stem')
        self._conv_stem, self._bn = _conv(32, 3, 2), _norm()

    def call(self, inputs):
        return tf.nn.swish(self._bn(self._conv_stem(inputs)))


class _Trunk(tf.keras.Model):
    """The EfficientNet, whose head is not called."""

    def __init__(self):
        super().__init__(name=_TRUNK)
        self._blocks, x = [], 32
        self._stem = _Stem()
        for factor, width, size, stride, count in _BLOCKS:
            for number in range(count):
                row = factor, width, size, 1 if number else stride, count
                self._blocks.append(_MBConvBlock(x, row, f'blocks_{len(self._blocks)}'))
                x = width

    def call(self, inputs):
        x, made = self._stem(inputs), []
        for block in self._blocks:
            x = block(x)
            made.append(x)
        return [made[number] for number in (4, 10, 15)]


class _ResampleFeatureMap(_layers.Layer):
    def __init__(self, name: str):
        super().__init__(name=name)
        self.conv2d, self.bn = _conv(_WIDTH, bias=True), _norm('bn')

    def call(self, inputs, extent=None):
        x = self.bn(self.conv2d(inputs)) if inputs.shape[-1] != _WIDTH else inputs
        extent = extent or (x.shape[1] + 1) // 2
        return x if extent == x.shape[1] else tf.image.resize(x, [extent, extent], 'nearest')


class _OpAfterCombine(_layers.Layer):
    def __init__(self, name: str):
        super().__init__(name=name)
        self.conv_op, self.bn = _separable(_WIDTH, 'conv'), _norm('bn')

    def call(self, inputs):
        return self.bn(self.conv_op(tf.nn.swish(inputs)))


class _FNode(_layers.Layer):
    def __init__(self, number: int):
        super().__init__(name=f'fnode{number}')
        self.offsets, self._level, self._count = _NODES[number], _LEVELS[number], number + 5
        self.resample_layers, self.vars = [], []

    def build(self, input_shape):
        for number, offset in enumerate(self.offsets):
            self.resample_layers.append(_ResampleFeatureMap(f'resample_{number}_{offset}_{self._count}'))
        for number, _ in enumerate(self.offsets):
            name = f'WSM_{number}' if number else 'WSM'
            self.vars.append(self.add_weight(initializer='ones', name=name))
        self.op_after_combine = _OpAfterCombine(f'op_after_combine{self._count}')
        super().build(input_shape)

    def call(self, feats):
        extent = feats[self._level].shape[1]
        parts = zip(self.resample_layers, self.offsets, self.vars, strict=True)
        x = tf.add_n([resample(feats[offset], extent) * weight for resample, offset, weight in parts])
        return [*feats, self.op_after_combine(x)]


class _FPNCell(_layers.Layer):
    def __init__(self, name: str):
        super().__init__(name=name)
        self.fnodes = [_FNode(number) for number in range(len(_NODES))]

    def call(self, feats):
        for node in self.fnodes:
            feats = node(feats)
        return feats[-5:]


class _FPNCells(_layers.Layer):
    def __init__(self):
        super().__init__(name='fpn_cells')
        self.cells = [_FPNCell(f'cell_{number}') for number in range(3)]

    def call(self, feats):
        for cell in self.cells:
            feats = cell(feats)
        return feats


class _Net(_layers.Layer):
    """ClassNet or BoxNet, which has norms of its own for each level."""

    def __init__(self, kind: str, attribute: str, outputs: int):
        super().__init__(name=f'{kind}_net')
        self.conv_ops, self.bns, self.attribute = [], [], attribute
        for number in range(3):
            self.conv_ops.append(_separable(_WIDTH, f'{kind}-{number}'))
            self.bns.append([_norm(f'{kind}-{number}-bn-{level}') for level in range(3, 8)])
        setattr(self, attribute, _separable(outputs, f'{kind}-predict'))

    def call(self, inputs):
        made = []
        for level, x in enumerate(inputs):
            for layer, norms in zip(self.conv_ops, self.bns, strict=True):
                x = tf.nn.swish(norms[level](layer(x)))
            made.append(getattr(self, self.attribute)(x))
        return made


class _EfficientDetNet(tf.keras.Model):
    def __init__(self):
        super().__init__(name='')
        self.backbone = _Trunk()
        self.resample_layers = [_ResampleFeatureMap(f'resample_p{level}') for level in (6, 7)]
        self.fpn_cells = _FPNCells()
        self.class_net = _Net('class', 'classes', 9 * 90)
        self.box_net = _Net('box', 'boxes', 9 * 4)

    def call(self, inputs):
        feats = self.backbone(inputs)
        for layer in self.resample_layers:
            feats = [*feats, layer(feats[-1])]
        feats = self.fpn_cells(feats)
        return self.class_net(feats), self.box_net(feats)


class _Noted:
    """Notes the names of automl's EfficientDet of TF1, whose layers are in the same scopes."""

    def __init__(self):
        self.rows = Rows()

    def pair(self, layer: Any, norm: Any, source: str, *ends: str) -> None:
        """A convolution and its norm, by the ends of their names."""
        self.rows.layer(layer, f'{source}/{ends[0]}', [v.name.split('/')[-1][:-2] for v in layer.weights])
        self.rows.layer(norm, f'{source}/{ends[1]}', STATISTICS)

    def block(self, block: Any, source: str) -> None:
        norm, later = 'tpu_batch_normalization', '_1' if block._bn0 else ''
        if block._bn0:
            self.pair(block._expand_conv, block._bn0, source, 'conv2d', norm)
        self.pair(block._depthwise_conv, block._bn1, source, 'depthwise_conv2d', f'{norm}{later}')
        self.rows.layer(block._se._se_reduce, f'{source}/se/conv2d')
        self.rows.layer(block._se._se_expand, f'{source}/se/conv2d_1')
        last = f'{norm}_{2 if block._bn0 else 1}'
        self.pair(block._project_conv, block._bn2, source, f'conv2d{later}', last)

    def resample(self, layer: Any, source: str) -> None:
        if layer.conv2d.built:
            self.pair(layer.conv2d, layer.bn, f'{source}/{layer.name}', 'conv2d', 'bn')

    def node(self, node: Any, source: str) -> None:
        for number, weight in enumerate(node.vars):
            self.rows.add(weight, f'{source}/WSM_{number}' if number else f'{source}/WSM')
            self.resample(node.resample_layers[number], source)
        last = node.op_after_combine
        self.pair(last.conv_op, last.bn, f'{source}/{last.name}', 'conv', 'bn')

    def net(self, net: Any) -> None:
        roles, predict = ('depthwise_kernel', 'pointwise_kernel', 'bias'), getattr(net, net.attribute)
        for layer, norms in zip(net.conv_ops, net.bns, strict=True):
            self.rows.layer(layer, f'{net.name}/{layer.name}', roles)
            for norm in norms:
                self.rows.layer(norm, f'{net.name}/{norm.name}', STATISTICS)
        self.rows.layer(predict, f'{net.name}/{predict.name}', roles)


def efficient_det() -> Pair:
    """google/automl's EfficientDet-D0 for COCO under TF1 as it is trained, with averages, and its own in Keras.

    The latter is the EfficientDetNet of efficientdet/keras, whose own name is empty for the sake of old
    checkpoints. The names of the old variables are those of an earlier pair with the same network. Images are
    resized here by what has no variables, as the pools of the new one have none; its head for classes of images,
    which it does not call, is left out.
    """
    tf.keras.backend.clear_session()
    model, noted = _EfficientDetNet(), _Noted()
    model(tf.zeros([1, 128, 128, 3]))
    stem = model.backbone._stem
    noted.pair(stem._conv_stem, stem._bn, f'{_TRUNK}/stem', 'conv2d', 'tpu_batch_normalization')
    for number, block in enumerate(model.backbone._blocks):
        noted.block(block, f'{_TRUNK}/blocks_{number}')
    noted.rows.layer(model.resample_layers[0].conv2d, 'resample_p6/conv2d')
    noted.rows.layer(model.resample_layers[0].bn, 'resample_p6/bn', STATISTICS)
    for cell in model.fpn_cells.cells:
        for node in cell.fnodes:
            noted.node(node, f'fpn_cells/{cell.name}/{node.name}')
    noted.net(model.class_net)
    noted.net(model.box_net)
    return with_averages(noted.rows.pair(model=model), 'Momentum')
