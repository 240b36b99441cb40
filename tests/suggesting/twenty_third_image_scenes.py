"""Pairs of networks that see what is where in images, for the twenty-third blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.sixteenth_image_backbones import WEIGHTS

_layers = tf.keras.layers

# The width, the extent and the stride of each convolution of YOLO; `None` where the image is pooled.
_YOLO = (
    ((64, 7, 2), None, (192, 3, 1), None)
    + ((128, 1, 1), (256, 3, 1), (256, 1, 1), (512, 3, 1), None)
    + ((256, 1, 1), (512, 3, 1)) * 4
    + ((512, 1, 1), (1024, 3, 1), None)
    + ((512, 1, 1), (1024, 3, 1)) * 2
    + ((1024, 3, 1), (1024, 3, 2), (1024, 3, 1), (1024, 3, 1))
)


def yolo_v1() -> Pair:
    """hizhangp/yolo_tensorflow's YOLO_small as it saves it, and tayyabejaz2000/yolov1-keras' GetModel.

    The files are yolo/yolo_net.py and train.py, whose Saver is made before the step and the averages, and
    yolo/model.py; both are an eighth of the width. The old scopes count whatever is padded or pooled, too. Between
    the convolutions and the last layer are two dense layers in the old one, and one of other extents in the new one,
    which have no answer. The new activation at the end has no variables, and is left out.
    """
    tf.keras.backend.clear_session()
    model, rows, number = tf.keras.Sequential(), Rows(), 1
    model.add(_layers.InputLayer(input_shape=(448, 448, 3)))
    for row in _YOLO:
        number += 1
        if row is None:
            model.add(_layers.MaxPooling2D(pool_size=(2, 2), strides=(2, 2), padding='same'))
            continue
        width, size, stride = row
        number += stride == 2 and number > 2
        conv = _layers.Conv2D(width // 8, (size, size), strides=(stride, stride), padding='same')
        model.add(conv)
        model.add(_layers.LeakyReLU(alpha=0.1))
        rows.layer(conv, f'yolo/conv_{number}', **WEIGHTS)
    last = _layers.Dense(7 * 7 * 30)
    for layer in (_layers.Flatten(), _layers.Dense(512), _layers.LeakyReLU(alpha=0.1), last):
        model.add(layer)
    model.add(_layers.Reshape((7, 7, 30)))
    rows.layer(last, 'yolo/fc_36', **WEIGHTS)
    others = {'yolo/fc_33/weights': (7 * 7 * 128, 64), 'yolo/fc_33/biases': (64,)}
    others |= {'yolo/fc_34/weights': (64, 512), 'yolo/fc_34/biases': (512,)}
    return rows.pair(others, model=model)


class _Atrous:
    """Builds aurora95's ResNet-50, a quarter of the width, and notes slim's names."""

    scope = 'resnet_v1_50_16s/resnet_v1_50'

    def __init__(self):
        self.rows = Rows()

    def unit(self, x: Any, end: str, source: str, width: int, size: int, **options: Any) -> Any:
        """A convolution, whose bias is of the new one alone, and its norm, by the end of both names."""
        conv = _layers.Conv2D(width, (size, size), name=f'res{end}', **options)
        norm = _layers.BatchNormalization(axis=3, name=f'bn{end}', momentum=0.9)
        x = norm(conv(x))
        self.rows.layer(conv, source, ['kernel'], **WEIGHTS)
        self.rows.layer(norm, f'{source}/BatchNorm', STATISTICS)
        return x

    def block(self, x: Any, stage: int, number: int, width: int) -> Any:
        """A bottleneck, which makes its shortcut last; those of the last stage are dilated."""
        at = f'{self.scope}/block{stage - 1}/unit_{number + 1}/bottleneck_v1'
        name, rate = f'{stage}{"abcdef"[number]}_branch', 2 if stage == 5 else 1
        stride = {'strides': (2, 2) if stage in (3, 4) and not number else (1, 1)}
        y = self.unit(x, f'{name}2a', f'{at}/conv1', width, 1, **stride)
        y = _layers.Activation('relu')(y)
        y = self.unit(y, f'{name}2b', f'{at}/conv2', width, 3, padding='same', dilation_rate=(rate, rate))
        y = self.unit(_layers.Activation('relu')(y), f'{name}2c', f'{at}/conv3', 4 * width, 1)
        if not number:
            x = self.unit(x, f'{name}1', f'{at}/shortcut', 4 * width, 1, **stride)
        return _layers.Activation('relu')(_layers.Add()([y, x]))


def atrous_resnet() -> Pair:
    """warmspringwinds/tf-image-segmentation's resnet_v1_50_16s, and aurora95/Keras-FCN's AtrousFCN_Resnet50_16s.

    The files are models/resnet_v1_50_16s.py of tf_image_segmentation, which calls slim's ResNet-50, and models.py and
    utils/resnet_helpers.py; both are a quarter of the width, for the 21 classes of VOC. The recipes of the old one, of
    which that of ResNet-101 was read, save what slim calls model variables alone. The new convolutions have biases. The
    strides lie in other units. The names within slim's network are those that slim's published checkpoint has.
    """
    tf.keras.backend.clear_session()
    net = _Atrous()
    inputs = _layers.Input(shape=(320, 320, 3))
    conv = _layers.Conv2D(16, (7, 7), strides=(2, 2), padding='same', name='conv1')
    norm = _layers.BatchNormalization(axis=3, name='bn_conv1', momentum=0.9)
    x = _layers.Activation('relu')(norm(conv(inputs)))
    net.rows.layer(conv, f'{net.scope}/conv1', ['kernel'], **WEIGHTS)
    net.rows.layer(norm, f'{net.scope}/conv1/BatchNorm', STATISTICS)
    x = _layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
    for stage, count in ((2, 3), (3, 4), (4, 6), (5, 3)):
        for number in range(count):
            x = net.block(x, stage, number, 16 * 2 ** (stage - 2))
    last = _layers.Conv2D(21, (1, 1), activation='linear', padding='same', strides=(1, 1))
    x = last(x)
    net.rows.layer(last, f'{net.scope}/logits', **WEIGHTS)
    x = _layers.Lambda(lambda y: tf.image.resize(y, (320, 320)), name='bilinear_up_sampling2d_1')(x)
    return net.rows.pair(model=tf.keras.Model(inputs, x))


def lifted_pose() -> Pair:
    """una-dinosauria/3d-pose-baseline as its README trains it, and abars/3d-pose-baseline-keras' train.py.

    The old file is src/linear_model.py, with norms and two residual blocks. The old one keeps its rate, its step and
    what Adam keeps.
    """
    tf.keras.backend.clear_session()
    rows, width, scope = Rows(), 1024, 'linear_model'

    def unit(x: Any, at: str, end: str, norm: str) -> Any:
        """A dense layer and its norm, by the scope of the old ones, the end of the former's names and the norm's."""
        dense, normalization = _layers.Dense(width), _layers.BatchNormalization()
        x = normalization(dense(x))
        rows.add(dense.kernel, f'{at}/w{end}')
        rows.add(dense.bias, f'{at}/b{end}')
        rows.layer(normalization, f'{at}/batch_normalization{norm}', STATISTICS)
        return _layers.Dropout(0.5)(_layers.Activation('relu')(x))

    inputs = _layers.Input(shape=(32,))
    x = unit(inputs, scope, '1', '')
    for n in range(2):
        at = f'{scope}/two_linear_{n}'
        y = unit(x, at, f'2_{n}', f'1{n}')
        y = unit(y, at, f'3_{n}', f'2{n}')
        x = _layers.Add()([x, y])
    last = _layers.Dense(48)
    model = tf.keras.Model(inputs, last(x))
    rows.add(last.kernel, f'{scope}/w4')
    rows.add(last.bias, f'{scope}/b4')
    steps = {'learning_rate': (), 'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)
