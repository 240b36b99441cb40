"""Matches the tensors of a target with the tensors of a checkpoint that they get their values from."""

import collections
import dataclasses
import functools
import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.common.digits import to_int
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import SlotState
from estimator_ckpt.mapping.keras_layers import corresponding_variables
from estimator_ckpt.mapping.recipes import Recipe, TensorRecipe, WrappedRecipe
from estimator_ckpt.mapping.report import MappingReport, Row, joined_note, nearest, unused_rows
from estimator_ckpt.mapping.rules import RuleError
from estimator_ckpt.mapping.shape_advice import advice, joining_axis
from estimator_ckpt.mapping.slot_lookup import SlotLookup
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets, TargetTensor
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.mapping.transforms import Transform

# The kinds of the tensors that belong to variables.
_FOLLOWING = (Kind.SLOT, Kind.AVERAGE)


@dataclasses.dataclass
class Match:
    """The sources of the tensors of a target.

    Attributes:
      sources: The source of each wanted tensor that has one, by the key of the wanted tensor.
      fitting: The wanted tensors whose source fits, with the recipes for their values.
      report: The report of the tensors that fit and of those that do not.
    """

    sources: dict[str, Tensor]
    fitting: list[tuple[TargetTensor, Recipe]]
    report: MappingReport


# Takes a wanted tensor and its source, and returns the source with the recipe for the value.
Adapt = Callable[[TargetTensor, Tensor], Tensor]


def match(
    source: Source,
    target: Targets,
    adapt: Adapt = lambda wanted, tensor: tensor,
    states: Mapping[str, SlotState] = MappingProxyType({}),
) -> Match:
    """Returns the source of each wanted tensor.

    If both have the same tensors, each is its own source. Else the first of these that exists is the source:

    * a tensor to which a rule gives the name or path of the wanted tensor,
    * for a slot, the corresponding slot of the source of its variable, and for an average the only one of that source,
    * a variable of the same layer in another version of Keras, if the layers of both are the same,
    * a variable of the same path, if the checkpoint has an object for each variable of the target,
    * a tensor of the same name, then one of the same path,
    * such a variable of Keras, if only some of the layers are the same,
    * for a step or a scalar of an optimizer, the only one of its kind,
    * for a variable that is a list of pieces in the checkpoint, the pieces.

    Args:
      source: The checkpoint.
      target: The tensors that are to get values.
      adapt: A function of a wanted tensor and its source, which returns the source with another recipe. The text of a
        ValueError that it raises is reported as the reason why the two do not fit.
      states: The contents of the source's slots, by key.

    Raises:
      CheckpointError: If the operations of a rule do not fit a tensor, or have no counterpart for its slots.
    """
    # A checkpoint with the same tensors, such as a later one of the same program, needs no search.
    finder = None if target.like is source.tensors else _Finder(source, target, states)
    label_of = _label_function(target.wanted)
    type_names = {dtype: dtypes.name(dtype) for dtype in {wanted.dtype for wanted in target.wanted}}
    taking = _Taking(source.reader, adapt)
    result, report = taking.match, taking.match.report
    for wanted in _variables_first(target.wanted):
        tensor = wanted.tensor
        candidates = finder.find(wanted, result.sources) if finder else [tensor]
        row = Row(None, label_of(tensor), wanted.shape, type_names[wanted.dtype])
        if len(candidates) == 1:
            taking.take(wanted, candidates[0], row)
        elif candidates:
            report.ambiguous += [dataclasses.replace(row, source=tensor.key) for tensor in candidates]
        elif finder:
            hint = finder.other_optimizer(wanted, result.sources)
            row.note = hint or nearest(tensor.name, finder.names, len(report.missing))
            report.missing.append(row)
    used = {key for tensor in result.sources.values() if tensor.recipe for key in tensor.recipe.sources}
    unused = [tensor.key for tensor in source.tensors if tensor.key not in used]
    report.unused = unused_rows(source.reader, unused, report)
    return result


def _variables_first(wanted: Sequence[TargetTensor]) -> list[TargetTensor]:
    """Returns slots and averages last, because they are found through their variables."""
    following = [w.tensor.meaning.kind in _FOLLOWING for w in wanted]
    others = map(operator.not_, following)
    return [*itertools.compress(wanted, others), *itertools.compress(wanted, following)]


class _Taking:
    """The wanted tensors that have a candidate, one after the other.

    Attributes:
      match: What has been taken so far.
    """

    def __init__(self, reader: TensorSource, adapt: Adapt):
        self._reader, self._adapt = reader, adapt
        self._types_and_shapes = reader.types_and_shapes()
        self.match = Match({}, [], MappingReport())

    def take(self, wanted: TargetTensor, candidate: Tensor, row: Row) -> None:
        """Adds a wanted tensor with its only candidate, which may not fit, and completes its row."""
        report = self.match.report
        try:
            adapted = self.match.sources[wanted.tensor.key] = self._adapt(wanted, candidate)
        except ValueError as error:
            row.source, row.note = candidate.key, str(error)
            report.mismatched.append(row)
            return
        recipe = adapted.made
        row.source = recipe.sources[0]
        if adapted.recipe is None:
            dtype, shape = self._types_and_shapes[adapted.key]
        else:
            dtype, shape = recipe.outcome(self._reader)
            row.note = joined_note(recipe)
        if dtype == wanted.dtype and wanted.shape in (None, shape):
            report.matched.append(row)
            self.match.fitting.append((wanted, recipe))
        else:
            row.note = f'the source is {dtypes.name(dtype)} {list(shape)}{advice(shape, wanted.shape)}'
            report.mismatched.append(row)


def labels_of(wanted: Sequence[TargetTensor]) -> dict[str, str]:
    """Returns what each wanted tensor is called in a report, by key: its name, or its path if several have the name."""
    label_of = _label_function(wanted)
    return {target.tensor.key: label_of(target.tensor) for target in wanted}


def _label_function(wanted: Sequence[TargetTensor]) -> Callable[[Tensor], str]:
    names = [target.tensor.name for target in wanted]
    if len(set(names)) == len(names):
        return operator.attrgetter('name')
    counts = collections.Counter(names)
    return lambda tensor: tensor.candidates[-1] if counts[tensor.name] > 1 else tensor.name


class _Finder:
    """The tensors of the source, by rules, names, paths, and for slots by their variables."""

    def __init__(self, source: Source, target: Targets, states: Mapping[str, SlotState]):
        self._reader, tensors = source.reader, source.tensors
        self._averages: dict[str, list[Tensor]] = collections.defaultdict(list)
        self._pieces = _pieces(source)
        # The meaning of a slot gives its variable by any of the variable's keys.
        has_several = source.contents.graph is not None and not source.reader.each_has_its_place()
        groups = source.contents.tensors() if has_several else ()
        first_key = {key: first for first, group in groups for key in group}
        self._slots = SlotLookup(tensors, first_key, states)
        for tensor in tensors:
            variable = tensor.meaning.variable
            if tensor.meaning.kind is Kind.AVERAGE and variable and tensor.target is None:
                self._averages[first_key.get(variable, variable)].append(tensor)
        self._wanted = target.wanted
        ruled = [(tensor.target, tensor) for tensor in tensors if tensor.target is not None]
        place = target.places() if ruled else str
        self._by_rule: dict[str, list[Tensor]] = collections.defaultdict(list)
        for path, tensor in ruled:
            self._by_rule[place(path)].append(tensor)
        others = [tensor for tensor in tensors if tensor.target is None] if ruled else tensors
        self._by_name = {tensor.name: tensor for tensor in others}
        self._others = others
        self._of_layers, self._same_layers = corresponding_variables(
            [wanted.tensor for wanted in target.wanted], target.graph, list(others), source.contents.graph
        )
        has_objects = source.contents.graph is not None or source.contents.weights is not None
        self._same_objects = has_objects and self._has_objects_of(target)
        self.names = list(self._by_name)
        self._forget_shared_names(target)
        # The global step, or else the only tensor that counts steps.
        self._step = source.steps[0] if len(source.steps) == 1 else None
        self._scalars: dict[str, list[Tensor]] = collections.defaultdict(list)
        for tensor in tensors:
            if tensor.meaning.kind is Kind.OPTIMIZER:
                self._scalars[tensor.name.rpartition('/')[2]].append(tensor)

    @functools.cached_property
    def _wanted_key(self) -> dict[str, str]:
        """The key of each wanted tensor by its name and its object key."""
        tensors = [wanted.tensor for wanted in self._wanted]
        keys = {tensor.name: tensor.key for tensor in tensors}
        return keys | {tensor.object_key: tensor.key for tensor in tensors if tensor.object_key}

    @functools.cached_property
    def _by_path(self) -> dict[str, Tensor]:
        return {tensor.candidates[-1]: tensor for tensor in self._others}

    def _has_objects_of(self, target: Targets) -> bool:
        """Returns True if the source has an object for each variable of the target, at the same path."""
        variables = [w.tensor for w in target.wanted if w.tensor.meaning.kind is Kind.VARIABLE]
        if not all(variable.object_key or variable.further_name for variable in variables):
            return False
        sources = (self._by_path.get(variable.candidates[-1]) for variable in variables)
        return bool(variables) and all(
            s and ((v.object_key and s.object_key) or (v.further_name and s.further_name))
            for v, s in zip(variables, sources, strict=True)
        )

    def _forget_shared_names(self, target: Targets) -> None:
        """Drops names that several wanted tensors share and that the source has numbered.

        All unnamed variables are called `Variable` in eager mode, but `Variable`, `Variable_1`, ... in graphs, so that
        equal names mean nothing.
        """
        names = [wanted.tensor.name for wanted in target.wanted]
        if len(set(names)) == len(names):
            return
        for name, count in collections.Counter(names).items():
            if count > 1 and f'{name}_1' in self._by_name:
                self._by_name.pop(name, None)
                self._by_path.pop(name, None)

    def find(self, wanted: TargetTensor, sources: dict[str, Tensor]) -> list[Tensor]:
        """Returns the possible sources of a wanted tensor; several if rules give them the same name.

        Args:
          wanted: The wanted tensor.
          sources: The sources of the wanted tensors that come before it, by their keys.
        """
        for call in wanted.calls if self._by_rule else ():
            if call in self._by_rule:
                return self._by_rule[call]
        tensor = wanted.tensor
        kind, variable = tensor.meaning.kind, tensor.meaning.variable
        if kind is Kind.VARIABLE and not self._of_layers and not self._same_objects:
            named = self._by_name.get(tensor.name)
            if named is not None:
                return [named]
        candidate: Tensor | None = None
        # A slot goes where its variable goes, by the same recipe and whatever the slot's name.
        if kind is Kind.SLOT:
            candidate = self._slot(wanted, sources.get(self._wanted_key.get(variable, variable)))
        elif kind is Kind.AVERAGE and variable:
            candidate = self._average(sources.get(self._wanted_key.get(variable, variable)))
        of_layer = self._of_layers.get(tensor.key)
        # Keras numbers the names of layers within a process, so that equal objects and layers tell more than names do.
        candidate = candidate or (of_layer if self._same_layers else None)
        if self._same_objects and kind is Kind.VARIABLE:
            candidate = candidate or self._at_same_path(tensor)
        candidate = candidate or self._by_name.get(tensor.name) or self._at_same_path(tensor) or of_layer
        if candidate is None and wanted.is_step:
            candidate = self._step
        elif candidate is None and kind is Kind.OPTIMIZER:
            # The scope of such a scalar is that in which the optimizer was called.
            scalars = self._scalars[tensor.name.rpartition('/')[2]]
            candidate = scalars[0] if len(scalars) == 1 else None
        if candidate is None:
            candidate = self._joined(wanted)
        return [candidate] if candidate else []

    def other_optimizer(self, wanted: TargetTensor, sources: dict[str, Tensor]) -> str:
        """Returns the hint for a slot that is missing because the source has slots of another optimizer.

        Args:
          wanted: The slot.
          sources: The sources of the wanted variables, by their keys.

        Returns:
          The hint; empty if this is not the reason.
        """
        variable = wanted.tensor.meaning.variable
        source = sources.get(self._wanted_key.get(variable, variable))
        families = self._slots.families(source.key) if source else set()
        if wanted.state is None or not families or wanted.state.family in families:
            return ''
        return f'the checkpoint has slots of {", ".join(sorted(families))}, not of {wanted.state.family}'

    def _at_same_path(self, wanted: Tensor) -> Tensor | None:
        """Returns the tensor with the path of a wanted one.

        Slots that Keras numbers must not be taken by their numbers if their variables are known: Keras 3 begins with
        another number than Keras 2, and models differ.
        """
        candidate = self._by_path.get(wanted.candidates[-1])
        variables = [tensor.meaning.variable for tensor in (candidate, wanted) if tensor]
        is_numbered = wanted.meaning.kind is Kind.SLOT and wanted.path[-2:-1] == ('_variables',)
        return None if is_numbered and any(variables) else candidate

    def _slot(self, wanted: TargetTensor, variable: Tensor | None) -> Tensor | None:
        """Returns the slot of the variable's source, or the slots of its pieces, with the recipe of the variable."""
        if variable is None:
            return None
        recipe = variable.recipe
        keys = recipe.sources if recipe and len(recipe.sources) > 1 else (variable.key,)
        slots = [slot for key in keys if (slot := self._slots.find(key, wanted)) is not None]
        if len(slots) < len(keys):
            return None
        if recipe is None or slots[0].recipe is not None or recipe.plain:
            return slots[0]
        try:
            return dataclasses.replace(slots[0], recipe=recipe.for_slots(tuple(slot.key for slot in slots)))
        except ValueError as error:
            raise RuleError(f'The rule of {variable.name!r} does not apply to its slots: {error}.') from error

    def _average(self, variable: Tensor | None) -> Tensor | None:
        """Returns the only average of the variable's source, or the averages of its pieces, with the same recipe."""
        if variable is None:
            return None
        recipe: Any = variable.recipe
        while isinstance(recipe, WrappedRecipe):
            recipe = recipe.recipe
        if recipe is not None and not isinstance(recipe, TensorRecipe):
            return None
        averages = [self._averages.get(key, []) for key in (recipe.sources if recipe else (variable.key,))]
        if any(len(found) != 1 for found in averages):
            return None
        first = averages[0][0]
        if recipe is None or recipe.plain:
            return first
        keys = tuple(average.key for (average,) in averages)
        return dataclasses.replace(first, recipe=dataclasses.replace(recipe, sources=keys))

    def _joined(self, wanted: TargetTensor) -> Tensor | None:
        """Returns the concatenation of the pieces that make the wanted tensor; None if there are none."""
        for call in wanted.calls:
            pieces = self._pieces.get(call, [])
            axis = joining_axis([self._reader.entry(piece.key).shape for piece in pieces], wanted.shape)
            if axis is not None:
                recipe = TensorRecipe(tuple(p.key for p in pieces), (Transform('concat', (axis,)),))
                return dataclasses.replace(pieces[0], recipe=recipe)
        return None


def _pieces(source: Source) -> dict[str, list[Tensor]]:
    """Returns the variables that are lists in an object-based checkpoint, by the lists' paths and shared full names."""
    full_names = source.contents.full_names()
    groups: dict[str, list[Tensor]] = collections.defaultdict(list)
    for tensor in source.tensors:
        if tensor.path and tensor.path[-1].isdecimal() and tensor.meaning.kind is Kind.VARIABLE:
            groups['/'.join(tensor.path[:-1])].append(tensor)
            name = full_names.get(tensor.object_key)
            if name:
                groups[name].append(tensor)
    complete = {}
    for name, group in groups.items():
        group.sort(key=lambda tensor: to_int(tensor.path[-1]))
        if [to_int(tensor.path[-1]) for tensor in group] == list(range(len(group))) and len(group) > 1:
            complete[name] = group
    return complete
