"""Pairs of networks and states of PyTorch, for the twenty-first blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.collected_names import CollectedNames
from tests.suggesting.known_pairs import Pair


def hooked_transformer() -> Pair:
    """openai/gpt-2's smallest as it is released, and the state dict of TransformerLensOrg/TransformerLens' of it.

    The answer is that of convert_gpt2_weights of its pretrained/weight_conversions/gpt2.py, which divides the matrix
    and the bias of c_attn into three of each, gives them and c_proj an axis of heads, and takes the table of words for
    the outputs, too. It does not transpose other matrices. The masks of an attention, and the bias of the outputs,
    have no sources. The released checkpoint has no slots.
    """
    names, width, heads, words, places = CollectedNames('model/'), 768, 12, 50257, 1024
    size = width // heads
    names.add('wte', 'embed.W_E', (words, width))
    names.part('wte', 'unembed.W_U', (width, words))
    names.new('unembed.b_U', (words,))
    names.add('wpe', 'pos_embed.W_pos', (places, width))

    def norm(source: str, target: str) -> None:
        names.add(f'{source}/g', f'{target}.w', (width,))
        names.add(f'{source}/b', f'{target}.b', (width,))

    for n in range(12):
        at, block = f'h{n}', f'blocks.{n}'
        norm(f'{at}/ln_1', f'{block}.ln1')
        norm(f'{at}/ln_2', f'{block}.ln2')
        names.old(f'{at}/attn/c_attn/w', (1, width, 3 * width))
        names.old(f'{at}/attn/c_attn/b', (3 * width,))
        for part in 'QKV':
            names.part(f'{at}/attn/c_attn/w', f'{block}.attn.W_{part}', (heads, width, size))
            names.part(f'{at}/attn/c_attn/b', f'{block}.attn.b_{part}', (heads, size))
        names.add(f'{at}/attn/c_proj/w', f'{block}.attn.W_O', (1, width, width), (heads, size, width))
        names.add(f'{at}/attn/c_proj/b', f'{block}.attn.b_O', (width,))
        names.new(f'{block}.attn.mask', (places, places))
        names.new(f'{block}.attn.IGNORE', ())
        for old, new, x, y in (('c_fc', 'in', width, 4 * width), ('c_proj', 'out', 4 * width, width)):
            names.add(f'{at}/mlp/{old}/w', f'{block}.mlp.W_{new}', (1, x, y), (x, y))
            names.add(f'{at}/mlp/{old}/b', f'{block}.mlp.b_{new}', (y,))
    norm('ln_f', 'ln_final')
    return names.pair()


class _Networks(CollectedNames):
    """Collects the layers of both sides, whose variables are w and b in the old one."""

    def conv(self, source: str, target: str, size: int, x: int, y: int) -> None:
        """Notes a convolution, whose old bias has axes for a picture."""
        self.add(f'{source}/w', f'{target}.weight', (size, size, x, y), (y, x, size, size))
        self.add(f'{source}/b', f'{target}.bias', (1, y, 1, 1), (y,))

    def dense(self, source: str, target: str, x: int, y: int) -> None:
        self.add(f'{source}/w', f'{target}.weight', (x, y), (y, x))
        self.add(f'{source}/b', f'{target}.bias', (y,))


def random_network_distillation() -> Pair:
    """openai/random-network-distillation's CnnPolicy, and the states of jcwleo/random-network-distillation-pytorch.

    The old one is that of policies/cnn_policy_param_matched.py in ppo_agent.py, for the 18 actions of Montezuma's
    Revenge, as a Saver saves it, which its scripts do not make; its optimizer has no slots for the random network,
    which has no gradients. The new ones are those of an agent's CnnActorCriticNetwork and RNDModel of model.py, here
    by the names of the agent's attributes, and have the same sizes. The kernels after convolutions have their rows in
    another order, for PyTorch has the channels first. The new actor does not add what the old one adds to fc2act.
    """
    names, pol, actions, rep = _Networks('ppo/'), 'pol', 18, 512
    for n, (size, x, y) in enumerate(((8, 4, 32), (4, 32, 64), (4, 64, 64))):
        names.conv(f'{pol}/c{n + 1}', f'model.feature.{2 * n}', size, x, y)
    names.dense(f'{pol}/fc1', 'model.feature.7', 2304, 256)
    names.dense(f'{pol}/fc_additional', 'model.feature.9', 256, 448)
    names.dense(f'{pol}/fc2act', 'model.actor.0', 448, 448)
    names.dense(f'{pol}/pd', 'model.actor.2', 448, actions)
    names.dense(f'{pol}/fc2val', 'model.extra_layer.0', 448, 448)
    names.dense(f'{pol}/vf_ext', 'model.critic_ext', 448, 1)
    names.dense(f'{pol}/vf_int', 'model.critic_int', 448, 1)
    for end, target in (('r', 'rnd.target'), ('rp_pred', 'rnd.predictor')):
        for n, (size, x, y) in enumerate(((8, 1, 32), (4, 32, 64), (3, 64, 64))):
            names.conv(f'c{n + 1}{end}', f'{target}.{2 * n}', size, x, y)
    names.dense('fc1r', 'rnd.target.7', 7 * 7 * 64, rep)
    for n, x in enumerate((7 * 7 * 64, rep, rep)):
        names.dense(f'fc1r_hat{n + 1}_pred', f'rnd.predictor.{7 + 2 * n}', x, rep)
    steps = {'ppo/beta1_power': (), 'ppo/beta2_power': ()}
    still = r'^ppo/(c\dr|fc1r)/'
    return with_slots(names.pair(), 'Adam', 'Adam_1', prefix='ppo/', but=still, others=steps)
