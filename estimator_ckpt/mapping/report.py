"""Finds for each tensor of a program the key in a checkpoint that it comes from."""

import dataclasses
import difflib
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.common import formatting
from estimator_ckpt.formats.source import TensorSource

# Finding the nearest names takes time for each pair of names.
_MAX_HINTS = 20


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
      warnings: What may be wrong, in sentences; they are logged where there is a log.
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
    warnings: list[str] = dataclasses.field(default_factory=list)
    status: Any = dataclasses.field(default=None, repr=False, compare=False)

    def sections(self) -> dict[str, list[Row]]:
        """The lists of rows by their names."""
        return {name: getattr(self, name) for name in _SECTIONS}

    def remarks(self) -> list[str]:
        """Returns the notes, and the warnings called such."""
        return self.notes + [f'Warning: {warning}' for warning in self.warnings]

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
        return result + [f'No tensor takes the rule {rule}.' for rule in self.idle_rules] + self.remarks()

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


_CURE = 'Use the checkpoint of this model, or rules that say where each variable comes from.'


def mapping_error(
    report: MappingReport, source: str, ignored: Collection[str] = (), cure: str = _CURE
) -> MappingError:
    """The error that lists all that does not fit.

    Args:
      report: With the nearest candidates as the notes of what is missing.
      source: The checkpoint's prefix.
      ignored: The sections of the report that are no fault.
      cure: What to do, in a sentence.
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
    return MappingError(
        ' '.join([f'The checkpoint {source} {", and ".join(faults)}.', *report.remarks(), cure]), report
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


def unused_rows(source: TensorSource, keys: Iterable[str], report: MappingReport) -> list[Row]:
    """Rows for the keys that nothing in a report takes."""
    used = {row.source for row in report.matched + report.mismatched + report.ambiguous}
    entries = [(key, source.entry(key)) for key in keys if key not in used]
    return [Row(key, None, entry.shape, dtypes.name(entry.dtype)) for key, entry in entries]


_NARROW = ('target', 'source', 'note')


def section_lines(rows: Sequence[Any], width: int | None) -> list[str]:
    """The lines of a table of rows of a report, with titles; columns that would be empty are left out.

    Args:
      rows: `mapping.Row`s, one or more.
      width: What the lines should fit into; None to shorten nothing.
    """
    cells = [('target', 'source', 'dtype', 'shape', 'note')]
    cells += [(r.target or '', r.source or '', r.dtype, formatting.shape(r.shape), r.note) for r in rows]
    used = [column for column, column_cells in enumerate(zip(*cells, strict=True)) if any(column_cells[1:])]
    cells = [tuple(row[column] for column in used) for row in cells]
    flexible = [column for column, title in enumerate(cells[0]) if title in _NARROW]
    return formatting.table(cells, flexible=flexible, width=width)
