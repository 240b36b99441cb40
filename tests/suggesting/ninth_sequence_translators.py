"""Pairs of networks of an encoder and a decoder of texts, for a ninth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.collected_names import Names
from tests.suggesting.known_pairs import Pair

_SCALES = {'gamma': 'layer_norm_scale', 'beta': 'layer_norm_bias'}


def _attention(names: Names, source: str, target: str, width: int, heads: int) -> None:
    """Notes the four matrices of an attention of Keras, which has no biases."""
    split = width, heads, width // heads
    for short, kind in (('q', 'query'), ('k', 'key'), ('v', 'value')):
        names.add(f'{source}/{short}/kernel', f'{target}/_{kind}_dense/kernel', (width, width), split)
    other = *split[1:], width
    names.add(f'{source}/output_transform/kernel', f'{target}/_output_dense/kernel', (width, width), other)


def seq2seq_transformer() -> Pair:
    """tensorflow/models' official Transformer of r1.x, its base, and the objects of Seq2SeqTransformer in official/nlp.

    The heads are an axis of the new kernels. The old program keeps its slots in a scope of their own. The new decoder
    makes an output of its attention to itself besides that which the attention has, but never builds it.
    """
    width, heads, inner, words = 512, 8, 2048, 33708
    names = Names('model/Transformer/', 'model/')
    table = 'embedding_shared_weights/embedding_and_softmax/weights'
    names.add(table, 'embedding_lookup/embeddings', (words, width))

    def norm(source: str, target: str) -> None:
        names.vectors(f'{source}/layer_normalization', target, width, _SCALES, **_SCALES)

    for side in ('encoder', 'decoder'):
        for n in range(6):
            # The attributes of the encoder's block are private, those of the decoder's are not.
            start = '_' if side == 'encoder' else ''
            a, b = f'{side}_stack/layer_{n}', f'{side}_layer/{side}_layers/{n}'
            attention = '_attention' if side == 'encoder' else 'self_attention'
            layer = '_attention_layer' if side == 'encoder' else 'self_attention'
            _attention(names, f'{a}/self_attention/self_attention', f'{b}/{layer}', width, heads)
            norm(f'{a}/self_attention', f'{b}/{attention}_layer_norm')
            if side == 'decoder':
                at = f'{a}/encdec_attention'
                _attention(names, f'{at}/attention', f'{b}/encdec_attention', width, heads)
                norm(at, f'{b}/encdec_attention_layer_norm')
            at = f'{a}/ffn/feed_foward_network'
            names.dense(f'{at}/filter_layer', f'{b}/{start}intermediate_dense', width, inner)
            names.dense(f'{at}/output_layer', f'{b}/{start}output_dense', inner, width)
            norm(f'{a}/ffn', f'{b}/{start}output_layer_norm')
        norm(f'{side}_stack', f'{side}_layer/output_normalization')
    scope = 'model/get_train_op'
    steps = {'global_step': (), f'{scope}/beta1_power': (), f'{scope}/beta2_power': ()}
    return with_slots(names.pair(), 'Adam', 'Adam_1', prefix=f'{scope}/', others=steps)


def t5x() -> Pair:
    """google-research/text-to-text-transfer-transformer's T5.1.1 base by Mesh TensorFlow, and google-research/t5x's.

    The new names are those of t5x/examples/t5/network.py with `target` before them, as its checkpoints have them. Both
    keep the biases of positions by heads. Adafactor keeps sums of rows and of columns.
    """
    width, inner, heads, words = 768, 2048, 12, 32128
    names = Names('', 'target/')
    names.add('shared/embedding', 'token_embedder/embedding', (words, width))

    def norm(source: str, target: str) -> None:
        names.add(f'{source}/scale', f'{target}/scale', (width,))

    parts = (('q', 'query'), ('k', 'key'), ('v', 'value'), ('o', 'out'))
    for side in ('encoder', 'decoder'):
        if side == 'encoder':
            attentions = [('SelfAttention', 'attention', 'pre_attention')]
        else:
            attentions = [
                ('SelfAttention', 'self_attention', 'pre_self_attention'),
                ('EncDecAttention', 'encoder_decoder_attention', 'pre_cross_attention'),
            ]
        at = f'{side}/block_000/layer_000/SelfAttention/relative_attention_bias'
        names.add(at, f'{side}/relpos_bias/rel_embedding', (heads, 32))
        for n in range(12):
            a, b = f'{side}/block_{n:03}', f'{side}/layers_{n}'
            for m, (old, new, before) in enumerate(attentions):
                for short, part in parts:
                    source, target = f'{a}/layer_{m:03}/{old}/{short}', f'{b}/{new}/{part}/kernel'
                    names.add(source, target, (width, width))
                norm(f'{a}/layer_{m:03}/layer_norm', f'{b}/{before}_layer_norm')
            at = f'{a}/layer_{len(attentions):03}'
            for part, shape in (('wi_0', (width, inner)), ('wi_1', (width, inner)), ('wo', (inner, width))):
                names.add(f'{at}/DenseReluDense/{part}/kernel', f'{b}/mlp/{part}/kernel', shape)
            norm(f'{at}/layer_norm', f'{b}/pre_mlp_layer_norm')
        norm(f'{side}/final_layer_norm', f'{side}/{side}_norm')
    names.add('decoder/logits/kernel', 'decoder/logits_dense/kernel', (width, words))
    pair, slots = names.pair(), {}
    for name, shape in pair.shapes.items():
        # Only matrices whose shorter side is at least 128 are factored.
        if len(shape) == 2 and min(shape) >= 128:
            slots |= {f'{name}_slot_vr': (min(shape),), f'{name}_slot_vc': (max(shape),)}
        else:
            slots[f'{name}_slot_v'] = shape
    return Pair({**pair.shapes, **slots, 'global_step': ()}, pair.target, pair.sources)
