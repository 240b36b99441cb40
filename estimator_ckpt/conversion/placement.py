"""Places the tensors of a converted checkpoint: gives them new keys, and an object graph that has these."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.graph_builder import ObjectGraphBuilder, Path
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import object_slot_name, tf1_optimizer
from estimator_ckpt.mapping.tensors import Tensor

_TABLE = 'table'


class PlacedTensor(NamedTuple):
    """A tensor with its new keys.

    Attributes:
      tensor: The tensor.
      name: The name-based key; empty for a tensor that has only an object key.
      object_key: The object key; empty for a tensor that no object has.
    """

    tensor: Tensor
    name: str
    object_key: str = ''


class KerasSlot(NamedTuple):
    """The place of a slot that is converted to Keras.

    Attributes:
      optimizer: The path of the optimizer.
      name: The name of the slot in the optimizer.
      full_name: The full name of the slot variable.
    """

    optimizer: str
    name: str
    full_name: str


@dataclasses.dataclass
class Placed:
    """The new keys of all tensors.

    Attributes:
      rows: The tensors with their new keys.
      layout: The object graph.
      notes: Findings for the report, in sentences.
      warnings: Possible mistakes, in sentences.
      values: The values of further tensors, by key.
      left_out: The tensors without a new key.
    """

    rows: list[PlacedTensor]
    layout: ObjectGraphBuilder
    notes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    values: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    left_out: list[Tensor] = dataclasses.field(default_factory=list)


def place_by_name(tensors: Sequence[Tensor]) -> Placed:
    """Returns the tensors under the names that rules give them or their variables, or else under their own names."""
    return Placed(
        [PlacedTensor(t, t.target or t.followed_name or t.name) for t in tensors],
        ObjectGraphBuilder(),
    )


class Placement:
    """Gives each tensor an object key.

    The tensors of an object-based checkpoint keep their keys, except for those with a rule, whose target is the path.
    The other tensors of a name-based checkpoint are placed below one root; but slots at the optimizer, if there is one,
    and the global step at its own paths.
    """

    def __init__(
        self,
        contents: Contents,
        root: str | None,
        optimizer: str | Mapping[str, str] | None,
        step: str | Sequence[str],
        slots: Mapping[str, KerasSlot] = MappingProxyType({}),
    ):
        """Creates a placement without tensors.

        Args:
          contents: The source.
          root: The path below which variables are placed; None for the default.
          optimizer: The path of the optimizer that has the slots, or a dict of paths by the names of TF1 optimizers.
          step: The path of the global step, or several paths.
          slots: The places of the slots that are converted to Keras, by key.
        """
        self._slots = slots
        self._layout = ObjectGraphBuilder(contents.graph)
        self._notes: list[str] = []
        self._contents = contents
        self._root = tuple((root or object_keys.GUIDE_ROOTS[0]).split('/'))
        self._optimizer = optimizer
        self._steps = [tuple(path.split('/')) for path in ([step] if isinstance(step, str) else step)]
        self._tables: dict[Path, str] = {}

    def place_value(self, path: str) -> str:
        """Places a scalar that is not in the source, and returns its key."""
        return self._layout.place(tuple(path.split('/')), path.rpartition('/')[2])

    def place(self, tensors: Sequence[Tensor]) -> Placed:
        """Returns the tensors with their new keys.

        Raises:
          CheckpointError: If two tensors would be at the same path.
        """
        moved = {key for t in tensors if t.target is not None for key in (t.key, t.object_key)}
        stays = [
            t for t in tensors if t.object_key and t.target is None and not self._is_moved_slot(t, moved)
        ]
        counter = self._contents.graph.child_key(object_keys.SAVE_COUNTER) if self._contents.graph else None
        self._layout.keep_only([self._contents.by_object[t.object_key] for t in stays] + [counter or ''])
        placed = {id(tensor): tensor.object_key for tensor in stays} | self._place_below_root(tensors)
        unplaced = [tensor for tensor in tensors if id(tensor) not in placed]
        slots = [tensor for tensor in unplaced if tensor.target is None and self._optimizer_path(tensor)]
        slot_ids = set(map(id, slots))
        for tensor in unplaced:
            if id(tensor) not in slot_ids:
                placed[id(tensor)] = self._place_one(tensor)
        self._place_slots(slots, tensors, placed)
        self._layout.prune()
        plain = [t for t in tensors if t.meaning.kind is Kind.SLOT and id(t) not in slot_ids]
        if plain and self._contents.graph is None:
            self._notes.append(
                f'{len(plain)} slots are variables of their own; give the path of their optimizer to make them slots.'
            )
        return Placed([PlacedTensor(t, t.name, placed[id(t)]) for t in tensors], self._layout, self._notes)

    def _is_moved_slot(self, tensor: Tensor, moved: set[str]) -> bool:
        """Returns True for a slot that gets another place in its optimizer.

        Args:
          tensor: A tensor with an object key.
          moved: The keys of the tensors that rules move. The slots of an optimizer move with their variables.
        """
        path, keras_slot = object_keys.optimizer_path(tensor.object_key), self._slots.get(tensor.key)
        if keras_slot and (path, tensor.meaning.slot_name) != (keras_slot.optimizer, keras_slot.name):
            return True
        return bool(path) and tensor.meaning.variable in moved

    def _place_below_root(self, tensors: Sequence[Tensor]) -> dict[int, str]:
        """Places the tensors without a place of their own, and returns their keys by the ids of the tensors.

        Nearly all tensors are such, so that placing them together saves time.
        """
        if self._contents.graph is not None:
            return {}
        optimizer = self._optimizer
        places = {
            Kind.STEP: self._steps,
            Kind.SLOT: optimizer or self._slots,
            Kind.OPTIMIZER: optimizer,
            Kind.TABLE: True,
        }
        elsewhere = {kind for kind, place in places.items() if place}
        below = [
            tensor
            for tensor in tensors
            if tensor.target is None and tensor.followed_name is None and tensor.meaning.kind not in elsewhere
        ]
        placed = self._layout.place_all(self._root, [tensor.name for tensor in below])
        return dict(zip(map(id, below), placed, strict=True))

    def _place_one(self, tensor: Tensor) -> str:
        """Places a tensor, and returns its object key; empty if it has none."""
        path = self._path(tensor)
        # A name-based tensor of an object-based checkpoint stays name-based.
        if path is None:
            return ''
        if tensor.suffix or tensor.meaning.kind is Kind.TABLE:
            return self._place_table(tensor, path)
        key = self._layout.place(path, tensor.name)
        if tensor.meaning.kind is Kind.STEP:
            for further in self._steps:
                if further != path:
                    self._layout.link(further, key)
        return key

    def _path(self, tensor: Tensor) -> Path | None:
        """Returns the path of a tensor; None if no object is to have it."""
        if tensor.target is not None:
            return tuple(tensor.target.split('/'))
        if self._contents.graph is not None:
            return None
        if tensor.meaning.kind is Kind.STEP and self._steps:
            return self._steps[0]
        if tensor.meaning.kind is Kind.OPTIMIZER and isinstance(self._optimizer, str):
            return (*self._optimizer.split('/'), tensor.name.rpartition('/')[2])
        return (*self._root, tensor.followed_name or tensor.name)

    def _place_table(self, tensor: Tensor, path: Path) -> str:
        """Places a tensor of a lookup table, whose two tensors are one attribute, and returns its key."""
        stem, dash, part = path[-1].rpartition('-')
        path = (*path[:-1], stem)
        if path not in self._tables:
            self._tables[path] = self._layout.place(path, '', _TABLE)
        return self._tables[path] + dash + part

    def _optimizer_path(self, tensor: Tensor) -> Path | None:
        """Returns the path of the optimizer of a slot; None for other tensors and if there is no optimizer for it."""
        if tensor.key in self._slots:
            return tuple(self._slots[tensor.key].optimizer.split('/'))
        if path_in_key := object_keys.optimizer_path(tensor.object_key):
            return tuple(map(object_keys.unescape, path_in_key.split('/')))
        if tensor.meaning.kind is not Kind.SLOT or self._optimizer is None:
            return None
        if isinstance(self._optimizer, str):
            return tuple(self._optimizer.split('/'))
        name = tf1_optimizer(tensor.meaning.slot_name)
        path = self._optimizer.get(name) or self._optimizer.get('')
        return tuple(path.split('/')) if path else None

    def _place_slots(
        self, slots: Sequence[Tensor], tensors: Sequence[Tensor], placed: dict[int, str]
    ) -> None:
        """Places slots at their optimizers.

        Args:
          slots: The slots.
          tensors: All tensors.
          placed: The object keys of the tensors by their ids, to which those of the slots are added.
        """
        if not slots:
            return
        siblings: dict[str, set[str]] = collections.defaultdict(set)
        for tensor in slots:
            siblings[tensor.meaning.variable].add(tensor.meaning.slot_name)
        by_key: dict[str, list[Tensor]] = collections.defaultdict(list)
        for tensor in tensors:
            for key in dict.fromkeys((tensor.key, tensor.object_key or tensor.key)):
                by_key[key].append(tensor)
        for tensor in slots:
            variables = [v for v in by_key[tensor.meaning.variable] if v.part == tensor.part]
            ending = tensor.meaning.slot_name
            slot_name: str | None
            keras_slot = self._slots.get(tensor.key)
            if object_keys.optimizer_path(tensor.object_key) and keras_slot is None:
                slot_name, name = ending, tensor.name
            elif keras_slot is None:
                slot_name, name = object_slot_name(ending, siblings[tensor.meaning.variable]), tensor.name
            else:
                slot_name, name = keras_slot.name, keras_slot.full_name
            path = self._optimizer_path(tensor)
            # A variable that stays name-based beside the objects of its checkpoint has no object key.
            variable_key = placed.get(id(variables[0]), '') if len(variables) == 1 else ''
            if not self._layout.has(variable_key) or slot_name is None or path is None:
                self._notes.append(
                    f'{tensor.name!r} stays a variable: no variable or no optimizer has such a slot.'
                )
                placed[id(tensor)] = self._place_one(tensor)
                continue
            placed[id(tensor)] = self._layout.place_slot(variable_key, path, slot_name, name)
