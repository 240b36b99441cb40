"""Pairs of networks that see what is where in images, for the twenty-first blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import WEIGHTS, counted

_layers = tf.keras.layers


class _Yolo:
    """Builds experiencor's YOLO V3, a quarter of the width, and notes aloyschen's names.

    The new names have the numbers of Darknet's layers, and the old ones count convolutions.
    """

    def __init__(self):
        self.rows, self.others, self._count = Rows(), {}, 0

    def _source(self, kind: str) -> str:
        return f'{"darknet53" if self._count <= 52 else "yolo"}/{kind}_{self._count}'

    def conv(self, x: Any, number: int, width: int, size: int, stride: int = 1) -> Any:
        """A convolution, its norm and its rectifier, by the number of the layer."""
        self._count += 1
        if stride > 1:
            x = _layers.ZeroPadding2D(((1, 0), (1, 0)))(x)
        options = {'strides': stride, 'padding': 'valid' if stride > 1 else 'same', 'use_bias': False}
        layer = _layers.Conv2D(width // 4, size, name=f'conv_{number}', **options)
        norm = _layers.BatchNormalization(epsilon=0.001, name=f'bnorm_{number}')
        x = norm(layer(x))
        self.rows.layer(layer, self._source('conv2d'), ['kernel'])
        self.rows.layer(norm, self._source('batch_normalization'), STATISTICS)
        return _layers.LeakyReLU(alpha=0.1, name=f'leaky_{number}')(x)

    def residual(self, x: Any, number: int, width: int) -> Any:
        y = self.conv(x, number, width // 2, 1)
        return _layers.add([x, self.conv(y, number + 1, width, 3)])

    def boxes(self, x: Any, number: int, width: int) -> tuple[Any, Any]:
        """Returns the features of a scale, and what is predicted of them, for one kind of object."""
        for n in range(5):
            x = self.conv(x, number + n, 2 * width if n % 2 else width, 3 if n % 2 else 1)
        y = self.conv(x, number + 5, 2 * width, 3)
        self._count += 1
        options = {'strides': 1, 'padding': 'same', 'use_bias': True}
        last = _layers.Conv2D(3 * (5 + 1), 1, name=f'conv_{number + 6}', **options)
        at = self._source('conv2d')
        self.others |= {f'{at}/kernel': (1, 1, width // 2, 255), f'{at}/bias': (255,)}
        return x, last(y)

    def upscaled(self, x: Any, skip: Any, number: int, width: int) -> Any:
        return _layers.concatenate([_layers.UpSampling2D(2)(self.conv(x, number, width, 1)), skip])


def yolo_v3() -> Pair:
    """aloyschen/tensorflow-yolo3 for COCO while its heads are trained, and experiencor/keras-yolo3 for raccoons.

    The files are model/yolo3_model.py and yolo_train.py, and yolo.py, whose model that infers is the target; both are a
    quarter of the width. What predicts boxes is of 80 kinds of objects in the old one and of one in the new one, and
    has no answer.
    """
    tf.keras.backend.clear_session()
    net, skips, number = _Yolo(), [], 1
    inputs = _layers.Input(shape=(None, None, 3))
    x = net.conv(inputs, 0, 32, 3)
    for width, count in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        x = net.conv(x, number, width, 3, 2)
        for n in range(count):
            x = net.residual(x, number + 1 + 3 * n, width)
        number += 1 + 3 * count
        skips.append(x)
    x, first = net.boxes(x, 75, 512)
    x, second = net.boxes(net.upscaled(x, skips[3], 84, 256), 87, 256)
    x, third = net.boxes(net.upscaled(x, skips[2], 96, 128), 99, 128)
    pair = net.rows.pair(net.others, model=tf.keras.Model(inputs, [first, second, third]))
    steps = {'Variable': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', but='moving_|^darknet53', others=steps)


class CroppingLike2D(_layers.Layer):
    """The layer of keras-fcn."""

    def __init__(self, target: Any, offset: int, name: str):
        super().__init__(name=name)
        self._extents, self._offset = target.shape[1:3], offset

    def call(self, x):
        (height, width), at = self._extents, self._offset
        return x[:, at : at + height, at : at + width]


class _Fcn:
    """Builds JihongJu's FCN, an eighth of the width, and notes pierluigiferrari's names."""

    classes = 20

    def __init__(self):
        self.rows = Rows()

    def base(self, x: Any) -> list[Any]:
        """VGG-16, which pads the image by a hundred; returns the last three features."""
        features = []
        x = _layers.ZeroPadding2D(padding=(100, 100))(x)
        for block, (count, width) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
            for n in range(1, count + 1):
                padding = 'valid' if block == n == 1 else 'same'
                options = {'kernel_size': (3, 3), 'activation': 'relu', 'padding': padding}
                conv = _layers.Conv2D(filters=width // 8, name=f'block{block}_conv{n}', **options)
                x = conv(x)
                self.rows.layer(conv, f'conv{block}_{n}', kernel='filter', bias='biases')
            options = {'pool_size': (2, 2), 'strides': (2, 2), 'padding': 'same'}
            x = _layers.MaxPooling2D(name=f'pool{block}', **options)(x)
            features.append(x)
        for name, size in (('fc6', 7), ('fc7', 1)):
            conv = _layers.Conv2D(512, (size, size), activation='relu', padding='valid', name=name)
            x = _layers.Dropout(0.5)(conv(x))
            self.rows.layer(conv, name, **WEIGHTS)
        return [features[2], features[3], x]

    def score(self, x: Any, name: str, source: str) -> Any:
        conv = _layers.Conv2D(filters=self.classes, kernel_size=(1, 1), padding='valid', name=name)
        x = conv(x)
        self.rows.layer(conv, source)
        return x

    def upscaled(self, x: Any, size: int, name: str, source: str) -> Any:
        options = {'strides': size // 2, 'padding': 'valid', 'use_bias': False}
        conv = _layers.Conv2DTranspose(filters=self.classes, kernel_size=size, name=name, **options)
        x = conv(x)
        self.rows.layer(conv, source, ['kernel'])
        return x


def fcn_8() -> Pair:
    """pierluigiferrari/fcn8s_tensorflow for 20 classes as it is trained, and JihongJu/keras-fcn's FCN for as many.

    The files are fcn8s_tensorflow.py, which loads Udacity's VGG-16, and models.py, bases.py and layers.py of keras_fcn
    when they had FCN-8s; both are an eighth of the width. The old transposed convolutions have biases, the new ones
    none. The new one multiplies what it scores of pool4 and pool3 by constants. The names of Udacity's VGG-16 were read
    of a listing of its operations that someone keeps.
    """
    tf.keras.backend.clear_session()
    net = _Fcn()
    inputs = _layers.Input(shape=(64, 64, 3))
    pool3, pool4, x = net.base(inputs)
    x = net.upscaled(net.score(x, 'score_fr', 'fc7_1x1'), 4, 'upscore2', 'fc7_conv2d_trans')
    y = _layers.Lambda(lambda z: z * 0.01, name='scale_pool4')(pool4)
    y = net.score(y, 'score_pool4', 'pool4_1x1')
    x = _layers.add([x, CroppingLike2D(x, 5, name='score_pool4c')(y)])
    x = net.upscaled(x, 4, 'upscore_pool4', 'fc7_pool4_conv2d_trans')
    y = _layers.Lambda(lambda z: z * 0.0001, name='scale_pool3')(pool3)
    y = net.score(y, 'score_pool3', 'pool3_1x1')
    x = _layers.add([x, CroppingLike2D(x, 9, name='score_pool3c')(y)])
    x = net.upscaled(x, 16, 'upscore8', 'fc7_pool4_pool3_conv2d_trans')
    x = CroppingLike2D(inputs, 31, name='score')(x)
    scopes = 'fc7', 'fc7_pool4', 'fc7_pool4_pool3'
    others = {f'{scope}_conv2d_trans/bias': (net.classes,) for scope in scopes}
    pair = net.rows.pair(others, model=tf.keras.Model(inputs, x, name='fcn_vgg16'))
    steps = {f'optimizer/{name}': () for name in ('global_step', 'beta1_power', 'beta2_power')}
    return with_slots(pair, 'adam_optimizer', 'adam_optimizer_1', others=steps)


def facial_landmarks() -> Pair:
    """yinguobing/cnn-facial-landmark's landmark.py under TF1 as it is trained, and its model.py in Keras.

    The old one is an estimator of tf.layers, of which the last alone has a name; both give the 68 points of a face. The
    new one makes all layers before it calls them.
    """
    tf.keras.backend.clear_session()
    rows, counts, x = Rows(), {}, _layers.Input(shape=(128, 128, 3), name='image_input')
    inputs, widths = x, (32, 64, 64, 64, 64, 128, 128, 256)
    options = {'kernel_size': (3, 3), 'strides': (1, 1), 'padding': 'valid', 'activation': 'relu'}
    convs = [_layers.Conv2D(filters=width, **options) for width in widths]
    options = {'pool_size': (2, 2), 'padding': 'valid'}
    pools = {
        n: _layers.MaxPool2D(strides=stride, **options) for n, stride in ((0, 2), (2, 2), (4, 2), (6, 1))
    }
    hidden = _layers.Dense(units=1024, activation='relu', use_bias=True)
    last = _layers.Dense(units=136, activation=None, use_bias=True)
    flatten = _layers.Flatten()
    for n, conv in enumerate(convs):
        x = conv(x)
        rows.layer(conv, counted(counts, 'conv2d'))
        x = pools[n](x) if n in pools else x
    model = tf.keras.Model(inputs=inputs, outputs=last(hidden(flatten(x))), name='landmark')
    rows.layer(hidden, 'dense')
    rows.layer(last, 'logits')
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)
