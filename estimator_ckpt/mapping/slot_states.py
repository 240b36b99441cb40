"""The contents of the slots of a checkpoint: of which optimizer, and in which role."""

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import (
    TF1_CENTERED,
    TF1_ENDINGS,
    SlotState,
    family_of,
    guess_family,
    is_tf1_ending,
    slot_state,
    tf1_optimizer,
)
from estimator_ckpt.mapping.tensors import Tensor


def read_states(
    contents: Contents, tensors: Iterable[Tensor], rates: Mapping[str, float]
) -> dict[str, SlotState]:
    """Returns the contents of each slot of a known optimizer.

    The optimizer is mostly told by the full name of the slot: names of TF1 end in it, and those of Keras begin with it.

    Args:
      contents: The checkpoint.
      tensors: The tensors of the checkpoint.
      rates: The known learning rates of optimizers, by their paths or scopes.

    Returns:
      The contents of the slots, by key.
    """
    slots = [tensor for tensor in tensors if tensor.meaning.kind is Kind.SLOT]
    full_names = contents.full_names()
    names = {
        tensor.key: full_names.get(contents.by_object[tensor.object_key], '')
        if tensor.object_key
        else tensor.name
        for tensor in slots
    }
    siblings: dict[str, set[str]] = collections.defaultdict(set)
    for tensor in slots:
        ending = names[tensor.key].rpartition('/')[2]
        siblings[tensor.meaning.variable].add(ending if is_tf1_ending(ending) else tensor.meaning.slot_name)
    states = {}
    # Many slots of TF1 share few endings, which alone tell their contents.
    of_endings: dict[tuple[str, frozenset[str]], SlotState | None] = {}
    only_rate = next(iter(rates.values())) if len(rates) == 1 else None
    for tensor in slots:
        name, slot_name = names[tensor.key], tensor.meaning.slot_name
        around = siblings[tensor.meaning.variable]
        ending = name[name.rfind('/') + 1 :]
        if is_tf1_ending(ending):
            kind = (ending, frozenset(around))
            if kind not in of_endings:
                of_endings[kind] = state_of(name, slot_name, around)
            state = of_endings[kind]
        else:
            state = state_of(name, slot_name, around)
        if state is not None:
            rate = rates.get(_optimizer_path(tensor), only_rate) if rates else None
            states[tensor.key] = (
                state if rate == state.learning_rate else dataclasses.replace(state, learning_rate=rate)
            )
    return states


def state_of(name: str, slot_name: str, siblings: set[str]) -> SlotState | None:
    """Returns the contents of a slot.

    Args:
      name: The full name of the slot variable; empty if it is not known.
      slot_name: The name of the slot: the one that the optimizer's object has for it, or the ending of its full name.
      siblings: The names of all slots of the same variable.

    Returns:
      The contents; None if the optimizer is not known.
    """
    ending = name.rpartition('/')[2]
    if is_tf1_ending(ending):
        return slot_state(tf1_optimizer(ending), ending, siblings, True)
    if slot_name == ending and (state := _state_of_named_optimizer(ending, siblings)) is not None:
        return state
    for segment in name.split('/')[:-1]:
        # As a segment of a name, `momentum` is the name of a slot rather than of an optimizer.
        if family_of(segment) and segment != 'momentum':
            return slot_state(segment, slot_name, siblings, False)
    family = guess_family(siblings)
    return slot_state(family, slot_name, siblings, False) if family else None


def _state_of_named_optimizer(ending: str, siblings: set[str]) -> SlotState | None:
    """Returns the contents of a slot of a TF1 optimizer whose name ends in its class, such as `generator_adam`."""
    match = re.fullmatch(r'(?P<optimizer>.+_(?P<class>[A-Za-z]+))(?:_(?P<number>\d+))?', ending)
    family = family_of(match['class']) if match else None
    if match is None or family is None:
        return None
    is_centered = family == 'rmsprop' and f'{match["optimizer"]}_2' in siblings
    roles = list(TF1_CENTERED if is_centered else TF1_ENDINGS[family])
    number = to_int(match['number'] or '0')
    if number >= len(roles):
        return None
    is_needed = (family, roles[number]) != ('rmsprop', 'momentum')
    return SlotState(family, roles[number], True, is_needed=is_needed, optimizer=match['optimizer'])


def _optimizer_path(tensor: Tensor) -> str:
    """Returns the path of the optimizer of a slot according to the slot's key, or else the scope of the optimizer."""
    if not tensor.object_key:
        return tensor.name.partition(f'/{tensor.meaning.variable}/')[0]
    return object_keys.optimizer_path(tensor.object_key) or '/'.join(tensor.path[:-2])
