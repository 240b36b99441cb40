"""Pairs of networks that make or recognize speech, for a ninth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import STATISTICS, with_slots
from tests.suggesting.collected_names import Names
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


def tacotron_2_state() -> Pair:
    """Rayhane-mamah/Tacotron-2 without linear spectrograms as it is trained, and the state dict of NVIDIA/tacotron2.

    Both have 66 symbols and make one frame a step. The second LSTM of the new decoder also sees the context. The last
    of the five convolutions at the end is narrow in the new one only, which has no projection after it; its attention
    also sees the weights of the step before, and its first dense layers have no biases.
    """
    width, units, prenet, mels, filters, bins = 512, 1024, 256, 80, 32, 128
    state, context = StateDict('Tacotron_model/inference/'), units + width

    def conv(source: str, target: str, x: int, y: int) -> None:
        state.weights(f'{source}/conv1d', f'{target}.0.conv', (5, x, y))
        state.norm(f'{source}/batch_normalization', f'{target}.1', y, statistics=True)

    def matrix(source: str, target: str, x: int, y: int) -> None:
        state.add(f'{source}/kernel', f'{target}.linear_layer.weight', (x, y), (y, x))

    state.add('inputs_embedding', 'embedding.weight', (66, width))
    for n in range(3):
        at = f'encoder_convolutions/conv_layer_{n + 1}_encoder_convolutions'
        conv(at, f'encoder.convolutions.{n}', width, width)
    half = width // 2
    for short, end in (('fw', ''), ('bw', '_reverse')):
        at = f'encoder_LSTM/bidirectional_rnn/{short}/encoder_{short}_LSTM'
        state.lstm(at, 'encoder.lstm', width, half, f'_l0{end}')
    for n, x in enumerate((mels, prenet)):
        at = f'decoder/decoder_prenet/dense_{n + 1}'
        matrix(at, f'decoder.prenet.layers.{n}', x, prenet)
        state.old(f'{at}/bias', (prenet,))
    at = 'decoder/decoder_LSTM/multi_rnn_cell'
    state.lstm(f'{at}/cell_0/decoder_LSTM_1', 'decoder.attention_rnn', prenet + width, units, '')
    state.old(f'{at}/cell_1/decoder_LSTM_2/kernel', (2 * units, 4 * units))
    state.old(f'{at}/cell_1/decoder_LSTM_2/bias', (4 * units,))
    for part, extent in (('ih', context), ('hh', units)):
        state.new(f'decoder.decoder_rnn.weight_{part}', (4 * units, extent))
        state.new(f'decoder.decoder_rnn.bias_{part}', (4 * units,))
    at, to = 'decoder/Location_Sensitive_Attention', 'decoder.attention_layer'
    matrix(f'{at}/query_layer', f'{to}.query_layer', units, bins)
    matrix('memory_layer', f'{to}.memory_layer', width, bins)
    matrix(f'{at}/location_features_layer', f'{to}.location_layer.location_dense', filters, bins)
    state.add(f'{at}/attention_variable_projection', f'{to}.v.linear_layer.weight', (bins,), (1, bins))
    state.old(f'{at}/attention_bias', (bins,))
    state.old(f'{at}/location_features_convolution/kernel', (31, 1, filters))
    state.old(f'{at}/location_features_convolution/bias', (filters,))
    state.new(f'{to}.location_layer.location_conv.conv.weight', (filters, 2, 31))
    at = 'decoder/linear_transform_projection/projection_linear_transform_projection'
    state.weights(at, 'decoder.linear_projection.linear_layer', (context, mels))
    at = 'decoder/stop_token_projection/projection_stop_token_projection'
    state.weights(at, 'decoder.gate_layer.linear_layer', (context, 1))
    for n in range(4):
        at = f'postnet_convolutions/conv_layer_{n + 1}_postnet_convolutions'
        conv(at, f'postnet.convolutions.{n}', width if n else mels, width)
    at, to = 'postnet_convolutions/conv_layer_5_postnet_convolutions', 'postnet.convolutions.4'
    state.old(f'{at}/conv1d/kernel', (5, width, width))
    state.old(f'{at}/conv1d/bias', (width,))
    for role in STATISTICS:
        state.old(f'{at}/batch_normalization/{role}', (width,))
    state.new(f'{to}.0.conv.weight', (mels, width, 5))
    state.new(f'{to}.0.conv.bias', (mels,))
    for role in ('weight', 'bias', 'running_mean', 'running_var'):
        state.new(f'{to}.1.{role}', (mels,))
    state.new(f'{to}.1.num_batches_tracked', ())
    at = 'postnet_projection/projection_postnet_projection'
    state.old(f'{at}/kernel', (width, mels))
    state.old(f'{at}/bias', (mels,))
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(state.pair(), 'Adam', 'Adam_1', prefix='Tacotron_model/', others=steps)


def ds_cnn_streaming() -> Pair:
    """ARM-software/ML-KWS-for-MCU's large DS-CNN as it is trained, and ds_cnn.py of google-research's kws_streaming.

    The new one has the kernels and widths of the old by its flags, and by default no gammas either. Its names are those
    of Keras 2.15 for such layers in layers; what makes features of the sound has no variables there.
    """
    names, width, blocks = Names('DS-CNN/'), 276, 5
    roles, count = STATISTICS[1:], 0

    def norm(source: str) -> None:
        nonlocal count
        end = f'_{count}' if count else ''
        names.vectors(f'{source}/batch_norm', f'batch_normalization{end}', width, roles)
        count += 1

    def layer(source: str, target: str, shape: tuple[int, ...], kind: str = '') -> None:
        names.add(f'{source}/{kind}weights', f'{target}/{kind}kernel', shape)
        names.add(f'{source}/biases', f'{target}/bias', (width,))
        norm(source)

    layer('conv_1', 'stream/conv2d', (10, 4, 1, width))
    for n in range(1, blocks + 1):
        end = f'_{n - 1}' if n > 1 else ''
        at = f'stream_{n}/depthwise_conv2d{end}'
        layer(f'conv_ds_{n}/dw_conv', at, (3, 3, width, 1), 'depthwise_')
        layer(f'conv_ds_{n}/pw_conv', f'conv2d_{n}', (1, 1, width, width))
    names.add('fc1/weights', 'dense/kernel', (width, 12))
    names.add('fc1/biases', 'dense/bias', (12,))
    steps = {'global_step': (), 'train/beta1_power': (), 'train/beta2_power': ()}
    return with_slots(names.pair(), 'Adam', 'Adam_1', others=steps)
