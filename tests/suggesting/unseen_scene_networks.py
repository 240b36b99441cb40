"""Pairs of networks that make images and find objects, for a second blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, UNTRAINED, Part, Rows, built, with_slots
from tests.suggesting.known_pairs import Pair


class _DenseBlock(tf.keras.layers.Layer):
    """Five convolutions, each of which sees what all before it have made."""

    def __init__(self, width: int, growth: int):
        super().__init__(name='RDB5C')
        for n in range(1, 6):
            setattr(self, f'conv{n}', tf.keras.layers.Conv2D(growth if n < 5 else width, 3, padding='same'))

    def call(self, x):
        rows = [x]
        for n in range(1, 6):
            rows.append(getattr(self, f'conv{n}')(tf.concat(rows, 3)))
        return rows[-1] * 0.2 + x


class _Rrdb(tf.keras.layers.Layer):
    """Three dense blocks in a row."""

    def __init__(self, width: int, growth: int, name: str):
        super().__init__(name=name)
        self.rdb_1 = _DenseBlock(width, growth)
        self.rdb_2 = _DenseBlock(width, growth)
        self.rdb_3 = _DenseBlock(width, growth)

    def call(self, x):
        return self.rdb_3(self.rdb_2(self.rdb_1(x))) * 0.2 + x


def _super_resolution(rows: Rows, width: int, growth: int, count: int) -> tf.keras.Model:
    layers, old = tf.keras.layers, 'generator'
    blocks = [_Rrdb(width, growth, f'RRDB_{n}') for n in range(count)]
    names = 'conv_first', 'conv_trunk', 'upconv_1', 'upconv_2', 'conv_hr', 'conv_last'
    convs = {
        name: layers.Conv2D(3 if name == 'conv_last' else width, 3, padding='same', name=name)
        for name in names
    }
    inputs = layers.Input([32, 32, 3], name='input_image')
    x = convs['conv_first'](inputs)
    x = x + convs['conv_trunk'](tf.keras.Sequential(blocks, name='RRDB_trunk')(x))
    for n in (1, 2):
        x = convs[f'upconv_{n}'](tf.image.resize(x, [32 * 2**n] * 2, 'nearest'))
    model = tf.keras.Model(inputs, convs['conv_last'](convs['conv_hr'](x)), name='RRDB_model')
    for n, block in enumerate(blocks):
        for k, part in enumerate((block.rdb_1, block.rdb_2, block.rdb_3)):
            at = f'{old}/RRDB/RRDB_sub{n}/DenseBlock_sub{k}'
            for i in range(5):
                rows.layer(getattr(part, f'conv{i + 1}'), f'{at}/block_{i}/conv')
    rows.layer(convs['conv_first'], f'{old}/first_conv/conv')
    rows.layer(convs['conv_trunk'], f'{old}/RRDB/trunk_conv')
    rows.layer(convs['conv_hr'], f'{old}/last_conv/conv_1')
    rows.layer(convs['conv_last'], f'{old}/last_conv/conv_2')
    return model


def _judge(rows: Rows, width: int) -> tf.keras.Model:
    layers, old = tf.keras.layers, 'discriminator'
    x = inputs = layers.Input([128, 128, 3])
    for n, factor in enumerate((1, 2, 4, 8, 8)):
        scope = f'{old}/conv_block/block_{n - 1}' if n else f'{old}/first_conv'
        for k, (size, stride) in enumerate(((3, 1), (4, 2))):
            bare = not n and not k
            options = {'padding': 'same', 'use_bias': bare, 'name': f'conv{n}_{k}'}
            layer = layers.Conv2D(factor * width, size, stride, **options)
            x = layer(x)
            rows.layer(layer, f'{scope}/conv_{k + 1}', ['kernel'])
            if not bare:
                norm = layers.BatchNormalization(name=f'bn{n}_{k}')
                x = norm(x)
                rows.layer(norm, f'{scope}/batch_norm_{k + 1 if n else 1}', STATISTICS)
            x = layers.LeakyReLU(0.2)(x)
    x = layers.Flatten()(x)
    for n, units in ((1, 100), (2, 1)):
        layer = layers.Dense(units, name=f'linear{n}')
        x = layer(x)
        rows.layer(layer, f'{old}/full_connected/fully_connected_{n}')
    return tf.keras.Model(inputs, x, name='Discriminator_VGG_128')


def esrgan() -> Pair:
    """hiram64/ESRGAN-tensorflow, narrow, and the generator and discriminator of peteryuX/esrgan-tf2.

    The old one is upscaled by transposed convolutions, in whose place the new one has others of the same shapes.
    """
    tf.keras.backend.clear_session()
    rows, width = Rows(), 16
    models = {'model': _super_resolution(rows, width, 8, 10), 'discriminator': _judge(rows, width)}
    at = 'generator/Upsampling/upsample'
    others = {f'{at}_{n}/kernel': (3, 3, width, width) for n in (1, 2)}
    others |= {f'{at}_{n}/bias': (width,) for n in (1, 2)}
    pair = rows.pair(others, **models)
    for scope, other in (('discriminator', 'generator'), ('generator', 'discriminator')):
        at = f'optimizer_{scope}'
        powers = {f'{at}/beta1_power': (), f'{at}/beta2_power': ()}
        but = f'^(optimizer|{other})|{UNTRAINED}'
        pair = with_slots(pair, 'Adam', 'Adam_1', prefix=f'{at}/', but=but, others=powers)
    return pair


class _InstanceNormalization(tf.keras.layers.Layer):
    """The variables of tensorflow_addons' layer of this name, in their order."""

    def build(self, shape):
        self.gamma = self.add_weight('gamma', (shape[-1],))
        self.beta = self.add_weight('beta', (shape[-1],))

    def call(self, x):
        return self.gamma * x + self.beta


class _Styled(tf.keras.layers.Layer):
    """A convolution, maybe transposed, and its normalization."""

    def __init__(self, layer: str, width: int, size: int, stride: int, name: str):
        super().__init__()
        options = {'padding': 'same', 'use_bias': False, 'name': name}
        self.attribute = 'conv_t' if layer == 'Conv2DTranspose' else 'conv'
        setattr(self, self.attribute, getattr(tf.keras.layers, layer)(width, size, stride, **options))
        self.inst_norm = _InstanceNormalization(name='instance_normalization')

    def call(self, x):
        return self.inst_norm(getattr(self, self.attribute)(x))


class _StyledResidual(tf.keras.layers.Layer):
    """Two convolutions and a sum."""

    def __init__(self, width: int, prefix: str):
        super().__init__()
        self.conv1 = _Styled('Conv2D', width, 3, 1, f'{prefix}_conv_1')
        self.conv2 = _Styled('Conv2D', width, 3, 1, f'{prefix}_conv_2')

    def call(self, x):
        return x + self.conv2(self.conv1(x))


def style_transfer() -> Pair:
    """lengstrom/fast-style-transfer, none of whose variables has a name, and altonelli/fast-style-transfer-tf2.

    After each kernel the old one makes a shift and a scale, the new one a scale and a shift. That the old one has
    Adam's slots is not verified.
    """
    tf.keras.backend.clear_session()
    rows, layers = Rows(), []
    for n, (width, size, stride) in enumerate(((32, 9, 1), (64, 3, 2), (128, 3, 2)), 1):
        layers.append(_Styled('Conv2D', width, size, stride, f'conv_{n}'))
    layers += [_StyledResidual(128, f'res_{n}') for n in range(1, 6)]
    layers += [_Styled('Conv2DTranspose', width, 3, 2, f'conv_t_{n}') for n, width in ((1, 64), (2, 32))]
    layers.append(_Styled('Conv2D', 3, 9, 1, 'conv_4'))
    x = inputs = tf.keras.Input([None, None, 3])
    for layer in layers:
        x = layer(x)
    model = tf.keras.Model(inputs, tf.keras.layers.Activation('tanh')(x), name='transformnet')
    number = 0
    for layer in layers:
        for part in [layer] if isinstance(layer, _Styled) else [layer.conv1, layer.conv2]:
            convolution = getattr(part, part.attribute)
            for variable in (convolution.kernel, part.inst_norm.beta, part.inst_norm.gamma):
                rows.add(variable, f'Variable_{number}' if number else 'Variable')
                number += 1
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)


class _WithoutBiases:
    """The layers of which the object detection API makes Keras Applications' networks."""

    def Conv2D(self, *args: Any, **options: Any):  # noqa: N802
        return tf.keras.layers.Conv2D(*args, **{**options, 'use_bias': False})

    def __getattr__(self, name: str):
        return getattr(tf.keras.layers, name)


def _backbone(rows: Rows) -> tf.keras.Model:
    options = {'weights': None, 'include_top': False, 'input_shape': (128, 128, 3)}
    model = tf.keras.applications.ResNet101(layers=_WithoutBiases(), **options)

    def unit(scope: str, name: str) -> None:
        rows.layer(model.get_layer(f'{name}_conv'), scope, ['kernel'], kernel='weights')
        rows.layer(model.get_layer(f'{name}_bn'), f'{scope}/BatchNorm', STATISTICS)

    unit('FirstStageFeatureExtractor/resnet_v1_101/conv1', 'conv1')
    for block, count in enumerate((3, 4, 23, 3), 1):
        stage = 'Second' if block == 4 else 'First'
        for n in range(1, count + 1):
            at = f'{stage}StageFeatureExtractor/resnet_v1_101/block{block}/unit_{n}/bottleneck_v1'
            for k in range(n > 1, 4):
                unit(f'{at}/conv{k}' if k else f'{at}/shortcut', f'conv{block + 1}_block{n}_{k}')
    return model


def faster_rcnn() -> Pair:
    """The object detection API's Faster R-CNN with ResNet-101 for COCO, and the same API's objects for 3 classes.

    The names of the new heads' variables are not verified.
    """
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()
    backbone = _backbone(rows)
    middle = backbone.get_layer('conv4_block23_out').output
    activation = layers.Lambda(tf.nn.relu6, name='RPNActivation')
    features = tf.keras.Sequential([layers.Conv2D(512, 3, padding='same', name='RPNConv'), activation])
    features.build((None, None, None, 1024))
    rows.layer(features.layers[0], 'Conv', kernel='weights', bias='biases')
    first, second, others = {}, {}, {'global_step': ()}
    for kind, key, attribute, outputs, old, new in (
        ('Box', 'box_encodings', '_box_encoder_layers', 48, 360, 12),
        ('Class', 'class_predictions_with_background', '_class_predictor_layers', 24, 91, 4),
    ):
        name = 'BoxEncodingPredictor' if kind == 'Box' else 'ClassPredictor'
        with tf.name_scope(f'FirstStageBoxPredictor/Convolutional{kind}Head_0'):
            layer = built(layers.Conv2D(outputs, 1, name=name), None, None, 512)
        rows.layer(layer, f'FirstStageBoxPredictor/{name}', kernel='weights', bias='biases')
        first[key] = [Part(**{attribute: [layer]})]
        with tf.name_scope(f'mask_rcnn_keras_box_predictor/mask_rcnn_{kind.lower()}_head'):
            layer = built(layers.Dense(new, name=f'{name}_dense'), 2048)
        second[f'_{kind.lower()}_prediction_head'] = Part(**{attribute: [layers.Flatten(), layer]})
        others |= {f'SecondStageBoxPredictor/{name}/weights': (2048, old)}
        others |= {f'SecondStageBoxPredictor/{name}/biases': (old,)}
    model = Part(
        _first_stage_box_predictor_first_conv=features,
        _first_stage_box_predictor=Part(_prediction_heads=first),
        _mask_rcnn_box_predictor=Part(**second),
        _feature_extractor_for_proposal_features=tf.keras.Model(backbone.input, middle),
        _feature_extractor_for_box_classifier_features=tf.keras.Model(middle, backbone.output),
    )
    return with_slots(rows.pair(others, model=model), 'Momentum', but='BatchNorm|_step')
