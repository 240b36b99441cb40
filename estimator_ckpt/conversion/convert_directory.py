"""Converts all checkpoints of a directory."""

import os
from collections.abc import Callable
from typing import Any

from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import as_path, checkpoint_exists, index_path, same_place
from estimator_ckpt.conversion.convert_checkpoint import convert
from estimator_ckpt.conversion.directories import read_directory
from estimator_ckpt.formats.opening import name_of
from estimator_ckpt.formats.v1_paths import find as find_v1
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.report import MappingReport


def convert_directory(
    source: str | os.PathLike,
    destination: str | os.PathLike,
    style: CheckpointStyle | str,
    *,
    overwrite: bool = False,
    dry_run: bool = False,
    on_checkpoint: Callable[[str], object] = lambda prefix: None,
    **options: Any,
) -> dict[str, MappingReport]:
    """Converts all checkpoints of a directory, and writes a state file that lists the new ones.

    These are the checkpoints in the directory, in their order, and those in other places that the state file lists. If
    the state file lists a checkpoint that does not exist, a warning is logged.

    Checkpoints that exist at the destination are left unchanged unless `overwrite` is true, so that a conversion that
    was interrupted is completed by calling this function again. The state file is written last, with the times of the
    source.

    Args:
      source: The directory with the checkpoints, such as a model_dir.
      destination: The directory for the new checkpoints, which is created if necessary.
      style: `'tf1'`, `'tf2'` or `'both'`.
      overwrite: Whether existing checkpoints at the destination are converted again.
      dry_run: Whether nothing is written, as in `convert`.
      on_checkpoint: A function that is called with each prefix before it is converted.
      **options: The options of `convert`.

    Returns:
      The report of each checkpoint that was converted by this call, by its base name.

    Raises:
      CheckpointNotFoundError: If the source has no checkpoint.
      CheckpointError: If the directories are the same, or a checkpoint cannot be converted.
    """
    source, destination = as_path(source), as_path(destination)
    if same_place(source, destination):
        raise CheckpointError(f'{destination} is the source itself; choose another directory.')
    state, prefixes = read_directory(source)
    if not dry_run:
        files_for(destination).make_dirs(destination)
    reports = {}
    for prefix in prefixes:
        base = name_of(prefix)
        target = os.path.join(destination, base)
        if overwrite or not checkpoint_exists(target):
            on_checkpoint(prefix)
            reports[base] = convert(prefix, target, style, overwrite=overwrite, dry_run=dry_run, **options)
    if dry_run:
        return reports
    names = tuple(map(name_of, prefixes))
    times = tuple(map(_time, prefixes))
    preserved = state.last_preserved if state else 0.0
    state = CheckpointState(names[-1], names, times, preserved)
    write_state(destination, state, durable=options.get('durable', True))
    return reports


def _time(prefix: str) -> float:
    """Returns the time when a checkpoint was written, in seconds since the epoch."""
    v1 = None if checkpoint_exists(prefix) else find_v1(prefix)
    path = index_path(prefix) if v1 is None else v1.files[0]
    return files_for(path).mtime(path)
