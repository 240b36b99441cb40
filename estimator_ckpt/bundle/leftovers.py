"""Finds what processes that were killed have left behind in a directory of checkpoints."""

import contextlib
import functools
import os
import re
from collections.abc import Callable
from typing import NamedTuple

from estimator_ckpt.bundle.files import Files, files_for
from estimator_ckpt.bundle.staging_names import note_at, staged_in_file, staged_in_folder

# The folders in which TensorFlow's savers (`saver.py`, `functional_saver.py`) put files together.
_TENSORFLOWS = re.compile(r'(?P<name>.+?)_temp(?:_[0-9a-f]{32})?')
_UNFINISHED = 'an unfinished checkpoint'
_OF_TENSORFLOW = "an unfinished checkpoint of TensorFlow's saver"
# Files that were to be renamed: by this package, and by TensorFlow (`file_io.atomic_write_string_to_file`).
_TEMPORARY = re.compile(r'(?P<name>.+)\.tmp(?:-[0-9a-f]{12}|[0-9a-f]{32})(?:\.h5)?')
_DATA = re.compile(r'(?P<name>.+)\.data-\d{5}-of-\d{5}(?:\.tempstate\d+)?')
_META = re.compile(r'(?P<name>.+-\d+)\.meta')
_INDEX = '.index'
# The endings of files of other kinds, which are written under a temporary name.
_ENDINGS = ('.weights.h5', '.keras', '.safetensors', '.npz')
# The files beside checkpoints that are written so.
_BESIDE = ('checkpoint', 'graph.pbtxt', 'mirror_of.json')


class Leftover(NamedTuple):
    """A file or folder that a killed process has left behind.

    Attributes:
      path: The path.
      checkpoint: The prefix of the checkpoint that it was of; empty for a file beside checkpoints.
      what: What it is, for people.
      size: The number of bytes.
      written: The time of its last change, in seconds since the epoch; 0 if it is an empty folder.
      note: The path at which a save has noted which checkpoints it deletes; empty if this is not the place for it.
    """

    path: str
    checkpoint: str
    what: str
    size: int
    written: float
    note: str = ''


def find_leftovers(directory: str) -> list[Leftover]:
    """Returns what is left over in a directory, sorted by path. A process that still runs may be writing it.

    Args:
      directory: The directory.
    """
    files = files_for(directory)
    if not files.is_dir(directory):
        return []
    names = files.list_dir(directory)
    indexes = {name.removesuffix(_INDEX) for name in names if name.endswith(_INDEX)}
    found = []
    for name in names:
        path = os.path.join(directory, name)
        of = _what(name, indexes, functools.partial(files.is_dir, path))
        if of is not None:
            checkpoint, what = of
            prefix = os.path.join(directory, checkpoint) if checkpoint else ''
            with contextlib.suppress(FileNotFoundError):  # Its process has finished or removed it.
                found.append(Leftover(path, prefix, what, *_size_and_time(files, path), note_at(path)))
    return found


def _what(name: str, indexes: set[str], is_folder: Callable[[], bool]) -> tuple[str, str] | None:
    """Returns the checkpoint that a name belongs to, and what it is; None for what is not left over."""
    folder_of, file_of = staged_in_folder(name), staged_in_file(name)
    if (folder_of and is_folder()) or (file_of and not is_folder()):
        return file_of or folder_of, _UNFINISHED
    staging = _TENSORFLOWS.fullmatch(name)
    if staging and is_folder():
        return staging['name'], _OF_TENSORFLOW
    temporary = _TEMPORARY.fullmatch(name)
    if temporary and not is_folder():
        own = temporary['name']
        if own in _BESIDE:
            return '', f'an unfinished {own}'
        for ending in (_INDEX, '.meta'):
            if own.endswith(ending):
                return own.removesuffix(ending), f'an unfinished {ending}'
        data = _DATA.fullmatch(own)
        if data:
            return data['name'], 'unfinished data'
        return (own, 'an unfinished file') if own.endswith(_ENDINGS) else None
    data = _DATA.fullmatch(name)
    if data and data['name'] not in indexes:
        return data['name'], 'data without an index'
    meta = _META.fullmatch(name)
    if meta and meta['name'] not in indexes:
        return meta['name'], 'a graph without a checkpoint'
    return None


def _size_and_time(files: Files, path: str) -> tuple[int, float]:
    """Returns the number of bytes of a file, or of all files in a folder, and the time of the last change."""
    if not files.is_dir(path):
        return files.size(path), files.mtime(path)
    inside = [_size_and_time(files, os.path.join(path, name)) for name in files.list_dir(path)]
    return sum(size for size, _ in inside), max((written for _, written in inside), default=0.0)


def remove_leftovers(directory: str, series: str) -> list[str]:
    """Removes what a saver has left behind, and returns the paths. Other savers' and users' files stay.

    Only a process that is alone in writing the checkpoints of a name may call this.

    Args:
      directory: The directory of the checkpoints.
      series: The base name of the saver's checkpoints, without steps: `'model.ckpt'`.
    """
    own = re.compile(rf'{re.escape(series)}(?:-\d+)?')
    removed = []
    # Not while another process gives the files of a checkpoint their names: data come before their index.
    with files_for(directory).locked(directory):
        for leftover in find_leftovers(directory):
            is_own = not leftover.checkpoint or own.fullmatch(os.path.basename(leftover.checkpoint))
            if is_own and leftover.what != _OF_TENSORFLOW:
                # What cannot be removed does no harm. Another process may still be writing to it.
                with contextlib.suppress(OSError):
                    remove_leftover(leftover)
                    removed.append(leftover.path)
    return removed


def remove_leftover(leftover: Leftover) -> None:
    """Removes a file or folder that is left over."""
    files = files_for(leftover.path)
    if files.is_dir(leftover.path):
        files.remove_tree(leftover.path)
    else:
        files.discard(leftover.path)
