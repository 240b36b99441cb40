"""Pairs of Transformers and state dicts, for a thirteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


def gpt_neo() -> Pair:
    """EleutherAI/gpt-neo's smallest by Mesh TensorFlow as it is trained, and huggingface/transformers' GPTNeo.

    The answer is that of load_tf_weights_in_gpt_neo. The new one is the state dict of GPTNeoForCausalLM, which keeps
    the masks of its attention, but not the matrix of its outputs, which is that of its words.
    """
    width, inner, words, places, state = 768, 3072, 50257, 2048, StateDict('gpt2/', 'transformer.')
    state.add('wpe', 'wpe.weight', (places, width))
    state.add('wte', 'wte.weight', (words, width))

    def norm(source: str, target: str) -> None:
        state.add(f'{source}/g', f'{target}.weight', (width,))
        state.add(f'{source}/b', f'{target}.bias', (width,))

    for n in range(12):
        a, b = f'h{n}', f'h.{n}'
        norm(f'{a}/norm_1', f'{b}.ln_1')
        attention = f'{b}.attn.attention'
        state.new(f'{attention}.bias', (1, 1, places, places))
        state.new(f'{attention}.masked_bias', ())
        for part, name in (('q', 'q_proj'), ('k', 'k_proj'), ('v', 'v_proj'), ('o', 'out_proj')):
            state.add(f'{a}/attn/{part}', f'{attention}.{name}.weight', (width, width))
        state.add(f'{a}/attn/compute_output_bias/o_b', f'{attention}.out_proj.bias', (width,))
        norm(f'{a}/norm_2', f'{b}.ln_2')
        state.weights(f'{a}/mlp/conv1d_main/c_fc', f'{b}.mlp.c_fc', (width, inner))
        state.weights(f'{a}/mlp/conv1d_main/c_proj', f'{b}.mlp.c_proj', (inner, width))
    norm('ln_f', 'ln_f')
    return with_slots(state.pair(), 'adam_m', 'adam_v', others={'global_step': ()})


def bert4rec() -> Pair:
    """FeiSun/BERT4Rec for ml-1m, 64 wide, as it is trained, and RUCAIBox/RecBole's BERT4Rec with its output layers.

    The items of the new one are those of its own data set, with a mask and without the old one's other symbols, so
    that its table of items, and their bias, have no source. It has no kinds of tokens, and is given sequences as long
    as the old one's. The old one has no pooler.
    """
    width, inner, words, places, state = 64, 256, 3420, 200, StateDict()

    def norm(source: str, target: str) -> None:
        state.norm(f'{source}/LayerNorm', target, width)

    at = 'bert/embeddings'
    state.old(f'{at}/word_embeddings', (words, width))
    state.old(f'{at}/token_type_embeddings', (2, width))
    state.new('item_embedding.weight', (3417 + 1, width))
    state.add(f'{at}/position_embeddings', 'position_embedding.weight', (places, width))
    norm(at, 'LayerNorm')
    for n in range(2):
        a, b = f'bert/encoder/layer_{n}', f'trm_encoder.layer.{n}'
        attention, feed = f'{b}.multi_head_attention', f'{b}.feed_forward'
        for part in ('query', 'key', 'value'):
            state.weights(f'{a}/attention/self/{part}', f'{attention}.{part}', (width, width))
        state.weights(f'{a}/attention/output/dense', f'{attention}.dense', (width, width))
        norm(f'{a}/attention/output', f'{attention}.LayerNorm')
        state.weights(f'{a}/intermediate/dense', f'{feed}.dense_1', (width, inner))
        state.weights(f'{a}/output/dense', f'{feed}.dense_2', (inner, width))
        norm(f'{a}/output', f'{feed}.LayerNorm')
    at = 'cls/predictions'
    state.weights(f'{at}/transform/dense', 'output_ffn', (width, width))
    norm(f'{at}/transform', 'output_ln')
    state.old(f'{at}/output_bias', (words,))
    state.new('output_bias', (3417,))
    return with_slots(state.pair(), 'adam_m', 'adam_v', others={'global_step': ()})
