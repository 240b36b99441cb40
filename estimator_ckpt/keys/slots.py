"""What the slots of TF1's optimizers are called: by the endings of their names, and by their objects.

The endings are the optimizer's name, numbered in the order in which the slots of a variable are created
(`tensorflow/python/training/slot_creator.py`); the objects' names are those of `get_slot_names`.
"""

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
