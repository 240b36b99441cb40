"""Verifies a checkpoint: reads every byte, compares every checksum, and finds what is missing."""

from collections.abc import Iterable, Iterator
from typing import Any

from absl import flags

from estimator_ckpt.cli import terminal
from estimator_ckpt.cli.json_output import with_schema
from estimator_ckpt.inspection.verify_checkpoint import VerificationReport, verify

ARGUMENTS = ('CHECKPOINT',)
EXAMPLES = (
    'verify model_dir',
    'verify model.ckpt-100 --finite --quiet',
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `verify`."""
    flags.DEFINE_boolean('finite', False, 'Whether NaN and infinite values are faults.', values)
    flags.DEFINE_boolean('json', False, 'Whether the faults are printed as a JSON object.', values)


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """Runs `verify`.

    Args:
      paths: CHECKPOINT.
      values: The parsed flags.

    Returns:
      The exit code, 1 if there is a fault, and the lines to print.
    """
    with terminal.progress_bar('verifying') as progress:
        report = verify(paths[0], finite=values.finite, progress=progress)
    return int(not report.ok), [with_schema('verify', report.to_json())] if values.json else _lines(report)


def _lines(report: VerificationReport) -> Iterator[str]:
    for fault in report.faults:
        yield terminal.paint(f'fault: {fault}', terminal.RED)
    for warning in report.warnings:
        yield terminal.warning(f'warning: {warning}')
    yield terminal.paint(report.summary(), terminal.BOLD)
