"""Pairs of networks that classify images and faces, for a third blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Part, Rows, built, dense, with_slots
from tests.suggesting.known_pairs import Pair

_SLIM = {'kernel': 'weights', 'depthwise_kernel': 'depthwise_weights'}


class _Digits(tf.keras.Model):
    """The model of official/mnist: two convolutions and two dense layers."""

    def __init__(self):
        super().__init__(name='model')
        layers = tf.keras.layers
        self.conv1 = layers.Conv2D(32, 5, padding='same', activation='relu')
        self.conv2 = layers.Conv2D(64, 5, padding='same', activation='relu')
        self.fc1 = layers.Dense(1024, activation='relu')
        self.fc2 = layers.Dense(10)
        self.dropout = layers.Dropout(0.4)
        self.max_pool2d = layers.MaxPooling2D(2, 2, 'same')

    def call(self, inputs):
        x = self.max_pool2d(self.conv1(inputs))
        x = self.max_pool2d(self.conv2(x))
        x = self.fc1(tf.reshape(x, [-1, 7 * 7 * 64]))
        return self.fc2(self.dropout(x))


def mnist_deep() -> Pair:
    """tensorflow/tensorflow's tutorial mnist_deep.py, with a Saver, and the equal model of tensorflow/models' mnist.py.

    The new model derives from tf.keras.Model; its layers are Keras's own here.
    """
    tf.keras.backend.clear_session()
    rows, model = Rows(), _Digits()
    model(tf.zeros([1, 28, 28, 1]))
    for name in ('conv1', 'conv2', 'fc1', 'fc2'):
        rows.layer(getattr(model, name), name, kernel='Variable', bias='Variable_1')
    steps = {f'adam_optimizer/beta{n}_power': () for n in (1, 2)}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)


_LITE = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


class _Lite:
    """Builds the Keras EfficientNet-Lite0, and notes the names of tensorflow/tpu."""

    old = 'efficientnet-lite0'

    def __init__(self):
        self.rows = Rows()

    def unit(self, x, conv: Any, name: str, scopes: tuple[str, str], role: str = 'kernel', acts: bool = True):
        norm = tf.keras.layers.BatchNormalization(name=name)
        x = norm(conv(x))
        self.rows.layer(conv, f'{self.old}/{scopes[0]}', [role])
        self.rows.layer(norm, f'{self.old}/{scopes[1]}', STATISTICS)
        return tf.keras.layers.ReLU(6)(x) if acts else x

    def conv(self, width: int, name: str, size: int = 1, stride: int = 1) -> tf.keras.layers.Layer:
        return tf.keras.layers.Conv2D(width, size, stride, 'same', use_bias=False, name=name)

    def block(self, x, name: str, number: int, size: int, stride: int, ratio: int, width: int):
        layers, inputs = tf.keras.layers, x
        scope, expands = f'blocks_{number}', ratio > 1
        norm = f'{scope}/tpu_batch_normalization'
        if expands:
            layer = self.conv(ratio * x.shape[-1], f'{name}_expand_conv')
            x = self.unit(x, layer, f'{name}_expand_bn', (f'{scope}/conv2d', norm))
        layer = layers.DepthwiseConv2D(size, stride, 'same', use_bias=False, name=f'{name}_dwconv')
        scopes = f'{scope}/depthwise_conv2d', norm + '_1' * expands
        x = self.unit(x, layer, f'{name}_bn', scopes, 'depthwise_kernel')
        scopes = f'{scope}/conv2d{"_1" * expands}', f'{norm}_{1 + expands}'
        x = self.unit(x, self.conv(width, f'{name}_project_conv'), f'{name}_project_bn', scopes, acts=False)
        return layers.Add(name=f'{name}_add')([x, inputs]) if stride == 1 and x.shape == inputs.shape else x


def efficientnet_lite() -> Pair:
    """tensorflow/tpu's EfficientNet-Lite0 with averages, and sebastian-sz/efficientnet-lite-keras for 10 classes.

    The answer is that of the latter's efficientnet_weight_update_util.py, without the averages. The names of the old
    optimizer's slots are not verified.
    """
    tf.keras.backend.clear_session()
    net, layers, number = _Lite(), tf.keras.layers, 0
    inputs = layers.Input([224, 224, 3])
    scopes = 'stem/conv2d', 'stem/tpu_batch_normalization'
    x = net.unit(inputs, net.conv(32, 'stem_conv', 3, 2), 'stem_bn', scopes)
    for group, (count, size, stride, ratio, _, width) in enumerate(_LITE, 1):
        for letter in 'abcd'[:count]:
            name = f'block{group}{letter}'
            x = net.block(x, name, number, size, stride if letter == 'a' else 1, ratio, width)
            number += 1
    scopes = 'head/conv2d', 'head/tpu_batch_normalization'
    x = net.unit(x, net.conv(1280, 'top_conv'), 'top_bn', scopes)
    x = layers.Dropout(0.2, name='top_dropout')(layers.GlobalAveragePooling2D(name='avg_pool')(x))
    model = tf.keras.Model(inputs, layers.Dense(10, name='predictions')(x), name='efficientnetlite0')
    at = f'{net.old}/head/dense'
    others = {f'{at}/kernel': (1280, 1000), f'{at}/bias': (1000,)}
    pair = with_slots(net.rows.pair(others, model=model), 'ExponentialMovingAverage', but='(?!)')
    average = 'ExponentialMovingAverage$|moving_'
    return with_slots(pair, 'RMSProp', 'RMSProp_1', but=average, others={'global_step': ()})


def _numbered(name: str, number: int) -> str:
    return f'{name}_{number}' if number else name


class _SimClr:
    """Makes the objects of SimCLR's ResNet-50 under TF2, whose layers count on, and notes TF1's names."""

    def __init__(self):
        self.rows, self._convs, self._norms, self._denses = Rows(), 0, 0, 0

    def conv(self, x: int, y: int, size: int) -> Part:
        n, self._convs = self._convs, self._convs + 1
        with tf.name_scope(_numbered('conv2d_fixed_padding', n)):
            layer = tf.keras.layers.Conv2D(y, size, use_bias=False, name=_numbered('conv2d', n))
            built(layer, None, None, x)
        return Part(conv2d=self.rows.layer(layer, f'base_model/{_numbered("conv2d", n)}', ['kernel']))

    def norm(self, width: int, source: str | None = None, roles=STATISTICS) -> Part:
        n, self._norms = self._norms, self._norms + 1
        options = {'center': 'beta' in roles, 'name': _numbered('sync_batch_normalization', n)}
        with tf.name_scope(_numbered('batch_norm_relu', n)):
            layer = built(tf.keras.layers.BatchNormalization(**options), None, None, width)
        source = source or f'base_model/{_numbered("batch_normalization", n)}'
        return Part(bn=self.rows.layer(layer, source, roles))

    def block(self, number: int, x: int, width: int, projects: bool) -> Part:
        parts = {}
        with tf.name_scope(_numbered('bottleneck_block', number)):
            rows = [self.conv(x, 4 * width, 1), self.norm(4 * width)] if projects else []
            parts['projection_layers'] = rows
            rows = []
            for a, b, size in ((x, width, 1), (width, width, 3), (width, 4 * width, 1)):
                rows += [self.conv(a, b, size), self.norm(b), Part()]
            parts['conv_relu_dropblock_layers'] = rows
        return Part(**parts)

    def linear(self, name: str, y: int, source: str, last: bool) -> Part:
        n, self._denses = self._denses, self._denses + 1
        with tf.name_scope(f'projection_head/{name}'):
            layer = dense(2048, y, False, _numbered('dense', n))
            self.rows.layer(layer, f'{source}/dense', ['kernel'])
            roles = [role for role in STATISTICS if role != 'beta' or not last]
            return Part(dense=layer, bn_relu=self.norm(y, f'{source}/batch_normalization', roles))


def sim_clr() -> Pair:
    """google-research/simclr's pretrained ResNet-50 under TF1, and the objects of its tf2 with a supervised head."""
    tf.keras.backend.clear_session()
    net, groups, count, x = _SimClr(), [], 0, 64
    with tf.name_scope('resnet'):
        first = [net.conv(3, 64, 7), Part(), net.norm(64), Part(), Part()]
        for group, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 1):
            parts = []
            with tf.name_scope(f'block_group{group}'):
                for n in range(blocks):
                    parts.append(net.block(count, x, width, not n))
                    count, x = count + 1, 4 * width
            groups.append(Part(layers=parts))
    heads = []
    for n, y in enumerate((2048, 2048, 128)):
        heads.append(net.linear(f'nl_{n}', y, f'head_contrastive/nl_{n}', n == 2))
    with tf.name_scope('head_supervised/linear_layer'):
        supervised = dense(2048, 1000, name='dense_3')
    model = Part(
        resnet_model=Part(initial_conv_relu_max_pool=first, block_groups=groups),
        _projection_head=Part(linear_layers=heads),
        supervised_head=Part(linear_layer=Part(dense=supervised)),
    )
    return with_slots(net.rows.pair(model=model), 'Momentum', others={'global_step': ()})


class _Prelu(tf.keras.layers.Layer):
    """A leaky unit whose slopes are learned, one for each channel."""

    def build(self, shape):
        self.alphas = self.add_weight('alpha', shape=(shape[-1],))

    def call(self, x):
        return tf.nn.relu(x) + self.alphas * (x - tf.abs(x)) * 0.5


class _FaceNet:
    """Builds fanqie03's MobileFaceNet, and notes the names of sirius-ai's, whose blocks slim counts."""

    def __init__(self):
        self.rows, self._prelus = Rows(), 0

    def unit(self, x, layer: Any, source: str | None, acts: bool = True):
        norm = tf.keras.layers.BatchNormalization()
        x = norm(layer(x))
        at, role = f'MobileFaceNet/{source}', 'kernel'
        if isinstance(layer, tf.keras.layers.DepthwiseConv2D):
            role = 'depthwise_kernel'
        if source:
            self.rows.add(getattr(layer, role), f'{at}/{_SLIM[role]}')
            self.rows.layer(norm, f'{at}/BatchNorm', STATISTICS)
        if not acts:
            return x
        prelu = _Prelu(name=_numbered('prelu', self._prelus))
        self._prelus += 1
        x = prelu(x)
        if source:
            self.rows.add(prelu.alphas, f'{at}/prelu_alphas')
        return x

    def conv(self, x, source: str | None, width: int, acts: bool = True, size: int = 1, stride: int = 1):
        layer = tf.keras.layers.Conv2D(width, size, stride, 'same', use_bias=False)
        return self.unit(x, layer, source, acts)

    def depthwise(self, x, source: str | None, stride: int = 1, size: int = 3, acts: bool = True):
        padding = 'same' if acts else 'valid'
        layer = tf.keras.layers.DepthwiseConv2D(size, stride, padding, use_bias=False)
        return self.unit(x, layer, source, acts)


def mobile_face_net() -> Pair:
    """sirius-ai/MobileFaceNet_TF with its ArcFace classes, and the model of fanqie03/MobileFaceNet_keras.

    The new program makes a depthwise block that its model does not reach, by an oversight.
    """
    tf.keras.backend.clear_session()
    net, layers, number = _FaceNet(), tf.keras.layers, 0
    inputs = layers.Input([112, 112, 3])
    x = net.conv(inputs, 'Conv2d_0', 64, size=3, stride=2)
    net.depthwise(x, None)
    net.conv(x, None, 64, acts=False)
    for width, ratio, stride, count in (
        (64, 2, 2, 5),
        (128, 4, 2, 1),
        (128, 2, 1, 6),
        (128, 4, 2, 1),
        (128, 2, 1, 2),
    ):
        for n in range(count):
            y = net.conv(x, f'Conv_{2 * number + 1}', ratio * x.shape[-1])
            number += 1
            y = net.depthwise(y, f'SeparableConv2d_{number}', 1 if n else stride)
            y = net.conv(y, f'Conv_{2 * number}', width, acts=False)
            x = layers.Add()([y, x]) if n else y
    x = net.conv(x, 'Conv2d_7', 512)
    x = net.depthwise(x, 'Logits/SeparableConv2d', size=7, acts=False)
    x = net.conv(x, 'Logits/Conv', 512, acts=False)
    x = net.conv(x, 'Logits/LinearConv1x1', 128, acts=False)
    at = 'MobileFaceNet/SeparableConv2d'
    others = {f'{at}/depthwise_weights': (3, 3, 64, 1), f'{at}/prelu_alphas': (64,)}
    others |= {'MobileFaceNet/Conv/weights': (1, 1, 64, 64), 'arcface_loss/embedding_weights': (128, 10572)}
    for name in ('SeparableConv2d', 'Conv'):
        others |= {f'MobileFaceNet/{name}/BatchNorm/{role}': (64,) for role in STATISTICS}
    return net.rows.pair(others, model=tf.keras.Model(inputs, layers.Reshape([128])(x)))
