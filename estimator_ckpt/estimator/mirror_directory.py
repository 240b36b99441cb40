"""Mirrors the checkpoints of a directory to another one in another style, with its own state file and retention.

A marker file, `mirror_of.json`, lists the checkpoints of the mirror. Nothing else in the directory is ever deleted.
"""

import hashlib
import json
import os
import re
from typing import Literal

from estimator_ckpt.bundle.checkpoint_state import read_state, write_atomically
from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.leftovers import remove_leftovers
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
        durable: bool = True,
    ):
        """Creates a mirror, or continues an existing one.

        Args:
          source_dir: The directory of the original checkpoints.
          output_dir: The directory of the mirror.
          style: The style of the mirror.
          keep_checkpoint_max: The number of checkpoints to keep; None or 0 for all.
          data: Whether data files are linked, if the file system supports links, or copied.
          durable: Whether a mirrored checkpoint survives a power cut before older ones are deleted.

        Raises:
          ValueError: If `output_dir` is `source_dir`, or holds checkpoints that are not the mirror's.
          OSError: If `output_dir` cannot be read or created.
        """
        self._source_dir, self._output_dir = _absolute(source_dir), output_dir
        self._style, self._data, self._max_to_keep = style, data, keep_checkpoint_max
        self._durable = durable
        self._files = files_for(output_dir)
        if self._source_dir == _absolute(output_dir):
            raise ValueError(
                f'output_dir {output_dir!r} is the directory that is mirrored; choose another one.'
            )
        self._files.make_dirs(output_dir)
        own = self._read_marker()
        state = read_state(output_dir)
        self._announced = state.latest if state else None
        listed = (
            [os.path.basename(path) for path in dict.fromkeys([*state.all, state.latest])] if state else []
        )
        if own is None:
            self._refuse_foreign([*listed, *self._indexes()])
        elif foreign := [name for name in listed if name not in own]:
            self._refuse_foreign(foreign)
        self._own = own or {}
        if not self._files.is_object_store:
            for series in {'', *(re.sub(r'-\d+$', '', name) for name in self._own)}:
                remove_leftovers(output_dir, series)
        self._finish_deleting(listed)
        # Only the mirrored directory keeps checkpoints permanently.
        self._retention = Retention(keep_checkpoint_max, float('inf'), durable)
        self._retention.recover([os.path.join(output_dir, name) for name in listed])

    def _refuse_foreign(self, names: list[str]) -> None:
        """Raises an error if there are checkpoints that are not the mirror's."""
        if names:
            raise ValueError(
                f'output_dir {self._output_dir!r} holds checkpoints that are no mirror of {self._source_dir} '
                f'({", ".join(names[:3])}); choose an empty directory.'
            )

    def _indexes(self) -> list[str]:
        return [name for name in self._files.list_dir(self._output_dir) if name.endswith('.index')]

    def _read_marker(self) -> dict[str, str | None] | None:
        """Returns the checkpoints of the mirror; None if the directory is not a mirror yet.

        The value for each name is the fingerprint of the source. It is empty while the checkpoint is being written, and
        None for a checkpoint that is to be deleted.
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
        write_atomically(os.path.join(self._output_dir, MARKER), content.encode(), self._durable)

    def _finish_deleting(self, listed: list[str]) -> None:
        """Deletes checkpoints that a process that died was to delete, or had not finished."""
        for name, fingerprint in list(self._own.items()):
            prefix = os.path.join(self._output_dir, name)
            if name in listed:
                self._own[name] = fingerprint or ''
            elif fingerprint is None or not checkpoint_exists(prefix):
                remove_checkpoint(prefix)
                del self._own[name]

    def add(self, prefix: str, program: Program | None) -> list[str]:
        """Mirrors a checkpoint, announces it in the state file, and deletes surplus checkpoints.

        Args:
          prefix: The prefix of a complete checkpoint.
          program: The program that saved it; see `convert_for_program`.

        Returns:
          The object keys of the program for which the checkpoint has no value.

        Raises:
          CheckpointError: If the checkpoint cannot be read, or another process writes to the mirror's directory.
          OSError: If a file cannot be written. The mirror then has the same checkpoints as before.
        """
        self._check_nobody_else_writes()
        name = os.path.basename(prefix)
        target, before = os.path.join(self._output_dir, name), list(self._retention.kept)
        if name not in self._own and (checkpoint_exists(target) or data_files(target)):
            raise CheckpointError(f'There is a checkpoint {target} that is no mirror; move it away.')
        fingerprint = self._fingerprint(prefix, program)
        missing: list[str] = []
        # The first save of resumed training often equals the restored checkpoint, which is mirrored already.
        is_mirrored = self._own.get(name) == fingerprint and checkpoint_exists(target)
        surplus = self._retention.record(target)
        own = dict(self._own)
        try:
            self._own |= {os.path.basename(old): None for old in surplus}
            self._own[name] = fingerprint if is_mirrored else ''
            # The marker comes first, so that an interrupted checkpoint is known to be the mirror's.
            self._write_marker()
            if not is_mirrored:
                missing = convert_for_program(prefix, target, self._style, program, self._data, self._durable)
            self._retention.write_state(target, relative=True)
        except BaseException:
            self._retention.kept, self._own = before, {**own, name: ''}
            raise
        self._announced, self._own[name] = name, fingerprint
        for old in surplus:
            remove_checkpoint(old)
            del self._own[os.path.basename(old)]
        self._write_marker()
        return missing

    def _fingerprint(self, prefix: str, program: Program | None) -> str:
        """Returns a digest of what a mirrored checkpoint depends on: the source index, the style and the objects."""
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
