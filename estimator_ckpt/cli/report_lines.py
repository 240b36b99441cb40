"""The lines that show the report of a mapping, which several subcommands print."""

from collections.abc import Iterator

from estimator_ckpt.cli import terminal
from estimator_ckpt.mapping.report import MappingReport, section_lines

_COLORS = {'matched': terminal.GREEN, 'unused': terminal.DIM, 'skipped': terminal.DIM}


def tables(report: MappingReport, are_folded: bool) -> Iterator[str]:
    """Yields each section as a table, with an empty line after it.

    Args:
      report: The report.
      are_folded: Whether tensors whose names differ only in numbers share a row.
    """
    for name, rows in report.sections().items():
        if not rows:
            continue
        yield terminal.paint(f'{name} ({len(rows)}):', terminal.BOLD)
        titles, *table = section_lines(rows, terminal.width(), are_folded)
        yield terminal.paint(titles, terminal.BOLD)
        yield from (terminal.paint(line, _COLORS.get(name, terminal.RED)) for line in table)
        yield ''


def remarks(report: MappingReport) -> Iterator[str]:
    """Yields the notes, then the warnings."""
    yield from report.notes
    yield from (terminal.warning(f'Warning: {warning}') for warning in report.warnings)


def counts(report: MappingReport) -> str:
    """Returns the number of rows of each section, such as `'5 matched, 2 unused'`; empty without any."""
    return ', '.join(f'{len(rows):,} {name}' for name, rows in report.sections().items() if rows)
