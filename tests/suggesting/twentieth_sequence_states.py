"""Pairs of networks of sequences and names of others, for the twentieth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import STATISTICS
from tests.suggesting.collected_names import CollectedNames
from tests.suggesting.eleventh_sequence_state_dicts import tacotron_state
from tests.suggesting.known_pairs import Pair, Shapes


def gguf() -> Pair:
    """openai/gpt-2's 345M as it is released, and the tensors of ggml-org/llama.cpp's GGUF of a GPT-2.

    The answer is that of the latter's tensor_mapping and of its conversion, which transposes matrices. The copy of the
    table that older conversions wrote for the outputs is left out. The released checkpoint has no slots.
    """
    names, width, words, places = CollectedNames('model/'), 1024, 50257, 1024
    names.add('wte', 'token_embd.weight', (words, width))
    names.add('wpe', 'position_embd.weight', (places, width))

    def norm(source: str, target: str) -> None:
        names.add(f'{source}/g', f'{target}.weight', (width,))
        names.add(f'{source}/b', f'{target}.bias', (width,))

    for n in range(24):
        at, block = f'h{n}', f'blk.{n}'
        norm(f'{at}/ln_1', f'{block}.attn_norm')
        norm(f'{at}/ln_2', f'{block}.ffn_norm')
        parts = {
            'attn/c_attn': ('attn_qkv', width, 3 * width),
            'attn/c_proj': ('attn_output', width, width),
            'mlp/c_fc': ('ffn_up', width, 4 * width),
            'mlp/c_proj': ('ffn_down', 4 * width, width),
        }
        for old, (new, x, y) in parts.items():
            names.add(f'{at}/{old}/w', f'{block}.{new}.weight', (1, x, y), (y, x))
            names.add(f'{at}/{old}/b', f'{block}.{new}.bias', (y,))
    norm('ln_f', 'output_norm')
    return names.pair()


class _Tacotron:
    """Collects the names of a state dict, and the source of each that has one, by the shapes of the sources."""

    def __init__(self, old: Shapes, scope: str):
        self._old, self._scope = old, scope
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.sources: dict[str, str] = {}

    def add(self, source: str, target: str) -> None:
        """Notes a variable, whose axes PyTorch has in the other order."""
        self.sources[target] = f'{self._scope}{source}'
        self.shapes[target] = self._old[self.sources[target]][::-1]

    def weights(self, source: str, target: str) -> None:
        self.add(f'{source}/kernel', f'{target}.weight')
        self.add(f'{source}/bias', f'{target}.bias')

    def recurrent(self, target: str, gates: int, x: int, units: int, *ends: str) -> None:
        """Notes the variables of recurrent cells, which have no sources."""
        for end in ends:
            for part, extent in (('ih', x), ('hh', units)):
                self.shapes[f'{target}.weight_{part}{end}'] = gates * units, extent
                self.shapes[f'{target}.bias_{part}{end}'] = (gates * units,)

    def cbhg(self, source: str, target: str, count: int) -> None:
        """Notes convolutions without biases, their norms, and highways."""
        units = [(f'conv_bank/conv1d_{n + 1}', f'conv1d_bank.{n}') for n in range(count)]
        for old, new in (*units, ('proj_1', 'conv_project1'), ('proj_2', 'conv_project2')):
            self.add(f'{source}/{old}/conv1d/kernel', f'{target}.{new}.conv.weight')
            roles = 'weight', 'bias', 'running_mean', 'running_var'
            for statistic, role in zip(STATISTICS, roles, strict=True):
                self.add(f'{source}/{old}/batch_normalization/{statistic}', f'{target}.{new}.bnorm.{role}')
            self.shapes[f'{target}.{new}.bnorm.num_batches_tracked'] = ()
        for n in range(4):
            self.weights(f'{source}/highway_{n + 1}/H', f'{target}.highways.{n}.W1')
            self.weights(f'{source}/highway_{n + 1}/T', f'{target}.highways.{n}.W2')
        self.recurrent(f'{target}.rnn', 3, 128, 128, '_l0', '_l0_reverse')


def wave_rnn_tacotron() -> Pair:
    """keithito/tacotron as it is trained, and the state dict of the Tacotron of fatchord/WaveRNN.

    The new attention looks at places besides, its decoder has LSTMs and gives up to twenty frames, and what comes last
    are mels, so that these have no sources; nor have GRUs, whose gates PyTorch has in one. Its convolutions, and the
    layer before the second highways, have no biases. It has 148 symbols, the old one 149; that number, and the names of
    the old decoder within its cells, are not verified.
    """
    old = tacotron_state().shapes
    state, units, lstm, mels = _Tacotron(old, 'model/inference/'), 256, 512, 80
    state.shapes |= {'step': (1,), 'r': (), 'encoder.embedding.weight': (148, units)}
    for n in (1, 2):
        state.weights(f'prenet/dense_{n}', f'encoder.pre_net.fc{n}')
    state.cbhg('encoder_cbhg', 'encoder.cbhg', 16)
    state.add('memory_layer/kernel', 'encoder_proj.weight')
    at = 'decoder/output_projection_wrapper/multi_rnn_cell/cell_0/output_projection_wrapper'
    at = f'{at}/concat_output_and_attention_wrapper/attention_wrapper'
    for n in (1, 2):
        state.weights(f'{at}/decoder_prenet_wrapper/decoder_prenet/dense_{n}', f'decoder.prenet.fc{n}')
    state.shapes['decoder.attn_net.conv.weight'] = 32, 2, 31
    state.shapes |= {'decoder.attn_net.L.weight': (units, 32), 'decoder.attn_net.L.bias': (units,)}
    state.add(f'{at}/bahdanau_attention/query_layer/kernel', 'decoder.attn_net.W.weight')
    state.shapes['decoder.attn_net.W.bias'] = (units,)
    state.add(f'{at}/bahdanau_attention/attention_v', 'decoder.attn_net.v.weight')
    state.shapes['decoder.attn_net.v.weight'] = 1, units
    state.recurrent('decoder.attn_rnn', 3, units + units // 2, units, '')
    state.shapes |= {'decoder.rnn_input.weight': (lstm, 2 * units), 'decoder.rnn_input.bias': (lstm,)}
    for n in (1, 2):
        state.recurrent(f'decoder.res_rnn{n}', 4, lstm, lstm, '')
    state.shapes['decoder.mel_proj.weight'] = 20 * mels, lstm
    state.cbhg('post_cbhg', 'postnet', 8)
    state.add('post_cbhg/dense/kernel', 'postnet.pre_highway.weight')
    state.shapes['post_proj.weight'] = mels, units
    return Pair(old, state.shapes, state.sources)
