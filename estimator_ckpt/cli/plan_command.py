"""Shows which tensor of SOURCE each tensor of TARGET would come from, and what does not fit. Nothing is written."""

from collections.abc import Iterable, Iterator
from typing import Any

from absl import flags

from estimator_ckpt.cli import terminal
from estimator_ckpt.cli.usage import UsageError
from estimator_ckpt.common import formatting
from estimator_ckpt.mapping.report import MappingReport, section_lines
from estimator_ckpt.suggesting.suggest_rules import suggest_rules
from estimator_ckpt.warm_starting.plan import plan

ARGUMENTS = ('SOURCE', 'TARGET')
_COLOURS = {'matched': terminal.GREEN, 'unused': terminal.DIM, 'skipped': terminal.DIM}


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `plan`."""
    flags.DEFINE_string(
        'rules', None, "A file of rules that say what SOURCE's tensors are called in TARGET.", values
    )
    flags.DEFINE_boolean(
        'suggest',
        False,
        'Whether rules are proposed instead, as a file for --rules. What else there is to say is in its comments.',
        values,
    )
    flags.DEFINE_boolean('json', False, 'Whether the mapping is printed as a JSON object.', values)


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """The exit code and the lines of `plan`: 1 where a target lacks a fitting source, or a rule matches nothing."""
    if values.suggest:
        if values.rules is not None:
            raise UsageError('--suggest proposes rules and takes none: leave out --rules')
        suggestion = suggest_rules(*paths)
        return int(not suggestion.complete), [suggestion.to_json()] if values.json else suggestion.lines()
    report = plan(*paths, rules=values.rules)
    return int(report.faults()), [report.to_json()] if values.json else lines(report)


def lines(report: MappingReport) -> Iterator[str]:
    """The sections of a report as tables, as wide as the terminal."""
    for name, rows in report.sections().items():
        if not rows:
            continue
        yield terminal.paint(f'{name} ({len(rows)}):', terminal.BOLD)
        titles, *table = section_lines(rows, terminal.width())
        yield terminal.paint(titles, terminal.BOLD)
        yield from (terminal.paint(line, _COLOURS.get(name, terminal.RED)) for line in table)
        yield ''
    yield from (formatting.printable(f'No tensor takes the rule {rule}.') for rule in report.idle_rules)
    yield from map(formatting.printable, report.remarks())
    counts = [f'{len(rows):,} {name}' for name, rows in report.sections().items() if rows]
    yield terminal.paint(', '.join(counts) or 'nothing to map', terminal.BOLD)
