"""Pairs of networks of images: names of slim and known repositories, and Keras models; see `more_architectures`."""

import tensorflow as tf

from tests.suggesting.known_pairs import Pair, program

_NORM = ('gamma', 'beta', 'moving_mean', 'moving_variance')
_STATISTICS = _NORM[1:]


def _unscaled(scope: str, convolution: tf.keras.layers.Layer, norm: tf.keras.layers.Layer) -> dict:
    """A convolution of slim's Inceptions, whose normalization has no gamma."""
    answer = {f'{scope}/weights': convolution.kernel}
    return answer | {f'{scope}/BatchNorm/{role}': getattr(norm, role) for role in _STATISTICS}


def _layers(model: tf.keras.Model, kind: type) -> list:
    """The layers of a kind in the order in which the model made them, which Keras's numbers tell."""
    layers = [layer for layer in model.layers if type(layer) is kind]

    def number(layer) -> int:
        counted = layer.name.rpartition('_')[2]
        return int(counted) if counted.isdigit() else 0

    return sorted(layers, key=number)


def _without_names(model: tf.keras.Model, scopes: list[str]) -> dict:
    convolutions = [c for c in _layers(model, tf.keras.layers.Conv2D) if not c.use_bias]
    norms = _layers(model, tf.keras.layers.BatchNormalization)
    answer = {}
    for scope, convolution, norm in zip(scopes, convolutions, norms, strict=True):
        answer |= _unscaled(scope, convolution, norm)
    return answer


def _branches(scope: str, *branches: str) -> list[str]:
    return [f'{scope}/Branch_{n}/{conv}' for n, convs in enumerate(branches) for conv in convs.split()]


def inception_v3() -> Pair:
    """slim's Inception v3 with its auxiliary logits, and Keras Applications'."""
    tf.keras.backend.clear_session()
    model = tf.keras.applications.InceptionV3(weights=None)
    scopes = ['Conv2d_1a_3x3', 'Conv2d_2a_3x3', 'Conv2d_2b_3x3', 'Conv2d_3b_1x1', 'Conv2d_4a_3x3']
    for name in '5b', '5c', '5d':
        second = 'Conv2d_0b_1x1 Conv_1_0c_5x5' if name == '5c' else 'Conv2d_0a_1x1 Conv2d_0b_5x5'
        third = 'Conv2d_0a_1x1 Conv2d_0b_3x3 Conv2d_0c_3x3'
        scopes += _branches(f'Mixed_{name}', 'Conv2d_0a_1x1', second, third, 'Conv2d_0b_1x1')
    scopes += _branches('Mixed_6a', 'Conv2d_1a_1x1', 'Conv2d_0a_1x1 Conv2d_0b_3x3 Conv2d_1a_1x1')
    for name in '6b', '6c', '6d', '6e':
        third = 'Conv2d_0a_1x1 Conv2d_0b_7x1 Conv2d_0c_1x7 Conv2d_0d_7x1 Conv2d_0e_1x7'
        second = 'Conv2d_0a_1x1 Conv2d_0b_1x7 Conv2d_0c_7x1'
        scopes += _branches(f'Mixed_{name}', 'Conv2d_0a_1x1', second, third, 'Conv2d_0b_1x1')
    second = 'Conv2d_0a_1x1 Conv2d_0b_1x7 Conv2d_0c_7x1 Conv2d_1a_3x3'
    scopes += _branches('Mixed_7a', 'Conv2d_0a_1x1 Conv2d_1a_3x3', second)
    for name in '7b', '7c':
        second = f'Conv2d_0a_1x1 Conv2d_0b_1x3 Conv2d_0{"b" if name == "7b" else "c"}_3x1'
        third = 'Conv2d_0a_1x1 Conv2d_0b_3x3 Conv2d_0c_1x3 Conv2d_0d_3x1'
        scopes += _branches(f'Mixed_{name}', 'Conv2d_0a_1x1', second, third, 'Conv2d_0b_1x1')
    answer = _without_names(model, [f'InceptionV3/{scope}' for scope in scopes])
    others = {
        'InceptionV3/Logits/Conv2d_1c_1x1/weights': (1, 1, 2048, 1001),
        'InceptionV3/Logits/Conv2d_1c_1x1/biases': (1001,),
        'InceptionV3/AuxLogits/Conv2d_2b_1x1/weights': (1, 1, 768, 1001),
        'InceptionV3/AuxLogits/Conv2d_2b_1x1/biases': (1001,),
        'global_step': (),
    }
    for scope, shape in (('Conv2d_1b_1x1', (1, 1, 768, 128)), ('Conv2d_2a_5x5', (5, 5, 128, 768))):
        others[f'InceptionV3/AuxLogits/{scope}/weights'] = shape
        others |= {f'InceptionV3/AuxLogits/{scope}/BatchNorm/{role}': shape[-1:] for role in _STATISTICS}
    return program(answer, others, model=model)


def inception_resnet_v2() -> Pair:
    """slim's Inception-ResNet v2 with its auxiliary logits, and Keras Applications'."""
    tf.keras.backend.clear_session()
    model = tf.keras.applications.InceptionResNetV2(weights=None)
    scopes = ['Conv2d_1a_3x3', 'Conv2d_2a_3x3', 'Conv2d_2b_3x3', 'Conv2d_3b_1x1', 'Conv2d_4a_3x3']
    threes = 'Conv2d_0a_1x1 Conv2d_0b_3x3 Conv2d_0c_3x3'
    scopes += _branches('Mixed_5b', 'Conv2d_1x1', 'Conv2d_0a_1x1 Conv2d_0b_5x5', threes, 'Conv2d_0b_1x1')
    repeated: list[tuple[str, str]] = []

    def repeat(scope: str, kind: str, count: int, *branches: str) -> None:
        for number in range(1, count + 1):
            at = f'{scope}/{kind}_{number}'
            if (scope, number) == ('Repeat_2', 10):
                at = 'Block8'
            scopes.extend(_branches(at, 'Conv2d_1x1', *branches))
            repeated.append((f'{at}/Conv2d_1x1', f'{kind}_{number}_conv'))

    repeat('Repeat', 'block35', 10, 'Conv2d_0a_1x1 Conv2d_0b_3x3', threes)
    scopes += _branches('Mixed_6a', 'Conv2d_1a_3x3', 'Conv2d_0a_1x1 Conv2d_0b_3x3 Conv2d_1a_3x3')
    repeat('Repeat_1', 'block17', 20, 'Conv2d_0a_1x1 Conv2d_0b_1x7 Conv2d_0c_7x1')
    third = 'Conv2d_0a_1x1 Conv2d_0b_3x3 Conv2d_1a_3x3'
    scopes += _branches('Mixed_7a', *['Conv2d_0a_1x1 Conv2d_1a_3x3'] * 2, third)
    repeat('Repeat_2', 'block8', 10, 'Conv2d_0a_1x1 Conv2d_0b_1x3 Conv2d_0c_3x1')
    unnamed = [c for c in _layers(model, tf.keras.layers.Conv2D) if c.name.startswith('conv2d')]
    norms = [n for n in _layers(model, tf.keras.layers.BatchNormalization) if n.name.startswith('batch_norm')]
    answer = {}
    for scope, convolution, norm in zip(scopes, unnamed, norms, strict=True):
        answer |= _unscaled(f'InceptionResnetV2/{scope}', convolution, norm)
    answer |= _unscaled(
        'InceptionResnetV2/Conv2d_7b_1x1', model.get_layer('conv_7b'), model.get_layer('conv_7b_bn')
    )
    for scope, name in repeated:
        answer[f'InceptionResnetV2/{scope}/weights'] = model.get_layer(name).kernel
        answer[f'InceptionResnetV2/{scope}/biases'] = model.get_layer(name).bias
    others = {
        'InceptionResnetV2/Logits/Logits/weights': (1536, 1001),
        'InceptionResnetV2/Logits/Logits/biases': (1001,),
        'InceptionResnetV2/AuxLogits/Logits/weights': (768, 1001),
        'InceptionResnetV2/AuxLogits/Logits/biases': (1001,),
        'global_step': (),
    }
    for scope, shape in (('Conv2d_1b_1x1', (1, 1, 1088, 128)), ('Conv2d_2a_5x5', (5, 5, 128, 768))):
        others[f'InceptionResnetV2/AuxLogits/{scope}/weights'] = shape
        others |= {
            f'InceptionResnetV2/AuxLogits/{scope}/BatchNorm/{role}': shape[-1:] for role in _STATISTICS
        }
    return program(answer, others, model=model)


def mobilenet_v3() -> Pair:
    """slim's MobileNet v3 for 1001 classes, and Keras Applications'."""
    model = tf.keras.applications.MobileNetV3Large(weights=None)
    roles = {'kernel': 'weights', 'depthwise_kernel': 'depthwise_weights', 'bias': 'biases'}
    answer = {}
    for layer in model.layers:
        if layer.weights and layer.name != 'Logits':
            # Keras has kept slim's names of layers.
            for weight in layer.weights:
                role = weight.name.removesuffix(':0').rpartition('/')[2]
                answer[f'MobilenetV3/{layer.name}/{roles.get(role, role)}'] = weight
    logits = {'weights': (1, 1, 1280, 1001), 'biases': (1001,)}
    others = {f'MobilenetV3/Logits/Conv2d_1c_1x1/{role}': shape for role, shape in logits.items()}
    return program(answer, {**others, 'global_step': ()}, model=model)


class _InstanceNorm(tf.keras.layers.Layer):
    """The normalization of the tutorials."""

    def build(self, input_shape):
        self.scale = self.add_weight('scale', input_shape[-1:])
        self.offset = self.add_weight('offset', input_shape[-1:])

    def call(self, inputs):
        return self.scale * inputs + self.offset


def pix2pix() -> Pair:
    """The pix2pix of TF1, which numbers the decoder from its end, and TensorFlow's tutorial, which has no biases."""
    tf.keras.backend.clear_session()
    layers, answer = tf.keras.layers, {}
    others: dict[str, tuple[int, ...]] = {'global_step': ()}

    def part(convolution, norm: bool):
        return tf.keras.Sequential([convolution, *([layers.BatchNormalization()] if norm else [])])

    def note(scope: str, kind: str, of_part) -> None:
        convolution, *norms = getattr(of_part, 'layers', [of_part])
        answer[f'{scope}/{kind}/kernel'] = convolution.kernel
        if convolution.use_bias:
            answer[f'{scope}/{kind}/bias'] = convolution.bias
        else:
            others[f'{scope}/{kind}/bias'] = (convolution.filters,)
        for norm in norms:
            answer.update({f'{scope}/batch_normalization/{role}': getattr(norm, role) for role in _NORM})

    widths, options = (64, 128, 256, 512, 512, 512, 512, 512), {'padding': 'same', 'use_bias': False}
    x = inputs = layers.Input([256, 256, 3])
    skips, down, up = [], [], []
    for number, width in enumerate(widths):
        down.append(part(layers.Conv2D(width, 4, 2, **options), norm=number > 0))
        x = down[-1](x)
        skips.append(x)
    for number, width in enumerate((512, 512, 512, 512, 256, 128, 64)):
        up.append(part(layers.Conv2DTranspose(width, 4, 2, **options), norm=True))
        x = layers.Concatenate()([up[-1](x), skips[-2 - number]])
    last = layers.Conv2DTranspose(3, 4, 2, 'same')
    generator = tf.keras.Model(inputs, last(x))
    for number, of_part in enumerate(down, 1):
        note(f'generator/encoder_{number}', 'conv2d', of_part)
    for number, of_part in enumerate([*up, last]):
        note(f'generator/decoder_{8 - number}', 'conv2d_transpose', of_part)
    pair = [layers.Input([256, 256, 3]), layers.Input([256, 256, 3])]
    x = layers.Concatenate()(pair)
    tower = [part(layers.Conv2D(width, 4, 2, **options), norm=width > 64) for width in (64, 128, 256)]
    tower.append(part(layers.Conv2D(512, 4, **options), norm=True))
    tower.append(layers.Conv2D(1, 4))
    for of_part in tower:
        x = of_part(x)
    discriminator = tf.keras.Model(pair, x)
    for number, of_part in enumerate(tower, 1):
        note(f'discriminator/layer_{number}', 'conv2d', of_part)
    return program(answer, others, generator=generator, discriminator=discriminator)


def cycle_gan() -> Pair:
    """A CycleGAN of TF1, of two generators and two discriminators of the same shapes, and the tutorial's names."""
    tf.keras.backend.clear_session()
    layers, answer = tf.keras.layers, {}

    def unit(x, scope: str, convolution, number: str = '', norm: bool = True):
        x = convolution(x)
        answer[f'{scope}/weights{number}'] = convolution.kernel
        if convolution.use_bias:
            answer[f'{scope}/biases{number}'] = convolution.bias
        if norm:
            of_norm = _InstanceNorm()
            x = of_norm(x)
            answer.update({f'{scope}/instance_norm/{r}': getattr(of_norm, r) for r in ('scale', 'offset')})
        return x

    def generator(scope: str):
        options = {'padding': 'same', 'use_bias': False}
        x = inputs = layers.Input([64, 64, 3])
        x = unit(x, f'{scope}/c7s1_32', layers.Conv2D(32, 7, **options))
        x = unit(x, f'{scope}/d64', layers.Conv2D(64, 3, 2, **options))
        x = unit(x, f'{scope}/d128', layers.Conv2D(128, 3, 2, **options))
        for block in range(1, 10):
            y = x
            for n in '12':
                y = unit(y, f'{scope}/R128_{block}/layer{n}', layers.Conv2D(128, 3, **options), n)
            x = layers.Add()([x, y])
        x = unit(x, f'{scope}/u64', layers.Conv2DTranspose(64, 3, 2, **options))
        x = unit(x, f'{scope}/u32', layers.Conv2DTranspose(32, 3, 2, **options))
        return tf.keras.Model(inputs, unit(x, f'{scope}/output', layers.Conv2D(3, 7, **options), norm=False))

    def discriminator(scope: str):
        x = inputs = layers.Input([64, 64, 3])
        for width in (64, 128, 256, 512):
            x = unit(x, f'{scope}/C{width}', layers.Conv2D(width, 4, 2, use_bias=False), norm=width > 64)
        return tf.keras.Model(
            inputs, unit(x, f'{scope}/output', layers.Conv2D(1, 4, padding='same'), norm=False)
        )

    models = {
        'generator_g': generator('G'),
        'generator_f': generator('F'),
        'discriminator_x': discriminator('D_X'),
        'discriminator_y': discriminator('D_Y'),
    }
    return program(answer, {'global_step': ()}, **models)


def deep_q() -> Pair:
    """The Q network of OpenAI's baselines and its target network, of the same shapes, and Keras models."""
    answer, models = {}, {}
    layers = tf.keras.layers
    for scope, name in (('q_func', 'q_network'), ('target_q_func', 'target_network')):
        convolutions = [layers.Conv2D(32, 8, 4), layers.Conv2D(64, 4, 2), layers.Conv2D(64, 3)]
        dense = [layers.Dense(256), layers.Dense(6)]
        models[name] = tf.keras.Sequential(
            [layers.Input([84, 84, 4]), *convolutions, layers.Flatten(), *dense]
        )
        scopes = [f'convnet/Conv{n}' for n in ('', '_1', '_2')]
        scopes += [f'action_value/fully_connected{n}' for n in ('', '_1')]
        for at, layer in zip(scopes, convolutions + dense, strict=True):
            answer[f'deepq/{scope}/{at}/weights'] = layer.kernel
            answer[f'deepq/{scope}/{at}/biases'] = layer.bias
    return program(answer, {'deepq/eps': ()}, **models)


def yolo_v3() -> Pair:
    """A YOLO v3 of slim, which counts the convolutions of each scope, and a Keras model without names."""
    tf.keras.backend.clear_session()
    layers, answer, counts = tf.keras.layers, {}, {'darknet-53': 0, 'yolo-v3': 0}

    def unit(x, scope: str, width: int, size: int, stride: int = 1):
        number = counts[scope]
        counts[scope] += 1
        at = f'detector/{scope}/Conv{f"_{number}" if number else ""}'
        convolution = layers.Conv2D(width, size, stride, 'same', use_bias=False)
        norm = layers.BatchNormalization()
        x = norm(convolution(x))
        answer[f'{at}/weights'] = convolution.kernel
        answer.update({f'{at}/BatchNorm/{role}': getattr(norm, role) for role in _NORM})
        return x

    def head(x) -> tf.Tensor:
        number = counts['yolo-v3']
        counts['yolo-v3'] += 1
        convolution = layers.Conv2D(3 * 85, 1)
        x = convolution(x)
        answer[f'detector/yolo-v3/Conv_{number}/weights'] = convolution.kernel
        answer[f'detector/yolo-v3/Conv_{number}/biases'] = convolution.bias
        return x

    x = inputs = layers.Input([416, 416, 3])
    x = unit(x, 'darknet-53', 32, 3)
    routes = []
    for width, count in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        x = unit(x, 'darknet-53', width, 3, 2)
        for _ in range(count):
            y = unit(unit(x, 'darknet-53', width // 2, 1), 'darknet-53', width, 3)
            x = layers.Add()([x, y])
        routes.append(x)
    outputs = []
    for level, width in enumerate((512, 256, 128)):
        if level:
            x = layers.UpSampling2D()(unit(x, 'yolo-v3', width, 1))
            x = layers.Concatenate()([x, routes[-1 - level]])
        for _ in range(2):
            x = unit(unit(x, 'yolo-v3', width, 1), 'yolo-v3', 2 * width, 3)
        x = unit(x, 'yolo-v3', width, 1)
        outputs.append(head(unit(x, 'yolo-v3', 2 * width, 3)))
    return program(answer, {'global_step': ()}, model=tf.keras.Model(inputs, outputs))


def vggish() -> Pair:
    """VGGish, the network of sounds, and a Keras model of layers in a sequence."""
    layers, answer = tf.keras.layers, {}
    scopes = ['conv1', 'conv2', 'conv3/conv3_1', 'conv3/conv3_2', 'conv4/conv4_1', 'conv4/conv4_2']
    widths = (64, 128, 256, 256, 512, 512)
    convolutions = [layers.Conv2D(width, 3, padding='same') for width in widths]
    dense = [layers.Dense(width) for width in (4096, 4096, 128)]
    sequence: list = [layers.Input([96, 64, 1])]
    for number, convolution in enumerate(convolutions):
        sequence += [convolution, *([layers.MaxPool2D()] if number in (0, 1, 3, 5) else [])]
    model = tf.keras.Sequential([*sequence, layers.Flatten(), *dense])
    scopes += ['fc1/fc1_1', 'fc1/fc1_2', 'fc2']
    for scope, layer in zip(scopes, convolutions + dense, strict=True):
        answer[f'vggish/{scope}/weights'] = layer.kernel
        answer[f'vggish/{scope}/biases'] = layer.bias
    return program(answer, {'global_step': ()}, model=model)


def srgan() -> Pair:
    """The generator and the discriminator of an SRGAN of slim, and two Keras models without names."""
    tf.keras.backend.clear_session()
    layers, answer = tf.keras.layers, {}

    def convolution(x, scope: str, width: int, size: int, stride: int = 1, biases: bool = False):
        layer = layers.Conv2D(width, size, stride, 'same', use_bias=biases)
        x = layer(x)
        answer[f'{scope}/Conv/weights'] = layer.kernel
        if biases:
            answer[f'{scope}/Conv/biases'] = layer.bias
        return x

    def norm(x, scope: str):
        layer = layers.BatchNormalization(scale=False)
        x = layer(x)
        answer.update({f'{scope}/{role}': getattr(layer, role) for role in _STATISTICS})
        return x

    def prelu(x, scope: str):
        layer = layers.PReLU(shared_axes=[1, 2])
        x = layer(x)
        answer[f'{scope}/alpha'] = layer.alpha, (layer.alpha.shape[-1],)
        return x

    at = 'generator/generator_unit'
    inputs = layers.Input([24, 24, 3])
    x = prelu(convolution(inputs, f'{at}/input_stage/conv', 64, 9, biases=True), f'{at}/input_stage/prelu')
    start = x
    for block in range(1, 17):
        scope = f'{at}/resblock_{block}'
        y = norm(convolution(x, f'{scope}/conv_1', 64, 3), f'{scope}/BatchNorm')
        y = convolution(prelu(y, f'{scope}/prelu'), f'{scope}/conv_2', 64, 3)
        x = layers.Add()([norm(y, f'{scope}/BatchNorm_1'), x])
    x = norm(convolution(x, f'{at}/resblock_output/conv', 64, 3), f'{at}/resblock_output/BatchNorm')
    x = layers.Add()([x, start])
    for stage in (1, 2):
        x = convolution(x, f'{at}/subpixelconv_stage{stage}/conv', 256, 3, biases=True)
        x = layers.Reshape([24 * 2**stage, 24 * 2**stage, 64])(x)
        x = prelu(x, f'{at}/subpixelconv_stage{stage}/prelu')
    generator = tf.keras.Model(inputs, convolution(x, f'{at}/output_stage/conv', 3, 9, biases=True))
    at = 'discriminator/discriminator_unit'
    inputs = layers.Input([96, 96, 3])
    x = convolution(inputs, f'{at}/input_stage/conv', 64, 3, biases=True)
    rows = ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2))
    for number, (width, stride) in enumerate(rows, 1):
        scope = f'{at}/disblock_{number}'
        x = norm(convolution(x, f'{scope}/conv1', width, 3, stride), f'{scope}/BatchNorm')
    x = layers.Flatten()(x)
    for number, width in enumerate((1024, 1), 1):
        layer = layers.Dense(width)
        x = layer(x)
        name = f'{at}/dense_layer_{number}/dense'
        answer[f'{name}/kernel'], answer[f'{name}/bias'] = layer.kernel, layer.bias
    return program(answer, {'global_step': ()}, generator=generator, discriminator=tf.keras.Model(inputs, x))
