"""Pairs of Transformers and state dicts, for a twelfth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


def image_gpt() -> Pair:
    """openai/image-gpt's small one as it is released, and the state dict of huggingface/transformers' ImageGPT.

    The new one is ImageGPTForCausalImageModeling. Its queries, keys and values are in one matrix, each part of which is
    one of the old matrices transposed, and its table of words has the old one's start as its last row, so that neither
    has a source. The heads are an axis of the old matrices. That the old one has no slots is as of its run.py, which
    asks for what is trained.
    """
    width, heads, words, state = 512, 8, 512, StateDict('model/')
    split = heads, width // heads, width
    state.old('wte', (words, width))
    state.old('sos', (width,))
    state.new('transformer.wte.weight', (words + 1, width))
    state.add('wpe', 'transformer.wpe.weight', (1024, width))
    for n in range(24):
        a, b = f'h{n}', f'transformer.h.{n}'
        state.add(f'{a}/ln_1/g', f'{b}.ln_1.weight', (width,))
        for part in 'qkv':
            state.old(f'{a}/attn/{part}_proj', split)
        state.new(f'{b}.attn.c_attn.weight', (width, 3 * width))
        state.new(f'{b}.attn.c_attn.bias', (3 * width,))
        state.add(f'{a}/attn/c_proj', f'{b}.attn.c_proj.weight', split, (width, width))
        state.new(f'{b}.attn.c_proj.bias', (width,))
        state.add(f'{a}/ln_2/g', f'{b}.ln_2.weight', (width,))
        for name, x, y in (('c_fc', width, 4 * width), ('c_proj', 4 * width, width)):
            state.add(f'{a}/mlp/{name}/w', f'{b}.mlp.{name}.weight', (x, y))
            state.new(f'{b}.mlp.{name}.bias', (y,))
    state.add('ln_f/g', 'transformer.ln_f.weight', (width,))
    state.add('wtet', 'lm_head.weight', (words, width))
    return state.pair()


def pytorchic_bert() -> Pair:
    """google-research/bert's base as it is pretrained, and the state dict of dhlee347/pytorchic-bert for pretraining.

    The new one is BertModel4Pretrain, whose heads are attributes of the model; its decoder is the table of words, and
    is left out here. Its checkpoint.py loads the encoder alone, but the heads are the same.
    """
    width, inner, words, state = 768, 3072, 30522, StateDict()

    def norm(source: str, target: str) -> None:
        for role in ('gamma', 'beta'):
            state.add(f'{source}/LayerNorm/{role}', f'{target}.{role}', (width,))

    at = 'bert/embeddings'
    for kind, name, count in (('word', 'tok', words), ('position', 'pos', 512), ('token_type', 'seg', 2)):
        state.add(f'{at}/{kind}_embeddings', f'transformer.embed.{name}_embed.weight', (count, width))
    norm(at, 'transformer.embed.norm')
    for n in range(12):
        a, b = f'bert/encoder/layer_{n}', f'transformer.blocks.{n}'
        for name in ('query', 'key', 'value'):
            state.weights(f'{a}/attention/self/{name}', f'{b}.attn.proj_{name[0]}', (width, width))
        state.weights(f'{a}/attention/output/dense', f'{b}.proj', (width, width))
        norm(f'{a}/attention/output', f'{b}.norm1')
        state.weights(f'{a}/intermediate/dense', f'{b}.pwff.fc1', (width, inner))
        state.weights(f'{a}/output/dense', f'{b}.pwff.fc2', (inner, width))
        norm(f'{a}/output', f'{b}.norm2')
    state.weights('bert/pooler/dense', 'fc', (width, width))
    at = 'cls/predictions/transform'
    state.weights(f'{at}/dense', 'linear', (width, width))
    norm(at, 'norm')
    state.add('cls/seq_relationship/output_weights', 'classifier.weight', (2, width))
    state.add('cls/seq_relationship/output_bias', 'classifier.bias', (2,))
    state.add('cls/predictions/output_bias', 'decoder_bias', (words,))
    return with_slots(state.pair(), 'adam_m', 'adam_v', others={'global_step': ()})
