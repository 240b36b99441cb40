"""Pairs of residual networks that classify images, for a thirteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


def _numbered(name: str, number: int) -> str:
    return f'{name}_{number}' if number else name


class _Counted:
    """Notes the names that tf.layers counts, in the order in which the old network makes its layers."""

    def __init__(self, scope: str = ''):
        self.rows, self._scope, self._convs, self._norms = Rows(), scope, 0, 0

    def conv(self, layer: Any) -> None:
        roles = ('kernel', 'bias') if layer.use_bias else ('kernel',)
        self.rows.layer(layer, self._scope + _numbered('conv2d', self._convs), roles)
        self._convs += 1

    def norm(self, layer: Any) -> None:
        self.rows.layer(layer, self._scope + _numbered('batch_normalization', self._norms), STATISTICS)
        self._norms += 1


def resnet_rs() -> Pair:
    """tensorflow/tpu's ResNet-RS-50 as it is trained, with averages, and Keras Applications' ResNetRS50.

    The answer is that of sebastian-sz/resnet-rs-keras' convert_weights.py, of whose names for the layers Keras's are.
    """
    tf.keras.backend.clear_session()
    model, old = tf.keras.applications.ResNetRS50(weights=None), _Counted()
    # Keras puts a number, which other models count on, before the names of the first convolutions.
    names = {layer.name[layer.name.find('stem_conv') :]: layer for layer in model.layers}
    names |= {layer.name[layer.name.find('stem_batch') :]: layer for layer in model.layers}
    for number in range(1, 5):
        old.conv(names[f'stem_conv_{number}'])
        old.norm(names[f'stem_batch_norm_{number}'])
    for group, count in enumerate((3, 4, 6, 3), 2):
        for block in range(count):
            at = f'BlockGroup{group}__block_{block}_'
            if not block:
                old.conv(model.get_layer(f'{at}_projection_conv'))
                old.norm(model.get_layer(f'{at}_projection_batch_norm'))
            for number in (1, 2, 3):
                old.conv(model.get_layer(f'{at}_conv_{number}'))
                old.norm(model.get_layer(f'{at}{"" if number == 1 else "_"}batch_norm_{number}'))
            for end in ('reduce', 'expand'):
                old.conv(model.get_layer(f'{at}_se_se_{end}'))
    old.rows.layer(model.get_layer('predictions'), 'dense')
    pair = with_slots(old.rows.pair(model=model), 'ExponentialMovingAverage', but='(?!)')
    averages = 'ExponentialMovingAverage$|moving_'
    return with_slots(pair, 'Momentum', but=averages, others={'global_step': ()})


def official_cifar() -> Pair:
    """tensorflow/models' official/r1/resnet of 56 layers and version 1 for CIFAR-10, and its resnet_cifar_model.py.

    The latter is that of official/benchmark/models in Keras, which makes the shortcut of a block last.
    """
    tf.keras.backend.clear_session()
    layers, old = tf.keras.layers, _Counted('resnet_model/')

    def unit(x: Any, width: int, size: int, stride: int, names: tuple[str, str]) -> tuple[Any, Any, Any]:
        conv = layers.Conv2D(width, size, stride, 'same', use_bias=False, name=names[0])
        norm = layers.BatchNormalization(name=names[1])
        return norm(conv(x)), conv, norm

    def block(inputs: Any, width: int, stage: int, number: int, stride: int) -> Any:
        ends = [f'{stage}block_{number}_branch{end}' for end in ('2a', '2b', '1')]
        names = [(f'res{end}', f'bn{end}') for end in ends]
        x, *first = unit(inputs, width, 3, stride, names[0])
        x, *second = unit(layers.Activation('relu')(x), width, 3, 1, names[1])
        parts = [first, second]
        if not number:
            inputs, *shortcut = unit(inputs, width, 1, stride, names[2])
            parts.insert(0, shortcut)
        for conv, norm in parts:
            old.conv(conv)
            old.norm(norm)
        return layers.Activation('relu')(layers.add([x, inputs]))

    inputs = layers.Input([32, 32, 3])
    x = layers.ZeroPadding2D(1, name='conv1_pad')(inputs)
    conv = layers.Conv2D(16, 3, use_bias=False, name='conv1')
    norm = layers.BatchNormalization(name='bn_conv1')
    x = layers.Activation('relu')(norm(conv(x)))
    old.conv(conv)
    old.norm(norm)
    for stage, width in ((2, 16), (3, 32), (4, 64)):
        for number in range(9):
            x = block(x, width, stage, number, 2 if stage > 2 and not number else 1)
    x = layers.Lambda(lambda y: tf.reduce_mean(y, [1, 2]), name='reduce_mean')(x)
    logits = layers.Dense(10, activation='softmax', name='fc10')
    model = tf.keras.Model(inputs, logits(x), name='resnet56')
    old.rows.layer(logits, 'resnet_model/dense')
    return with_slots(old.rows.pair(model=model), 'Momentum', others={'global_step': ()})


def wide_resnet() -> Pair:
    """tensorflow/models' research/autoaugment's WRN-28-10 for CIFAR-10, and titu1994/Wide-Residual-Networks' one.

    The old one pads its shortcuts, where the new one has convolutions, and names a norm after what it activates. What
    its optimizer keeps is within the scope of the model once more.
    """
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()

    def conv(x: Any, width: int, source: str, size: int = 3, stride: int = 1) -> Any:
        layer = layers.Conv2D(width, size, stride, 'same', use_bias=False)
        x = layer(x)
        if source:
            rows.layer(layer, f'model/{source}', ['kernel'], kernel='weights')
        return x

    def norm(x: Any, source: str) -> Any:
        layer = layers.BatchNormalization(momentum=0.1, epsilon=1e-5)
        x = layer(x)
        rows.layer(layer, f'model/{source}', STATISTICS)
        return layers.Activation('relu')(x)

    def convs(x: Any, width: int, at: str, stride: int = 1) -> Any:
        x = norm(conv(x, width, f'{at}/sub1/conv1', stride=stride), f'{at}/sub2/bn2')
        return conv(x, width, f'{at}/sub2/conv2')

    inputs = layers.Input([32, 32, 3])
    x = norm(conv(inputs, 16, 'init/init_conv'), 'unit_1_0/shared_activation/init_bn')
    for stage, width in enumerate((160, 320, 640), 1):
        stride = 1 if stage == 1 else 2
        if stage > 1:
            x = norm(x, f'unit_{stage}_0/residual_only_activation/init_bn')
        y = convs(x, width, f'unit_{stage}_0', stride)
        x = layers.Add()([y, conv(x, width, '', 1, stride)])
        for number in (1, 2, 3):
            at = f'unit_{stage}_{number}'
            y = norm(x, f'{at}/residual_only_activation/init_bn')
            x = layers.Add()([x, convs(y, width, at)])
    x = layers.Flatten()(layers.AveragePooling2D(8)(norm(x, 'unit_last/final_bn')))
    logits = layers.Dense(10, activation='softmax')
    x = logits(x)
    rows.layer(logits, 'model/unit_last/FC', kernel='weights', bias='biases')
    others = {'model/global_step': (), 'model/lrn_rate': ()}
    pair = rows.pair(model=tf.keras.Model(inputs, x))
    return with_slots(pair, 'Momentum', prefix='model/', others=others)
