"""A `tf.compat.v1.train.Saver` that saves in any style and restores every style."""

import functools
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from estimator_ckpt.bundle.checkpoint_state import STATE_FILE
from estimator_ckpt.bundle.paths import as_path
from estimator_ckpt.formats.opening import deleted_error, is_there, open_source
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.program.bindings import Bindings, bind
from estimator_ckpt.program.graph_state import graph_state
from estimator_ckpt.program.tensorflow_internals import SessionInterface
from estimator_ckpt.program.tracking import check_checkpoint
from estimator_ckpt.saving.bindings_check import check_bindings
from estimator_ckpt.saving.checkpoint_writer import CheckpointWriter, Destination
from estimator_ckpt.saving.damage import restore_or_previous
from estimator_ckpt.saving.eager_ops import EagerOps
from estimator_ckpt.saving.errors import errors_of_restore
from estimator_ckpt.saving.graph_ops import GraphOps
from estimator_ckpt.saving.restoring import find_checkpoint_to_restore, restore
from estimator_ckpt.saving.retention import Retention, warn_unless_seen
from estimator_ckpt.saving.snapshot_ops import SnapshotOps
from estimator_ckpt.saving.staging import check_can_be_restored

if TYPE_CHECKING:
    from estimator_ckpt.saving.background_save import Snapshot

_UNTRACKED = ('keep', 'error', 'drop')


class Saver(tf.compat.v1.train.Saver):
    """Saves name-based, object-based or both styles of checkpoint, and restores from any of them.

    Works in sessions and, with `sess=None`, in eager mode. As a subclass of `tf.compat.v1.train.Saver` the class fits
    `Scaffold(saver=...)`, `CheckpointSaverHook(saver=...)` and `saver.save(sess, ...)`.
    """

    def __init__(
        self,
        style: CheckpointStyle | str = CheckpointStyle.TF1,
        checkpoint: tf.train.Checkpoint | None = None,
        var_list: Any = None,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float | None = 10000.0,
        *,
        untracked: str = 'keep',
        model_dir: str | None = None,
        sharded: bool = False,
        name: str | None = None,
        restore_sequentially: bool = False,
        defer_build: bool = False,
        allow_empty: bool = False,
        pad_step_number: bool = False,
        save_relative_paths: bool = True,
        filename: str | None = None,
        is_chief: bool = True,
        durable: bool = True,
        on_damaged: str = 'error',
        write_version: int = tf.compat.v1.train.SaverDef.V2,
    ):
        """Creates a saver, and adds its ops to the default graph unless `defer_build` is set.

        Args:
          style: `'tf1'`, `'tf2'` or `'both'`.
          checkpoint: A `tf.train.Checkpoint` that names the objects. None for `Checkpoint(var_list={name: variable},
            step=global_step)` over the saveable objects. The saver keeps a reference to it.
          var_list: The variables, or a dict of variables by name. None for all variables of the graph, or in eager mode
            for all that `checkpoint` reaches.
          max_to_keep: The number of checkpoints to keep; None or 0 for all.
          keep_checkpoint_every_n_hours: The interval, in hours, at which a checkpoint is kept permanently; None for
            never.
          untracked: How to handle variables that are not reachable from `checkpoint` in an object-based checkpoint:
            `'keep'` saves them under their names and logs a warning, `'error'` raises an error, `'drop'` leaves them
            out and initializes them at restore.
          model_dir: The directory in which to look for a checkpoint by its base name if its path does not exist, as
            after its directory was moved.
          sharded: Whether each device writes its own variables.
          name: Name scope for the added ops.
          restore_sequentially: As for `tf.compat.v1.train.Saver`.
          defer_build: Whether the ops are added by the first `build` or `restore`, so that they cover variables that
            are created until then.
          allow_empty: Whether a graph without variables is allowed.
          pad_step_number: Whether the step in file names has at least eight digits.
          save_relative_paths: Whether the state file holds relative paths, so that the directory can be moved.
          filename: As for `tf.compat.v1.train.Saver`.
          is_chief: Whether this task writes. In other tasks `save` writes nothing. Under a multi-worker strategy all
            tasks must call `save`, and the strategy decides which task is the chief.
          durable: Whether a checkpoint is on the disk, so that it survives a power cut, before it is announced and
            before older ones are deleted.
          on_damaged: How to handle the latest checkpoint of a directory if it is damaged: `'error'` names the newest
            one that is whole, `'previous'` restores that one and logs a warning.
          write_version: `SaverDef.V2`; the V1 format is only read.

        Raises:
          TypeError: If `checkpoint` is not a `tf.train.Checkpoint`.
          ValueError: If the style, `untracked` or `on_damaged` is unknown, or `write_version` is not `SaverDef.V2`.
        """
        if on_damaged not in ('error', 'previous'):
            raise ValueError(f"on_damaged must be 'error' or 'previous', not {on_damaged!r}.")
        if write_version != tf.compat.v1.train.SaverDef.V2:
            raise ValueError(
                'write_version must be SaverDef.V2: the V1 format, which TensorFlow wrote until 2016, is only read.'
            )
        self._style = CheckpointStyle(style)
        if untracked not in _UNTRACKED:
            raise ValueError(
                f'untracked must be one of {", ".join(map(repr, _UNTRACKED))}, not {untracked!r}.'
            )
        if checkpoint is not None:
            check_checkpoint(checkpoint)
        with tf.Graph().as_default():  # In eager mode the base class logs a warning and requires variables.
            super().__init__(
                sharded=sharded,
                max_to_keep=max_to_keep,
                keep_checkpoint_every_n_hours=10000.0,  # `self._writer` decides.
                name=name,
                restore_sequentially=restore_sequentially,
                defer_build=True,
                allow_empty=allow_empty,
                pad_step_number=pad_step_number,
                save_relative_paths=save_relative_paths,
                filename=filename,
            )
        self._checkpoint = checkpoint
        self._variables = var_list
        self._untracked = untracked
        self._model_dir = model_dir
        retention = Retention(max_to_keep, keep_checkpoint_every_n_hours, durable)
        self._writer = CheckpointWriter(self._style, retention, durable, save_relative_paths)
        self._on_damaged = on_damaged
        self._named_saver: tf.compat.v1.train.Saver | None = None
        self._graph_ops: GraphOps | None = None
        self._snapshot_ops: SnapshotOps | None = None
        self._keeps_snapshots = False
        # All workers of such a strategy must read the variables, but only the chief's checkpoint is used.
        writes = tf.executing_eagerly() or tf.distribute.get_strategy().extended.should_checkpoint
        self._only_takes_part = not writes
        self._times_taken_part = 0
        self._is_chief = is_chief and not self._only_takes_part
        if not defer_build and not tf.executing_eagerly():
            self.build()

    @property
    def style(self) -> CheckpointStyle:
        """The style of the checkpoints that this saver writes."""
        return self._style

    @property
    def bindings(self) -> Bindings | None:
        """The tensors that the ops save and restore; None before the ops are built."""
        return self._graph_ops.bindings if self._graph_ops else None

    @property
    def is_chief(self) -> bool:
        """True if this task writes checkpoints."""
        return self._is_chief

    @property
    def snapshot_ops(self) -> SnapshotOps:
        """The ops that keep the values of a step.

        Raises:
          RuntimeError: If `keep_snapshots` or `build` was not called before.
        """
        if self._snapshot_ops is None:
            raise RuntimeError('The saver has no snapshot ops; call keep_snapshots() and build() first.')
        return self._snapshot_ops

    def keep_snapshots(self) -> None:
        """Adds ops, now or in `build`, that keep the values of a step until they are written."""
        self._keeps_snapshots = True
        if self._graph_ops and not self._snapshot_ops:
            self._snapshot_ops = self._graph_ops.snapshot_ops()

    def build(self) -> None:
        """Adds the save and restore ops to the default graph, once.

        Raises:
          RuntimeError: In eager mode, or if the graph is finalized.
          CheckpointError: If variables are not reachable from `checkpoint` and `untracked='error'`.
        """
        if tf.executing_eagerly():
            raise RuntimeError('build() adds ops to a graph; in eager mode call save or restore.')
        if self._is_built:
            return
        bindings = self._bind()
        # For None the base class would take all variables.
        self._var_list = bindings.saveables(self._style) or ()
        self._graph_ops = GraphOps(bindings, self._style, self._add_ops)
        if self._keeps_snapshots:
            self.keep_snapshots()

    def _add_ops(self) -> Any:
        super().build()
        return self.saver_def

    @property
    def _built_ops(self) -> GraphOps:
        """The ops in the graph.

        Raises:
          RuntimeError: If they are not built.
        """
        if self._graph_ops is None:
            raise RuntimeError('The saver has no ops; call build() first.')
        return self._graph_ops

    def _ops(self) -> GraphOps | EagerOps:
        """Returns the ops in the graph, or in eager mode new ops for the objects in their current state."""
        return EagerOps(self._bind(), self._style) if tf.executing_eagerly() else self._built_ops

    def _bind(self) -> Bindings:
        if tf.executing_eagerly() and self._checkpoint is not None and self._style is not CheckpointStyle.TF1:
            _ = self._checkpoint.save_counter  # Reading the property creates the counter.
        drops = self._untracked == 'drop' and self._style is CheckpointStyle.TF2
        bindings = bind(self._checkpoint, self._variables, self._style, drops)
        check_bindings(bindings, self, self._untracked)
        return bindings

    @property
    def last_checkpoints(self) -> list[str]:
        """The prefixes of the kept checkpoints, oldest first."""
        return [prefix for prefix, _ in self._writer.retention.kept]

    def set_last_checkpoints_with_time(self, last_checkpoints_with_time: list[tuple[str, float]]) -> None:
        """Sets the prefixes of the kept checkpoints, with the times at which they were written."""
        self._writer.retention.kept = list(last_checkpoints_with_time)

    def set_last_checkpoints(self, last_checkpoints: list[str]) -> None:
        """Sets the prefixes of the kept checkpoints, as if they had just been written."""
        self.set_last_checkpoints_with_time([(prefix, np.inf) for prefix in last_checkpoints])

    def recover_last_checkpoints(self, checkpoint_paths: list[str]) -> None:
        """Replaces the kept checkpoints, after a restart, by those that a state file names."""
        directory = self._model_dir
        if directory is None and self._writer.restored_from is not None:
            directory = os.path.dirname(self._writer.restored_from)
        self._writer.retention.recover(checkpoint_paths, directory)
        self._writer.retention.clean()

    def save(
        self,
        sess: tf.compat.v1.Session | None,
        save_path: str,
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = 'meta',
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str | None:
        """Saves the variables.

        The new checkpoint is complete before the state file names it; until then the previous one stays valid.

        Args:
          sess: The session, or None in eager mode.
          save_path: The prefix of the files.
          global_step: The step to be added to the prefix, as a number, a tensor or the name of a tensor.
          latest_filename: The state file's name, `'checkpoint'` by default.
          meta_graph_suffix: The ending of the `MetaGraphDef` file.
          write_meta_graph: Whether to write that file (in graph mode).
          write_state: Whether to write the state file and delete old checkpoints.
          strip_default_attrs: As for `tf.compat.v1.train.Saver.save`.
          save_debug_info: As for `tf.compat.v1.train.Saver.save`.

        Returns:
          The prefix of the checkpoint; None if the saver is empty, or this task does not write.

        Raises:
          RuntimeError: If the ops were not built.
          TypeError: If `sess` is not a session.
          ValueError: If `latest_filename` has a directory, or is `save_path` itself.
          CheckpointError: If the files cannot be merged, another process has saved to the directory since this one did,
            or the path has brackets or a backslash, which would keep TensorFlow from restoring the checkpoint. If the
            disk fails, the error is an `OSError` and an error of `tf.errors` too, and names the last checkpoint.
        """
        started = time.monotonic()
        state_file = latest_filename or STATE_FILE
        save_path = as_path(save_path)
        self._check_call(sess, save_path, global_step, state_file)
        step = _as_number(sess, global_step)
        if not self._is_chief:
            self._take_part(sess)
            return None
        prefix = save_path if step is None else self._numbered(save_path, step)
        destination = Destination(prefix, state_file if write_state else None, meta_graph_suffix)
        graph = None if sess is None or tf.executing_eagerly() else sess.graph
        paths = []
        if not self._is_empty:
            ops = self._ops()
            paths = self._writer.write(ops, sess, functools.partial(ops.save, sess), destination)
        if write_meta_graph and graph is not None:
            with graph.as_default(), self._writer.errors_of(destination.meta_graph, destination):
                self.export_meta_graph(
                    destination.meta_graph,
                    strip_default_attrs=strip_default_attrs,
                    save_debug_info=save_debug_info,
                )
        if self._is_empty:
            return None
        if destination.is_export and graph is not None:
            self._name_exported_ops(graph)
        seconds = time.monotonic() - started
        self._writer.report(destination, step, seconds, seconds, paths)
        if write_state and graph is not None:
            graph_state(graph).tell_listeners(prefix, self)
        return prefix

    def _name_exported_ops(self, graph: tf.Graph) -> None:
        """Adds name-based ops to an exported graph of object-based style, for programs that load it by name."""
        if self._style is CheckpointStyle.TF2 and not graph.finalized and self._named_saver is None:
            saveables = self._built_ops.bindings.saveables(CheckpointStyle.TF1)
            with graph.as_default():
                self._named_saver = tf.compat.v1.train.Saver(saveables, sharded=True)

    def export_meta_graph(self, *args: Any, **kwargs: Any) -> Any:
        """Writes a `MetaGraphDef`. The ops in that of a SavedModel save and restore by name.

        Args:
          *args: As for `tf.compat.v1.train.Saver.export_meta_graph`.
          **kwargs: As for `tf.compat.v1.train.Saver.export_meta_graph`.

        Returns:
          The `MetaGraphDef`.
        """
        if self._named_saver is not None:
            return self._named_saver.export_meta_graph(*args, **kwargs)
        return super().export_meta_graph(*args, **kwargs)

    def save_snapshot(
        self, snapshot: 'Snapshot', save_path: str, global_step: int, write_meta_graph: bool = True
    ) -> str:
        """Saves the values of a snapshot, and announces the checkpoint. Can run in a thread beside training.

        Args:
          snapshot: A snapshot that was taken with the ops of this saver.
          save_path: The prefix of the files.
          global_step: The step of the snapshot, to be added to the prefix.
          write_meta_graph: Whether to write the `MetaGraphDef` file.

        Returns:
          The prefix of the checkpoint.

        Raises:
          CheckpointError: If the files cannot be merged, or another process has saved to the directory since this one
            did.
        """
        started = time.monotonic()
        destination = Destination(self._numbered(save_path, global_step), STATE_FILE, 'meta')
        paths = self._writer.write(self._built_ops, snapshot.session, snapshot.write, destination)
        if write_meta_graph:
            with self._writer.errors_of(destination.meta_graph, destination):
                self.export_meta_graph(destination.meta_graph)
        seconds = time.monotonic() - started
        self._writer.report(destination, global_step, seconds, snapshot.stall_seconds, paths)
        graph_state(snapshot.session.graph).tell_listeners(destination.prefix, self)
        return destination.prefix

    def _take_part(self, sess: Any) -> None:
        if self._only_takes_part and not self._is_empty:
            self._built_ops.take_part(sess)
            self._times_taken_part += 1
            # The chief starts its second save only after its first checkpoint is written, even in the background.
            if self._times_taken_part == 3 and self._model_dir is not None:
                warn_unless_seen(self._model_dir)

    def _check_call(self, sess: Any, save_path: str, global_step: Any, state_file: str) -> None:
        if not tf.executing_eagerly():
            if not self._is_built:
                raise RuntimeError('build() must be called before save where defer_build=True.')
            if not isinstance(sess, SessionInterface):
                raise TypeError(f'sess must be a tf.compat.v1.Session, not {sess!r}.')
        if os.path.dirname(state_file):
            raise ValueError(f'latest_filename must be a plain file name, not {state_file!r}.')
        if global_step is None and os.path.basename(save_path) == state_file:
            raise ValueError(f'save_path {save_path!r} is the state file; choose another name for one.')
        check_can_be_restored(save_path)

    def _numbered(self, save_path: str, step: int) -> str:
        return f'{save_path}-{step:08d}' if self._pad_step_number else f'{save_path}-{step}'

    def restore(self, sess: tf.compat.v1.Session | None, save_path: str) -> None:
        """Restores the variables from a checkpoint of any style.

        Args:
          sess: The session, or None in eager mode.
          save_path: The prefix of a checkpoint, or anything else that stands for one, such as a model_dir.

        Raises:
          ValueError: If `save_path` is None.
          CheckpointNotFoundError: If there is no such checkpoint, or a data file is missing.
          CorruptCheckpointError: If a file is damaged.
          CheckpointError: If the path of the checkpoint has brackets or a backslash.
          MappingError: If a variable has no source in the checkpoint, or one of another shape or data type. Nothing is
            restored then.
        """
        if save_path is None:
            raise ValueError('save_path must name a checkpoint, not None.')
        if not tf.executing_eagerly():
            self.build()
        if self._is_empty:
            return
        with errors_of_restore():
            prefix = find_checkpoint_to_restore(as_path(save_path), self._model_dir)
            restore_or_previous(prefix, self._on_damaged, functools.partial(self._restore, sess))

    def _restore(self, sess: tf.compat.v1.Session | None, prefix: str) -> None:
        reader = open_source(prefix)
        check_can_be_restored(reader.prefix)
        try:
            self._writer.save_counter = restore(self._ops(), sess, reader)
        except (FileNotFoundError, tf.errors.OpError) as error:
            if is_there(prefix):
                raise
            raise deleted_error(prefix) from error
        self._writer.restored_from = reader.prefix

    def look_in(self, model_dir: str) -> None:
        """Sets the directory in which to look for moved checkpoints, unless the saver was created with one.

        Args:
          model_dir: The directory of the checkpoints.
        """
        self._model_dir = self._model_dir or model_dir


def _as_number(sess: Any, global_step: Any) -> int | None:
    if global_step is None or isinstance(global_step, int):
        return global_step
    if isinstance(global_step, np.integer):
        return int(global_step)
    return tf.compat.v1.train.global_step(sess, global_step)
