"""Pairs of networks and states of PyTorch or Flax, for the twenty-third blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.collected_names import CollectedNames
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


def flaxmodels_gpt_2() -> Pair:
    """openai/gpt-2's smallest as it is released, and the parameters of matthias-wright/flaxmodels' GPT2LMHeadModel.

    The new names are those that Flax gives to the modules of flaxmodels/gpt2/gpt2.py, none of which has a name of its
    own, in the order of their calls. Its last matrix is the table of words, transposed. The released checkpoint has no
    slots.
    """
    names, width, words, places = CollectedNames('model/', 'params/'), 768, 50257, 1024
    model = 'GPT2Model_0'
    names.add('wte', f'{model}/Embed_0/embedding', (words, width))
    names.add('wpe', f'{model}/Embed_1/embedding', (places, width))

    def norm(source: str, target: str) -> None:
        names.add(f'{source}/g', f'{target}/scale', (width,))
        names.add(f'{source}/b', f'{target}/bias', (width,))

    def dense(source: str, target: str, x: int, y: int) -> None:
        names.add(f'{source}/w', f'{target}/kernel', (1, x, y), (x, y))
        names.add(f'{source}/b', f'{target}/bias', (y,))

    for n in range(12):
        at, block = f'h{n}', f'{model}/GPT2Block_{n}'
        norm(f'{at}/ln_1', f'{block}/LayerNorm_0')
        dense(f'{at}/attn/c_attn', f'{block}/GPT2SelfAttention_0/Dense_0', width, 3 * width)
        dense(f'{at}/attn/c_proj', f'{block}/GPT2SelfAttention_0/Dense_1', width, width)
        norm(f'{at}/ln_2', f'{block}/LayerNorm_1')
        dense(f'{at}/mlp/c_fc', f'{block}/GPT2MLP_0/Dense_0', width, 4 * width)
        dense(f'{at}/mlp/c_proj', f'{block}/GPT2MLP_0/Dense_1', 4 * width, width)
    norm('ln_f', f'{model}/LayerNorm_0')
    names.part('wte', 'Dense_0/kernel', (width, words))
    return names.pair()


def _add_norm(names: StateDict, target: str, width: int) -> None:
    """Notes a norm of batches that only the new one has."""
    for role in ('weight', 'bias', 'running_mean', 'running_var'):
        names.new(f'{target}.{role}', (width,))
    names.new(f'{target}.num_batches_tracked', ())


def wave_u_net() -> Pair:
    """craigmacartney/Wave-U-Net-For-Speech-Enhancement, and haoxiangsnr/Wave-U-Net-for-Speech-Enhancement's state.

    The old one is that of Models/UnetAudioSeparator.py with the sizes of Config.py, as Training.py saves it; its last
    two convolutions are for the noise and for the speech, of which the new one, of model/unet_basic.py, has only that
    for the speech. The new one norms all but the last. Its middle is narrower, so that this and the next kernel have
    other sizes and no sources. The channels that its decoder joins have another order. The last layers of the old one
    were read in a copy of OutputLayer.py of the same version.
    """
    names, count, step, mix = StateDict('separator/'), 12, 24, 1
    x, numbers = mix, ['', *(f'_{n}' for n in range(1, 2 * count + 3))]
    for n in range(count):
        y = step * (n + 1)
        names.weights(f'conv1d{numbers[n]}', f'encoder.{n}.main.0', (15, x, y))
        _add_norm(names, f'encoder.{n}.main.1', y)
        x = y
    names.old(f'conv1d{numbers[count]}/kernel', (15, x, x + step))
    names.old(f'conv1d{numbers[count]}/bias', (x + step,))
    names.new('middle.0.weight', (x, x, 15))
    names.new('middle.0.bias', (x,))
    _add_norm(names, 'middle.1', x)
    for n in range(count):
        at, target, y = f'conv1d{numbers[count + 1 + n]}', f'decoder.{n}.main', step * (count - n)
        if n:
            names.weights(at, f'{target}.0', (5, 2 * y + step, y))
        else:
            names.old(f'{at}/kernel', (5, 2 * y + step, y))
            names.new(f'{target}.0.weight', (y, 2 * y, 5))
            names.add(f'{at}/bias', f'{target}.0.bias', (y,))
        _add_norm(names, f'{target}.1', y)
    names.old(f'conv1d{numbers[-2]}/kernel', (1, mix + step, 1))
    names.old(f'conv1d{numbers[-2]}/bias', (1,))
    names.weights(f'conv1d{numbers[-1]}', 'out.0', (1, mix + step, 1))
    solver = 'separator_solver'
    steps = {'global_step': (), f'{solver}/beta1_power': (), f'{solver}/beta2_power': ()}
    return with_slots(names.pair(), 'Adam', 'Adam_1', prefix=f'{solver}/', others=steps)


class _Layers(CollectedNames):
    """Collects dense layers, whose variables are w and b in the old one."""

    def dense(self, source: str, target: str, x: int, y: int) -> None:
        self.add(f'{source}/w', f'{target}.weight', (x, y), (y, x))
        self.add(f'{source}/b', f'{target}.bias', (y,))


def continuous_policy() -> Pair:
    """openai/baselines' PPO2 for MuJoCo, and the state of ikostrikov/pytorch-a2c-ppo-acktr-gail's Policy.

    Both are for HalfCheetah, with 17 observations and 6 actions, and have two networks of two layers of 64: the old one
    by mlp of common/models.py and value_network='copy', the default for MuJoCo; the new one is an MLPBase of
    a2c_ppo_acktr/model.py with a DiagGaussian. The old names are those of all global variables, which ppo2/model.py
    saves by joblib, as a Saver would save them. The logarithms of the deviations have axes of 1, of which the new one
    is AddBias's; that of the old ones was read in copies of common/distributions.py.
    """
    names, observed, actions, width = _Layers('ppo2_model/'), 17, 6, 64
    for scope, target in (('pi', 'base.actor'), ('vf', 'base.critic')):
        for n, x in enumerate((observed, width)):
            names.dense(f'{scope}/mlp_fc{n}', f'{target}.{2 * n}', x, width)
    names.dense('pi', 'dist.fc_mean', width, actions)
    names.add('pi/logstd', 'dist.logstd._bias', (1, actions), (actions, 1))
    names.dense('vf', 'base.critic_linear', width, 1)
    steps = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(names.pair(), 'Adam', 'Adam_1', others=steps)
