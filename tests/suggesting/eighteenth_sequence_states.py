"""Pairs of networks of sequences and state dicts, for an eighteenth blind test; see `blind_pairs`."""

import dataclasses
import re

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair
from tests.suggesting.ninth_sequence_speech import tacotron_2_state

# What coqui-ai/TTS calls the parts of NVIDIA/tacotron2, by those of the latter.
_COQUI = {
    r'convolutions\.(\d)\.0\.conv': r'convolutions.\1.convolution1d',
    r'convolutions\.(\d)\.1': r'convolutions.\1.batch_normalization',
    r'prenet\.layers': 'prenet.linear_layers',
    r'attention_layer\.': 'attention.',
    r'memory_layer': 'inputs_layer',
    r'location_conv\.conv': 'location_conv1d',
    r'gate_layer': 'stopnet.1',
}


def transformer_xl_state() -> Pair:
    """kimiyoung/transformer-xl's TensorFlow for enwik8 as train_gpu.py trains it, and the state dict of its PyTorch.

    Both have the base of 12 layers with 204 symbols, whose biases all layers share, and one table, which the new one
    has once more as a matrix of outputs; the latter is left out here.
    """
    state, width, heads, inner, words = StateDict('transformer/'), 512, 8, 2048, 204
    state.add('adaptive_embed/lookup_table', 'word_emb.emb_layers.0.weight', (words, width))
    state.add('adaptive_softmax/bias', 'crit.out_layers.0.bias', (words,))
    state.new('pos_emb.inv_freq', (width // 2,))
    for part in 'wr':
        state.add(f'r_{part}_bias', f'r_{part}_bias', (heads, width // heads))
    for n in range(12):
        at, layer = f'layer_{n}', f'layers.{n}'
        for part, units in (('qkv', 3 * width), ('r', width), ('o', width)):
            source, target = f'{at}/rel_attn/{part}/kernel', f'{layer}.dec_attn.{part}_net.weight'
            state.add(source, target, (width, units), (units, width))
        state.norm(f'{at}/rel_attn/LayerNorm', f'{layer}.dec_attn.layer_norm', width)
        state.weights(f'{at}/ff/layer_1', f'{layer}.pos_ff.CoreNet.0', (width, inner))
        state.weights(f'{at}/ff/layer_2', f'{layer}.pos_ff.CoreNet.3', (inner, width))
        state.norm(f'{at}/ff/LayerNorm', f'{layer}.pos_ff.layer_norm', width)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(state.pair(), 'Adam', 'Adam_1', others=steps)


def _coqui(name: str) -> str:
    for old, new in _COQUI.items():
        name = re.sub(old, new, name)
    return name


def coqui_tacotron_2() -> Pair:
    """Rayhane-mamah/Tacotron-2 without linear spectrograms as it is trained, and the state dict of coqui-ai/TTS' one.

    The latter's Tacotron2, with the location-sensitive attention and the prenet that it calls original, has the shapes
    of NVIDIA/tacotron2, but for a bias of its attention, and for what tells that speech is done, which sees the frame
    in place of the context.
    """
    pair, gate, units, mels = tacotron_2_state(), 'decoder.gate_layer.linear_layer.weight', 1024, 80
    targets = {_coqui(name): shape for name, shape in pair.target.items()}
    targets |= {_coqui(gate): (1, units + mels), 'decoder.attention.v.linear_layer.bias': (1,)}
    sources = {_coqui(name): source for name, source in pair.sources.items() if name != gate}
    return dataclasses.replace(pair, target=targets, sources=sources)
