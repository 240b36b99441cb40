"""Shows what a checkpoint holds: its keys, its objects, its values or their statistics, and totals by kind.

On a terminal, keys that differ only in numbers share a row: layer_{0..11}/kernel stands for twelve keys.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from estimator_ckpt.cli import rows_flag, terminal
from estimator_ckpt.cli.json_output import with_schema
from estimator_ckpt.cli.usage import UsageError
from estimator_ckpt.common import formatting
from estimator_ckpt.formats.opening import following_latest
from estimator_ckpt.inspection.entry_table import scope_lines, scope_totals
from estimator_ckpt.inspection.inspect_checkpoint import Inspection, inspect
from estimator_ckpt.keys.contents import CheckpointEntry, keys_by_name
from estimator_ckpt.keys.kind_words import KIND_WORDS, listed_words
from estimator_ckpt.keys.kinds import Kind

if TYPE_CHECKING:  # Imported where they are used, as the table of keys needs none of them.
    from estimator_ckpt.inspection.object_tree import TreeNode
    from estimator_ckpt.inspection.tensor_statistics import Statistics

ARGUMENTS = ('CHECKPOINT',)
EXAMPLES = (
    'inspect model_dir',
    'inspect model.ckpt-100 --kind=slot --sort=size',
    'inspect model.ckpt-100 --depth=2',
    'inspect model.ckpt-100 --stats --filter=kernel',
    'inspect model.ckpt-100 --tensor_name=global_step',
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `inspect`."""
    kinds = ', '.join(map(str, Kind))
    flags.DEFINE_enum(
        'sort',
        'key',
        ['key', 'size', 'kind'],
        'The order of the table; by size with the largest first.',
        values,
    )
    flags.DEFINE_string(
        'filter', None, 'Only keys in which this regular expression is found are shown.', values
    )
    flags.DEFINE_list('kind', [], f'Only these kinds are shown, separated by commas: {kinds}.', values)
    flags.DEFINE_boolean('tree', False, 'Whether the objects are shown instead of the table.', values)
    flags.DEFINE_boolean('values', False, 'Whether values are shown instead of the table.', values)
    flags.DEFINE_boolean(
        'stats',
        False,
        'Whether the mean, standard deviation, minimum and maximum of the finite values of each tensor are shown, and '
        'how many values are zero, NaN or infinite.',
        values,
    )
    flags.DEFINE_string(
        'tensor_name',
        None,
        'Only the value of the tensor with this key, or of the variable with this name or object path, is shown.',
        values,
    )
    flags.DEFINE_integer(
        'depth',
        None,
        'Keys are summed up by this many scopes; with --tree, how many levels are shown.',
        1,
        flag_values=values,
    )
    rows_flag.define(values)
    flags.DEFINE_boolean('json', False, 'Whether everything is printed as a JSON object.', values)


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """Runs `inspect`.

    Args:
      paths: CHECKPOINT.
      values: The parsed flags.

    Returns:
      The exit code and the lines to print.

    Raises:
      UsageError: If a flag is malformed, or takes nothing, or if flags contradict each other.
    """
    _check_flags(values)
    pattern, kinds = _pattern(values.filter), _kinds(values.kind)

    def show(path: str) -> Iterable[str]:
        inspection = inspect(path, pattern=pattern, kinds=kinds, sort=values.sort)
        _check_something_is_shown(inspection, values)
        if values.tensor_name is not None:
            inspection = _with_tensor(inspection, values.tensor_name)
        if values.json:
            return [_json(inspection, values)]
        # Values are read before any is printed: the checkpoint may be deleted meanwhile.
        return list(_lines(inspection, values))

    return 0, following_latest(paths[0], show)


def _check_flags(values: Any) -> None:
    """Checks that no flag is without effect."""
    of_rows = [f'--{name}' for name in ('filter', 'kind', 'tensor_name') if values[name].value]
    if values.tree and of_rows:
        raise UsageError(f'--tree shows all objects; omit {" and ".join(of_rows)}')
    if len(of_rows) > 1 and values.tensor_name is not None:
        raise UsageError('--tensor_name shows one tensor; omit --filter and --kind')
    whole = [f'--{name}' for name in ('values', 'stats', 'tensor_name') if values[name].value]
    if values.depth is not None and whole:
        raise UsageError(f'--depth shows no single tensors; omit {" and ".join(whole)}')
    instead = [f'--{name}' for name in ('tree', 'values', 'stats', 'tensor_name') if values[name].value]
    if values.all_rows is not None and instead:
        raise UsageError(f'{" and ".join(instead)} always shows all rows; omit --all_rows')


def _with_tensor(inspection: Inspection, name: str) -> Inspection:
    """Returns the description of one tensor, which is given by its key, or by the name or the path of its variable."""
    keys = keys_by_name(inspection.entries)
    # TensorFlow ends the names of variables in :0.
    chosen = keys.get(name) or keys.get(name.removesuffix(':0')) or []
    if not chosen:
        from estimator_ckpt.mapping.report import nearest

        hint = nearest(name, list(keys), 0) or '`inspect` without --tensor_name shows all keys'
        raise UsageError(f'{inspection.contents.reader.prefix} has no tensor {name!r}; {hint}')
    return dataclasses.replace(
        inspection, entries=[entry for entry in inspection.entries if entry.key in chosen]
    )


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f'flag --filter={text}: invalid regular expression: {error}') from error


def _kinds(names: list[str]) -> list[Kind]:
    unknown = [name for name in names if name not in KIND_WORDS]
    if unknown:
        raise UsageError(f'flag --kind={",".join(names)}: expected some of {listed_words()}')
    return [KIND_WORDS[name] for name in names]


def _check_something_is_shown(inspection: Inspection, values: Any) -> None:
    if (values.kind or values.filter) and not inspection.entries:
        flag = ' and '.join(
            f'--{name}={value}'
            for name, value in (('kind', ','.join(values.kind)), ('filter', values.filter))
            if value
        )
        kinds = ', '.join(map(str, inspection.totals)) or 'none'
        raise UsageError(
            f'{flag} matches no key of {inspection.contents.reader.prefix}; the kinds there are {kinds}'
        )


def _lines(inspection: Inspection, values: Any) -> Iterator[str]:
    if values.tensor_name is not None:
        if values.values or not values.stats:
            yield from _value_lines(inspection)
        if values.stats:
            yield from _table(inspection, values)
        return
    yield from [
        terminal.paint(formatting.printable(inspection.contents.reader.prefix), terminal.BOLD),
        inspection.summary(),
    ]
    if not inspection.contents.all_keys:
        return
    yield ''
    if values.tree:
        yield from (str(node) for node in _tree(inspection, values.depth))
    if values.values:
        yield from _value_lines(inspection)
    if values.stats or not (values.tree or values.values):
        yield from _table(inspection, values)
    titles, *rows = inspection.totals_table()
    yield from ['', terminal.paint(titles, terminal.BOLD), *rows]


def _table(inspection: Inspection, values: Any) -> Iterator[str]:
    are_folded = rows_flag.are_folded(values)
    if values.depth is not None:
        totals = scope_totals(inspection.entries, values.depth)
        titles, *rows = scope_lines(totals, are_folded)
        yield from [terminal.paint(titles, terminal.BOLD), *rows]
        return
    for text, kind in inspection.lines(are_folded=are_folded, statistics=_statistics(inspection, values)):
        if kind is None:
            yield terminal.paint(text, terminal.BOLD)
        else:
            yield text if kind is Kind.VARIABLE else terminal.paint(text, terminal.DIM)


def _statistics(inspection: Inspection, values: Any) -> dict[str, 'Statistics | None'] | None:
    if not values.stats:
        return None
    with terminal.progress_bar('reading', delay=1) as progress:
        return inspection.statistics(progress)


def _tree(inspection: Inspection, depth: int | None) -> Iterator['TreeNode']:
    from estimator_ckpt.inspection.object_tree import tree

    nodes = tree(inspection.contents, inspection.contents.entries())
    return (node for node in nodes if depth is None or node.depth <= depth)


def _values(inspection: Inspection) -> Iterator[tuple[CheckpointEntry, np.ndarray | None]]:
    """Yields entries and values as `inspection.values()`, with a progress bar."""
    total = sum(entry.size for entry in inspection.entries)
    with terminal.progress_bar('reading', total, delay=1) as progress:
        for entry, array in inspection.values():
            if progress:
                progress(entry.size)
            yield entry, array


def _value_lines(inspection: Inspection) -> Iterator[str]:
    for entry, array in _values(inspection):
        yield terminal.paint(
            f'{formatting.printable(entry.key)}  {entry.dtype} {formatting.shape(entry.shape)}', terminal.BOLD
        )
        if array is None:
            yield f'  NumPy has no type {entry.dtype}'
        else:
            shown = np.array2string(array, max_line_width=78, formatter={'object': _short})
            yield from ('  ' + line for line in shown.splitlines())


def _short(value: object) -> str:
    return formatting.shorten(repr(value), 76)


def _json(inspection: Inspection, values: Any) -> str:
    fields = inspection.to_dict()
    if values.depth is not None and not values.tree:
        fields['scopes'] = [total._asdict() for total in scope_totals(inspection.entries, values.depth)]
    if values.tree:
        fields['tree'] = [node.to_dict() for node in _tree(inspection, values.depth)]
    if values.values or (values.tensor_name is not None and not values.stats):
        for entry, (_, array) in zip(fields['entries'], _values(inspection), strict=True):
            entry['value'] = None if array is None else _plain(array)
    for entry, numbers in zip(
        fields['entries'], (_statistics(inspection, values) or {}).values(), strict=False
    ):
        entry['statistics'] = numbers and numbers.to_dict()
    return with_schema('inspect', json.dumps(fields))


def _plain(array: np.ndarray) -> Any:
    if array.dtype.kind == 'V':  # The types of ml_dtypes have this kind.
        array = array.astype(np.float32)
    return _fit_for_json(array.tolist())


def _fit_for_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_fit_for_json(item) for item in value]
    if isinstance(value, bytes):
        return value.decode('utf-8', 'backslashreplace')
    if isinstance(value, complex):
        return [_fit_for_json(value.real), _fit_for_json(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
