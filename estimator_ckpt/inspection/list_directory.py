"""Lists the checkpoints of a directory, with what is damaged and what is left over."""

import contextlib
import dataclasses
import json
import os
import time
from typing import Any

from estimator_ckpt.bundle.checkpoint_state import CheckpointState, read_state_if_whole, write_state
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.leftovers import Leftover, find_leftovers
from estimator_ckpt.bundle.paths import as_path, index_path
from estimator_ckpt.common import formatting
from estimator_ckpt.formats.opening import find_checkpoint, is_there, prefixes_in, step_in_name
from estimator_ckpt.inspection.verify_checkpoint import verify
from estimator_ckpt.keys.contents import Contents

_TITLES = ('checkpoint', 'step', 'style', 'size', 'written', 'state')
# A run that deletes its checkpoints while they are listed is followed this often.
_MOST_TURNS = 10


@dataclasses.dataclass(frozen=True)
class ListedCheckpoint:
    """A checkpoint of a directory.

    Attributes:
      prefix: The prefix.
      step: The step at the end of its name; None if there is none.
      style: The style; empty if the checkpoint cannot be read.
      size: The number of bytes of its files.
      written: The time of its last file, in seconds since the epoch.
      is_listed: Whether the state file names it.
      is_latest: Whether the state file names it as the latest.
      fault: What is wrong with it; empty if nothing is. Only the sizes of files are checked.
    """

    prefix: str
    step: int | None
    style: str
    size: int
    written: float
    is_listed: bool
    is_latest: bool
    fault: str = ''

    @property
    def state(self) -> str:
        """A word on the checkpoint: `'latest'`, `'damaged'` and so on."""
        words = ['latest'] if self.is_latest else [] if self.is_listed else ['not in the state file']
        return ', '.join(words + (['damaged'] if self.fault else []))


@dataclasses.dataclass(frozen=True)
class Listing:
    """The checkpoints of a directory.

    Attributes:
      directory: The directory.
      checkpoints: The checkpoints, the newest last.
      missing: The entries of the state file for which there is no checkpoint.
      leftovers: What killed processes have left, or running ones are writing.
    """

    directory: str
    checkpoints: list[ListedCheckpoint]
    missing: list[str]
    leftovers: list[Leftover]

    @property
    def ok(self) -> bool:
        """True if no checkpoint is damaged or missing. What is left over does no harm."""
        return not self.missing and not any(checkpoint.fault for checkpoint in self.checkpoints)

    def lines(self) -> list[str]:
        """Returns the listing as lines."""
        rows = [
            (
                os.path.basename(c.prefix),
                '' if c.step is None else str(c.step),
                c.style,
                formatting.size(c.size),
                time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(c.written)),
                c.state,
            )
            for c in self.checkpoints
        ]
        lines = formatting.table([_TITLES, *rows], right={1, 3}) if rows else ['no checkpoints']
        lines += [f'damaged: {c.fault}' for c in self.checkpoints if c.fault]
        lines += [f'missing: {entry}, which the state file names' for entry in self.missing]
        lines += [f'left over: {leftover_line(leftover)}' for leftover in self.leftovers]
        return lines

    def to_json(self) -> str:
        """Returns the listing as a JSON object."""
        fields: dict[str, Any] = dataclasses.asdict(self)
        fields['leftovers'] = [leftover._asdict() for leftover in self.leftovers]
        return json.dumps({**fields, 'ok': self.ok})


def leftover_line(leftover: Leftover) -> str:
    """Describes what is left over in a line: its path, what it is, its size and how long ago it was changed.

    Args:
      leftover: What is left over.
    """
    parts = [leftover.what, formatting.size(leftover.size)]
    if leftover.written:
        parts.append(f'changed {formatting.duration(time.time() - leftover.written)} ago')
    return f'{leftover.path} ({", ".join(parts)})'


def list_directory(directory: str | os.PathLike) -> Listing:
    """Lists the checkpoints of a directory. No tensor is read.

    Args:
      directory: The directory.

    Raises:
      CheckpointNotFoundError: If there is no such directory.
    """
    directory = as_path(directory)
    if not files_for(directory).is_dir(directory):
        raise CheckpointNotFoundError(f'There is no directory {directory}; check the path.')
    listing = _list_now(directory)
    for _ in range(_MOST_TURNS):
        if not listing.missing:
            break
        # Training may have deleted a checkpoint after the state file was read, which does not name it any more then.
        previous, listing = listing, _list_now(directory)
        if listing.missing == previous.missing:
            break
    return listing


def _list_now(directory: str) -> Listing:
    state = read_state_if_whole(directory)
    entries = list(dict.fromkeys([*state.all, state.latest])) if state else []
    places = {entry: find_checkpoint(directory, entry) for entry in entries}
    latest = places.get(state.latest) if state else None
    prefixes = prefixes_in(directory)
    prefixes += [prefix for prefix in places.values() if prefix and prefix not in prefixes]
    listed = set(places.values())
    checkpoints = [_listed(prefix, prefix in listed, prefix == latest) for prefix in prefixes]
    checkpoints = [
        checkpoint for checkpoint in checkpoints if not checkpoint.fault or is_there(checkpoint.prefix)
    ]
    missing = [entry for entry, prefix in places.items() if prefix is None]
    return Listing(directory, checkpoints, missing, find_leftovers(directory))


def _listed(prefix: str, is_listed: bool, is_latest: bool) -> ListedCheckpoint:
    step, style, fault, size, written = step_in_name(prefix), '', '', 0, 0.0
    files = files_for(prefix)
    try:
        contents = Contents(prefix)
        style = str(contents.style)
        contents.reader.check_data_files()
        paths = [index_path(prefix), *contents.reader.data_paths()]
    except CheckpointError as error:
        fault, paths = str(error), [index_path(prefix)]
    for path in filter(files.exists, dict.fromkeys(paths)):
        with contextlib.suppress(FileNotFoundError):
            size, written = size + files.size(path), max(written, files.mtime(path))
    return ListedCheckpoint(
        prefix, None if step < 0 else step, style, size, written, is_listed, is_latest, fault
    )


@dataclasses.dataclass(frozen=True)
class Repair:
    """What `repair` has found and done.

    Attributes:
      directory: The directory.
      whole: The prefixes of the checkpoints that are whole, the newest last. The state file names them now.
      damaged: What is wrong with the other ones, by prefix.
      changed: Whether the state file named something else.
    """

    directory: str
    whole: list[str]
    damaged: dict[str, str]
    changed: bool


def repair(directory: str | os.PathLike) -> Repair:
    """Makes the state file of a directory name the checkpoints that are whole, the newest last. Deletes nothing.

    All bytes of all checkpoints are read.

    Args:
      directory: The directory, in which nothing is being trained.

    Raises:
      CheckpointNotFoundError: If there is no such directory, or no checkpoint in it is whole.
    """
    listing = list_directory(directory)
    whole, damaged = [], {}
    for checkpoint in listing.checkpoints:
        fault = checkpoint.fault or next(map(str, verify(checkpoint.prefix).faults), '')
        if fault:
            damaged[checkpoint.prefix] = fault
        else:
            whole.append(checkpoint)
    if not whole:
        raise CheckpointNotFoundError(
            f'No checkpoint in {listing.directory} is whole; restore the files of one from a copy.'
        )
    names = tuple(os.path.relpath(c.prefix, listing.directory) for c in whole)
    times = tuple(c.written for c in whole)
    state = read_state_if_whole(listing.directory)
    changed = state is None or (state.latest, state.all) != (names[-1], names)
    if changed:
        preserved = state.last_preserved if state else 0.0
        write_state(listing.directory, CheckpointState(names[-1], names, times, preserved))
    return Repair(listing.directory, [c.prefix for c in whole], damaged, changed)
