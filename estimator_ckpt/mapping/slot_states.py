"""The contents of the slots of a checkpoint: of which optimizer, and in which role."""

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

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
    slots_of: dict[str, list[Tensor]] = collections.defaultdict(list)
    for tensor in tensors:
        if tensor.meaning.kind is Kind.SLOT:
            slots_of[tensor.meaning.variable].append(tensor)
    states = {}
    # Many variables share few endings of slots, which alone tell the contents in TF1.
    of_endings: dict[tuple[str, ...], list[SlotState | None]] = {}
    only_rate = next(iter(rates.values())) if len(rates) == 1 else None
    full_names, by_object = contents.full_names(), contents.by_object
    for slots in slots_of.values():
        names = [full_names.get(by_object[t.object_key], '') if t.object_key else t.name for t in slots]
        endings = tuple([name[name.rfind('/') + 1 :] for name in names])
        found = of_endings.get(endings)
        if found is None:
            found = _states_of_one(names, slots)
            if all(map(is_tf1_ending, endings)):
                of_endings[endings] = found
        for tensor, state in zip(slots, found, strict=True):
            if state is not None:
                rate = rates.get(_optimizer_path(tensor), only_rate) if rates else None
                states[tensor.key] = (
                    state if rate == state.learning_rate else dataclasses.replace(state, learning_rate=rate)
                )
    return states


def _states_of_one(names: Sequence[str], slots: Sequence[Tensor]) -> list[SlotState | None]:
    """Returns the contents of the slots of one variable, given their full names and the slots in the same order."""
    endings = [name.rpartition('/')[2] for name in names]
    slot_names = [tensor.meaning.slot_name for tensor in slots]
    siblings = {e if is_tf1_ending(e) else s for e, s in zip(endings, slot_names, strict=True)}
    return [state_of(name, s, siblings) for name, s in zip(names, slot_names, strict=True)]


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
