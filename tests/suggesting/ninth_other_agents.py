"""Pairs of agents, for a ninth blind test; see `blind_pairs`."""

import re

from tests.suggesting.collected_names import Names
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair, Shapes


def _adam(shapes: Shapes, *groups: str, prefix: str = '') -> dict[str, tuple[int, ...]]:
    """Returns what an Adam for each group keeps, which are patterns of names; TF1 counts the powers."""
    kept: dict[str, tuple[int, ...]] = {}
    for n, group in enumerate(groups):
        for name, shape in shapes.items():
            if re.match(group, name):
                kept |= {f'{prefix}{name}/Adam': shape, f'{prefix}{name}/Adam_1': shape}
        end = f'_{n}' if n else ''
        kept |= {f'{prefix}beta1_power{end}': (), f'{prefix}beta2_power{end}': ()}
    return kept


def cart_pole_ppo() -> Pair:
    """openai/spinningup's PPO of TF1 for CartPole as it saves it, and keras-team/keras-io's examples/rl/ppo_cartpole.

    Keras counts the layers of the new actor and critic on, which have no names. The old program has an optimizer each.
    """
    names, count = Names(), 0
    for scope, outputs in (('pi', 2), ('v', 1)):
        for n, (x, y) in enumerate(((4, 64), (64, 64), (64, outputs))):
            old, new = (f'dense_{number}' if number else 'dense' for number in (n, count))
            names.dense(f'{scope}/{old}', new, x, y)
            count += 1
    pair = names.pair()
    return Pair({**pair.shapes, **_adam(pair.shapes, 'pi/', 'v/')}, pair.target, pair.sources)


def soft_actor_critic_state() -> Pair:
    """Stable-Baselines-Team/stable-baselines' SAC with MlpPolicy, and the state of DLR-RM/stable-baselines3's policy.

    Both are for HalfCheetah and have layers of 256 units by their arguments. The old one has a value function and its
    target, the new one targets of both critics. The old one makes its optimizers in the scope `loss`; the names are
    those of its graph, as a Saver saves it.
    """
    state, seen, actions, units = StateDict('model/'), 17, 6, 256
    for n, x in enumerate((seen, units)):
        state.weights(f'pi/fc{n}', f'actor.latent_pi.{2 * n}', (x, units))
    state.weights('pi/dense', 'actor.mu', (units, actions))
    state.weights('pi/dense_1', 'actor.log_std', (units, actions))
    for number in (1, 2):
        at, to = f'values_fn/qf{number}', f'qf{number - 1}'
        layers = (('fc0', seen + actions, units), ('fc1', units, units), (f'qf{number}', units, 1))
        for n, (name, x, y) in enumerate(layers):
            state.weights(f'{at}/{name}', f'critic.{to}.{2 * n}', (x, y))
            state.new(f'critic_target.{to}.{2 * n}.weight', (y, x))
            state.new(f'critic_target.{to}.{2 * n}.bias', (y,))
    targets: dict[str, tuple[int, ...]] = {}
    for name, x, y in (('fc0', seen, units), ('fc1', units, units), ('vf', units, 1)):
        at = f'values_fn/vf/{name}'
        state.old(f'{at}/kernel', (x, y))
        state.old(f'{at}/bias', (y,))
        targets |= {f'target/{at}/kernel': (x, y), f'target/{at}/bias': (y,)}
    state.old('log_ent_coef', ())
    pair = state.pair(targets)
    slots = _adam(pair.shapes, 'model/pi/', 'model/values_fn/', 'model/log_ent_coef', prefix='loss/')
    return Pair({**pair.shapes, **slots}, pair.target, pair.sources)
