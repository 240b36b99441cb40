"""Pairs of known architectures as two checkpoints, whose names people have written down; see `architectures`."""

from collections.abc import Iterable

from tests.suggesting.known_pairs import Pair, files

_NORM = ('gamma', 'beta', 'moving_mean', 'moving_variance')


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
