"""A record of what a program does to a directory, and every state that a power cut may leave of it.

A journaling file system keeps the changes of names (files that appear, are renamed, linked or removed) in their order,
and loses the last ones that no fsync of their directory has followed. The contents of a file are there only if an fsync
of the file has followed them; otherwise the file is empty here, which is the worst that was seen on ext4.
"""

import contextlib
import os
import pathlib
import shutil
import threading
from collections.abc import Iterator
from unittest import mock

Names = dict[str, int]
# The function itself, which is observed later.
_link = os.link


class Journal:
    """The record of a directory."""

    def __init__(self, directory: pathlib.Path, vault: pathlib.Path):
        """Starts with what is in the directory, which is on the disk.

        Args:
          directory: The directory.
          vault: Another directory of the same file system, which keeps the contents of all files.
        """
        self._root, self._vault = directory, vault
        vault.mkdir()
        # Each event with the names before it: a change of names, the fsync of a file, or that of a directory.
        self._lock = threading.RLock()
        self._names: Names = {}
        self._history: list[Names] = []
        self._synced_files: dict[int, int] = {}
        self._synced_names: list[int] = []
        self._look()
        self._history = [dict(self._names)]
        self._synced_files = dict.fromkeys(self._names.values(), 0)
        self._synced_names = [0]
        self._marks: list[tuple[int, str]] = []

    def mark(self, what: str) -> None:
        """Notes what has been promised by now."""
        with self._lock:
            self._look()
        self._marks.append((len(self._history), what))

    def _look(self) -> None:
        """Notes files that have appeared, such as those that TensorFlow writes."""
        present = {}
        for path in sorted(self._root.rglob('*')):
            # TensorFlow renames and removes temporary files meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    present[str(path.relative_to(self._root))] = path.stat().st_ino
        for name, inode in present.items():
            if self._names.get(name) != inode:
                with contextlib.suppress(FileExistsError, FileNotFoundError):
                    _link(self._root / name, self._vault / str(inode))
                self._change({**self._names, name: inode})
        gone = self._names.keys() - present.keys()
        if gone:
            self._change({name: inode for name, inode in self._names.items() if name not in gone})

    def _change(self, names: Names) -> None:
        self._names = names
        self._history.append(dict(names))

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Records what this process does in the body."""

        def observed(function):
            def observe(*args, **kwargs):
                with self._lock:
                    self._look()
                    result = function(*args, **kwargs)
                    self._look()
                return result

            return observe

        def fsync(descriptor):
            with self._lock:
                self._look()
                inode = os.fstat(descriptor).st_ino
                if os.path.isdir(f'/proc/self/fd/{descriptor}'):
                    self._synced_names.append(len(self._history) - 1)
                else:
                    self._synced_files.setdefault(inode, len(self._history) - 1)

        with contextlib.ExitStack() as stack:
            for name in ('replace', 'rename', 'link', 'remove', 'unlink'):
                stack.enter_context(mock.patch(f'os.{name}', observed(getattr(os, name))))
            stack.enter_context(mock.patch('os.fsync', fsync))
            yield
        self._look()

    def states(self, target: pathlib.Path) -> Iterator[tuple[pathlib.Path, list[str]]]:
        """Yields a directory for each different state, and what had been promised before the cut."""
        seen = set()
        for cut in range(len(self._history)):
            first = max(number for number in self._synced_names if number <= cut)
            synced = frozenset(inode for inode, number in self._synced_files.items() if number <= cut)
            promised = [what for number, what in self._marks if number <= cut]
            for kept in range(first, cut + 1):
                names = self._history[kept]
                state = (frozenset((n, i, i in synced) for n, i in names.items()), tuple(promised))
                if state not in seen:
                    seen.add(state)
                    self._build(names, synced, target)
                    yield target, promised

    def _build(self, names: Names, synced: frozenset[int], target: pathlib.Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for name, inode in names.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if inode in synced:
                _link(self._vault / str(inode), path)
            else:
                path.touch()
