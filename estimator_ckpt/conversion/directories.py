"""Finds the checkpoints of a directory, of both formats, in the order in which they were written."""

import collections
import re
from collections.abc import Iterable

from estimator_ckpt.bundle.checkpoint_state import CheckpointState, read_state
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.log import logger
from estimator_ckpt.formats.opening import find_checkpoint, name_of, prefixes_in


def read_directory(directory: str) -> tuple[CheckpointState | None, list[str]]:
    """Returns the state of a directory, and the prefixes of its checkpoints with the latest at the end.

    Raises:
      CheckpointNotFoundError: If the directory has no checkpoint.
    """
    prefixes = prefixes_in(directory)
    state = _state(directory)
    listed = _listed(directory, state)
    missing = [entry for entry, prefix in listed.items() if prefix is None]
    elsewhere = [prefix for prefix in listed.values() if prefix is not None and prefix not in prefixes]
    prefixes = elsewhere + prefixes
    if missing:
        logger.warning('The state file of %s lists missing checkpoints: %s.', directory, ', '.join(missing))
    if not prefixes:
        raise CheckpointNotFoundError(f'{directory} has no checkpoint; name a directory with checkpoints.')
    latest = listed.get(state.latest) if state else None
    if latest is not None:
        prefixes = [prefix for prefix in prefixes if prefix != latest] + [latest]
    return state, prefixes


def last_checkpoints(directory: str, number: int) -> list[str]:
    """Returns the last checkpoints of a directory, the newest last.

    These are the last ones that the state file lists. If it lists fewer, those that lie in the directory count too, as
    far as their names differ only in the step from that of the latest one with a step; other names are those of copies.

    Args:
      directory: The directory, such as a model_dir.
      number: The number of checkpoints.

    Raises:
      CheckpointError: If `number` is not positive, or there are fewer checkpoints.
    """
    if number < 1:
        raise CheckpointError(f'last={number} selects no checkpoint of {directory}; pass a positive number.')
    listed = _listed(directory, _state(directory)).values()
    prefixes = list(dict.fromkeys(prefix for prefix in listed if prefix is not None))
    if len(prefixes) < number:
        prefixes = _of_one_series(read_directory(directory)[1])
    if len(prefixes) < number:
        names = ', '.join(map(name_of, prefixes))
        raise CheckpointError(
            f'{directory} has {len(prefixes)} checkpoints ({names}), fewer than last={number}; pass at most '
            f'last={len(prefixes)}.'
        )
    return prefixes[-number:]


def _of_one_series(prefixes: list[str]) -> list[str]:
    """Returns the checkpoints that are named like the last one with a step, sorted by step; all if none has a step."""
    by_series: dict[str, dict[str, int]] = collections.defaultdict(dict)
    for prefix in reversed(prefixes):
        match = re.fullmatch(r'(.*)-(\d+)', name_of(prefix), re.DOTALL)
        if match:
            by_series[match[1]][prefix] = int(match[2])
    if not by_series:
        return prefixes
    steps = next(iter(by_series.values()))
    return sorted(steps, key=lambda prefix: steps[prefix])


def _state(directory: str) -> CheckpointState | None:
    try:
        return read_state(directory)
    except CorruptCheckpointError as error:
        logger.warning('%s', error)
        return None


def _listed(directory: str, state: CheckpointState | None) -> dict[str, str | None]:
    """Returns the checkpoint of each entry of a state file, the latest last; None for one that does not exist."""
    entries: Iterable[str] = ()
    if state is not None:
        entries = [*(entry for entry in state.all if entry != state.latest), state.latest]
    return {entry: find_checkpoint(directory, entry) for entry in entries}
