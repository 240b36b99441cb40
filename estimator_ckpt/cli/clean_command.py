"""Removes what killed processes have left in MODEL_DIR, after asking. Nothing may be writing there."""

import sys
import time
from collections.abc import Iterable
from typing import Any

from absl import flags

from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.leftovers import Leftover, find_leftovers, remove_leftover
from estimator_ckpt.cli.usage import UsageError
from estimator_ckpt.common import formatting
from estimator_ckpt.inspection.list_directory import leftover_line, list_directory

ARGUMENTS = ('MODEL_DIR',)
EXAMPLES = (
    'clean model_dir --dry_run',
    'clean model_dir --yes --min_age=10',
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `clean`."""
    flags.DEFINE_boolean('yes', False, 'Whether to remove without asking.', values)
    flags.DEFINE_float(
        'min_age',
        0.0,
        'How many minutes ago the last change of what is removed must have been; a process that still runs may be '
        'writing what is younger.',
        0,
        flag_values=values,
    )
    flags.DEFINE_boolean('dry_run', False, 'Whether only to print what would be removed.', values)


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """Runs `clean`.

    Args:
      paths: MODEL_DIR.
      values: The parsed flags.

    Returns:
      The exit code, and the lines to print.

    Raises:
      UsageError: If flags contradict each other.
    """
    if values.quiet and not values.yes:
        raise UsageError('--quiet does not ask; pass --yes to remove without asking')
    newest = time.time() - 60 * values.min_age
    listing = list_directory(paths[0])
    found = listing.leftovers
    leftovers = [leftover for leftover in found if leftover.written <= newest]
    younger = [f'kept: {leftover_line(leftover)}' for leftover in found if leftover.written > newest]
    if not leftovers:
        return 0, [*younger, 'nothing is left over']
    lines = list(map(leftover_line, leftovers))
    if values.dry_run:
        return 0, [*younger, *lines]
    if not values.yes and not _agrees(lines):
        return 0, ['nothing was removed']
    removed = _remove(listing.directory, leftovers)
    lines = [f'removed {leftover_line(leftover)}' for leftover in removed] if values.yes else []
    size = formatting.size(sum(leftover.size for leftover in removed))
    return 0, [*younger, *lines, f'{formatting.count(len(removed), "leftover")} removed, {size}']


def _agrees(lines: list[str]) -> bool:
    for line in lines:
        print(formatting.printable(line))
    print('Remove these? Nothing may be writing there. [y/N] ', end='', flush=True)
    return sys.stdin.readline().strip().lower() in ('y', 'yes')


def _remove(directory: str, leftovers: list[Leftover]) -> list[Leftover]:
    """Removes those that still are left over, and returns them: a process may have finished one meanwhile."""
    with files_for(directory).locked(directory):
        still = {leftover.path for leftover in find_leftovers(directory)}
        removed = [leftover for leftover in leftovers if leftover.path in still]
        for leftover in removed:
            remove_leftover(leftover)
    return removed
