"""Mirrors each checkpoint that training saves to a second directory, in another style."""

import os
from typing import Any, Literal

import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.paths import as_path
from estimator_ckpt.estimator.mirror_directory import Mirror
from estimator_ckpt.estimator.tensorflow_patches import after_saving
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.locations import Program
from estimator_ckpt.program.bindings import Bindings, bind
from estimator_ckpt.program.frozen_objects import program_behind
from estimator_ckpt.program.graph_state import graph_state
from estimator_ckpt.program.log import logger
from estimator_ckpt.program.tracking import check_checkpoint
from estimator_ckpt.saving.errors import reason_of
from estimator_ckpt.saving.saver import Saver

# Failures of the mirror after which training can continue.
_FAILURES = (OSError, CheckpointError, tf.errors.OpError)


class CheckpointMirrorHook(tf.compat.v1.train.SessionRunHook):
    """Mirrors checkpoints in another style, with their own state file, to a second directory.

    Each checkpoint is complete before the state file names it. The hook works with any scaffold or none: a checkpoint
    is mirrored when a saver of the session's graph has saved it, whichever hook called the saver, including the last
    one. Only the chief saves, and thus mirrors.

    The mirror has no `.meta` files, since the graph in one restores by the keys of its own style.

    The first directory to which the session saves is mirrored, which is model_dir. A restart continues the mirror, and
    first mirrors the checkpoint from which training resumes, if it is missing.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike,
        style: CheckpointStyle | str,
        checkpoint: tf.train.Checkpoint | None = None,
        keep_checkpoint_max: int | None = 5,
        data: Literal['link', 'copy'] = 'link',
        on_error: Literal['log', 'raise'] = 'log',
        durable: bool = True,
    ):
        """Creates a hook for `estimator.train(hooks=[...])`, `EstimatorSpec(training_hooks=[...])` or MonitoredSession.

        Args:
          output_dir: The directory of the mirror: an empty directory, or the mirror of an earlier run.
          style: `'tf1'`, `'tf2'` or `'both'`.
          checkpoint: The objects with the paths for checkpoints that are saved without paths. None for those of the
            saver, if it is of this package, or else for `Checkpoint(var_list={name: variable}, step=global_step)`.
          keep_checkpoint_max: The number of checkpoints to keep; None or 0 for all.
          data: Whether data files are linked, if the file system supports links, or copied.
          on_error: How to handle a checkpoint that cannot be mirrored, such as for lack of space or permission: `'log'`
            logs a warning and continues training, `'raise'` stops it. A directory that cannot be a mirror (model_dir,
            or one that holds other checkpoints) raises a ValueError before the first step in any case.
          durable: Whether a mirrored checkpoint survives a power cut from the moment that it is announced.

        Raises:
          TypeError: If `checkpoint` is not a `tf.train.Checkpoint`.
          ValueError: If `style`, `data`, `on_error` or `keep_checkpoint_max` is none of the allowed values.
        """
        self._output_dir = as_path(output_dir)
        self._style = CheckpointStyle(style)
        if checkpoint is not None:
            check_checkpoint(checkpoint)
        if data not in ('link', 'copy'):
            raise ValueError(f"data must be 'link' or 'copy', not {data!r}.")
        if on_error not in ('log', 'raise'):
            raise ValueError(f"on_error must be 'log' or 'raise', not {on_error!r}.")
        if keep_checkpoint_max is not None and keep_checkpoint_max < 0:
            raise ValueError(f'keep_checkpoint_max must be None, 0 or more, not {keep_checkpoint_max}.')
        self._checkpoint, self._max_to_keep = checkpoint, keep_checkpoint_max
        self._data, self._on_error, self._durable = data, on_error, durable
        self._reset()

    def _reset(self) -> None:
        self._program: Program | None = None
        self._source_dir: str | None = None
        self._mirror: Mirror | None = None
        self._other_dirs: set[str] = set()
        self._told_missing = False

    def begin(self) -> None:
        """Registers the hook with the default graph, and reads the object paths before the graph is finalized.

        Raises:
          ValueError: If another hook mirrors to the same directory.
        """
        self._reset()
        graph = tf.compat.v1.get_default_graph()
        hooks = [hook for hook in graph_state(graph).save_listeners if isinstance(hook, CheckpointMirrorHook)]
        output_dir = os.path.abspath(self._output_dir)
        if any(hook is not self and os.path.abspath(hook._output_dir) == output_dir for hook in hooks):
            raise ValueError(f'Two hooks mirror to {self._output_dir}; give each a directory of its own.')
        # Other workers of a strategy save to temporary directories. Their graphs must still get the same ops as the
        # chief's, because ops that exchange values are numbered.
        if self not in hooks and tf.distribute.get_strategy().extended.should_checkpoint:
            after_saving(graph, self)
        if self._checkpoint is not None:
            bindings = bind(self._checkpoint, None, CheckpointStyle.BOTH)
            self._program = _program_of(bindings)
            if bindings.untracked and self._style is not CheckpointStyle.TF1:
                logger().warning(
                    'The checkpoint object of the mirror %s does not reach %d variables, which it holds under their '
                    'names: %s.',
                    self._output_dir,
                    len(bindings.untracked),
                    ', '.join(bindings.untracked),
                )

    def saved(self, prefix: str, saver: Any) -> None:
        """Mirrors a checkpoint that was just saved.

        Args:
          prefix: The prefix of the complete checkpoint.
          saver: The saver that saved it.
        """
        directory = os.path.dirname(prefix)
        self._source_dir = self._source_dir or directory
        if directory != self._source_dir:
            self._skip(directory)
            return
        program = self._program or _program_behind(saver)
        try:
            if self._mirror is None:
                self._mirror = Mirror(
                    directory, self._output_dir, self._style, self._max_to_keep, self._data, self._durable
                )
            missing = self._mirror.add(prefix, program)
        except _FAILURES as error:
            if self._on_error == 'raise':
                raise
            logger().warning(
                '%s was not mirrored to %s: %s. Training goes on.', prefix, self._output_dir, reason_of(error)
            )
            return
        logger().info('Mirrored %s to %s as %s.', prefix, self._output_dir, self._style.value)
        self._tell_missing(missing)

    def _skip(self, directory: str) -> None:
        if directory not in self._other_dirs:
            self._other_dirs.add(directory)
            logger().warning(
                'Checkpoints in %s are not mirrored to %s, which is the mirror of %s.',
                directory,
                self._output_dir,
                self._source_dir,
            )

    def _tell_missing(self, missing: list[str]) -> None:
        if missing and not self._told_missing:
            self._told_missing = True
            logger().warning(
                'The mirror %s has no value for %s, which the saver does not save.',
                self._output_dir,
                ', '.join(missing),
            )


def _program_behind(saver: Any) -> Program | None:
    """Returns the tensors of a saver with their keys; None if they are not known."""
    if isinstance(saver, Saver):
        return _program_of(saver.bindings) if saver.bindings else None
    return program_behind(saver)


def _program_of(bindings: Bindings) -> Program:
    return Program(
        [binding.target for binding in bindings.items],
        bindings.graph,
        {value.key: value.get for value in bindings.host_values},
        bindings.save_counter_name,
    )
