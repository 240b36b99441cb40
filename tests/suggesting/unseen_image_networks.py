"""Pairs of networks that classify and segment images, for a second blind test; see `blind_pairs`."""

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair

_TENSORPACK = {'moving_mean': 'mean/EMA', 'moving_variance': 'variance/EMA'}


class _InceptionV4:
    """Builds kentsommer's Inception V4, and notes slim's name of each convolution."""

    def __init__(self):
        self.rows = Rows()

    def conv(self, x, scope: str, width: int, height: int, breadth: int, stride: int = 1, padding='same'):
        """A convolution and its normalization; slim names it by its size."""
        layers, scope = tf.keras.layers, f'InceptionV4/{scope}_{height}x{breadth}'
        layer = layers.Conv2D(width, (height, breadth), stride, padding, use_bias=False)
        norm = layers.BatchNormalization(scale=False)
        x = norm(layer(x))
        self.rows.layer(layer, scope, ['kernel'], kernel='weights')
        self.rows.layer(norm, f'{scope}/BatchNorm', STATISTICS[1:])
        return layers.Activation('relu')(x)

    def branch(self, x, scope: str, *convolutions: tuple):
        """Convolutions in a row, which slim numbers by letters; those with a stride begin anew, as `1a`."""
        for letter, (width, height, breadth, *rest) in zip('abcdef', convolutions, strict=False):
            place = '1a' if rest else f'0{letter}'
            x = self.conv(x, f'{scope}/Conv2d_{place}', width, height, breadth, *rest)
        return x

    def pooled(self, x, scope: str, width: int):
        x = tf.keras.layers.AveragePooling2D(3, 1, 'same')(x)
        return self.conv(x, f'{scope}/Branch_3/Conv2d_0b', width, 1, 1)

    def block(self, x, scope: str, width: int, *branches: tuple):
        """Branches beside each other; the last one pools, and has a convolution if it has a width."""
        rows = [self.branch(x, f'{scope}/Branch_{n}', *branch) for n, branch in enumerate(branches)]
        rows.append(self.pooled(x, scope, width) if width else tf.keras.layers.MaxPooling2D(3, 2)(x))
        return tf.keras.layers.Concatenate()(rows)

    def forked(self, x, scope: str):
        """The block of the last stage, two of whose branches end in two convolutions each."""
        first = self.branch(x, f'{scope}/Branch_0', (256, 1, 1))
        second = self.branch(x, f'{scope}/Branch_1', (384, 1, 1))
        at = f'{scope}/Branch_1/Conv2d'
        rows = [first, self.conv(second, f'{at}_0b', 256, 1, 3), self.conv(second, f'{at}_0c', 256, 3, 1)]
        third = self.branch(x, f'{scope}/Branch_2', (384, 1, 1), (448, 3, 1), (512, 1, 3))
        at = f'{scope}/Branch_2/Conv2d'
        rows += [self.conv(third, f'{at}_0d', 256, 1, 3), self.conv(third, f'{at}_0e', 256, 3, 1)]
        return tf.keras.layers.Concatenate()([*rows, self.pooled(x, scope, 256)])

    def stem(self, x):
        layers, valid = tf.keras.layers, (1, 'valid')
        x = self.conv(x, 'Conv2d_1a', 32, 3, 3, 2, 'valid')
        x = self.conv(x, 'Conv2d_2a', 32, 3, 3, *valid)
        x = self.conv(x, 'Conv2d_2b', 64, 3, 3)
        pooled = layers.MaxPooling2D(3, 2)(x)
        x = self.conv(x, 'Mixed_3a/Branch_1/Conv2d_0a', 96, 3, 3, 2, 'valid')
        x = layers.Concatenate()([pooled, x])
        left = self.branch(x, 'Mixed_4a/Branch_0', (64, 1, 1), (96, 3, 3, *valid))
        right = (64, 1, 1), (64, 1, 7), (64, 7, 1), (96, 3, 3, *valid)
        x = layers.Concatenate()([left, self.branch(x, 'Mixed_4a/Branch_1', *right)])
        left = self.branch(x, 'Mixed_5a/Branch_0', (192, 3, 3, 2, 'valid'))
        return layers.Concatenate()([left, layers.MaxPooling2D(3, 2)(x)])


def inception_v4() -> Pair:
    """slim's Inception V4 with its auxiliary logits and moving averages, and kentsommer/keras-inceptionV4."""
    tf.keras.backend.clear_session()
    net, layers, down = _InceptionV4(), tf.keras.layers, (2, 'valid')
    inputs = layers.Input([299, 299, 3])
    x = net.stem(inputs)
    for letter in 'bcde':
        first, second = ((96, 1, 1),), ((64, 1, 1), (96, 3, 3))
        x = net.block(x, f'Mixed_5{letter}', 96, first, second, (*second, (96, 3, 3)))
    second = (192, 1, 1), (224, 3, 3), (256, 3, 3, *down)
    x = net.block(x, 'Mixed_6a', 0, ((384, 3, 3, *down),), second)
    for letter in 'bcdefgh':
        first, second = ((384, 1, 1),), ((192, 1, 1), (224, 1, 7), (256, 7, 1))
        third = (192, 1, 1), (192, 7, 1), (224, 1, 7), (224, 7, 1), (256, 1, 7)
        x = net.block(x, f'Mixed_6{letter}', 128, first, second, third)
    first = (192, 1, 1), (192, 3, 3, *down)
    second = (256, 1, 1), (256, 1, 7), (320, 7, 1), (320, 3, 3, *down)
    x = net.block(x, 'Mixed_7a', 0, first, second)
    for letter in 'bcd':
        x = net.forked(x, f'Mixed_7{letter}')
    logits = layers.Dense(1001, activation='softmax')
    x = logits(layers.Flatten()(layers.Dropout(0.2)(layers.AveragePooling2D(8)(x))))
    net.rows.layer(logits, 'InceptionV4/Logits/Logits', kernel='weights', bias='biases')
    at = 'InceptionV4/AuxLogits'
    others = {f'{at}/Aux_logits/weights': (768, 1001), f'{at}/Aux_logits/biases': (1001,)}
    for scope, *shape in (('Conv2d_1b_1x1', 1, 1, 1024, 128), ('Conv2d_2a', 5, 5, 128, 768)):
        others[f'{at}/{scope}/weights'] = tuple(shape)
        others |= {f'{at}/{scope}/BatchNorm/{role}': (shape[-1],) for role in STATISTICS[1:]}
    pair = net.rows.pair(others, model=tf.keras.Model(inputs, x))
    return with_slots(pair, 'ExponentialMovingAverage', but='(?!)', others={'global_step': ()})


def pre_activation_resnet() -> Pair:
    """tensorpack/tensorpack's pre-activation ResNet-34, and the resnet34 of qubvel/classification_models.

    The norm at the end of each group is the first one of Keras's next block, and of the new one alone are a norm of
    the data, and a norm and a shortcut in the first block.
    """
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()

    def conv(x, name: str, source: str | None, width: int, size: int, stride: int = 1):
        layer = layers.Conv2D(width, size, stride, 'same', use_bias=False, name=name)
        x = layer(x)
        if source:
            rows.add(layer.kernel, f'{source}/W')
        return x

    def norm(x, name: str, source: str | None):
        layer = layers.BatchNormalization(name=name)
        x = layer(x)
        if source:
            rows.layer(layer, f'{source}/bn', STATISTICS, **_TENSORPACK)
        return layers.Activation('relu')(x)

    inputs = layers.Input([64, 64, 3], name='data')
    x = layers.BatchNormalization(scale=False, name='bn_data')(inputs)
    x = norm(conv(x, 'conv0', 'conv0', 64, 7, 2), 'bn0', 'conv0')
    x = layers.MaxPooling2D(3, 2, name='pooling0')(x)
    for group, (count, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512))):
        for block in range(count):
            at, name, first = f'group{group}/block{block}', f'stage{group + 1}_unit{block + 1}', not block
            source = f'{at}/preact' if block else f'group{group - 1}/bnlast' if group else None
            y = norm(x, f'{name}_bn1', source)
            stride = 2 if group and first else 1
            if first:
                x = conv(y, f'{name}_sc', f'{at}/convshortcut' if group else None, width, 1, stride)
            y = norm(conv(y, f'{name}_conv1', f'{at}/conv1', width, 3, stride), f'{name}_bn2', f'{at}/conv1')
            x = layers.Add()([conv(y, f'{name}_conv2', f'{at}/conv2', width, 3), x])
    x = layers.GlobalAveragePooling2D(name='pool1')(norm(x, 'bn1', 'group3/bnlast'))
    logits = layers.Dense(1000, name='fc1')
    model = tf.keras.Model(inputs, logits(x))
    rows.layer(logits, 'linear', kernel='W', bias='b')
    others = {'learning_rate': (), 'global_step': ()}
    return with_slots(rows.pair(others, model=model), 'Momentum', but=r'EMA$|_step|_rate')


class _IcNet:
    """Builds aitorzip's ICNet, each of whose layers has nearly hellochick's name."""

    def __init__(self):
        self.rows = Rows()

    def conv(self, x, name: str, width: int, size: int = 1, stride: int = 1, rate: int = 1, norm: str = ''):
        layers = tf.keras.layers
        layer = layers.Conv2D(width, size, stride, 'same', dilation_rate=rate, name=name)
        normalization = layers.BatchNormalization(name=norm or f'{name}_bn')
        x = normalization(layer(x))
        self.rows.layer(layer, name, ['kernel'], kernel='weights')
        self.rows.layer(normalization, f'{name}_bn', STATISTICS)
        return x

    def bottleneck(self, x, name: str, width: int, stride: int = 1, rate: int = 1, projects: bool = False):
        shortcut = self.conv(x, f'{name}_1x1_proj', 4 * width, 1, stride) if projects else x
        x = self.conv(x, f'{name}_1x1_reduce', width, 1, stride)
        x = self.conv(x, f'{name}_3x3', width, 3, 1, rate)
        x = self.conv(x, f'{name}_1x1_increase', 4 * width)
        x = tf.keras.layers.Add(name=name)([shortcut, x])
        return tf.keras.layers.Activation('relu', name=f'{name}/relu')(x)


def _resized(x, scale: float):
    extent = int(x.shape[1] * scale)
    return tf.keras.layers.Lambda(lambda v: tf.image.resize(v, (extent, extent)))(x)


def ic_net() -> Pair:
    """The ICNet of hellochick/ICNet-tensorflow for Cityscapes, and build_bn of aitorzip/Keras-ICNet for 66 classes.

    The new convolutions have biases, and one of the new norms has another name.
    """
    tf.keras.backend.clear_session()
    net, layers = _IcNet(), tf.keras.layers
    inputs = layers.Input([128, 128, 3])
    x = net.conv(_resized(inputs, 0.5), 'conv1_1_3x3_s2', 32, 3, 2)
    x = net.conv(x, 'conv1_2_3x3', 32, 3, norm='conv1_2_3x3_s2_bn')
    x = layers.MaxPooling2D(3, 2, name='pool1_3x3_s2')(net.conv(x, 'conv1_3_3x3', 64, 3))
    for n in (1, 2, 3):
        x = net.bottleneck(x, f'conv2_{n}', 32, projects=n == 1)
    fine = net.bottleneck(x, 'conv3_1', 64, 2, projects=True)
    x = _resized(fine, 0.5)
    for group, count, width, rate in ((3, 4, 64, 1), (4, 6, 128, 2), (5, 3, 256, 4)):
        for n in range(1 + (group == 3), count + 1):
            x = net.bottleneck(x, f'conv{group}_{n}', width, rate=rate, projects=n == 1)
    pools = [_resized(layers.AveragePooling2D(size)(x), size) for size in (4, 2, 1, 1)]
    x = net.conv(layers.Add(name='conv5_3_sum')([x, *pools]), 'conv5_4_k1', 256)
    x = coarse = _resized(x, 2)
    x = net.conv(x, 'conv_sub4', 128, 3, rate=2)
    x = layers.Add(name='sub24_sum')([x, net.conv(fine, 'conv3_1_sub2_proj', 128)])
    x = middle = _resized(layers.Activation('relu')(x), 2)
    x, y = net.conv(x, 'conv_sub2', 128, 3, rate=2), inputs
    for n, width in enumerate((32, 32, 64), 1):
        y = net.conv(y, f'conv{n}_sub1', width, 3, 2)
    x = layers.Add(name='sub12_sum')([net.conv(y, 'conv3_sub1_proj', 128), x])
    heads = (('conv6_cls', _resized(x, 2)), ('sub24_out', middle), ('sub4_out', coarse))
    outputs = [layers.Conv2D(66, 1, activation='softmax', name=name)(x) for name, x in heads]
    others = {f'{name}/weights': (1, 1, x.shape[-1], 19) for name, x in heads}
    others |= {f'{name}/biases': (19,) for name, _ in heads}
    pair = net.rows.pair(others, model=tf.keras.Model(inputs, outputs))
    return with_slots(pair, 'Momentum', but='_bn/')
