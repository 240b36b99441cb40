"""Makes the state file of MODEL_DIR name the checkpoints that are whole, the newest last. Deletes nothing."""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import Any

from absl import flags

from estimator_ckpt.cli.json_output import with_schema
from estimator_ckpt.common import formatting
from estimator_ckpt.inspection.list_directory import Repair, repair

ARGUMENTS = ('MODEL_DIR',)
EXAMPLES = ('repair model_dir',)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `repair`."""
    flags.DEFINE_boolean('json', False, 'Whether the result is printed as a JSON object.', values)


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """Runs `repair`.

    Args:
      paths: MODEL_DIR.
      values: The parsed flags.

    Returns:
      The exit code, 1 if a checkpoint is damaged, and the lines to print.
    """
    result = repair(paths[0])
    code = int(bool(result.damaged))
    if values.json:
        return code, [with_schema('repair', json.dumps(dataclasses.asdict(result)))]
    return code, _lines(result)


def _lines(result: Repair) -> Iterator[str]:
    for prefix, fault in result.damaged.items():
        yield f'damaged: {prefix}: {fault}'
    whole = formatting.count(len(result.whole), 'whole checkpoint')
    names = 'names now' if result.changed else 'named already'
    yield f'{result.directory}: the state file {names} {whole}, the latest {result.whole[-1]}'
