"""The options of `convert` for files of other kinds."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.mapping.rules import Rules


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """The options of `convert` that apply to files of other kinds; see there."""

    rules: Rules
    drop: str | Collection[str]
    keep: str | Collection[str]
    promote_averages: bool
    like: Any
    hyperparameters: Mapping[str, Any] | None
    library: str | None
    overwrite: bool
    durable: bool
    dry_run: bool


def without_effect(ending: str, **options: Any) -> None:
    """Checks that no options are given that only checkpoints have.

    Args:
      ending: The ending of the destination.
      **options: The options; one that is false, None or empty is not given.

    Raises:
      CheckpointError: If some are given.
    """
    given = [f'{name}={value!r}' for name, value in options.items() if value]
    if given:
        raise CheckpointError(f'{" and ".join(given)} would have no effect on a {ending} file; omit it.')
