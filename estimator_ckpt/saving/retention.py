"""Which checkpoints of a directory are kept, which are deleted, and what the state file says of them."""

import os
import re
import socket
import time
from collections.abc import Sequence

import tensorflow as tf

from estimator_ckpt.bundle.checkpoint_state import STATE_FILE, CheckpointState, read_state, write_state
from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import (
    checkpoint_exists,
    index_path,
    is_absolute,
    same_place,
    state_entry_candidates,
)
from estimator_ckpt.bundle.reader import stored_files

# For each state file, the latest checkpoint that this process has announced in it, with whichever saver.
_announced: dict[str, str] = {}


class Retention:
    """Keeps the latest checkpoints, and one for good every few hours, as `tf.compat.v1.train.Saver` does.

    Beyond that, all that are too many are deleted at once, and the time of the next one to be kept for good survives
    a restart, in the state file.

    Attributes:
      kept: The prefixes of the checkpoints that are kept, with the times they were written, oldest first.
      announces: Whether it has written a state file.
    """

    def __init__(self, max_to_keep: int | None, keep_every_n_hours: float | None):
        """Starts with no checkpoint.

        Args:
          max_to_keep: How many to keep; None or 0 for all, of which the state file then names the latest only.
          keep_every_n_hours: How often, in hours, one is kept for good; None for never.
        """
        self._max_to_keep = max_to_keep or 0
        self._interval = (float('inf') if keep_every_n_hours is None else keep_every_n_hours) * 3600
        self._last_preserved = time.time()
        self.kept: list[tuple[str, float]] = []
        self.announces = False

    def recover(self, prefixes: Sequence[str], directory: str | None = None) -> None:
        """Goes on from checkpoints that are there already.

        Args:
          prefixes: What the state file names, oldest first. Those that are gone are forgotten.
          directory: The directory of the state file, if it is known. What lies in it wins over the path of a prefix,
            since it may be a copy of the directory that was written.
        """
        self.kept = []
        for prefix in prefixes:
            candidates = state_entry_candidates(directory, prefix) if directory is not None else [prefix]
            found = next(filter(checkpoint_exists, candidates), None)
            if found is not None:
                self.kept.append((found, files_for(found).mtime(index_path(found))))
        if self.kept:
            state = read_state(os.path.dirname(self.kept[-1][0]))
            if state is not None and state.last_preserved:
                self._last_preserved = state.last_preserved

    def record(self, prefix: str) -> list[str]:
        """Notes a new checkpoint, and returns those that are to be deleted, oldest first: all from its directory."""
        if not self._max_to_keep:
            self.kept = [(prefix, time.time())]
            return []
        self._move_to(os.path.dirname(prefix))
        self.kept = [item for item in self.kept if item[0] != prefix] + [(prefix, time.time())]
        too_many = self.kept[: -self._max_to_keep]
        self.kept = self.kept[-self._max_to_keep :]
        deleted = []
        for old, written in too_many:
            if written > self._last_preserved + self._interval:
                self._last_preserved += self._interval
            else:
                deleted.append(old)
        return deleted

    def _move_to(self, directory: str) -> None:
        """Forgets checkpoints of other directories, but for those whose copies lie in this one.

        The state file of a copied or moved directory names the old one, which is not ours to delete from.
        """
        kept = []
        for prefix, written in self.kept:
            if not same_place(os.path.dirname(prefix), directory):
                prefix = os.path.join(directory, os.path.basename(prefix))
                if not checkpoint_exists(prefix):
                    continue
            kept.append((prefix, written))
        self.kept = kept

    def announce(self, latest: str, relative: bool, state_file: str, meta_graph_suffix: str) -> None:
        """Announces a new checkpoint in the state file beside it, then deletes those that are too many.

        Args:
          latest: The prefix of the checkpoint, which is complete.
          relative: Whether the state file holds relative paths.
          state_file: The name of the state file.
          meta_graph_suffix: The ending of the `MetaGraphDef` files.
        """
        too_many = self.record(latest)
        self.write_state(latest, relative, state_file)
        for prefix in too_many:
            remove_checkpoint(prefix, meta_graph_suffix)

    def write_state(self, latest: str, relative: bool, state_file: str = STATE_FILE) -> None:
        """Writes the state file that names what is kept, and the latest checkpoint beside it."""
        directory = os.path.dirname(latest)
        kept = self.kept if self._max_to_keep else [(latest, time.time())]
        state = CheckpointState(
            latest=_as_written(latest, directory, relative),
            all=tuple(_as_written(prefix, directory, relative) for prefix, _ in kept),
            timestamps=tuple(written for _, written in kept),
            last_preserved=self._last_preserved,
        )
        write_state(directory, state, state_file)
        _announced[_state_path(latest, state_file)] = state.latest
        self.announces = True

    def check_alone(self, prefix: str, state_file: str = STATE_FILE) -> None:
        """Refuses to go on where another process has announced checkpoints since this one did.

        Two that write to one directory would delete each other's. Another saver's with another name is no harm.

        Raises:
          CheckpointError: If there is one.
        """
        if not self.announces:
            return
        try:
            state = read_state(os.path.dirname(prefix), state_file)
        except CorruptCheckpointError:
            return  # It is about to be replaced.
        path = _state_path(prefix, state_file)
        if state is None or state.latest == _announced.get(path) or _series(state.latest) != _series(prefix):
            return
        raise CheckpointError(
            f'Another process writes checkpoints to {os.path.dirname(prefix)}: {path} names {state.latest}, and not '
            f'{_announced.get(path)}, which this one saved last. Stop one of them, or give each a directory of its own.'
        )


def _as_written(prefix: str, directory: str, relative: bool) -> str:
    if relative:
        return os.path.relpath(prefix, directory or '.') if '://' not in prefix else _below(prefix, directory)
    return prefix if is_absolute(prefix) else os.path.abspath(prefix)


def _state_path(prefix: str, state_file: str) -> str:
    path = os.path.join(os.path.dirname(prefix), state_file)
    return path if is_absolute(path) else os.path.abspath(path)


def _series(prefix: str) -> str:
    """The name of a checkpoint without its number."""
    return re.sub(r'-\d+$', '', os.path.basename(prefix))


def _below(prefix: str, directory: str) -> str:
    return prefix.removeprefix(os.path.join(directory, ''))


def remove_checkpoint(prefix: str, meta_graph_suffix: str = 'meta') -> None:
    """Deletes a checkpoint, its index first, so that nobody sees it without its data."""
    files = files_for(prefix)
    for path in [*stored_files(prefix), f'{prefix}.{meta_graph_suffix}']:
        files.discard(path)


def warn_unless_seen(model_dir: str) -> None:
    """Warns a task that does not see in its model_dir what the chief has long saved."""
    if read_state(model_dir) is None:
        tf.get_logger().warning(
            'The chief has saved checkpoints, but on %s there are none in %s. All tasks must share one model_dir, or '
            'training cannot be resumed.',
            socket.gethostname(),
            model_dir,
        )
