"""Shows the tensor of SOURCE that each tensor of TARGET would come from, and what does not fit. Writes nothing."""

import functools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from absl import flags

from estimator_ckpt.cli import html_flag, report_lines, rows_flag, rules_flags, terminal
from estimator_ckpt.cli.json_output import with_schema
from estimator_ckpt.cli.usage import UsageError
from estimator_ckpt.formats.opening import find_source
from estimator_ckpt.mapping.report import MappingReport
from estimator_ckpt.suggesting.suggest_rules import suggest_rules
from estimator_ckpt.warm_starting.plan import plan

if TYPE_CHECKING:
    from estimator_ckpt.cli.html_page import Page

ARGUMENTS = ('SOURCE', 'TARGET')
EXAMPLES = (
    'plan old/model.ckpt-100 new/ckpt-1 --rules=rules.txt',
    'plan old/model.ckpt-100 new/ckpt-1 --rules=rules.txt --html=plan.html',
    'plan old/model.ckpt-100 new/ckpt-1 --suggest > rules.txt',
    r"plan old/model.ckpt-100 new/ckpt-1 --suggest --rule='G/(.*) -> G_A2B/\1' > rules.txt",
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `plan`."""
    rules_flags.define(values, "from the names of SOURCE's tensors to those of TARGET's")
    flags.DEFINE_boolean(
        'suggest',
        False,
        'Whether to print suggested rules instead, as a file for --rules with explanations in comments. Those that are '
        'given say what is known, from which the search goes on.',
        values,
    )
    rows_flag.define(values)
    html_flag.define(values)
    flags.DEFINE_boolean('json', False, 'Whether the mapping is printed as a JSON object.', values)


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """Runs `plan`.

    Args:
      paths: SOURCE and TARGET.
      values: The parsed flags.

    Returns:
      The exit code, 1 if a target lacks a suitable source or a rule applies to nothing, and the lines to print.

    Raises:
      UsageError: If flags contradict each other.
    """
    source, target = paths
    if values.suggest:
        if values.all_rows is not None or values.html is not None:
            raise UsageError('--suggest prints rules instead of rows; omit --all_rows and --html')
        suggestion = suggest_rules(source, target, rules_flags.rules_of(values))
        if values.json:
            return int(not suggestion.complete), [with_schema('suggest', suggestion.to_json())]
        return int(not suggestion.complete), suggestion.lines()
    if values.html is not None:
        # The page reads the checkpoints that the plan is about, whatever is saved meanwhile.
        source, target = find_source(source), find_source(target)
    report = plan(source, target, rules=rules_flags.rules_of(values))
    html_flag.write(values, functools.partial(_page, report, source, target))
    if values.json:
        return int(report.faults()), [with_schema('plan', report.to_json())]
    return int(report.faults()), _lines(report, rows_flag.are_folded(values))


def _page(report: MappingReport, source: str, target: str, progress: Any) -> 'Page':
    from estimator_ckpt.cli.tensor_pages import plan_page  # Few plans have a page.

    return plan_page(report, source, target, progress)


def _lines(report: MappingReport, are_folded: bool) -> Iterator[str]:
    yield from report_lines.tables(report, are_folded)
    yield from (f'No tensor takes the rule {rule}.' for rule in report.idle_rules)
    yield from report_lines.remarks(report)
    yield terminal.paint(report_lines.counts(report) or 'nothing to map', terminal.BOLD)
