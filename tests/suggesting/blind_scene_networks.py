"""Pairs of detectors, generators and agents that `plan --suggest` was never made with; see `blind_pairs`."""

from collections.abc import Iterable

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Part, Rows, built, dense, lstm_cell, with_slots
from tests.suggesting.known_pairs import Pair, files

_TENSORPACK = {'gamma': 'gamma', 'beta': 'beta', 'mean/EMA': 'moving_mean', 'variance/EMA': 'moving_variance'}


def mask_rcnn() -> Pair:
    """The Mask R-CNN of tensorpack/tensorpack with ResNet-50 and FPN, and the names of matterport/Mask_RCNN's layers.

    Matterport's convolutions have biases, its heads have normalizations, and its RPN is wider.
    """
    answer, targets = {}, {}

    def unit(old: str, new: str, norm: str, *shape: int) -> None:
        answer[f'{old}/W'] = f'{new}/kernel', shape, None
        targets[f'{new}/bias'] = shape[-1:]
        answer.update({f'{old}/bn/{a}': (f'{norm}/{b}', shape[-1:], None) for a, b in _TENSORPACK.items()})

    def layer(old: str, new: str, *shape: int, other: tuple[int, ...] | None = None) -> None:
        answer[f'{old}/W'] = f'{new}/kernel', shape, other
        answer[f'{old}/b'] = f'{new}/bias', shape[-1:], None

    unit('conv0', 'conv1', 'bn_conv1', 7, 7, 3, 64)
    inputs = 64
    for group, (count, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512))):
        for block in range(count):
            at, end = f'group{group}/block{block}', f'{group + 2}{"abcdef"[block]}_branch'
            shapes = (1, 1, inputs, width), (3, 3, width, width), (1, 1, width, 4 * width)
            for n, part in enumerate('abc'):
                unit(f'{at}/conv{n + 1}', f'res{end}2{part}', f'bn{end}2{part}', *shapes[n])
            if not block:
                unit(f'{at}/convshortcut', f'res{end}1', f'bn{end}1', 1, 1, inputs, 4 * width)
            inputs = 4 * width
        layer(f'fpn/lateral_1x1_c{group + 2}', f'fpn_c{group + 2}p{group + 2}', 1, 1, inputs, 256)
        layer(f'fpn/posthoc_3x3_p{group + 2}', f'fpn_p{group + 2}', 3, 3, 256, 256)
    layer('fastrcnn/fc6', 'mrcnn_class_conv1', 12544, 1024, other=(7, 7, 256, 1024))
    layer('fastrcnn/fc7', 'mrcnn_class_conv2', 1024, 1024, other=(1, 1, 1024, 1024))
    layer('fastrcnn/outputs/class', 'mrcnn_class_logits', 1024, 81)
    layer('fastrcnn/outputs/box', 'mrcnn_bbox_fc', 1024, 324)
    for n in range(4):
        layer(f'maskrcnn/fcn{n}', f'mrcnn_mask_conv{n + 1}', 3, 3, 256, 256)
    layer('maskrcnn/deconv', 'mrcnn_mask_deconv', 2, 2, 256, 256)
    others = {'rpn/conv0/W': (3, 3, 256, 256), 'rpn/conv0/b': (256,), 'learning_rate': (), 'global_step': ()}
    for scope, old, new, width in (
        ('rpn/class', 3, 6, 512),
        ('rpn/box', 12, 12, 512),
        ('maskrcnn/conv', 80, 81, 256),
    ):
        others |= {f'{scope}/W': (1, 1, 256, old), f'{scope}/b': (old,)}
        name = {'rpn/class': 'rpn_class_raw', 'rpn/box': 'rpn_bbox_pred'}.get(scope, 'mrcnn_mask')
        targets |= {f'{name}/kernel': (1, 1, width, new), f'{name}/bias': (new,)}
    targets |= {'rpn_conv_shared/kernel': (3, 3, 256, 512), 'rpn_conv_shared/bias': (512,)}
    norms = [(f'mrcnn_class_bn{n}', 1024) for n in (1, 2)] + [(f'mrcnn_mask_bn{n}', 256) for n in range(1, 5)]
    targets |= {f'{norm}/{role}': (width,) for norm, width in norms for role in STATISTICS}
    return with_slots(files(answer, others, targets), 'Momentum', but=r'EMA$|_step|_rate')


def ssd_mobilenet_v2() -> Pair:
    """The SSD of tensorflow/models' object detection API with MobileNet v2, and the same API's objects under TF2.

    The new one is for 3 classes, which its class predictors alone show. The order of its model's two attributes is
    not verified.
    """
    tf.keras.backend.clear_session()
    layers, rows = tf.keras.layers, Rows()
    backbone = tf.keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(96, 96, 3))
    scope = 'FeatureExtractor/MobilenetV2'

    def unit(at: str, layer, norm, role: str = 'kernel', old: str = 'weights') -> None:
        rows.layer(layer, f'{scope}/{at}', [role], **{role: old})
        rows.layer(norm, f'{scope}/{at}/BatchNorm', STATISTICS)

    unit('Conv', backbone.get_layer('Conv1'), backbone.get_layer('bn_Conv1'))
    unit('Conv_1', backbone.get_layer('Conv_1'), backbone.get_layer('Conv_1_bn'))
    for n in range(17):
        at, block = (f'expanded_conv_{n}', f'block_{n}') if n else ('expanded_conv',) * 2
        for part in ('expand', 'depthwise', 'project')[not n :]:
            roles = ('depthwise_kernel', 'depthwise_weights') if part == 'depthwise' else ()
            names = f'{block}_{part}', f'{block}_{part}_BN'
            unit(f'{at}/{part}', *map(backbone.get_layer, names), *roles)
    convolutions, inputs = [[], []], 1280
    for n, depth in enumerate((512, 256, 256, 128), 2):
        net = []
        for step, size, width in ((1, 1, depth // 2), (2, 3, depth)):
            at = f'layer_19_{step}_Conv2d_{n}_{size}x{size}{"_s2" * (step == 2)}_{width}'
            layer = layers.Conv2D(width, size, step, 'same', use_bias=False, name=f'{at}_conv')
            norm = layers.BatchNormalization(name=f'{at}_batchnorm')
            net += [built(layer, None, None, inputs), built(norm, None, None, width), layers.ReLU(6, name=at)]
            unit(at, *net[-3:-1])
            inputs = width
        convolutions.append(net)
    boxes, classes, others = [], [], {'global_step': ()}
    for n, width in enumerate((576, 1280, 512, 256, 256, 128)):
        anchors, at = 6 if n else 3, f'BoxPredictor_{n}'
        with tf.name_scope(f'BoxPredictor/ConvolutionalBoxHead_{n}'):
            box = built(layers.Conv2D(4 * anchors, 1, name='BoxEncodingPredictor'), None, None, width)
        rows.layer(box, f'{at}/BoxEncodingPredictor', kernel='weights', bias='biases')
        boxes.append(Part(_box_encoder_layers=[box]))
        with tf.name_scope(f'BoxPredictor/ConvolutionalClassHead_{n}'):
            layer = built(layers.Conv2D(4 * anchors, 1, name='ClassPredictor'), None, None, width)
        classes.append(Part(_class_predictor_layers=[layer]))
        others[f'{at}/ClassPredictor/weights'] = 1, 1, width, 91 * anchors
        others[f'{at}/ClassPredictor/biases'] = (91 * anchors,)
    heads = {'box_encodings': boxes, 'class_predictions_with_background': classes}
    maps = Part(convolutions=convolutions)
    extractor = Part(classification_backbone=backbone, feature_map_generator=maps)
    model = Part(_box_predictor=Part(_prediction_heads=heads), _feature_extractor=extractor)
    return with_slots(rows.pair(others, model=model), 'RMSProp', 'RMSProp_1')


class _Generator:
    """Makes the objects of a generator of StyleGAN2, and notes the official names of its variables."""

    def __init__(self, rows: Rows, clone: str, width: int, maps: Iterable[int]):
        self._rows, self._width, self._scope = rows, width, f'G_synthesis{clone}'
        with tf.name_scope(f'generator{clone}'):
            mapping = []
            for n in range(8):
                scope = f'G_mapping{clone}/Dense{n}'
                mapping.append(self._dense(scope, width, f'g_mapping/dense_{n}', f'g_mapping/bias_act_{n}'))
            average = self._noted('Gs/dlatent_avg' if clone else 'G/dlatent_avg', 'w_avg', width)
            weights, biases = map(list, zip(*mapping, strict=True))
            self.model = Part(
                g_mapping=Part(dense_layers=weights, bias_act_layers=biases),
                synthesis=self._synthesis(*maps),
                w_avg=average,
            )

    def _noted(self, source: str, name: str, *shape: int) -> tf.Variable:
        variable = tf.Variable(tf.zeros(shape), name=name)
        self._rows.add(variable, source)
        return variable

    def _dense(self, scope: str, units: int, name: str, bias: str, before: str = '') -> tuple[Part, Part]:
        weight = self._noted(f'{scope}/{before}weight', f'{name}/w', self._width, units)
        return Part(w=weight), Part(b=self._noted(f'{scope}/{before}bias', f'{bias}/b', units))

    def _modulated(self, scope: str, name: str, size: int, x: int, y: int) -> Part:
        weight, bias = self._dense(scope, x, f'{name}/mod_dense', f'{name}/mod_bias', 'mod_')
        kernel = self._noted(f'{scope}/weight', f'{name}/w', size, size, x, y)
        return Part(mod_dense=weight, mod_bias=bias, w=kernel)

    def _layer(self, scope: str, name: str, end: str, x: int, y: int) -> dict[str, Part]:
        noise = self._noted(f'{scope}/noise_strength', f'{name}/noise{end}/w')
        return {
            f'conv{end}': self._modulated(scope, f'{name}/conv{end}', 3, x, y),
            f'apply_noise{end}': Part(noise_strength=noise),
            f'apply_bias_act{end}': Part(b=self._noted(f'{scope}/bias', f'{name}/bias{end}/b', y)),
        }

    def _to_rgb(self, size: str, x: int) -> Part:
        scope, name = f'{self._scope}/{size}/ToRGB', f'g_synthesis/{size}/ToRGB'
        bias = Part(b=self._noted(f'{scope}/bias', f'{name}/bias/b', 3))
        return Part(conv=self._modulated(scope, f'{name}/conv', 1, x, 3), apply_bias=bias)

    def _synthesis(self, first: int, *maps: int) -> Part:
        name = 'g_synthesis/4x4/const'
        layer = self._layer(f'{self._scope}/4x4/Conv', name, '', first, first)
        const = self._noted(f'{self._scope}/4x4/Const/const', f'{name}/const', 1, first, 4, 4)
        rgb, blocks, rgbs, x = self._to_rgb('4x4', first), [], [], first
        for n, width in enumerate(maps):
            size = 'x'.join([str(8 * 2**n)] * 2)
            scope, name = f'{self._scope}/{size}', f'g_synthesis/{size}/block'
            parts = self._layer(f'{scope}/Conv0_up', name, '_0', x, width)
            blocks.append(Part(**parts, **self._layer(f'{scope}/Conv1', name, '_1', width, width)))
            rgbs.append(self._to_rgb(size, width))
            x = width
        initial = Part(**layer, const=const)
        return Part(initial_block=initial, initial_torgb=rgb, blocks=blocks, torgbs=rgbs)


def style_gan2() -> Pair:
    """NVlabs/stylegan2 at 64x64, narrow, with its averaged clone, and the objects of moono/stylegan2-tf-2.x.

    The answer is that of moono's copy_official_weights.py, which also names the official variables. The discriminator
    is of the old one alone.
    """
    rows, maps = Rows(), (64, 64, 64, 32, 16)
    generator, clone = (_Generator(rows, end, 64, maps).model for end in ('', '_1'))
    others = {'G/lod': (), 'Gs/lod': (), 'D/Output/weight': (64, 1), 'D/Output/bias': (1,)}
    for n in range(9):
        shape = (1, 1, *[2 ** ((n + 5) // 2)] * 2)
        others |= {f'G_synthesis{end}/noise{n}': shape for end in ('', '_1')}
    others |= {'D/64x64/FromRGB/weight': (1, 1, 3, 16), 'D/64x64/FromRGB/bias': (16,)}
    for n, x, y in ((64, 16, 32), (32, 32, 64), (16, 64, 64), (8, 64, 64)):
        for scope, size, out in (('Conv0', 3, x), ('Conv1_down', 3, y), ('Skip', 1, y)):
            others[f'D/{n}x{n}/{scope}/weight'] = size, size, x, out
            others |= {f'D/{n}x{n}/{scope}/bias': (out,)} if scope != 'Skip' else {}
    others |= {'D/4x4/Conv/weight': (3, 3, 65, 64), 'D/4x4/Conv/bias': (64,)}
    others |= {'D/4x4/Dense0/weight': (1024, 64), 'D/4x4/Dense0/bias': (64,)}
    return rows.pair(others, generator=generator, g_clone=clone)


def impala() -> Pair:
    """The deep agent of google-deepmind/scalable_agent in Sonnet 1, and ImpalaDeep of google-research/seed_rl.

    The new one has no instructions, so that the matrix of its LSTM is of fewer rows.
    """
    tf.keras.backend.clear_session()
    rows, layers, scope = Rows(), tf.keras.layers, 'agent/batch_apply'

    def convolution(at: str, x: int, y: int, name: str):
        layer = built(layers.Conv2D(y, 3, padding='same', name=name), None, None, x)
        return rows.layer(layer, f'{scope}/convnet/{at}', kernel='w', bias='b')

    core, stacks, x = lstm_cell(256 + 1 + 9, 256), [], 3
    rows.add(core.bias, 'agent/lstm_cell/bias')
    for n, width in enumerate((16, 32, 32)):
        residual = [
            [
                convolution(f'residual_{n}_{i}/conv_2d{end}', width, width, f'res_{i}/conv2d_{k}')
                for i in range(2)
            ]
            for k, end in enumerate(('', '_1'))
        ]
        first = convolution(f'conv_2d{f"_{n}" if n else ""}', x, width, f'conv2d{f"_{n}" if n else ""}')
        stacks.append(Part(_conv=first, _res_convs0=residual[0], _res_convs1=residual[1]))
        x = width
    parts = {
        '_conv_to_linear': (dense(9 * 12 * 32, 256), f'{scope}/linear'),
        '_policy_logits': (dense(256, 9, name='policy_logits'), f'{scope}_1/policy_logits'),
        '_baseline': (dense(256, 1, name='baseline'), f'{scope}_1/baseline'),
    }
    for layer, at in parts.values():
        rows.layer(layer, at, kernel='w', bias='b')
    others = {
        f'{scope}/embed/embeddings': (1000, 20),
        f'{scope}/rnn/language_lstm/kernel': (20 + 64, 256),
        f'{scope}/rnn/language_lstm/bias': (256,),
        'agent/lstm_cell/kernel': (256 + 1 + 9 + 64 + 256, 1024),
    }
    agent = Part(_core=core, _stacks=stacks, **{name: layer for name, (layer, _) in parts.items()})
    steps = {'num_environment_frames': ()}
    return with_slots(rows.pair(others, agent=agent), 'RMSProp', 'RMSProp_1', others=steps)
