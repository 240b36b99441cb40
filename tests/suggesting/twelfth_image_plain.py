"""Pairs of networks whose variables have plain names or none, for a twelfth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_WEIGHTS = {'kernel': 'weights'}
# The layer of each module of a SqueezeNet 1.1, the number by which Keras calls it, and both of its widths.
_FIRES = (
    ((3, 2, 16, 64), (4, 3, 16, 64)),
    ((6, 4, 32, 128), (7, 5, 32, 128)),
    ((9, 6, 48, 192), (10, 7, 48, 192), (11, 8, 64, 256), (12, 9, 64, 256)),
)


def squeeze_net() -> Pair:
    """The SqueezeNet of cs231n/cs231n.github.io's assignment3 as it is published, and rcmalli/keras-squeezenet's.

    The old one, whose code was read as students keep it, was made of torchvision's and has no slots.
    """
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()
    x = inputs = layers.Input([227, 227, 3])

    def conv(x: tf.Tensor, width: int, size: int, name: str, source: str, **others) -> tf.Tensor:
        layer = layers.Conv2D(width, size, name=name, **others)
        x = layer(x)
        rows.layer(layer, source, **_WEIGHTS)
        head, slash, end = name.rpartition('/')
        return layers.Activation('relu', name=f'{head}{slash}relu_{end}')(x)

    x = conv(x, 64, 3, 'conv1', 'features/layer0', strides=2)
    for pool, fires in zip((1, 3, 5), _FIRES, strict=True):
        x = layers.MaxPooling2D(3, 2, name=f'pool{pool}')(x)
        for number, fire, squeeze, expand in fires:
            at, source = f'fire{fire}', f'features/layer{number}/fire'
            x = conv(x, squeeze, 1, f'{at}/squeeze1x1', f'{source}/squeeze')
            left = conv(x, expand, 1, f'{at}/expand1x1', f'{source}/e11')
            right = conv(x, expand, 3, f'{at}/expand3x3', f'{source}/e33', padding='same')
            x = layers.Concatenate(name=f'{at}/concat')([left, right])
    x = layers.Dropout(0.5, name='drop9')(x)
    x = conv(x, 1000, 1, 'conv10', 'classifier/layer1')
    x = layers.Activation('softmax', name='loss')(layers.GlobalAveragePooling2D()(x))
    return rows.pair(model=tf.keras.Model(inputs, x, name='squeezenet'))


def tiny_yolo() -> Pair:
    """gliese581gg/YOLO_tensorflow's YOLO_tiny as it is published, and xslittlegrass/CarND-Vehicle-Detection's.

    None of the old variables has a name. The checkpoint has no slots, for its program does not train. Both flatten with
    the channels first.
    """
    tf.keras.backend.clear_session()
    layers, rows, count = tf.keras.layers, Rows(), 0
    first = {'data_format': 'channels_first'}
    model = tf.keras.Sequential([layers.Input([3, 448, 448])])

    def add(layer: tf.keras.layers.Layer) -> None:
        nonlocal count
        model.add(layer)
        for variable in (layer.kernel, layer.bias):
            rows.add(variable, f'Variable_{count}' if count else 'Variable')
            count += 1

    for width in (16, 32, 64, 128, 256, 512):
        add(layers.Conv2D(width, 3, padding='same', **first))
        model.add(layers.LeakyReLU(0.1))
        model.add(layers.MaxPooling2D(2, **first))
    for _ in range(3):
        add(layers.Conv2D(1024, 3, padding='same', **first))
        model.add(layers.LeakyReLU(0.1))
    model.add(layers.Flatten())
    add(layers.Dense(256))
    add(layers.Dense(4096))
    model.add(layers.LeakyReLU(0.1))
    add(layers.Dense(1470))
    return rows.pair(model=model)


def dense_net_bc() -> Pair:
    """ikhlestov/vision_networks' DenseNet-BC-100-12 for CIFAR-10 as it is trained, and titu1994/DenseNet's.

    The latter was read as it was for Keras 1, and is built here with the same layers of Keras 2, whose first alone has
    a name. The old program keeps no step.
    """
    tf.keras.backend.clear_session()
    layers, rows, growth = tf.keras.layers, Rows(), 12

    def unit(x: tf.Tensor, width: int, size: int, source: str) -> tf.Tensor:
        norm, conv = layers.BatchNormalization(), layers.Conv2D(width, size, padding='same', use_bias=False)
        x = conv(layers.Activation('relu')(norm(x)))
        rows.layer(norm, f'{source}/BatchNorm', STATISTICS)
        rows.layer(conv, source, ['kernel'])
        return x

    inputs = layers.Input([32, 32, 3])
    first = layers.Conv2D(2 * growth, 3, padding='same', use_bias=False, name='initial_conv2D')
    x = first(inputs)
    rows.layer(first, 'Initial_convolution', ['kernel'])
    for block in range(3):
        features = [x]
        for number in range(16):
            source = f'Block_{block}/layer_{number}'
            y = unit(x, 4 * growth, 1, f'{source}/bottleneck')
            features.append(unit(y, growth, 3, f'{source}/composite_function'))
            x = layers.Concatenate()(features)
        if block < 2:
            source = f'Transition_after_block_{block}/composite_function'
            x = layers.AveragePooling2D()(unit(x, x.shape[-1] // 2, 1, source))
    norm, logits, source = layers.BatchNormalization(), layers.Dense(10, 'softmax'), 'Transition_to_classes'
    x = logits(layers.GlobalAveragePooling2D()(layers.Activation('relu')(norm(x))))
    rows.layer(norm, f'{source}/BatchNorm', STATISTICS)
    rows.layer(logits, source, kernel='W')
    return with_slots(rows.pair(model=tf.keras.Model(inputs, x, name='create_dense_net')), 'Momentum')
