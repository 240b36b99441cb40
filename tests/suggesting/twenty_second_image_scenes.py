"""Pairs of networks that see what is where in images, for the twenty-second blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import WEIGHTS, counted

_layers = tf.keras.layers

# The old name of each convolution of YOLO V2, its width and the extent of its kernel; `None` where the image is pooled.
_YOLO = (
    (('conv1', 32, 3), None, ('conv2', 64, 3), None)
    + (('conv3_1', 128, 3), ('conv3_2', 64, 1), ('conv3_3', 128, 3), None)
    + (('conv4_1', 256, 3), ('conv4_2', 128, 1), ('conv4_3', 256, 3), None)
    + (
        ('conv5_1', 512, 3),
        ('conv5_2', 256, 1),
        ('conv5_3', 512, 3),
        ('conv5_4', 256, 1),
        ('conv5_5', 512, 3),
        None,
    )
    + (
        ('conv6_1', 1024, 3),
        ('conv6_2', 512, 1),
        ('conv6_3', 1024, 3),
        ('conv6_4', 512, 1),
        ('conv6_5', 1024, 3),
    )
    + (('conv7_1', 1024, 3), ('conv7_2', 1024, 3))
)


class _Yolo:
    """Builds qjadud1994's YOLO V2, a quarter of the width, and notes xiaohu2015's names."""

    def __init__(self):
        self.rows, self._count = Rows(), 0

    def conv(self, x: Any, source: str, width: int, size: int) -> Any:
        """A convolution, its norm and its rectifier, counted from one."""
        self._count += 1
        options = {'strides': (1, 1), 'padding': 'same', 'use_bias': False}
        conv = _layers.Conv2D(width // 4, (size, size), name=f'conv_{self._count}', **options)
        norm = _layers.BatchNormalization(axis=-1, name=f'norm_{self._count}')
        x = norm(conv(x))
        self.rows.layer(conv, source, ['kernel'])
        self.rows.layer(norm, f'{source}_bn', STATISTICS)
        return _layers.LeakyReLU(alpha=0.1)(x)


def yolo_v2() -> Pair:
    """xiaohu2015/DeepLearning_tutorials' YOLO V2 as published for COCO, and qjadud1994/YOLOv2-keras' DarkNet_deep.

    The files are ObjectDetections/yolo2/model.py, whose checkpoint only predicts, and Model.py; both are a quarter of
    the width. Both have the 80 classes of COCO, in another order, and five anchors.
    """
    tf.keras.backend.clear_session()
    net, skip = _Yolo(), None
    inputs = x = _layers.Input(shape=(416, 416, 3))
    for row in _YOLO:
        if row:
            x = net.conv(x, *row)
            skip = x if row[0] == 'conv5_5' else skip
        else:
            x = _layers.MaxPooling2D(pool_size=(2, 2))(x)
    skip = net.conv(skip, 'conv_shortcut', 64, 1)
    skip = _layers.Lambda(lambda y: tf.nn.space_to_depth(y, block_size=2), name='space_to_depth')(skip)
    x = net.conv(_layers.concatenate([skip, x]), 'conv8', 1024, 3)
    last = _layers.Conv2D(5 * (80 + 5), (1, 1), strides=(1, 1), name='conv_23')
    x = _layers.Activation('linear', name='linear_activation')(last(x))
    net.rows.layer(last, 'conv_dec')
    x = _layers.Reshape((13, 13, 5, 80 + 5), name='final_reshape')(x)
    return net.rows.pair(model=tf.keras.Model(inputs, x))


class _Dilated:
    """Builds the dilated network in Keras, an eighth of the width, and notes the names of its port."""

    classes = 19

    def __init__(self):
        self.rows = Rows()

    def conv(
        self, x: Any, width: int, size: int, name: str, rate: int = 1, activation: str | None = 'relu'
    ) -> Any:
        options = {'dilation_rate': (rate, rate), 'activation': activation, 'name': name}
        layer = _layers.Conv2D(width, (size, size), **options)
        x = layer(x)
        self.rows.layer(layer, name, kernel='Variable', bias='Variable_1')
        return x

    def front(self, x: Any) -> Any:
        """VGG-16, whose last two blocks are not pooled."""
        for block, (count, width) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
            for n in range(1, count + 1):
                x = self.conv(x, width // 8, 3, f'conv{block}_{n}', 2 if block == 5 else 1)
            if block < 4:
                x = _layers.MaxPooling2D(pool_size=(2, 2), strides=(2, 2), name=f'pool{block}')(x)
        x = _layers.Dropout(0.5, name='drop6')(self.conv(x, 512, 7, 'fc6', 4))
        x = _layers.Dropout(0.5, name='drop7')(self.conv(x, 512, 1, 'fc7'))
        return self.conv(x, self.classes, 1, 'final', activation=None)

    def context(self, x: Any) -> Any:
        names = 'conv1_1', 'conv1_2', 'conv2_1', 'conv3_1', 'conv4_1', 'conv5_1', 'conv6_1', 'conv7_1', 'fc1'
        for name, rate in zip(names, (1, 1, 2, 4, 8, 16, 32, 64, 1), strict=True):
            x = _layers.ZeroPadding2D(padding=(rate, rate))(x)
            x = self.conv(x, self.classes, 3, f'ctx_{name}', rate)
        return self.conv(x, self.classes, 1, 'ctx_final', activation=None)


def dilated_cityscapes() -> Pair:
    """ndrplz/dilation-tensorflow's model.py for Cityscapes, and its dilation_net.py in Keras, of which it was ported.

    Both are an eighth of the width. The old variables have no names but the scopes of their layers. The old file loads
    what Keras trained, and no file that was read saves it; all of its variables are here, without slots. The last layer
    has no bias, and is not trained in the new one.
    """
    tf.keras.backend.clear_session()
    net = _Dilated()
    inputs = _layers.Input(shape=(1396, 1396, 3))
    x = _layers.UpSampling2D(size=(8, 8))(net.context(net.front(inputs)))
    options = {'padding': 'same', 'use_bias': False, 'trainable': False, 'name': 'ctx_upsample'}
    layer = _layers.Conv2D(net.classes, (16, 16), **options)
    x = _layers.Softmax()(layer(x))
    net.rows.layer(layer, 'ctx_upsample', ['kernel'], kernel='Variable')
    return net.rows.pair(model=tf.keras.Model(inputs, x, name='dilation_cityscapes'))


class _Faces:
    """Builds PRNet-keras, and notes PRNet's names, which slim counts in each scope."""

    def __init__(self):
        self.rows, self.counts = Rows(), {}

    def unit(
        self, x: Any, layer: Any, name: str, at: str, relu: str | None = 'relu', norm: bool = True
    ) -> Any:
        """A convolution, and most often its norm and its rectifier, by the name of the former in a scope."""
        x = layer(x)
        self.rows.layer(layer, at, ['kernel'], **WEIGHTS)
        return self.norm(x, name, f'{at}/BatchNorm', relu) if norm else x

    def norm(self, x: Any, name: str, at: str, relu: str | None = 'relu') -> Any:
        norm = _layers.BatchNormalization(axis=-1, scale=True, name=f'{name}_bn')
        x = norm(x)
        self.rows.layer(norm, at, STATISTICS)
        return _layers.Activation(relu, name=f'{name}_activ')(x) if relu else x

    def conv(
        self, x: Any, width: int, size: int, name: str, at: str, stride: int = 1, norm: bool = True
    ) -> Any:
        options = {'strides': stride, 'padding': 'same', 'use_bias': False, 'name': f'{name}_conv'}
        layer = _layers.Conv2D(width, (size, size), **options)
        return self.unit(x, layer, name, f'resfcn256/{at}', norm=norm)

    def block(self, x: Any, width: int, stride: int, name: str) -> Any:
        at, short = counted(self.counts, 'resBlock'), x
        if stride != 1 or x.shape[3] != width:
            short = self.conv(x, width, 1, f'{name}_shortcut', f'{at}/shortcut', stride, norm=False)
        x = self.conv(x, width // 2, 1, f'{name}_convBlock-0', f'{at}/Conv')
        x = self.conv(x, width // 2, 4, f'{name}_convBlock-1', f'{at}/Conv_1', stride)
        x = self.conv(x, width, 1, f'{name}_convBlock-2', f'{at}/Conv_2', norm=False)
        x = _layers.Add(name=f'{name}_add')([x, short])
        return self.norm(x, name, f'resfcn256/{at}/BatchNorm')

    def upward(self, x: Any, width: int, stride: int, name: str, activation: str = 'relu') -> Any:
        options = {'strides': stride, 'padding': 'same', 'use_bias': False, 'name': f'{name}_convt'}
        layer = _layers.Conv2DTranspose(width, (4, 4), **options)
        at = counted(self.counts, 'Conv2d_transpose')
        return self.unit(x, layer, name, f'resfcn256/{at}', activation)


def face_positions() -> Pair:
    """YadiraF/PRNet's resfcn256 as it is published, and kameo4189/PRNet-keras' PRN.

    The files are predictor.py and model/nn/conv/position_map_regression.py. Both have all that the other has. The old
    one was read in copies that people keep of it; that its checkpoint has no slots is from memory.
    """
    tf.keras.backend.clear_session()
    net = _Faces()
    inputs = _layers.Input(shape=(256, 256, 3))
    x = net.conv(inputs, 16, 4, 'res_256x256x16', 'Conv')
    for size, width in ((128, 32), (64, 64), (32, 128), (16, 256), (8, 512)):
        for n in (1, 2):
            x = net.block(x, width, 3 - n, f'res_{size}x{size}x{width}_{n}')
    x = net.upward(x, 512, 1, 'convt_8x8x512')
    for size, width, count in ((16, 256, 3), (32, 128, 3), (64, 64, 3), (128, 32, 2), (256, 16, 2)):
        for n in range(1, count + 1):
            x = net.upward(x, width, 2 if n == 1 else 1, f'convt_{size}x{size}x{width}_{n}')
    x = net.upward(x, 3, 1, 'convt_256x256x3_1')
    x = net.upward(x, 3, 1, 'convt_256x256x3_2')
    x = net.upward(x, 3, 1, 'convt_256x256x3_s', 'sigmoid')
    return net.rows.pair(model=tf.keras.Model(inputs, x, name='prn'))
