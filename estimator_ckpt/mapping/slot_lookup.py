"""The slots of a checkpoint by their variables, among which that of another optimizer's slot is found."""

import collections
from collections.abc import Iterable, Mapping

from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import SlotState, object_slot_name
from estimator_ckpt.mapping.targets import TargetTensor
from estimator_ckpt.mapping.tensors import Tensor


class SlotLookup:
    """The slots of a checkpoint by the keys of their variables."""

    def __init__(
        self, tensors: Iterable[Tensor], first_key: Mapping[str, str], states: Mapping[str, SlotState]
    ):
        """Registers the slots among some tensors.

        Args:
          tensors: The tensors.
          first_key: The key by which a variable is known, by each of its other keys.
          states: The contents of the slots, by key.
        """
        self._states = states
        self._slots: dict[str, list[Tensor]] = collections.defaultdict(list)
        for tensor in tensors:
            if tensor.meaning.kind is Kind.SLOT:
                variable = tensor.meaning.variable
                self._slots[first_key.get(variable, variable)].append(tensor)
        self._knows_contents = any(t.key in states for slots in self._slots.values() for t in slots)

    def find(self, variable_key: str, wanted: TargetTensor) -> Tensor | None:
        """Returns the slot of a variable that corresponds to a wanted slot; None if there is none.

        Slots whose contents are known correspond by these, others by their names.

        Args:
          variable_key: The key of the variable.
          wanted: The wanted slot.
        """
        slots, state = self._slots.get(variable_key, ()), wanted.state
        if state is not None and self._knows_contents:
            for slot in reversed(slots):
                own = self._states.get(slot.key)
                if own is not None and own.family == state.family and own.role == state.role:
                    return slot
            return None
        name, endings = wanted.tensor.meaning.slot_name, {slot.meaning.slot_name for slot in slots}
        for slot in reversed(slots):
            if name in (slot.meaning.slot_name, object_slot_name(slot.meaning.slot_name, endings)):
                return slot
        return None

    def families(self, variable_key: str) -> set[str]:
        """Returns the families of the optimizers that the slots of a variable belong to, as far as they are known."""
        slots = self._slots.get(variable_key, ())
        return {state.family for slot in slots if (state := self._states.get(slot.key)) is not None}
