"""The tensors of a target that are to get values."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from estimator_ckpt.keys.keras_weights import SEED
from estimator_ckpt.keys.kinds import Kind, is_beta_power, is_step
from estimator_ckpt.keys.object_graph import ObjectGraph
from estimator_ckpt.keys.slots import SlotState
from estimator_ckpt.mapping.tensors import Tensor


# Never changed, yet not frozen: there may be 100,000, and to create a frozen one takes four times as long.
@dataclasses.dataclass(slots=True, unsafe_hash=True)
class TargetTensor:
    """A tensor that is to get a value.

    Attributes:
      tensor: The tensor, with its names and its meaning.
      shape: The shape; None if it is not known.
      dtype: TensorFlow's data type number.
      trainable: Whether the tensor is a trainable variable; True if that is not known.
      variable: The variable or other object of the program that takes the value; None for a tensor of a checkpoint.
      state: The contents of a slot; None for other tensors and if they are not known.
      read: The function that returns the present value, given the key of the tensor; None if it cannot be read.
    """

    tensor: Tensor
    shape: tuple[int, ...] | None
    dtype: int
    trainable: bool = True
    variable: Any = None
    state: SlotState | None = None
    read: Callable[[str], np.ndarray] | None = None

    def own_value(self, source_has_slots: bool) -> np.ndarray | None:
        """Returns the value that the tensor keeps if a checkpoint does not have it.

        An optimizer keeps its hyperparameters, and the momentum of SGD stays 0 if the source has no slots. So does the
        state of a generator of random numbers in Keras.

        Args:
          source_has_slots: Whether the checkpoint has slots of known optimizers.

        Returns:
          The present value; None if the tensor must get its value from the checkpoint.
        """
        kind, name = self.tensor.meaning.kind, self.tensor.name
        is_setting = kind is Kind.OPTIMIZER and not is_beta_power(name)
        is_setting = is_setting or name.rpartition('/')[2] == SEED
        is_idle = self.state is not None and self.state.family == 'sgd' and not source_has_slots
        return self.read(self.tensor.key) if self.read and (is_setting or is_idle) else None

    @property
    def calls(self) -> tuple[str, ...]:
        """The names that rules can use for the tensor: its name, its object path, and its key."""
        return (*self.tensor.candidates, self.tensor.key)

    @property
    def is_step(self) -> bool:
        """True if the tensor counts steps."""
        return self.shape in (None, ()) and is_step(self.tensor.meaning, self.tensor.path)


@dataclasses.dataclass
class Targets:
    """The tensors of a target: of another checkpoint, or of the objects of a program.

    Attributes:
      wanted: The tensors that are to get values.
      graph: The object graph of the target; None if there is none.
      scope: The name that rules can write before those of the tensors, such as that of a Keras model; empty for none.
      like: The tensors of a checkpoint that has the same ones; None if none is known.
    """

    wanted: list[TargetTensor]
    graph: ObjectGraph | None
    scope: str = ''
    like: Sequence[Tensor] | None = None

    def unplaced(self, tensors: Iterable[Tensor]) -> list[Tensor]:
        """Returns the tensors that rules send to tensors that do not exist here.

        Args:
          tensors: The tensors of the source, after the rules were applied.
        """
        ruled = [(tensor, tensor.target) for tensor in tensors if tensor.target is not None]
        if not ruled:
            return []
        place, called = self.places(), self.calls()
        return [tensor for tensor, target in ruled if place(target) not in called]

    def calls(self) -> set[str]:
        """Returns all names and object paths of the wanted tensors."""
        return {call for wanted in self.wanted for call in wanted.calls}

    def places(self) -> Callable[[str], str]:
        """Returns a function from a name or object path to the key of the wanted tensor, or else to the same text.

        An object can be reached by several paths, of which a wanted tensor has only the shortest.
        """
        called = self.calls()
        by_object_key = {wanted.tensor.object_key: wanted.tensor.key for wanted in self.wanted}

        def place(call: str) -> str:
            call = call.removesuffix(':0')
            if self.scope and call not in called:
                call = call.removeprefix(f'{self.scope}/')
            if call in called or self.graph is None:
                return call
            parent, slash, last = call.rpartition('/')
            # Keras 3 has the attribute `_kernel` for the property `kernel`.
            key = self.graph.key_at(call) or self.graph.key_at(f'{parent}{slash}_{last}')
            return call if key is None else by_object_key.get(key, call)

        return place
