"""Checks a model_dir before training restores from it."""

from typing import Any

import tensorflow as tf

from estimator_ckpt.bundle.checkpoint_state import read_state
from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import checkpoints_in
from estimator_ckpt.estimator.tensorflow_patches import before_preparing
from estimator_ckpt.saving.saver import Saver
from estimator_ckpt.saving.staging import announce_interrupted

_MAX_LISTED = 5


def prepare_model_dir(graph: tf.Graph, saver: Saver) -> None:
    """Registers a check of the model_dir before sessions of a graph restore from it.

    If a model_dir has checkpoints but no readable state file, TensorFlow would start at step 0 and overwrite them.

    Args:
      graph: The graph.
      saver: The saver of the graph's scaffold, for which the directory is set.
    """

    def check(arguments: dict[str, Any]) -> None:
        model_dir = arguments.get('checkpoint_dir')
        if model_dir and not arguments.get('checkpoint_filename_with_path'):
            saver.look_in(model_dir)
            check_state_file(model_dir)

    before_preparing(graph, check)


def check_state_file(model_dir: str) -> None:
    """Checks that a directory with checkpoints has a state file.

    If a process was killed after it wrote a checkpoint, and before it announced that, this is done here.

    Args:
      model_dir: The directory; it need not exist.

    Raises:
      CheckpointError: If there are checkpoints without a state file. The message lists them and says what to do.
    """
    if not files_for(model_dir).is_dir(model_dir):
        return
    has_state = _has_state(model_dir)
    present = [] if has_state else checkpoints_in(model_dir)
    # Another training may have saved its first one meanwhile, and have announced it by now.
    if not present or _has_state(model_dir):
        return
    fault = 'has no checkpoint state file'
    if has_state is None:
        fault = 'has an unreadable checkpoint state file'
    listed = ', '.join(present[-_MAX_LISTED:])
    further = f', and {len(present) - _MAX_LISTED} older ones' if len(present) > _MAX_LISTED else ''
    raise CheckpointError(
        f'{model_dir} {fault}, but holds checkpoints ({listed}{further}), which training from step 0 would write over: '
        'restore the file `checkpoint` (one line: model_checkpoint_path: "NAME"), or give an empty model_dir.'
    )


def _has_state(directory: str) -> bool | None:
    """Announces what was interrupted, and returns whether there is a state file then; None if it cannot be read."""
    try:
        # Listing takes requests on object stores, where little is left behind.
        if files_for(directory).is_object_store and read_state(directory) is not None:
            return True
        announce_interrupted(directory)
        # Read last: another training removes its staging, which announcing looks for, after it has written this file.
        return read_state(directory) is not None
    except CorruptCheckpointError:
        return None
