"""Finds for each wanted tensor the tensor of a checkpoint that it comes from."""

import collections
import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import SlotState, object_slot_name
from estimator_ckpt.mapping.recipes import Recipe, TensorRecipe
from estimator_ckpt.mapping.report import MappingReport, Row, nearest, unused_rows
from estimator_ckpt.mapping.shape_advice import advice, joining_axis
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets, TargetTensor
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.mapping.transforms import Transform


@dataclasses.dataclass
class Match:
    """The answer.

    Attributes:
      sources: For the key of each wanted tensor that has one, its source.
      fitting: The wanted tensors whose source fits, with how they are made.
      report: All that fits and all that does not.
    """

    sources: dict[str, Tensor]
    fitting: list[tuple[TargetTensor, Recipe]]
    report: MappingReport


Adapt = Callable[[TargetTensor, Tensor], Tensor]


def match(
    source: Source,
    target: Targets,
    adapt: Adapt = lambda wanted, found: found,
    states: Mapping[str, SlotState] = MappingProxyType({}),
) -> Match:
    """Finds for each wanted tensor its source.

    First come the sources that a rule gives its name or path; for slots the slot of the same name of the variable's
    source; then those of the same name, then of the same path; for steps and optimizers' scalars the only one that
    there is; and for a variable that the source has in pieces, the pieces.

    Args:
      source: The checkpoint.
      target: What is wanted.
      adapt: Given what is wanted and what was found, gives the tensor with another recipe. A ValueError says why the
        two do not fit.
      states: What the source's slots hold, by their keys.

    Raises:
      CheckpointError: If a rule's operations do not fit a tensor.
    """
    finder = _Finder(source, target, states)
    shared = collections.Counter(wanted.tensor.name for wanted in target.wanted)
    report, sources, fitting = MappingReport(), {}, []
    # Slots are found through their variables.
    for wanted in sorted(target.wanted, key=lambda wanted: wanted.tensor.meaning.kind is Kind.SLOT):
        label = wanted.tensor.candidates[-1] if shared[wanted.tensor.name] > 1 else wanted.tensor.name
        row = Row(None, label, wanted.shape, dtypes.name(wanted.dtype))
        found = finder.find(wanted, sources)
        if not found:
            hint = finder.other_optimizer(wanted, sources)
            hint = hint or nearest(wanted.tensor.name, finder.names, len(report.missing))
            report.missing.append(dataclasses.replace(row, note=hint))
        elif len(found) > 1:
            report.ambiguous += [dataclasses.replace(row, source=tensor.key) for tensor in found]
        else:
            try:
                found_source = sources[wanted.tensor.key] = adapt(wanted, found[0])
            except ValueError as error:
                report.mismatched.append(dataclasses.replace(row, source=found[0].key, note=str(error)))
                continue
            recipe = found_source.made
            row = dataclasses.replace(row, source=recipe.sources[0])
            dtype, shape = recipe.outcome(source.reader)
            if dtype == wanted.dtype and wanted.shape in (None, shape):
                report.matched.append(row)
                fitting.append((wanted, recipe))
            else:
                note = f'the source is {dtypes.name(dtype)} {list(shape)}{advice(shape, wanted.shape)}'
                report.mismatched.append(dataclasses.replace(row, note=note))
    used = {key for tensor in sources.values() if tensor.recipe for key in tensor.recipe.sources}
    rest = [tensor.key for tensor in source.tensors if tensor.key not in used]
    report.unused = unused_rows(source.reader, rest, report)
    return Match(sources, fitting, report)


class _Finder:
    """The source's tensors by all that they can be found by."""

    def __init__(
        self,
        source: Source,
        target: Targets,
        states: Mapping[str, SlotState],
    ):
        self._reader, tensors = source.reader, source.tensors
        self._by_rule: dict[str, list[Tensor]] = collections.defaultdict(list)
        self._by_name: dict[str, Tensor] = {}
        self._by_path: dict[str, Tensor] = {}
        # By the variable's key and what the slot is called; and by the variable's key, the family and the role.
        self._slots: dict[tuple[str, ...], Tensor] = {}
        self._families: dict[str, set[str]] = collections.defaultdict(set)
        self._pieces = _pieces(source)
        # What is a slot's says so by any key of the variable.
        first_key = {tensor.object_key: tensor.key for tensor in tensors if tensor.object_key}
        endings = collections.defaultdict(set)
        for tensor in tensors:
            if tensor.meaning.kind is Kind.SLOT:
                endings[tensor.meaning.variable].add(tensor.meaning.slot_name)
        self._wanted_key = {wanted.tensor.name: wanted.tensor.key for wanted in target.wanted}
        self._wanted_key |= {w.tensor.object_key: w.tensor.key for w in target.wanted if w.tensor.object_key}
        place = target.places()
        for tensor in tensors:
            if tensor.meaning.kind is Kind.SLOT:
                variable, slot = tensor.meaning.variable, tensor.meaning.slot_name
                for name in (slot, object_slot_name(slot, endings[variable])):
                    self._slots[first_key.get(variable, variable), name] = tensor
                state = states.get(tensor.key)
                if state is not None:
                    self._slots[first_key.get(variable, variable), state.family, state.role] = tensor
                    self._families[first_key.get(variable, variable)].add(state.family)
            if tensor.target is not None:
                self._by_rule[place(tensor.target)].append(tensor)
                continue
            self._by_name[tensor.name] = tensor
            self._by_path[tensor.candidates[-1]] = tensor
        self.names = list(self._by_name)
        self._forget_shared_names(target)
        # The global step, or else the only tensor that counts steps.
        self._step = source.steps[0] if len(source.steps) == 1 else None
        self._scalars = collections.defaultdict(list)
        for tensor in tensors:
            if tensor.meaning.kind is Kind.OPTIMIZER:
                self._scalars[tensor.name.rpartition('/')[2]].append(tensor)

    def _forget_shared_names(self, target: Targets) -> None:
        """Eager mode calls all that have no name `Variable`, where graphs number them: then names say nothing."""
        counts = collections.Counter(wanted.tensor.name for wanted in target.wanted)
        for name, count in counts.items():
            if count > 1 and f'{name}_1' in self._by_name:
                self._by_name.pop(name, None)
                self._by_path.pop(name, None)

    def find(self, wanted: TargetTensor, sources: dict[str, Tensor]) -> list[Tensor]:
        for call in wanted.calls:
            if call in self._by_rule:
                return self._by_rule[call]
        tensor, found = wanted.tensor, None
        kind, variable = tensor.meaning.kind, tensor.meaning.variable
        # A slot goes where its variable goes, and is made as that is made, whatever it is called.
        if kind is Kind.SLOT:
            found = self._slot(wanted, sources.get(self._wanted_key.get(variable, variable)))
        found = found or self._by_name.get(tensor.name) or self._by_path.get(tensor.candidates[-1])
        if found is None and wanted.is_step:
            found = self._step
        elif found is None and kind is Kind.OPTIMIZER:
            # Their scope is where the optimizer was called.
            scalars = self._scalars[tensor.name.rpartition('/')[2]]
            found = scalars[0] if len(scalars) == 1 else None
        if found is None:
            found = self._joined(wanted)
        return [found] if found else []

    def other_optimizer(self, wanted: TargetTensor, sources: dict[str, Tensor]) -> str:
        """What to say of a slot that is missing because the source is another optimizer's; else nothing."""
        variable = wanted.tensor.meaning.variable
        source = sources.get(self._wanted_key.get(variable, variable))
        families = self._families.get(source.key, set()) if source else set()
        if wanted.state is None or not families or wanted.state.family in families:
            return ''
        return f'the checkpoint has slots of {", ".join(sorted(families))}, not of {wanted.state.family}'

    def _slot(self, wanted: TargetTensor, variable: Tensor | None) -> Tensor | None:
        """The slot, or the slots of the pieces, of the variable's source; made as that is made."""
        if variable is None:
            return None
        called = (wanted.tensor.meaning.slot_name,)
        if wanted.state is not None and self._families:
            called = (wanted.state.family, wanted.state.role)
        recipe = variable.recipe
        keys = recipe.sources if recipe and len(recipe.sources) > 1 else (variable.key,)
        slots = [self._slots.get((key, *called)) for key in keys]
        if None in slots:
            return None
        if recipe is None or slots[0].recipe is not None or recipe.plain:
            return slots[0]
        return dataclasses.replace(slots[0], recipe=recipe.with_sources(tuple(slot.key for slot in slots)))

    def _joined(self, wanted: TargetTensor) -> Tensor | None:
        for call in wanted.calls:
            pieces = self._pieces.get(call, ())
            axis = joining_axis([self._reader.entry(piece.key).shape for piece in pieces], wanted.shape)
            if axis is not None:
                recipe = TensorRecipe(tuple(p.key for p in pieces), (Transform('concat', (axis,)),))
                return dataclasses.replace(pieces[0], recipe=recipe)
        return None


def _pieces(source: Source) -> dict[str, list[Tensor]]:
    """Variables that an object-based checkpoint has as a list, by the list's path and by the full name they share."""
    full_names = source.contents.full_names()
    groups: dict[str, list[Tensor]] = collections.defaultdict(list)
    for tensor in source.tensors:
        if tensor.path and tensor.path[-1].isdigit() and tensor.meaning.kind is Kind.VARIABLE:
            groups['/'.join(tensor.path[:-1])].append(tensor)
            name = full_names.get(tensor.object_key)
            if name:
                groups[name].append(tensor)
    found = {}
    for name, group in groups.items():
        group.sort(key=lambda tensor: int(tensor.path[-1]))
        if [int(tensor.path[-1]) for tensor in group] == list(range(len(group))) and len(group) > 1:
            found[name] = group
    return found
