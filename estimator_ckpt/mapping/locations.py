"""The places of the tensors of a program in checkpoints of each style."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from estimator_ckpt.bundle import dtypes, slices
from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys.object_graph import ObjectGraph
from estimator_ckpt.mapping.report import MappingReport, Row, mapping_error, nearest, unused_rows


@dataclasses.dataclass(frozen=True, slots=True)
class TensorLocations:
    """The locations of a tensor of a program. At least one of them is given.

    Attributes:
      by_name: The location in a name-based checkpoint; None for a tensor without a name.
      by_object: The location in an object-based checkpoint; None for a tensor that no object reaches.
      attribute_key: The key in the object graph, which `by_object.key` begins with.
      dtype: TensorFlow's data type number.
      shape: The shape; None if it is not known beforehand.
    """

    by_name: Location | None
    by_object: Location | None
    attribute_key: str
    dtype: int
    shape: tuple[int, ...] | None

    @property
    def label(self) -> str:
        """The name of the tensor in messages: its name-based key, or else its object key."""
        location = self.by_name or self.by_object
        return location.key if location else self.attribute_key


def map_targets(
    targets: Sequence[TensorLocations],
    graph: ObjectGraph,
    source: TensorSource,
    source_graph: ObjectGraph | None,
    advice: str = '',
) -> list[Location]:
    """Returns the location of each target in a checkpoint of any style.

    The object graphs are walked side by side first. Targets that are not found so are looked up by name: as a
    name-based key, or as a full name in the object graph of the source.

    Args:
      targets: The tensors to be restored.
      graph: The object graph of the targets.
      source: The reader of the checkpoint.
      source_graph: The object graph of the checkpoint; None if it is name-based.
      advice: A sentence on targets without a source, which comes before the cure in the error.

    Raises:
      MappingError: If a target has no source, or one of another shape or data type. The error lists all such targets.
    """
    report = MappingReport()
    located: list[Location] = []
    source_keys: list[str] = []
    for target, location in zip(targets, locate_targets(targets, graph, source, source_graph), strict=True):
        shape = target.shape
        if location is None:
            source_keys = source_keys or source.keys()
            hint = nearest(target.label, source_keys, len(report.missing))
            report.missing.append(Row(None, target.label, shape, dtypes.name(target.dtype), hint))
            continue
        located.append(location)
        misfit = _misfit(target, location, source)
        row = Row(location.key, target.label, shape, dtypes.name(target.dtype), misfit)
        (report.mismatched if misfit else report.matched).append(row)
    if report.missing or report.mismatched:
        report.unused = unused_rows(source, source_keys or source.keys(), report)
        cure = _cure_of_resume(report, source)
        raise mapping_error(
            report, source.prefix, cure=f'{advice} {cure}' if advice and report.missing else cure
        )
    return located


def _cure_of_resume(report: MappingReport, source: TensorSource) -> str:
    """Returns the advice for a program that has changed: resuming takes no rules, but a warm start can be partial."""
    options = "include='all', slots=True, step='keep', missing='ignore'"
    sources = [(row, row.source) for row in report.mismatched if row.source is not None]
    types_differ = [row.dtype != dtypes.name(source.entry(key).dtype) for row, key in sources]
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
    """Returns the location of each target in a checkpoint of any style, as `map_targets` does, without checks.

    Args:
      targets: The tensors to be restored.
      graph: The object graph of the targets.
      source: The reader of the checkpoint.
      source_graph: The object graph of the checkpoint; None if it is name-based.

    Returns:
      The locations; None for a target without a source. Shapes and data types are not compared.
    """
    counterparts = graph.match(source_graph) if source_graph else {}
    full_names = source_graph.keys_by_full_name() if source_graph else {}
    return [_locate(target, counterparts, full_names, source) for target in targets]


def _locate(
    target: TensorLocations, counterparts: dict[str, str], full_names: dict[str, str], source: TensorSource
) -> Location | None:
    if target.by_object and target.attribute_key in counterparts:
        suffix = target.by_object.key.removeprefix(target.attribute_key)
        location = Location(counterparts[target.attribute_key] + suffix, target.by_object.slice_spec)
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
    """Returns why the tensor at a location does not fit a target; empty if it fits."""
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
    """The tensors of a program, with their locations in each style.

    Attributes:
      targets: The tensors.
      graph: The object graph.
      host_values: The functions that return the state that Python objects save, by object keys.
      counter_name: The name of the program's own variable that counts saves; None if there is none.
    """

    targets: Sequence[TensorLocations]
    graph: ObjectGraph
    host_values: Mapping[str, Callable[[], np.ndarray]] = dataclasses.field(default_factory=dict)
    counter_name: str | None = None
