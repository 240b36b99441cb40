"""Pairs of known architectures: a TF1 checkpoint's names, and the names or the program of another implementation.

The order of the layers often says what their names do not. Each pair of `TUNED` was looked at while the search was
made; those of `HELD_BACK` were not.
"""

import re
from collections.abc import Callable, Iterable

import tensorflow as tf

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
    for name, widths in {
        '3b': (64, 96, 128, 16, 32, 32),
        '3c': (128, 128, 192, 32, 96, 64),
        '4b': (192, 96, 208, 16, 48, 64),
        '4c': (160, 112, 224, 24, 64, 64),
        '4d': (128, 128, 256, 24, 64, 64),
        '4e': (112, 144, 288, 32, 64, 64),
        '4f': (256, 160, 320, 32, 128, 128),
        '5b': (256, 160, 320, 32, 128, 128),
        '5c': (384, 192, 384, 48, 128, 128),
    }.items():
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


def _below(old: str, new: str, rows: Iterable[tuple]) -> dict:
    return {f'{old}/{a}': (f'{new}/{b}', s, rest[0] if rest else None) for a, b, s, *rest in rows}


def _layer(old: str, new: str, x: int, y: int, *roles: str) -> list[tuple]:
    kernel, bias, new_kernel, new_bias = roles or ('kernel', 'bias', 'kernel', 'bias')
    return [(f'{old}/{kernel}', f'{new}/{new_kernel}', (x, y)), (f'{old}/{bias}', f'{new}/{new_bias}', (y,))]


def _norm(old: str, new: str, width: int) -> list[tuple]:
    return [(f'{old}/{role}', f'{new}/{role}', (width,)) for role in ('gamma', 'beta')]


def hugging_face_bert() -> Pair:
    """Google's BERT with its heads and the names of Hugging Face's for classification."""
    answer = _below(
        'bert/embeddings',
        'tf_bert/bert/embeddings',
        [
            ('word_embeddings', 'word_embeddings/weight', (300, 96)),
            ('position_embeddings', 'position_embeddings/embeddings', (64, 96)),
            ('token_type_embeddings', 'token_type_embeddings/embeddings', (2, 96)),
            *_norm('LayerNorm', 'LayerNorm', 96),
        ],
    )
    for n in range(12):
        rows = [
            row
            for part in ('query', 'key', 'value')
            for row in _layer(*[f'attention/self/{part}'] * 2, 96, 96)
        ]
        for old, x, y in (('attention/output', 96, 96), ('intermediate', 96, 384), ('output', 384, 96)):
            rows += _layer(*[f'{old}/dense'] * 2, x, y)
            rows += _norm(*[f'{old}/LayerNorm'] * 2, 96) if old != 'intermediate' else []
        answer |= _below(f'bert/encoder/layer_{n}', f'tf_bert/bert/encoder/layer_._{n}', rows)
    answer |= _below('bert', 'tf_bert/bert', _layer(*['pooler/dense'] * 2, 96, 96))
    old = {
        'cls/predictions/output_bias': (300,),
        'cls/predictions/transform/dense/kernel': (96, 96),
        'cls/predictions/transform/dense/bias': (96,),
        'cls/predictions/transform/LayerNorm/gamma': (96,),
        'cls/predictions/transform/LayerNorm/beta': (96,),
        'cls/seq_relationship/output_weights': (2, 96),
        'cls/seq_relationship/output_bias': (2,),
    }
    return files(answer, old, {'classifier/kernel': (96, 3), 'classifier/bias': (3,)})


def albert() -> Pair:
    """Google's ALBERT and the names of Hugging Face's."""
    old, new = 'bert/encoder', 'tf_albert_model/albert/encoder'
    answer = _below(
        'bert/embeddings',
        'tf_albert_model/albert/embeddings',
        [
            ('word_embeddings', 'word_embeddings/weight', (300, 32)),
            ('position_embeddings', 'position_embeddings/embeddings', (64, 32)),
            ('token_type_embeddings', 'token_type_embeddings/embeddings', (2, 32)),
            *_norm('LayerNorm', 'LayerNorm', 32),
        ],
    )
    answer |= _below(old, new, _layer('embedding_hidden_mapping_in', 'embedding_hidden_mapping_in', 32, 96))
    rows = []
    for part in ('query', 'key', 'value'):
        rows += _layer(f'attention_1/self/{part}', f'attention/{part}', 96, 96)
    rows += _layer('attention_1/output/dense', 'attention/dense', 96, 96)
    rows += _layer('ffn_1/intermediate/dense', 'ffn', 96, 384)
    rows += _layer('ffn_1/intermediate/output/dense', 'ffn_output', 384, 96)
    rows += _norm('LayerNorm', 'attention/LayerNorm', 96) + _norm('LayerNorm_1', 'full_layer_layer_norm', 96)
    old, new = f'{old}/transformer/group_0/inner_group_0', f'{new}/albert_layer_groups_._0/albert_layers_._0'
    answer |= _below(old, new, rows)
    answer |= _below('bert', 'tf_albert_model/albert', _layer('pooler/dense', 'pooler', 96, 96))
    return files(answer)


def transformer_xl() -> Pair:
    """Transformer-XL and the names of Hugging Face's."""
    answer = {
        'transformer/adaptive_embed/lookup_table': (
            'transformer/word_emb/emb_layers_._0/weight',
            (300, 64),
            None,
        )
    }
    for n in range(6):
        rows = [
            ('rel_attn/qkv/kernel', 'dec_attn/qkv_net/kernel', (64, 192)),
            ('rel_attn/r/kernel', 'dec_attn/r_net/kernel', (64, 64)),
            ('rel_attn/o/kernel', 'dec_attn/o_net/kernel', (64, 64)),
            *_norm('rel_attn/LayerNorm', 'dec_attn/layer_norm', 64),
            *_layer('ff/layer_1', 'pos_ff/CoreNet_._0', 64, 256),
            *_layer('ff/layer_2', 'pos_ff/CoreNet_._3', 256, 64),
            *_norm('ff/LayerNorm', 'pos_ff/layer_norm', 64),
        ]
        answer |= _below(f'transformer/layer_{n}', f'transformer/layers_._{n}', rows)
    answer['transformer/r_w_bias'] = 'transformer/r_w_bias', (4, 16), None
    answer['transformer/r_r_bias'] = 'transformer/r_r_bias', (4, 16), None
    return files(answer)


def t5() -> Pair:
    """T5, whose numbers have zeros before them, and the names of Hugging Face's."""
    answer = {'shared/embedding': ('tf_t5/shared/weight', (300, 64), None)}
    for side, parts in (('encoder', ('SelfAttention',)), ('decoder', ('SelfAttention', 'EncDecAttention'))):
        for n in range(12):
            for number, part in enumerate((*parts, 'DenseReluDense')):
                rows = [('layer_norm/scale', 'layer_norm/weight', (64,))]
                if part == 'DenseReluDense':
                    rows += [(f'{part}/{x}/kernel', f'{part}/{x}/kernel', s) for x, s in _DENSE_RELU_DENSE]
                else:
                    rows += [(f'{part}/{x}', f'{part}/{x}/kernel', (64, 64)) for x in 'qkvo']
                old, new = f'block_{n:03}/layer_{number:03}', f'block_._{n}/layer_._{number}'
                answer |= _below(f'{side}/{old}', f'tf_t5/{side}/{new}', rows)
        at = 'layer_000/SelfAttention/relative_attention_bias'
        to = 'layer_._0/SelfAttention/relative_attention_bias/embeddings'
        answer[f'{side}/block_000/{at}'] = f'tf_t5/{side}/block_._0/{to}', (4, 32), (32, 4)
        answer[f'{side}/final_layer_norm/scale'] = f'tf_t5/{side}/final_layer_norm/weight', (64,), None
    for side in ('encoder', 'decoder'):
        del answer[f'{side}/block_000/layer_000/SelfAttention/relative_attention_bias']
    return files(answer)


_DENSE_RELU_DENSE = (('wi', (64, 256)), ('wo', (256, 64)))


def official_transformer() -> Pair:
    """The official Transformer of TF1 and a Keras one of other names."""
    scope = 'model/Transformer'
    answer = {
        f'{scope}/embedding_shared_weights/embedding_and_softmax/weights': (
            'embedding/table',
            (300, 64),
            None,
        )
    }
    for side in ('encoder', 'decoder'):
        parts = [('self_attention', 'self_attn')] + [('encdec_attention', 'cross_attn')] * (side == 'decoder')
        for n in range(6):
            rows = []
            for old, new in parts:
                kinds = (('q', 'query'), ('k', 'key'), ('v', 'value'), ('output_transform', 'out'))
                rows += [
                    (
                        f'{old}/{old.replace("encdec", "").replace("self_", "").strip("_")}/{a}/kernel',
                        f'{new}/{b}/kernel',
                        (64, 64),
                    )
                    for a, b in kinds
                ]
                rows += [
                    (f'{old}/layer_normalization/layer_norm_{a}', f'{new}_norm/{b}', (64,))
                    for a, b in (('scale', 'gamma'), ('bias', 'beta'))
                ]
            rows += _layer('ffn/feed_foward_network/filter_layer', 'mlp/hidden', 64, 256)
            rows += _layer('ffn/feed_foward_network/output_layer', 'mlp/out', 256, 64)
            rows += [
                (f'ffn/layer_normalization/layer_norm_{a}', f'mlp_norm/{b}', (64,))
                for a, b in (('scale', 'gamma'), ('bias', 'beta'))
            ]
            answer |= _below(f'{scope}/{side}_stack/layer_{n}', f'{side}/{n}', rows)
        rows = [
            (f'layer_normalization/layer_norm_{a}', f'norm/{b}', (64,))
            for a, b in (('scale', 'gamma'), ('bias', 'beta'))
        ]
        answer |= _below(f'{scope}/{side}_stack', side, rows)
    return files(answer)


def seq2seq() -> Pair:
    """A translator with attention, of TF1's cells, and Keras's names."""
    scope = 'dynamic_seq2seq'
    cells = [f'{scope}/encoder/rnn/multi_rnn_cell/cell_{n}/basic_lstm_cell' for n in range(3)]
    cells += [f'{scope}/decoder/attention/multi_rnn_cell/cell_{n}/basic_lstm_cell' for n in range(3)]
    new = [f'translator/{side}/lstm_{n}/lstm_cell' for side in ('encoder', 'decoder') for n in range(3)]
    answer = {
        'embeddings/encoder/embedding_encoder': ('translator/encoder/embedding/embeddings', (500, 32), None),
        'embeddings/decoder/embedding_decoder': ('translator/decoder/embedding/embeddings', (400, 32), None),
        f'{scope}/decoder/memory_layer/kernel': (
            'translator/decoder/attention/memory/kernel',
            (48, 32),
            None,
        ),
        f'{scope}/decoder/attention/attention_layer/kernel': (
            'translator/decoder/attention/out/kernel',
            (80, 32),
            None,
        ),
        f'{scope}/decoder/output_projection/kernel': (
            'translator/decoder/projection/kernel',
            (32, 400),
            None,
        ),
    }
    for number, (a, b) in enumerate(zip(cells, new, strict=True)):
        inputs = (64, 64, 64, 96, 64, 64)[number]
        answer |= _below(a, b, [('kernel', 'kernel', (inputs, 128)), ('bias', 'bias', (128,))])
    return files(answer)


def tacotron() -> Pair:
    """Tacotron's encoder, whose bank of convolutions tf.layers made, and Keras's names."""
    scope, answer = 'model/inference', {'model/inference/embedding': ('text/embeddings', (70, 256), None)}
    for kind, size, inputs in (('encoder', 16, 128), ('post', 8, 80)):
        old, new = f'{scope}/{kind}_cbhg', f'{kind}/cbhg'
        rows = []
        for k in range(1, size + 1):
            rows += [(f'conv_bank/conv1d_{k}/conv1d/kernel', f'bank/{k - 1}/conv/kernel', (k, inputs, 128))]
            rows += [(f'conv_bank/conv1d_{k}/conv1d/bias', f'bank/{k - 1}/conv/bias', (128,))]
            rows += _norm(f'conv_bank/conv1d_{k}/batch_normalization', f'bank/{k - 1}/norm', 128)
        for n in range(1, 5):
            rows += _layer(f'highway_{n}/H', f'highway/{n - 1}/transform', 128, 128)
            rows += _layer(f'highway_{n}/T', f'highway/{n - 1}/gate', 128, 128)
        for way, to in (('fw', 'forward'), ('bw', 'backward')):
            for part in ('gates', 'candidate'):
                rows += _layer(
                    f'bidirectional_rnn/{way}/gru_cell/{part}',
                    f'gru/{to}/{part}',
                    256,
                    128 + 128 * (part == 'gates'),
                )
        answer |= _below(old, new, rows)
    answer |= _below(
        scope,
        'encoder',
        _layer('prenet/dense_1', 'prenet/0', 256, 256) + _layer('prenet/dense_2', 'prenet/1', 256, 128),
    )
    answer |= _below(scope, 'decoder', _layer('dense', 'spectrogram', 256, 1025))
    return files(answer)


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


def wide_and_deep() -> Pair:
    """The canned wide and deep Estimator and Keras's names."""
    answer = {}
    for name, size in (('age_bucketized', 11), ('education', 16), ('occupation', 1000), ('relationship', 6)):
        answer[f'linear/linear_model/{name}/weights'] = f'wide/{name}/kernel', (size, 1), None
    answer['linear/linear_model/bias_weights'] = 'wide/bias', (1,), None
    scope = 'dnn/input_from_feature_columns/input_layer'
    answer[f'{scope}/occupation_embedding/embedding_weights'] = 'deep/occupation/embeddings', (1000, 8), None
    for n, (x, y) in enumerate(((41, 100), (100, 75), (75, 50), (50, 25))):
        answer |= _below('dnn', 'deep', _layer(f'hiddenlayer_{n}', f'dense_{n}', x, y))
    answer |= _below('dnn', 'deep', _layer('logits', 'out', 25, 1))
    return files(answer)


def ssd() -> Pair:
    """An SSD with MobileNet v1 of the object detection API, and Keras's names."""
    answer, scope, widths = (
        {},
        'FeatureExtractor/MobilenetV1',
        (32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024),
    )

    def norm(old: str, new: str, width: int) -> None:
        answer.update(_below(f'{old}/BatchNorm', new, [(r, r, (width,)) for r in _NORM]))

    answer[f'{scope}/Conv2d_0/weights'] = 'backbone/conv1/kernel', (3, 3, 3, 32), None
    norm(f'{scope}/Conv2d_0', 'backbone/conv1_bn', 32)
    for n, (x, y) in enumerate(zip(widths, widths[1:], strict=False), 1):
        answer[f'{scope}/Conv2d_{n}_depthwise/depthwise_weights'] = (
            f'backbone/conv_dw_{n}/depthwise_kernel',
            (3, 3, x, 1),
            None,
        )
        norm(f'{scope}/Conv2d_{n}_depthwise', f'backbone/conv_dw_{n}_bn', x)
        answer[f'{scope}/Conv2d_{n}_pointwise/weights'] = f'backbone/conv_pw_{n}/kernel', (1, 1, x, y), None
        norm(f'{scope}/Conv2d_{n}_pointwise', f'backbone/conv_pw_{n}_bn', y)
    for level, (width, y) in enumerate(((256, 512), (128, 256), (128, 256), (64, 128)), 2):
        x = 1024 if level == 2 else (512, 256, 256)[level - 3]
        for old, new, shape in (
            (f'Conv2d_13_pointwise_1_Conv2d_{level}_1x1_{width}', f'extra_{level}_reduce', (1, 1, x, width)),
            (f'Conv2d_13_pointwise_2_Conv2d_{level}_3x3_s2_{y}', f'extra_{level}_conv', (3, 3, width, y)),
        ):
            answer[f'{scope}/{old}/weights'] = f'backbone/{new}/kernel', shape, None
            norm(f'{scope}/{old}', f'backbone/{new}_bn', shape[-1])
    for n, x in enumerate((512, 1024, 512, 256, 256, 128)):
        for old, new, y in (
            ('BoxEncodingPredictor', 'box', 12 if not n else 24),
            ('ClassPredictor', 'class', (3 if not n else 6) * 91),
        ):
            answer[f'BoxPredictor_{n}/{old}/weights'] = f'heads/{new}_{n}/kernel', (1, 1, x, y), None
            answer[f'BoxPredictor_{n}/{old}/biases'] = f'heads/{new}_{n}/bias', (y,), None
    return files(answer)


TUNED: dict[str, Callable[[], Pair]] = {
    'official_resnet': official_resnet,
    'gpt2': gpt2,
    'efficientnet': efficientnet,
    'counted_densenet': counted_densenet,
    'counted_vgg': counted_vgg,
    'u_net': u_net,
    'slim_resnet_without_names': slim_resnet_without_names,
    'hugging_face_bert': hugging_face_bert,
    'transformer_xl': transformer_xl,
    't5': t5,
    'seq2seq': seq2seq,
    'wide_and_deep': wide_and_deep,
}
HELD_BACK: dict[str, Callable[[], Pair]] = {
    'official_resnet_v2': official_resnet_v2,
    'counted_mobilenet_v2': counted_mobilenet_v2,
    'counted_xception': counted_xception,
    'googlenet': googlenet,
    'gan': gan,
    'albert': albert,
    'official_transformer': official_transformer,
    'tacotron': tacotron,
    'deep_speech': deep_speech,
    'ssd': ssd,
}
