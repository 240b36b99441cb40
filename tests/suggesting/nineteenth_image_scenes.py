"""Pairs of networks that detect objects and play games by images, for the nineteenth blind test; see `blind_pairs`."""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_layers = tf.keras.layers


def _yolo_names() -> Iterator[str]:
    """YunYang1994's names of layers, in the order in which both programs make them."""
    yield 'darknet/conv0'
    number, residual = 1, 0
    for count in (1, 2, 8, 8, 4):
        yield f'darknet/conv{number}'
        for _ in range(count):
            yield from (f'darknet/residual{residual}/conv1', f'darknet/residual{residual}/conv2')
            residual += 1
        number += 1 + 2 * count
    for name, count in (('l', 5), ('m', 6), ('s', 6)):
        yield from (f'conv{n}' for n in range(number, number + count))
        yield from (f'conv_{name}obj_branch', f'conv_{name}bbox')
        number += count


class _Yolo:
    """Builds zzh8829's YOLO V3, which is a model of models whose layers have no names, and notes YunYang1994's."""

    def __init__(self):
        self.rows, self._names = Rows(), _yolo_names()

    def unit(self, x: Any, width: int, size: int, stride: int = 1) -> Any:
        if stride > 1:
            x = _layers.ZeroPadding2D(((1, 0), (1, 0)))(x)
        padding, source = 'same' if stride == 1 else 'valid', next(self._names)
        layer, norm = (
            _layers.Conv2D(width, size, stride, padding, use_bias=False),
            _layers.BatchNormalization(),
        )
        x = norm(layer(x))
        self.rows.layer(layer, source, ['kernel'], kernel='weight')
        self.rows.layer(norm, f'{source}/batch_normalization', STATISTICS)
        return _layers.LeakyReLU(alpha=0.1)(x)

    def darknet(self) -> tf.keras.Model:
        inputs = _layers.Input([None, None, 3])
        x, made = self.unit(inputs, 32, 3), []
        for group, count in enumerate((1, 2, 8, 8, 4)):
            width = 64 * 2**group
            x = self.unit(x, width, 3, 2)
            for _ in range(count):
                x = _layers.Add()([x, self.unit(self.unit(x, width // 2, 1), width, 3)])
            made.append(x)
        return tf.keras.Model(inputs, tuple(made[2:]), name='yolo_darknet')

    def conv(self, given: Any, width: int, name: str) -> Any:
        """Five convolutions, after what joins the features of an earlier level."""
        if isinstance(given, tuple):
            inputs = tuple(_layers.Input(x.shape[1:]) for x in given)
            x = _layers.UpSampling2D(2)(self.unit(inputs[0], width, 1))
            x = _layers.Concatenate()([x, inputs[1]])
        else:
            x = inputs = _layers.Input(given.shape[1:])
        for number in range(5):
            x = self.unit(x, width * (1 + number % 2), 1 + 2 * (number % 2))
        return tf.keras.Model(inputs, x, name=name)(given)

    def output(self, given: Any, width: int, name: str) -> Any:
        inputs = _layers.Input(given.shape[1:])
        x, layer = self.unit(inputs, 2 * width, 3), _layers.Conv2D(3 * 85, 1, padding='same', use_bias=True)
        x = layer(x)
        self.rows.layer(layer, next(self._names), kernel='weight')
        x = _layers.Lambda(lambda y: tf.reshape(y, (-1, tf.shape(y)[1], tf.shape(y)[2], 3, 85)))(x)
        return tf.keras.Model(inputs, x, name=name)(given)


def yolo_v3() -> Pair:
    """YunYang1994/tensorflow-yolov3 for COCO as it is trained, and zzh8829/yolov3-tf2's YoloV3.

    The old one is that of one stage of training, and enlarges images without variables. Its names are those of an
    earlier pair with the same network. The new one is its body, without what decodes boxes; its norms are Keras's.
    """
    tf.keras.backend.clear_session()
    net, outputs, x = _Yolo(), [], None
    inputs = _layers.Input([None, None, 3])
    *skipped, x = net.darknet()(inputs)
    for number, width in enumerate((512, 256, 128)):
        x = net.conv((x, skipped.pop()) if number else x, width, f'yolo_conv_{number}')
        outputs.append(net.output(x, width, f'yolo_output_{number}'))
    steps = {'learn_rate/global_step': (), **{f'define_train_stage/beta{n}_power': () for n in (1, 2)}}
    pair = net.rows.pair(model=tf.keras.Model(inputs, outputs, name='yolo_body'))
    return with_slots(pair, 'Adam', 'Adam_1', 'ExponentialMovingAverage', others=steps)


def impala_cnn() -> Pair:
    """openai/baselines' PPO2 with build_impala_cnn, as openai/train-procgen trains it, and AIcrowd's in RLlib.

    The new one is models/impala_cnn_tf.py of AIcrowd/neurips2020-procgen-starter-kit, which says that it is the former.
    Both play the games of Procgen. The old program is taken to be saved by a Saver; that the dense layer is the last
    of the numbered ones was read in copies of baselines.
    """
    tf.keras.backend.clear_session()
    rows, root, number = Rows(), 'ppo2_model', 0

    def conv(x: Any, depth: int, name: str) -> Any:
        nonlocal number
        layer = _layers.Conv2D(filters=depth, kernel_size=3, strides=1, padding='same', name=name)
        x = layer(x)
        rows.layer(layer, f'{root}/pi/layer_{number}')
        number += 1
        return x

    def residual(x: Any, depth: int, name: str) -> Any:
        y = conv(_layers.ReLU()(x), depth, f'{name}_conv0')
        return conv(_layers.ReLU()(y), depth, f'{name}_conv1') + x

    inputs = _layers.Input(shape=(64, 64, 3), name='observations')
    x = tf.cast(inputs, tf.float32) / 255.0
    for sequence, depth in enumerate((16, 32, 32)):
        x = conv(x, depth, f'seq{sequence}_conv')
        x = _layers.MaxPool2D(pool_size=3, strides=2, padding='same')(x)
        for block in range(2):
            x = residual(x, depth, f'seq{sequence}_block{block}')
    hidden = _layers.Dense(units=256, activation='relu', name='hidden')
    x = hidden(_layers.ReLU()(_layers.Flatten()(x)))
    rows.layer(hidden, f'{root}/pi/layer_{number}')
    heads = {name: _layers.Dense(units=units, name=name) for name, units in (('pi', 15), ('vf', 1))}
    outputs = [layer(x) for layer in heads.values()]
    for name, layer in heads.items():
        rows.layer(layer, f'{root}/{name}', kernel='w', bias='b')
    pair = rows.pair(base_model=tf.keras.Model(inputs, outputs))
    return with_slots(pair, 'Adam', 'Adam_1', others={'beta1_power': (), 'beta2_power': ()})
