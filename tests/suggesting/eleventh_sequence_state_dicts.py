"""Pairs of networks of sequences and state dicts, for an eleventh blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import STATISTICS, with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


def sas_rec_state() -> Pair:
    """kang205/SASRec as it is trained for ml-1m, and the state dict of pmixer/SASRec.pytorch's SASRec.

    The new attention has its three matrices in one and a projection after them, so that none of it has a source. The
    norms of the old one are bare variables without names, the shift before the scale. It is taken to be saved by a
    Saver.
    """
    state, items, length, width = StateDict('SASRec/'), 3416, 200, 50
    state.add('input_embeddings/lookup_table', 'item_emb.weight', (items + 1, width))
    state.add('dec_pos/lookup_table', 'pos_emb.weight', (length, width))

    def norm(source: str, target: str) -> None:
        state.add(f'{source}/Variable', f'{target}.bias', (width,))
        state.add(f'{source}/Variable_1', f'{target}.weight', (width,))

    for n in range(2):
        at, layer = f'num_blocks_{n}', f'attention_layers.{n}'
        norm(f'{at}/ln', f'attention_layernorms.{n}')
        for end in ('', '_1', '_2'):
            state.old(f'{at}/self_attention/dense{end}/kernel', (width, width))
            state.old(f'{at}/self_attention/dense{end}/bias', (width,))
        state.new(f'{layer}.in_proj_weight', (3 * width, width))
        state.new(f'{layer}.in_proj_bias', (3 * width,))
        state.new(f'{layer}.out_proj.weight', (width, width))
        state.new(f'{layer}.out_proj.bias', (width,))
        norm(f'{at}/ln_1', f'forward_layernorms.{n}')
        for k, end in enumerate(('', '_1'), 1):
            source = f'{at}/multihead_attention/conv1d{end}'
            state.weights(source, f'forward_layers.{n}.conv{k}', (1, width, width))
    norm('ln', 'last_layernorm')
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(state.pair(), 'Adam', 'Adam_1', others=steps)


def tacotron_state() -> Pair:
    """keithito/tacotron as it is trained, and the state dict of r9y9/tacotron_pytorch's Tacotron, a port of it.

    Both have 149 symbols. The new one normalizes as the old one does, but it is narrower after the decoder, and its
    decoder sees all of the five frames, so that kernels of there have other shapes; what has the same place and shape
    even there has its source: biases, norms and the second projection. None of the GRUs has one, for PyTorch has their
    gates in one. The scopes of the decoder are those that a fork's train.py names; those of its GRUs 1 and 2 within
    their cells are not verified.
    """
    state, mels, frames, width, half = StateDict('model/inference/'), 80, 5, 256, 128

    def gru(source: str, x: int, units: int) -> None:
        for part, count in (('gates', 2), ('candidate', 1)):
            state.old(f'{source}/gru_cell/{part}/kernel', (x + units, count * units))
            state.old(f'{source}/gru_cell/{part}/bias', (count * units,))

    def new_gru(target: str, x: int, units: int, end: str = '') -> None:
        for part, extents in (('ih', (x,)), ('hh', (units,))):
            state.new(f'{target}.weight_{part}{end}', (3 * units, *extents))
            state.new(f'{target}.bias_{part}{end}', (3 * units,))

    def unit(source: str, target: str, *shape: int) -> None:
        state.weights(f'{source}/conv1d', f'{target}.conv1d', shape)
        state.norm(f'{source}/batch_normalization', f'{target}.bn', shape[-1], statistics=True)

    def old_unit(source: str, *shape: int) -> None:
        state.old(f'{source}/conv1d/kernel', shape)
        for role in ('conv1d/bias', *(f'batch_normalization/{statistic}' for statistic in STATISTICS)):
            state.old(f'{source}/{role}', shape[-1:])

    def new_unit(target: str, *shape: int) -> None:
        *size, x, y = shape
        state.new(f'{target}.conv1d.weight', (y, x, *size))
        for role in ('conv1d.bias', 'bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var'):
            state.new(f'{target}.{role}', (y,))
        state.new(f'{target}.bn.num_batches_tracked', ())

    def both_ways(source: str, target: str, new: int) -> None:
        for direction, end in (('fw', '_l0'), ('bw', '_l0_reverse')):
            gru(f'{source}/bidirectional_rnn/{direction}', half, half)
            new_gru(f'{target}.gru', new, new, end)

    state.add('embedding', 'embedding.weight', (149, width))
    for n, (x, y) in enumerate(((width, width), (width, half))):
        state.weights(f'prenet/dense_{n + 1}', f'encoder.prenet.layers.{n}', (x, y))
    a, b = 'encoder_cbhg', 'encoder.cbhg'
    for k in range(1, 17):
        unit(f'{a}/conv_bank/conv1d_{k}', f'{b}.conv1d_banks.{k - 1}', k, half, half)
    unit(f'{a}/proj_1', f'{b}.conv1d_projections.0', 3, 16 * half, half)
    unit(f'{a}/proj_2', f'{b}.conv1d_projections.1', 3, half, half)
    state.new(f'{b}.pre_highway.weight', (half, half))
    for n in range(4):
        for part in 'HT':
            state.weights(f'{a}/highway_{n + 1}/{part}', f'{b}.highways.{n}.{part}', (half, half))
    both_ways(a, b, half)
    outer = 'decoder/output_projection_wrapper'
    cell = f'{outer}/multi_rnn_cell/cell_0/output_projection_wrapper'
    wrapper = f'{cell}/concat_output_and_attention_wrapper/attention_wrapper'
    at = f'{wrapper}/decoder_prenet_wrapper'
    state.old(f'{at}/decoder_prenet/dense_1/kernel', (mels, width))
    state.new('decoder.prenet.layers.0.weight', (width, mels * frames))
    state.add(f'{at}/decoder_prenet/dense_1/bias', 'decoder.prenet.layers.0.bias', (width,))
    state.weights(f'{at}/decoder_prenet/dense_2', 'decoder.prenet.layers.1', (width, half))
    gru(at, half + width, width)
    new_gru('decoder.attention_rnn.rnn_cell', half + width, width)
    at, to = f'{wrapper}/bahdanau_attention', 'decoder.attention_rnn.attention_mechanism'
    state.add(f'{at}/query_layer/kernel', f'{to}.query_layer.weight', (width, width))
    state.add(f'{at}/attention_v', f'{to}.v.weight', (width,), (1, width))
    state.add('memory_layer/kernel', 'decoder.memory_layer.weight', (width, width))
    state.weights(cell, 'decoder.project_to_decoder_in', (2 * width, width))
    for n in range(2):
        gru(f'{outer}/multi_rnn_cell/cell_{n + 1}', width, width)
        new_gru(f'decoder.decoder_rnns.{n}', width, width)
    state.weights(outer, 'decoder.proj_to_mel', (width, mels * frames))
    a, b = 'post_cbhg', 'postnet'
    for k in range(1, 9):
        old_unit(f'{a}/conv_bank/conv1d_{k}', k, mels, half)
        new_unit(f'{b}.conv1d_banks.{k - 1}', k, mels, mels)
    at, to = f'{a}/proj_1', f'{b}.conv1d_projections.0'
    state.old(f'{at}/conv1d/kernel', (3, 8 * half, width))
    state.new(f'{to}.conv1d.weight', (width, 8 * mels, 3))
    state.add(f'{at}/conv1d/bias', f'{to}.conv1d.bias', (width,))
    state.norm(f'{at}/batch_normalization', f'{to}.bn', width, statistics=True)
    unit(f'{a}/proj_2', f'{b}.conv1d_projections.1', 3, width, mels)
    state.old(f'{a}/dense/kernel', (mels, half))
    state.old(f'{a}/dense/bias', (half,))
    state.new(f'{b}.pre_highway.weight', (mels, mels))
    for n in range(4):
        for part in 'HT':
            for role, old, new in (('kernel', (half, half), (mels, mels)), ('bias', (half,), (mels,))):
                state.old(f'{a}/highway_{n + 1}/{part}/{role}', old)
                end = 'weight' if role == 'kernel' else role
                state.new(f'{b}.highways.{n}.{part}.{end}', new)
    both_ways(a, b, mels)
    state.old('dense/kernel', (width, 1025))
    state.new('last_linear.weight', (1025, 2 * mels))
    state.add('dense/bias', 'last_linear.bias', (1025,))
    steps = {'global_step': (), **{f'model/optimizer/beta{n}_power': () for n in (1, 2)}}
    return with_slots(state.pair(), 'Adam', 'Adam_1', prefix='model/optimizer/', others=steps)
