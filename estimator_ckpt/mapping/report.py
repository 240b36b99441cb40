"""The report of a mapping, and the error that lists what does not fit."""

import dataclasses
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.common import formatting
from estimator_ckpt.common.folding import fold
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.mapping.recipes import Recipe

# Names are compared pair by pair, which is slow where many are missing.
_MAX_HINTS = 20
# The most tensors that the note on a joined one names.
_MAX_JOINED = 3


@dataclasses.dataclass(slots=True)
class Row:
    """One line of a report.

    Attributes:
      source: The key in the checkpoint; None for a target without a source.
      target: The name or object path of the variable; None for a source that no target takes.
      shape: The shape of the target, or else of the source; None if it is not known.
      dtype: The name of the data type.
      note: The reason why the two do not fit, the names nearest to a missing one, or the further sources of a tensor
        that is joined from several.
    """

    source: str | None
    target: str | None
    shape: tuple[int, ...] | None
    dtype: str
    note: str = ''


_SECTIONS = ('matched', 'missing', 'unused', 'mismatched', 'ambiguous', 'skipped')


@dataclasses.dataclass
class MappingReport:
    """The mapping from the tensors of a checkpoint to the variables of a target.

    Attributes:
      matched: The targets with their sources.
      missing: The targets without a source.
      unused: The sources that no target takes.
      mismatched: The targets whose source has another shape or data type.
      ambiguous: The targets with several possible sources.
      skipped: The targets that were not asked for, with the reasons.
      idle_rules: The rules that apply to no tensor, as they were written, with the nearest names.
      notes: Further findings, in sentences.
      warnings: Possible mistakes, in sentences. They are also logged where there is a log.
      status: TensorFlow's load status, for a warm start of layers that are not built yet; else None.
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
        """Returns the rows of each section by the name of its attribute."""
        return {name: getattr(self, name) for name in _SECTIONS}

    def remarks(self) -> list[str]:
        """Returns the notes, then the warnings, which begin with `Warning:`."""
        return self.notes + [f'Warning: {warning}' for warning in self.warnings]

    def faults(self, ignored: Collection[str] = ()) -> bool:
        """Returns True if a tensor or a rule does not fit.

        Args:
          ignored: The names of sections that do not count.
        """
        sections = [
            *(name for name in ('missing', 'mismatched', 'ambiguous') if name not in ignored),
            'idle_rules',
        ]
        return any(getattr(self, section) for section in sections)

    def __str__(self) -> str:
        return '\n'.join(self.lines()) or 'nothing to map'

    def lines(self, hidden: Collection[str] = (), width: int = 80) -> list[str]:
        """Returns the report as lines with a table for each section.

        Args:
          hidden: The names of sections of which only the number of rows is given.
          width: The number of characters that lines should fit into; names are never shortened.
        """
        result = []
        for title, rows in self.sections().items():
            if rows:
                result.append(f'{title} ({len(rows):,})' + ('' if title in hidden else ':'))
                result += [] if title in hidden else [f'  {line}' for line in section_lines(rows, width - 2)]
        return result + [f'No tensor takes the rule {rule}.' for rule in self.idle_rules] + self.remarks()

    def to_json(self) -> str:
        """Returns the report as a JSON object with a list of rows for each section."""
        content = dataclasses.asdict(dataclasses.replace(self, status=None))
        del content['status']
        return json.dumps(content)


class MappingError(CheckpointError):
    """Raised if a checkpoint does not fit a program.

    Attributes:
      report: The report, which lists every tensor that does not fit.
    """

    def __init__(self, message: str, report: MappingReport):
        """Creates the error.

        Args:
          message: The message.
          report: The report.
        """
        super().__init__(message)
        self.report = report


_CURE = 'Use the checkpoint of this model, or rules that say where each variable comes from.'


def mapping_error(
    report: MappingReport, source: str, ignored: Collection[str] = (), cure: str = _CURE
) -> MappingError:
    """Returns the error that lists all tensors and rules that do not fit.

    Args:
      report: The report, with the nearest names as the notes of missing tensors.
      source: The prefix of the checkpoint.
      ignored: The names of sections that do not count.
      cure: The advice that ends the message, as a sentence.
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


def nearest(name: str, names: Sequence[str], num_missing: int) -> str:
    """Returns a hint at the names that are most similar to a missing one.

    Args:
      name: The missing name.
      names: The names that exist.
      num_missing: The number of missing names with a hint so far, which is limited because the search is slow.

    Returns:
      The hint; empty if no name is similar or the limit is reached.
    """
    if num_missing >= _MAX_HINTS:
        return ''
    import difflib  # Needed only where something is missing.

    similar = difflib.get_close_matches(name, names, n=2)
    if not similar:  # The same variable in another scope can have a rather different name.
        last = name.rpartition('/')[2]
        similar = [candidate for candidate in names if candidate.rpartition('/')[2] == last][:2]
    return f'nearest: {", ".join(similar)}' if similar else ''


def source_row(source: TensorSource, key: str, target: str | None, note: str = '') -> Row:
    """Returns the row of a tensor that is taken as it is, or not at all.

    Args:
      source: The reader of the checkpoint.
      key: The key of the tensor.
      target: The new key of the tensor; None if there is none.
      note: The note on the tensor.
    """
    entry = source.entry(key)
    return Row(key, target, entry.shape, dtypes.name(entry.dtype), note)


def made_row(source: TensorSource, key: str, recipe: Recipe, target: str) -> Row:
    """Returns the row of a tensor that a recipe computes, with the shape and the data type of the result.

    Args:
      source: The reader of the checkpoint.
      key: The key of the tensor, or the first of several that are joined.
      recipe: The recipe.
      target: The new key of the tensor.
    """
    dtype, shape = recipe.outcome(source)
    return Row(key, target, shape, dtypes.name(dtype), joined_note(recipe))


def joined_note(recipe: Recipe) -> str:
    """Returns a note that names the further tensors that a recipe joins; empty if there are none."""
    further = recipe.sources[1:]
    return f'joined with {formatting.listing(further, _MAX_JOINED)}' if further else ''


def left_out_rows(source: TensorSource, keys: Iterable[str]) -> list[Row]:
    """Returns rows for tensors that options or rules leave out.

    Args:
      source: The reader of the checkpoint.
      keys: The keys of the tensors.
    """
    return [source_row(source, key, None, 'left out as asked') for key in keys]


def unused_rows(source: TensorSource, keys: Iterable[str], report: MappingReport) -> list[Row]:
    """Returns rows for the keys that no target in a report takes.

    Args:
      source: The reader of the checkpoint.
      keys: The keys of the checkpoint.
      report: The report.
    """
    used = {row.source for row in report.matched + report.mismatched + report.ambiguous}
    return [source_row(source, key, None) for key in keys if key not in used]


def section_lines(rows: Sequence[Any], width: int | None = None, are_folded: bool = False) -> list[str]:
    """Returns the lines of a table of rows, with titles and without empty columns.

    Names come last and whole. What does not fit into the width goes on in further lines, which are indented.

    Args:
      rows: One or more `Row`s of a report.
      width: The number of characters that lines should fit into; None for no limit.
      are_folded: Whether rows that differ only in numbers in their names share one, if all else is equal.
    """
    heads = [(row.dtype, formatting.shape(row.shape)) for row in rows]
    tails = [_tail(row) for row in rows]
    counts = [''] * len(rows)
    if are_folded:
        # The parts are put together to be folded, since the numbers of sources go together with those of targets.
        folds = fold(['\n'.join(tail) for tail in tails], heads)
        if len(folds) < len(rows):
            counts = [f'{len(f.members):,}' for f in folds]
            heads = [heads[f.members[0]] for f in folds]
            tails = [f.name.split('\n') for f in folds]
    cells: list[tuple[str, ...]] = [('dtype', 'shape', 'tensors', _title(rows))]
    cells += [(*head, count, tail[0]) for head, count, tail in zip(heads, counts, tails, strict=False)]
    cells = formatting.used_columns(cells)
    lines = formatting.table(cells, right=[len(cells[0]) - 2] if any(counts) else [])
    indent = lines[0].rindex(cells[0][-1])
    result = lines[:1]
    for line, (_, *further) in zip(lines[1:], tails, strict=True):
        result += formatting.continued(line, further, width, indent + 4)
    return result


def _title(rows: Sequence[Any]) -> str:
    titles = [title for title in ('target', 'source') if any(getattr(row, title) for row in rows)]
    return ' <- '.join(titles)


def _tail(row: Any) -> list[str]:
    """Returns what a row says about names: the target or the source, the source of the target, and the note."""
    target, *source = [name for name in (row.target, row.source) if name is not None] or ['']
    parts = [target, *(f'<- {name}' for name in source if name != target)]
    return [formatting.printable(part) for part in [*parts, *([f'({row.note})'] if row.note else [])]]
