"""A save that goes on while training does: the values of one step, and a thread that writes them."""

import secrets
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_ckpt.saving.saver import Saver


class Snapshot:
    """The values that the variables of a session had when it was made, to be written once.

    Attributes:
      session: The session.
      stall_seconds: How long training stood still for the snapshot.
    """

    def __init__(self, session: tf.compat.v1.Session, saver: Saver, started: float):
        """Keeps the values.

        Args:
          session: The session of the variables.
          saver: The saver whose variables are kept; `saver.keep_snapshots()` was called before it was built.
          started: When training began to stand still, by `time.monotonic()`.
        """
        self.session, self._ops = session, saver.snapshot_ops
        self._key = secrets.randbits(63)
        self._ops.keep(session, self._key)
        self.stall_seconds = time.monotonic() - started

    def write(self, prefixes: Sequence[str], values: Mapping[str, np.ndarray]) -> None:
        """Writes what was kept, and keeps it no longer.

        Args:
          prefixes: The prefixes of the parts.
          values: The extra values, by their keys.
        """
        self._ops.save(self.session, self._key, prefixes, values)


class BackgroundSave(threading.Thread):
    """A checkpoint that is being written. The process does not end before it is, nor by SIGTERM."""

    def __init__(self, step: int, write: Any, snapshot: Snapshot):
        super().__init__(name=f'checkpoint of step {step}')
        self.step = step
        self.error: BaseException | None = None
        self._write, self._snapshot = write, snapshot
        self._handler: Any = None

    def start(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGTERM, self._finish_and_terminate)
        super().start()

    def run(self) -> None:
        try:
            self._write(self._snapshot, self.step)
        except BaseException as error:
            # Also here, for training that has ended by another error does not ask for this one.
            tf.get_logger().error('The checkpoint of step %d was not written: %s', self.step, error)
            self.error = error
        finally:
            del self._write, self._snapshot  # The values need not be kept until the next step.

    def wait(self) -> None:
        """Waits until it is written, or has failed."""
        self.join()
        if self._handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)
            self._handler = None

    def _finish_and_terminate(self, number: int, frame: Any) -> None:
        self.wait()
        signal.raise_signal(number)
