"""Decides which checkpoints of a directory are kept and which are deleted, and writes the state file."""

import contextlib
import os
import re
import socket
import time
from collections.abc import Iterator, Sequence

import tensorflow as tf

from estimator_ckpt.bundle.checkpoint_state import STATE_FILE, CheckpointState, read_state, write_state
from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError, WrittenMeanwhileError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.leftovers import find_leftovers, remove_leftovers
from estimator_ckpt.bundle.paths import (
    checkpoint_exists,
    index_path,
    is_absolute,
    same_place,
    state_entry_candidates,
)
from estimator_ckpt.bundle.reader import stored_files
from estimator_ckpt.program.log import logger

# The latest checkpoint that any saver of this process has announced, and the contents of the state file, by its path.
_announced: dict[str, tuple[str, bytes]] = {}


class Retention:
    """Keeps the latest checkpoints, and one permanently every few hours, as `tf.compat.v1.train.Saver` does.

    In addition, all surplus checkpoints are deleted at once, and the state file stores the time of the last checkpoint
    to be kept permanently, so that a restart does not lose it.

    Attributes:
      kept: The prefixes of the kept checkpoints, with the times at which they were written, oldest first.
      announces: True if a state file has been written.
    """

    def __init__(self, max_to_keep: int | None, keep_every_n_hours: float | None, durable: bool = True):
        """Creates a policy without checkpoints.

        Args:
          max_to_keep: The number of checkpoints to keep; None or 0 for all, of which the state file then names only the
            latest.
          keep_every_n_hours: The interval, in hours, at which a checkpoint is kept permanently; None for never.
          durable: Whether the state file survives a power cut before surplus checkpoints are deleted.
        """
        self._max_to_keep, self._durable = max_to_keep or 0, durable
        self._interval = (float('inf') if keep_every_n_hours is None else keep_every_n_hours) * 3600
        self._last_preserved = time.time()
        self.kept: list[tuple[str, float]] = []
        self.announces = False

    def recover(self, prefixes: Sequence[str], directory: str | None = None) -> None:
        """Replaces the kept checkpoints by existing ones.

        Args:
          prefixes: The prefixes in the state file, oldest first. Those without a checkpoint are dropped.
          directory: The directory of the state file, if it is known. A checkpoint in it takes precedence over the path
            of a prefix, since the directory may be a copy of the one that was written.
        """
        self.kept = []
        for prefix in prefixes:
            candidates = state_entry_candidates(directory, prefix) if directory is not None else [prefix]
            existing = next(filter(checkpoint_exists, candidates), None)
            if existing is not None:
                with contextlib.suppress(FileNotFoundError):  # Another process has deleted it just now.
                    self.kept.append((existing, files_for(existing).mtime(index_path(existing))))
        if self.kept:
            state = read_state(os.path.dirname(self.kept[-1][0]))
            if state is not None and state.last_preserved:
                self._last_preserved = state.last_preserved

    def clean(self) -> None:
        """Removes what this saver's predecessors, which were killed, have left in the directories of checkpoints."""
        for directory, series in {(os.path.dirname(prefix), _series(prefix)) for prefix, _ in self.kept}:
            if not files_for(
                directory
            ).is_object_store:  # A save leaves no note there, which would take requests.
                self._finish_deleting(directory)
            remove_leftovers(directory, series)

    def _finish_deleting(self, directory: str) -> None:
        """Deletes the surplus checkpoints that a process which was killed was about to delete."""
        files, kept = files_for(directory), {prefix for prefix, _ in self.kept}
        for note in filter(None, (leftover.note for leftover in find_leftovers(directory))):
            for name in (files.read_if_there(note) or b'').decode(errors='replace').splitlines():
                prefix = os.path.join(directory, os.path.basename(name))
                if prefix not in kept:
                    remove_checkpoint(prefix)

    def record(self, prefix: str) -> list[str]:
        """Adds a new checkpoint, and returns the surplus ones in its directory, oldest first."""
        if not self._max_to_keep:
            self.kept = [(prefix, time.time())]
            return []
        self._move_to(os.path.dirname(prefix))
        self.kept = [item for item in self.kept if item[0] != prefix] + [(prefix, time.time())]
        surplus = self.kept[: -self._max_to_keep]
        self.kept = self.kept[-self._max_to_keep :]
        deleted = []
        for old, written in surplus:
            if written > self._last_preserved + self._interval:
                self._last_preserved += self._interval
            else:
                deleted.append(old)
        return deleted

    def _move_to(self, directory: str) -> None:
        """Drops checkpoints of other directories, except for those that have copies in this one.

        The state file of a copied or moved directory names the old one, from which nothing may be deleted.
        """
        kept = []
        for prefix, written in self.kept:
            if not same_place(os.path.dirname(prefix), directory):
                prefix = os.path.join(directory, os.path.basename(prefix))
                if not checkpoint_exists(prefix):
                    continue
            kept.append((prefix, written))
        self.kept = kept

    def announce(
        self, latest: str, note: str, relative: bool, state_file: str, meta_graph_suffix: str
    ) -> None:
        """Announces a new checkpoint in the state file beside it, then deletes surplus checkpoints.

        Args:
          latest: The prefix of the checkpoint, which is complete.
          note: The file in which the surplus checkpoints are noted: if the process is killed, the next one deletes
            them. Empty for none.
          relative: Whether the state file holds relative paths.
          state_file: The name of the state file.
          meta_graph_suffix: The ending of the `MetaGraphDef` files.
        """
        surplus = self.record(latest)
        if note and surplus:
            files_for(note).write(note, '\n'.join(map(os.path.basename, surplus)).encode())
        self.write_state(latest, relative, state_file)
        for prefix in surplus:
            remove_checkpoint(prefix, meta_graph_suffix)

    def write_state(self, latest: str, relative: bool, state_file: str = STATE_FILE) -> None:
        """Writes the state file, which names the kept checkpoints and the latest one.

        Args:
          latest: The prefix of the latest checkpoint; the state file is written to its directory.
          relative: Whether the state file holds relative paths.
          state_file: The name of the state file.
        """
        directory = os.path.dirname(latest)
        kept = self.kept if self._max_to_keep else [(latest, time.time())]
        state = CheckpointState(
            latest=_as_written(latest, directory, relative),
            all=tuple(_as_written(prefix, directory, relative) for prefix, _ in kept),
            timestamps=tuple(written for _, written in kept),
            last_preserved=self._last_preserved,
        )
        contents = write_state(directory, state, state_file, self._durable)
        _announced[_state_path(latest, state_file)] = state.latest, contents
        self.announces = True

    def check_alone(self, prefix: str, state_file: str = STATE_FILE) -> None:
        """Checks that no other process has announced checkpoints since this one did.

        Two processes that write to one directory would delete each other's checkpoints. Checkpoints of other savers
        with another base name do no harm.

        Args:
          prefix: The checkpoint to be written.
          state_file: The name of the state file.

        Raises:
          CheckpointError: If another process has announced a checkpoint.
        """
        if not self.announces:
            return
        path = _state_path(prefix, state_file)
        own, contents = _announced.get(path, (None, None))
        if contents is not None and files_for(path).read_if_there(path) == contents:
            return
        try:
            state = read_state(os.path.dirname(prefix), state_file)
        except CorruptCheckpointError:
            return  # The next announcement replaces the damaged file.
        if state is None or state.latest == own or _series(state.latest) != _series(prefix):
            return
        raise CheckpointError(
            f'Another process writes checkpoints to {os.path.dirname(prefix)}: {path} names {state.latest}, and not '
            f'{own}, which this one saved last. Stop one of them, or give each a directory of its own.'
        )

    @contextlib.contextmanager
    def noticing_others(self, prefix: str, state_file: str | None) -> Iterator[None]:
        """Says so if another process removes files of a checkpoint while it is saved, or saves it too.

        Args:
          prefix: The checkpoint.
          state_file: The name of the state file; None if the checkpoint is not announced.

        Raises:
          CheckpointError: If files have vanished, or the checkpoint was written meanwhile.
        """
        try:
            yield
        except (FileNotFoundError, tf.errors.NotFoundError, WrittenMeanwhileError) as error:
            if state_file is not None:
                self.check_alone(prefix, state_file)
            directory = os.path.dirname(prefix)
            cause = (
                f'its files vanished meanwhile: another process writes to {directory} or removes files there, or the '
                'task whose device saves does not share it'
            )
            if isinstance(error, WrittenMeanwhileError):
                cause = f'another process, which writes to {directory} too, has saved it meanwhile'
            raise CheckpointError(
                f'{prefix} could not be saved, as {cause}; give each training a directory of its own.'
            ) from error


def _as_written(prefix: str, directory: str, relative: bool) -> str:
    if relative and os.path.dirname(prefix) == directory:
        return os.path.basename(prefix)
    if relative:
        return os.path.relpath(prefix, directory or '.') if '://' not in prefix else _below(prefix, directory)
    return prefix if is_absolute(prefix) else os.path.abspath(prefix)


def _state_path(prefix: str, state_file: str) -> str:
    path = os.path.join(os.path.dirname(prefix), state_file)
    return path if is_absolute(path) else os.path.abspath(path)


def _series(prefix: str) -> str:
    """Returns the base name of a checkpoint without its step."""
    return re.sub(r'-\d+$', '', os.path.basename(prefix))


def _below(prefix: str, directory: str) -> str:
    return prefix.removeprefix(os.path.join(directory, ''))


def remove_checkpoint(prefix: str, meta_graph_suffix: str = 'meta') -> None:
    """Deletes a checkpoint. The index is deleted first, so that no reader finds it without its data files.

    Args:
      prefix: The prefix of the checkpoint.
      meta_graph_suffix: The ending of the `MetaGraphDef` file.
    """
    files = files_for(prefix)
    # Another process may be about to replace the checkpoint, with its data in place and its index not yet.
    with files.locked(os.path.dirname(prefix)):
        for path in [*stored_files(prefix), f'{prefix}.{meta_graph_suffix}']:
            files.discard(path)


def warn_unless_seen(model_dir: str) -> None:
    """Logs a warning if a model_dir has no state file although the chief has saved checkpoints."""
    if read_state(model_dir) is None:
        logger().warning(
            'The chief has saved checkpoints, but on %s there are none in %s. All tasks must share one model_dir, or '
            'training cannot be resumed.',
            socket.gethostname(),
            model_dir,
        )
