"""The flag that says whether each tensor has a row of its own, which several subcommands take."""

from typing import Any

from absl import flags

from estimator_ckpt.cli import terminal


def define(values: flags.FlagValues) -> None:
    """Defines `--all_rows`."""
    flags.DEFINE_boolean(
        'all_rows',
        None,
        'Whether each tensor has a row of its own; by default everywhere but on a terminal, where tensors whose names '
        'differ only in numbers share one.',
        values,
    )


def are_folded(values: Any) -> bool:
    """Returns True if tensors whose names differ only in numbers share a row.

    Args:
      values: The parsed flags.
    """
    return terminal.is_terminal() if values.all_rows is None else not values.all_rows
