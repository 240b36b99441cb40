"""Pairs of networks that classify images, for the nineteenth blind test; see `blind_pairs`."""

import re
from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Rows, with_slots
from tests.suggesting.known_pairs import Pair, Shapes
from tests.suggesting.sixteenth_image_backbones import WEIGHTS, with_averages

_layers = tf.keras.layers


class _ResNet:
    """Builds raghakot's ResNet of layers without names, and notes slim's names of version 2."""

    def __init__(self):
        self.rows = Rows()

    def norm(self, x: Any, source: str) -> Any:
        layer = _layers.BatchNormalization(axis=3)
        x = layer(x)
        self.rows.layer(layer, f'resnet_v2_50/{source}', STATISTICS)
        return _layers.Activation('relu')(x)

    def conv(self, x: Any, width: int, size: int, source: str, bias: bool, **others: Any) -> Any:
        """A convolution, whose bias may be of the new one alone."""
        layer = _layers.Conv2D(filters=width, kernel_size=(size, size), **{'padding': 'same', **others})
        x = layer(x)
        roles = ('kernel', 'bias') if bias else ('kernel',)
        self.rows.layer(layer, f'resnet_v2_50/{source}', roles, **WEIGHTS)
        return x

    def block(self, inputs: Any, width: int, stride: int, at: str, first: bool) -> Any:
        """A bottleneck; the first one of all has no norm, for it follows one."""
        x = inputs if first else self.norm(inputs, f'{at}/preact')
        x = self.conv(x, width, 1, f'{at}/conv1', False, strides=stride)
        x = self.norm(x, f'{at}/conv1/BatchNorm')
        x = self.conv(x, width, 3, f'{at}/conv2', False)
        x = self.norm(x, f'{at}/conv2/BatchNorm')
        x = self.conv(x, 4 * width, 1, f'{at}/conv3', True)
        if inputs.shape[-1] != 4 * width:
            inputs = self.conv(inputs, 4 * width, 1, f'{at}/shortcut', True, strides=stride, padding='valid')
        return _layers.add([inputs, x])


def resnet_v2_50() -> Pair:
    """tensorflow/models' slim's ResNet-50 V2 as it is trained, and raghakot/keras-resnet's build_resnet_50.

    All of the new convolutions have biases. The new one normalizes before its first pool what the old one normalizes
    after it, and makes the shortcut of a block after the others. It has 1000 classes, the old one 1001.
    """
    tf.keras.backend.clear_session()
    net = _ResNet()
    inputs = _layers.Input(shape=(224, 224, 3))
    x = net.conv(inputs, 64, 7, 'conv1', True, strides=(2, 2))
    x = net.norm(x, 'block1/unit_1/bottleneck_v2/preact')
    x = _layers.MaxPooling2D(pool_size=(3, 3), strides=(2, 2), padding='same')(x)
    for stack, count in enumerate((3, 4, 6, 3)):
        for unit in range(count):
            at, first = f'block{stack + 1}/unit_{unit + 1}/bottleneck_v2', not stack and not unit
            x = net.block(x, 64 * 2**stack, 2 if stack and not unit else 1, at, first)
    x = net.norm(x, 'postnorm')
    x = _layers.Flatten()(_layers.AveragePooling2D(pool_size=(7, 7), strides=(1, 1))(x))
    model = tf.keras.Model(inputs=inputs, outputs=_layers.Dense(1000, activation='softmax')(x))
    at = 'resnet_v2_50/logits'
    pair = net.rows.pair({f'{at}/weights': (1, 1, 2048, 1001), f'{at}/biases': (1001,)}, model=model)
    return with_slots(pair, 'RMSProp', 'RMSProp_1', others={'global_step': ()})


_REPEATED = {'Block35': 'Repeat/block35', 'Block17': 'Repeat_1/block17', 'Block8': 'Repeat_2/block8'}


class _InceptionResNet:
    """Builds yuyang-huang's Inception-ResNet V2, and notes slim's names, which its names are made of."""

    def __init__(self):
        self.rows = Rows()

    def source(self, name: str) -> str:
        """Returns slim's name of a layer."""
        name = re.sub(r'(^|_)(Conv2d_|Branch_\d)', r'/\2', name).strip('/')
        name = name.replace('Block8_10/', 'Block8/')
        if kind := re.match(r'(Block\d+)(_\d+)/', name):
            name = _REPEATED[kind[1]] + name.removeprefix(kind[1])
        return f'InceptionResnetV2/{name}'

    def unit(self, x: Any, width: int, size: Any, name: str, **others: Any) -> Any:
        """A convolution without biases and its norm, which does not scale."""
        layer = _layers.Conv2D(width, size, use_bias=False, name=name, **{'padding': 'same', **others})
        norm = _layers.BatchNormalization(axis=3, scale=False, name=f'{name}_BatchNorm')
        x, source = norm(layer(x)), self.source(name)
        self.rows.layer(layer, source, ['kernel'], **WEIGHTS)
        self.rows.layer(norm, f'{source}/BatchNorm', STATISTICS[1:])
        return _layers.Activation('relu', name=f'{name}_Activation')(x)

    def branches(self, x: Any, name: str, *rows: str) -> list[Any]:
        """Branches of convolutions, each by its name and its width; those that halve the extents are called `1a`."""
        made = []
        for number, row in enumerate(rows):
            y = x
            for part in row.split():
                end, _, width = part.partition(':')
                size = [int(extent) for extent in end.rpartition('_')[2].split('x')]
                halves = {'strides': 2, 'padding': 'valid'} if end.startswith('1a') else {}
                y = self.unit(y, int(width), size, f'{name}_Branch_{number}_Conv2d_{end}', **halves)
            made.append(y)
        return made

    def block(self, x: Any, name: str, *rows: str, scale: float, last: bool = False) -> Any:
        mixed = _layers.concatenate(self.branches(x, name, *rows), axis=3, name=f'{name}_Concatenate')
        layer = _layers.Conv2D(x.shape[-1], 1, padding='same', name=f'{name}_Conv2d_1x1')
        up = layer(mixed)
        self.rows.layer(layer, self.source(layer.name), **WEIGHTS)
        added = _layers.Lambda(lambda pair: pair[0] + pair[1] * scale, name=f'{name}_ScaleSum')
        x = added([x, up])
        return x if last else _layers.Activation('relu', name=f'{name}_Activation')(x)

    def mixed(self, x: Any, name: str, pool: Any, *rows: str) -> Any:
        """A block that has a pool for its last branch."""
        return _layers.concatenate([*self.branches(x, name, *rows), pool], axis=3, name=name)


def _auxiliary(root: str) -> Shapes:
    shapes: dict[str, tuple[int, ...]] = {
        f'{root}/Logits/weights': (768, 1001),
        f'{root}/Logits/biases': (1001,),
    }
    for name, shape in (('Conv2d_1b_1x1', (1, 1, 1088, 128)), ('Conv2d_2a_5x5', (5, 5, 128, 768))):
        shapes |= {f'{root}/{name}/BatchNorm/{role}': shape[-1:] for role in STATISTICS[1:]}
        shapes[f'{root}/{name}/weights'] = shape
    return shapes


def inception_resnet_v2() -> Pair:
    """tensorflow/models' slim's Inception-ResNet V2, and yuyang-huang/keras-inception-resnet-v2's, which loads it.

    The answer is that of the latter's extract_weights.py. Both have 1001 classes; the old one has auxiliary logits.
    That the old checkpoint has the slots of slim's training is not verified.
    """
    tf.keras.backend.clear_session()
    net = _InceptionResNet()
    inputs = _layers.Input([299, 299, 3])
    x = net.unit(inputs, 32, 3, 'Conv2d_1a_3x3', strides=2, padding='valid')
    x = net.unit(net.unit(x, 32, 3, 'Conv2d_2a_3x3', padding='valid'), 64, 3, 'Conv2d_2b_3x3')
    x = _layers.MaxPooling2D(3, strides=2, name='MaxPool_3a_3x3')(x)
    x = net.unit(x, 80, 1, 'Conv2d_3b_1x1', padding='valid')
    x = net.unit(x, 192, 3, 'Conv2d_4a_3x3', padding='valid')
    x = _layers.MaxPooling2D(3, strides=2, name='MaxPool_5a_3x3')(x)
    made = net.branches(x, 'Mixed_5b', '1x1:96', '0a_1x1:48 0b_5x5:64', '0a_1x1:64 0b_3x3:96 0c_3x3:96')
    pool = _layers.AveragePooling2D(3, strides=1, padding='same', name='Mixed_5b_Branch_3_AvgPool_0a_3x3')
    made.append(net.unit(pool(x), 64, 1, 'Mixed_5b_Branch_3_Conv2d_0b_1x1'))
    x = _layers.concatenate(made, axis=3, name='Mixed_5b')
    rows = '1x1:32', '0a_1x1:32 0b_3x3:32', '0a_1x1:32 0b_3x3:48 0c_3x3:64'
    for number in range(1, 11):
        x = net.block(x, f'Block35_{number}', *rows, scale=0.17)
    pool = _layers.MaxPooling2D(3, strides=2, name='Mixed_6a_Branch_2_MaxPool_1a_3x3')(x)
    x = net.mixed(x, 'Mixed_6a', pool, '1a_3x3:384', '0a_1x1:256 0b_3x3:256 1a_3x3:384')
    for number in range(1, 21):
        row = '0a_1x1:128 0b_1x7:160 0c_7x1:192'
        x = net.block(x, f'Block17_{number}', '1x1:192', row, scale=0.10)
    pool = _layers.MaxPooling2D(3, strides=2, name='Mixed_7a_Branch_3_MaxPool_1a_3x3')(x)
    rows = '0a_1x1:256 1a_3x3:384', '0a_1x1:256 1a_3x3:288', '0a_1x1:256 0b_3x3:288 1a_3x3:320'
    x = net.mixed(x, 'Mixed_7a', pool, *rows)
    for number in range(1, 11):
        last, row = number == 10, '0a_1x1:192 0b_1x3:224 0c_3x1:256'
        x = net.block(x, f'Block8_{number}', '1x1:192', row, scale=1.0 if last else 0.20, last=last)
    x = net.unit(x, 1536, 1, 'Conv2d_7b_1x1')
    x = _layers.Dropout(0.2, name='Dropout')(_layers.GlobalAveragePooling2D(name='AvgPool_1a_8x8')(x))
    logits = _layers.Dense(1001, name='Logits')
    x = _layers.Activation('softmax', name='Predictions')(logits(x))
    net.rows.layer(logits, 'InceptionResnetV2/Logits/Logits', **WEIGHTS)
    model = tf.keras.Model(inputs, x, name='inception_resnet_v2')
    pair = net.rows.pair(_auxiliary('InceptionResnetV2/AuxLogits'), model=model)
    return with_slots(pair, 'RMSProp', 'RMSProp_1', others={'global_step': ()})


# The width inside a block, its width, the size of the kernels, the stride, and whether it weighs its channels.
_SMALL = (
    (16, 16, 3, 2, True),
    (72, 24, 3, 2, False),
    (88, 24, 3, 1, False),
    (96, 40, 5, 2, True),
    (240, 40, 5, 1, True),
    (240, 40, 5, 1, True),
    (120, 48, 5, 1, True),
    (144, 48, 5, 1, True),
    (288, 96, 5, 2, True),
    (576, 96, 5, 1, True),
    (576, 96, 5, 1, True),
)


def _hard_swish(x: Any) -> Any:
    return x * tf.nn.relu6(x + 3) / 6


class _SEBlock(_layers.Layer):
    def __init__(self, input_channels: int, r: int = 16):
        super().__init__()
        self.pool = _layers.GlobalAveragePooling2D()
        self.fc1 = _layers.Dense(units=input_channels // r)
        self.fc2 = _layers.Dense(units=input_channels)

    def call(self, inputs, **_):
        x = tf.nn.relu(self.fc1(self.pool(inputs)))
        return inputs * (tf.nn.relu6(self.fc2(x) + 3) / 6)[:, None, None]


class _BottleNeck(_layers.Layer):
    def __init__(self, row: tuple[int, int, int, int, bool]):
        super().__init__()
        wide, width, size, stride, self.weighs = row
        self.conv1 = _layers.Conv2D(wide, (1, 1), strides=1, padding='same')
        self.bn1 = _layers.BatchNormalization()
        self.dwconv = _layers.DepthwiseConv2D((size, size), strides=stride, padding='same')
        self.bn2 = _layers.BatchNormalization()
        self.se = _SEBlock(wide)
        self.conv2 = _layers.Conv2D(width, (1, 1), strides=1, padding='same')
        self.bn3 = _layers.BatchNormalization()
        self.linear = _layers.Activation(tf.keras.activations.linear)

    def call(self, inputs, training=None, **_):
        x = _hard_swish(self.bn1(self.conv1(inputs), training=training))
        x = _hard_swish(self.bn2(self.dwconv(x), training=training))
        x = self.conv2(self.se(x) if self.weighs else x)
        x = self.linear(self.bn3(x, training=training))
        return x + inputs if x.shape == inputs.shape else x


class _MobileNetV3Small(tf.keras.Model):
    def __init__(self, classes: int):
        super().__init__()
        self.conv1 = _layers.Conv2D(16, (3, 3), strides=2, padding='same')
        self.bn1 = _layers.BatchNormalization()
        for number, row in enumerate(_SMALL, 1):
            setattr(self, f'bneck{number}', _BottleNeck(row))
        self.conv2 = _layers.Conv2D(576, (1, 1), strides=1, padding='same')
        self.bn2 = _layers.BatchNormalization()
        self.avgpool = _layers.AveragePooling2D((7, 7), strides=1)
        self.conv3 = _layers.Conv2D(1280, (1, 1), strides=1, padding='same')
        self.conv4 = _layers.Conv2D(classes, (1, 1), strides=1, padding='same', activation='softmax')

    def call(self, inputs, training=None, mask=None):
        x = _hard_swish(self.bn1(self.conv1(inputs), training=training))
        for number in range(1, len(_SMALL) + 1):
            x = getattr(self, f'bneck{number}')(x, training=training)
        x = self.avgpool(_hard_swish(self.bn2(self.conv2(x), training=training)))
        return self.conv4(_hard_swish(self.conv3(x)))


def mobilenet_v3_small() -> Pair:
    """tensorflow/models' slim's small MobileNet V3 with averages, and calmiLovesAI/Basic_CNNs_TensorFlow2's.

    All of the new convolutions have biases, and its first block an expansion. What weighs its channels is narrower
    inside, and the layer before its classes, of which it has 5, is 1280 wide, not 1024; these have no answer. Which
    slots the published checkpoint has is not verified; they are those of slim's training.
    """
    tf.keras.backend.clear_session()
    rows, model, others, root = Rows(), _MobileNetV3Small(5), {}, 'MobilenetV3'
    model(tf.zeros([1, 224, 224, 3]))

    def unit(conv: Any, norm: Any, source: str, role: str = 'kernel') -> None:
        rows.layer(conv, f'{root}/{source}', [role], **WEIGHTS)
        rows.layer(norm, f'{root}/{source}/BatchNorm', STATISTICS)

    def lacking(source: str, x: int, width: int) -> None:
        others[f'{root}/{source}/weights'] = 1, 1, x, width
        others[f'{root}/{source}/biases'] = (width,)

    unit(model.conv1, model.bn1, 'Conv')
    for number, (wide, *_, weighs) in enumerate(_SMALL):
        at, block = (
            f'expanded_conv_{number}' if number else 'expanded_conv',
            getattr(model, f'bneck{number + 1}'),
        )
        if number:
            unit(block.conv1, block.bn1, f'{at}/expand')
        unit(block.dwconv, block.bn2, f'{at}/depthwise', 'depthwise_kernel')
        if weighs:
            squeezed = max(8, (wide // 4 + 4) // 8 * 8)
            squeezed += 8 * (squeezed < 0.9 * (wide // 4))
            lacking(f'{at}/squeeze_excite/Conv', wide, squeezed)
            lacking(f'{at}/squeeze_excite/Conv_1', squeezed, wide)
        unit(block.conv2, block.bn3, f'{at}/project')
    unit(model.conv2, model.bn2, 'Conv_1')
    lacking('Conv_2', 576, 1024)
    lacking('Logits/Conv2d_1c_1x1', 1024, 1001)
    return with_averages(rows.pair(others, model=model), 'RMSProp', 'RMSProp_1')
