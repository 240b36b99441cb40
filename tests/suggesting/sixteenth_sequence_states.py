"""Pairs of networks and the parameters of Flax and PyTorch, for a sixteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.collected_names import Names
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair, Shapes


def flax_translator() -> Pair:
    """tensorflow/tensor2tensor's transformer_base as it is trained, and the parameters of google/flax's examples/wmt.

    Both normalize before each part. The heads are an axis of the new kernels. The old one keeps its one table in 16
    parts that no rule joins, so that the new table has no source. That the slots begin with training/ is as of
    tf.contrib.layers.optimize_loss().
    """
    words, width, inner, heads = 33708, 512, 2048, 8
    names, size = Names('transformer/'), width // heads
    for n in range(16):
        extent = words // 16 + (n < words % 16)
        names.old(f'symbol_modality_{words}_{width}/shared/weights_{n}', (extent, width))
    names.old('body/target_space_embedding/kernel', (32, width))
    names.new('shared_embedding/embedding', (words, width))

    def norm(source: str, target: str) -> None:
        for role in ('scale', 'bias'):
            at = f'body/{source}/layer_prepostprocess/layer_norm/layer_norm_{role}'
            names.add(at, f'{target}/{role}', (width,))

    def attend(source: str, target: str) -> None:
        at, square, split = f'body/{source}/multihead_attention', (width, width), (heads, size)
        for short, part in (('q', 'query'), ('k', 'key'), ('v', 'value')):
            names.add(f'{at}/{short}/kernel', f'{target}/{part}/kernel', square, (width, *split))
        names.add(f'{at}/output_transform/kernel', f'{target}/out/kernel', square, (*split, width))

    for side, block in (('encoder', 'encoderblock'), ('decoder', 'encoderdecoderblock')):
        parts = ('self_attention',) if side == 'encoder' else ('self_attention', 'encdec_attention')
        for n in range(6):
            a, b = f'{side}/layer_{n}', f'{side}/{block}_{n}'
            for m, part in enumerate(parts):
                norm(f'{a}/{part}', f'{b}/LayerNorm_{m}')
                attend(f'{a}/{part}', f'{b}/MultiHeadDotProductAttention_{m}')
            norm(f'{a}/ffn', f'{b}/LayerNorm_{len(parts)}')
            for m, (x, y) in enumerate(((width, inner), (inner, width))):
                names.layer(f'body/{a}/ffn/conv{m + 1}', f'{b}/MlpBlock_0/Dense_{m}', (x, y))
        norm(side, f'{side}/encoder_norm' if side == 'encoder' else f'{side}/encoderdecoder_norm')
    steps: Shapes = {
        'global_step': (),
        'losses_avg/problem_0/total_loss': (),
        'training/beta1_power': (),
        'training/beta2_power': (),
    }
    return with_slots(names.pair(), 'Adam', 'Adam_1', prefix='training/', others=steps)


def actor_critic_state() -> Pair:
    """hill-a/stable-baselines' PPO2 with CnnPolicy for Breakout, and the policy of DLR-RM/stable-baselines3 1.6.

    The old one has its convolutions' biases in four axes, and the values of actions besides, which no gradients reach.
    It keeps the names of its graph, as a Saver saves it. What it flattens has its channels last, so that the rows of
    the layer after it have another order.
    """
    state, actions, width = StateDict('model/'), 4, 512
    sizes = ((8, 8, 4, 32), (4, 4, 32, 64), (3, 3, 64, 64))
    for n, (height, length, x, y) in enumerate(sizes):
        at = f'features_extractor.cnn.{2 * n}'
        state.add(f'c{n + 1}/w', f'{at}.weight', sizes[n], (y, x, height, length))
        state.add(f'c{n + 1}/b', f'{at}.bias', (1, y, 1, 1), (y,))
    linear = 'features_extractor.linear.0'
    for source, target, x, y in (
        ('fc1', linear, 7 * 7 * 64, width),
        ('pi', 'action_net', width, actions),
        ('vf', 'value_net', width, 1),
    ):
        state.add(f'{source}/w', f'{target}.weight', (x, y), (y, x))
        state.add(f'{source}/b', f'{target}.bias', (y,))
    state.old('q/w', (width, actions))
    state.old('q/b', (actions,))
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(state.pair(), 'Adam', 'Adam_1', but='/q/', others=steps)
