"""Gives the files of a checkpoint their names, such that a checkpoint under the prefix is whole at every moment."""

import dataclasses
import os
import uuid
from collections.abc import Callable, Iterable
from typing import Literal, cast

from estimator_ckpt.bundle.checkpoint_state import write_atomically
from estimator_ckpt.bundle.errors import WrittenMeanwhileError
from estimator_ckpt.bundle.files import LocalFiles, Progress, files_for
from estimator_ckpt.bundle.paths import data_files, data_path, index_path

Transfer = Literal['move', 'link', 'copy']


@dataclasses.dataclass(frozen=True)
class Shard:
    """A data file of the new checkpoint.

    Attributes:
      transfer: How the file at `path` gets its new name; None if the file consists of `pieces`.
      path: An existing data file.
      pieces: Returns the contents in consecutive pieces.
      copies: Whether `pieces` are copied from existing files, which counts as progress.
    """

    transfer: Transfer | None = None
    path: str = ''
    pieces: Callable[[], Iterable[bytes | memoryview]] = tuple
    copies: bool = False


class Publication:
    """The publication of a checkpoint, which begins when it is decided what to write."""

    def __init__(self, prefix: str):
        """Notes what is there under the prefix. Nothing is written yet.

        Args:
          prefix: The prefix of the checkpoint.
        """
        self._prefix, self._files = prefix, files_for(prefix)
        self._durable, self._progress = True, cast(Progress, None)
        self._before = self._present_index()

    def publish(
        self,
        shards: list[Shard],
        index_of: Callable[[int], bytes],
        durable: bool = True,
        progress: Progress = None,
    ) -> list[str]:
        """Publishes the checkpoint, and returns the paths of its files, the index first.

        Local data files are written under temporary names first. The directory is locked only while all files get their
        names.

        Args:
          shards: The data files.
          index_of: Returns the index, given the number of data files. Called when their contents are written.
          durable: Whether the checkpoint survives a power cut when it is published.
          progress: Called with the number of bytes of each piece after it was copied.

        Raises:
          WrittenMeanwhileError: If another process has written the checkpoint meanwhile.
          OSError: If a file cannot be written. Files written until then are removed, moved files are moved back.
        """
        directory = os.path.dirname(self._prefix)
        self._files.make_dirs(directory)
        self._durable, self._progress = durable, progress
        prepared: list[str] = []
        try:
            if isinstance(self._files, LocalFiles):
                present = frozenset(data_files(self._prefix))
                shards = [self._prepared(shard, prepared, present) for shard in shards]
                if self._durable:
                    # Together at the end: the first call writes the names of all.
                    for shard in shards:
                        self._files.sync(shard.path)
            with self._files.locked(directory):
                if self._present_index() != self._before:
                    raise WrittenMeanwhileError(
                        f'Another process has written {self._prefix} meanwhile, and what it wrote was kept; choose '
                        'another destination, or write it again.'
                    )
                return self._commit(shards, index_of)
        finally:
            for path in prepared:
                self._files.discard(path)

    def _present_index(self) -> object:
        """Returns what tells the present index of the destination from another one; None if there is none."""
        path = index_path(self._prefix)
        if not isinstance(self._files, LocalFiles):
            return None  # Nothing is locked there either.
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _prepared(self, shard: Shard, prepared: list[str], present: frozenset[str]) -> Shard:
        """Places a data file under a temporary name, to be renamed, unless it is to be moved as it is.

        Args:
          shard: The data file.
          prepared: The list that the temporary names are added to.
          present: The data files that are there under the prefix.
        """
        if shard.transfer == 'move' or shard.path in present:
            return shard
        path = f'{data_path(self._prefix, len(prepared), len(prepared) + 1)}.tmp-{uuid.uuid4().hex[:12]}'
        prepared.append(path)
        self._place(shard, path, {})
        return Shard('move', path)

    def _commit(self, shards: list[Shard], index_of: Callable[[int], bytes]) -> list[str]:
        """Gives the data files their names, writes the index, and returns the paths of all."""
        replaced = set(data_files(self._prefix)) if self._files.exists(index_path(self._prefix)) else set()
        while any(
            data_path(self._prefix, number, len(shards)) in replaced
            and data_path(self._prefix, number, len(shards)) != shard.path
            for number, shard in enumerate(shards)
        ):
            shards.append(Shard())
        # The previous path of each data file placed so far; empty for files that were not moved.
        begun: dict[str, str] = {}
        index = b''
        try:
            for number, shard in enumerate(shards):
                if shard.transfer == 'move' and shard.path in replaced:
                    # The previous index still needs the file under its old name.
                    shard = dataclasses.replace(shard, transfer='link')
                self._place(shard, data_path(self._prefix, number, len(shards)), begun)
            index = index_of(len(shards))
            if self._durable:
                for number, shard in enumerate(shards):
                    if shard.transfer != 'move':
                        self._files.sync(data_path(self._prefix, number, len(shards)))
            write_atomically(index_path(self._prefix), index, self._durable)
        except BaseException:
            if not index or not self._has_put(index):
                self._undo(begun)
            raise
        kept = [data_path(self._prefix, number, len(shards)) for number in range(len(shards))]
        for path in sorted(replaced.difference(kept)):
            self._files.discard(path)
        return [index_path(self._prefix), *kept]

    def _has_put(self, index: bytes) -> bool:
        """Returns True if an object store has taken the index, which needs its data then, though it gave an error."""
        return self._files.is_object_store and self._files.read_if_there(index_path(self._prefix)) == index

    def _undo(self, begun: dict[str, str]) -> None:
        for path, moved_from in begun.items():
            if not moved_from:
                self._files.discard(path)
            elif self._files.exists(path):
                self._files.rename(path, moved_from)

    def _place(self, shard: Shard, path: str, begun: dict[str, str]) -> None:
        if shard.path == path:
            return
        if not self._files.is_object_store:
            # Left behind by an interrupted write: no index names it, but it may have another name too.
            self._files.discard(path)
        begun[path] = shard.path if shard.transfer == 'move' else ''
        # TensorFlow's file operations accept local paths too, but not vice versa.
        files = files_for(shard.path) if isinstance(self._files, LocalFiles) else self._files
        if shard.transfer is None:
            files.write_pieces(path, shard.pieces(), self._progress if shard.copies else None)
        elif shard.transfer == 'move':
            files.rename(shard.path, path)
        elif shard.transfer == 'link':
            files.link(shard.path, path)
        else:
            files.copy(shard.path, path, self._progress)
