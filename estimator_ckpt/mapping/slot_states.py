"""Which optimizer the slots of a checkpoint belong to, and what they hold."""

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping

from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import SlotState, family_of, guess_family, slot_state
from estimator_ckpt.mapping.tensors import Tensor

_TF1_ENDING = re.compile(
    r'(?P<optimizer>Momentum|Adagrad|Adadelta|RMSProp|Adam|Ftrl)(?:_\d+)?|(?P<bert>adam)_[mv]'
)


def read_states(
    contents: Contents, tensors: Iterable[Tensor], rates: Mapping[str, float]
) -> dict[str, SlotState]:
    """Returns what each slot holds, by its key; without those of optimizers that are not known.

    The variable's full name tells most: TF1's ends in the optimizer's name, and Keras's begins with it.

    Args:
      contents: The checkpoint.
      tensors: Its tensors.
      rates: The learning rate of each optimizer by its path or scope, as far as they are known.
    """
    slots = [tensor for tensor in tensors if tensor.meaning.kind is Kind.SLOT]
    full_names = contents.full_names()
    names = {
        tensor.key: full_names.get(contents.by_object[tensor.object_key], '')
        if tensor.object_key
        else tensor.key
        for tensor in slots
    }
    siblings = collections.defaultdict(set)
    for tensor in slots:
        ending = names[tensor.key].rpartition('/')[2]
        siblings[tensor.meaning.variable].add(
            ending if _TF1_ENDING.fullmatch(ending) else tensor.meaning.slot_name
        )
    states = {}
    for tensor in slots:
        name, around = names[tensor.key], siblings[tensor.meaning.variable]
        state = state_of(name, tensor.meaning.slot_name, around)
        if state is not None:
            only = next(iter(rates.values())) if len(rates) == 1 else None
            rate = rates.get(_optimizer_path(tensor), only)
            states[tensor.key] = dataclasses.replace(state, learning_rate=rate)
    return states


def state_of(name: str, slot_name: str, siblings: set[str]) -> SlotState | None:
    """What a slot holds.

    Args:
      name: Its variable's full name; empty if that is not known.
      slot_name: What its object, or the ending of its name, calls it.
      siblings: What the slots of the same variable are called.
    """
    ending = _TF1_ENDING.fullmatch(name.rpartition('/')[2])
    if ending:
        return slot_state(ending['optimizer'] or ending['bert'], ending[0], siblings, True)
    for segment in name.split('/')[:-1]:
        if family_of(segment) and segment != 'momentum':  # That is what a slot is called.
            return slot_state(segment, slot_name, siblings, False)
    family = guess_family(siblings)
    return slot_state(family, slot_name, siblings, False) if family else None


def _optimizer_path(tensor: Tensor) -> str:
    """The path of the optimizer that has a slot, as the slot's key says, or its scope."""
    if not tensor.object_key:
        return tensor.name.partition(f'/{tensor.meaning.variable}/')[0]
    return object_keys.optimizer_path(tensor.object_key) or '/'.join(tensor.path[:-2])
