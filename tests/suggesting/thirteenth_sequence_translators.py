"""A pair of translators, for a thirteenth blind test; see `blind_pairs`."""

from typing import Any

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.fifth_translators import MultiHeadAttention, Transformer
from tests.suggesting.known_pairs import Pair, Shapes

_NORM = {'gamma': 'layer_norm_scale', 'beta': 'layer_norm_bias'}


def tensor2tensor_tutorial() -> Pair:
    """tensorflow/tensor2tensor's transformer_base_v1 as it is trained, narrow, and tensorflow/docs' tutorial of it.

    Both normalize after each part. The old one has one matrix for the words of both sides and for the output, which it
    keeps in 16 parts that no rule joins, so that the three tables of the new one have no source. Only the new
    attention, and output, have biases. That the slots begin with training/ is as of tf.contrib.layers.optimize_loss().
    """
    tf.keras.backend.clear_session()
    rows, count, width, inner, words, shards = Rows(), 6, 96, 384, 800, 16
    model = Transformer(count, width, inner, words)
    model((tf.zeros([1, 4], tf.int32), tf.zeros([1, 4], tf.int32)))
    root = 'transformer'
    others: dict[str, tuple[int, ...]] = {
        f'{root}/symbol_modality_{words}_{width}/shared/weights_{n}': (words // shards, width)
        for n in range(shards)
    }
    others[f'{root}/body/target_space_embedding/kernel'] = (32, width)

    def norm(layer: Any, source: str) -> None:
        rows.layer(layer, f'{source}/layer_postprocess/layer_norm', _NORM, **_NORM)

    def attend(layer: MultiHeadAttention, after: Any, source: str) -> None:
        at = f'{source}/multihead_attention'
        for part in 'qkv':
            rows.add(getattr(layer, f'w{part}').kernel, f'{at}/{part}/kernel')
        rows.add(layer.dense.kernel, f'{at}/output_transform/kernel')
        norm(after, source)

    def feed(layer: tf.keras.Sequential, after: Any, source: str) -> None:
        for n, dense in enumerate(layer.layers, 1):
            rows.layer(dense, f'{source}/conv{n}')
        norm(after, source)

    for n, layer in enumerate(model.encoder.enc_layers):
        at = f'{root}/body/encoder/layer_{n}'
        attend(layer.mha, layer.layernorm1, f'{at}/self_attention')
        feed(layer.ffn, layer.layernorm2, f'{at}/ffn')
    for n, layer in enumerate(model.decoder.dec_layers):
        at = f'{root}/body/decoder/layer_{n}'
        attend(layer.mha1, layer.layernorm1, f'{at}/self_attention')
        attend(layer.mha2, layer.layernorm2, f'{at}/encdec_attention')
        feed(layer.ffn, layer.layernorm3, f'{at}/ffn')
    steps: Shapes = {
        'global_step': (),
        'losses_avg/problem_0/total_loss': (),
        'training/beta1_power': (),
        'training/beta2_power': (),
    }
    return with_slots(rows.pair(others, model=model), 'Adam', 'Adam_1', prefix='training/', others=steps)
