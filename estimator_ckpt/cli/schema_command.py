"""Prints the JSON Schema of what a subcommand prints with --json.

NAME is the subcommand, or suggest for `plan --suggest`. Each output names its schema and the version: {"schema":
"estimator-ckpt/inspect/1", ...}. The version changes only if a field goes away or changes its meaning.
"""

from collections.abc import Iterable
from typing import Any

from absl import flags

from estimator_ckpt.cli.json_output import NAMES, schema
from estimator_ckpt.cli.usage import UsageError

ARGUMENTS = ('NAME',)
EXAMPLES = ('schema inspect', 'schema suggest')


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `schema`: none."""


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """Runs `schema`.

    Args:
      paths: NAME.
      values: The parsed flags.

    Returns:
      The exit code and the lines of the schema.

    Raises:
      UsageError: If there is no such schema.
    """
    (name,) = paths
    if name not in NAMES:
        raise UsageError(f'expected one of {", ".join(NAMES)}, not {name!r}')
    return 0, schema(name).splitlines()
