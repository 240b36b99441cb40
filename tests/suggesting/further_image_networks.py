"""Further pairs of networks of images, faces, poses, scenes and volumes; see `more_architectures`."""

import tensorflow as tf

from tests.suggesting.known_pairs import Pair, program

_NORM = ('gamma', 'beta', 'moving_mean', 'moving_variance')
_STATISTICS = _NORM[1:]


class _Slim:
    """Makes the layers of a Keras model, and notes the names that slim gives to the same.

    Attributes:
      answer: The variable of each name.
    """

    def __init__(self, roles: tuple[str, ...] = _NORM):
        self.answer: dict[str, tf.Variable] = {}
        self._roles = roles

    def convolution(self, x, scope: str, layer):
        """Applies a convolution of the scope."""
        x = layer(x)
        if isinstance(layer, tf.keras.layers.DepthwiseConv2D):
            self.answer[f'{scope}/depthwise_weights'] = layer.depthwise_kernel
        else:
            self.answer[f'{scope}/weights'] = layer.kernel
        if layer.use_bias:
            self.answer[f'{scope}/biases'] = layer.bias
        return x

    def norm(self, x, scope: str, name: str | None = None):
        """Applies a normalization, given its own scope."""
        layer = tf.keras.layers.BatchNormalization(scale='gamma' in self._roles, name=name)
        x = layer(x)
        self.answer.update({f'{scope}/{role}': getattr(layer, role) for role in self._roles})
        return x

    def unit(self, x, scope: str, layer, name: str | None = None):
        """Applies a convolution of the scope and its normalization."""
        return self.norm(self.convolution(x, scope, layer), f'{scope}/BatchNorm', name)


def facenet() -> Pair:
    """FaceNet's Inception-ResNet v1, and keras-facenet's."""
    tf.keras.backend.clear_session()
    layers, slim = tf.keras.layers, _Slim(_STATISTICS)

    def unit(x, at: str, name: str, width: int, stride: int = 1):
        size = tuple(map(int, name.rpartition('_')[2].split('x')))
        layer = layers.Conv2D(width, size, stride, 'same', use_bias=False, name=name)
        return slim.unit(x, f'InceptionResnetV1/{at}', layer, f'{name}_BatchNorm')

    def branches(x, scope: str, prefix: str, *rows: str) -> list:
        """Rows of convolutions, each with its width and, for those that halve the image, `/`."""
        outputs = []
        for number, row in enumerate(rows):
            y = x
            for text in row.split():
                convolution, width = text.rstrip('/').split(':')
                at, name = f'{scope}/Branch_{number}/{convolution}', f'{prefix}_Branch_{number}_{convolution}'
                y = unit(y, at, name, int(width), 2 if text.endswith('/') else 1)
            outputs.append(y)
        return outputs

    def repeat(x, scope: str, kind: str, count: int, *rows: str):
        for number in range(1, count + 1):
            at = 'Block8' if (kind, number) == ('Block8', 6) else f'{scope}/{kind.lower()}_{number}'
            y = layers.Concatenate()(branches(x, at, f'{kind}_{number}', *rows))
            up = layers.Conv2D(x.shape[-1], 1, name=f'{kind}_{number}_Conv2d_1x1')
            x = layers.Add()([x, slim.convolution(y, f'InceptionResnetV1/{at}/Conv2d_1x1', up)])
        return x

    x = inputs = layers.Input([160, 160, 3])
    stem = (('1a_3x3', 32), ('2a_3x3', 32), ('2b_3x3', 64), ('3b_1x1', 80), ('4a_3x3', 192), ('4b_3x3', 256))
    for name, width in stem:
        x = unit(x, f'Conv2d_{name}', f'Conv2d_{name}', width, 2 if name in ('1a_3x3', '4b_3x3') else 1)
    threes = 'Conv2d_0a_1x1:32 Conv2d_0b_3x3:32'
    x = repeat(x, 'Repeat', 'Block35', 5, 'Conv2d_1x1:32', threes, f'{threes} Conv2d_0c_3x3:32')
    rows = 'Conv2d_1a_3x3:384/', 'Conv2d_0a_1x1:192 Conv2d_0b_3x3:192 Conv2d_1a_3x3:256/'
    pool = layers.MaxPool2D(3, 2, 'same')
    x = layers.Concatenate()([*branches(x, 'Mixed_6a', 'Mixed_6a', *rows), pool(x)])
    sevens = 'Conv2d_0a_1x1:128 Conv2d_0b_1x7:128 Conv2d_0c_7x1:128'
    x = repeat(x, 'Repeat_1', 'Block17', 10, 'Conv2d_1x1:128', sevens)
    rows = 'Conv2d_0a_1x1:256 Conv2d_1a_3x3:384/', 'Conv2d_0a_1x1:256 Conv2d_1a_3x3:256/'
    third = 'Conv2d_0a_1x1:256 Conv2d_0b_3x3:256 Conv2d_1a_3x3:256/'
    x = layers.Concatenate()([*branches(x, 'Mixed_7a', 'Mixed_7a', *rows, third), pool(x)])
    threes = 'Conv2d_0a_1x1:192 Conv2d_0b_1x3:192 Conv2d_0c_3x1:192'
    x = repeat(x, 'Repeat_2', 'Block8', 6, 'Conv2d_1x1:192', threes)
    bottleneck = layers.Dense(512, use_bias=False, name='Bottleneck')
    x = slim.convolution(layers.GlobalAveragePooling2D()(x), 'InceptionResnetV1/Bottleneck', bottleneck)
    x = slim.norm(x, 'InceptionResnetV1/Bottleneck/BatchNorm', 'Bottleneck_BatchNorm')
    others = {'Logits/weights': (512, 8631), 'Logits/biases': (8631,), 'global_step': ()}
    return program(slim.answer, others, model=tf.keras.Model(inputs, x))


def deeplab() -> Pair:
    """DeepLab v3+ with Xception 65, and the Keras one of bonlime."""
    tf.keras.backend.clear_session()
    layers, slim = tf.keras.layers, _Slim()

    def unit(x, at: str, name: str, width: int, size: int = 1, stride: int = 1):
        layer = layers.Conv2D(width, size, stride, 'same', use_bias=False, name=name)
        return slim.unit(x, at, layer, f'{name}_BN')

    def separable(x, at: str, name: str, width: int, stride: int = 1):
        layer = layers.DepthwiseConv2D(3, stride, 'same', use_bias=False, name=f'{name}_depthwise')
        x = slim.unit(x, f'{at}_depthwise', layer, f'{name}_depthwise_BN')
        return unit(x, f'{at}_pointwise', f'{name}_pointwise', width)

    def module(x, at: str, name: str, widths: tuple, skip: str = 'conv', stride: int = 1):
        start, inside = x, []
        for number, width in enumerate(widths, 1):
            scope = f'xception_65/{at}/xception_module/separable_conv{number}'
            x = separable(x, scope, f'{name}_separable_conv{number}', width, stride if number == 3 else 1)
            inside.append(x)
        if skip == 'conv':
            scope = f'xception_65/{at}/xception_module/shortcut'
            start = unit(start, scope, f'{name}_shortcut', widths[-1], stride=stride)
        return (layers.Add()([x, start]) if skip != 'none' else x), inside[1]

    x = inputs = layers.Input([64, 64, 3])
    x = unit(x, 'xception_65/entry_flow/conv1_1', 'entry_flow_conv1_1', 32, 3, 2)
    x = unit(x, 'xception_65/entry_flow/conv1_2', 'entry_flow_conv1_2', 64, 3)
    low = x
    for block, width in enumerate((128, 256, 728), 1):
        at, name = f'entry_flow/block{block}/unit_1', f'entry_flow_block{block}'
        x, inside = module(x, at, name, (width,) * 3, stride=2)
        low = inside if block == 2 else low
    for number in range(1, 17):
        at, name = f'middle_flow/block1/unit_{number}', f'middle_flow_unit_{number}'
        x, _ = module(x, at, name, (728,) * 3, 'sum')
    x, _ = module(x, 'exit_flow/block1/unit_1', 'exit_flow_block1', (728, 1024, 1024))
    x, _ = module(x, 'exit_flow/block2/unit_1', 'exit_flow_block2', (1536, 1536, 2048), 'none')
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(x)
    pooled = layers.UpSampling2D(4)(unit(pooled, 'image_pooling', 'image_pooling', 256))
    rows = [pooled, unit(x, 'aspp0', 'aspp0', 256)]
    rows += [separable(x, f'aspp{number}', f'aspp{number}', 256) for number in (1, 2, 3)]
    x = unit(layers.Concatenate()(rows), 'concat_projection', 'concat_projection', 256)
    low = unit(low, 'decoder/feature_projection0', 'feature_projection0', 48)
    x = layers.Concatenate()([layers.UpSampling2D(low.shape[1] // x.shape[1])(x), low])
    for number in (0, 1):
        x = separable(x, f'decoder/decoder_conv{number}', f'decoder_conv{number}', 256)
    x = slim.convolution(x, 'logits/semantic', layers.Conv2D(21, 1, name='logits_semantic'))
    return program(slim.answer, {'global_step': ()}, model=tf.keras.Model(inputs, x))


def openpose() -> Pair:
    """OpenPose with MobileNet of tf-pose-estimation, whose depthwise convolutions have no normalization, and Keras."""
    tf.keras.backend.clear_session()
    layers, slim = tf.keras.layers, _Slim(_STATISTICS)

    def separable(x, at: str, name: str, width: int, size: int = 3, stride: int = 1):
        depthwise = layers.DepthwiseConv2D(size, stride, 'same', use_bias=False, name=f'{name}_dw')
        x = slim.convolution(x, f'{at}_depthwise', depthwise)
        pointwise = layers.Conv2D(width, 1, use_bias=False, name=f'{name}_pw')
        return slim.unit(x, f'{at}_pointwise', pointwise, f'{name}_bn')

    x = inputs = layers.Input([64, 64, 3])
    first = layers.Conv2D(32, 3, 2, 'same', use_bias=False, name='conv0')
    x = slim.unit(x, 'MobilenetV1/Conv2d_0', first, 'conv0_bn')
    features = {}
    for number, width in enumerate((64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512), 1):
        x = separable(
            x, f'MobilenetV1/Conv2d_{number}', f'conv{number}', width, 3, 2 if number in (2, 4) else 1
        )
        features[number] = x
    pooled = layers.MaxPool2D()(features[3])
    shared = x = layers.Concatenate()([pooled, features[7], features[11]])
    for stage in range(1, 7):
        outputs = []
        for branch, classes in ((1, 38), (2, 19)):
            y = x
            last = 512 if stage == 1 else 128
            for number, width in enumerate((128, 128, 128, last, classes), 1):
                at = f'Openpose/MConv_Stage{stage}_L{branch}_{number}'
                y = separable(y, at, f'Mconv{number}_stage{stage}_L{branch}', width, 3 if number < 4 else 1)
            outputs.append(y)
        x = layers.Concatenate()([*outputs, shared])
    return program(slim.answer, {'global_step': ()}, model=tf.keras.Model(inputs, outputs))


def resnext() -> Pair:
    """The SE-ResNeXt of taki0112 for CIFAR-10, whose convolutions tf.layers counts, and a Keras model with names."""
    tf.keras.backend.clear_session()
    layers, answer, counts = tf.keras.layers, {}, {'conv2d': 0, 'dense': 0}

    def counted(x, kind: str, layer):
        number = counts[kind]
        counts[kind] += 1
        x = layer(x)
        for role in ('kernel', 'bias') if layer.use_bias else ('kernel',):
            answer[f'{kind}{f"_{number}" if number else ""}/{role}'] = getattr(layer, role)
        return x

    def unit(x, at: str, name: str, width: int, size: int, stride: int = 1, number: str = ''):
        layer = layers.Conv2D(width, size, stride, 'same', use_bias=False, name=f'{name}_conv{number}')
        norm = layers.BatchNormalization(name=f'{name}_bn{number}')
        x = norm(counted(x, 'conv2d', layer))
        answer.update({f'{at}_batch{number}/{role}': getattr(norm, role) for role in _NORM})
        return x

    x = inputs = layers.Input([32, 32, 3])
    x = unit(x, 'first_layer', 'stem', 64, 3, number='1')
    for stage, width in enumerate((64, 128, 256), 1):
        for block in range(3):
            stride, name, rows = 2 if stage > 1 and not block else 1, f'stage{stage}_block{block}', []
            at = f'split_layer_{stage}_{block}'
            for split in range(8):
                y, branch = x, f'{name}_path{split}'
                for number, (size, step) in enumerate(((1, 1), (3, stride)), 1):
                    y = unit(y, f'{at}_splitN_{split}', branch, 64, size, step, str(number))
                rows.append(y)
            y = unit(
                layers.Concatenate()(rows),
                f'trans_layer_{stage}_{block}',
                f'{name}_out',
                width,
                1,
                number='1',
            )
            z = layers.GlobalAveragePooling2D()(y)
            for units, part in ((width // 4, 'squeeze'), (width, 'excite')):
                z = counted(z, 'dense', layers.Dense(units, name=f'{name}_se_{part}'))
            y = layers.Multiply()([y, layers.Reshape([1, 1, width])(z)])
            if x.shape[-1] != width:
                x = layers.AveragePooling2D()(x)
                x = layers.Lambda(lambda v: tf.pad(v, [[0, 0], [0, 0], [0, 0], [v.shape[-1] // 2] * 2]))(x)
            x = layers.Add()([x, y])
    x = counted(layers.GlobalAveragePooling2D()(x), 'dense', layers.Dense(10, use_bias=False, name='logits'))
    return program(answer, {'global_step': ()}, model=tf.keras.Model(inputs, x))


def retinanet() -> Pair:
    """The RetinaNet of the object detection API, whose heads share weights but not statistics, and a Keras one."""
    tf.keras.backend.clear_session()
    layers, slim = tf.keras.layers, _Slim()
    backbone = tf.keras.applications.ResNet50(weights=None, include_top=False, input_shape=(256, 256, 3))
    at = 'FeatureExtractor/resnet_v1_50/resnet_v1_50'

    def noted(scope: str, name: str) -> None:
        slim.answer[f'{scope}/weights'] = backbone.get_layer(f'{name}_conv').kernel
        norm = backbone.get_layer(f'{name}_bn')
        slim.answer.update({f'{scope}/BatchNorm/{role}': getattr(norm, role) for role in _NORM})

    noted(f'{at}/conv1', 'conv1')
    for block, count in enumerate((3, 4, 6, 3), 1):
        for number in range(1, count + 1):
            scope, name = f'{at}/block{block}/unit_{number}/bottleneck_v1', f'conv{block + 1}_block{number}'
            for part in (1, 2, 3):
                noted(f'{scope}/conv{part}', f'{name}_{part}')
        noted(f'{at}/block{block}/unit_1/bottleneck_v1/shortcut', f'conv{block + 1}_block1_0')
    fpn = 'FeatureExtractor/resnet_v1_50/fpn'
    outputs = [
        backbone.get_layer(f'conv{block}_block{n}_out').output for block, n in ((3, 4), (4, 6), (5, 3))
    ]
    lateral = [
        slim.convolution(x, f'{fpn}/projection_{n}', layers.Conv2D(256, 1, name=f'lateral_c{n + 2}'))
        for n, x in enumerate(outputs, 1)
    ]
    levels = [lateral[2]]
    for number in (2, 1):
        x = layers.Add()([layers.UpSampling2D()(levels[0]), lateral[number - 1]])
        layer = layers.Conv2D(256, 3, padding='same', use_bias=False, name=f'fpn_p{number + 2}')
        levels.insert(0, slim.unit(x, f'{fpn}/smoothing_{number}', layer, f'fpn_p{number + 2}_bn'))
    x = levels[-1]
    for number in (5, 6):
        layer = layers.Conv2D(256, 3, 2, 'same', use_bias=False, name=f'fpn_p{number + 1}')
        x = slim.unit(x, f'{fpn}/bottom_up_block{number}', layer, f'fpn_p{number + 1}_bn')
        levels.append(x)
    results = []
    for kind, name, channels in (('Class', 'cls', 6 * 90), ('Box', 'box', 6 * 4)):
        scope = 'WeightSharedConvolutionalBoxPredictor'
        tower = [
            layers.Conv2D(256, 3, padding='same', use_bias=False, name=f'{name}_conv{n}') for n in range(4)
        ]
        last = layers.Conv2D(channels, 3, padding='same', name=f'{name}_output')
        for level, x in enumerate(levels):
            for number, layer in enumerate(tower):
                of_layer = f'{scope}/{kind}PredictionTower/conv2d_{number}'
                x = slim.convolution(x, of_layer, layer)
                x = slim.norm(
                    x, f'{of_layer}/BatchNorm/feature_{level}', f'{name}_bn{number}_level{level + 3}'
                )
            results.append(slim.convolution(x, f'{scope}/{kind}Predictor', last))
    return program(slim.answer, {'global_step': ()}, model=tf.keras.Model(backbone.input, results))


def dcgan() -> Pair:
    """carpedm20's DCGAN, and two Keras models without names."""
    layers, answer = tf.keras.layers, {}
    norms = [layers.BatchNormalization() for _ in range(7)]
    first, last = layers.Dense(4 * 4 * 512), layers.Dense(1)
    up = [layers.Conv2DTranspose(width, 5, 2, 'same') for width in (256, 128, 64, 3)]
    down = [layers.Conv2D(width, 5, 2, 'same') for width in (64, 128, 256, 512)]
    between = [layer for pair in zip(norms[:4], up, strict=True) for layer in pair]
    generator = tf.keras.Sequential(
        [layers.Input([100]), first, layers.Reshape([4, 4, 512]), *between],
    )
    after = [layer for pair in zip(down[1:], norms[4:], strict=True) for layer in pair]
    discriminator = tf.keras.Sequential([layers.Input([64, 64, 3]), down[0], *after, layers.Flatten(), last])
    for scope, layer in (('generator/g_h0_lin', first), ('discriminator/d_h4_lin', last)):
        answer[f'{scope}/Matrix'], answer[f'{scope}/bias'] = layer.kernel, layer.bias
    scopes = [f'generator/g_h{n}' for n in range(1, 5)] + [f'discriminator/d_h{n}_conv' for n in range(4)]
    for scope, layer in zip(scopes, up + down, strict=True):
        answer[f'{scope}/w'], answer[f'{scope}/biases'] = layer.kernel, layer.bias
    scopes = [f'generator/g_bn{n}' for n in range(4)] + [f'discriminator/d_bn{n}' for n in (1, 2, 3)]
    for scope, layer in zip(scopes, norms, strict=True):
        answer.update({f'{scope}/{role}': getattr(layer, role) for role in _NORM})
    return program(answer, generator=generator, discriminator=discriminator)


def v_net() -> Pair:
    """The V-Net of TF1, whose decoder counts down its levels, and a Keras model without names."""
    tf.keras.backend.clear_session()
    layers, answer = tf.keras.layers, {}

    def convolution(x, scope: str, layer):
        x = layer(x)
        answer[f'{scope}/weights'], answer[f'{scope}/biases'] = layer.kernel, layer.bias
        return x

    def prelu(x, scope: str):
        layer = layers.PReLU(shared_axes=[1, 2, 3])
        x = layer(x)
        answer[f'{scope}/alpha'] = layer.alpha, (layer.alpha.shape[-1],)
        return x

    def block(x, scope: str, start, count: int):
        width = start.shape[-1]
        for number in range(1, count + 1):
            x = convolution(x, f'{scope}/conv_{number}', layers.Conv3D(width, 5, padding='same'))
            x = layers.Add()([x, start]) if number == count else x
            x = prelu(x, f'{scope}/conv_{number}')
        return x

    inputs = layers.Input([32, 32, 32, 1])
    x = convolution(inputs, 'vnet/input_layer', layers.Conv3D(16, 5, padding='same'))
    x, skips = prelu(x, 'vnet/input_layer'), []
    for level, count in enumerate((1, 2, 3, 3), 1):
        scope = f'vnet/encoder/level_{level}'
        x = block(x, scope, x, count)
        skips.append(x)
        down = layers.Conv3D(2 * x.shape[-1], 2, 2)
        x = prelu(convolution(x, f'{scope}/down_convolution', down), f'{scope}/down_convolution')
    x = block(x, 'vnet/bottom_level', x, 3)
    for level, count in ((4, 3), (3, 3), (2, 2), (1, 1)):
        scope, skip = f'vnet/decoder/level_{level}', skips[level - 1]
        up = layers.Conv3DTranspose(skip.shape[-1], 2, 2)
        x = prelu(convolution(x, f'{scope}/up_convolution', up), f'{scope}/up_convolution')
        x = block(layers.Concatenate()([x, skip]), scope, x, count)
    x = convolution(x, 'vnet/output_layer', layers.Conv3D(2, 1))
    return program(answer, {'global_step': ()}, model=tf.keras.Model(inputs, x))
