"""The tensors of the two sides that rules are suggested between, by their kinds."""

import collections
import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.keys.kinds import Kind, meanings_of_keras_slots, meanings_of_names
from estimator_ckpt.keys.slots import is_tf1_ending
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.suggesting.copies import copies, is_of_target
from estimator_ckpt.suggesting.families import Variable
from estimator_ckpt.suggesting.name_parts import find_role

_STEP = re.compile(r'(?:.*[/_])?step(?::0)?', re.I)
_ITERATIONS = re.compile(r'(?:.*/)?_?iter(?:ations?)?(?::0)?')


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ComparedTensor:
    """A tensor of one side, or several that the other side has as one.

    Attributes:
      tensor: The tensor; of several, the first.
      names: Its name and, if it has one, the path of its object; of several, the name that they would have as one.
      shape: The shape that is compared; None if it is not known.
      dtype: TensorFlow's data type number.
      parts: The several tensors, in their order along the last axis; empty for one.
      axes: The order in which the axes are compared; empty for the order that they have.
    """

    tensor: Tensor
    names: tuple[str, ...]
    shape: tuple[int, ...] | None
    dtype: int
    parts: tuple['ComparedTensor', ...] = ()
    axes: tuple[int, ...] = ()

    @property
    def of_one(self) -> tuple['ComparedTensor', ...]:
        """The tensors that the checkpoint or the program has."""
        return self.parts or (self,)

    @property
    def own_shape(self) -> tuple[int, ...] | None:
        """The shape that the tensor has; None if it is not known."""
        return tuple(self.shape[axis] for axis in self._inverse) if self.shape and self.axes else self.shape

    @property
    def _inverse(self) -> list[int]:
        return sorted(range(len(self.axes)), key=self.axes.__getitem__)

    def with_role(self, name: str) -> str:
        """Returns a name whose end tells the kernel of a depthwise convolution, which PyTorch calls `weight` too."""
        is_depthwise = len(self.axes) > 2 and self.axes[-2:] == (0, 1)
        return re.sub(r'(?<![A-Za-z_])weight$', 'depthwise_weight', name) if is_depthwise else name

    def transposed(self, back: bool = False) -> str:
        """Returns the operation of a rule that puts the axes in the order in which they are compared.

        Args:
          back: Whether to put them in their own order again.
        """
        axes = self._inverse if back else self.axes
        return f'transpose={",".join(map(str, axes))}' if self.axes else ''


class ComparedSide:
    """The tensors of one side by their kinds.

    Attributes:
      all: All tensors of this side.
      variables: The variables of the model.
      copies: Those that were left out, because the other side has each of them once.
      steps: The global steps.
      iterations: The iteration counters of optimizers.
      slots: The number of slots.
      ignored: The numbers of tensors of other kinds.
    """

    def __init__(self, tensors: Iterable[ComparedTensor], graph: Any, order: Mapping[str, int] | None = None):
        """Finds out what the tensors of a side are.

        Args:
          tensors: The tensors.
          graph: The object graph; None if there is none.
          order: The places of the variables, by key, in the order in which they were made, if that is known.
        """
        self.all = sorted(tensors, key=lambda t: t.names)
        self._made = bool(order)
        # As in the state of PyTorch's modules: `layer1.0.conv1.weight`.
        self._is_dotted = not any('/' in name for t in self.all for name in t.names)
        self._order = order or (_order(graph) if graph else {})
        self.variables: list[ComparedTensor] = []
        self.copies: list[ComparedTensor] = []
        self.steps: list[ComparedTensor] = []
        self.iterations: list[ComparedTensor] = []
        self.slots = 0
        self.ignored: collections.Counter[Kind] = collections.Counter()
        names = {t.tensor.name: t.tensor.key for t in self.all}
        of_names = meanings_of_names(names) | (meanings_of_keras_slots(graph, names) if graph else {})
        for row in self.all:
            kind, name = row.tensor.meaning.kind, row.tensor.name
            kind = of_names[name].kind if kind is Kind.VARIABLE else kind
            if kind is Kind.VARIABLE:
                kind = _kind_without_variable(name)
            counts = row.shape == () and 'int' in dtypes.name(row.dtype)
            if kind is Kind.STEP or (kind is Kind.VARIABLE and counts and _STEP.fullmatch(row.names[-1])):
                self.steps.append(row)
            elif kind in (Kind.OPTIMIZER, Kind.VARIABLE) and counts and _ITERATIONS.fullmatch(row.names[-1]):
                self.iterations.append(row)
            elif kind is Kind.VARIABLE and row.shape is not None:
                self.variables.append(row)
            elif kind is Kind.SLOT:
                self.slots += 1
            else:
                self.ignored[kind] += 1

    def leave_out_copies(self, other: 'ComparedSide') -> None:
        """Leaves out copies of variables, averages and target networks, unless the other side has them too."""
        shapes = {row.names[-1]: row.shape or () for row in self.variables}
        of_targets = [row.shape or () for row in other.variables if is_of_target(row.names)]
        copied = copies(shapes, (row.shape or () for row in other.variables), of_targets)
        self.copies = [row for row in self.variables if row.names[-1] in copied]
        self.variables = [row for row in self.variables if row.names[-1] not in copied]

    def aligned_as(self) -> Iterator[Variable]:
        """Yields the variables as they are aligned."""
        for number, row in enumerate(self.variables):
            place = self._order.get(row.tensor.key)
            names = tuple(map(row.with_role, row.names))
            if self._is_dotted:
                names = tuple(name.replace('.', '/') for name in names)
            yield Variable(number, names, row.shape or (), row.dtype, place, self._made)


def _kind_without_variable(name: str) -> Kind:
    """Returns the kind of what is a slot or an average by its name alone, because its variable is not there."""
    scope, _, last = name.rpartition('/')
    if scope and is_tf1_ending(last):
        return Kind.SLOT
    # The statistics of normalizations may be averages of tensors.
    is_average = scope and last == 'ExponentialMovingAverage' and not find_role(name)[0]
    return Kind.AVERAGE if is_average else Kind.VARIABLE


def _order(graph: Any) -> dict[str, int]:
    """Returns the places of the values of a graph's objects, by key, in the order in which they became attributes."""
    order: dict[str, int] = {}
    seen, stack = {0}, [0]
    while stack:
        node = graph.nodes[stack.pop()]
        for attribute in node.attributes:
            order.setdefault(attribute.key, len(order))
        children = [child for child in dict.fromkeys(node.children.values()) if child not in seen]
        seen.update(children)
        stack += reversed(children)
    return order
