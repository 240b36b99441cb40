"""Pairs of networks with LSTMs and state dicts, for a fifteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


def elmo_state() -> Pair:
    """allenai/bilm-tf as bin/train_elmo.py trains it, narrow in its LSTMs, and allenai/allennlp's Elmo of two layers.

    The answer is that of the latter's load_weights and of its character encoder. It splits each kernel of an LSTM, two
    of whose gates it exchanges. It joins both matrices of a highway, one of them negated, so that these have no targets
    here. The new table of letters has one more, and so no source. The weights of the mixture are of the new one alone,
    those of the outputs of the old one.
    """
    state, width, cell, words, wide = StateDict('lm/'), 96, 256, 900, 2048
    root = '_elmo_lstm._token_embedder'
    state.old('char_embed', (261, 16))
    state.new(f'{root}._char_embedding_weights', (262, 16))
    for n, count in enumerate((32, 32, 64, 128, 256, 512, 1024)):
        shape = 1, n + 1, 16, count
        state.add(f'CNN/W_cnn_{n}', f'{root}.char_conv_{n}.weight', shape, (count, 16, n + 1))
        state.add(f'CNN/b_cnn_{n}', f'{root}.char_conv_{n}.bias', (count,))
    for n in range(2):
        for part in ('carry', 'transform'):
            state.old(f'CNN_high_{n}/W_{part}', (wide, wide))
            state.old(f'CNN_high_{n}/b_{part}', (wide,))
        state.new(f'{root}._highways._layers.{n}.weight', (2 * wide, wide))
        state.new(f'{root}._highways._layers.{n}.bias', (2 * wide,))
    state.add('CNN_proj/W_proj', f'{root}._projection.weight', (wide, width), (width, wide))
    state.add('CNN_proj/b_proj', f'{root}._projection.bias', (width,))
    for direction, name in enumerate(('forward', 'backward')):
        for n in range(2):
            a = f'RNN_{direction}/rnn/multi_rnn_cell/cell_{n}/lstm_cell'
            b = f'_elmo_lstm._elmo_lstm.{name}_layer_{n}'
            for part in ('input', 'state'):
                state.part(f'{a}/kernel', f'{b}.{part}_linearity.weight', (4 * cell, width))
            state.old(f'{a}/kernel', (2 * width, 4 * cell))
            state.add(f'{a}/bias', f'{b}.state_linearity.bias', (4 * cell,))
            state.add(f'{a}/projection/kernel', f'{b}.state_projection.weight', (cell, width), (width, cell))
    state.old('softmax/W', (words, width))
    state.old('softmax/b', (words,))
    for name in ('gamma', *(f'scalar_parameters.{n}' for n in range(3))):
        state.new(f'scalar_mix_0.{name}', (1,))
    return with_slots(state.pair(), 'Adagrad', others={'global_step': (), 'train_perplexity': ()})


def pointer_generator_state() -> Pair:
    """abisee/pointer-generator with coverage as it is trained, and the states of atulkum/pointer_summarizer's Model.

    The new one keeps a state of each part, and was read in a version without coverage. The words of its decoder are
    those of its encoder, and left out here. What is concatenated before its x_context, decode_proj and p_gen_linear is
    so in another order, so that rows of these are exchanged. PyTorch keeps two biases of an LSTM, whose sum is the old
    one.
    """
    state, words, narrow, width = StateDict('seq2seq/'), 900, 32, 64
    wide = 2 * width
    encoder, decoder, reduced = 'encoder_state_dict.', 'decoder_state_dict.', 'reduce_state_dict.'

    def linear(source: str, target: str, x: int, y: int) -> None:
        state.add(f'{source}/Linear/Matrix', f'{target}.weight', (x, y), (y, x))
        state.add(f'{source}/Linear/Bias', f'{target}.bias', (y,))

    state.add('embedding/embedding', f'{encoder}embedding.weight', (words, narrow))
    for short, end in (('fw', ''), ('bw', '_reverse')):
        cell = f'encoder/bidirectional_rnn/{short}/lstm_cell'
        state.lstm(cell, f'{encoder}lstm', narrow, width, f'_l0{end}')
    for part in 'ch':
        at = 'reduce_final_st'
        state.add(f'{at}/w_reduce_{part}', f'{reduced}reduce_{part}.weight', (wide, width), (width, wide))
        state.add(f'{at}/bias_reduce_{part}', f'{reduced}reduce_{part}.bias', (width,))
    at, attention = 'decoder/attention_decoder', f'{decoder}attention_network'
    state.add(f'{at}/W_h', f'{attention}.W_h.weight', (1, 1, wide, wide), (wide, wide))
    state.add(f'{at}/v', f'{attention}.v.weight', (wide,), (1, wide))
    state.old(f'{at}/coverage/w_c', (1, 1, 1, wide))
    linear(f'{at}/Attention', f'{attention}.decode_proj', wide, wide)
    linear(at, f'{decoder}x_context', wide + narrow, narrow)
    state.lstm(f'{at}/lstm_cell', f'{decoder}lstm', narrow, width)
    linear(f'{at}/calculate_pgen', f'{decoder}p_gen_linear', 2 * wide + narrow, 1)
    linear(f'{at}/AttnOutputProjection', f'{decoder}out1', 3 * width, width)
    state.add('output_projection/w', f'{decoder}out2.weight', (width, words), (words, width))
    state.add('output_projection/v', f'{decoder}out2.bias', (words,))
    return with_slots(state.pair(), 'Adagrad', others={'global_step': ()})
