"""Pairs of networks and the parameters of Flax and PyTorch, for a seventeenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.collected_names import Names
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair, Shapes

_NORM = {'scale': 'g', 'bias': 'b'}


def flax_gpt_2() -> Pair:
    """openai/gpt-2's smallest as it is released, and huggingface/transformers' FlaxGPT2LMHeadModel.

    The new kernels are transposed, of all but the tables. The released checkpoint has no slots.
    """
    names, width = Names('model/', 'transformer/'), 768
    sizes = {'attn/c_attn': (1, 3), 'attn/c_proj': (1, 1), 'mlp/c_fc': (1, 4), 'mlp/c_proj': (4, 1)}
    for table, count in (('wte', 50257), ('wpe', 1024)):
        names.add(table, f'{table}/embedding', (count, width))
    for n in range(12):
        for norm in ('ln_1', 'ln_2'):
            names.vectors(f'h{n}/{norm}', f'h/{n}/{norm}', width, _NORM, **_NORM)
        for layer, factors in sizes.items():
            x, y = (factor * width for factor in factors)
            names.add(f'h{n}/{layer}/w', f'h/{n}/{layer}/kernel', (1, x, y), (y, x))
            names.add(f'h{n}/{layer}/b', f'h/{n}/{layer}/bias', (y,))
    names.vectors('ln_f', 'ln_f', width, _NORM, **_NORM)
    return names.pair()


def ml_agents_state() -> Pair:
    """Unity-Technologies/ml-agents' PPO by TensorFlow before 1.0, and its SeparateActorCritic in PyTorch.

    Both are for eight observations and two continuous actions, without normalization and memory, and with two layers
    of 128, by default. The old one has the logarithm of the variance, the new one that of the deviation, so that it has
    no source, and neither have the constants.
    """
    state, observed, actions, width = StateDict(), 8, 2, 128
    for n, target in enumerate(('network_body', 'critic.network_body')):
        for m, x in enumerate((observed, width)):
            at = f'{target}.linear_encoder.seq_layers.{2 * m}'
            state.weights(f'main_graph_{n}/hidden_{m}', at, (x, width))
    state.weights('dense', 'distribution.mu', (width, actions))
    state.weights('extrinsic_value', 'critic.value_heads.value_heads.extrinsic', (width, 1))
    state.old('log_sigma_squared', (actions,))
    state.new('distribution.log_sigma', (1, actions))
    for name in ('version_number', 'is_continuous_int', 'act_size_vector'):
        state.new(name, (1,))
    constants = ('is_continuous_control', 'version_number', 'memory_size', 'action_output_shape')
    others: Shapes = dict.fromkeys(
        (*constants, 'last_reward', 'global_step', 'beta1_power', 'beta2_power'), ()
    )
    return with_slots(state.pair(), 'Adam', 'Adam_1', others=others)
