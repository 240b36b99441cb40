"""Which tensor of a checkpoint each tensor of another one, or of a program, comes from."""

import collections
import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from estimator_ckpt import slot_names
from estimator_ckpt.bundle import dtypes
from estimator_ckpt.contents import Contents
from estimator_ckpt.kinds import Kind, meanings_of_objects
from estimator_ckpt.mapping import MappingReport, Row, nearest, unused_rows
from estimator_ckpt.object_graph import ObjectGraph
from estimator_ckpt.operations import Recipe
from estimator_ckpt.rules import Rules
from estimator_ckpt.tensor_names import Tensor, apply_rules, object_path, read_tensors


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A tensor that is to get a value."""

    tensor: Tensor
    shape: tuple[int, ...] | None
    dtype: int


@dataclasses.dataclass
class Target:
    """What is to be filled: the layout of another checkpoint, or a program's objects."""

    wanted: list[Wanted]
    graph: ObjectGraph | None


@dataclasses.dataclass
class Plan:
    """The answer.

    Attributes:
      sources: For the key of each wanted tensor that has one, its source.
      report: All that fits and all that does not.
    """

    sources: dict[str, Tensor]
    report: MappingReport


def plan(source: str | os.PathLike, target: Any, rules: Rules = None) -> MappingReport:
    """Works out the mapping from a checkpoint to another one, or to a program's objects, and touches nothing.

    Args:
      source: A checkpoint of any style.
      target: A checkpoint, or a `tf.train.Checkpoint`.
      rules: New names for the source's tensors: the target's names or object paths; see `estimator_ckpt.rules`.

    Returns:
      What fits and what does not, rules that no tensor takes among its notes.

    Raises:
      CheckpointError: If a checkpoint cannot be read.
      RuleError: If a rule cannot be understood.
    """
    contents = Contents(source)
    tensors = read_tensors(contents)
    tensors, idle = apply_rules(tensors, rules)
    report = match(contents, tensors, read_target(target)).report
    report.notes += [f'No tensor takes the rule {rule!r}.' for rule in idle]
    return report


def read_target(target: Any) -> Target:
    """The tensors of a checkpoint on disk, or of a `tf.train.Checkpoint`.

    Raises:
      CheckpointError: If it cannot be read.
      TypeError: If it is neither a path nor a `tf.train.Checkpoint`.
    """
    if isinstance(target, (str, os.PathLike)):
        contents = Contents(target)
        entries = [(tensor, contents.reader.entry(tensor.key)) for tensor in read_tensors(contents)]
        return Target([Wanted(tensor, entry.shape, entry.dtype) for tensor, entry in entries], contents.graph)
    from estimator_ckpt import tracked  # Only objects need TensorFlow.

    tracked.check_checkpoint(target)
    reached = tracked.track(target)
    meanings = meanings_of_objects(reached.graph)
    wanted = []
    for item in reached.tensors:
        meaning = meanings[item.attribute_key]
        if meaning.kind is not Kind.COUNTER:
            suffix = item.key.removeprefix(item.attribute_key)
            path = object_path(item.attribute_key)
            name = item.full_name or '/'.join(path) + suffix
            tensor = Tensor(item.key, name, item.key, path, suffix, meaning)
            wanted.append(Wanted(tensor, item.shape, item.dtype))
    return Target(wanted, reached.graph)


def match(contents: Contents, tensors: Sequence[Tensor], target: Target) -> Plan:
    """Finds for each wanted tensor its source.

    First come the sources that a rule gives its name or path, then those of the same name, then of the same path, and
    for slots the slot of the same name of the variable's source.
    """
    finder = _Finder(tensors)
    report, sources = MappingReport(), {}
    # Slots are found through their variables.
    for wanted in sorted(target.wanted, key=lambda wanted: wanted.tensor.meaning.kind is Kind.SLOT):
        row = Row(None, wanted.tensor.name, wanted.shape, dtypes.name(wanted.dtype))
        found = finder.find(wanted.tensor, sources)
        if not found:
            hint = nearest(wanted.tensor.name, finder.names, len(report.missing))
            report.missing.append(dataclasses.replace(row, note=hint))
        elif len(found) > 1:
            report.ambiguous += [dataclasses.replace(row, source=tensor.key) for tensor in found]
        else:
            sources[wanted.tensor.key] = found[0]
            row = dataclasses.replace(row, source=found[0].key)
            recipe = found[0].recipe or Recipe((found[0].key,))
            dtype, shape = recipe.outcome(contents.reader)
            if dtype == wanted.dtype and wanted.shape in (None, shape):
                report.matched.append(row)
            else:
                note = f'the source is {dtypes.name(dtype)} {list(shape)}'
                report.mismatched.append(dataclasses.replace(row, note=note))
    report.unused = unused_rows(contents.reader, [tensor.key for tensor in tensors], report)
    return Plan(sources, report)


class _Finder:
    """The source's tensors by all that they can be found by."""

    def __init__(self, tensors: Sequence[Tensor]):
        self._by_rule: dict[str, list[Tensor]] = collections.defaultdict(list)
        self._by_name: dict[str, Tensor] = {}
        self._by_path: dict[str, Tensor] = {}
        self._slots: dict[tuple[str, str], Tensor] = {}
        endings = collections.defaultdict(set)
        for tensor in tensors:
            if tensor.meaning.kind is Kind.SLOT:
                endings[tensor.meaning.variable].add(tensor.meaning.slot_name)
        for tensor in tensors:
            if tensor.target is not None:
                self._by_rule[tensor.target].append(tensor)
                continue
            self._by_name[tensor.name] = tensor
            self._by_path[tensor.candidates[-1]] = tensor
            if tensor.meaning.kind is Kind.SLOT:
                variable, slot = tensor.meaning.variable, tensor.meaning.slot_name
                for name in (slot, slot_names.object_name(slot, endings[variable])):
                    self._slots[variable, name] = tensor
        self.names = list(self._by_name)

    def find(self, wanted: Tensor, sources: dict[str, Tensor]) -> list[Tensor]:
        for candidate in wanted.candidates:
            if candidate in self._by_rule:
                return self._by_rule[candidate]
        found = self._by_name.get(wanted.name) or self._by_path.get(wanted.candidates[-1])
        if found is None and wanted.meaning.kind is Kind.SLOT:
            variable = sources.get(wanted.meaning.variable)
            if variable is not None:
                found = self._slots.get((variable.key, wanted.meaning.slot_name))
        return [found] if found else []
