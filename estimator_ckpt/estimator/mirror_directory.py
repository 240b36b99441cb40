"""A directory that holds another directory's checkpoints in another style, with a state file and retention of its own.

What it has written stands in a file of its own, `mirror_of.json`; nothing else in the directory is ever deleted.
"""

import hashlib
import json
import os
from typing import Literal

from estimator_ckpt.bundle.checkpoint_state import read_state, write_atomically
from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import checkpoint_exists, data_files, index_path
from estimator_ckpt.conversion.convert_for_program import convert_for_program
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.locations import Program
from estimator_ckpt.saving.retention import Retention, remove_checkpoint

MARKER = 'mirror_of.json'


class Mirror:
    """The mirror of one directory of checkpoints."""

    def __init__(
        self,
        source_dir: str,
        output_dir: str,
        style: CheckpointStyle,
        keep_checkpoint_max: int | None,
        data: Literal['link', 'copy'],
    ):
        """Takes a directory as the mirror of another, or goes on with one that is.

        Args:
          source_dir: Where the checkpoints are saved.
          output_dir: Where they are mirrored.
          style: The mirror's style.
          keep_checkpoint_max: How many to keep; None or 0 for all.
          data: Whether data files are linked, where the file system can, or copied.

        Raises:
          ValueError: If `output_dir` is `source_dir`, or holds checkpoints that are not the mirror's.
          OSError: If it cannot be read or made.
        """
        self._source_dir, self._output_dir = _absolute(source_dir), output_dir
        self._style, self._data, self._max_to_keep = style, data, keep_checkpoint_max
        self._files = files_for(output_dir)
        if self._source_dir == _absolute(output_dir):
            raise ValueError(
                f'output_dir {output_dir!r} is the directory that is mirrored; choose another one.'
            )
        self._files.make_dirs(output_dir)
        self._own = self._read_marker()
        state = read_state(output_dir)
        self._announced = state.latest if state else None
        listed = (
            [os.path.basename(path) for path in dict.fromkeys([*state.all, state.latest])] if state else []
        )
        if self._own is None:
            self._refuse_foreign([*listed, *self._indexes()])
        elif foreign := [name for name in listed if name not in self._own]:
            self._refuse_foreign(foreign)
        self._own = self._own or {}
        self._finish_deleting(listed)
        # One is never kept for good here: the directory that is mirrored does that.
        self._retention = Retention(keep_checkpoint_max, float('inf'))
        self._retention.recover([os.path.join(output_dir, name) for name in listed])

    def _refuse_foreign(self, names: list[str]) -> None:
        if names:
            raise ValueError(
                f'output_dir {self._output_dir!r} holds checkpoints that are no mirror of {self._source_dir} '
                f'({", ".join(names[:3])}); choose an empty directory.'
            )

    def _indexes(self) -> list[str]:
        return [name for name in self._files.list_dir(self._output_dir) if name.endswith('.index')]

    def _read_marker(self) -> dict[str, str | None] | None:
        """The names of the checkpoints that are the mirror's, or None for no mirror yet.

        With each stands what it was made of: a fingerprint, empty while it is written; None for one that is to go.
        """
        path = os.path.join(self._output_dir, MARKER)
        if not self._files.exists(path):
            return None
        try:
            content = json.loads(self._files.read(path))
            source, own = content['source'], dict(content['own'].items())
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CorruptCheckpointError(
                f'{path} cannot be read ({error!r}); choose an empty directory for the mirror.'
            ) from error
        if source != self._source_dir and read_state(source) is not None:
            raise ValueError(
                f'output_dir {self._output_dir!r} is the mirror of {source}; choose another one for '
                f'{self._source_dir}.'
            )
        return own

    def _write_marker(self) -> None:
        content = json.dumps({'source': self._source_dir, 'own': self._own}, indent=1)
        write_atomically(os.path.join(self._output_dir, MARKER), content.encode())

    def _finish_deleting(self, listed: list[str]) -> None:
        """Deletes what a process left behind that died: what it was to delete, and what it had not finished."""
        for name, made_of in list(self._own.items()):
            prefix = os.path.join(self._output_dir, name)
            if name in listed:
                self._own[name] = made_of or ''
            elif made_of is None or not checkpoint_exists(prefix):
                remove_checkpoint(prefix)
                del self._own[name]

    def add(self, prefix: str, program: Program | None) -> list[str]:
        """Mirrors a checkpoint, announces it in the state file, and deletes those that are too many.

        Args:
          prefix: The checkpoint, which is complete.
          program: The program that saved it; see `convert_for_program`.

        Returns:
          The object keys of the program that the checkpoint has no value for.

        Raises:
          CheckpointError: If it cannot be read, or somebody else writes to the mirror's directory.
          OSError: If a file cannot be written. The mirror then has the checkpoints that it had before.
        """
        self._check_nobody_else_writes()
        name = os.path.basename(prefix)
        target, before = os.path.join(self._output_dir, name), list(self._retention.kept)
        if name not in self._own and (checkpoint_exists(target) or data_files(target)):
            raise CheckpointError(f'There is a checkpoint {target} that is no mirror; move it away.')
        made_of, missing = self._fingerprint(prefix, program), []
        # Training that resumes saves first of all what it has just restored, which is mirrored already.
        is_there = self._own.get(name) == made_of and checkpoint_exists(target)
        too_old = self._retention.record(target)
        own = dict(self._own)
        try:
            self._own |= {os.path.basename(old): None for old in too_old} | {
                name: made_of if is_there else ''
            }
            self._write_marker()  # First, so that nothing is written whose owner is not known.
            if not is_there:
                missing = convert_for_program(prefix, target, self._style, program, self._data)
            self._retention.write_state(target, relative=True)
        except BaseException:
            self._retention.kept, self._own = before, {**own, name: ''}
            raise
        self._announced, self._own[name] = name, made_of
        for old in too_old:
            remove_checkpoint(old)
            del self._own[os.path.basename(old)]
        self._write_marker()
        return missing

    def _fingerprint(self, prefix: str, program: Program | None) -> str:
        """What a checkpoint's mirror depends on: its index, which has the checksums, the style and the objects."""
        digest = hashlib.sha256(files_for(prefix).read(index_path(prefix)))
        digest.update(self._style.value.encode())
        digest.update(program.graph.serialize() if program else b'')
        return digest.hexdigest()

    def _check_nobody_else_writes(self) -> None:
        state = read_state(self._output_dir)
        latest = state.latest if state else None
        if latest not in (None, self._announced):
            raise CheckpointError(
                f'Somebody else writes checkpoints to {self._output_dir}, such as {latest}; choose a directory of its '
                'own for the mirror.'
            )


def _absolute(path: str) -> str:
    return path.rstrip('/') if '://' in path else os.path.realpath(path)
