"""Shows which tensor of SOURCE each tensor of TARGET would come from, and what does not fit. Nothing is written."""

from collections.abc import Iterable, Iterator
from typing import Any

from absl import flags

from estimator_ckpt import text
from estimator_ckpt.mapping import MappingReport
from estimator_ckpt.planning import plan
from estimator_ckpt.tools import terminal

ARGUMENTS = ('SOURCE', 'TARGET')
_COLOURS = {'matched': terminal.GREEN, 'unused': terminal.DIM}


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `plan`."""
    flags.DEFINE_string(
        'rules', None, "A file of rules that say what SOURCE's tensors are called in TARGET.", values
    )
    flags.DEFINE_boolean('json', False, 'Whether the mapping is printed as a JSON object.', values)


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """The exit code and the lines of `plan`: 1 where a target lacks a fitting source, or a rule matches nothing."""
    report = plan(*paths, rules=values.rules)
    # The notes are of rules that no tensor takes.
    faults = [*report.missing, *report.mismatched, *report.ambiguous, *report.notes]
    return int(bool(faults)), [report.to_json()] if values.json else lines(report)


def lines(report: MappingReport) -> Iterator[str]:
    """The sections of a report as tables, as wide as the terminal."""
    for name, rows in report.sections().items():
        if not rows:
            continue
        yield terminal.paint(f'{name} ({len(rows)}):', terminal.BOLD)
        cells = [('target', 'source', 'dtype', 'shape', 'note')]
        cells += [(r.target or '', r.source or '', r.dtype, text.shape(r.shape), r.note) for r in rows]
        cells = _used(cells)
        flexible = [column for column, title in enumerate(cells[0]) if title in ('target', 'source', 'note')]
        titles, *table = text.table(cells, flexible=flexible, width=terminal.width())
        yield terminal.paint(titles, terminal.BOLD)
        yield from (terminal.paint(line, _COLOURS.get(name, terminal.RED)) for line in table)
        yield ''
    yield from map(text.printable, report.notes)
    counts = [f'{len(rows):,} {name}' for name, rows in report.sections().items() if rows]
    yield terminal.paint(', '.join(counts) or 'nothing to map', terminal.BOLD)


def _used(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The columns that have a cell below their title."""
    used = [column for column, cells in enumerate(zip(*rows, strict=True)) if any(cells[1:])]
    return [tuple(row[column] for column in used) for row in rows]
