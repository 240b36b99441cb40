"""Where the tensors of a converted checkpoint stand among its objects."""

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
    """A tensor and where it goes.

    Attributes:
      tensor: The tensor.
      name: Its name-based key.
      object_key: Its object key; empty for one that no object has.
    """

    tensor: Tensor
    name: str
    object_key: str = ''


class KerasSlot(NamedTuple):
    """Where a slot goes that is TF1's no more.

    Attributes:
      optimizer: The path of its optimizer.
      name: What the optimizer calls it.
      full_name: The name of its variable.
    """

    optimizer: str
    name: str
    full_name: str


@dataclasses.dataclass
class Placed:
    """Where each tensor goes.

    Attributes:
      rows: Each tensor with its keys.
      layout: The objects.
      notes: What the user should know, in sentences.
      warnings: What may be wrong, in sentences.
      values: Further tensors, by their keys.
      left_out: Tensors that have no place.
    """

    rows: list[PlacedTensor]
    layout: ObjectGraphBuilder
    notes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    values: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    left_out: list[Tensor] = dataclasses.field(default_factory=list)


def place_by_name(tensors: Sequence[Tensor]) -> Placed:
    """Gives each tensor the name that a rule gives it or its variable, or its own."""
    return Placed(
        [PlacedTensor(t, t.target or t.followed_name or t.name) for t in tensors],
        ObjectGraphBuilder(),
    )


class Placement:
    """Gives each tensor an object key.

    What objects hold already stays there, unless a rule moves it. Rules name paths. The rest of a name-based checkpoint
    goes below one root, slots to their optimizer if one is named, the global step to its own paths.
    """

    def __init__(
        self,
        contents: Contents,
        root: str | None,
        optimizer: str | Mapping[str, str] | None,
        step: str | Sequence[str],
        slots: Mapping[str, KerasSlot] = MappingProxyType({}),
    ):
        """Prepares to place.

        Args:
          contents: The source.
          root: The path below which variables go.
          optimizer: The path that slots go to, or for each TF1 optimizer its own.
          step: The paths of the global step.
          slots: Where the slots go that are not TF1's any more, by their keys.
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
        """Places a number that is in no checkpoint, and gives its key."""
        return self._layout.place(tuple(path.split('/')), path.rpartition('/')[2])

    def place(self, tensors: Sequence[Tensor]) -> Placed:
        """Gives each tensor its key.

        Raises:
          CheckpointError: If two would be at one path.
        """
        stays = [tensor for tensor in tensors if tensor.object_key and tensor.target is None]
        counter = self._contents.graph.child_key(object_keys.SAVE_COUNTER) if self._contents.graph else None
        self._layout.keep_only([self._contents.by_object[t.object_key] for t in stays] + [counter or ''])
        placed = {id(tensor): tensor.object_key for tensor in stays} | self._place_below_root(tensors)
        others = [tensor for tensor in tensors if id(tensor) not in placed]
        slots = [tensor for tensor in others if tensor.target is None and self._optimizer_path(tensor)]
        slot_ids = set(map(id, slots))
        for tensor in others:
            if id(tensor) not in slot_ids:
                placed[id(tensor)] = self._place_one(tensor)
        self._place_slots(slots, tensors, placed)
        plain = [t for t in tensors if t.meaning.kind is Kind.SLOT and id(t) not in slot_ids]
        if plain and self._contents.graph is None:
            self._notes.append(
                f'{len(plain)} slots are variables of their own; name the path of their optimizer to make them slots.'
            )
        return Placed([PlacedTensor(t, t.name, placed[id(t)]) for t in tensors], self._layout, self._notes)

    def _place_below_root(self, tensors: Sequence[Tensor]) -> dict[int, str]:
        """Places what has no place of its own, all at once, for that is nearly all; gives the keys by the ids."""
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
            tensor for tensor in tensors if tensor.target is None and tensor.meaning.kind not in elsewhere
        ]
        placed = self._layout.place_all(self._root, [tensor.name for tensor in below])
        return dict(zip(map(id, below), placed, strict=True))

    def _place_one(self, tensor: Tensor) -> str:
        path = self._path(tensor)
        if path is None:  # A name-based tensor of an object-based checkpoint stays one.
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
        """The two tensors of a lookup table are one attribute."""
        stem, dash, part = path[-1].rpartition('-')
        path = (*path[:-1], stem)
        if path not in self._tables:
            self._tables[path] = self._layout.place(path, '', _TABLE)
        return self._tables[path] + dash + part

    def _optimizer_path(self, tensor: Tensor) -> Path | None:
        """The path of the optimizer that a slot goes to; None for what is no slot or has no optimizer."""
        if tensor.key in self._slots:
            return tuple(self._slots[tensor.key].optimizer.split('/'))
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
        if not slots:
            return
        siblings = collections.defaultdict(set)
        for tensor in slots:
            siblings[tensor.meaning.variable].add(tensor.meaning.slot_name)
        by_key = collections.defaultdict(list)
        for tensor in tensors:
            by_key[tensor.key].append(tensor)
        for tensor in slots:
            variable, ending = by_key[tensor.meaning.variable], tensor.meaning.slot_name
            _, slot_name, name = self._slots.get(tensor.key, KerasSlot('', '', tensor.name))
            slot_name = slot_name or object_slot_name(ending, siblings[tensor.meaning.variable])
            if len(variable) != 1 or slot_name is None:
                self._notes.append(
                    f'{tensor.name!r} stays a variable: no variable or no optimizer has such a slot.'
                )
                placed[id(tensor)] = self._place_one(tensor)
                continue
            path = self._optimizer_path(tensor)
            placed[id(tensor)] = self._layout.place_slot(placed[id(variable[0])], path, slot_name, name)
