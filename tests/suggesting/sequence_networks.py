"""Pairs of networks of texts, sounds and clicks; see `more_architectures`."""

import tensorflow as tf

from tests.suggesting.known_pairs import Pair, files, program


def _rows(old: str, new: str, roles: dict[str, str], **shapes: tuple[int, ...]) -> dict:
    """Variables of a layer: the role on each side, and the shape by the role of the source."""
    return {f'{old}/{a}': (f'{new}/{b}', shapes[a], None) for a, b in roles.items()}


def dense(old: str, new: str, x: int, y: int) -> dict:
    return _rows(old, new, {'kernel': 'kernel', 'bias': 'bias'}, kernel=(x, y), bias=(y,))


def norm(old: str, new: str, width: int) -> dict:
    return _rows(old, new, {'gamma': 'gamma', 'beta': 'beta'}, gamma=(width,), beta=(width,))


class _Block(tf.keras.layers.Layer):
    """A layer of an encoder or a decoder as KerasNLP writes it."""

    def __init__(self, width: int, inner: int, heads: int, crosses: bool):
        super().__init__()
        layers = tf.keras.layers
        norm = {'epsilon': 1e-6}
        self._self_attention_layer = layers.MultiHeadAttention(heads, width // heads, use_bias=False)
        self._self_attention_layer_norm = layers.LayerNormalization(**norm)
        if crosses:
            self._cross_attention_layer = layers.MultiHeadAttention(heads, width // heads, use_bias=False)
            self._cross_attention_layer_norm = layers.LayerNormalization(**norm)
        self._feedforward_intermediate_dense = layers.Dense(inner)
        self._feedforward_output_dense = layers.Dense(width)
        self._feedforward_layer_norm = layers.LayerNormalization(**norm)
        self.crosses = crosses

    def call(self, x):
        x = self._self_attention_layer(self._self_attention_layer_norm(x), x)
        if self.crosses:
            x = self._cross_attention_layer(self._cross_attention_layer_norm(x), x)
        return self._feedforward_output_dense(
            self._feedforward_intermediate_dense(self._feedforward_layer_norm(x))
        )


class _Translator(tf.keras.Model):
    def __init__(self, count: int, width: int, inner: int, heads: int):
        super().__init__()
        self.embedding = tf.keras.layers.Embedding(300, width)
        self.encoder = [_Block(width, inner, heads, False) for _ in range(count)]
        self.encoder_norm = tf.keras.layers.LayerNormalization()
        self.decoder = [_Block(width, inner, heads, True) for _ in range(count)]
        self.decoder_norm = tf.keras.layers.LayerNormalization()

    def call(self, ids):
        x = self.embedding(ids)
        for block in self.encoder:
            x = block(x)
        x = self.encoder_norm(x)
        for block in self.decoder:
            x = block(x)
        return self.decoder_norm(x)


def tensor2tensor_transformer() -> Pair:
    """tensor2tensor's Transformer, and layers as KerasNLP writes them, whose heads are an axis."""
    count, width, inner, heads = 6, 64, 256, 4
    model = _Translator(count, width, inner, heads)
    model(tf.zeros([1, 3], tf.int32))
    body, answer = 'transformer/body', {}

    def norm(scope: str, layer) -> None:
        at = f'{body}/{scope}/layer_prepostprocess/layer_norm/layer_norm'
        answer[f'{at}_scale'], answer[f'{at}_bias'] = layer.gamma, layer.beta

    def attention(scope: str, layer) -> None:
        kinds = (('q', '_query'), ('k', '_key'), ('v', '_value'), ('output_transform', '_output'))
        for kind, attribute in kinds:
            kernel = getattr(layer, f'{attribute}_dense').kernel
            answer[f'{body}/{scope}/multihead_attention/{kind}/kernel'] = kernel, (width, width)

    for side, blocks in (('encoder', model.encoder), ('decoder', model.decoder)):
        for number, block in enumerate(blocks):
            at = f'{side}/layer_{number}'
            attention(f'{at}/self_attention', block._self_attention_layer)
            norm(f'{at}/self_attention', block._self_attention_layer_norm)
            if block.crosses:
                attention(f'{at}/encdec_attention', block._cross_attention_layer)
                norm(f'{at}/encdec_attention', block._cross_attention_layer_norm)
            for conv, layer in (
                ('conv1', block._feedforward_intermediate_dense),
                ('conv2', block._feedforward_output_dense),
            ):
                for role in ('kernel', 'bias'):
                    answer[f'{body}/{at}/ffn/{conv}/{role}'] = getattr(layer, role)
            norm(f'{at}/ffn', block._feedforward_layer_norm)
        norm(side, model.encoder_norm if side == 'encoder' else model.decoder_norm)
    # The table is kept in 16 parts, which no rule joins.
    shards = {f'transformer/symbol_modality_300_64/shared/weights_{n}': (19, 64) for n in range(16)}
    return program(answer, {**shards, 'global_step': ()}, model=model)


def xlnet() -> Pair:
    """XLNet, whose attention biases are of all layers, and the names of Hugging Face's, which has one of each."""
    width, heads, depth, inner, old, new = 96, 6, 16, 384, 'model/transformer', 'tf_xlnet/transformer'
    answer = {
        f'{old}/word_embedding/lookup_table': (f'{new}/word_embedding/weight', (300, width), None),
        f'{old}/mask_emb/mask_emb': (f'{new}/mask_emb', (1, 1, width), None),
        'model/lm_loss/bias': ('tf_xlnet/lm_loss/bias', (300,), None),
    }
    targets = {}
    for n in range(12):
        a, b = f'{old}/layer_{n}', f'{new}/layer_._{n}'
        for part in 'qkvor':
            answer[f'{a}/rel_attn/{part}/kernel'] = f'{b}/rel_attn/{part}', (width, heads, depth), None
        answer |= norm(f'{a}/rel_attn/LayerNorm', f'{b}/rel_attn/layer_norm', width)
        answer |= dense(f'{a}/ff/layer_1', f'{b}/ff/layer_1', width, inner)
        answer |= dense(f'{a}/ff/layer_2', f'{b}/ff/layer_2', inner, width)
        answer |= norm(f'{a}/ff/LayerNorm', f'{b}/ff/layer_norm', width)
        targets |= {f'{b}/rel_attn/r_{part}_bias': (heads, depth) for part in 'wrs'}
        targets[f'{b}/rel_attn/seg_embed'] = 2, heads, depth
    sources = {f'{old}/r_{part}_bias': (12, heads, depth) for part in 'wrs'}
    sources[f'{old}/seg_embed'] = 12, 2, heads, depth
    return files(answer, {**sources, 'global_step': ()}, targets)


def _bert(old: str, new: str, width: int, inner: int, table: int) -> dict:
    """Google's names of an encoder, and Hugging Face's."""
    answer = {}
    for kind, role, count in (
        ('word', 'weight', 300),
        ('position', 'embeddings', 64),
        ('token_type', 'embeddings', 2),
    ):
        name = f'{kind}_embeddings'
        answer[f'{old}/embeddings/{name}'] = f'{new}/embeddings/{name}/{role}', (count, table), None
    answer |= norm(f'{old}/embeddings/LayerNorm', f'{new}/embeddings/LayerNorm', table)
    for n in range(12):
        a, b = f'{old}/encoder/layer_{n}', f'{new}/encoder/layer_._{n}'
        for part in ('attention/self/query', 'attention/self/key', 'attention/self/value'):
            answer |= dense(f'{a}/{part}', f'{b}/{part}', width, width)
        answer |= dense(f'{a}/attention/output/dense', f'{b}/attention/output/dense', width, width)
        answer |= norm(f'{a}/attention/output/LayerNorm', f'{b}/attention/output/LayerNorm', width)
        answer |= dense(f'{a}/intermediate/dense', f'{b}/intermediate/dense', width, inner)
        answer |= dense(f'{a}/output/dense', f'{b}/output/dense', inner, width)
        answer |= norm(f'{a}/output/LayerNorm', f'{b}/output/LayerNorm', width)
    return answer


def electra() -> Pair:
    """ELECTRA's discriminator and its generator, and the names of Hugging Face's, of the discriminator alone."""
    new = 'tf_electra_for_pre_training'
    answer = _bert('electra', f'{new}/electra', 128, 512, 64)
    # The generator of the same depth has a quarter of the width, and shares the embeddings.
    generator = _bert('generator', 'generator', 32, 128, 64)
    others = {name: shape for name, (_, shape, _) in generator.items() if '/encoder/' in name}
    answer |= dense('electra/embeddings_project', f'{new}/electra/embeddings_project', 64, 128)
    others |= {'generator/embeddings_project/kernel': (64, 32), 'generator/embeddings_project/bias': (32,)}
    others |= {'generator_predictions/dense/kernel': (32, 64), 'generator_predictions/dense/bias': (64,)}
    others |= {f'generator_predictions/LayerNorm/{role}': (64,) for role in ('gamma', 'beta')}
    others |= {'generator_predictions/output_bias': (300,), 'global_step': ()}
    head = 'discriminator_predictions'
    answer |= dense(f'{head}/dense', f'{new}/{head}/dense', 128, 128)
    answer |= dense(f'{head}/dense_1', f'{new}/{head}/dense_prediction', 128, 1)
    return files(answer, others)


def model_garden_bert() -> Pair:
    """Google's BERT with its heads, and the names of TensorFlow's Model Garden, whose heads are an axis."""
    width, inner, heads = 96, 384, 6
    answer = {}
    for kind, new, count in (
        ('word', 'word_embeddings', 300),
        ('position', 'position_embedding', 64),
        ('token_type', 'type_embeddings', 2),
    ):
        answer[f'bert/embeddings/{kind}_embeddings'] = f'{new}/embeddings', (count, width), None
    answer |= norm('bert/embeddings/LayerNorm', 'embeddings/layer_norm', width)
    split = (width, heads, width // heads)
    for n in range(12):
        a, b = f'bert/encoder/layer_{n}', f'transformer/layer_{n}'
        for part in ('query', 'key', 'value'):
            old, new = f'{a}/attention/self/{part}', f'{b}/self_attention/{part}'
            answer[f'{old}/kernel'] = f'{new}/kernel', (width, width), split
            answer[f'{old}/bias'] = f'{new}/bias', (width,), split[1:]
        old, new = f'{a}/attention/output/dense', f'{b}/self_attention/attention_output'
        answer[f'{old}/kernel'] = f'{new}/kernel', (width, width), (*split[1:], width)
        answer[f'{old}/bias'] = f'{new}/bias', (width,), None
        answer |= norm(f'{a}/attention/output/LayerNorm', f'{b}/self_attention_layer_norm', width)
        answer |= dense(f'{a}/intermediate/dense', f'{b}/intermediate', width, inner)
        answer |= dense(f'{a}/output/dense', f'{b}/output', inner, width)
        answer |= norm(f'{a}/output/LayerNorm', f'{b}/output_layer_norm', width)
    answer |= dense('bert/pooler/dense', 'pooler_transform', width, width)
    others = {
        'cls/predictions/output_bias': (300,),
        'cls/predictions/transform/dense/kernel': (width, width),
        'cls/predictions/transform/dense/bias': (width,),
        'cls/predictions/transform/LayerNorm/gamma': (width,),
        'cls/predictions/transform/LayerNorm/beta': (width,),
        'cls/seq_relationship/output_weights': (2, width),
        'cls/seq_relationship/output_bias': (2,),
        'global_step': (),
    }
    return files(answer, others)


def wavenet() -> Pair:
    """The WaveNet of TF1, whose biases have no names of their own by an oversight, and Keras's names."""
    width, skip, levels, answer = 32, 512, 256, {}
    answer['wavenet/causal_layer/filter'] = 'causal/kernel', (2, levels, width), None
    for n in range(50):
        a, b = f'wavenet/dilated_stack/layer{n}', f'block_{n}'
        for number, (old, new, shape) in enumerate(
            (
                ('filter', 'filter_conv', (2, width, width)),
                ('gate', 'gate_conv', (2, width, width)),
                ('dense', 'residual_conv', (1, width, width)),
                ('skip', 'skip_conv', (1, width, skip)),
            )
        ):
            answer[f'{a}/{old}'] = f'{b}/{new}/kernel', shape, None
            variable = f'Variable_{number}' if number else 'Variable'
            answer[f'{a}/{variable}'] = f'{b}/{new}/bias', shape[-1:], None
    for number, shape in enumerate(((1, skip, skip), (1, skip, levels)), 1):
        old, new = 'wavenet/postprocessing', f'post_conv{number}'
        answer[f'{old}/postprocess{number}'] = f'{new}/kernel', shape, None
        answer[f'{old}/Variable{"_1" * (number - 1)}'] = f'{new}/bias', shape[-1:], None
    return files(answer, {'global_step': ()})


def deep_fm() -> Pair:
    """The DeepFM of TF1, whose layers have no names of their own, and a Keras model."""
    features, fields, width, layers = 5000, 39, 8, tf.keras.layers
    deep = [layers.Dense(32), layers.Dense(32)]
    out = layers.Dense(1)
    table, first = layers.Embedding(features, width), layers.Embedding(features, 1)
    ids, values = layers.Input([fields]), layers.Input([fields, 1])
    x = table(ids) * values
    y = tf.keras.Sequential(deep, name='deep')(layers.Reshape([fields * width])(x))
    once = layers.Reshape([fields])(first(ids) * values)
    model = tf.keras.Model([ids, values], out(layers.Concatenate()([once, tf.reduce_sum(x, 1), y])))
    answer = {
        'feature_embeddings': table.embeddings,
        'feature_bias': first.embeddings,
        'Variable': deep[0].kernel,
        'Variable_1': (deep[0].bias, (1, 32)),
        'Variable_2': deep[1].kernel,
        'Variable_3': (deep[1].bias, (1, 32)),
        'Variable_4': out.kernel,
        'Variable_5': (out.bias, ()),
    }
    return program(answer, model=model)
