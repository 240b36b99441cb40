"""Finds for each tensor of a program the key in a checkpoint that it comes from."""

import dataclasses
import difflib
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from estimator_ckpt.bundle import dtypes, slices
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.keys.object_graph import ObjectGraph
from estimator_ckpt.mapping.report_table import section_lines

# Finding the nearest names takes time for each pair of names.
_MAX_HINTS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Location:
    """Where a tensor is in a checkpoint: a key, and a slice spec (`'10 4 0,5:0,4'`) where it is a part of that."""

    key: str
    slice_spec: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A tensor of a program.

    Attributes:
      by_name: Where a name-based checkpoint has it; None for what has no name.
      by_object: Where an object-based checkpoint has it; None for what no object reaches.
      attribute_key: The object graph's key for it, which `by_object.key` begins with.
      dtype: TensorFlow's data type number.
      shape: Its shape; None where that is not known beforehand.
    """

    by_name: Location | None
    by_object: Location | None
    attribute_key: str
    dtype: int
    shape: tuple[int, ...] | None

    @property
    def label(self) -> str:
        return (self.by_name or self.by_object).key


@dataclasses.dataclass(slots=True)
class Row:
    """One line of a report.

    Attributes:
      source: The key in the checkpoint, or None.
      target: The variable's name or object path, or None.
      shape: The target's shape, or the source's where there is no target; None where it is not known.
      dtype: The data type's name.
      note: What is wrong, and the nearest candidates.
    """

    source: str | None
    target: str | None
    shape: tuple[int, ...] | None
    dtype: str
    note: str = ''


_SECTIONS = ('matched', 'missing', 'unused', 'mismatched', 'ambiguous', 'skipped')


@dataclasses.dataclass
class MappingReport:
    """What goes where, and what does not fit.

    Attributes:
      matched: Targets with their sources.
      missing: Targets without a source.
      unused: Sources that no target takes.
      mismatched: Targets whose source has another shape or data type.
      ambiguous: Targets with several possible sources.
      skipped: Targets that were not asked for, and why.
      idle_rules: The rules that nothing takes, as they were written, and the nearest names.
      notes: What else is worth knowing, in sentences.
      status: Of a warm start of layers that are not built, TensorFlow's load status; else None.
    """

    matched: list[Row] = dataclasses.field(default_factory=list)
    missing: list[Row] = dataclasses.field(default_factory=list)
    unused: list[Row] = dataclasses.field(default_factory=list)
    mismatched: list[Row] = dataclasses.field(default_factory=list)
    ambiguous: list[Row] = dataclasses.field(default_factory=list)
    skipped: list[Row] = dataclasses.field(default_factory=list)
    idle_rules: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    status: Any = dataclasses.field(default=None, repr=False, compare=False)

    def sections(self) -> dict[str, list[Row]]:
        """The lists of rows by their names."""
        return {name: getattr(self, name) for name in _SECTIONS}

    def faults(self, ignored: Collection[str] = ()) -> bool:
        """Whether something does not fit, but for sections that are no fault."""
        sections = [
            *(name for name in ('missing', 'mismatched', 'ambiguous') if name not in ignored),
            'idle_rules',
        ]
        return any(getattr(self, section) for section in sections)

    def __str__(self) -> str:
        return '\n'.join(self.lines()) or 'nothing to map'

    def lines(self, hidden: Collection[str] = (), width: int = 80) -> list[str]:
        """The report as tables that fit into `width`; of the hidden sections only the number of rows."""
        result = []
        for title, rows in self.sections().items():
            if rows:
                result.append(f'{title} ({len(rows):,})' + ('' if title in hidden else ':'))
                result += [] if title in hidden else [f'  {line}' for line in section_lines(rows, width - 2)]
        return result + [f'No tensor takes the rule {rule}.' for rule in self.idle_rules] + self.notes

    def to_json(self) -> str:
        """The report as a JSON object with a list of rows for each section."""
        content = dataclasses.asdict(dataclasses.replace(self, status=None))
        del content['status']
        return json.dumps(content)


class MappingError(CheckpointError):
    """A checkpoint does not fit a program. `report` lists every case."""

    def __init__(self, message: str, report: MappingReport):
        super().__init__(message)
        self.report = report


def map_targets(
    targets: Sequence[Target], graph: ObjectGraph, source: BundleReader, source_graph: ObjectGraph | None
) -> list[Location]:
    """Finds where a checkpoint of any style has each target.

    The object graphs are walked side by side first; what that does not find is looked for by name, as a name-based key
    or as the full name that the source's object graph notes.

    Args:
      targets: The tensors to be restored.
      graph: Their object graph.
      source: The checkpoint.
      source_graph: Its object graph; None if it is name-based.

    Returns:
      The location of each target in the source.

    Raises:
      MappingError: If a target has no source, or one of another shape or data type. It lists all such.
    """
    report, names = MappingReport(), []
    found = locate_targets(targets, graph, source, source_graph)
    for target, location in zip(targets, found, strict=True):
        shape = target.shape
        if location is None:
            names = names or source.keys()
            hint = nearest(target.label, names, len(report.missing))
            report.missing.append(Row(None, target.label, shape, dtypes.name(target.dtype), hint))
            continue
        fault = _misfit(target, location, source)
        row = Row(location.key, target.label, shape, dtypes.name(target.dtype), fault)
        (report.mismatched if fault else report.matched).append(row)
    if report.missing or report.mismatched:
        report.unused = unused_rows(source, names or source.keys(), report)
        raise mapping_error(report, source.prefix)
    return found


def locate_targets(
    targets: Sequence[Target], graph: ObjectGraph, source: BundleReader, source_graph: ObjectGraph | None
) -> list[Location | None]:
    """Like `map_targets`, with None for a target that has no source, and no look at shapes and data types."""
    matched = graph.match(source_graph) if source_graph else {}
    full_names = source_graph.keys_by_full_name() if source_graph else {}
    return [_locate(target, matched, full_names, source) for target in targets]


def _locate(
    target: Target, matched: dict[str, str], full_names: dict[str, str], source: BundleReader
) -> Location | None:
    if target.by_object and target.attribute_key in matched:
        suffix = target.by_object.key.removeprefix(target.attribute_key)
        location = Location(matched[target.attribute_key] + suffix, target.by_object.slice_spec)
        if location.key in source:
            return location
    if target.by_name is None:
        return None
    if target.by_name.key in source:
        return target.by_name
    key = full_names.get(target.by_name.key)
    if key is not None and key in source:
        return Location(key, target.by_name.slice_spec)
    return None


def _misfit(target: Target, location: Location, source: BundleReader) -> str:
    entry = source.entry(location.key)
    if entry.dtype != target.dtype:
        return f'the checkpoint has {dtypes.name(entry.dtype)}, the variable {dtypes.name(target.dtype)}'
    expected = target.shape
    if location.slice_spec:
        expected, _ = slices.parse_spec(location.slice_spec)
    if expected is not None and entry.shape != expected:
        return f'the checkpoint has shape {list(entry.shape)}, the variable {list(expected)}'
    return ''


def mapping_error(report: MappingReport, source: str, ignored: Collection[str] = ()) -> MappingError:
    """The error that lists all that does not fit.

    Args:
      report: With the nearest candidates as the notes of what is missing.
      source: The checkpoint's prefix.
      ignored: The sections of the report that are no fault.
    """
    sections = {name: () if name in ignored else rows for name, rows in report.sections().items()}
    problems = [
        f'{row.target!r} is not in it' + (f' ({row.note})' if row.note else '') for row in sections['missing']
    ]
    problems += [f'{row.target!r} (key {row.source!r}): {row.note}' for row in sections['mismatched']]
    problems += [f'{row.target!r} could come from {row.source!r}' for row in sections['ambiguous']]
    faults = []
    if problems:
        faults.append(f'does not fit {len(problems)} of the variables: {"; ".join(problems)}')
    if report.idle_rules:
        faults.append(f'has nothing for the rules {"; ".join(report.idle_rules)}')
    cure = 'Use the checkpoint of this model, or rules that say where each variable comes from.'
    return MappingError(
        ' '.join([f'The checkpoint {source} {", and ".join(faults)}.', *report.notes, cure]), report
    )


def nearest(name: str, names: Sequence[str], found: int) -> str:
    """The names most like one, for a message; empty where there are none, or enough was said already.

    Args:
      name: The name that is missing.
      names: Those that there are.
      found: How many others are missing; the search takes time for each pair of names.
    """
    if found >= _MAX_HINTS:
        return ''
    near = difflib.get_close_matches(name, names, n=2)
    if not near:  # In another scope the same variable can have a name that is not much alike.
        last = name.rpartition('/')[2]
        near = [other for other in names if other.rpartition('/')[2] == last][:2]
    return f'nearest: {", ".join(near)}' if near else ''


def unused_rows(source: BundleReader, keys: Iterable[str], report: MappingReport) -> list[Row]:
    """Rows for the keys that nothing in a report takes."""
    used = {row.source for row in report.matched + report.mismatched + report.ambiguous}
    entries = [(key, source.entry(key)) for key in keys if key not in used]
    return [Row(key, None, entry.shape, dtypes.name(entry.dtype)) for key, entry in entries]
