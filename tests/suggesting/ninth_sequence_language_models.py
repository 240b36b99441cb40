"""Pairs of models of texts, for a ninth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.collected_names import Names
from tests.suggesting.known_pairs import Pair

_NORM = ('gamma', 'beta')


def gpt_2_objects() -> Pair:
    """openai/gpt-2's smallest as it is released, and the objects of akanyaani/gpt-2-tensorflow2.0's Gpt2.

    The new one has a matrix for its outputs, for that of the embedding cannot be given to it before it is built. The
    released checkpoint has no slots.
    """
    width, inner, words, places = 768, 3072, 50257, 1024
    names = Names('model/', 'model/')
    names.add('wte', 'embedding/shared_weights', (words, width))
    names.add('wpe', 'pos_embedding/position_embedding/shared_weights', (places, width))

    def conv(source: str, target: str, x: int, y: int) -> None:
        names.add(f'{source}/w', f'{target}/weight', (1, x, y), (x, y))
        names.add(f'{source}/b', f'{target}/bias', (y,))

    for n in range(12):
        a, b = f'h{n}', f'decoder_layers/{n}'
        for norm in (1, 2):
            names.vectors(f'{a}/ln_{norm}', f'{b}/layer_norm{norm}', width, _NORM, gamma='g', beta='b')
        conv(f'{a}/attn/c_attn', f'{b}/mha/c_attn', width, 3 * width)
        conv(f'{a}/attn/c_proj', f'{b}/mha/c_proj', width, width)
        conv(f'{a}/mlp/c_fc', f'{b}/feed_forward/dense_layer', width, inner)
        conv(f'{a}/mlp/c_proj', f'{b}/feed_forward/output_dense_layer', inner, width)
    names.vectors('ln_f', 'layer_norm', width, _NORM, gamma='g', beta='b')
    names.new('output_layer/layer_weights', (width, words))
    return names.pair()


def xlnet_base() -> Pair:
    """zihangdai/xlnet of 12 layers as train.py pretrains it, and the objects of XLNetBase of tensorflow/models.

    The new one has two streams and biases of its own for each layer, which both keep in one tensor. The heads are the
    first axes of the new matrix of outputs, and the last ones of the old. The new one has no bias of the outputs.
    """
    width, heads, depth, inner, words, layers = 768, 12, 64, 3072, 32000, 12
    split = width, heads, depth
    names = Names('model/transformer/')
    names.add('word_embedding/lookup_table', '_embedding_layer/embeddings', (words, width))
    names.add('mask_emb/mask_emb', '_mask_embedding', (1, 1, width))
    names.add('seg_embed', '_segment_embedding', (layers, 2, heads, depth))
    for short, kind in (('w', 'content'), ('r', 'positional'), ('s', 'segment')):
        names.add(f'r_{short}_bias', f'_transformer_xl/{kind}_attention_bias', (layers, heads, depth))
    for n in range(layers):
        a, b = f'layer_{n}', f'_transformer_xl/transformer_xl_layers/{n}'
        for short, kind in (('q', 'query'), ('k', 'key'), ('v', 'value'), ('r', 'encoding')):
            names.add(f'{a}/rel_attn/{short}/kernel', f'{b}/_attention_layer/_{kind}_dense/kernel', split)
        other = heads, depth, width
        names.add(f'{a}/rel_attn/o/kernel', f'{b}/_attention_layer/_output_dense/kernel', split, other)
        names.vectors(f'{a}/rel_attn/LayerNorm', f'{b}/_attention_layer_norm', width, _NORM)
        names.dense(f'{a}/ff/layer_1', f'{b}/_inner_dense', width, inner)
        names.dense(f'{a}/ff/layer_2', f'{b}/_output_dense', inner, width)
        names.vectors(f'{a}/ff/LayerNorm', f'{b}/_output_layer_norm', width, _NORM)
    pair = names.pair({'model/lm_loss/bias': (words,)})
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', others=steps)


def keras_hub_electra() -> Pair:
    """google-research/electra's small one as pretrained, and the names of ElectraBackbone of keras-team/keras-hub.

    The heads are an axis of the new kernels. The new one is the discriminator without its head, and has a dense layer
    for pooling, which the old one lacks.
    """
    narrow, width, heads, inner, words, places, layers = 128, 256, 4, 1024, 30522, 512, 12
    names, at = Names(), 'electra/embeddings'
    for kind, new, count in (
        ('word', 'token', words),
        ('position', 'position', places),
        ('token_type', 'segment', 2),
    ):
        names.add(f'{at}/{kind}_embeddings', f'{new}_embedding/embeddings', (count, narrow))
    names.vectors(f'{at}/LayerNorm', 'embeddings_layer_norm', narrow, _NORM)
    names.dense('electra/embeddings_project', 'embeddings_projection', narrow, width)
    split = width, heads, width // heads
    for n in range(layers):
        a, b = f'electra/encoder/layer_{n}', f'transformer_layer_{n}'
        for part in ('query', 'key', 'value'):
            old, new = f'{a}/attention/self/{part}', f'{b}/self_attention_layer/{part}'
            names.add(f'{old}/kernel', f'{new}/kernel', (width, width), split)
            names.add(f'{old}/bias', f'{new}/bias', (width,), split[1:])
        old, new = f'{a}/attention/output/dense', f'{b}/self_attention_layer/attention_output'
        names.add(f'{old}/kernel', f'{new}/kernel', (width, width), (*split[1:], width))
        names.add(f'{old}/bias', f'{new}/bias', (width,))
        norm = f'{b}/self_attention_layer_norm'
        names.vectors(f'{a}/attention/output/LayerNorm', norm, width, _NORM)
        names.dense(f'{a}/intermediate/dense', f'{b}/feedforward_intermediate_dense', width, inner)
        names.dense(f'{a}/output/dense', f'{b}/feedforward_output_dense', inner, width)
        names.vectors(f'{a}/output/LayerNorm', f'{b}/feedforward_layer_norm', width, _NORM)
    names.new('pooled_dense/kernel', (width, width))
    names.new('pooled_dense/bias', (width,))

    def dense(source: str, x: int, y: int) -> None:
        names.old(f'{source}/kernel', (x, y))
        names.old(f'{source}/bias', (y,))

    def norm(source: str, extent: int) -> None:
        for role in _NORM:
            names.old(f'{source}/{role}', (extent,))

    dense('discriminator_predictions/dense', width, width)
    dense('discriminator_predictions/dense_1', width, 1)
    # The generator has a quarter of the width, and shares the embeddings.
    small, least = width // 4, inner // 4
    dense('generator/embeddings_project', narrow, small)
    for n in range(layers):
        at = f'generator/encoder/layer_{n}'
        for part in ('self/query', 'self/key', 'self/value', 'output/dense'):
            dense(f'{at}/attention/{part}', small, small)
        norm(f'{at}/attention/output/LayerNorm', small)
        dense(f'{at}/intermediate/dense', small, least)
        dense(f'{at}/output/dense', least, small)
        norm(f'{at}/output/LayerNorm', small)
    dense('generator_predictions/dense', small, narrow)
    norm('generator_predictions/LayerNorm', narrow)
    names.old('generator_predictions/output_bias', (words,))
    return with_slots(names.pair(), 'adam_m', 'adam_v', others={'global_step': ()})
