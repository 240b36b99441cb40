"""The variables of one side of an alignment, grouped into layers, and those into families of numbered layers."""

import collections
import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator, Sequence

from estimator_ckpt.suggesting.name_parts import Split, find_role, split_names

# The role that tells best what a layer is, the first that it has.
_MAIN_ROLES = (
    'kernel',
    'depthwise_kernel',
    'pointwise_kernel',
    'recurrent_kernel',
    'embedding',
    'gamma',
    'beta',
)


@dataclasses.dataclass(frozen=True)
class Variable:
    """A variable to be aligned.

    Attributes:
      number: Its place among those of its side.
      names: What it is called: its name, and its object's path if it has one.
      shape: Its shape.
      dtype: TensorFlow's data type number.
    """

    number: int
    names: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: int

    @functools.cached_property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """Variables whose names are the same but for their roles.

    Attributes:
      split: That name.
      variables: Them by their roles.
    """

    split: Split
    variables: dict[str, Variable]

    @functools.cached_property
    def values(self) -> tuple[int, ...]:
        return self.split.values

    @functools.cached_property
    def main_role(self) -> str:
        return next((role for role in _MAIN_ROLES if role in self.variables), min(self.variables))

    @functools.cached_property
    def signature(self) -> tuple:
        """What decides whether it can be the same as a layer of another side."""
        return tuple(sorted((role, v.shape, v.dtype) for role, v in self.variables.items()))

    @property
    def sizes(self) -> set[int]:
        return {variable.size for variable in self.variables.values()}


@dataclasses.dataclass(frozen=True, eq=False)
class Family:
    """Layers whose names are the same but for their numbers.

    Attributes:
      literals: What their names have in common.
      layers: Them in the order of their numbers.
      view: Which of the names of their variables it is about.
    """

    literals: tuple[str, ...]
    layers: list[Layer]
    view: int

    @functools.cached_property
    def slots(self) -> list[int]:
        """Which of the numbers differ between the layers, and not just as another one before them does."""
        found: list[int] = []
        columns = list(zip(*(layer.values for layer in self.layers), strict=True))
        for slot, column in enumerate(columns):
            if len(set(column)) > 1 and not any(_goes_along(columns[other], column) for other in found):
                found.append(slot)
        return found

    @functools.cached_property
    def sizes(self) -> set[int]:
        return set().union(*(layer.sizes for layer in self.layers))

    @functools.cached_property
    def _known(self) -> dict:
        return {}

    def numbers(self, slot: int) -> frozenset[int]:
        """The numbers that the layers have in a slot."""
        if slot not in self._known:
            self._known[slot] = frozenset(layer.values[slot] for layer in self.layers)
        return self._known[slot]

    def by_numbers(self, slots: tuple[int, ...]) -> dict[tuple[int, ...], Layer]:
        """The layers by their numbers in some slots."""
        if slots not in self._known:
            index = self._known[slots] = {}
            for layer in self.layers:
                index.setdefault(tuple([layer.values[slot] for slot in slots]), layer)
        return self._known[slots]

    def parts(self, kept: Sequence[int]) -> Iterator['Family']:
        """The family cut into smaller ones, in each of which only the numbers of the slots `kept` differ."""
        fixed = [slot for slot in self.slots if slot not in kept]
        if not fixed:
            yield self
            return
        groups = collections.defaultdict(list)
        for layer in self.layers:
            groups[tuple(layer.values[slot] for slot in fixed)].append(layer)
        for _, layers in sorted(groups.items()):
            yield Family(self.literals, layers, self.view)


def _goes_along(a: Sequence[int], b: Sequence[int]) -> bool:
    return len({y - x for x, y in zip(a, b, strict=True)}) == 1


class Side:
    """All variables of one side.

    Attributes:
      variables: Them.
      roles: The role of each in its layer.
      shapes: How often variables of each role have each shape.
    """

    def __init__(self, variables: Iterable[Variable]):
        self.variables = list(variables)
        self.roles = [next((r for r in (find_role(n)[0] for n in v.names) if r), '') for v in self.variables]
        self.shapes: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
        for variable, role in zip(self.variables, self.roles, strict=True):
            self.shapes[role][variable.shape] += 1
        self._layer_names = [
            [self._layer_name(variable, view) for variable in self.variables]
            for view in range(max((len(v.names) for v in self.variables), default=0))
        ]
        self._splits = [
            split_names(name for name in names if name is not None) for names in self._layer_names
        ]

    def _layer_name(self, variable: Variable, view: int) -> str | None:
        if view >= len(variable.names):
            return None
        role, layer = find_role(variable.names[view])
        return layer if role == self.roles[variable.number] else variable.names[view]

    def layer_names(self) -> Iterator[tuple[Variable, str]]:
        """Each variable with each of the names of its layer."""
        for names in self._layer_names:
            for variable, name in zip(self.variables, names, strict=True):
                if name is not None:
                    yield variable, name

    def families(self, live: set[int]) -> list[Family]:
        """The families that the live variables make, those of each view of their names."""
        found = []
        for view, names in enumerate(self._layer_names):
            layers: dict[str, dict[str, Variable]] = collections.defaultdict(dict)
            for number in sorted(live):
                name = names[number]
                if name is None:
                    continue
                role, variable = self.roles[number], self.variables[number]
                # Two names for one role are two layers.
                while role in layers[name]:
                    name += '\0'
                layers[name][role] = variable
            groups = collections.defaultdict(list)
            for name, variables in layers.items():
                layer = Layer(self._splits[view][name.rstrip('\0')], variables)
                groups[layer.split.literals, layer.main_role].append(layer)
            for (literals, _), members in sorted(groups.items()):
                members.sort(key=lambda layer: (layer.values, layer.split.texts))
                found.append(Family(literals, members, view))
        return found
