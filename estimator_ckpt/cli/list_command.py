"""Lists the checkpoints of MODEL_DIR: steps, styles, sizes, times, the latest, and what is damaged or left over."""

from collections.abc import Iterable
from typing import Any

from absl import flags

from estimator_ckpt.cli.json_output import with_schema
from estimator_ckpt.common import formatting
from estimator_ckpt.inspection.list_directory import list_directory

ARGUMENTS = ('MODEL_DIR',)
EXAMPLES = ('list model_dir',)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `list`."""
    flags.DEFINE_boolean('json', False, 'Whether the listing is printed as a JSON object.', values)


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """Runs `list`.

    Args:
      paths: MODEL_DIR.
      values: The parsed flags.

    Returns:
      The exit code, 1 if a checkpoint is damaged or missing, and the lines to print.
    """
    listing = list_directory(paths[0])
    lines = (
        [with_schema('list', listing.to_json())]
        if values.json
        else map(formatting.printable, listing.lines())
    )
    return int(not listing.ok), lines
