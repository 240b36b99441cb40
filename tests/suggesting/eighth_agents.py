"""A pair of agents, for an eighth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import UNTRAINED, with_slots
from tests.suggesting.known_pairs import Pair, files


def rainbow() -> Pair:
    """google/dopamine's Rainbow agent in slim as it is trained, and the same agent's parameters in Flax.

    The new names are those of the bundle that the agent in JAX saves, and of its RainbowNetwork; what its optimizer
    keeps is left out. That both parts of the bundle begin with `params` is as of Flax' linen.
    """
    answer, actions, atoms = {}, 6, 51
    kernels = {
        'Conv': ('Conv_0', (8, 8, 4, 32)),
        'Conv_1': ('Conv_1', (4, 4, 32, 64)),
        'Conv_2': ('Conv_2', (3, 3, 64, 64)),
        'fully_connected': ('Dense_0', (11 * 11 * 64, 512)),
        'fully_connected_1': ('Dense_1', (512, actions * atoms)),
    }
    for scope, part in (('Online', 'online_params'), ('Target', 'target_params')):
        for old, (new, shape) in kernels.items():
            source, target = f'{scope}/{old}', f'{part}/params/{new}'
            answer[f'{source}/weights'] = f'{target}/kernel', shape, None
            answer[f'{source}/biases'] = f'{target}/bias', shape[-1:], None
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(files(answer), 'Adam', 'Adam_1', but=f'{UNTRAINED}|^Target/', others=steps)
