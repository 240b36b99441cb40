"""Pairs of networks of texts, speech and clicks that `plan --suggest` was never made with; see `blind_pairs`."""

import dataclasses

import tensorflow as tf

from tests.suggesting.blind_objects import (
    STATISTICS,
    Part,
    Rows,
    built,
    conv1d,
    dense,
    lstm_cell,
    with_slots,
)
from tests.suggesting.known_pairs import Pair, files
from tests.suggesting.sequence_networks import dense as dense_names
from tests.suggesting.sequence_networks import norm as norm_names


def mobile_bert() -> Pair:
    """google-research's MobileBERT, most of whose norms do not normalize, and the names of huggingface/transformers'.

    The new one keeps the embeddings of words twice, at the input and in the head.
    """
    hidden, narrow, inner, words, root = 512, 128, 512, 300, 'tf_mobile_bert_for_masked_lm'
    old, new, head = (
        'bert/embeddings',
        f'{root}/mobilebert/embeddings',
        f'{root}/predictions___cls/predictions',
    )
    answer = {f'{old}/word_embeddings': (f'{new}/word_embeddings/weight', (words, narrow), None)}
    for kind, count in (('token_type', 2), ('position', 64)):
        answer[f'{old}/{kind}_embeddings'] = f'{new}/{kind}_embeddings/embeddings', (count, hidden), None

    def fake(a: str, b: str, width: int) -> dict:
        roles = ('gamma', 'weight'), ('beta', 'bias')
        return {f'{a}/FakeLayerNorm/{x}': (f'{b}/LayerNorm/{y}', (width,), None) for x, y in roles}

    at = 'embedding_transformation'
    answer |= dense_names(f'{old}/{at}', f'{new}/{at}', 3 * narrow, hidden)
    answer |= fake(old, new, hidden)
    for n in range(12):
        a, b = f'bert/encoder/layer_{n}', f'{root}/mobilebert/encoder/layer_._{n}'
        parts = {f'bottleneck/{part}': (hidden, narrow) for part in ('input', 'attention')}
        parts |= {'attention/output': (narrow, narrow), 'output': (inner, narrow)}
        parts |= {'output/bottleneck': (narrow, hidden)}
        rows = [(part, part, *shape) for part, shape in parts.items()]
        rows += [(f'ffn_layer_{k}/output', f'ffn.{k}/output', inner, narrow) for k in range(3)]
        for x, y, *shape in rows:
            answer |= dense_names(f'{a}/{x}/dense', f'{b}/{y}/dense', *shape)
            answer |= fake(f'{a}/{x}', f'{b}/{y}', shape[1])
        for part, width in (('query', narrow), ('key', narrow), ('value', hidden)):
            answer |= dense_names(f'{a}/attention/self/{part}', f'{b}/attention/self/{part}', width, narrow)
        answer |= dense_names(f'{a}/intermediate/dense', f'{b}/intermediate/dense', narrow, inner)
        for k in range(3):
            x, y = f'{a}/ffn_layer_{k}/intermediate/dense', f'{b}/ffn.{k}/intermediate/dense'
            answer |= dense_names(x, y, narrow, inner)
    old = 'cls/predictions'
    answer |= dense_names(f'{old}/transform/dense', f'{head}/transform/dense', hidden, hidden)
    answer |= norm_names(f'{old}/transform/LayerNorm', f'{head}/transform/LayerNorm', hidden)
    answer[f'{old}/extra_output_weights'] = f'{head}/dense/weight', (hidden - narrow, words), None
    answer[f'{old}/output_bias'] = f'{head}/bias', (words,), None
    others = {
        'cls/seq_relationship/output_weights': (2, hidden),
        'cls/seq_relationship/output_bias': (2,),
        'global_step': (),
    }
    pair = files(answer, others, {f'{head}/decoder/weight': (words, narrow)})
    sources = {**pair.sources, f'{head}/decoder/weight': 'bert/embeddings/word_embeddings'}
    return dataclasses.replace(pair, sources=sources)


def funnel() -> Pair:
    """laiguokun/Funnel-Transformer, whose decoder goes on counting, and the names of huggingface/transformers'.

    The heads are an axis of the old matrices, and of the new ones only where they have no layer of their own.
    """
    width, heads, depth, inner, words = 64, 4, 16, 256, 300
    old, new = 'model', 'tf_funnel_for_pre_training/funnel'
    table = f'{new}/embeddings/word_embeddings/weight'
    answer = {f'{old}/input/word_embedding/lookup_table': (table, (words, width), None)}
    answer |= norm_names(f'{old}/input/layer_norm', f'{new}/embeddings/layer_norm', width)
    places = [f'encoder/blocks_._{n // 4}_._{n % 4}' for n in range(12)]
    places += [f'decoder/layers_._{n}' for n in range(2)]
    for n, place in enumerate(places):
        at, to = f'{old}/{place.partition("/")[0]}/layer_{n}', f'{new}/{place}'
        a, b, units = f'{at}/rel_attn', f'{to}/attention', heads * depth
        for part in 'qkv':
            kernel = f'{b}/{part}_head/kernel', (width, heads, depth), (width, units)
            answer[f'{a}/{part}/kernel'] = kernel
            if part != 'q':
                answer[f'{a}/{part}/bias'] = f'{b}/{part}_head/bias', (heads, depth), (units,)
        answer[f'{a}/o/kernel'] = f'{b}/post_proj/kernel', (heads, depth, width), (units, width)
        answer[f'{a}/o/bias'] = f'{b}/post_proj/bias', (width,), None
        answer[f'{a}/r/kernel'] = f'{b}/r_kernel', (width, heads, depth), None
        for part in ('r_w_bias', 'r_r_bias', 'r_s_bias'):
            answer[f'{a}/{part}'] = f'{b}/{part}', (heads, depth), None
        answer[f'{a}/seg_embed'] = f'{b}/seg_embed', (2, heads, depth), None
        answer |= norm_names(f'{a}/layer_norm', f'{b}/layer_norm', width)
        answer |= dense_names(f'{at}/ff/layer_1', f'{to}/ffn/linear_1', width, inner)
        answer |= dense_names(f'{at}/ff/layer_2', f'{to}/ffn/linear_2', inner, width)
        answer |= norm_names(f'{at}/ff/layer_norm', f'{to}/ffn/layer_norm', width)
    others = {
        'model/lm_proj/dense/kernel': (width, width),
        'model/lm_proj/dense/bias': (width,),
        'model/lm_proj/layer_norm/gamma': (width,),
        'model/lm_proj/layer_norm/beta': (width,),
        'model/lm_loss/bias': (words,),
        'global_step': (),
    }
    head = 'tf_funnel_for_pre_training/discriminator_predictions'
    targets = {f'{head}/dense/kernel': (width, width), f'{head}/dense/bias': (width,)}
    targets |= {f'{head}/dense_prediction/kernel': (width, 1), f'{head}/dense_prediction/bias': (1,)}
    return files(answer, others, targets)


class _Translator:
    """Makes the objects of OpenNMT-tf's Transformer, and notes the names of V1 as `map_v1_weights` has them."""

    def __init__(self, width: int, inner: int):
        self.rows, self._width, self._inner = Rows(), width, inner

    def norm(self, scope: str):
        layer = built(tf.keras.layers.LayerNormalization(), self._width)
        return self.rows.layer(layer, f'{scope}/LayerNorm', ['gamma', 'beta'])

    def _projections(self, scope: str, *outputs: str) -> dict:
        """Dense layers that were one convolution, whose outputs lie beside each other."""
        units, parts = len(outputs) * self._width, {}
        for name in outputs:
            parts[f'linear_{name}'] = layer = dense(self._width, self._width)
            self.rows.add(layer.kernel, f'{scope}/kernel', (1, self._width, units))
            self.rows.add(layer.bias, f'{scope}/bias', (units,))
        return parts

    def attention(self, scope: str, *fused: tuple[str, ...]) -> Part:
        parts = {}
        for n, outputs in enumerate((*fused, ('output',))):
            parts |= self._projections(f'{scope}/conv1d{f"_{n}" if n else ""}', *outputs)
        return Part(layer=Part(**parts), input_layer_norm=self.norm(scope))

    def feed_forward(self, scope: str) -> Part:
        parts = {}
        for name, end, x, y in (
            ('inner', '', self._width, self._inner),
            ('outer', '_1', self._inner, self._width),
        ):
            parts[name] = layer = dense(x, y)
            self.rows.add(layer.kernel, f'{scope}/conv1d{end}/kernel', (1, x, y))
            self.rows.add(layer.bias, f'{scope}/conv1d{end}/bias')
        return Part(layer=Part(**parts), input_layer_norm=self.norm(scope))


def open_nmt() -> Pair:
    """OpenNMT/OpenNMT-tf's Transformer of V1, whose projections are fused, and the objects of V2; as V2 maps them."""
    tf.keras.backend.clear_session()
    scope, together, made = 'transformer', ('queries', 'keys', 'values'), _Translator(64, 256)
    tables = {}
    for side, count in (('encoder', 300), ('decoder', 400)):
        name = 'word_embedder' if side == 'encoder' else 'word_embedder_1'
        variable = tf.Variable(tf.zeros([count, 64]), name=f'{name}/embedding')
        made.rows.add(variable, f'{scope}/{side}/w_embs')
        tables['features_inputter' if side == 'encoder' else 'labels_inputter'] = Part(embedding=variable)
    encoder, decoder = [], []
    for n in range(6):
        at = f'{scope}/encoder/layer_{n}'
        attention = made.attention(f'{at}/multi_head', together)
        encoder.append(Part(self_attention=attention, ffn=made.feed_forward(f'{at}/ffn')))
        at = f'{scope}/decoder/layer_{n}'
        itself = made.attention(f'{at}/masked_multi_head', together)
        memory = made.attention(f'{at}/multi_head', together[:1], together[1:])
        ffn = made.feed_forward(f'{at}/ffn')
        decoder.append(Part(self_attention=itself, attention=[memory], ffn=ffn))
    output = made.rows.layer(dense(64, 400), f'{scope}/decoder/dense')
    model = Part(
        examples_inputter=Part(**tables),
        encoder=Part(layer_norm=made.norm(f'{scope}/encoder'), layers=encoder),
        decoder=Part(output_layer=output, layer_norm=made.norm(f'{scope}/decoder'), layers=decoder),
    )
    return made.rows.pair({'global_step': ()}, model=model)


def tacotron_2() -> Pair:
    """Rayhane-mamah/Tacotron-2, narrow, and the objects of TensorSpeech/TensorFlowTTS's, whose 2nd LSTM sees more."""
    tf.keras.backend.clear_session()
    rows, old, layers = Rows(), 'Tacotron_model/inference', tf.keras.layers
    width, units, mels, bins = 128, 256, 20, 32

    def convolutions(scope: str, name: str, *widths: int) -> list[Part]:
        parts = []
        for n, (x, y) in enumerate(zip(widths, widths[1:], strict=False)):
            at = f'{old}/{scope}/conv_layer_{n + 1}_{scope}'
            with tf.name_scope(name):
                conv = rows.layer(conv1d(5, x, y, name=f'conv_._{n}'), f'{at}/conv1d')
                norm = built(layers.BatchNormalization(name=f'batch_norm_._{n}'), None, y)
            parts.append(Part(conv1d=conv, norm=rows.layer(norm, f'{at}/batch_normalization', STATISTICS)))
        return parts

    table = tf.Variable(tf.zeros([66, width]), name='character_embeddings/weight')
    rows.add(table, f'{old}/inputs_embedding')
    norm = built(layers.LayerNormalization(name='LayerNorm'), width)
    convbn = Part(
        conv_batch_norm=convolutions('encoder_convolutions', 'encoder/conv_batch_norm', *[width] * 4)
    )
    bilstm = built(layers.Bidirectional(layers.LSTM(width // 2), name='bilstm'), None, width)
    for short, layer in (('fw', bilstm.forward_layer), ('bw', bilstm.backward_layer)):
        rows.lstm(layer.cell, f'{old}/encoder_LSTM/bidirectional_rnn/{short}/encoder_{short}_LSTM')
    encoder = Part(embeddings=Part(LayerNorm=norm, character_embeddings=table), convbn=convbn, bilstm=bilstm)
    prenet = []
    for n, x in enumerate((mels, 64)):
        prenet.append(
            rows.layer(dense(x, 64, name=f'dense_._{n}'), f'{old}/decoder/decoder_prenet/dense_{n + 1}')
        )
    first, second = lstm_cell(64 + width, units, 'attention_lstm_cell'), lstm_cell(units + width, units)
    cells = f'{old}/decoder/decoder_LSTM/multi_rnn_cell'
    rows.lstm(first, f'{cells}/cell_0/decoder_LSTM_1')
    rows.add(second.bias, f'{cells}/cell_1/decoder_LSTM_2/bias')
    at = f'{old}/decoder/Location_Sensitive_Attention'
    query, memory = dense(units, bins, False, 'query_layer'), dense(width, bins, False, 'memory_layer')
    rows.layer(query, f'{at}/query_layer', ['kernel'])
    rows.layer(memory, f'{old}/memory_layer', ['kernel'])
    location = rows.layer(
        conv1d(31, 1, 8, False, 'location_conv'), f'{at}/location_features_convolution', ['kernel']
    )
    projected = dense(8, bins, False, 'location_layer')
    rows.layer(projected, f'{at}/location_features_layer', ['kernel'])
    scores = dense(bins, 1, name='scores_attention')
    rows.add(scores.kernel, f'{at}/attention_variable_projection', (bins,))
    attention = Part(
        query_layer=query,
        memory_layer=memory,
        location_convolution=location,
        location_layer=projected,
        v=scores,
    )

    def projection(scope: str, name: str, x: int):
        end = scope.rpartition('/')[2]
        return rows.layer(dense(x, mels, name=name), f'{old}/{scope}/projection_{end}')

    frame = projection('decoder/linear_transform_projection', 'frame_projection', units + width)
    stop, at = dense(units + mels, 1, name='stop_projection'), f'{old}/decoder/stop_token_projection'
    rows.add(stop.bias, f'{at}/projection_stop_token_projection/bias')
    decoder = Part(
        prenet=Part(prenet_dense=prenet),
        attention_lstm=first,
        decoder_lstms=Part(cells=[second]),
        attention_layer=attention,
        frame_projection=frame,
        stop_projection=stop,
    )
    model = Part(
        encoder=encoder,
        decoder_cell=decoder,
        postnet=Part(conv_batch_norm=convolutions('postnet_convolutions', 'post_net', mels, *[width] * 5)),
        post_projection=projection('postnet_projection', 'residual_projection', width),
    )
    others = {
        f'{cells}/cell_1/decoder_LSTM_2/kernel': (2 * units, 4 * units),
        f'{at}/projection_stop_token_projection/kernel': (units + width, 1),
        f'{old}/decoder/Location_Sensitive_Attention/attention_bias': (bins,),
        f'{old}/decoder/Location_Sensitive_Attention/location_features_convolution/bias': (8,),
    }
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(
        rows.pair(others, model=model), 'Adam', 'Adam_1', prefix='Tacotron_model/', others=steps
    )
