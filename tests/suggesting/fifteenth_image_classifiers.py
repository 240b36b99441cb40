"""Pairs of networks that classify images, for a fifteenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.ninth_image_residual_networks import bottlenecks
from tests.suggesting.sixth_image_networks import TFLEARN


def nvidia_resnet_50() -> Pair:
    """NVIDIA/DeepLearningExamples' ResNet-50 of TensorFlow as it is trained, and Keras Applications' ResNet50.

    The old one has 1001 classes and no biases. The code of its norms could not be read; their names are those that
    tf.contrib.layers gives, which is not verified.
    """
    tf.keras.backend.clear_session()
    model, rows = tf.keras.applications.ResNet50(weights=None), Rows()

    def unit(source: str, target: str) -> None:
        rows.layer(model.get_layer(f'{target}_conv'), f'resnet50/{source}/conv2d', ['kernel'])
        rows.layer(model.get_layer(f'{target}_bn'), f'resnet50/{source}/BatchNorm', STATISTICS)

    unit('conv2d', 'conv1')
    for stage, block, part, _ in bottlenecks(3, 4, 6, 3):
        kind = f'bottleneck_{part}' if part else 'shortcut/conv2d'
        unit(f'btlnck_block_{stage}_{block}/{kind}', f'conv{stage + 2}_block{block + 1}_{part}')
    at = 'resnet50/output/dense'
    pair = rows.pair({f'{at}/kernel': (2048, 1001), f'{at}/bias': (1001,)}, model=model)
    return with_slots(pair, 'Momentum', others={'global_step': ()})


def xception() -> Pair:
    """kwotsin/TensorFlow-Xception as it is trained for five kinds of flowers, and Keras Applications' Xception.

    The convolutions of the old one have biases, its norms no scales; it has a layer more before its classes. Keras
    gives the convolutions beside its blocks no names.
    """
    tf.keras.backend.clear_session()
    model, rows, others = tf.keras.applications.Xception(weights=None), Rows(), {}

    def unit(
        conv: tf.keras.layers.Layer, norm: tf.keras.layers.Layer, old: str, kind: str, number: str
    ) -> None:
        if kind == 'dws_conv':
            roles, names = (
                ('depthwise_kernel', 'pointwise_kernel'),
                ('depthwise_weights', 'pointwise_weights'),
            )
        else:
            roles, names = ('kernel',), ('weights',)
        at = f'Xception/{old}_{kind}{number}'
        rows.layer(conv, at, roles, **dict(zip(roles, names, strict=True)))
        others[f'{at}/biases'] = (conv.filters,)
        scope = f'Xception/{old}_{"res_bn" if kind == "res_conv" else f"bn{number}"}'
        rows.layer(norm, scope, STATISTICS[1:])

    besides = [
        [layer for layer in model.layers if isinstance(layer, kind) and not layer.name.startswith('block')]
        for kind in (tf.keras.layers.Conv2D, tf.keras.layers.BatchNormalization)
    ]
    for conv, norm, block in zip(*besides, (1, 2, 3, 12), strict=True):
        unit(conv, norm, f'block{block}', 'res_conv', '')
    for layer in model.layers:
        block, _, name = layer.name.partition('_')
        if block.startswith('block') and name[:-1] in {'conv', 'sepconv'}:
            kind = 'dws_conv' if name.startswith('sep') else 'conv'
            unit(layer, model.get_layer(f'{layer.name}_bn'), block, kind, name[-1])
    for number, width in ((1, 2048), (2, 5)):
        at = f'Xception/block15_conv{number}'
        others |= {f'{at}/weights': (1, 1, 2048, width), f'{at}/biases': (width,)}
    steps = dict.fromkeys(('global_step', 'beta1_power', 'beta2_power'), ())
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)


def alexnet() -> Pair:
    """tflearn/tflearn's example of AlexNet as it is trained, and the one of tongzhisong/ComputerVisionModels in Keras.

    Both have a quarter of the width here. The old one pads its images, and so has a larger first dense layer, and 17
    classes. Which steps and losses tflearn keeps beside the weights is not verified for this example.
    """
    tf.keras.backend.clear_session()
    layers, names = tf.keras.layers, {'kernel': 'W', 'bias': 'b'}
    pool = lambda: layers.MaxPooling2D(pool_size=(3, 3), strides=2)  # noqa: E731
    model = tf.keras.Sequential(
        [
            layers.Conv2D(24, 11, padding='valid', strides=4, input_shape=(227, 227, 3), activation='relu'),
            pool(),
            layers.Conv2D(64, 5, padding='same', activation='relu'),
            pool(),
            layers.Conv2D(96, 3, padding='same', activation='relu'),
            layers.Conv2D(96, 3, padding='same', activation='relu'),
            layers.Conv2D(64, 3, padding='same', activation='relu'),
            pool(),
            layers.Flatten(),
            layers.Dense(1024, activation='relu'),
            layers.Dropout(0.5),
            layers.Dense(1024, activation='relu'),
            layers.Dropout(0.5),
            layers.Dense(1000, activation='softmax'),
        ]
    )
    rows = Rows()
    convs = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    for number, layer in enumerate(convs):
        rows.layer(layer, f'Conv2D_{number}' if number else 'Conv2D', **names)
    first, second, _ = (layer for layer in model.layers if isinstance(layer, layers.Dense))
    rows.add(first.bias, 'FullyConnected/b')
    rows.layer(second, 'FullyConnected_1', **names)
    others = {'FullyConnected/W': (7 * 7 * 64, 1024)}
    others |= {'FullyConnected_2/W': (1024, 17), 'FullyConnected_2/b': (17,)}
    return with_slots(rows.pair(others, model=model), 'Momentum', others=dict.fromkeys(TFLEARN, ()))
