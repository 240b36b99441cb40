"""Checks for variables and iterators that a checkpoint would leave out, before anything is saved."""

from typing import Any

import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.program.bindings import Bindings
from estimator_ckpt.program.graph_state import graph_state
from estimator_ckpt.program.log import logger


def check_bindings(bindings: Bindings, saver: Any, untracked: str) -> None:
    """Checks that a saver leaves nothing out, and warns of what it does leave out.

    Args:
      bindings: The tensors that are saved and restored.
      saver: The `Saver`.
      untracked: How to handle variables that the `tf.train.Checkpoint` does not reach: `'keep'`, `'error'` or `'drop'`.

    Raises:
      CheckpointError: If variables are untracked and `untracked='error'`, or a scaffold would save dataset iterators.
    """
    if saver.style is not CheckpointStyle.TF1 and bindings.untracked and untracked != 'drop':
        _check_untracked(bindings.untracked, untracked)
    if bindings.iterators:
        _check_iterators(bindings.iterators, saver)


def _check_untracked(names: list[str], untracked: str) -> None:
    listed = f'{len(names)} variables are not reached by the given tf.train.Checkpoint: {", ".join(names)}'
    if untracked == 'error':
        raise CheckpointError(f"{listed}; add what owns them to it, or pass untracked='keep' or 'drop'.")
    logger().warning(
        '%s. They are saved and restored under their names; in TF2 no object will find them.', listed
    )


def _check_iterators(paths: list[str], saver: Any) -> None:
    """Raises an error for iterators that could not be restored, and warns of those that are not saved."""
    if tf.executing_eagerly() and saver.style is not CheckpointStyle.TF1:
        return
    listed = f'The positions of the dataset iterators {", ".join(paths)}'
    if saver.style is CheckpointStyle.TF1:
        logger().warning('%s are not saved: a name-based checkpoint cannot hold them.', listed)
    elif saver in graph_state(tf.compat.v1.get_default_graph()).savers:
        # A scaffold restores before iterators are initialized: restoring would fail, or be undone.
        raise CheckpointError(
            f'{listed} cannot be restored by a scaffold, which restores before they are initialized: leave them out of '
            'the tf.train.Checkpoint, and save them with tf.data.experimental.CheckpointInputPipelineHook.'
        )
