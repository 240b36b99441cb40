"""Converts all checkpoints of a directory."""

import os
from collections.abc import Callable
from typing import Any

from estimator_ckpt.bundle.checkpoint_state import CheckpointState, read_state, write_state
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import checkpoint_exists, resolve_state_entry
from estimator_ckpt.conversion.convert_checkpoint import convert
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.report import MappingReport


def convert_directory(
    source: str | os.PathLike,
    destination: str | os.PathLike,
    style: CheckpointStyle | str,
    *,
    overwrite: bool = False,
    on_checkpoint: Callable[[str], object] = lambda prefix: None,
    **options: Any,
) -> dict[str, MappingReport]:
    """Converts every checkpoint that a directory's state file lists, and writes a state file that lists the new ones.

    Those that are there already are left as they are, unless `overwrite`: an interrupted run is taken up by running it
    again. The state file comes last, and keeps the times of the source's.

    Args:
      source: A model_dir.
      destination: The new directory.
      style: `'tf1'`, `'tf2'` or `'both'`.
      overwrite: Whether checkpoints that are there are converted again.
      on_checkpoint: Told each prefix before it is converted.
      **options: As for `convert`.

    Returns:
      For each base name that was converted now its report.

    Raises:
      CheckpointNotFoundError: If the source has no state file, or a checkpoint that it lists is gone.
      CheckpointError: If the directories are the same, or a checkpoint cannot be converted.
    """
    source, destination = os.fspath(source), os.fspath(destination)
    state = read_state(source)
    if state is None:
        raise CheckpointNotFoundError(
            f'{source} has no checkpoint state file; name a single checkpoint instead.'
        )
    if os.path.abspath(source) == os.path.abspath(destination):
        raise CheckpointError(f'{destination} is the source itself; choose another directory.')
    prefixes = [resolve_state_entry(source, entry) for entry in dict.fromkeys([*state.all, state.latest])]
    files_for(destination).make_dirs(destination)
    reports = {}
    for prefix in prefixes:
        base = os.path.basename(prefix)
        target = os.path.join(destination, base)
        if overwrite or not checkpoint_exists(target):
            on_checkpoint(prefix)
            reports[base] = convert(prefix, target, style, overwrite=overwrite, **options)
    names = tuple(os.path.basename(prefix) for prefix in prefixes)
    timestamps = state.timestamps if len(state.timestamps) == len(names) else ()
    latest = os.path.basename(state.latest)
    write_state(destination, CheckpointState(latest, names, timestamps, state.last_preserved))
    return reports
