"""TODO."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from estimator_ckpt.bundle import dtypes, slices
from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys.object_graph import ObjectGraph
from estimator_ckpt.mapping.report import (
    MappingReport,
    Row,
    mapping_error,
    nearest,
    unused_rows,
)


@dataclasses.dataclass(frozen=True, slots=True)
class TensorLocations:
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


def map_targets(
    targets: Sequence[TensorLocations],
    graph: ObjectGraph,
    source: TensorSource,
    source_graph: ObjectGraph | None,
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
        raise mapping_error(report, source.prefix, cure=_cure_of_resume(report, source))
    return found


def _cure_of_resume(report: MappingReport, source: TensorSource) -> str:
    """Returns what to do where a program has changed: a resume takes no rules, a warm start leaves things out."""
    options = "include='all', slots=True, step='keep', missing='ignore'"
    types_differ = [row.dtype != dtypes.name(source.entry(row.source).dtype) for row in report.mismatched]
    options += ', cast=True' if any(types_differ) else ''
    options += '' if all(types_differ) else ", mismatch='skip'"
    return (
        'Restore it with the program that saved it; or start the changed one in a new model_dir with '
        f'estimator_ckpt.scaffold(..., warm_start=estimator_ckpt.WarmStart({source.prefix!r}, {options})).'
    )


def locate_targets(
    targets: Sequence[TensorLocations],
    graph: ObjectGraph,
    source: TensorSource,
    source_graph: ObjectGraph | None,
) -> list[Location | None]:
    """Like `map_targets`, with None for a target that has no source, and no look at shapes and data types."""
    matched = graph.match(source_graph) if source_graph else {}
    full_names = source_graph.keys_by_full_name() if source_graph else {}
    return [_locate(target, matched, full_names, source) for target in targets]


def _locate(
    target: TensorLocations, matched: dict[str, str], full_names: dict[str, str], source: TensorSource
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


def _misfit(target: TensorLocations, location: Location, source: TensorSource) -> str:
    entry = source.entry(location.key)
    if entry.dtype != target.dtype:
        return f'the checkpoint has {dtypes.name(entry.dtype)}, the variable {dtypes.name(target.dtype)}'
    expected = target.shape
    if location.slice_spec:
        expected, _ = slices.parse_spec(location.slice_spec)
    if expected is not None and entry.shape != expected:
        return f'the checkpoint has shape {list(entry.shape)}, the variable {list(expected)}'
    return ''


@dataclasses.dataclass(frozen=True)
class Program:
    """What a program calls its tensors in each style.

    Attributes:
      targets: Its tensors.
      graph: Its object graph.
      host_values: What Python keeps beside them, as functions that give the values to save, by their object keys.
      counter_name: The name of its own variable that counts saves, if it has one.
    """

    targets: Sequence[TensorLocations]
    graph: ObjectGraph
    host_values: Mapping[str, Callable[[], np.ndarray]] = dataclasses.field(default_factory=dict)
    counter_name: str | None = None
