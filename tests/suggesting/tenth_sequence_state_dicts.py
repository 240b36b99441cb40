"""A pair of a language model and a state dict, for a tenth blind test; see `blind_pairs`."""

from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


def nano_gpt() -> Pair:
    """openai/gpt-2's smallest as it is released, and the state dict of karpathy/nanoGPT's GPT.

    The new one has biases and 50257 words, as for OpenAI's weights. Its matrix of outputs is that of its words, which
    its state dict has under both names; lm_head.weight is left out here. The released checkpoint has no slots.
    """
    state, width, words, places = StateDict('model/', 'transformer.'), 768, 50257, 1024

    def norm(source: str, target: str) -> None:
        state.add(f'{source}/g', f'{target}.weight', (width,))
        state.add(f'{source}/b', f'{target}.bias', (width,))

    def linear(source: str, target: str, x: int, y: int) -> None:
        state.add(f'{source}/w', f'{target}.weight', (1, x, y), (y, x))
        state.add(f'{source}/b', f'{target}.bias', (y,))

    state.add('wte', 'wte.weight', (words, width))
    state.add('wpe', 'wpe.weight', (places, width))
    for n in range(12):
        a, b = f'h{n}', f'h.{n}'
        norm(f'{a}/ln_1', f'{b}.ln_1')
        linear(f'{a}/attn/c_attn', f'{b}.attn.c_attn', width, 3 * width)
        linear(f'{a}/attn/c_proj', f'{b}.attn.c_proj', width, width)
        norm(f'{a}/ln_2', f'{b}.ln_2')
        linear(f'{a}/mlp/c_fc', f'{b}.mlp.c_fc', width, 4 * width)
        linear(f'{a}/mlp/c_proj', f'{b}.mlp.c_proj', 4 * width, width)
    norm('ln_f', 'ln_f')
    return state.pair()
