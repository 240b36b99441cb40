"""Writes SOURCE as a new checkpoint DESTINATION in another style, or as a file of another kind. SOURCE is not modified.

DESTINATION is the prefix of a checkpoint, which links the data files of SOURCE, or ends in .weights.h5 or .keras (Keras
3, with --like), .safetensors or .npz.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from absl import flags

from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.cli import report_lines, rows_flag, rules_flags, terminal
from estimator_ckpt.cli.json_output import with_schema
from estimator_ckpt.cli.usage import UsageError
from estimator_ckpt.conversion.convert_checkpoint import convert
from estimator_ckpt.conversion.convert_directory import convert_directory
from estimator_ckpt.conversion.destinations import ENDINGS, destination_prefix, needs_style
from estimator_ckpt.formats.opening import following_latest, open_source
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.report import MappingReport

ARGUMENTS = ('SOURCE', 'DESTINATION')
EXAMPLES = (
    'convert model.ckpt-100 new/ckpt-1 --style=tf2 --optimizer=optimizer',
    'convert model.ckpt-100 new/ckpt-1 --style=tf2 --like=tf2/ckpt-1 --rules=rules.txt --dry_run',
    'convert model.ckpt-100 new.weights.h5 --like=fresh.weights.h5 --rules=rules.txt',
    'convert model.ckpt-100 model.safetensors --for=pytorch --drop=slots,step',
    'convert --all model_dir new_dir --style=both',
)
# The flags that are arguments of `convert` of the same name and type.
_PASSED_ON = (
    'root',
    'like',
    'promote_averages',
    'merge_slices',
    'compact',
    'data',
    'overwrite',
    'durable',
    'dry_run',
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `convert`."""
    styles = [style.value for style in CheckpointStyle]
    flags.DEFINE_enum('style', None, styles, 'The style of the new checkpoint; required for one.', values)
    _define_layout_flags(values)
    _define_content_flags(values)
    flags.DEFINE_enum(
        'data',
        'link',
        ['link', 'copy'],
        'Whether data files are linked, if the file system supports it, or copied.',
        values,
    )
    flags.DEFINE_boolean(
        'durable', True, 'Whether to wait until what is written survives a power cut.', values
    )
    flags.DEFINE_boolean(
        'dry_run', False, 'Whether only to print what would be written, and where it comes from.', values
    )
    rows_flag.define(values)
    flags.DEFINE_boolean('overwrite', False, 'Whether an existing checkpoint is replaced.', values)
    flags.DEFINE_boolean(
        'write_state_file',
        False,
        'Whether the state file beside DESTINATION names the new checkpoint.',
        values,
    )
    flags.DEFINE_boolean(
        'all',
        False,
        'Whether SOURCE and DESTINATION are directories, and all checkpoints of SOURCE are converted.',
        values,
    )
    flags.DEFINE_boolean('json', False, 'Whether the report is printed as a JSON object.', values)


def _define_layout_flags(values: flags.FlagValues) -> None:
    rules_flags.define(values, 'that give tensors new names or object paths')
    flags.DEFINE_string(
        'root',
        None,
        'The child of the root that holds the variables that no rule places; vars by default.',
        values,
    )
    flags.DEFINE_string(
        'optimizer',
        None,
        'The object path at which slots become slot variables, such as optimizer; for several optimizers one path '
        'each, as in Adam=adam,Ftrl=linear/ftrl.',
        values,
    )
    flags.DEFINE_list(
        'step', [], 'The object paths of the global step, separated by commas; they share one tensor.', values
    )
    flags.DEFINE_string(
        'keras_optimizer',
        None,
        "The Keras optimizer (SGD, Adam, ...) that TF1's slots are converted to, or with --style=tf1 from; for several "
        "optimizers by TF1's names, as in Adagrad=Adagrad,Ftrl=Ftrl.",
        values,
    )
    flags.DEFINE_string(
        'hyperparameters',
        None,
        'The hyperparameters of --keras_optimizer, as in learning_rate=0.1,momentum=0.9.',
        values,
    )
    flags.DEFINE_string(
        'like',
        None,
        'A checkpoint whose names and objects the new checkpoint gets; for .weights.h5 and .keras, a file of a fresh '
        'model.',
        values,
    )
    flags.DEFINE_enum(
        'for',
        None,
        ['pytorch'],
        'The library whose names and layouts a .safetensors or .npz file gets.',
        values,
    )


def _define_content_flags(values: flags.FlagValues) -> None:
    kinds = 'kinds (slots, averages, step, optimizer, ...) or regular expressions for whole names'
    flags.DEFINE_multi_string('drop', [], f'What to omit: {kinds}, separated by commas', values)
    flags.DEFINE_multi_string(
        'keep', [], f'What to keep, omitting everything else: {kinds}, separated by commas', values
    )
    flags.DEFINE_boolean(
        'promote_averages', False, 'Whether variables get the values of their moving averages.', values
    )
    flags.DEFINE_boolean('merge_slices', False, 'Whether partitioned variables become whole tensors.', values)
    flags.DEFINE_boolean(
        'compact',
        False,
        'Whether only the bytes of kept tensors are copied, instead of whole data files.',
        values,
    )


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """Runs `convert`.

    Args:
      paths: SOURCE and DESTINATION.
      values: The parsed flags.

    Returns:
      The exit code and the lines to print.

    Raises:
      UsageError: If `--style` is missing, or if flags contradict each other.
    """
    if values.all_rows is not None and (values.all or not values.dry_run):
        raise UsageError('--all_rows has no effect without --dry_run or with --all')
    if values.style is None and (values.all or needs_style(paths[1])):
        files = '' if values.all else f', or a DESTINATION that ends in {", ".join(ENDINGS)}'
        raise UsageError(f'--style is missing; expected one of {", ".join(CheckpointStyle)}{files}')
    options = {name: getattr(values, name) for name in _PASSED_ON}
    options |= {
        'rules': rules_flags.rules_of(values),
        'optimizer': _named('optimizer', values.optimizer),
        'keras_optimizer': _named('keras_optimizer', values.keras_optimizer),
        'hyperparameters': _numbers(values.hyperparameters),
        'step': values.step,
        'drop': _patterns(values.drop),
        'keep': _patterns(values.keep),
    }
    if values.all:
        return _convert_all(paths, values, options)
    source, destination = paths

    def convert_found(found: str) -> tuple[str, MappingReport]:
        # Named before anything is written: a directory gets the name of this very source.
        written = destination if values.style is None else destination_prefix(found, destination)
        return written, _convert(found, destination, values, {**options, 'for_': values['for'].value})

    written, report = following_latest(source, convert_found)
    if values.json:
        return 0, [with_schema('convert', report.to_json())]
    rows = report_lines.tables(report, rows_flag.are_folded(values)) if values.dry_run else ()
    return 0, itertools.chain(rows, _lines(written, values, report))


def _convert(source: str, destination: str, values: Any, options: dict[str, Any]) -> MappingReport:
    options = {**options, 'write_state_file': values.write_state_file}
    if values.style is not None and values.data == 'link' and not values.compact:
        # Only values that operations change are written.
        total, delay = None, 1.0
    else:
        total = None if values.compact or values.style is None else _data_bytes(source)
        delay = 0.0
    with terminal.progress_bar('copying' if values.style else 'writing', total, delay) as progress:
        return convert(source, destination, values.style, progress=progress, **options)


def _data_bytes(path: str) -> int:
    reader = open_source(path)
    reader.check_data_files()
    files = files_for(reader.prefix)
    return sum(files.size(path) for path in reader.data_paths() if files.exists(path))


def _convert_all(paths: list[str], values: Any, options: dict[str, Any]) -> tuple[int, Iterable[str]]:
    if values.write_state_file:
        raise UsageError('--all always writes the state file; omit --write_state_file')
    source, destination = paths
    with terminal.progress_bar('converting') as progress:
        if progress:
            # Where data files are linked nothing is copied, and only the time goes on.
            options['on_checkpoint'] = lambda prefix: progress(0)
        reports = convert_directory(source, destination, values.style, progress=progress, **options)
    if values.json:
        by_name = {base: with_schema('convert', report.to_json()) for base, report in reports.items()}
        return 0, [json.dumps({base: json.loads(text) for base, text in by_name.items()})]
    names = ', '.join(reports) or 'nothing new'
    converted = 'would be converted' if values.dry_run else 'converted'
    return 0, [f'{destination}: {converted} to {values.style}: {names}']


_EXAMPLES = {
    'optimizer': 'a path, or pairs such as Adam=adam,Ftrl=linear/ftrl',
    'keras_optimizer': 'a class, or pairs such as Adagrad=Adagrad,Ftrl=Ftrl',
    'hyperparameters': 'pairs such as learning_rate=0.1,momentum=0.9',
}


def _named(flag: str, text: str | None) -> str | dict[str, str] | None:
    """Parses a value, or pairs of names and values."""
    if text is None or '=' not in text:
        return text
    pairs = [part.partition('=') for part in text.split(',')]
    if not all(name and value for name, _, value in pairs):
        raise UsageError(f'flag --{flag}={text}: expected {_EXAMPLES[flag]}')
    return {name: value for name, _, value in pairs}


def _numbers(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    named = _named('hyperparameters', text)
    try:
        if isinstance(named, dict):
            return {name: float(value) for name, value in named.items()}
    except ValueError:
        pass
    raise UsageError(f'flag --hyperparameters={text}: expected {_EXAMPLES["hyperparameters"]}')


def _patterns(texts: list[str]) -> list[str]:
    # Commas in braces or brackets belong to the expression.
    return [part for text in texts for part in re.split(r',(?![^{\[]*[}\]])', text) if part]


def _lines(destination: str, values: Any, report: MappingReport) -> Iterator[str]:
    yield from report_lines.remarks(report)
    written = 'would be written' if values.dry_run else 'written'
    in_style = f' in style {values.style}' if values.style else ''
    yield f'{destination}: {written}{in_style}: {report_lines.counts(report) or "no tensors"}'
