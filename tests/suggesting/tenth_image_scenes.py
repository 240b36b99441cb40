"""Pairs of networks that segment images and detect objects in them, for a tenth blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import UNTRAINED, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_WEIGHTS = {'kernel': 'weights', 'bias': 'biases'}
_LAYER = ('kernel', 'bias')
# The names of the convolutions of a SegNet, and how many channels each makes, from one change of the extents to the
# next.
_ENCODER = (
    {'conv1_1': 64, 'conv1_2': 64},
    {'conv2_1': 128, 'conv2_2': 128},
    {'conv3_1': 256, 'conv3_2': 256, 'conv3_3': 256},
    {'conv4_1': 512, 'conv4_2': 512, 'conv4_3': 512},
    {'conv5_1': 512, 'conv5_2': 512, 'conv5_3': 512},
)
_DECODER = (
    {'deconv5_2': 512, 'deconv5_3': 512, 'deconv5_4': 512},
    {'deconv4_2': 512, 'deconv4_3': 512, 'deconv4_4': 256},
    {'deconv3_2': 256, 'deconv3_3': 256, 'deconv3_4': 128},
    {'deconv2_2': 128, 'deconv2_3': 64},
    {'deconv1_2': 64, 'deconv1_3': 64},
)


def seg_net() -> Pair:
    """toimcio/SegNet-tensorflow as it is trained, and ykamikawa/tf-keras-SegNet, both a quarter of the width.

    The old norms neither scale nor shift, and the old classifier has none. Both tell twelve classes. What pools and
    unpools has no variables and is left out but for the extents.
    """
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()
    x = inputs = layers.Input([64, 64, 3])

    def units(x: tf.Tensor, widths: dict[str, int]) -> tf.Tensor:
        for name, width in widths.items():
            conv, norm = layers.Conv2D(width // 4, 3, padding='same'), layers.BatchNormalization()
            x = layers.Activation('relu')(norm(conv(x)))
            rows.layer(conv, name, **_WEIGHTS)
            rows.layer(norm, name, ('moving_mean', 'moving_variance'))
        return x

    for widths in _ENCODER:
        x = layers.MaxPooling2D()(units(x, widths))
    for widths in _DECODER:
        x = units(layers.UpSampling2D()(x), widths)
    conv, norm = layers.Conv2D(12, 1), layers.BatchNormalization()
    x = layers.Activation('softmax')(layers.Reshape((64 * 64, 12))(norm(conv(x))))
    rows.layer(conv, 'conv_classifier', **_WEIGHTS)
    pair = rows.pair(model=tf.keras.Model(inputs, x, name='SegNet'))
    others = {name: () for name in ('Variable', 'beta1_power', 'beta2_power')}
    return with_slots(pair, 'Adam', 'Adam_1', others=others)


class RoiPoolingConv(tf.keras.layers.Layer):
    """The layer of keras-frcnn, which has no variables, by another op."""

    def __init__(self, pool_size: int, num_rois: int, **kwargs):
        super().__init__(**kwargs)
        self.pool_size, self.num_rois = pool_size, num_rois

    def call(self, x):
        image, boxes = x
        size = [self.pool_size, self.pool_size]
        crops = tf.image.crop_and_resize(image, boxes[0], tf.zeros([self.num_rois], tf.int32), size)
        return crops[tf.newaxis]


def faster_rcnn() -> Pair:
    """endernewton/tf-faster-rcnn with VGG-16 for VOC as it is trained, and yhenon/keras-frcnn for three classes.

    The new one was read as kbardool/Keras-frcnn keeps it. Both are an eighth of the width. The old one does not train
    its first four convolutions. It scores each anchor twice, and orders the nine anchors otherwise.
    """
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()
    image, rois = layers.Input([None, None, 3]), layers.Input([None, 4])

    def add(layer: layers.Layer, source: str, x: tf.Tensor) -> tf.Tensor:
        y = layer(x)
        rows.layer(layer, f'vgg_16/{source}', **_WEIGHTS)
        return y

    x = image
    for block, (width, count) in enumerate(((8, 2), (16, 2), (32, 3), (64, 3), (64, 3)), 1):
        for n in range(1, count + 1):
            conv = layers.Conv2D(width, 3, activation='relu', padding='same', name=f'block{block}_conv{n}')
            x = add(conv, f'conv{block}/conv{block}_{n}', x)
        if block < 5:
            x = layers.MaxPooling2D(2, 2, name=f'block{block}_pool')(x)
    conv = layers.Conv2D(64, 3, padding='same', activation='relu', name='rpn_conv1')
    y = add(conv, 'rpn_conv/3x3', x)
    scores = layers.Conv2D(9, 1, activation='sigmoid', name='rpn_out_class')(y)
    edges = add(layers.Conv2D(36, 1, name='rpn_out_regress'), 'rpn_bbox_pred', y)
    x = layers.TimeDistributed(layers.Flatten(name='flatten'))(RoiPoolingConv(7, 4)([x, rois]))
    for name, source in (('fc1', 'fc6'), ('fc2', 'fc7')):
        hidden = layers.Dense(512, activation='relu', name=name)
        x = layers.TimeDistributed(layers.Dropout(0.5))(layers.TimeDistributed(hidden)(x))
        rows.layer(hidden, f'vgg_16/{source}', **_WEIGHTS)
    classes = layers.TimeDistributed(layers.Dense(4, activation='softmax'), name='dense_class_4')(x)
    boxes = layers.TimeDistributed(layers.Dense(12), name='dense_regress_4')(x)
    model = tf.keras.Model([image, rois], [scores, edges, classes, boxes])
    others = {}
    for name, *shape in (('rpn_cls_score', 1, 1, 64, 18), ('cls_score', 512, 21), ('bbox_pred', 512, 84)):
        others |= {f'vgg_16/{name}/weights': tuple(shape), f'vgg_16/{name}/biases': (shape[-1],)}
    pair = rows.pair(others, model=model)
    return with_slots(pair, 'Momentum', but=f'{UNTRAINED}|/conv[12]/', others={'Variable': ()})
