"""Removes what killed processes have left in MODEL_DIR, after asking. Nothing may be writing there."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from absl import flags

from estimator_ckpt.bundle.leftovers import Leftover, remove_leftover
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
    found = list_directory(paths[0]).leftovers
    leftovers = [leftover for leftover in found if leftover.written <= newest]
    younger = [f'kept: {leftover_line(leftover)}' for leftover in found if leftover.written > newest]
    if not leftovers:
        return 0, [*younger, 'nothing is left over']
    lines = list(map(leftover_line, leftovers))
    if values.dry_run:
        return 0, [*younger, *lines]
    if not values.yes and not _agrees(lines):
        return 0, ['nothing was removed']
    # A process that still runs may have finished one of them meanwhile.
    still = {leftover.path for leftover in list_directory(paths[0]).leftovers}
    leftovers = [leftover for leftover in leftovers if leftover.path in still]
    lines = list(map(leftover_line, leftovers)) if values.yes else []
    return 0, [*younger, *_removed(leftovers, lines)]


def _agrees(lines: list[str]) -> bool:
    for line in lines:
        print(formatting.printable(line))
    print('Remove these? Nothing may be writing there. [y/N] ', end='', flush=True)
    return sys.stdin.readline().strip().lower() in ('y', 'yes')


def _removed(leftovers: list[Leftover], lines: list[str]) -> Iterator[str]:
    for leftover in leftovers:
        remove_leftover(leftover)
    yield from (f'removed {line}' for line in lines)
    size = formatting.size(sum(leftover.size for leftover in leftovers))
    yield f'{formatting.count(len(leftovers), "leftover")} removed, {size}'
