"""Writes checkpoints one after the other, announces them and deletes surplus ones."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.saving.eager_ops import EagerOps
from estimator_ckpt.saving.errors import errors_of_save
from estimator_ckpt.saving.graph_ops import GraphOps
from estimator_ckpt.saving.retention import Retention
from estimator_ckpt.saving.save_report import SaveReport
from estimator_ckpt.saving.staging import Extras, Staging, needed_room, objects_extras

WriteParts = Callable[[Sequence[str], Mapping[str, np.ndarray]], None]


class Destination(NamedTuple):
    """Where a checkpoint is written and announced.

    Attributes:
      prefix: The prefix of the checkpoint.
      state_file: The name of the state file that announces it; None if none does.
      meta_graph_suffix: The ending of the `MetaGraphDef` file.
    """

    prefix: str
    state_file: str | None
    meta_graph_suffix: str

    @property
    def is_export(self) -> bool:
        """True for the variables of a SavedModel, which programs read by name in any style."""
        directory, name = os.path.split(self.prefix)
        return (os.path.basename(directory), name) == (
            tf.saved_model.VARIABLES_DIRECTORY,
            tf.saved_model.VARIABLES_FILENAME,
        )

    @property
    def meta_graph(self) -> str:
        """The path of the `MetaGraphDef` file."""
        return f'{self.prefix}.{self.meta_graph_suffix}'


class CheckpointWriter:
    """Writes the checkpoints of one saver.

    Attributes:
      retention: The kept checkpoints.
      save_counter: The number of saves, where no variable counts them.
      restored_from: The checkpoint that was restored last; None before.
    """

    def __init__(self, style: CheckpointStyle, retention: Retention, durable: bool, relative_paths: bool):
        """Creates a writer.

        Args:
          style: The style of the checkpoints.
          retention: The kept checkpoints.
          durable: Whether a checkpoint survives a power cut before it is announced.
          relative_paths: Whether the state file holds relative paths.
        """
        self._style, self._durable, self._relative_paths = style, durable, relative_paths
        self.retention = retention
        self.save_counter = 0
        self.restored_from: str | None = None

    def write(
        self, ops: GraphOps | EagerOps, sess: Any, write_parts: WriteParts, destination: Destination
    ) -> list[str]:
        """Writes a checkpoint and, given a state file, announces it there and deletes surplus checkpoints.

        Args:
          ops: The ops of the saver.
          sess: The session; None in eager mode.
          write_parts: Writes the parts of the checkpoint, given their prefixes and further tensors.
          destination: Where the checkpoint is written.

        Returns:
          The files of the checkpoint; empty if the checkpoint just restored has the same contents and was kept.

        Raises:
          CheckpointError: If another process saves to the directory, or the disk fails; then also an `OSError`.
        """
        needed = functools.partial(needed_room, ops.bindings)
        with self.errors_of(destination.prefix, destination, needed):
            return self._write(ops, sess, write_parts, destination)

    @contextlib.contextmanager
    def errors_of(
        self, path: str, destination: Destination, needed: Callable[[], int] = lambda: 0
    ) -> Iterator[None]:
        """Says in a sentence what the disk, or another process, has done to a checkpoint.

        Args:
          path: The checkpoint, or the file beside it that is being saved.
          destination: Where the checkpoint is written.
          needed: Returns the least number of bytes that must be written; 0 if it is not known.
        """
        with (
            errors_of_save(path, self._last_checkpoint, needed),
            self.retention.noticing_others(destination.prefix, destination.state_file),
        ):
            yield

    def report(
        self,
        destination: Destination,
        step: int | None,
        save_seconds: float,
        stall_seconds: float,
        paths: list[str],
    ) -> None:
        """Logs a save, and adds its scalars to the summaries.

        Args:
          destination: Where the checkpoint was written.
          step: The global step; None if it is not known.
          save_seconds: The seconds from the first op until the checkpoint was announced.
          stall_seconds: The seconds for which the save held up training.
          paths: The files of the checkpoint; none if the checkpoint just restored was kept.

        Raises:
          CheckpointError: If the summaries cannot be written.
        """
        if paths:
            prefix = destination.prefix
            with self.errors_of(prefix, destination):
                SaveReport(prefix, self._style, step, save_seconds, stall_seconds, paths).publish()

    def _last_checkpoint(self) -> str | None:
        """Returns the checkpoint that was saved, or restored, last."""
        return self.retention.kept[-1][0] if self.retention.kept else self.restored_from

    def _write(
        self, ops: GraphOps | EagerOps, sess: Any, write_parts: WriteParts, destination: Destination
    ) -> list[str]:
        prefix, state_file, meta_graph_suffix = destination
        if state_file is not None:
            self.retention.check_alone(prefix, state_file)
        if self._style is not CheckpointStyle.TF2:
            ops.bindings.check_names()
        extras = Extras()
        if self._style is not CheckpointStyle.TF1:
            count = self.save_counter + 1 if ops.bindings.save_counter is None else ops.count_save(sess)
            extras = objects_extras(ops.bindings, self._style, count, names=destination.is_export)
        announces = self.retention.announces
        with Staging(prefix, ops.num_parts, extras, announces, self._durable) as staging:
            with staging.writing_back():
                write_parts(staging.parts, extras.values)
            # The first save of resumed training often equals the checkpoint that was just restored.
            is_new = staging.publish(unless_same=prefix == self.restored_from)
            self.save_counter += is_new
            # What is left of the staging is removed after this. If the process is killed before, it shows that the
            # checkpoint was to be announced.
            if state_file is not None:
                self.retention.announce(
                    prefix, staging.note, self._relative_paths, state_file, meta_graph_suffix
                )
        return staging.paths if is_new else []
