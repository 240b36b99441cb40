"""Pairs of networks of texts and speech, for a second blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import STATISTICS, Part, Rows, built, conv1d, with_slots
from tests.suggesting.known_pairs import Pair, Shapes, files
from tests.suggesting.sequence_networks import dense, norm


def _conv_bert_encoder(old: str, new: str, width: int, heads: int, size: int = 9, groups: int = 2) -> dict:
    """The encoder of ConvBERT, in which half of the heads are a convolution."""
    answer, inner, units = {}, 4 * width, width // 2
    for n in range(12):
        a, b = f'{old}/encoder/layer_{n}', f'{new}/encoder/layer_._{n}'
        x, y = f'{a}/attention/self', f'{b}/attention/self'
        for part in ('query', 'key', 'value'):
            answer |= dense(f'{x}/{part}', f'{y}/{part}', width, units)
        answer |= dense(f'{x}/conv_attn_kernel', f'{y}/conv_kernel_layer', units, heads // 2 * size)
        answer |= dense(f'{x}/conv_attn_point', f'{y}/conv_out_layer', width, units)
        x, y = f'{x}/conv_attn_key', f'{y}/key_conv_attn_layer'
        for role, *shape in (
            ('depthwise_kernel', size, width, 1),
            ('pointwise_kernel', 1, width, units),
            ('bias', units),
        ):
            answer[f'{x}/{role}'] = f'{y}/{role}', tuple(shape), None
        answer |= dense(f'{a}/attention/output/dense', f'{b}/attention/output/dense', width, width)
        answer |= norm(f'{a}/attention/output/LayerNorm', f'{b}/attention/output/LayerNorm', width)
        for place, inputs, outputs in (('intermediate', width, inner), ('output', inner, width)):
            x, y = f'{a}/{place}/g_dense', f'{b}/{place}/dense'
            shape = groups, inputs // groups, outputs // groups
            answer[f'{x}/kernel'] = f'{y}/kernel', shape, shape[::-1]
            answer[f'{x}/bias'] = f'{y}/bias', (outputs,), None
        answer |= norm(f'{a}/output/LayerNorm', f'{b}/output/LayerNorm', width)
    return answer


def conv_bert() -> Pair:
    """yitu-opensource's ConvBERT with its generator, and the names of huggingface/transformers' for classification.

    The answer is that of Hugging Face's load_tf_weights_in_convbert; the new grouped matrices are transposed.
    """
    width, narrow, words, root = 96, 32, 300, 'tf_conv_bert_for_sequence_classification'
    old, new = 'electra/embeddings', f'{root}/convbert/embeddings'
    answer = {f'{old}/word_embeddings': (f'{new}/word_embeddings/weight', (words, narrow), None)}
    for kind, count in (('token_type', 2), ('position', 64)):
        name = f'{kind}_embeddings'
        answer[f'{old}/{name}'] = f'{new}/{name}/embeddings', (count, narrow), None
    answer |= norm(f'{old}/LayerNorm', f'{new}/LayerNorm', narrow)
    answer |= dense('electra/embeddings_project', f'{root}/convbert/embeddings_project', narrow, width)
    answer |= _conv_bert_encoder('electra', f'{root}/convbert', width, 8)
    generator = _conv_bert_encoder('generator', '', width // 4, 2)
    generator |= dense('generator/embeddings_project', '', narrow, width // 4)
    generator |= dense('generator_predictions/dense', '', width // 4, narrow)
    generator |= norm('generator_predictions/LayerNorm', '', narrow)
    others = {name: shape for name, (_, shape, _) in generator.items()}
    others |= {'generator_predictions/output_bias': (words,)}
    for end, outputs in (('', width), ('_1', 1)):
        at = f'discriminator_predictions/dense{end}'
        others |= {f'{at}/kernel': (width, outputs), f'{at}/bias': (outputs,)}
    targets = {}
    for name, outputs in (('dense', width), ('out_proj', 2)):
        at = f'{root}/classifier/{name}'
        targets |= {f'{at}/kernel': (width, outputs), f'{at}/bias': (outputs,)}
    return with_slots(files(answer, others, targets), 'adam_m', 'adam_v', others={'global_step': ()})


def ctrl() -> Pair:
    """salesforce/ctrl, narrow, whose layers Keras numbers, and the names of huggingface/transformers'.

    The answer is that of salesforce's pytorch_generation.py, and the sources' full names follow from the code.
    """
    width, inner, words, count, root = 64, 256, 400, 48, 'tfctrllm_head_model'
    new = f'{root}/transformer'
    answer = {'w': (f'{new}/w/weight', (words, width), None), 'b': (f'{root}/lm_head/bias', (words,), None)}

    def numbered(name: str, number: int) -> str:
        return f'{name}_{number}' if number else name

    for n in range(count):
        a, b = numbered('encoder/encoder_layer', n), f'{new}/h_._{n}'
        for k in (0, 1):
            at = numbered('layer_normalization', 2 * n + k)
            answer |= norm(f'{a}/{at}', f'{b}/layernorm{k + 1}', width)
        at = numbered('multi_head_attention', n)
        for k, part in enumerate(('Wq', 'Wk', 'Wv', 'dense')):
            source = f'{a}/{at}/{numbered("dense", 6 * n + k)}'
            answer |= dense(source, f'{b}/multi_head_attention/{part}', width, width)
        at = numbered('sequential', n)
        for k, part, x, y in ((4, 0, width, inner), (5, 2, inner, width)):
            answer |= dense(f'{a}/{at}/{numbered("dense", 6 * n + k)}', f'{b}/ffn/{part}', x, y)
    answer |= norm(f'encoder/layer_normalization_{2 * count}', f'{new}/layernorm', width)
    return with_slots(files(answer), 'Adagrad', others={'global_step': ()})


class _Jasper:
    """Makes the objects of TensorFlowASR's Jasper, and notes OpenSeq2Seq's names of their variables."""

    old = 'ForwardPass/w2l_encoder'

    def __init__(self):
        self.rows = Rows()

    def _unit(self, source: str, norm: str, name: str, size: int, x: int, y: int) -> tuple[Any, Any]:
        with tf.name_scope(f'jasper_encoder/{name}'):
            conv = conv1d(size, x, y, name=f'{name}_conv1d')
            normalization = built(tf.keras.layers.BatchNormalization(name=f'{name}_bn'), None, y)
        self.rows.layer(conv, f'{self.old}/{source}', ['kernel'])
        return conv, self.rows.layer(normalization, f'{self.old}/{norm}', STATISTICS)

    def sub_block(self, source: str, name: str, size: int, x: int, y: int, residuals: list | None = None):
        conv, normalization = self._unit(source, f'{source}/bn', name, size, x, y)
        parts = {'conv1d': conv, 'bn': normalization}
        return Part(**parts, **({'residuals': residuals} if residuals else {}))

    def block(self, number: int, count: int, size: int, seen: list[int], y: int) -> Part:
        """A block; the last convolution of it is added to what all blocks before have got."""
        name, subblocks, x = f'jasper_encoder_block_{number}', [], seen[-1]
        for k in range(count - 1):
            at = f'conv{number + 2}{k + 1}'
            subblocks.append(self.sub_block(at, f'{name}_subordinate_{k}', size, x, y))
            x = y
        at, name, residuals = f'conv{number + 2}{count}', f'{name}_subordinate_{count - 1}', []
        for k, width in enumerate(seen):
            names = f'{at}/res_{k}', f'{at}/res_bn_{k}', f'{name}_residual_{k}'
            conv, normalization = self._unit(*names, 1, width, y)
            residuals.append(Part(pointwise_conv1d=conv, bn=normalization))
        last = self.sub_block(at, name, size, x, y, residuals)
        return Part(subblocks=subblocks, subblock_residual=last)


def jasper() -> Pair:
    """NVIDIA/OpenSeq2Seq's dense Jasper 5x3, narrow, and the objects of TensorSpeech/TensorFlowASR's.

    The new convolutions have biases. Where the old optimizer's slots lie is not verified.
    """
    tf.keras.backend.clear_session()
    net, root = _Jasper(), 'jasper_encoder'
    first = net.sub_block('conv11', f'{root}_first_block', 11, 64, 64)
    seen, blocks = [64], []
    for n, (width, size) in enumerate(zip((64, 96, 128, 160, 192), (11, 13, 17, 21, 25), strict=True)):
        blocks.append(net.block(n, 3, size, seen, width))
        seen.append(width)
    encoder = Part(
        first_additional_block=first,
        blocks=blocks,
        second_additional_block=net.sub_block('conv71', f'{root}_second_block', 29, 192, 224),
        third_additional_block=net.sub_block('conv81', f'{root}_third_block', 1, 224, 256),
    )
    logits, at = conv1d(1, 256, 29, name='jasper_logits'), 'ForwardPass/fully_connected_ctc_decoder'
    net.rows.add(logits.kernel, f'{at}/fully_connected/kernel', (256, 29))
    net.rows.add(logits.bias, f'{at}/fully_connected/bias')
    pair = net.rows.pair(model=Part(encoder=encoder, decoder=logits))
    steps = {'global_step': (), 'Loss_Optimization/loss_scale': ()}
    return with_slots(pair, 'Momentum', prefix='Loss_Optimization/', others=steps)


def char_rnn() -> Pair:
    """sherjilozair/char-rnn-tensorflow, and keras_model.py of yxtay/char-rnn-text-generation, of the same widths."""
    tf.keras.backend.clear_session()
    layers, rows, words, width = tf.keras.layers, Rows(), 65, 128
    table = layers.Embedding(words, width, batch_input_shape=(50, 50))
    cells = [layers.LSTM(width, return_sequences=True, stateful=True) for _ in range(2)]
    output = layers.TimeDistributed(layers.Dense(words, activation='softmax'))
    dropped = [layer for cell in cells for layer in (cell, layers.Dropout(0.0))]
    model = tf.keras.Sequential([table, *dropped, output])
    rows.add(table.embeddings, 'embedding')
    for n, layer in enumerate(cells):
        rows.lstm(layer.cell, f'rnnlm/multi_rnn_cell/cell_{n}/basic_lstm_cell')
    rows.add(output.layer.kernel, 'rnnlm/softmax_w')
    rows.add(output.layer.bias, 'rnnlm/softmax_b')
    steps: Shapes = {'Variable': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(rows.pair(model=model), 'Adam', 'Adam_1', others=steps)
