"""Pairs of networks that find things and features in images, for a fourteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair
from tests.suggesting.ninth_image_residual_networks import bottlenecks

_layers = tf.keras.layers


class _Block(tf.keras.Model):
    """DELF's _IdentityBlock, or its _ConvBlock, which makes a shortcut last."""

    def __init__(self, width: int, at: str, projects: bool):
        super().__init__()
        conv, norm = f'res{at}_branch', f'bn{at}_branch'
        self.conv2a = _layers.Conv2D(width, 1, name=f'{conv}2a')
        self.bn2a = _layers.BatchNormalization(axis=3, name=f'{norm}2a')
        self.conv2b = _layers.Conv2D(width, 3, padding='same', name=f'{conv}2b')
        self.bn2b = _layers.BatchNormalization(axis=3, name=f'{norm}2b')
        self.conv2c = _layers.Conv2D(4 * width, 1, name=f'{conv}2c')
        self.bn2c = _layers.BatchNormalization(axis=3, name=f'{norm}2c')
        self.parts = 3
        if projects:
            self.conv_shortcut = _layers.Conv2D(4 * width, 1, name=f'{conv}1')
            self.bn_shortcut = _layers.BatchNormalization(axis=3, name=f'{norm}1')
            self.parts = 4

    def call(self, inputs: Any) -> Any:
        x = tf.nn.relu(self.bn2a(self.conv2a(inputs)))
        x = tf.nn.relu(self.bn2b(self.conv2b(x)))
        x = self.bn2c(self.conv2c(x))
        return tf.nn.relu(x + (self.bn_shortcut(self.conv_shortcut(inputs)) if self.parts > 3 else inputs))

    def note(self, rows: Rows, source: str) -> None:
        units = [(self.conv2a, self.bn2a), (self.conv2b, self.bn2b), (self.conv2c, self.bn2c)]
        names = ['conv1', 'conv2', 'conv3']
        if self.parts > 3:
            units.append((self.conv_shortcut, self.bn_shortcut))
            names.append('shortcut')
        for (conv, norm), name in zip(units, names, strict=True):
            rows.layer(conv, f'{source}/{name}', ['kernel'], kernel='weights')
            rows.layer(norm, f'{source}/{name}/BatchNorm', STATISTICS)


class _Backbone(tf.keras.Model):
    """DELF's ResNet50 without its pooling."""

    def __init__(self):
        super().__init__(name='backbone')
        self.conv1 = _layers.Conv2D(64, 7, 2, 'same', name='conv1')
        self.bn_conv1 = _layers.BatchNormalization(axis=3, name='bn_conv1')
        self.max_pool = _layers.MaxPooling2D(3, 2)
        for stage, count in enumerate((3, 4, 6, 3), 2):
            for number in range(count):
                at = f'{stage}{"abcdef"[number]}'
                setattr(self, f'l{at}', _Block(16 * 2**stage, at, not number))

    def call(self, images: Any) -> tuple[Any, Any]:
        x, third = self.max_pool(tf.nn.relu(self.bn_conv1(self.conv1(images)))), None
        for stage, count in enumerate((3, 4, 6, 3), 2):
            third = x if stage == 5 else third
            for letter in 'abcdef'[:count]:
                x = getattr(self, f'l{stage}{letter}')(x)
        return tf.reduce_mean(x, [1, 2]), third


class _Attention(tf.keras.Model):
    """DELF's AttentionModel."""

    def __init__(self):
        super().__init__(name='attention')
        self.conv1 = _layers.Conv2D(512, 1, padding='same', name='attn_conv1')
        self.bn_conv1 = _layers.BatchNormalization(axis=3, name='bn_conv1')
        self.conv2 = _layers.Conv2D(1, 1, padding='same', name='attn_conv2')
        self.activation_layer = _layers.Activation('softplus')

    def call(self, inputs: Any) -> Any:
        score = self.conv2(tf.nn.relu(self.bn_conv1(self.conv1(inputs))))
        return tf.reduce_mean(inputs * self.activation_layer(score), [1, 2])


class _Delf(tf.keras.Model):
    """DELF with its classifiers."""

    def __init__(self, classes: int):
        super().__init__(name='DELF')
        self.backbone, self.attention = _Backbone(), _Attention()
        self.desc_classification = _layers.Dense(classes, name='desc_fc')
        self.attn_classification = _layers.Dense(classes, name='att_fc')

    def call(self, images: Any) -> tuple[Any, Any]:
        described, third = self.backbone(images)
        return self.desc_classification(described), self.attn_classification(self.attention(third))


def delf() -> Pair:
    """tensorflow/models' research/delf's DelfV1 in slim with its logits, and the objects of its TF2 Delf.

    The old one ends after its third block. Both are for 100 classes here. Whether its training, which was not
    published, kept slots was not verified; none are given.
    """
    tf.keras.backend.clear_session()
    rows, model, root = Rows(), _Delf(100), 'resnet_v1_50'
    model(tf.zeros([1, 64, 64, 3]))
    backbone, attention = model.backbone, model.attention
    rows.layer(backbone.conv1, f'{root}/conv1', ['kernel'], kernel='weights')
    rows.layer(backbone.bn_conv1, f'{root}/conv1/BatchNorm', STATISTICS)
    for block, count in enumerate((3, 4, 6), 1):
        for number in range(count):
            part = getattr(backbone, f'l{block + 1}{"abcdef"[number]}')
            part.note(rows, f'{root}/block{block}/unit_{number + 1}/bottleneck_v1')
    at = 'attention_block/attention/compute'
    rows.layer(attention.conv1, f'{at}/conv1', ['kernel'], kernel='weights')
    rows.layer(attention.bn_conv1, f'{at}/conv1/BatchNorm', STATISTICS)
    rows.layer(attention.conv2, f'{at}/conv2', kernel='weights', bias='biases')
    logits = model.attn_classification
    rows.add(logits.kernel, 'attention_block/logits/weights', (1, 1, 1024, 100))
    rows.add(logits.bias, 'attention_block/logits/biases')
    return rows.pair({'global_step': ()}, model=model)


class _Pyramid(tf.keras.layers.Layer):
    """keras-io's FeaturePyramid."""

    def __init__(self, backbone: tf.keras.Model):
        super().__init__(name='FeaturePyramid')
        self.backbone = backbone
        for level in (3, 4, 5):
            setattr(self, f'conv_c{level}_1x1', _layers.Conv2D(256, 1, 1, 'same'))
        for level in range(3, 8):
            setattr(self, f'conv_c{level}_3x3', _layers.Conv2D(256, 3, 1 if level < 6 else 2, 'same'))
        self.upsample_2x = _layers.UpSampling2D(2)

    def call(self, images: Any) -> list[Any]:
        c3, c4, c5 = self.backbone(images)
        p3, p4, p5 = self.conv_c3_1x1(c3), self.conv_c4_1x1(c4), self.conv_c5_1x1(c5)
        p4 = p4 + self.upsample_2x(p5)
        p3 = p3 + self.upsample_2x(p4)
        p3, p4, p5 = self.conv_c3_3x3(p3), self.conv_c4_3x3(p4), self.conv_c5_3x3(p5)
        p6 = self.conv_c6_3x3(c5)
        return [p3, p4, p5, p6, self.conv_c7_3x3(tf.nn.relu(p6))]


def _head(filters: int) -> tf.keras.Sequential:
    head = tf.keras.Sequential([tf.keras.Input([None, None, 256])])
    for _ in range(4):
        head.add(_layers.Conv2D(256, 3, padding='same'))
        head.add(_layers.ReLU())
    head.add(_layers.Conv2D(filters, 3, 1, padding='same'))
    return head


class _RetinaNet(tf.keras.Model):
    """keras-io's RetinaNet."""

    def __init__(self, classes: int, backbone: tf.keras.Model):
        super().__init__(name='RetinaNet')
        self.fpn = _Pyramid(backbone)
        self.cls_head, self.box_head = _head(9 * classes), _head(9 * 4)

    def call(self, images: Any) -> list[Any]:
        return [head(x) for x in self.fpn(images) for head in (self.box_head, self.cls_head)]


def retina_net() -> Pair:
    """tensorflow/tpu's RetinaNet with ResNet-50 as it is trained, and keras-team/keras-io's examples/vision/retinanet.

    The old one normalizes its pyramid, and its heads level by level; it does not train its first convolution, and has
    ten classes more. The new P6 is made of what the backbone gives, the old one of P5. The new backbone has biases. The
    old names are those of an earlier pair with the same network.
    """
    tf.keras.backend.clear_session()
    whole, rows = (
        tf.keras.applications.ResNet50(include_top=False, weights=None, input_shape=[None, None, 3]),
        Rows(),
    )
    ends = 'conv3_block4_out', 'conv4_block6_out', 'conv5_block3_out'
    backbone = tf.keras.Model([whole.inputs], [whole.get_layer(name).output for name in ends])
    model = _RetinaNet(80, backbone)
    model(tf.zeros([1, 64, 64, 3]))
    units = [f'conv{stage + 2}_block{block + 1}_{part}' for stage, block, part, _ in bottlenecks(3, 4, 6, 3)]
    for number, name in enumerate(['conv1', *units]):
        end = f'_{number}' if number else ''
        rows.layer(whole.get_layer(f'{name}_conv'), f'resnet50/conv2d{end}', ['kernel'])
        rows.layer(whole.get_layer(f'{name}_bn'), f'resnet50/batch_normalization{end}', STATISTICS)
    others = {'resnet_fpn/p6/kernel': (3, 3, 256, 256), 'resnet_fpn/p6/bias': (256,)}
    for level in (3, 4, 5):
        rows.layer(getattr(model.fpn, f'conv_c{level}_1x1'), f'resnet_fpn/l{level}')
        rows.layer(getattr(model.fpn, f'conv_c{level}_3x3'), f'resnet_fpn/post_hoc_d{level}')
    rows.layer(model.fpn.conv_c7_3x3, 'resnet_fpn/p7')
    norms = [f'resnet_fpn/p{level}-bn' for level in range(3, 8)]
    for name, head in (('class', model.cls_head), ('box', model.box_head)):
        *hidden, last = [layer for layer in head.layers if layer.weights]
        for number, layer in enumerate(hidden):
            scope = f'retinanet/{name}_net/{name}-{number}'
            rows.layer(layer, scope)
            norms += [f'{scope}-bn-{level}' for level in range(3, 8)]
        if name == 'box':
            rows.layer(last, 'retinanet/box_net/box-predict')
    others |= {f'{norm}/{role}': (256,) for norm in norms for role in STATISTICS}
    at = 'retinanet/class_net/class-predict'
    others |= {f'{at}/kernel': (3, 3, 256, 810), f'{at}/bias': (810,)}
    untrained = r'resnet50/conv2d/|moving_|_step'
    return with_slots(rows.pair(others, model=model), 'Momentum', but=untrained, others={'global_step': ()})
