"""Compares two checkpoints of any style."""

import dataclasses
import functools
import itertools
import json
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.columns import same_bytes
from estimator_ckpt.bundle.entries import decode_key
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.common import formatting
from estimator_ckpt.common.folding import fold
from estimator_ckpt.common.gc_pause import paused_collector
from estimator_ckpt.formats.opening import find_source, following
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.inspection import array_difference
from estimator_ckpt.inspection.pairing import Pair, pair
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.mapping.rules import Rules

Progress = Callable[[int, int], object]
_SECTIONS = {
    'only_in_a': 'only in A',
    'only_in_b': 'only in B',
    'shape': 'other shape',
    'dtype': 'other dtype',
    'value': 'other value',
}


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """A tensor that differs between two checkpoints, or is in only one of them.

    Attributes:
      key_a: The key in A; None if A does not have the tensor.
      key_b: The key in B; None if B does not have the tensor.
      shape_a: The shape in A after rules are applied; None if A does not have the tensor.
      shape_b: The shape in B; None if B does not have the tensor.
      dtype_a: The name of the data type in A after rules are applied; empty if A does not have the tensor.
      dtype_b: The name of the data type in B; empty if B does not have the tensor.
      elements: The number of elements that differ; None if values were not compared one by one.
      max_absolute: The largest absolute difference; infinite if only one of two values is NaN, None if not measured.
      max_relative: The largest difference relative to the larger magnitude; None if not measured.
    """

    key_a: str | None
    key_b: str | None
    shape_a: tuple[int, ...] | None = None
    shape_b: tuple[int, ...] | None = None
    dtype_a: str = ''
    dtype_b: str = ''
    elements: int | None = None
    max_absolute: float | None = None
    max_relative: float | None = None

    @property
    def key(self) -> str:
        """The key of the tensor, or `B <- A` if it differs between the two."""
        if self.key_a is not None and self.key_b is not None and self.key_a != self.key_b:
            return f'{self.key_b} <- {self.key_a}'
        return self.key_b or self.key_a or ''

    def detail(self) -> str:
        """Describes the difference in a line."""
        if self.key_a is None or self.key_b is None:
            return f'{self.dtype_a or self.dtype_b} {formatting.shape(self.shape_a or self.shape_b or ())}'
        parts = []
        if self.dtype_a != self.dtype_b:
            parts.append(f'{self.dtype_a} in A, {self.dtype_b} in B')
        if self.shape_a != self.shape_b:
            parts.append(f'{formatting.shape(self.shape_a)} in A, {formatting.shape(self.shape_b)} in B')
        if self.elements is not None:
            parts.append(f'{formatting.count(self.elements, "element")} of {math.prod(self.shape_b or ()):,}')
        if self.max_absolute is not None:
            parts.append(f'absolute {self.max_absolute:.3g}, relative {self.max_relative:.3g}')
        return '; '.join(parts) or 'other bytes'

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as values that JSON can represent; infinity, which it cannot, as a string."""
        fields = dataclasses.asdict(self)
        for name in ('max_absolute', 'max_relative'):
            if fields[name] is not None and not math.isfinite(fields[name]):
                fields[name] = str(fields[name])
        return fields


def difference_lines(rows: Sequence[Difference], are_folded: bool = False) -> list[str]:
    """Formats differences as a table, with the keys in the last column.

    Args:
      rows: The differences.
      are_folded: Whether tensors whose keys differ only in numbers share a line, if they differ in the same.
    """
    details, keys = [row.detail() for row in rows], [row.key for row in rows]
    folds = fold(keys, details) if are_folded else []
    if len(folds) in (0, len(rows)):
        return formatting.table(list(zip(details, keys, strict=True)))
    return formatting.table(
        [(details[f.members[0]], f'{len(f.members):,}', f.name) for f in folds], right={1}
    )


@dataclasses.dataclass
class DifferenceReport:
    """The differences between two checkpoints, A and B. The report is true if there are any.

    Attributes:
      a: The prefix of A.
      b: The prefix of B.
      only_in_a: The tensors that only A has.
      only_in_b: The tensors that only B has.
      shape: The tensors that differ in shape.
      dtype: The tensors that differ in data type.
      value: The tensors of the same shape and data type that differ in value.
      equal_tensors: The number of equal tensors.
      notes: Further findings, in sentences.
    """

    a: str
    b: str
    only_in_a: list[Difference] = dataclasses.field(default_factory=list)
    only_in_b: list[Difference] = dataclasses.field(default_factory=list)
    shape: list[Difference] = dataclasses.field(default_factory=list)
    dtype: list[Difference] = dataclasses.field(default_factory=list)
    value: list[Difference] = dataclasses.field(default_factory=list)
    equal_tensors: int = 0
    notes: list[str] = dataclasses.field(default_factory=list)

    def sections(self) -> dict[str, tuple[str, list[Difference]]]:
        """Returns the title and the rows of each list of differences, by the name of its attribute."""
        return {name: (title, getattr(self, name)) for name, title in _SECTIONS.items()}

    @property
    def equal(self) -> bool:
        """True if there is no difference."""
        return not any(rows for _, rows in self.sections().values())

    def __bool__(self) -> bool:
        return not self.equal

    def summary(self) -> str:
        """Summarizes the numbers of different and of equal tensors in a line."""
        parts = [
            formatting.count(len(rows), title) if title.startswith('other') else f'{len(rows):,} {title}'
            for title, rows in self.sections().values()
            if rows
        ]
        return (
            f'{", ".join(parts) or "no difference"}; {formatting.count(self.equal_tensors, "tensor")} equal'
        )

    def __str__(self) -> str:
        lines = [f'A: {self.a}', f'B: {self.b}']
        for title, rows in self.sections().values():
            if rows:
                lines += ['', f'{title} ({len(rows)}):']
                lines += ['  ' + line for line in difference_lines(rows)]
        return '\n'.join([*lines, '', *self.notes, self.summary()])

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as values that JSON can represent."""
        sections = {name: [row.to_dict() for row in getattr(self, name)] for name in _SECTIONS}
        return {'a': self.a, 'b': self.b, 'equal': self.equal, **sections} | {
            'equal_tensors': self.equal_tensors,
            'notes': self.notes,
        }

    def to_json(self) -> str:
        """Returns the report as a JSON object."""
        return json.dumps(self.to_dict())


def diff(
    a: str | os.PathLike,
    b: str | os.PathLike,
    *,
    rules: Rules = None,
    rtol: float = 0.0,
    atol: float = 0.0,
    progress: Progress | None = None,
) -> DifferenceReport:
    """Compares two checkpoints tensor by tensor.

    Tensors correspond by key, by name if the styles differ, or by rules; see `estimator_ckpt.inspection.pairing`.
    Tensors whose checksums in the indexes are equal are not read; of the remaining ones two are in memory at a time.
    NaN equals NaN.

    Args:
      a: The checkpoint A: a prefix, a model_dir, a `.index` or `.data-...` file, or the directory of a SavedModel.
      b: The checkpoint B.
      rules: The names of A's tensors in B; see `estimator_ckpt.mapping.rules`. Their operations are applied.
      rtol: The tolerated difference of values relative to the larger of the two magnitudes.
      atol: The tolerated absolute difference of values, in addition to the relative one.
      progress: Called with the number of bytes of each pair before it is compared, and the number of all bytes.

    Returns:
      The differences.

    Raises:
      CheckpointError: If a checkpoint cannot be read.
      RuleError: If a rule is malformed.
    """
    return following(
        lambda: [find_source(a), find_source(b)],
        functools.partial(_diff, rules=rules, rtol=rtol, atol=atol, progress=progress),
    )


def _diff(
    a: str, b: str, rules: Rules, rtol: float, atol: float, progress: Progress | None
) -> DifferenceReport:
    with paused_collector():
        contents_a, contents_b = Contents(a), Contents(b)
        pairing = pair(contents_a, contents_b, rules)
        reader_a, reader_b = contents_a.reader, contents_b.reader
        equal = _equal_keys(reader_a, reader_b)
        reader_a.decode_all()
        reader_b.decode_all()
    report = DifferenceReport(reader_a.prefix, reader_b.prefix)
    for key in pairing.only_in_a:
        entry = reader_a.entry(key)
        report.only_in_a.append(Difference(key, None, entry.shape, None, dtypes.name(entry.dtype)))
    for key in pairing.only_in_b:
        entry = reader_b.entry(key)
        report.only_in_b.append(Difference(None, key, None, entry.shape, '', dtypes.name(entry.dtype)))
    compared = [
        tensors
        for tensors in pairing.pairs
        if tensors.key_a != tensors.key_b or tensors.recipe is not None or tensors.key_a not in equal
    ]
    report.equal_tensors += len(pairing.pairs) - len(compared)
    sizes = [reader_a.entry(t.key_a).size + reader_b.entry(t.key_b).size for t in compared]
    total = sum(sizes)
    for size, tensors in zip(sizes, compared, strict=True):
        if progress:
            progress(size, total)
        _compare(tensors, reader_a, reader_b, report, rtol, atol)
    report.notes += [f'No tensor takes the rule {rule!r}.' for rule in pairing.idle]
    if _graphs_differ(contents_a, contents_b):
        report.notes.append('The object graphs differ.')
    return report


def _equal_keys(reader_a: TensorSource, reader_b: TensorSource) -> set[str]:
    """Returns the keys of tensors that are equal according to the indexes, if both have the same keys."""
    if not (isinstance(reader_a, BundleReader) and isinstance(reader_b, BundleReader)):
        return set()
    if reader_a.big_endian != reader_b.big_endian or list(reader_a.raw) != list(reader_b.raw):
        return set()
    equal = same_bytes(reader_a.columns, reader_b.columns)
    return set(itertools.compress(map(decode_key, reader_a.raw), equal.tolist()))


def _compare(
    tensors: Pair,
    reader_a: TensorSource,
    reader_b: TensorSource,
    report: DifferenceReport,
    rtol: float,
    atol: float,
) -> None:
    key_a, key_b, recipe = tensors.key_a, tensors.key_b, tensors.recipe
    entry_a, entry_b = reader_a.entry(key_a), reader_b.entry(key_b)
    dtype, shape = (entry_a.dtype, entry_a.shape) if recipe is None else recipe.outcome(reader_a)
    fits = (dtype, shape) == (entry_b.dtype, entry_b.shape)
    if recipe is not None and recipe.moves_no_bytes(reader_a):
        recipe = None
    if (
        fits
        and recipe is None
        and isinstance(reader_a, BundleReader)
        and isinstance(reader_b, BundleReader)
        and _same_bytes(tensors, reader_a, reader_b)
    ):
        report.equal_tensors += 1
        return
    row = Difference(key_a, key_b, shape, entry_b.shape, dtypes.name(dtype), dtypes.name(entry_b.dtype))
    if shape != entry_b.shape:
        report.shape.append(row)
    if dtype != entry_b.dtype:
        report.dtype.append(row)
    if not fits:
        return
    try:
        array_a = reader_a.tensor(key_a, verify=True) if recipe is None else recipe.compute(reader_a)
        array_b = reader_b.tensor(key_b, verify=True)
    except dtypes.UnsupportedDtypeError:
        report.value.append(row)
        return
    distance = array_difference.compare(array_a, array_b, rtol, atol)
    if distance.elements:
        report.value.append(dataclasses.replace(row, **dataclasses.asdict(distance)))
    else:
        report.equal_tensors += 1


def _same_bytes(tensors: Pair, reader_a: BundleReader, reader_b: BundleReader) -> bool:
    """Returns True if the indexes have equal checksums of two tensors of one type, or of all of their slices."""
    entry_a, entry_b = reader_a.entry(tensors.key_a), reader_b.entry(tensors.key_b)
    if reader_a.big_endian != reader_b.big_endian or set(entry_a.slices) != set(entry_b.slices):
        return False
    if not entry_a.slices:
        return (entry_a.size, entry_a.crc32c) == (entry_b.size, entry_b.crc32c)
    pieces = [
        (reader_a.slice_entry(tensors.key_a, part), reader_b.slice_entry(tensors.key_b, part))
        for part in set(entry_a.slices)
    ]
    return all((a.size, a.crc32c) == (b.size, b.crc32c) for a, b in pieces)


def _graphs_differ(a: Contents, b: Contents) -> bool:
    return a.graph is not None and b.graph is not None and a.graph.nodes != b.graph.nodes
