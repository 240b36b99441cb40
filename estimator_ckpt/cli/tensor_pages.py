"""The pages of `plan` and `diff`: which tensors correspond, what does not fit, and the values of both sides."""

import math
from collections.abc import Callable, Mapping

from estimator_ckpt.cli import report_lines
from estimator_ckpt.cli.html_page import BAD, FAINT, GOOD, ODD, Page, PageRow, layer_of
from estimator_ckpt.common import formatting
from estimator_ckpt.inspection.diff_checkpoints import Difference, DifferenceReport
from estimator_ckpt.inspection.pairing import pair
from estimator_ckpt.inspection.tensor_histograms import Histograms, histograms, is_counted
from estimator_ckpt.keys.contents import CheckpointEntry, Contents, keys_by_name
from estimator_ckpt.mapping.report import MappingReport
from estimator_ckpt.mapping.rules import Rules

Progress = Callable[[int, int], object] | None
_PLAN_STATES = {
    'matched': GOOD,
    'missing': BAD,
    'mismatched': BAD,
    'ambiguous': BAD,
    'unused': FAINT,
    'skipped': FAINT,
}
_EQUAL = 'equal'
# Bars show the powers of ten from this one to 1.
_SMALLEST_POWER = -8


class _Side:
    """One of the two checkpoints."""

    def __init__(self, path: str):
        self.contents = Contents(path)
        self.entries: Mapping[str, CheckpointEntry] = {e.key: e for e in self.contents.entries()}
        self._keys = keys_by_name(self.entries.values())

    def key(self, name: str | None) -> str | None:
        """Returns the key of a name or object path; None if the checkpoint does not have it, or has several."""
        keys = self._keys.get(name, []) if name else []
        return keys[0] if len(keys) == 1 else None

    def layer(self, name: str | None) -> str | None:
        """Returns the layer of a tensor, which for a slot is that of its variable."""
        if name is None:
            return None
        key = self.key(name)
        entry = self.entries[key] if key is not None else None
        if entry is None or entry.variable not in self.entries:
            return layer_of(name)
        variable = self.entries[entry.variable]
        return layer_of(variable.full_name or variable.key if name == entry.full_name else variable.key)


class _Values:
    """Reads histograms, and reports progress."""

    def __init__(self, a: _Side, b: _Side, progress: Progress):
        self._sides, self._progress = (a, b), progress
        self._total = 0

    def histograms(self, *keys: str | None) -> Histograms | None:
        """Returns the histograms of the tensors of both sides; None if there are none."""
        tensors = [
            (side.contents.reader, key) if key is not None and is_counted(side.contents.reader, key) else None
            for side, key in zip(self._sides, keys, strict=True)
        ]
        return histograms(tensors, self._read)

    def expect(self, *keys: str | None) -> None:
        """Counts the bytes of tensors that are going to be read."""
        self._total += sum(
            side.entries[key].size for side, key in zip(self._sides, keys, strict=True) if key is not None
        )

    def _read(self, size: int) -> None:
        if self._progress:
            self._progress(size, self._total)


def plan_page(report: MappingReport, source: str, target: str, progress: Progress = None) -> Page:
    """Returns the page of a plan.

    Args:
      report: The plan.
      source: The source.
      target: The target.
      progress: Called with the number of bytes of each piece that was read, and the number of all bytes.

    Raises:
      CheckpointError: If a tensor cannot be read.
    """
    a, b = _Side(source), _Side(target)
    values = _Values(a, b, progress)
    found = [(state, row) for state, rows in report.sections().items() for row in rows]
    keys = [(a.key(row.source), b.key(row.target)) for _, row in found]
    for both in keys:
        values.expect(*both)
    rows = [
        PageRow(
            state,
            row.source,
            row.target,
            a.layer(row.source),
            b.layer(row.target),
            row.dtype,
            formatting.shape(row.shape),
            row.note,
            histograms=values.histograms(*both),
        )
        for (state, row), both in zip(found, keys, strict=True)
    ]
    remarks = [*(f'No tensor takes the rule {rule}.' for rule in report.idle_rules), *report.remarks()]
    return Page(
        'Plan',
        ('source', 'target'),
        (a.contents.reader.prefix, b.contents.reader.prefix),
        _PLAN_STATES,
        report_lines.counts(report) or 'nothing to map',
        remarks,
        rows,
    )


def diff_page(report: DifferenceReport, rules: Rules, progress: Progress = None) -> Page:
    """Returns the page of a comparison. Histograms are drawn of tensors that differ.

    Args:
      report: The comparison.
      rules: The rules of the comparison.
      progress: Called with the number of bytes of each piece that was read, and the number of all bytes.

    Raises:
      CheckpointError: If a tensor cannot be read.
    """
    a, b = _Side(report.a), _Side(report.b)
    values = _Values(a, b, progress)
    sections = report.sections()
    found = [(title, row) for title, rows in sections.values() for row in rows]
    for _, row in found:
        values.expect(row.key_a, row.key_b)
    rows = [
        PageRow(
            title,
            row.key_a,
            row.key_b,
            a.layer(row.key_a),
            b.layer(row.key_b),
            row.dtype_b or row.dtype_a,
            formatting.shape(row.shape_b or row.shape_a or ()),
            '' if row.key_a is None or row.key_b is None else row.detail(),
            _bar(row),
            values.histograms(row.key_a, row.key_b),
        )
        for title, row in found
    ]
    differing = {(row.key_a, row.key_b) for _, row in found}
    for both in pair(a.contents, b.contents, rules).pairs:
        if (both.key_a, both.key_b) not in differing:
            entry = b.entries[both.key_b]
            names = both.key_a, both.key_b, a.layer(both.key_a), b.layer(both.key_b)
            rows.append(PageRow(_EQUAL, *names, entry.dtype, formatting.shape(entry.shape)))
    states = {_EQUAL: GOOD} | {
        title: ODD if name == 'value' else BAD for name, (title, _) in sections.items()
    }
    paths = a.contents.reader.prefix, b.contents.reader.prefix
    return Page('Difference', ('A', 'B'), paths, states, report.summary(), report.notes, rows)


def _bar(row: Difference) -> float | None:
    """Returns the largest relative difference as a part of the length of a bar; None if values were not compared."""
    if row.max_relative is None:
        return None
    if row.max_relative <= 0:
        return 0.0
    power = math.log10(min(row.max_relative, 1.0))
    return min(1.0, max(0.05, 1 - power / _SMALLEST_POWER))
