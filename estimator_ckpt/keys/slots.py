"""What the slots of TF1's optimizers are called: by the endings of their names, and by their objects.

The endings are the optimizer's name, numbered in the order in which the slots of a variable are created
(`tensorflow/python/training/slot_creator.py`); the objects' names are those of `get_slot_names`.
"""

import dataclasses
import re
from collections.abc import Collection

# The first ending of each optimizer, and the names of its slots in the order of creation.
_SLOTS = {
    'Momentum': ('momentum',),
    'Adagrad': ('accumulator',),
    'Adadelta': ('accum', 'accum_update'),
    'Adam': ('m', 'v'),
    'Ftrl': ('accum', 'linear'),
}
_RMSPROP = ('rms', 'momentum')
_RMSPROP_CENTERED = ('rms', 'mg', 'momentum')
_BERT = {'adam_m': 'm', 'adam_v': 'v'}
_ENDING = re.compile(r'(?P<optimizer>[A-Za-z]+)(?:_(?P<number>\d+))?')


def tf1_optimizer(ending: str) -> str:
    """The optimizer that an ending belongs to: `'Adam'` for `'Adam_1'`, `'adam'` for BERT's `'adam_m'`."""
    if ending in _BERT:
        return 'adam'
    match = _ENDING.fullmatch(ending)
    return match['optimizer'] if match else ending


def object_slot_name(ending: str, siblings: Collection[str]) -> str | None:
    """What the optimizer's object calls a slot.

    Args:
      ending: The ending of the slot's name.
      siblings: All endings of the same variable, by which a centered RMSProp is told from a plain one.

    Returns:
      The name; None for an optimizer that is not known, or a second one of its class.
    """
    if ending in _BERT:
        return _BERT[ending]
    match = _ENDING.fullmatch(ending)
    if match is None:
        return None
    slots = _SLOTS.get(match['optimizer'], ())
    if match['optimizer'] == 'RMSProp':
        slots = _RMSPROP_CENTERED if 'RMSProp_2' in siblings else _RMSPROP
    number = int(match['number'] or 0)
    return slots[number] if number < len(slots) else None


def tf1_ending(slot_name: str, siblings: Collection[str]) -> str | None:
    """The ending that a slot's name has in TF1, or None where the optimizer cannot be told.

    Args:
      slot_name: What the optimizer's object calls it, TF1's or Keras's.
      siblings: The names of all slots of that optimizer, by which it is told.
    """
    for optimizer, slots in _candidates():
        if set(slots) == set(siblings):
            number = slots.index(slot_name)
            return f'{optimizer}_{number}' if number else optimizer
    return None


def _candidates():
    yield from _SLOTS.items()
    yield 'Adadelta', ('accum_grad', 'accum_var')
    yield 'Ftrl', ('accumulator', 'linear')
    yield 'RMSProp', _RMSPROP
    yield 'RMSProp', _RMSPROP_CENTERED
    yield 'RMSProp', ('rms',)


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
