"""Reports the time and the size of a save: in the log, and as scalars for TensorBoard."""

import dataclasses
import os
from collections.abc import Sequence

import tensorflow as tf

from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.common import formatting
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.program.log import logger
from estimator_ckpt.program.tensorflow_internals import summary_writers


@dataclasses.dataclass(frozen=True)
class SaveReport:
    """The report of one save.

    Attributes:
      prefix: The checkpoint.
      style: The style of the checkpoint.
      step: The global step; None if it is not known.
      save_seconds: The seconds from the first op until the checkpoint was announced.
      stall_seconds: The seconds for which the save held up training; equal to `save_seconds` unless the checkpoint was
        written in the background.
      paths: The files of the checkpoint.
    """

    prefix: str
    style: CheckpointStyle
    step: int | None
    save_seconds: float
    stall_seconds: float
    paths: Sequence[str]

    def publish(self) -> None:
        """Logs the save, and adds its scalars to the summaries of the checkpoint's directory, if there are any.

        In eager mode the scalars are written by the default writer of `tf.summary`.
        """
        files = files_for(self.prefix)
        size = sum(map(files.size, self.paths))
        stall = ''
        if self.stall_seconds != self.save_seconds:
            stall = f'; training stood still for {self.stall_seconds:.2f} s'
        logger().info(
            'Saved %s as %s: %s in %.2f s%s.',
            self.prefix,
            self.style.value,
            formatting.size(size),
            self.save_seconds,
            stall,
        )
        if self.step is not None:
            self._summarize(
                {
                    'checkpoint/save_seconds': self.save_seconds,
                    'checkpoint/stall_seconds': self.stall_seconds,
                    'checkpoint/bytes': size,
                }
            )

    def _summarize(self, scalars: dict[str, float]) -> None:
        values = [tf.compat.v1.Summary.Value(tag=tag, simple_value=v) for tag, v in scalars.items()]
        summary = tf.compat.v1.Summary(value=values)
        if tf.executing_eagerly():
            # tf.summary.scalar would need TensorBoard.
            tf.summary.experimental.write_raw_pb(summary.SerializeToString(), self.step)
            return
        writer = _summary_writer(os.path.dirname(self.prefix))
        if writer is not None:
            writer.add_summary(summary, self.step)
            writer.flush()  # After the last save nothing else flushes the writer.


def _summary_writer(directory: str) -> tf.compat.v1.summary.FileWriter | None:
    """Returns the writer that hooks have created for a directory; None if there is none, and none is created."""
    normalized = os.path.normpath(directory)
    return next(
        (writer for path, writer in summary_writers().items() if os.path.normpath(path) == normalized), None
    )
