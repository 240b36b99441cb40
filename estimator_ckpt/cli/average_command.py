"""Writes a checkpoint DESTINATION whose variables are the averages of those of several checkpoints of one model.

SOURCE... are the checkpoints, or with --last one directory. Slots, steps, tables and whatever is not floating-point
come from the newest of them.
"""

import json
from collections.abc import Iterable
from typing import Any

from absl import flags

from estimator_ckpt.cli import terminal
from estimator_ckpt.cli.json_output import with_schema
from estimator_ckpt.cli.usage import UsageError
from estimator_ckpt.common import formatting
from estimator_ckpt.conversion.average_checkpoints import average, find_sources
from estimator_ckpt.formats.opening import following

ARGUMENTS = ('SOURCE...', 'DESTINATION')
EXAMPLES = (
    'average --last=5 model_dir averaged/model.ckpt',
    'average model.ckpt-100 model.ckpt-200 averaged/model.ckpt --weights=1,2',
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `average`."""
    flags.DEFINE_integer(
        'last',
        None,
        'How many of the last checkpoints of the directory SOURCE are averaged.',
        flag_values=values,
    )
    flags.DEFINE_list(
        'weights',
        None,
        'A positive weight for each checkpoint, separated by commas, as in 0.5,0.3,0.2; equal ones by default.',
        values,
    )
    flags.DEFINE_float(
        'decay',
        None,
        'The ratio of the weight of each checkpoint to that of the next newer one, as in 0.9.',
        flag_values=values,
    )
    flags.DEFINE_boolean('overwrite', False, 'Whether an existing checkpoint is replaced.', values)
    flags.DEFINE_boolean(
        'write_state_file',
        False,
        'Whether the state file beside DESTINATION names the new checkpoint.',
        values,
    )
    flags.DEFINE_boolean(
        'json', False, 'Whether the paths of all checkpoints are printed as a JSON object.', values
    )


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """Runs `average`.

    Args:
      paths: The sources and DESTINATION.
      values: The parsed flags.

    Returns:
      The exit code and the lines to print.

    Raises:
      UsageError: If a weight is not a number.
    """
    *given, destination = paths

    def average_of(*sources: str) -> tuple[str, list[str]]:
        with terminal.progress_bar('averaging') as progress:
            prefix = average(
                sources,
                destination,
                weights=_numbers(values.weights),
                decay=values.decay,
                overwrite=values.overwrite,
                write_state_file=values.write_state_file,
                progress=progress,
            )
        return prefix, list(sources)

    if values.last is None:
        prefix, sources = average_of(*find_sources(given, None))
    else:
        prefix, sources = following(lambda: find_sources(given, values.last), average_of)
    if values.json:
        return 0, [with_schema('average', json.dumps({'checkpoint': prefix, 'sources': sources}))]
    names = ', '.join(sources)
    return 0, [formatting.printable(f'{prefix}: written: the average of {len(sources)} checkpoints: {names}')]


def _numbers(texts: list[str] | None) -> list[float] | None:
    try:
        return None if texts is None else [float(text) for text in texts]
    except ValueError:
        raise UsageError(
            f'flag --weights={",".join(texts or ())}: expected numbers, such as 0.5,0.3,0.2'
        ) from None
