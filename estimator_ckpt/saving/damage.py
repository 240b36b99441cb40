"""Goes on from an earlier checkpoint where the latest one is damaged, or says how to."""

import os
from collections.abc import Callable, Iterator

from estimator_ckpt.bundle.checkpoint_state import read_state
from estimator_ckpt.bundle.dtypes import UnsupportedDtypeError
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.paths import checkpoint_exists, checkpoints_in, same_place
from estimator_ckpt.formats.opening import find_checkpoint, open_source
from estimator_ckpt.program.log import logger


def is_whole(prefix: str) -> bool:
    """Returns True if all tensors of a checkpoint can be read, and their checksums match.

    Args:
      prefix: The checkpoint.
    """
    try:
        reader = open_source(prefix)
        reader.check_data_files()
        for key in reader.keys():  # noqa: SIM118
            try:
                reader.tensor(key, verify=True)
            except UnsupportedDtypeError:
                continue
    except (CheckpointError, OSError):
        return False
    return True


def restore_or_previous(save_path: str, on_damaged: str, restore: Callable[[str], None]) -> None:
    """Restores a checkpoint. If it is the latest of its directory and damaged, an earlier one may take its place.

    Args:
      save_path: The path that the program asks for.
      on_damaged: `'error'`, or `'previous'` to restore the newest checkpoint that is whole.
      restore: The function that restores a checkpoint.

    Raises:
      CheckpointNotFoundError: If a file is missing.
      CorruptCheckpointError: If the checkpoint is damaged. The message names the newest one that is whole.
    """
    try:
        restore(save_path)
        return
    except (CorruptCheckpointError, CheckpointNotFoundError) as error:
        directory = os.path.dirname(save_path)
        if not _is_latest(directory, save_path):
            raise
        previous = next((prefix for prefix in _earlier(directory, save_path) if is_whole(prefix)), None)
        if previous is None:
            raise type(error)(f'{error} No other checkpoint in {directory} is whole.') from error
        if on_damaged != 'previous':
            raise type(error)(
                f"{error} The newest whole checkpoint is {previous}: to go on from it, pass on_damaged='previous' to "
                f'the scaffold, or run `estimator-ckpt repair {directory}`.'
            ) from error
        logger().warning('%s Going on from %s, the newest checkpoint that is whole.', error, previous)
    restore(previous)


def _is_latest(directory: str, save_path: str) -> bool:
    """Returns True if the state file of a directory names a path as the latest checkpoint."""
    try:
        state = read_state(directory)
    except CorruptCheckpointError:
        return False
    if state is None:
        return False
    latest = find_checkpoint(directory, state.latest) or os.path.join(directory, state.latest)
    return same_place(latest, save_path)


def _earlier(directory: str, save_path: str) -> Iterator[str]:
    """Yields the other checkpoints of a directory, the newest first: those of the state file, then all others."""
    state = read_state(directory)
    listed = [find_checkpoint(directory, entry) for entry in reversed(state.all)] if state else []
    found = [prefix for prefix in listed if prefix] + checkpoints_in(directory)[::-1]
    for prefix in dict.fromkeys(found):
        if checkpoint_exists(prefix) and not same_place(prefix, save_path):
            yield prefix
