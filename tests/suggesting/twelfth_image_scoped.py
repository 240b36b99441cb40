"""Pairs of classifiers whose helpers name the variables, for a twelfth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_WEIGHTS = {'kernel': 'weights', 'bias': 'biases', 'depthwise_kernel': 'weights'}
_GROUPS = 3
# For each Inception block the widths of its convolutions, in the order in which both sides make them.
_INCEPTIONS = (
    {'3a': (64, 96, 128, 16, 32, 32), '3b': (128, 128, 192, 32, 96, 64)},
    {
        '4a': (192, 96, 208, 16, 48, 64),
        '4b': (160, 112, 224, 24, 64, 64),
        '4c': (128, 128, 256, 24, 64, 64),
        '4d': (112, 144, 288, 32, 64, 64),
        '4e': (256, 160, 320, 32, 128, 128),
    },
    {'5a': (256, 160, 320, 32, 128, 128), '5b': (384, 192, 384, 48, 128, 128)},
)


def mobile_net() -> Pair:
    """MG2033/MobileNet of 1001 classes as it is trained, and Keras Applications' MobileNet.

    The old convolutions have biases. Its optimizer is made in the scope of its output.
    """
    tf.keras.backend.clear_session()
    model, rows = tf.keras.applications.MobileNet(weights=None), Rows()
    others = {'global_step/global_step': (), 'global_epoch/global_epoch': ()}
    old = {}

    def unit(target: str, source: str, role: str = 'kernel') -> None:
        at, norm = f'mobilenet_encoder/{source}', model.get_layer(f'{target}_bn')
        rows.layer(model.get_layer(target), at, [role], **_WEIGHTS)
        rows.layer(norm, f'{at}/batch_normalization', STATISTICS)
        old[f'{at}/biases'] = tuple(norm.gamma.shape)

    unit('conv1', 'conv_1')
    for number in range(1, 14):
        unit(f'conv_dw_{number}', f'conv_ds_{number + 1}/depthwise', 'depthwise_kernel')
        unit(f'conv_pw_{number}', f'conv_ds_{number + 1}/pointwise')
    old |= {'mobilenet_encoder/fc/weights': (1, 1, 1024, 1001), 'mobilenet_encoder/fc/biases': (1001,)}
    return _in_output(rows.pair(old, model=model), others)


def shuffle_net() -> Pair:
    """MG2033/ShuffleNet of three groups as it is trained, and scheckmedia/keras-shufflenet's, both of 1000 classes.

    The old convolutions have biases, and the first of them a norm. The new one has no groups in its first unit, and
    appends what it pools to what it convolves, where the old one has it before.
    """
    tf.keras.backend.clear_session()
    layers, rows, old = tf.keras.layers, Rows(), {}

    def conv(x: tf.Tensor, width: int, source: str, name: str) -> tf.Tensor:
        layer = layers.Conv2D(width, 1, padding='same', use_bias=False, name=name)
        x = layer(x)
        if source:
            rows.layer(layer, f'{source}/conv', ['kernel'], **_WEIGHTS)
            old[f'{source}/conv/biases'] = (width,)
        return x

    def grouped(x: tf.Tensor, width: int, source: str, name: str) -> tf.Tensor:
        size, parts = x.shape[-1] // _GROUPS, []
        for n in range(_GROUPS):
            part = layers.Lambda(lambda z, n=n: z[..., n * size : (n + 1) * size], name=f'{name}/g{n}_slice')(
                x
            )
            at = f'{source}/{source.rpartition("/")[2]}_{n}'
            parts.append(conv(part, width // _GROUPS, at, f'{name}_/g{n}'))
        return layers.Concatenate(name=f'{name}/concat')(parts)

    def norm(x: tf.Tensor, source: str, name: str) -> tf.Tensor:
        layer = layers.BatchNormalization(name=name)
        x = layer(x)
        rows.layer(layer, f'{source}/batch_normalization', STATISTICS)
        return x

    def shuffle(x: tf.Tensor, groups: int) -> tf.Tensor:
        height, width, channels = x.shape[1:]
        x = tf.reshape(x, [-1, height, width, groups, channels // groups])
        return tf.reshape(tf.transpose(x, [0, 1, 2, 4, 3]), [-1, height, width, channels])

    def unit(inputs: tf.Tensor, width: int, stage: int, block: int) -> tf.Tensor:
        at, name = f'stage{stage}_{block}', f'stage{stage}/block{block + 1}'
        first = stage == 2 and not block
        width -= 0 if block else inputs.shape[-1]
        source = f'{at}/bottleneck' if first else f'{at}/Gbottleneck'
        x = (conv if first else grouped)(inputs, width // 4, source, f'{name}/1x1_gconv_1')
        x = layers.Activation('relu', name=f'{name}/relu_gconv_1')(norm(x, source, f'{name}/bn_gconv_1'))
        groups = {'groups': 1 if first else _GROUPS}
        x = layers.Lambda(shuffle, arguments=groups, name=f'{name}/channel_shuffle')(x)
        deep = layers.DepthwiseConv2D(
            3, 1 if block else 2, 'same', use_bias=False, name=f'{name}/1x1_dwconv_1'
        )
        x, source = deep(x), f'{at}/depthwise'
        rows.layer(deep, f'{source}/conv', ['depthwise_kernel'], **_WEIGHTS)
        old[f'{source}/conv/biases'] = (x.shape[-1],)
        x, source = norm(x, source, f'{name}/bn_dwconv_1'), f'{at}/Gconv1x1'
        if first:
            for n in range(_GROUPS):
                old[f'{source}/Gconv1x1_{n}/conv/weights'] = 1, 1, x.shape[-1] // _GROUPS, width // _GROUPS
                old[f'{source}/Gconv1x1_{n}/conv/biases'] = (width // _GROUPS,)
            x = conv(x, width, '', f'{name}/1x1_gconv_2')
        else:
            x = grouped(x, width, source, f'{name}/1x1_gconv_2')
        x = norm(x, source, f'{name}/bn_gconv_2')
        if block:
            x = layers.Add(name=f'{name}/add')([x, inputs])
        else:
            pooled = layers.AveragePooling2D(3, 2, 'same', name=f'{name}/avg_pool')(inputs)
            x = layers.Concatenate(name=f'{name}/concat')([x, pooled])
        return layers.Activation('relu', name=f'{name}/relu_out')(x)

    inputs = layers.Input([224, 224, 3])
    stem = layers.Conv2D(24, 3, 2, 'same', use_bias=False, activation='relu', name='conv1')
    x = layers.MaxPooling2D(3, 2, 'same', name='maxpool1')(stem(inputs))
    rows.layer(stem, 'conv1/conv', ['kernel'], **_WEIGHTS)
    old |= {'conv1/conv/biases': (24,)} | {f'conv1/batch_normalization/{role}': (24,) for role in STATISTICS}
    for stage, (width, count) in enumerate(((240, 4), (480, 8), (960, 4)), 2):
        for block in range(count):
            x = unit(x, width, stage, block)
    logits = layers.Dense(1000, name='fc')
    x = logits(layers.GlobalMaxPooling2D(name='global_pool')(x))
    rows.add(logits.kernel, 'fc/conv/weights', (1, 1, 960, 1000))
    rows.add(logits.bias, 'fc/conv/biases')
    x = layers.Activation('softmax', name='softmax')(x)
    pair = rows.pair(old, model=tf.keras.Model(inputs, x, name='ShuffleNet_1X_g3_br_0.25_373'))
    return _in_output(pair, {'global_step/global_step': (), 'global_epoch/global_epoch': ()})


def _in_output(pair: Pair, others: dict[str, tuple[int, ...]]) -> Pair:
    """Adds what Adam keeps when it is made in the scope `output`."""
    others = others | {'output/beta1_power': (), 'output/beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', prefix='output/', others=others)


def goog_le_net() -> Pair:
    """conan7882/GoogLeNet-Inception for CIFAR-10 as it is trained, and joelouismarino's googlenet.py for ImageNet.

    The latter, a gist, was read in copies of it and is built here with the channels last; what normalizes and pads has
    no variables there and is left out. The old one has norms that do not scale, and an auxiliary classifier of other
    dense layers after the same convolution. The program saved, where it was read, in comments alone.
    """
    tf.keras.backend.clear_session()
    layers, rows, old = tf.keras.layers, Rows(), {}

    def norm(source: str, width: int) -> None:
        for role in ('beta', 'moving_mean', 'moving_variance'):
            old[f'{source}/bn/{role}'] = (width,)

    def conv(x: tf.Tensor, width: int, size: int, name: str, source: str, **others: Any) -> tf.Tensor:
        layer = layers.Conv2D(width, size, padding='same', activation='relu', name=name, **others)
        x = layer(x)
        rows.layer(layer, source, **_WEIGHTS)
        norm(source, width)
        return x

    def inception(x: tf.Tensor, block: str, widths: tuple[int, ...]) -> tf.Tensor:
        name, source = f'inception_{block}', f'inception_layers/inception_{block}'
        ends = '1x1', '3x3_reduce', '3x3', '5x5_reduce', '5x5', 'pool_proj'
        pooled, branches = layers.MaxPooling2D(3, 1, 'same', name=f'{name}/pool'), []
        for end, width in zip(ends, widths, strict=True):
            y = pooled(x) if end == 'pool_proj' else x
            inputs = branches.pop() if end in ('3x3', '5x5') else y
            size = 1 if 'reduce' in end or end == 'pool_proj' else int(end[0])
            branches.append(conv(inputs, width, size, f'{name}/{end}', f'{source}_{end}'))
        return layers.Concatenate(name=f'{name}/output')(branches)

    def auxiliary(x: tf.Tensor, number: int) -> tf.Tensor:
        name, source = f'loss{number + 1}', f'auxiliary_classifier_{number}'
        x = layers.AveragePooling2D(5, 3, name=f'{name}/ave_pool')(x)
        x = layers.Flatten()(conv(x, 128, 1, f'{name}/conv', f'{source}/conv'))
        x = layers.Dropout(0.7)(layers.Dense(1024, 'relu', name=f'{name}/fc')(x))
        for layer, inner, width in (('fc_1', 128, 512), ('fc_2', 512, 512), ('classifier', 512, 10)):
            old[f'{source}/{layer}/weights'], old[f'{source}/{layer}/biases'] = (inner, width), (width,)
            if layer != 'classifier':
                norm(f'{source}/{layer}', width)
        x = layers.Dense(1000, name=f'{name}/classifier')(x)
        return layers.Activation('softmax')(x)

    inputs, outputs = layers.Input([224, 224, 3]), []
    x = conv(inputs, 64, 7, 'conv1/7x7_s2', 'conv_layers/conv1_7x7_s2', strides=2)
    x = layers.MaxPooling2D(3, 2, 'same', name='pool1/3x3_s2')(x)
    x = conv(x, 64, 1, 'conv2/3x3_reduce', 'conv_layers/conv2_3x3_reduce')
    x = conv(x, 192, 3, 'conv2/3x3', 'conv_layers/conv2_3x3')
    for pool, blocks in enumerate(_INCEPTIONS, 2):
        x = layers.MaxPooling2D(3, 2, 'same', name=f'pool{pool}/3x3_s2')(x)
        for block, widths in blocks.items():
            x = inception(x, block, widths)
            if block in ('4a', '4d'):
                outputs.append(auxiliary(x, len(outputs)))
    x = layers.Dropout(0.4)(layers.Flatten()(layers.AveragePooling2D(7, 1, name='pool5/7x7_s2')(x)))
    x = layers.Dense(1000, name='loss3/classifier')(x)
    outputs.append(layers.Activation('softmax', name='prob')(x))
    old |= {
        'fc_layers/loss3_classifier/weights': (1, 1, 1024, 10),
        'fc_layers/loss3_classifier/biases': (10,),
    }
    pair = rows.pair(old, model=tf.keras.Model(inputs, outputs))
    return with_slots(pair, 'Adam', 'Adam_1', others={'beta1_power': (), 'beta2_power': ()})
