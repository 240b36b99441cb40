"""Formats the keys of a checkpoint as tables: a row for each, for several that differ in numbers, or for each scope."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from estimator_ckpt.common import formatting
from estimator_ckpt.common.folding import Fold, fold, ranges
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import CheckpointEntry
from estimator_ckpt.keys.kinds import Kind

if TYPE_CHECKING:
    from estimator_ckpt.inspection.tensor_statistics import Statistics

_TITLES = ('kind', 'dtype', 'shape', 'size', 'shard', 'tensors', 'key')
_NUMBERS = ('mean', 'std', 'min', 'max', 'zeros', 'NaN', 'Inf')
_RIGHT = {'size', 'shard', 'tensors', 'keys', 'scopes', 'parameters', 'bytes', *_NUMBERS}


class Line(NamedTuple):
    """A line of a table.

    Attributes:
      text: The line.
      kind: The kind of its tensors; None for the titles and for tensors of several kinds.
    """

    text: str
    kind: Kind | None


class ScopeTotal(NamedTuple):
    """The total of the keys below a scope.

    Attributes:
      scope: The scope, which ends in `/`, or a key that is not below one.
      keys: The number of keys.
      parameters: The number of elements.
      bytes: The number of bytes in the data files.
    """

    scope: str
    keys: int
    parameters: int
    bytes: int


def entry_lines(
    entries: Sequence[CheckpointEntry],
    *,
    are_folded: bool = False,
    show_names: bool = False,
    statistics: Mapping[str, 'Statistics | None'] | None = None,
) -> list[Line]:
    """Returns a table of keys, with the titles first and the keys in the last column.

    Args:
      entries: The keys.
      are_folded: Whether keys that differ only in numbers share a row, if all else is equal.
      show_names: Whether full names are shown beside the keys, which are numbers in a file of Keras weights.
      statistics: The statistics of each tensor by key, if they are shown.
    """
    rows = [_cells(entry, statistics) for entry in entries]
    names = [f'{e.key}  ({e.full_name})' if show_names and e.full_name else e.key for e in entries]
    folds = _folds(names, rows, are_folded)
    is_any_folded = len(folds) < len(names)
    has_shards = len({entry.shard for entry in entries}) > 1
    table: list[tuple[str, ...]] = [
        _TITLES if statistics is None else (*_TITLES[:4], *_NUMBERS, *_TITLES[4:])
    ]
    for name, members in folds:
        # The numbers of the shards do not keep keys apart.
        shards = ranges(sorted({entries[member].shard for member in members})) if has_shards else ''
        count = f'{len(members):,}' if is_any_folded else ''
        table.append((*rows[members[0]], shards, count, name))
    lines = _table(formatting.used_columns(table))
    kinds = [entries[members[0]].kind for _, members in folds]
    return [Line(line, kind) for line, kind in zip(lines, [None, *kinds], strict=True)]


def _folds(names: Sequence[str], alike: Sequence[Hashable], are_folded: bool) -> list[Fold]:
    if are_folded:
        return fold(names, alike)
    return [Fold(name, (position,)) for position, name in enumerate(names)]


def _cells(entry: CheckpointEntry, statistics: Mapping[str, 'Statistics | None'] | None) -> tuple[str, ...]:
    slices = f' ({formatting.count(entry.num_slices, "slice")})' if entry.num_slices else ''
    cells = (
        str(entry.kind),
        entry.dtype,
        formatting.shape(entry.shape) + slices,
        formatting.size(entry.size),
    )
    if statistics is None:
        return cells
    numbers = statistics[entry.key]
    if numbers is None:
        return (*cells, *[''] * len(_NUMBERS))
    measured = [
        '' if number is None else f'{number:.4g}'
        for number in (numbers.mean, numbers.std, numbers.min, numbers.max)
    ]
    counted = [f'{number:,}' if number else '' for number in (numbers.zeros, numbers.nan, numbers.inf)]
    return (*cells, *measured, *counted)


def scope_totals(entries: Sequence[CheckpointEntry], depth: int) -> list[ScopeTotal]:
    """Returns the totals of keys by their first scopes, in the order of the first keys.

    Args:
      entries: The keys.
      depth: The number of scopes by which keys are told apart.
    """
    totals: dict[str, list[int]] = {}
    for entry in entries:
        total = totals.setdefault(_scope(entry.key, depth), [0, 0, 0])
        total[0] += 1
        total[1] += math.prod(entry.shape)
        total[2] += entry.size
    return [ScopeTotal(scope, *total) for scope, total in totals.items()]


def _scope(key: str, depth: int) -> str:
    # What follows this mark says which attribute of an object it is, not where the object is.
    path, mark, _ = key.partition(object_keys.ATTRIBUTES)
    parts = path.split('/')
    if len(parts) > depth:
        return '/'.join(parts[:depth]) + '/'
    return f'{path}/' if mark else key


def scope_lines(totals: Sequence[ScopeTotal], are_folded: bool = False) -> list[str]:
    """Returns a table of totals, with the titles first and the scopes in the last column.

    Args:
      totals: The totals.
      are_folded: Whether scopes that differ only in numbers share a row, if their totals are equal.
    """
    rows = [(f'{t.keys:,}', f'{t.parameters:,}', formatting.size(t.bytes)) for t in totals]
    folds = _folds([total.scope for total in totals], rows, are_folded)
    is_any_folded = len(folds) < len(totals)
    table = [('keys', 'parameters', 'bytes', 'scopes', 'scope')]
    for name, members in folds:
        table.append((*rows[members[0]], f'{len(members):,}' if is_any_folded else '', name))
    return _table(formatting.used_columns(table))


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    right = {column for column, title in enumerate(rows[0]) if title in _RIGHT}
    return formatting.table(rows, right=right)
