"""TODO."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from estimator_ckpt.keys.kinds import Kind, is_beta_power, is_step
from estimator_ckpt.keys.object_graph import ObjectGraph
from estimator_ckpt.keys.slots import SlotState
from estimator_ckpt.mapping.tensors import Tensor


@dataclasses.dataclass(frozen=True, slots=True)
class TargetTensor:
    """A tensor that is to get a value.

    Attributes:
      tensor: What it is called, and what it stands for.
      shape: Its shape; None where that is not known.
      dtype: TensorFlow's data type number.
      trainable: Whether it is a trainable variable, as far as that is known.
      variable: The program's variable, or what else takes the value; None for a tensor of a checkpoint.
      state: Of a slot, what it holds, where that is known.
      read: Gives the value that it has.
    """

    tensor: Tensor
    shape: tuple[int, ...] | None
    dtype: int
    trainable: bool = True
    variable: Any = None
    state: SlotState | None = None
    read: Callable[[], np.ndarray] | None = None

    def own_value(self, source_has_slots: bool) -> np.ndarray | None:
        """What it keeps where a checkpoint says nothing of it; None if it must get a value.

        An optimizer keeps what it is set to, and the momentum of SGD stays 0 if there is none in the source.
        """
        kind, name = self.tensor.meaning.kind, self.tensor.name
        is_setting = kind is Kind.OPTIMIZER and not is_beta_power(name)
        is_idle = self.state is not None and self.state.family == 'sgd' and not source_has_slots
        return self.read() if self.read and (is_setting or is_idle) else None

    @property
    def calls(self) -> tuple[str, ...]:
        """What rules can call it by: name, object path, key."""
        return (*self.tensor.candidates, self.tensor.key)

    @property
    def is_step(self) -> bool:
        """Whether it counts steps."""
        return self.shape in (None, ()) and is_step(self.tensor.meaning, self.tensor.path)


@dataclasses.dataclass
class Targets:
    """What is to be filled: the layout of another checkpoint, or a program's objects."""

    wanted: list[TargetTensor]
    graph: ObjectGraph | None

    def places(self) -> Callable[[str], str]:
        """A function that gives the key of the wanted tensor that a name or path stands for; else the same text.

        An object can be reached by several paths; that of a wanted tensor is only the shortest.
        """
        called = {call for wanted in self.wanted for call in wanted.calls}
        by_object_key = {wanted.tensor.object_key: wanted.tensor.key for wanted in self.wanted}

        def place(call: str) -> str:
            call = call.removesuffix(':0')
            if call in called or self.graph is None:
                return call
            parent, slash, last = call.rpartition('/')
            # Keras 3 keeps what it calls kernel as _kernel.
            key = self.graph.key_at(call) or self.graph.key_at(f'{parent}{slash}_{last}')
            return by_object_key.get(key, call)

        return place
