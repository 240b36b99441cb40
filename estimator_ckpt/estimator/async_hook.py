"""Writes checkpoints in the background while training continues."""

import time
from collections.abc import Sequence
from typing import Any, Literal

import tensorflow as tf

from estimator_ckpt.program.graph_state import graph_state
from estimator_ckpt.program.log import logger
from estimator_ckpt.saving.background_save import BackgroundSave, Snapshot
from estimator_ckpt.saving.saver import Saver


class AsyncCheckpointSaverHook(tf.compat.v1.train.CheckpointSaverHook):
    """Saves consistent checkpoints, which a thread writes while training continues.

    Training is held up only while the values of all variables are taken, in one `session.run` between two steps. The
    checkpoint of the last step is written before training ends. An error of the writer is raised in training, at the
    next step or at the end. On SIGTERM, training ends when the checkpoint that is being written is finished.

    The hook replaces Estimator's saver hook. It needs a scaffold or a saver of this package, of any style. Only the
    chief writes.
    """

    def __init__(
        self,
        checkpoint_dir: str,
        save_secs: float | None = None,
        save_steps: int | None = None,
        saver: Saver | None = None,
        checkpoint_basename: str = 'model.ckpt',
        scaffold: tf.compat.v1.train.Scaffold | None = None,
        listeners: Sequence[tf.compat.v1.train.CheckpointSaverListener] | None = None,
        save_graph_def: bool = True,
        *,
        overlap: Literal['wait', 'skip'] = 'wait',
    ):
        """Creates a hook for `estimator.train(hooks=[...])`, `EstimatorSpec(training_hooks=[...])` or MonitoredSession.

        With a multi-worker strategy every task must have the hook, and `RunConfig` neither `save_checkpoints_steps` nor
        `save_checkpoints_secs`. If the scaffold has no `config`, each task acts as the chief; the hook must then be one
        of `training_chief_hooks` or `chief_only_hooks`.

        Args:
          checkpoint_dir: The directory of the checkpoints.
          save_secs: Seconds between two checkpoints; this or `save_steps` must be given.
          save_steps: Steps between two checkpoints.
          saver: An `estimator_ckpt.Saver`.
          checkpoint_basename: The beginning of the file names.
          scaffold: A scaffold with an `estimator_ckpt.Saver`. Without `saver` and `scaffold`, the scaffold of the
            session is used.
          listeners: The listeners. They are called in the training thread, `after_save` when the checkpoint is written.
          save_graph_def: As for `tf.compat.v1.train.CheckpointSaverHook`.
          overlap: How to handle a checkpoint that is due while another one is being written: `'wait'` for that one, or
            `'skip'` it. The last checkpoint is never skipped.

        Raises:
          ValueError: If not exactly one of `save_secs` and `save_steps` is given, both `saver` and `scaffold` are
            given, or `overlap` is unknown.
        """
        if overlap not in ('wait', 'skip'):
            raise ValueError(f"overlap must be 'wait' or 'skip', not {overlap!r}.")
        super().__init__(
            checkpoint_dir,
            save_secs,
            save_steps,
            saver,
            checkpoint_basename,
            scaffold,
            list(listeners or []),
            save_graph_def,
        )
        self._overlap = overlap
        self._writing: BackgroundSave | None = None
        self._last_step: int | None = None

    def begin(self) -> None:
        """Resets the hook and requests snapshot ops in the default graph."""
        self._writing = self._last_step = None
        if self._is_chief():
            for saver in self._savers():
                if isinstance(saver, Saver):
                    saver.keep_snapshots()
            super().begin()
        else:
            self._global_step_tensor = tf.compat.v1.train.get_global_step()

    def after_create_session(self, session: tf.compat.v1.Session, coord: Any) -> None:
        """Saves the first checkpoint.

        Args:
          session: The session.
          coord: The coordinator of the session's threads.
        """
        if self._is_chief():
            self._drop_lost_save()
            self._finish(session)
            self._get_saver().snapshot_ops.clear(session)
            self._let_close_wait(session)
            super().after_create_session(session, coord)
        else:
            step = session.run(self._global_step_tensor)
            self._take_part(session, step)
            self._timer.update_last_triggered_step(step)

    def _drop_lost_save(self) -> None:
        """Drops a background save whose session broke down. The failure has been logged; training continues."""
        if self._writing:
            self._writing.wait()
            if isinstance(self._writing.error, tf.errors.OpError):
                self._writing = None

    def _let_close_wait(self, session: tf.compat.v1.Session) -> None:
        """Makes closing the session wait for the writer. Training that fails closes it, which would cancel the save."""
        close = session.close

        def close_when_written() -> None:
            if self._writing:
                self._writing.wait()
            close()

        session.close = close_when_written

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Saves a checkpoint if one is due. Raises the writer's error, or calls the listeners, if the writer has ended.

        Args:
          run_context: The context of the step.
          run_values: The results of the step.
        """
        if self._writing and not self._writing.is_alive() and self._finish(run_context.session):
            run_context.request_stop()
        super().after_run(run_context, run_values)

    def end(self, session: tf.compat.v1.Session) -> None:
        """Saves the last step, unless it is saved already, and waits for the writer."""
        self._finish(session)
        last_step = session.run(self._global_step_tensor)
        if last_step != self._last_step:
            self._save(session, last_step)
            self._finish(session)
        if self._is_chief():
            for listener in self._listeners:
                listener.end(session, last_step)

    def _save(self, session: tf.compat.v1.Session, step: int) -> bool:
        if not self._is_chief():
            self._take_part(session, step)
            return False
        started = time.monotonic()
        stop = False
        if self._writing:
            if self._overlap == 'skip' and self._writing.is_alive():
                logger().info(
                    'Skipping the checkpoint of step %d: that of step %d is being written.',
                    step,
                    self._writing.step,
                )
                return False
            logger().info('The checkpoint of step %d waits for that of step %d.', step, self._writing.step)
            stop = self._finish(session)
        for listener in self._listeners:
            listener.before_save(session, step)
        snapshot = Snapshot(session, self._get_saver(), started)
        self._last_step = step
        self._writing = BackgroundSave(step, self._write, snapshot)
        self._writing.start()
        return stop

    def _write(self, snapshot: Snapshot, step: int) -> None:
        with snapshot.session.graph.as_default():  # The default graph is specific to each thread.
            self._get_saver().save_snapshot(
                snapshot, self._save_path, step, write_meta_graph=self._save_graph_def
            )

    def _take_part(self, session: tf.compat.v1.Session, step: int) -> None:
        self._last_step = step
        self._get_saver().save(session, self._save_path, global_step=step, write_meta_graph=False)

    def _finish(self, session: tf.compat.v1.Session) -> bool:
        """Waits for the writer. Returns True if a listener requests to stop training."""
        if self._writing is None:
            return False
        writing, self._writing = self._writing, None
        writing.wait()
        if writing.error is not None:
            raise writing.error
        log = tf.compat.v1.SessionLog(
            status=tf.compat.v1.SessionLog.CHECKPOINT, checkpoint_path=self._save_path
        )
        self._summary_writer.add_session_log(log, writing.step)
        return any([listener.after_save(session, writing.step) for listener in self._listeners])

    def _is_chief(self) -> bool:
        return all(saver.is_chief for saver in self._savers() if isinstance(saver, Saver))

    def _savers(self) -> Sequence[Any]:
        if self._saver or self._scaffold:
            return [self._saver or self._scaffold.saver]
        return graph_state(tf.compat.v1.get_default_graph()).savers

    def _get_saver(self) -> Saver:
        # Each replica of a strategy creates a saver, of which only one is built.
        savers = self._savers()
        saver = next((saver for saver in savers if not isinstance(saver, Saver) or saver.bindings), None)
        if not isinstance(saver, Saver):
            raise TypeError(
                'AsyncCheckpointSaverHook needs a saver or a scaffold of estimator_ckpt: use '
                'estimator_ckpt.scaffold in the model_fn, or estimator_ckpt.with_checkpoint_style.'
            )
        return saver
