"""Pairs of networks that find objects, texts and faces in images, for a sixteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import counted

_layers = tf.keras.layers
_POWERS = {name: () for name in ('beta1_power', 'beta2_power')}
_SLIM = {'kernel': 'weights', 'bias': 'biases'}


class _Yolo:
    """Builds experiencor's YOLO V2 of an eighth of the width, and notes wenxichen's names."""

    def __init__(self):
        self.rows, self.others = Rows(), {}
        self._counts: dict[str, int] = {}

    def source(self, scope: str, kind: str) -> str:
        return f'{scope}/{counted(self._counts, f"{scope}/{kind}").rsplit("/", 1)[1]}'

    def unit(self, number: int, size: int, width: int, x: Any, scope: str = '') -> Any:
        """A convolution without biases and its norm, and those of a scope of the old one, which has biases."""
        conv = _layers.Conv2D(
            width // 8, size, strides=1, padding='same', name=f'conv_{number}', use_bias=False
        )
        norm = _layers.BatchNormalization(name=f'norm_{number}')
        x = norm(conv(x))
        if scope:
            if number == 4:
                self.others[self.source(scope, 'Variable')] = (3, 3, *conv.kernel.shape[2:])
            else:
                self.rows.add(conv.kernel, self.source(scope, 'Variable'))
            self.others[self.source(scope, 'Variable')] = (width // 8,)
            self.rows.layer(norm, self.source(scope, 'batch_normalization'), STATISTICS)
        return _layers.LeakyReLU(alpha=0.1)(x)

    def features(self, size: int) -> tf.keras.Model:
        x = inputs = _layers.Input(shape=(size, size, 3))
        number, skipped = 0, None
        for widths in ((32,), (64,), (128, 64, 128), (256, 128, 256), (512, 256) * 2 + (512,)):
            for width in widths:
                number += 1
                x = self.unit(number, 1 if number in (4, 7, 10, 12) else 3, width, x, 'darknet19')
            skipped = x
            x = _layers.MaxPooling2D(pool_size=(2, 2))(x)
        for number, width in enumerate((1024, 512) * 2 + (1024,), 14):
            x = self.unit(number, 1 if number in (15, 17) else 3, width, x, 'darknet19')
        for number in (19, 20):
            x = self.unit(number, 3, 1024, x, f'darknet19_detection/conv{number - 18}')
        skipped = _layers.Lambda(lambda y: tf.nn.space_to_depth(y, 2))(self.unit(21, 1, 64, skipped))
        x = self.unit(22, 3, 1024, _layers.concatenate([skipped, x]))
        return tf.keras.Model(inputs, x)


def yolo_v2() -> Pair:
    """wenxichen/tensorflow_yolo2's darknet as it is trained for VOC, and experiencor/keras-yolo2's of 20 classes.

    All widths are an eighth. The old convolutions have biases, and no path goes by the three of its detection, so that
    the third and the normalized output have nothing in the new one. The fourth kernel is of 3x3 in the old one, of 1x1
    in the new, and without an answer, while the norm behind it has one.
    """
    tf.keras.backend.clear_session()
    yolo = _Yolo()
    image, boxes = _layers.Input(shape=(416, 416, 3)), _layers.Input(shape=(1, 1, 1, 10, 4))
    features = yolo.features(416)
    x = _layers.Conv2D(5 * (4 + 1 + 20), (1, 1), strides=(1, 1), padding='same', name='conv_23')(
        features(image)
    )
    x = _layers.Reshape((13, 13, 5, 4 + 1 + 20))(x)
    output = _layers.Lambda(lambda args: args[0])([x, boxes])
    for scope, size, width in (('conv3', 3, 128), ('output', 1, 30)):
        at = f'darknet19_detection/{scope}'
        yolo.others |= {f'{at}/Variable': (size, size, 128, width), f'{at}/Variable_1': (width,)}
        yolo.others |= {f'{at}/batch_normalization/{role}': (width,) for role in STATISTICS}
    pair = yolo.rows.pair(yolo.others, model=tf.keras.Model([image, boxes], output))
    return with_slots(pair, 'Adam', 'Adam_1', others=_POWERS)


class _East:
    """Builds janzd's EAST, and notes argman's names."""

    def __init__(self):
        self.rows, self.others = Rows(), {}
        self._counts: dict[str, int] = {}

    def resnet_unit(self, x: Any, source: str, name: str, width: int, size: int = 1, **kwargs: Any) -> Any:
        """A convolution and its norm of Keras's first ResNet50."""
        conv = _layers.Conv2D(width, size, name=f'res{name}', **kwargs)
        norm = _layers.BatchNormalization(axis=3, name=f'bn{name}')
        x = norm(conv(x))
        self.rows.layer(conv, f'resnet_v1_50/{source}', ['kernel'], **_SLIM)
        self.rows.layer(norm, f'resnet_v1_50/{source}/BatchNorm', STATISTICS)
        return x

    def block(self, x: Any, stage: int, number: int) -> Any:
        width, stride = 16 * 2**stage, 2 if stage > 2 and not number else 1
        at = f'block{stage - 1}/unit_{number + 1}/bottleneck_v1'
        name = f'{stage}{"abcdef"[number]}_branch'
        y = self.resnet_unit(x, f'{at}/conv1', f'{name}2a', width, strides=stride)
        y = _layers.Activation('relu')(y)
        y = self.resnet_unit(y, f'{at}/conv2', f'{name}2b', width, 3, padding='same')
        y = _layers.Activation('relu')(y)
        y = self.resnet_unit(y, f'{at}/conv3', f'{name}2c', 4 * width)
        if not number:
            x = self.resnet_unit(x, f'{at}/shortcut', f'{name}1', 4 * width, strides=stride)
        return _layers.Activation('relu')(_layers.add([y, x]))

    def stages(self, image: Any) -> list[Any]:
        """What the four stages give."""
        conv = _layers.Conv2D(64, (7, 7), strides=(2, 2), name='conv1')
        norm = _layers.BatchNormalization(axis=3, name='bn_conv1')
        x = _layers.Activation('relu')(norm(conv(_layers.ZeroPadding2D((3, 3))(image))))
        self.rows.layer(conv, 'resnet_v1_50/conv1', ['kernel'], **_SLIM)
        self.rows.layer(norm, 'resnet_v1_50/conv1/BatchNorm', STATISTICS)
        x, outputs = _layers.MaxPooling2D((3, 3), strides=(2, 2))(x), []
        for stage, count in enumerate((3, 4, 6, 3), 2):
            for number in range(count):
                x = self.block(x, stage, number)
            outputs.append(x)
        return outputs

    def fused(self, x: Any, width: int, size: int) -> Any:
        conv, norm = _layers.Conv2D(width, (size, size), padding='same'), _layers.BatchNormalization()
        x = norm(conv(x))
        scope = f'feature_fusion/{counted(self._counts, "Conv")}'
        self.rows.layer(conv, scope, ['kernel'], **_SLIM)
        self.rows.layer(norm, f'{scope}/BatchNorm', STATISTICS)
        return _layers.Activation('relu')(x)

    def output(self, x: Any, width: int, name: str) -> Any:
        conv = _layers.Conv2D(width, (1, 1), activation=tf.nn.sigmoid, name=name)
        x = conv(x)
        self.rows.layer(conv, f'feature_fusion/{counted(self._counts, "Conv")}', **_SLIM)
        return x


def _resized(x: Any) -> Any:
    return tf.image.resize(x, 2 * tf.shape(x)[1:3])


def east() -> Pair:
    """argman/EAST with ResNet-50 as it is trained, with averages of what is trained, and janzd/EAST's EAST_model.

    All of the new convolutions have biases. The new ResNet50 is that of Keras's first versions, whose shortcuts come
    last in a block, and whose layers are named after Caffe's.
    """
    tf.keras.backend.clear_session()
    net = _East()
    image = _layers.Input(shape=(None, None, 3), name='input_image')
    masks = [
        _layers.Input(shape=(None, None, 1), name=name)
        for name in (
            'overly_small_text_region_training_mask',
            'text_region_boundary_training_mask',
            'target_score_map',
        )
    ]
    first, *lower, x = net.stages(image)
    lower.insert(0, _layers.ZeroPadding2D(((1, 0), (1, 0)))(first))
    for number, (width, skipped) in enumerate(zip((128, 64, 32), reversed(lower), strict=True), 1):
        x = _layers.Lambda(_resized, name=f'resize_{number}')(x)
        x = _layers.concatenate([x, skipped], axis=3)
        x = net.fused(net.fused(x, width, 1), width, 3)
    x = net.fused(x, 32, 3)
    score = net.output(x, 1, 'pred_score_map')
    box = _layers.Lambda(lambda y: y * 512)(net.output(x, 4, 'rbox_geo_map'))
    angle = _layers.Lambda(lambda y: (y - 0.5) * 1.57)(net.output(x, 1, 'rbox_angle_map'))
    geometry = _layers.concatenate([box, angle], axis=3, name='pred_geo_map')
    model = tf.keras.Model(inputs=[image, *masks], outputs=[score, geometry])
    pair = net.rows.pair(model=model)
    ends = 'Adam', 'Adam_1', 'ExponentialMovingAverage'
    return with_slots(pair, *ends, others={'global_step': (), **_POWERS})


class _RNet(tf.keras.Model):
    """mtcnn's RNet."""

    def __init__(self):
        super().__init__()
        self.conv1 = _layers.Conv2D(28, kernel_size=(3, 3), name='conv1')
        self.prelu1 = _layers.PReLU(shared_axes=[1, 2], name='prelu1')
        self.maxpool1 = _layers.MaxPooling2D((3, 3), (2, 2), padding='same', name='maxpooling1')
        self.conv2 = _layers.Conv2D(48, kernel_size=(3, 3), name='conv2')
        self.prelu2 = _layers.PReLU(shared_axes=[1, 2], name='prelu2')
        self.maxpool2 = _layers.MaxPooling2D((3, 3), (2, 2), padding='valid', name='maxpooling2')
        self.conv3 = _layers.Conv2D(64, kernel_size=(2, 2), name='conv3')
        self.prelu3 = _layers.PReLU(shared_axes=[1, 2], name='prelu3')
        self.permute = _layers.Permute((2, 1, 3), name='permute')
        self.flatten = _layers.Flatten(name='flatten3')
        self.fc4 = _layers.Dense(128, name='fc4')
        self.prelu4 = _layers.PReLU(name='prelu4')
        self.fc5_1 = _layers.Dense(4, name='fc5-1')
        self.fc5_2 = _layers.Dense(2, activation='softmax', name='fc5-2')

    def call(self, inputs: Any) -> list[Any]:
        x = self.maxpool1(self.prelu1(self.conv1(inputs)))
        x = self.maxpool2(self.prelu2(self.conv2(x)))
        x = self.prelu3(self.conv3(x))
        x = self.prelu4(self.fc4(self.flatten(self.permute(x))))
        return [self.fc5_1(x), self.fc5_2(x)]


def face_refiner() -> Pair:
    """AITTSMD/MTCNN-Tensorflow's R-Net as it is trained, and the class RNet that ipazc/mtcnn has had since 2024.

    The new one gives boxes before classes, has no landmarks, and a PReLU more; its slopes have axes of the image's
    extents. It swaps these before its first dense layer.
    """
    tf.keras.backend.clear_session()
    rows, model = Rows(), _RNet()
    model(tf.zeros([1, 24, 24, 3]))
    for number in (1, 2, 3):
        conv, prelu = (getattr(model, f'{name}{number}') for name in ('conv', 'prelu'))
        rows.layer(conv, f'conv{number}', **_SLIM)
        rows.add(prelu.alpha, f'conv{number}/alphas', (conv.filters,))
    for name, layer in (('fc1', model.fc4), ('cls_fc', model.fc5_2), ('bbox_fc', model.fc5_1)):
        rows.layer(layer, name, **_SLIM)
    others = {'landmark_fc/weights': (128, 10), 'landmark_fc/biases': (10,)}
    return with_slots(rows.pair(others, model=model), 'Momentum', others={'Variable': ()})
