"""Saves in the background: a snapshot of the values of one step, and a thread that writes it."""

import secrets
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_ckpt.program.log import logger
from estimator_ckpt.saving.errors import SaveError
from estimator_ckpt.saving.saver import Saver


class Snapshot:
    """The values of the variables of a session at one step, to be written once.

    Attributes:
      session: The session.
      stall_seconds: The seconds for which the snapshot held up training.
    """

    def __init__(self, session: tf.compat.v1.Session, saver: Saver, started: float):
        """Takes the snapshot.

        Args:
          session: The session of the variables.
          saver: The saver of the variables. `saver.keep_snapshots()` was called before it was built.
          started: The time at which training was held up, by `time.monotonic()`.
        """
        self.session, self._ops = session, saver.snapshot_ops
        self._key = secrets.randbits(63)
        self._ops.keep(session, self._key)
        self.stall_seconds = time.monotonic() - started

    def write(self, prefixes: Sequence[str], values: Mapping[str, np.ndarray]) -> None:
        """Writes the values, and frees them.

        Args:
          prefixes: The prefixes of the parts.
          values: The extra values, by key.
        """
        self._ops.save(self.session, self._key, prefixes, values)


class BackgroundSave(threading.Thread):
    """A thread that writes a checkpoint. The process ends only when the thread has, also on SIGTERM.

    Attributes:
      step: The step of the checkpoint.
      error: The error by which writing failed; None if it has not.
    """

    def __init__(self, step: int, write: Callable[[Snapshot, int], object], snapshot: Snapshot):
        """Creates the thread, without starting it.

        Args:
          step: The step of the checkpoint.
          write: A function of a snapshot and its step, which writes the checkpoint.
          snapshot: The snapshot to write.
        """
        super().__init__(name=f'checkpoint of step {step}')
        self.step = step
        self.error: BaseException | None = None
        self._write, self._snapshot = write, snapshot
        self._handler: Any = None
        self._has_ended = self._is_terminated = False

    def start(self) -> None:
        """Starts the thread. Until `wait` returns, SIGTERM ends the process only after the checkpoint.

        Training goes on until then. The signal may come while the main thread holds a lock that the writer needs, such
        as that of logging, so its handler must not wait for the writer.
        """
        # A handler that Python has not installed (None) could not be restored.
        if _is_main_thread() and signal.getsignal(signal.SIGTERM) is not None:
            self._handler = signal.signal(signal.SIGTERM, self._terminate_when_ended)
        super().start()

    def run(self) -> None:
        """Writes the checkpoint. An error is logged, and kept in `error`."""
        try:
            self._write(self._snapshot, self.step)
        except BaseException as error:
            # If training has ended by another error, nothing reads `self.error`. One of the disk is logged already.
            if not isinstance(error, SaveError):
                logger().error('Saving the checkpoint of step %d has failed: %s', self.step, error)
            self.error = error
        finally:
            del self._write, self._snapshot  # Frees the values before the next save.
            self._has_ended = True
            if self._is_terminated:
                self._remind_main_thread()

    def _remind_main_thread(self) -> None:
        """Signals the main thread until it acts: it misses a signal that comes just before it begins to sleep."""
        pause = 0.05
        while signal.getsignal(signal.SIGTERM) == self._terminate_when_ended:
            _signal_main_thread(signal.SIGTERM)
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def wait(self) -> None:
        """Waits until the checkpoint is written, or writing has failed."""
        self.join()
        if self._handler is not None and _is_main_thread():
            self._restore_handler()
            if self._is_terminated:
                signal.raise_signal(signal.SIGTERM)

    def _restore_handler(self) -> None:
        handler, self._handler = self._handler, None
        signal.signal(signal.SIGTERM, handler)

    def _terminate_when_ended(self, number: int, frame: Any) -> None:
        """Handles the signal, in the main thread. Takes no lock."""
        # The writer looks at these in the other order, so that one of the two sees that the other was first.
        self._is_terminated = True
        if self._has_ended and self._handler is not None:
            self._restore_handler()
            signal.raise_signal(number)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _signal_main_thread(number: int) -> None:
    """Sends a signal that the main thread handles even while it waits for a lock or sleeps."""
    main_thread = threading.main_thread().ident
    if hasattr(signal, 'pthread_kill') and main_thread is not None:
        signal.pthread_kill(main_thread, number)
    else:
        signal.raise_signal(number)
