"""Shows what a checkpoint holds: its keys, its objects or its values, and totals by kind."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from absl import flags

from estimator_ckpt.cli import terminal
from estimator_ckpt.cli.usage import UsageError
from estimator_ckpt.common import formatting
from estimator_ckpt.formats.opening import following_latest
from estimator_ckpt.inspection.inspect_checkpoint import Inspection, inspect
from estimator_ckpt.inspection.object_tree import TreeNode, tree
from estimator_ckpt.keys.kind_words import KIND_WORDS, listed_words
from estimator_ckpt.keys.kinds import Kind

ARGUMENTS = ('CHECKPOINT',)


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
    if values.tree and (values.filter or values.kind):
        raise UsageError('--tree shows all objects; omit --filter and --kind')
    pattern, kinds = _pattern(values.filter), _kinds(values.kind)

    def show(path: str) -> Iterable[str]:
        inspection = inspect(path, pattern=pattern, kinds=kinds, sort=values.sort)
        _check_something_is_shown(inspection, values)
        if values.json:
            return [_json(inspection, values)]
        # Values are read before any is printed: the checkpoint may be deleted meanwhile.
        return list(_lines(inspection, values)) if values.values else _lines(inspection, values)

    return 0, following_latest(paths[0], show)


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
        kinds = ', '.join(map(str, inspection.totals))
        raise UsageError(f'{flag} takes no key of {inspection.contents.reader.prefix}, which has {kinds}')


def _lines(inspection: Inspection, values: Any) -> Iterator[str]:
    width = terminal.width()
    yield from [
        terminal.paint(formatting.printable(inspection.contents.reader.prefix), terminal.BOLD),
        inspection.summary(),
        '',
    ]
    if values.tree:
        for node in _tree(inspection):
            yield str(node) if width is None else formatting.shorten(str(node), width)
    if values.values:
        yield from _value_lines(inspection)
    if not values.tree and not values.values:
        titles, *rows = inspection.table(width)
        yield terminal.paint(titles, terminal.BOLD)
        for entry, row in zip(inspection.entries, rows, strict=True):
            yield row if entry.kind is Kind.VARIABLE else terminal.paint(row, terminal.DIM)
    titles, *rows = inspection.totals_table()
    yield from ['', terminal.paint(titles, terminal.BOLD), *rows]


def _tree(inspection: Inspection) -> Iterator[TreeNode]:
    return tree(inspection.contents, inspection.contents.entries())


def _value_lines(inspection: Inspection) -> Iterator[str]:
    for entry, array in inspection.values():
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
    if values.tree:
        fields['tree'] = [node.to_dict() for node in _tree(inspection)]
    if values.values:
        for entry, (_, array) in zip(fields['entries'], inspection.values(), strict=True):
            entry['value'] = None if array is None else _plain(array)
    return json.dumps(fields)


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
