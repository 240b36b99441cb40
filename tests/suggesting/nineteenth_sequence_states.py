"""Pairs of networks of sequences and state dicts, for the nineteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair, Shapes


def open_nmt_py() -> Pair:
    """tensorflow/models' official Transformer of r1.x, its base, and the state dict of OpenNMT/OpenNMT-py's 1.x.

    The new one shares its embeddings and gives them to its generator; that of the decoder and the generator's matrix,
    which are that of the encoder, are left out here. Both normalize before each part. The new attention and generator
    have biases, which the old one has not. The old program keeps its slots in a scope of their own.
    """
    state, width, inner, words = StateDict('model/Transformer/'), 512, 2048, 33708
    table = 'embedding_shared_weights/embedding_and_softmax/weights'
    state.add(table, 'encoder.embeddings.make_embedding.emb_luts.0.weight', (words, width))

    def norm(source: str, target: str) -> None:
        state.add(f'{source}/layer_normalization/layer_norm_scale', f'{target}.weight', (width,))
        state.add(f'{source}/layer_normalization/layer_norm_bias', f'{target}.bias', (width,))

    def attend(source: str, target: str) -> None:
        parts = {
            'k': 'linear_keys',
            'v': 'linear_values',
            'q': 'linear_query',
            'output_transform': 'final_linear',
        }
        for short, part in parts.items():
            state.add(f'{source}/{short}/kernel', f'{target}.{part}.weight', (width, width))
            state.new(f'{target}.{part}.bias', (width,))

    for side, layers in (('encoder', 'transformer'), ('decoder', 'transformer_layers')):
        state.new(f'{side}.embeddings.make_embedding.pe.pe', (5000, 1, width))
        for n in range(6):
            at, layer = f'{side}_stack/layer_{n}', f'{side}.{layers}.{n}'
            attend(f'{at}/self_attention/self_attention', f'{layer}.self_attn')
            if side == 'decoder':
                attend(f'{at}/encdec_attention/attention', f'{layer}.context_attn')
                norm(f'{at}/encdec_attention', f'{layer}.layer_norm_2')
            scope = f'{at}/ffn/feed_foward_network'
            state.weights(f'{scope}/filter_layer', f'{layer}.feed_forward.w_1', (width, inner))
            state.weights(f'{scope}/output_layer', f'{layer}.feed_forward.w_2', (inner, width))
            norm(f'{at}/ffn', f'{layer}.feed_forward.layer_norm')
            norm(f'{at}/self_attention', f'{layer}.layer_norm' + ('_1' if side == 'decoder' else ''))
        norm(f'{side}_stack', f'{side}.layer_norm')
    state.new('generator.0.bias', (words,))
    scope = 'model/get_train_op'
    steps: Shapes = {'global_step': (), f'{scope}/beta1_power': (), f'{scope}/beta2_power': ()}
    return with_slots(state.pair(), 'Adam', 'Adam_1', prefix=f'{scope}/', others=steps)


def wave_net_state() -> Pair:
    """Rayhane-mamah/Tacotron-2's WaveNet as it is trained, and r9y9/wavenet_vocoder's of 2018, whose port it is.

    Both have 20 layers in two stacks, 80 mels, and outputs of a mean and a scale. The new one is without its norms of
    weights, as it is after make_generation_fast_(); the old one has none. What makes the mels longer is of another kind
    in both, without sources. The shapes of the old one of these, the scope of its slots and the name of its step are
    not verified, its other names are those of its issues 421 and 434.
    """
    state, width, gates, mels, outputs = StateDict('WaveNet_model/inference/'), 128, 256, 80, 2
    for n, scale in enumerate((11, 25)):
        state.old(f'SubPixelConvolution_layer_{n}/kernel', (3, 3, 1, scale))
        state.old(f'SubPixelConvolution_layer_{n}/bias', (scale,))
        state.new(f'upsample_conv.{2 * n}.weight', (1, 1, 3, scale))
        state.new(f'upsample_conv.{2 * n}.bias', (1,))
    state.weights('input_convolution', 'first_conv', (1, 1, width))
    for n in range(20):
        block, layer = f'ResidualConv1DGLU_{n}', f'conv_layers.{n}'
        parts = (
            ('causal', 'conv', (3, width, gates)),
            ('cin', 'conv1x1c', (1, mels, gates)),
            ('out', 'conv1x1_out', (1, gates // 2, width)),
            ('skip', 'conv1x1_skip', (1, gates // 2, width)),
        )
        for old, new, shape in parts:
            state.weights(f'{block}/residual_block_{old}_conv_{block}', f'{layer}.{new}', shape)
    state.weights('final_convolution_1', 'last_conv_layers.1', (1, width, width))
    state.weights('final_convolution_2', 'last_conv_layers.3', (1, width, outputs))
    steps: Shapes = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    ends = 'Adam', 'Adam_1', 'ExponentialMovingAverage'
    return with_slots(state.pair(), *ends, prefix='WaveNet_model/', others=steps)
