"""Pairs of residual networks whose new layers have Caffe's names, for a sixth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_TENSORPACK = {'moving_mean': 'mean/EMA', 'moving_variance': 'variance/EMA'}
_COUNTS = (3, 4, 6, 3)
_WIDTH = 16


class _CaffeResNet:
    """Builds ResNet-50, a quarter of the width, with the names of Keras before 2.3; `note` notes the sources."""

    def __init__(self, use_bias: bool):
        self.rows, self._use_bias = Rows(), use_bias

    def note(self, conv: Any, norm: Any, stage: int, block: int, part: int) -> None:
        """Notes the sources of a convolution and of its norm. Part 0 is the shortcut; stage 1 is one convolution."""
        raise NotImplementedError

    def unit(self, x: Any, stage: int, block: int, part: int, width: int, size: int, stride: int = 1) -> Any:
        layers, at = tf.keras.layers, f'{stage}{"abcdef"[block]}_branch'
        end = f'2{"abc"[part - 1]}' if part else '1'
        names = ('conv1', 'bn_conv1') if stage == 1 else (f'res{at}{end}', f'bn{at}{end}')
        conv = layers.Conv2D(width, size, stride, 'same', use_bias=self._use_bias, name=names[0])
        norm = layers.BatchNormalization(name=names[1])
        x = norm(conv(x))
        self.note(conv, norm, stage, block, part)
        return x

    def stages(self, x: Any) -> list[Any]:
        """Returns what each of the four stages gives."""
        layers, features = tf.keras.layers, []
        x = layers.Activation('relu')(self.unit(x, 1, 0, 0, _WIDTH, 7, 2))
        x = layers.MaxPooling2D(3, 2, 'same')(x)
        for stage, count in enumerate(_COUNTS, 2):
            width = _WIDTH * 2 ** (stage - 2)
            for block in range(count):
                stride = 2 if stage > 2 and not block else 1
                y = layers.Activation('relu')(self.unit(x, stage, block, 1, width, 1))
                y = layers.Activation('relu')(self.unit(y, stage, block, 2, width, 3, stride))
                y = self.unit(y, stage, block, 3, 4 * width, 1)
                if not block:
                    x = self.unit(x, stage, block, 0, 4 * width, 1, stride)
                x = layers.Activation('relu')(layers.Add()([y, x]))
            features.append(x)
        return features


class _OfTensorpack(_CaffeResNet):
    """Notes tensorpack's names."""

    def note(self, conv: Any, norm: Any, stage: int, block: int, part: int) -> None:
        name = f'conv{part}' if part else 'convshortcut'
        at = 'conv0' if stage == 1 else f'group{stage - 2}/block{block}/{name}'
        self.rows.add(conv.kernel, f'{at}/W')
        self.rows.layer(norm, f'{at}/bn', STATISTICS, **_TENSORPACK)


def tensorpack_resnet() -> Pair:
    """tensorpack/tensorpack's ResNet-50 as it is trained, narrow, and tensorflow/models' official/legacy one in Keras.

    Both have 1000 classes, and neither has biases before norms.
    """
    tf.keras.backend.clear_session()
    net, layers = _OfTensorpack(use_bias=False), tf.keras.layers
    inputs = layers.Input([64, 64, 3])
    x = layers.GlobalAveragePooling2D()(net.stages(inputs)[-1])
    logits = layers.Dense(1000, name='fc1000')
    model = tf.keras.Model(inputs, layers.Activation('softmax')(logits(x)), name='resnet50')
    net.rows.layer(logits, 'linear', kernel='W', bias='b')
    others = {'learning_rate': (), 'global_step': ()}
    return with_slots(net.rows.pair(others, model=model), 'Momentum', but=r'EMA$|_step|_rate')


class _OfSlim(_CaffeResNet):
    """Notes slim's names."""

    def note(self, conv: Any, norm: Any, stage: int, block: int, part: int) -> None:
        name = f'conv{part}' if part else 'shortcut'
        at = 'conv1' if stage == 1 else f'block{stage - 1}/unit_{block + 1}/bottleneck_v1/{name}'
        self.rows.layer(conv, f'resnet_v1_50/{at}', ['kernel'], kernel='weights')
        self.rows.layer(norm, f'resnet_v1_50/{at}/BatchNorm', STATISTICS)


def east() -> Pair:
    """argman/EAST as it is trained, with averages, narrow, and janzd/EAST, whose backbone is that of Keras 2.2.

    The convolutions of the new one have biases, and those that fuse features have no names. The old one, whose blocks
    halve the resolution at their ends, fuses features of fewer channels.
    """
    tf.keras.backend.clear_session()
    net, layers, scope = _OfSlim(use_bias=True), tf.keras.layers, 'feature_fusion'
    count, others = 0, {}

    def source() -> str:
        nonlocal count
        count += 1
        return f'{scope}/Conv_{count - 1}' if count > 1 else f'{scope}/Conv'

    def unit(x: Any, width: int, size: int, old: int = 0) -> Any:
        conv, norm, at = layers.Conv2D(width, size, padding='same'), layers.BatchNormalization(), source()
        x = norm(conv(x))
        if old:
            others[f'{at}/weights'] = (size, size, old, width)
        else:
            net.rows.layer(conv, at, ['kernel'], kernel='weights')
        net.rows.layer(norm, f'{at}/BatchNorm', STATISTICS)
        return layers.Activation('relu')(x)

    image = layers.Input([128, 128, 3], name='input_image')
    *features, x = net.stages(image)
    # The old one fuses the outputs of its second and its first block, and of the pooling before them.
    widths = zip((32, 16, 8), (128, 64, _WIDTH), reversed(features), strict=True)
    for n, (width, old, feature) in enumerate(widths, 1):
        old += x.shape[-1]
        x = layers.UpSampling2D(interpolation='bilinear', name=f'resize_{n}')(x)
        x = unit(unit(layers.Concatenate()([x, feature]), width, 1, old), width, 3)
    x = unit(x, 8, 3)
    outputs = []
    for name, width in (('pred_score_map', 1), ('rbox_geo_map', 4), ('rbox_angle_map', 1)):
        layer = layers.Conv2D(width, 1, activation='sigmoid', name=name)
        outputs.append(layer(x))
        net.rows.layer(layer, source(), kernel='weights', bias='biases')
    model = tf.keras.Model(image, outputs)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(
        net.rows.pair(others, model=model), 'Adam', 'Adam_1', 'ExponentialMovingAverage', others=steps
    )
