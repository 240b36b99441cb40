"""Compares two checkpoints of any style: tensors that only one has, and tensors that differ in shape, type or value."""

import functools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from absl import flags

from estimator_ckpt.cli import html_flag, rows_flag, rules_flags, terminal
from estimator_ckpt.cli.json_output import with_schema
from estimator_ckpt.common import formatting
from estimator_ckpt.inspection.diff_checkpoints import DifferenceReport, diff, difference_lines

if TYPE_CHECKING:
    from estimator_ckpt.cli.html_page import Page

ARGUMENTS = ('A', 'B')
EXAMPLES = (
    'diff model.ckpt-100 model.ckpt-200',
    r"diff old new --rule='model/(.*) -> net/\1' --rtol=1e-6",
)
_COLORS = {'only_in_a': terminal.RED, 'only_in_b': terminal.GREEN}


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `diff`."""
    rules_flags.define(values, "from the names of A's tensors to those of B's")
    flags.DEFINE_float(
        'rtol',
        0.0,
        'The tolerated difference of values, relative to the larger one.',
        0,
        flag_values=values,
    )
    flags.DEFINE_float(
        'atol', 0.0, 'The tolerated absolute difference of values, in addition.', 0, flag_values=values
    )
    rows_flag.define(values)
    html_flag.define(values)
    flags.DEFINE_boolean('json', False, 'Whether the differences are printed as a JSON object.', values)


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """Runs `diff`.

    Args:
      paths: A and B.
      values: The parsed flags.

    Returns:
      The exit code, 1 if there is a difference, and the lines to print.
    """
    a, b = paths
    rules = rules_flags.rules_of(values)
    with terminal.progress_bar('comparing', delay=1) as progress:
        report = diff(a, b, rules=rules, rtol=values.rtol, atol=values.atol, progress=progress)
    html_flag.write(values, functools.partial(_page, report, rules))
    return int(not report.equal), [with_schema('diff', report.to_json())] if values.json else _lines(
        report, rows_flag.are_folded(values)
    )


def _page(report: DifferenceReport, rules: Any, progress: Any) -> 'Page':
    from estimator_ckpt.cli.tensor_pages import diff_page  # Few comparisons have a page.

    return diff_page(report, rules, progress)


def _lines(report: DifferenceReport, are_folded: bool) -> Iterator[str]:
    yield f'A: {formatting.printable(report.a)}'
    yield f'B: {formatting.printable(report.b)}'
    for name, (title, rows) in report.sections().items():
        if rows:
            yield ''
            yield terminal.paint(f'{title} ({len(rows)}):', terminal.BOLD)
            for line in difference_lines(rows, are_folded):
                yield terminal.paint(line, _COLORS.get(name, terminal.YELLOW))
    yield from ['', *map(formatting.printable, report.notes), terminal.paint(report.summary(), terminal.BOLD)]
