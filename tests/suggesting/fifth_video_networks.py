"""Pairs of networks that recognize what people do in videos, for a fifth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.architectures import INCEPTION_V1_WIDTHS
from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


def c3d() -> Pair:
    """hx173149/C3D-tensorflow for UCF-101 with averages, an eighth of the width, and axon-research/c3d-keras'.

    The new one has 487 classes. The old one flattens the channels first, so the rows of its first matrix are ordered
    otherwise.
    """
    tf.keras.backend.clear_session()
    layers, rows, scope = tf.keras.layers, Rows(), 'var_name'
    model = tf.keras.Sequential([layers.Input([16, 112, 112, 3])])

    def add(layer: Any, letter: str, end: str) -> None:
        model.add(layer)
        rows.add(layer.kernel, f'{scope}/w{letter}{end}')
        rows.add(layer.bias, f'{scope}/b{letter}{end}')

    groups = (('1',), ('2',), ('3a', '3b'), ('4a', '4b'), ('5a', '5b'))
    for n, (ends, width) in enumerate(zip(groups, (8, 16, 32, 64, 64), strict=True), 1):
        for end in ends:
            add(layers.Conv3D(width, 3, activation='relu', padding='same', name=f'conv{end}'), 'c', end)
        if n == 5:
            model.add(layers.ZeroPadding3D((0, 1, 1), name='zeropad'))
        size = (1, 2, 2) if n == 1 else 2
        model.add(layers.MaxPooling3D(size, size, name=f'pool{n}'))
    model.add(layers.Flatten())
    for n in (1, 2):
        add(layers.Dense(512, activation='relu', name=f'fc{n + 5}'), 'd', str(n))
        model.add(layers.Dropout(0.5))
    model.add(layers.Dense(487, activation='softmax', name='fc8'))
    others = {f'{scope}/wout': (512, 101), f'{scope}/bout': (101,)}
    pair = rows.pair(others, model=model)
    # Two optimizers of one name train the last layer and all others.
    steps = {'global_step': (), **{f'beta{n}_power{end}': () for n in (1, 2) for end in ('', '_1')}}
    return with_slots(pair, 'Adam', 'Adam_1', 'ExponentialMovingAverage', others=steps)


class _Inflated:
    """Builds dlpbc's Inception I3D, a quarter of the width, and notes DeepMind's names."""

    old = 'RGB/inception_i3d'

    def __init__(self):
        self.rows = Rows()

    def unit(self, x: Any, name: str, scope: str, width: int, size: int, stride: int = 1) -> Any:
        """A convolution and its norm, whose vectors have five axes in Sonnet."""
        layers = tf.keras.layers
        conv = layers.Conv3D(width, size, stride, 'same', use_bias=False, name=f'{name}_conv')
        norm = layers.BatchNormalization(axis=4, scale=False, name=f'{name}_bn')
        x = norm(conv(x))
        self.rows.add(conv.kernel, f'{self.old}/{scope}/conv_3d/w')
        for role in STATISTICS[1:]:
            source = f'{self.old}/{scope}/batch_norm/{role}'
            self.rows.add(getattr(norm, role), source, (1, 1, 1, 1, width))
        return layers.Activation('relu', name=name)(x)

    def mixed(self, x: Any, block: str, widths: tuple[int, ...]) -> Any:
        """A block of four branches; DeepMind numbers one convolution of the block 5b like the one before it."""
        layers, scope, new = tf.keras.layers, f'Mixed_{block}', f'Conv3d_{block}'
        one, before_3, three, before_5, five, pooled = widths
        branches = [self.unit(x, f'{new}_0a_1x1', f'{scope}/Branch_0/Conv3d_0a_1x1', one, 1)]
        for n, (before, after) in enumerate(((before_3, three), (before_5, five)), 1):
            letter = 'a' if (block, n) == ('5b', 2) else 'b'
            y = self.unit(x, f'{new}_{n}a_1x1', f'{scope}/Branch_{n}/Conv3d_0a_1x1', before, 1)
            y = self.unit(y, f'{new}_{n}b_3x3', f'{scope}/Branch_{n}/Conv3d_0{letter}_3x3', after, 3)
            branches.append(y)
        y = layers.MaxPooling3D(3, 1, 'same', name=f'MaxPool2d_{block}_3a_3x3')(x)
        branches.append(self.unit(y, f'{new}_3b_1x1', f'{scope}/Branch_3/Conv3d_0b_1x1', pooled, 1))
        return layers.Concatenate(axis=4, name=scope)(branches)


def i3d() -> Pair:
    """google-deepmind/kinetics-i3d's RGB network in Sonnet, narrow, and dlpbc/keras-kinetics-i3d for 51 classes.

    The published checkpoints hold no slots.
    """
    tf.keras.backend.clear_session()
    layers, net = tf.keras.layers, _Inflated()
    x = inputs = layers.Input([64, 224, 224, 3])
    x = net.unit(x, 'Conv3d_1a_7x7', 'Conv3d_1a_7x7', 16, 7, 2)
    x = layers.MaxPooling3D((1, 3, 3), (1, 2, 2), 'same', name='MaxPool2d_2a_3x3')(x)
    x = net.unit(x, 'Conv3d_2b_1x1', 'Conv3d_2b_1x1', 16, 1)
    x = net.unit(x, 'Conv3d_2c_3x3', 'Conv3d_2c_3x3', 48, 3)
    for block, widths in INCEPTION_V1_WIDTHS.items():
        if block == '3b':
            x = layers.MaxPooling3D((1, 3, 3), (1, 2, 2), 'same', name='MaxPool2d_3a_3x3')(x)
        elif block == '4b':
            x = layers.MaxPooling3D(3, 2, 'same', name='MaxPool2d_4a_3x3')(x)
        elif block == '5b':
            x = layers.MaxPooling3D(2, 2, 'same', name='MaxPool2d_5a_2x2')(x)
        x = net.mixed(x, block, tuple(width // 4 for width in widths))
    x = layers.AveragePooling3D((2, 7, 7), 1, name='global_avg_pool')(x)
    x = layers.Conv3D(51, 1, padding='same', name='Conv3d_6a_1x1_conv')(layers.Dropout(0.5)(x))
    model = tf.keras.Model(inputs, layers.Reshape([-1, 51])(x), name='i3d_inception')
    head = f'{net.old}/Logits/Conv3d_0c_1x1/conv_3d'
    return net.rows.pair({f'{head}/w': (1, 1, 1, 256, 400), f'{head}/b': (400,)}, model=model)
