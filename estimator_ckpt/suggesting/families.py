"""Groups the variables of one side of an alignment into layers, and these into families of numbered layers."""

import collections
import dataclasses
import functools
import math
import operator
from collections.abc import Iterable, Iterator, Sequence

from estimator_ckpt.suggesting.name_parts import (
    KERAS_CHILD,
    KERAS_OPERATION,
    Split,
    find_role,
    split_names,
)
from estimator_ckpt.suggesting.running_numbers import in_scopes
from estimator_ckpt.suggesting.scope_roles import is_depthwise, parts_in_scopes

# The roles that characterize a layer; the first one that the layer has is its main role.
_MAIN_ROLES = (
    'kernel',
    'depthwise_kernel',
    'pointwise_kernel',
    'recurrent_kernel',
    'embedding',
    'gamma',
    'beta',
    'mean',
)
_KERNELS = frozenset(['kernel', 'depthwise_kernel', 'pointwise_kernel'])
# The roles that belong to no layer with a kernel, and those that show that there is a normalization.
_ROLES_OF_NORMS = frozenset(['gamma', 'beta', 'mean', 'variance'])
_KERNELS_AND_SCALES = _KERNELS | {'gamma', 'mean'}
# The number of a normalization among the layers of its name.
_OF_NORM = -1


@dataclasses.dataclass(frozen=True)
class Variable:
    """A variable to be aligned.

    Attributes:
      number: The index among the variables of the side.
      names: The name of the variable and, if it has one, the path of its object.
      shape: The shape of the variable.
      dtype: TensorFlow's data type number.
      order: The place of the variable, or of its object, in the order of the program; None if that is not known.
      made: Whether that is the order in which the variables were made, and not that of the attributes of objects.
    """

    number: int
    names: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: int
    order: int | None = None
    made: bool = False

    @functools.cached_property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """Variables whose names differ only in their roles.

    Attributes:
      split: The name of the layer.
      variables: The variables by role.
    """

    split: Split
    variables: dict[str, Variable]

    @functools.cached_property
    def values(self) -> tuple[int, ...]:
        """The numbers in the name."""
        return self.split.values

    @functools.cached_property
    def main_role(self) -> str:
        """The role that characterizes the layer."""
        for role in _MAIN_ROLES:
            if role in self.variables:
                return role
        return min(self.variables)

    @functools.cached_property
    def signature(self) -> tuple:
        """The roles, shapes and types, which decide whether a layer of another side can be the same."""
        return tuple(sorted((role, v.shape, v.dtype) for role, v in self.variables.items()))

    @property
    def sizes(self) -> set[int]:
        """The numbers of elements of the variables."""
        return {variable.size for variable in self.variables.values()}


# A layer of the source and one of the target.
Pair = tuple[Layer, Layer]


@dataclasses.dataclass(frozen=True, eq=False)
class Family:
    """Layers whose names differ only in their numbers.

    Attributes:
      literals: The text around the numbers.
      layers: The layers in the order of their numbers.
      view: The index, in `Variable.names`, of the names that are considered.
    """

    literals: tuple[str, ...]
    layers: list[Layer]
    view: int

    @functools.cached_property
    def slots(self) -> list[int]:
        """The places of the numbers that differ between the layers, without those that follow from a previous one."""
        slots: list[int] = []
        columns = list(zip(*(layer.values for layer in self.layers), strict=True))
        for slot, column in enumerate(columns):
            if len(set(column)) > 1 and not any(_goes_along(columns[previous], column) for previous in slots):
                slots.append(slot)
        return slots

    @functools.cached_property
    def sizes(self) -> set[int]:
        """The numbers of elements of all variables."""
        return set().union(*(layer.sizes for layer in self.layers))

    @functools.cached_property
    def _cache(self) -> dict:
        return {}

    def numbers(self, slot: int) -> frozenset[int]:
        """Returns the numbers of the layers at one place of their names."""
        if slot not in self._cache:
            self._cache[slot] = frozenset(layer.values[slot] for layer in self.layers)
        return self._cache[slot]

    def is_resolution(self, slot: int) -> bool:
        """Returns True if a place in the names has a resolution, such as 64 in `64x64`.

        Args:
          slot: The place among the numbers.
        """
        return self.literals[slot + 1] == 'x' or self.literals[slot] == 'x'

    def is_tracked(self, slot: int) -> bool:
        """Returns True if a place in the names has the number by which Keras tracks a layer of a model.

        Args:
          slot: The place among the numbers.
        """
        return self.literals[slot].endswith((KERAS_CHILD, KERAS_OPERATION))

    @property
    def has_resolutions(self) -> bool:
        """True if any number that differs is a resolution."""
        return any(map(self.is_resolution, self.slots))

    def with_numbers(self, slot: int, numbers: Iterable[int]) -> int:
        """Returns the set of layers with some numbers at one place of their names, one bit for each layer.

        Args:
          slot: The place.
          numbers: The numbers.
        """
        if ('bits', slot) not in self._cache:
            index: dict[int, int] = self._cache.setdefault(('bits', slot), collections.defaultdict(int))
            for place, layer in enumerate(self.layers):
                index[layer.values[slot]] |= 1 << place
        index = self._cache['bits', slot]
        return functools.reduce(operator.or_, [index[number] for number in numbers], 0)

    def by_numbers(self, slots: tuple[int, ...]) -> dict[tuple[int, ...], Layer]:
        """Returns the layers by their numbers at some places of their names."""
        if slots not in self._cache:
            index = self._cache[slots] = {}
            for layer in self.layers:
                index.setdefault(tuple([layer.values[slot] for slot in slots]), layer)
        return self._cache[slots]

    def parts(self, kept: Sequence[int]) -> Iterator['Family']:
        """Yields smaller families, in each of which only the numbers at the places `kept` differ."""
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
    """Returns True if the second numbers grow by the same step whenever the first ones grow by one."""
    (first, other), *rows = sorted(set(zip(a, b, strict=True)))
    steps = {(y - other) / (x - first) if x > first else 0.0 for x, y in rows}
    return len(steps) == 1 and min(steps) > 0


class Side:
    """All variables of one side.

    Attributes:
      variables: All variables of this side.
      roles: The role of each variable in its layer; empty if it has none.
      shapes: The number of variables of each shape, by role.
    """

    def __init__(self, variables: Iterable[Variable]):
        self.variables = list(variables)
        self._parts = [[find_role(name) for name in variable.names] for variable in self.variables]
        for number, part in parts_in_scopes(self.variables).items():
            self._parts[number][0] = part
        self.roles = self._roles()
        self.shapes: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
        for variable, role in zip(self.variables, self.roles, strict=True):
            self.shapes[role][variable.shape] += 1
        self._layer_names = [
            [self._layer_name(variable, view) for variable in self.variables]
            for view in range(max((len(v.names) for v in self.variables), default=0))
        ]
        self._live: set[int] = set()
        self._live_families: list[Family] = []
        self._splits = [
            in_scopes(split_names(name for name in names if name is not None)) for names in self._layer_names
        ]

    def _roles(self) -> list[str]:
        """Returns the role of each variable: of its name, or else of its path, and of what is beside it."""
        self._named_roles = [next((role for role, _ in parts if role), '') for parts in self._parts]
        layers: dict[str, dict[str, Variable]] = collections.defaultdict(dict)
        for variable, role in zip(self.variables, self._named_roles, strict=True):
            if role in ('kernel', 'gamma', 'bias', 'beta', 'mean'):
                layers[self._parts[variable.number][0][1]][role] = variable
        roles = list(self._named_roles)
        for variable in self.variables:
            scope = self._parts[variable.number][0][1]
            if roles[variable.number] == 'kernel' and is_depthwise(scope, variable.shape):
                roles[variable.number] = 'depthwise_kernel'
        for layer in layers.values():
            kernel, gamma, bias = (layer.get(role) for role in ('kernel', 'gamma', 'bias'))
            if kernel is not None and gamma is None and _is_scale(kernel, bias):
                roles[kernel.number] = 'gamma'
                kernel, gamma = None, kernel
            # A table of biases, such as those of positions, belongs to no kernel.
            if bias is not None and len(bias.shape) == 2 and kernel is None and gamma is None:
                roles[bias.number] = self._named_roles[bias.number] = ''
            # A convolution whose outputs are normalized needs no bias beside the offset.
            alone = kernel is None or 'mean' in layer
            if bias and kernel is None and gamma is None and 'mean' in layer and 'beta' not in layer:
                roles[bias.number] = 'beta'
            if gamma and bias and alone and 'beta' not in layer and gamma.shape == bias.shape:
                roles[bias.number] = 'beta'
        return roles

    def _layer_name(self, variable: Variable, view: int) -> str | None:
        if view >= len(variable.names):
            return None
        role, layer = self._parts[variable.number][view]
        return layer if role == self._named_roles[variable.number] else variable.names[view]

    def layer_names(self) -> Iterator[tuple[Variable, str]]:
        """Yields each variable with each of the names of its layer."""
        for names in self._layer_names:
            for variable, name in zip(self.variables, names, strict=True):
                if name is not None:
                    yield variable, name

    @property
    def views(self) -> int:
        """The number of names that a variable can have."""
        return len(self._layer_names)

    def names(self, view: int) -> dict[int, str]:
        """Returns the names of the layers of the variables that have one of this view, by the variables' numbers."""
        names = self._layer_names[view]
        return {v.number: name for v, name in zip(self.variables, names, strict=True) if name is not None}

    def families(self, live: set[int] | None = None) -> list[Family]:
        """Returns the families, for each of their names, of the variables with the numbers `live`; of all if None."""
        if live is None or len(live) == len(self.variables):
            return self._families
        if live != self._live:
            self._live = set(live)
            self._live_families = [
                family for view in range(len(self._layer_names)) for family in self._filtered(view, live)
            ]
        return self._live_families

    def layers(self, live: set[int] | None = None) -> list[Layer]:
        """Returns each layer once, by its first name, of the variables with the numbers `live`; of all if None."""
        return [layer for family in self.families(live) if not family.view for layer in family.layers]

    @functools.cached_property
    def _families(self) -> list[Family]:
        families = []
        for view, names in enumerate(self._layer_names):
            layers: dict[tuple[str, int], dict[str, Variable]] = collections.defaultdict(dict)
            normalized = self._normalized(names)
            for name, role, variable in zip(names, self.roles, self.variables, strict=True):
                if name is None:
                    continue
                # Two variables of one role belong to two layers, and so do a kernel and what normalizes its outputs.
                number = _OF_NORM if name in normalized and role in _ROLES_OF_NORMS else 0
                while role in layers[name, number]:
                    number += 1
                layers[name, number][role] = variable
            splits = self._splits[view]
            made = [Layer(splits[name], variables) for (name, _), variables in layers.items()]
            families += _grouped(made, view)
        return families

    def _normalized(self, names: Sequence[str | None]) -> set[str]:
        """Returns the names of layers that have a kernel beside the variables of a normalization."""
        roles: dict[str, set[str]] = collections.defaultdict(set)
        for name, role in zip(names, self.roles, strict=True):
            if name is not None and role in _KERNELS_AND_SCALES:
                roles[name].add(role)
        return {name for name, of_name in roles.items() if of_name & _KERNELS and of_name - _KERNELS}

    @functools.cached_property
    def _by_view(self) -> list[tuple[list[Layer], dict[int, int]]]:
        """The layers of each view, and the place among them of the layer of each variable."""
        found = []
        for view in range(self.views):
            layers = [layer for family in self._families if family.view == view for layer in family.layers]
            places = {v.number: place for place, layer in enumerate(layers) for v in layer.variables.values()}
            found.append((layers, places))
        return found

    def _filtered(self, view: int, live: set[int]) -> list[Family]:
        all_layers, places = self._by_view[view]
        layers = []
        # Parts of a large model are looked at one by one, each of which has few of the layers.
        for place in sorted({places[number] for number in live if number in places}):
            layer = all_layers[place]
            variables = {role: v for role, v in layer.variables.items() if v.number in live}
            layers.append(layer if len(variables) == len(layer.variables) else Layer(layer.split, variables))
        return _grouped(layers, view)


def _is_scale(kernel: Variable, bias: Variable | None) -> bool:
    """Returns True for the weight of a normalization: a vector, and its bias is an offset of as many elements."""
    is_vector = len(kernel.shape) == 1 and kernel.shape != (1,)
    return is_vector and (bias is None or bias.shape == kernel.shape)


def _grouped(layers: Iterable[Layer], view: int) -> list[Family]:
    groups: dict[tuple, list[Layer]] = collections.defaultdict(list)
    for layer in layers:
        groups[layer.split.literals, layer.main_role].append(layer)
    for members in groups.values():
        members.sort(key=lambda layer: (layer.values, layer.split.texts))
    return [Family(literals, members, view) for (literals, _), members in sorted(groups.items())]
