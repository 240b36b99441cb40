"""Pairs of known architectures: a TF1 checkpoint's names, and the names or the program of another implementation.

The order of the layers often says what their names do not. Each pair of `TUNED` was looked at while the search was
made; those of `HELD_BACK` were not.
"""

import re
from collections.abc import Callable, Iterable

import tensorflow as tf

from tests.suggesting import named_architectures
from tests.suggesting.known_pairs import Pair, files, program

_NORM = ('gamma', 'beta', 'moving_mean', 'moving_variance')
_KINDS = {
    'Conv2D': 'conv2d',
    'DepthwiseConv2D': 'depthwise_conv2d',
    'SeparableConv2D': 'separable_conv2d',
    'Conv2DTranspose': 'conv2d_transpose',
    'BatchNormalization': 'batch_normalization',
    'Dense': 'dense',
}


def counted(model: tf.keras.Model, layers: Iterable[str] = (), scope: str = '', but: str = '(?!)') -> dict:
    """The variables of a model's layers as tf.layers numbers them, in the order of `layers` or of the model."""
    numbers: dict[str, int] = {}
    answer = {}
    for layer in [model.get_layer(name) for name in layers] or model.layers:
        kind = _KINDS.get(type(layer).__name__)
        if kind is None or not layer.weights:
            continue
        number = numbers[kind] = numbers.get(kind, -1) + 1
        for weight in layer.weights:
            role = weight.name.removesuffix(':0').rpartition('/')[2]
            name = f'{scope}{kind}{f"_{number}" if number else ""}/{role}'
            if not re.search(but, name):
                answer[name] = weight
    return answer


def official_resnet() -> Pair:
    """The official ResNet-50, whose shortcuts come first and whose convolutions have no biases, and Keras's."""
    model = tf.keras.applications.ResNet50(weights=None)
    layers = ['conv1_conv', 'conv1_bn']
    for block, units in enumerate((3, 4, 6, 3), 2):
        for unit in range(1, units + 1):
            for conv in (0, 1, 2, 3) if unit == 1 else (1, 2, 3):
                layers += [f'conv{block}_block{unit}_{conv}_{kind}' for kind in ('conv', 'bn')]
    answer = counted(model, [*layers, 'predictions'], 'resnet_model/', but='conv2d.*/bias')
    return program(answer, model=model)


def official_resnet_v2() -> Pair:
    """The official ResNet-50 v2 and Keras's, which has a normalization more and another number of classes."""
    model = tf.keras.applications.ResNet50V2(weights=None)
    layers = ['conv1_conv']
    for block, units in enumerate((3, 4, 6, 3), 2):
        for unit in range(1, units + 1):
            at = f'conv{block}_block{unit}'
            layers += [f'{at}_preact_bn', *([f'{at}_0_conv'] if unit == 1 else [])]
            layers += [f'{at}_{part}' for part in ('1_conv', '1_bn', '2_conv', '2_bn', '3_conv')]
    answer = counted(model, [*layers, 'post_bn'], 'resnet_model/', but='conv2d.*/bias')
    return program(
        answer, {'resnet_model/dense/kernel': (2048, 1001), 'resnet_model/dense/bias': (1001,)}, model=model
    )


def gpt2() -> Pair:
    """OpenAI's GPT-2, whose matrices have an axis of extent 1, and Hugging Face's."""
    answer = {
        'model/wte': ('transformer/wte/weight', (50257, 768), None),
        'model/wpe': ('transformer/wpe/embeddings', (1024, 768), None),
    }
    norm = (('g', 'gamma', (768,), None), ('b', 'beta', (768,), None))
    for number in range(12):
        old, new = f'model/h{number}', f'transformer/h_._{number}'
        for part in ('ln_1', 'ln_2'):
            answer |= {f'{old}/{part}/{a}': (f'{new}/{part}/{b}', s, n) for a, b, s, n in norm}
        for part, x, y in (
            ('attn/c_attn', 768, 2304),
            ('attn/c_proj', 768, 768),
            ('mlp/c_fc', 768, 3072),
            ('mlp/c_proj', 3072, 768),
        ):
            answer[f'{old}/{part}/w'] = f'{new}/{part}/weight', (1, x, y), (x, y)
            answer[f'{old}/{part}/b'] = f'{new}/{part}/bias', (y,), (1, y)
    answer |= {f'model/ln_f/{a}': (f'transformer/ln_f/{b}', s, n) for a, b, s, n in norm}
    return files(answer)


def efficientnet() -> Pair:
    """Google's EfficientNet-B0, in whose blocks tf.layers numbers the layers, and the names of Keras's."""
    answer, scope = {}, 'efficientnet-b0'

    def layer(old: str, name: str) -> None:
        for weight in model.get_layer(name).weights:
            role = weight.name.removesuffix(':0').rpartition('/')[2]
            answer[f'{scope}/{old}/{role}'] = f'{name}/{role}', tuple(weight.shape), None

    model = tf.keras.applications.EfficientNetB0(weights=None)
    layer('stem/conv2d', 'stem_conv')
    layer('stem/tpu_batch_normalization', 'stem_bn')
    blocks = [
        f'{block}{"abcd"[n]}' for block, count in enumerate((1, 2, 2, 3, 3, 4, 1), 1) for n in range(count)
    ]
    for number, block in enumerate(blocks):
        old, new, norm = f'blocks_{number}', f'block{block}', 'tpu_batch_normalization'
        if number:
            layer(f'{old}/conv2d', f'{new}_expand_conv')
            layer(f'{old}/{norm}', f'{new}_expand_bn')
        layer(f'{old}/depthwise_conv2d', f'{new}_dwconv')
        layer(f'{old}/{norm}{"_1" * bool(number)}', f'{new}_bn')
        layer(f'{old}/se/conv2d', f'{new}_se_reduce')
        layer(f'{old}/se/conv2d_1', f'{new}_se_expand')
        layer(f'{old}/conv2d{"_1" * bool(number)}', f'{new}_project_conv')
        layer(f'{old}/{norm}_{2 if number else 1}', f'{new}_project_bn')
    layer('head/conv2d', 'top_conv')
    layer('head/tpu_batch_normalization', 'top_bn')
    layer('head/dense', 'predictions')
    return files(answer)


def counted_densenet() -> Pair:
    """DenseNet-121 by tf.layers and Keras's."""
    model = tf.keras.applications.DenseNet121(weights=None)
    return program(counted(model, scope='densenet/'), model=model)


def counted_mobilenet_v2() -> Pair:
    """MobileNet v2 by tf.layers and the names of Keras's."""
    model = tf.keras.applications.MobileNetV2(weights=None)
    return files(
        {old: (w.name.removesuffix(':0'), tuple(w.shape), None) for old, w in counted(model).items()}
    )


def counted_xception() -> Pair:
    """Xception by tf.layers, whose shortcuts come first, and Keras's."""
    model = tf.keras.applications.Xception(weights=None)
    names = [
        layer.name for layer in model.layers if layer.weights and not re.match('conv2d|batch', layer.name)
    ]
    shortcuts = [layer.name for layer in model.layers if re.match('conv2d|batch', layer.name)]
    for number, block in enumerate((2, 3, 4, 13)):
        at = names.index(f'block{block}_sepconv1')
        names[at:at] = shortcuts[2 * number : 2 * number + 2]
    return program(counted(model, names, 'xception/'), model=model)


def counted_vgg() -> Pair:
    """VGG-16 by tf.layers, for another number of classes, and Keras's."""
    model = tf.keras.applications.VGG16(weights=None, input_shape=(64, 64, 3), classes=100)
    answer = counted(model, but='dense_2/')
    return program(answer, {'dense_2/kernel': (4096, 10), 'dense_2/bias': (10,)}, model=model)


def u_net() -> Pair:
    """A U-Net by tf.layers and a Keras model whose layers have names."""
    layers = tf.keras.layers
    x = inputs = tf.keras.Input([64, 64, 3])
    skips = []

    def double(x, filters: int, at: str):
        for number in (1, 2):
            x = layers.Conv2D(filters, 3, padding='same', name=f'{at}_conv{number}')(x)
            x = layers.BatchNormalization(name=f'{at}_norm{number}')(x)
        return x

    for level, filters in enumerate((16, 32, 64)):
        skips.append(double(x, filters, f'down{level}'))
        x = layers.MaxPool2D()(skips[-1])
    x = double(x, 128, 'bottleneck')
    for level, filters in reversed(list(enumerate((16, 32, 64)))):
        x = layers.Conv2DTranspose(filters, 2, 2, name=f'up{level}_upsample')(x)
        x = double(layers.Concatenate()([x, skips[level]]), filters, f'up{level}')
    model = tf.keras.Model(inputs, layers.Conv2D(2, 1, name='mask')(x))
    return program(counted(model, scope='unet/'), model=model)


def _sequential(*specification: tuple) -> tf.keras.Sequential:
    return tf.keras.Sequential(list(specification))


def gan() -> Pair:
    """A DCGAN by tf.layers in two scopes, and two Keras models."""
    layers = tf.keras.layers
    generator = [tf.keras.Input([100]), layers.Dense(4 * 4 * 256), layers.Reshape([4, 4, 256])]
    for filters in (128, 64):
        generator += [layers.BatchNormalization(), layers.Conv2DTranspose(filters, 5, 2, 'same')]
    generator += [layers.BatchNormalization(), layers.Conv2DTranspose(3, 5, 2, 'same')]
    discriminator = [tf.keras.Input([32, 32, 3]), layers.Conv2D(64, 5, 2)]
    for filters in (128, 256):
        discriminator += [layers.Conv2D(filters, 5, 2, 'same'), layers.BatchNormalization()]
    discriminator += [layers.Flatten(), layers.Dense(1)]
    models = _sequential(*generator), _sequential(*discriminator)
    answer = counted(models[0], scope='generator/') | counted(models[1], scope='discriminator/')
    return program(answer, g=models[0], d=models[1])


def slim_resnet_without_names() -> Pair:
    """slim's ResNet-50 v1 and a Keras model whose layers have no names of their own, made shortcut first."""
    tf.keras.backend.clear_session()
    layers, answer = tf.keras.layers, {}

    def unit(x, filters: int, size: int, old: str):
        conv, norm = layers.Conv2D(filters, size, padding='same', use_bias=False), layers.BatchNormalization()
        x = norm(conv(x))
        answer[f'resnet_v1_50/{old}/weights'] = conv.kernel
        answer.update({f'resnet_v1_50/{old}/BatchNorm/{role}': getattr(norm, role) for role in _NORM})
        return x

    inputs = tf.keras.Input([32, 32, 3])
    x = unit(inputs, 64, 7, 'conv1')
    for block, units in enumerate((3, 4, 6, 3), 1):
        for number in range(1, units + 1):
            at, width = f'block{block}/unit_{number}/bottleneck_v1', 32 * 2**block
            shortcut = unit(x, 4 * width, 1, f'{at}/shortcut') if number == 1 else x
            y = unit(
                unit(unit(x, width, 1, f'{at}/conv1'), width, 3, f'{at}/conv2'), 4 * width, 1, f'{at}/conv3'
            )
            x = layers.Add()([shortcut, y])
    return program(answer, {'global_step': ()}, model=tf.keras.Model(inputs, x))


# The channels of each block's convolutions, in the order of its branches.
INCEPTION_V1_WIDTHS = {
    '3b': (64, 96, 128, 16, 32, 32),
    '3c': (128, 128, 192, 32, 96, 64),
    '4b': (192, 96, 208, 16, 48, 64),
    '4c': (160, 112, 224, 24, 64, 64),
    '4d': (128, 128, 256, 24, 64, 64),
    '4e': (112, 144, 288, 32, 64, 64),
    '4f': (256, 160, 320, 32, 128, 128),
    '5b': (256, 160, 320, 32, 128, 128),
    '5c': (384, 192, 384, 48, 128, 128),
}


def googlenet() -> Pair:
    """slim's Inception v1 and a Keras model whose layers have no names of their own."""
    tf.keras.backend.clear_session()
    layers, answer = tf.keras.layers, {}

    def unit(x, filters: int, size: int, old: str):
        conv, norm = (
            layers.Conv2D(filters, size, padding='same', use_bias=False),
            layers.BatchNormalization(scale=False),
        )
        x = norm(conv(x))
        answer[f'InceptionV1/InceptionV1/{old}/weights'] = conv.kernel
        answer.update({f'InceptionV1/InceptionV1/{old}/BatchNorm/{r}': getattr(norm, r) for r in _NORM[1:]})
        return x

    inputs = tf.keras.Input([32, 32, 3])
    x = unit(unit(unit(inputs, 64, 7, 'Conv2d_1a_7x7'), 64, 1, 'Conv2d_2b_1x1'), 192, 3, 'Conv2d_2c_3x3')
    for name, widths in INCEPTION_V1_WIDTHS.items():
        at = f'Mixed_{name}'
        branches = [unit(x, widths[0], 1, f'{at}/Branch_0/Conv2d_0a_1x1')]
        y = unit(x, widths[1], 1, f'{at}/Branch_1/Conv2d_0a_1x1')
        branches.append(unit(y, widths[2], 3, f'{at}/Branch_1/Conv2d_0b_3x3'))
        y = unit(x, widths[3], 1, f'{at}/Branch_2/Conv2d_0a_1x1')
        branches.append(unit(y, widths[4], 3, f'{at}/Branch_2/Conv2d_0b_3x3'))
        branches.append(unit(layers.MaxPool2D(3, 1, 'same')(x), widths[5], 1, f'{at}/Branch_3/Conv2d_0b_1x1'))
        x = layers.Concatenate()(branches)
    head = layers.Dense(1001)
    model = tf.keras.Model(inputs, head(layers.GlobalAveragePooling2D()(x)))
    logits = {
        'InceptionV1/Logits/Conv2d_0c_1x1/weights': (head.kernel, (1, 1, 1024, 1001)),
        'InceptionV1/Logits/Conv2d_0c_1x1/biases': head.bias,
    }
    return program(answer | logits, model=model)


def deep_speech() -> Pair:
    """DeepSpeech and a Keras model of layers in a sequence."""
    layers = tf.keras.layers
    tf.keras.backend.clear_session()
    model = _sequential(
        tf.keras.Input([20, 494]),
        *(layers.Dense(64) for _ in range(3)),
        layers.LSTM(64, return_sequences=True),
        layers.Dense(64),
        layers.Dense(29),
    )
    answer = {}
    for number, place in ((1, 0), (2, 1), (3, 2), (5, 4), (6, 5)):
        answer[f'layer_{number}/weights'] = model.layers[place].kernel
        answer[f'layer_{number}/bias'] = model.layers[place].bias
    return program(answer, {'lstm/kernel': (128, 256), 'lstm/bias_of_cell': (256,)}, model=model)


TUNED: dict[str, Callable[[], Pair]] = {
    'official_resnet': official_resnet,
    'gpt2': gpt2,
    'efficientnet': efficientnet,
    'counted_densenet': counted_densenet,
    'counted_vgg': counted_vgg,
    'u_net': u_net,
    'slim_resnet_without_names': slim_resnet_without_names,
    'hugging_face_bert': named_architectures.hugging_face_bert,
    'transformer_xl': named_architectures.transformer_xl,
    't5': named_architectures.t5,
    'seq2seq': named_architectures.seq2seq,
    'wide_and_deep': named_architectures.wide_and_deep,
}
HELD_BACK: dict[str, Callable[[], Pair]] = {
    'official_resnet_v2': official_resnet_v2,
    'counted_mobilenet_v2': counted_mobilenet_v2,
    'counted_xception': counted_xception,
    'googlenet': googlenet,
    'gan': gan,
    'albert': named_architectures.albert,
    'official_transformer': named_architectures.official_transformer,
    'tacotron': named_architectures.tacotron,
    'deep_speech': deep_speech,
    'ssd': named_architectures.ssd,
}
