"""Pairs of networks that segment images and detect objects in them, for an eleventh blind test; see `blind_pairs`."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair


def u_net() -> Pair:
    """kkweon/UNet-in-Tensorflow as it is trained, and karolzak/keras-unet's custom_unet, both 8 wide for one class.

    The old one begins with a convolution of the colors, and its convolutions have biases. It normalizes before its
    activations, the new one after them.
    """
    tf.keras.backend.clear_session()
    layers, rows, others = tf.keras.layers, Rows(), {}

    def block(x: Any, filters: int, number: int, dropout: float = 0.0) -> Any:
        for n in (1, 2):
            conv = layers.Conv2D(filters, (3, 3), activation='relu', padding='same', use_bias=False)
            norm = layers.BatchNormalization()
            x = norm(conv(x))
            if n == 1 and dropout:
                x = layers.SpatialDropout2D(dropout)(x)
            rows.layer(conv, f'layer{number}/conv_{n}', ['kernel'])
            others[f'layer{number}/conv_{n}/bias'] = (filters,)
            rows.layer(norm, f'layer{number}/bn_{n}', STATISTICS)
        return x

    x = inputs = layers.Input((640, 960, 3))
    filters, downs = 8, []
    for number in range(1, 5):
        x = block(x, filters, number, 0.3)
        downs.append(x)
        x = layers.MaxPooling2D((2, 2))(x)
        filters *= 2
    x = block(x, filters, 5, 0.3)
    for number, down in enumerate(reversed(downs), 6):
        filters //= 2
        up = layers.Conv2DTranspose(filters, (2, 2), strides=(2, 2), padding='same')
        x = layers.concatenate([up(x), down])
        rows.layer(up, f'upsample_{number}')
        x = block(x, filters, number)
    last = layers.Conv2D(1, (1, 1), activation='sigmoid')
    model = tf.keras.Model(inputs=[inputs], outputs=[last(x)])
    rows.layer(last, 'final')
    others |= {'color_space_adjust/kernel': (1, 1, 3, 3), 'color_space_adjust/bias': (3,)}
    steps = {name: () for name in ('global_step', 'beta1_power', 'beta2_power')}
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', others=steps)


def _compose(*functions: Callable) -> Callable:
    return reduce(lambda f, g: lambda x: g(f(x)), functions)


class _Yolo:
    """Builds qqwweee's YOLO V3 of layers without names, and notes mystic123's, which slim counts in two scopes."""

    def __init__(self):
        self.rows, self._scope, self._count = Rows(), 'darknet-53', 0

    def _source(self) -> str:
        self._count += 1
        return f'detector/{self._scope}/Conv' + (f'_{self._count - 1}' if self._count > 1 else '')

    def unit(self, width: int, size: int, stride: int = 1) -> Callable:
        """A convolution without biases, its norm and what activates, which are made before any of them is called."""
        padding = 'valid' if stride == 2 else 'same'
        conv = tf.keras.layers.Conv2D(width, size, stride, padding, use_bias=False)
        norm, source = tf.keras.layers.BatchNormalization(), self._source()
        leaky = tf.keras.layers.LeakyReLU(alpha=0.1)

        def call(x: Any) -> Any:
            x = norm(conv(x))
            self.rows.layer(conv, source, ['kernel'], kernel='weights')
            self.rows.layer(norm, f'{source}/BatchNorm', STATISTICS)
            return leaky(x)

        return call

    def output(self, width: int) -> Callable:
        """A convolution that detects."""
        conv, source = tf.keras.layers.Conv2D(width, 1, padding='same'), self._source()

        def call(x: Any) -> Any:
            x = conv(x)
            self.rows.layer(conv, source, kernel='weights', bias='biases')
            return x

        return call

    def stage(self, x: Any, width: int, count: int) -> Any:
        layers = tf.keras.layers
        x = self.unit(width, 3, 2)(layers.ZeroPadding2D(((1, 0), (1, 0)))(x))
        for _ in range(count):
            y = _compose(self.unit(width // 2, 1), self.unit(width, 3))(x)
            x = layers.Add()([x, y])
        return x

    def darknet(self, x: Any) -> Any:
        x = self.unit(32, 3)(x)
        for width, count in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
            x = self.stage(x, width, count)
        self._scope, self._count = 'yolo-v3', 0
        return x

    def last(self, x: Any, width: int, outputs: int) -> tuple[Any, Any]:
        x = _compose(
            self.unit(width, 1),
            self.unit(2 * width, 3),
            self.unit(width, 1),
            self.unit(2 * width, 3),
            self.unit(width, 1),
        )(x)
        return x, _compose(self.unit(2 * width, 3), self.output(outputs))(x)


def yolo_v3() -> Pair:
    """mystic123/tensorflow-yolo-v3 as it is converted of Darknet's weights, and qqwweee/keras-yolo3, both for COCO.

    The old one keeps what is in its scope alone, so neither slots nor a step. Keras orders the layers of the heads by
    their depth.
    """
    tf.keras.backend.clear_session()
    net, layers, outputs = _Yolo(), tf.keras.layers, 3 * (80 + 5)
    inputs = layers.Input(shape=(None, None, 3))
    darknet = tf.keras.Model(inputs, net.darknet(inputs))
    x, y1 = net.last(darknet.output, 512, outputs)
    x = _compose(net.unit(256, 1), layers.UpSampling2D(2))(x)
    x = layers.Concatenate()([x, darknet.layers[152].output])
    x, y2 = net.last(x, 256, outputs)
    x = _compose(net.unit(128, 1), layers.UpSampling2D(2))(x)
    x = layers.Concatenate()([x, darknet.layers[92].output])
    x, y3 = net.last(x, 128, outputs)
    return net.rows.pair(model=tf.keras.Model(inputs, [y1, y2, y3]))
