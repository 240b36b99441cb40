"""What the optimizers of TF1 and of Keras keep for a variable, and what each of them calls it.

TF1 is `tensorflow/python/training/*.py`; Keras is its legacy optimizers (`keras/optimizers/legacy/`), those since 2.11,
and those of Keras 3. The values of a role are the same in all of them, except that TF1's momentum is a sum of gradients
and Keras's is a step: `velocity = -learning_rate * accumulator`.
"""

import dataclasses
import re
from collections.abc import Collection, Mapping
from typing import Any

# For each family, what the state of a variable can be called, by its role.
_ROLES: dict[str, dict[str, str]] = {
    'sgd': {'Momentum': 'momentum', 'momentum': 'momentum', 'm': 'momentum'},
    'adagrad': {'Adagrad': 'accumulator', 'accumulator': 'accumulator'},
    'adadelta': {
        **{'Adadelta': 'accum_grad', 'accum': 'accum_grad', 'accumulated_grad': 'accum_grad'},
        **{'Adadelta_1': 'accum_var', 'accum_update': 'accum_var', 'accumulated_delta_var': 'accum_var'},
        **{'accum_grad': 'accum_grad', 'accum_var': 'accum_var'},
    },
    'rmsprop': {
        **{
            'RMSProp': 'rms',
            'rms': 'rms',
            'velocity': 'rms',
            'RMSProp_1': 'momentum',
            'momentum': 'momentum',
        },
        **{'mg': 'mg', 'average_gradient': 'mg'},
    },
    'adam': {
        **{'Adam': 'm', 'm': 'm', 'momentum': 'm', 'adam_m': 'm'},
        **{'Adam_1': 'v', 'v': 'v', 'velocity': 'v', 'adam_v': 'v', 'vhat': 'vhat', 'velocity_hat': 'vhat'},
    },
    'ftrl': {
        **{'Ftrl': 'accumulator', 'accum': 'accumulator', 'accumulator': 'accumulator'},
        **{'Ftrl_1': 'linear', 'linear': 'linear'},
    },
}
_CENTERED = {'RMSProp_1': 'mg', 'RMSProp_2': 'momentum'}
_FAMILIES = {
    'momentum': 'sgd',
    'gradientdescent': 'sgd',
    'adamw': 'adam',
    'adamweightdecay': 'adam',
    **{name: name for name in _ROLES},
}
# Which slots TF1 creates, in their order, which gives them their names.
TF1_ENDINGS = {
    'sgd': {'momentum': 'Momentum'},
    'adagrad': {'accumulator': 'Adagrad'},
    'adadelta': {'accum_grad': 'Adadelta', 'accum_var': 'Adadelta_1'},
    'rmsprop': {'rms': 'RMSProp', 'momentum': 'RMSProp_1'},
    'adam': {'m': 'Adam', 'v': 'Adam_1'},
    'ftrl': {'accumulator': 'Ftrl', 'linear': 'Ftrl_1'},
}
TF1_CENTERED = {'rms': 'RMSProp', 'mg': 'RMSProp_1', 'momentum': 'RMSProp_2'}


@dataclasses.dataclass(frozen=True, slots=True)
class SlotState:
    """What a slot variable holds.

    Attributes:
      family: The family of optimizers, such as `'adam'`.
      role: What it is there, in the words of Keras's legacy optimizers.
      is_tf1: Whether its value is TF1's; that differs from Keras's for momentum.
      is_bert: Whether it is of BERT's `AdamWeightDecayOptimizer`, which does not correct the bias.
      learning_rate: The optimizer's learning rate, where that is known.
      betas: Adam's, where they are known.
      is_needed: Whether the optimizer cannot do without it; a momentum of 0 needs none, and Keras keeps none then.
      optimizer: The optimizer's name, where the slot's name tells it.
    """

    family: str
    role: str
    is_tf1: bool
    is_bert: bool = False
    learning_rate: float | None = None
    betas: tuple[float, float] | None = None
    is_needed: bool = True
    optimizer: str = ''


def family_of(optimizer: str) -> str | None:
    """The family of an optimizer's class (`'RMSprop'`), or name (`'rm_sprop'`, `'Adam_1'`); None if it is not known."""
    plain = re.sub(r'(_\d+)?(Optimizer)?$', '', optimizer).replace('_', '').lower()
    return _FAMILIES.get(plain)


def slot_state(optimizer: str, slot_name: str, siblings: Collection[str], is_tf1: bool) -> SlotState | None:
    """What a slot holds; None for an optimizer that is not known.

    Args:
      optimizer: Its class or name.
      slot_name: What the slot is called: by a name's ending, an object, or a list of Keras's.
      siblings: What all slots of the variable are called, by which a centered RMSProp is told.
      is_tf1: Whether it is an optimizer of TF1.
    """
    family = family_of(optimizer)
    roles = _ROLES.get(family, {})
    if family == 'rmsprop' and 'RMSProp_2' in siblings:
        roles = roles | _CENTERED
    role = roles.get(slot_name)
    if role is None:
        return None
    is_needed = not (is_tf1 and (family, role) == ('rmsprop', 'momentum'))
    is_bert = slot_name in ('adam_m', 'adam_v')
    return SlotState(family, role, is_tf1, is_bert, is_needed=is_needed, optimizer=optimizer)


def momentum_factor(source: SlotState, to_tf1: bool, learning_rate: float | None) -> float | None:
    """What a slot's value is multiplied with where TF1 and Keras keep another value; None where it stays.

    Raises:
      ValueError: If the learning rate is needed, and not known or zero.
    """
    if (source.family, source.role) != ('sgd', 'momentum') or source.is_tf1 == to_tf1:
        return None
    if not learning_rate:
        raise ValueError(
            "momentum needs the learning rate to become the other side's; give hyperparameters={'learning_rate': ...}"
        )
    return -learning_rate if source.is_tf1 else -1.0 / learning_rate


def crossing_factor(
    source: SlotState | None, target: SlotState | None, learning_rate: float | None
) -> float | None:
    """What a slot's value is multiplied with on its way to another slot; None where it stays, or one is not known.

    Args:
      source: What the slot holds that the value comes from.
      target: What the other one is to hold.
      learning_rate: The one that was given; None for that of Keras's side.

    Raises:
      ValueError: If the learning rate is needed, and not known or zero.
    """
    if source is None or target is None:
        return None
    keras = target if source.is_tf1 else source
    rate = keras.learning_rate if learning_rate is None else learning_rate
    return momentum_factor(source, target.is_tf1, rate)


def guess_family(slot_names: Collection[str]) -> str | None:
    """The only family whose optimizers have just these slots, as objects call them; None if there are several."""
    sets = {
        'adagrad': [{'accumulator'}],
        'adadelta': [
            {'accum_grad', 'accum_var'},
            {'accum', 'accum_update'},
            {'accumulated_grad', 'accumulated_delta_var'},
        ],
        'rmsprop': [
            {name, *others}
            for name, center in (('rms', 'mg'), ('velocity', 'average_gradient'))
            for others in ((), ('momentum',), (center,), (center, 'momentum'))
        ],
        'adam': [{'m', 'v'}, {'m', 'v', 'vhat'}],
        'ftrl': [{'accumulator', 'linear'}, {'accum', 'linear'}],
        'sgd': [{'momentum'}, {'m'}],
    }
    return next((family for family, known in sets.items() if set(slot_names) in known), None)


@dataclasses.dataclass(frozen=True)
class KerasLegacy:
    """An optimizer of `tf.keras.optimizers.legacy`.

    Attributes:
      name: Its class.
      hyperparameters: Those that it keeps as variables, with Keras's defaults
        (`keras/optimizers/legacy/*.py`).
    """

    name: str
    hyperparameters: Mapping[str, float]


_COMMON = {'learning_rate': 0.001, 'decay': 0.0}
KERAS_LEGACY = {
    'sgd': KerasLegacy('SGD', {**_COMMON, 'learning_rate': 0.01, 'momentum': 0.0}),
    'adagrad': KerasLegacy('Adagrad', _COMMON),
    'adadelta': KerasLegacy('Adadelta', {**_COMMON, 'rho': 0.95}),
    'rmsprop': KerasLegacy('RMSprop', {**_COMMON, 'rho': 0.9, 'momentum': 0.0}),
    'adam': KerasLegacy('Adam', {**_COMMON, 'beta_1': 0.9, 'beta_2': 0.999}),
    'ftrl': KerasLegacy(
        'Ftrl',
        {
            **_COMMON,
            'learning_rate_power': -0.5,
            'l1_regularization_strength': 0.0,
            'l2_regularization_strength': 0.0,
            'beta': 0.0,
        },
    ),
}


def describe(optimizer: Any) -> tuple[str, dict[str, float]]:
    """The class of a Keras optimizer, given by its name, itself or its config, and the hyper-parameters it has."""
    if isinstance(optimizer, str):
        return optimizer, {}
    if isinstance(optimizer, Mapping):
        config = optimizer.get('config', optimizer)
        return optimizer.get('class_name') or config['name'], dict(config)
    return type(optimizer).__name__, dict(optimizer.get_config())
