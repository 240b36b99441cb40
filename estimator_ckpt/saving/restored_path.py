"""Which checkpoint `Saver.restore` is meant to restore."""

import os

from estimator_ckpt.bundle.checkpoint_state import read_state
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.paths import resolve_state_entry
from estimator_ckpt.formats.opening import find_checkpoint, find_source


def find_checkpoint_to_restore(save_path: str, model_dir: str | None) -> str:
    """Returns the prefix of the checkpoint that a path means.

    Args:
      save_path: The path that the program gave, perhaps from the state file of a directory that was copied or moved.
      model_dir: The directory of that state file; None if it is not known.

    Raises:
      CheckpointNotFoundError: If there is no such checkpoint.
    """
    if model_dir is not None and _names(model_dir, save_path):
        place = find_checkpoint(model_dir, save_path)
        return place or resolve_state_entry(model_dir, save_path)  # Which says what is there.
    try:
        return find_source(save_path)
    except CheckpointNotFoundError as error:
        if model_dir is None:
            raise CheckpointNotFoundError(
                f'{error} If its directory was moved, pass model_dir= to the saver, or config= to the scaffold.'
            ) from error
        return resolve_state_entry(model_dir, os.path.basename(save_path))


def _names(directory: str, path: str) -> bool:
    """Returns True if the state file of a directory names a path."""
    try:
        state = read_state(directory)
    except CorruptCheckpointError:
        return False
    return state is not None and path in (state.latest, *state.all)
