"""Pairs of networks that see what is where in images, for the twentieth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import WEIGHTS

_layers = tf.keras.layers


def see_in_the_dark() -> Pair:
    """cchen156/Learning-to-See-in-the-Dark's U-Net for Sony, and jocicmarko/ultrasound-nerve-segmentation's get_unet.

    The old transposed convolutions are variables without names or biases. The new network is for 4 channels here, as
    the old one; it makes one mask, not 12 channels, and its code was read where it transposes.
    """
    tf.keras.backend.clear_session()
    rows, skips = Rows(), []

    def pair_of(x: Any, number: int, width: int) -> Any:
        for part in (1, 2):
            layer = _layers.Conv2D(width, (3, 3), activation='relu', padding='same')
            x = layer(x)
            rows.layer(layer, f'g_conv{number}_{part}', **WEIGHTS)
        return x

    x = inputs = _layers.Input((96, 96, 4))
    for number, width in enumerate((32, 64, 128, 256), 1):
        x = pair_of(x, number, width)
        skips.append(x)
        x = _layers.MaxPooling2D(pool_size=(2, 2))(x)
    x = pair_of(x, 5, 512)
    for number, skip in enumerate(reversed(skips)):
        width = skip.shape[-1]
        layer = _layers.Conv2DTranspose(width, (2, 2), strides=(2, 2), padding='same')
        x = _layers.concatenate([layer(x), skip], axis=3)
        rows.add(layer.kernel, f'Variable_{number}' if number else 'Variable')
        x = pair_of(x, 6 + number, width)
    x = _layers.Conv2D(1, (1, 1), activation='sigmoid')(x)
    others = {'g_conv10/weights': (1, 1, 32, 12), 'g_conv10/biases': (12,)}
    pair = rows.pair(others, model=tf.keras.Model(inputs=[inputs], outputs=[x]))
    return with_slots(pair, 'Adam', 'Adam_1', others={'beta1_power': (), 'beta2_power': ()})


_EXTRAS = ((14, 256, 512), (15, 128, 256), (16, 128, 256), (17, 64, 128))
_NEW_BOXES, _OLD_BOXES = (4, 6, 6, 6, 4, 4), (3, 6, 6, 6, 6, 6)


class _Ssd:
    """Builds ManishSoni1908's SSD with MobileNet, and notes the names of the object detection API's."""

    def __init__(self):
        self.rows, self.others = Rows(), {}

    def unit(self, x: Any, layer: Any, source: str, relu: str | None = None) -> Any:
        """A convolution, its norm and what follows them."""
        role = 'depthwise_kernel' if isinstance(layer, _layers.DepthwiseConv2D) else 'kernel'
        norm = _layers.BatchNormalization(momentum=0.99, epsilon=0.00001, name=f'{layer.name}/bn')
        x, at = norm(layer(x)), f'FeatureExtractor/MobilenetV1/{source}'
        self.rows.layer(layer, at, [role], **WEIGHTS)
        self.rows.layer(norm, f'{at}/BatchNorm', STATISTICS)
        return _layers.Activation('relu', name=relu)(x)

    def conv(self, x: Any, width: int, name: str, source: str, relu: str | None = None) -> Any:
        layer = _layers.Conv2D(width, (1, 1), padding='same', use_bias=False, name=name)
        return self.unit(x, layer, source, relu)

    def backbone(self, x: Any) -> tuple[Any, Any]:
        """Returns the last features of both widths."""
        x = _layers.ZeroPadding2D(padding=((1, 1), (1, 1)), name='conv1_padding')(x)
        layer = _layers.Conv2D(32, (3, 3), strides=(2, 2), padding='valid', use_bias=False, name='conv0')
        x, halved, before = self.unit(x, layer, 'Conv2d_0'), 1, x
        for n, width in enumerate((64, 128, 128, 256, 256, *[512] * 6, 1024, 1024), 1):
            options, before = {'strides': (1, 1), 'padding': 'same'}, before if n > 12 else x
            if n in (2, 4, 6, 12):
                halved += 1
                x = _layers.ZeroPadding2D(padding=((1, 1), (1, 1)), name=f'conv{halved}_padding')(x)
                options = {'strides': (2, 2), 'padding': 'valid'}
            layer = _layers.DepthwiseConv2D((3, 3), use_bias=False, name=f'conv{n}/dw', **options)
            x = self.unit(x, layer, f'Conv2d_{n}_depthwise')
            x = self.conv(x, width, f'conv{n}', f'Conv2d_{n}_pointwise')
        return before, x

    def extra(self, x: Any, number: int, narrow: int, width: int) -> Any:
        """Two convolutions, the latter of which halves the extents."""
        level, at = number - 12, 'Conv2d_13_pointwise'
        source, relu = f'{at}_1_Conv2d_{level}_1x1_{narrow}', f'relu_conv{number - 8}'
        x = self.conv(x, narrow, f'conv{number}_1', source, f'{relu}_1')
        x = _layers.ZeroPadding2D(padding=((1, 1), (1, 1)), name=f'conv{number - 8}_padding')(x)
        options = {'strides': (2, 2), 'padding': 'valid', 'use_bias': False}
        layer = _layers.Conv2D(width, (3, 3), name=f'conv{number}_2', **options)
        return self.unit(x, layer, f'{at}_2_Conv2d_{level}_3x3_s2_{width}', f'{relu}_2')

    def heads(self, features: list[Any], kind: str, old: str, new_each: int, old_each: int) -> list[Any]:
        """What predicts of each of the features; what has as many channels as the old one has its variables."""
        names, made = ('conv11', 'conv13', *(f'conv{number}_2' for number, *_ in _EXTRAS)), []
        for n, (x, name) in enumerate(zip(features, names, strict=True)):
            width, other = _NEW_BOXES[n] * new_each, _OLD_BOXES[n] * old_each
            layer = _layers.Conv2D(width, (1, 1), padding='same', name=f'{name}_mbox_{kind}')
            made.append(layer(x))
            at = f'BoxPredictor_{n}/{old}'
            if width == other:
                self.rows.layer(layer, at, **WEIGHTS)
            else:
                self.others |= {f'{at}/weights': (1, 1, x.shape[-1], other), f'{at}/biases': (other,)}
        return made


def ssd_mobilenet_v1() -> Pair:
    """tensorflow/models' object detection's SSD with MobileNet V1 for COCO, and ManishSoni1908/Mobilenet-ssd-keras'.

    The latter is for VOC's 21 classes, and has other numbers of boxes for half of its features; such heads have no
    answer. It gives the coordinates of a box in another order. Its class of depthwise convolutions, which is there
    compiled alone, and the layer of its anchors, which has no variables, are Keras's here. Which averages and slots the
    old one keeps is not verified.
    """
    tf.keras.backend.clear_session()
    net = _Ssd()
    inputs = _layers.Input([300, 300, 3])
    x = _layers.Lambda(lambda z: z, name='identity_layer')(inputs)
    x = _layers.Lambda(lambda z: z - tf.constant([123.0, 117.0, 104.0]), name='input_mean_normalization')(x)
    x = _layers.Lambda(lambda z: z[..., ::-1], name='input_channel_swap')(x)
    features = list(net.backbone(x))
    for number, narrow, width in _EXTRAS:
        features.append(net.extra(features[-1], number, narrow, width))
    classes = net.heads(features, 'conf', 'ClassPredictor', 21, 91)
    boxes = net.heads(features, 'loc', 'BoxEncodingPredictor', 4, 4)
    anchors = [_layers.Lambda(lambda z: tf.concat([z, z], -1))(x) for x in boxes]
    made = []
    for rows, width in ((classes, 21), (boxes, 4), (anchors, 8)):
        made.append(_layers.Concatenate(axis=1)([_layers.Reshape((-1, width))(x) for x in rows]))
    made[0] = _layers.Activation('softmax', name='mbox_conf_softmax')(made[0])
    model = tf.keras.Model(inputs=inputs, outputs=_layers.Concatenate(axis=2, name='predictions')(made))
    pair = net.rows.pair(net.others, model=model)
    return with_slots(pair, 'RMSProp', 'RMSProp_1', 'ExponentialMovingAverage', others={'global_step': ()})
