"""Describes a checkpoint to people: its keys, sorted and filtered, totals by kind, and values."""

import dataclasses
import functools
import json
import math
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from estimator_ckpt.bundle.dtypes import UnsupportedDtypeError
from estimator_ckpt.common import formatting
from estimator_ckpt.common.gc_pause import paused_collector
from estimator_ckpt.formats.array_file import ArrayFile
from estimator_ckpt.inspection.entry_table import Line, entry_lines
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import CheckpointEntry, Contents
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.styles import CheckpointStyle

if TYPE_CHECKING:
    from estimator_ckpt.inspection.tensor_statistics import Statistics

Progress = Callable[[int, int], object]
_ORDER = list(Kind)


@dataclasses.dataclass(frozen=True)
class Total:
    """The total of the tensors of one kind. A tensor with two keys counts once.

    Attributes:
      tensors: The number of tensors.
      parameters: The number of their elements.
      bytes: The number of their bytes in the data files.
    """

    tensors: int = 0
    parameters: int = 0
    bytes: int = 0


@dataclasses.dataclass(frozen=True)
class Inspection:
    """A description of a checkpoint.

    Attributes:
      contents: The checkpoint.
      style: The style of the checkpoint.
      entries: The requested keys, in the requested order.
      totals: The totals of all tensors, by kind.
    """

    contents: Contents
    style: CheckpointStyle
    entries: list[CheckpointEntry]
    totals: dict[Kind, Total]

    @property
    def parameters(self) -> int:
        """The number of elements of the variables, without slots, averages and the like."""
        return self.totals.get(Kind.VARIABLE, Total()).parameters

    def values(self) -> Iterator[tuple[CheckpointEntry, np.ndarray | None]]:
        """Reads the tensors of `entries`, one at a time.

        Yields:
          Each entry and its value; None for a type that NumPy does not have.

        Raises:
          CheckpointError: If a tensor cannot be read.
        """
        for entry in self.entries:
            try:
                yield entry, self.contents.reader.tensor(entry.key, verify=True)
            except UnsupportedDtypeError:
                yield entry, None

    def summary(self) -> str:
        """Summarizes the style, the parameters and the shards in a line."""
        shards = formatting.count(self.contents.reader.num_shards, 'shard')
        parameters = formatting.count(self.parameters, 'parameter')
        reader = self.contents.reader
        what = reader.what if isinstance(reader, ArrayFile) else f'style {self.style}'
        return f'{what}, {parameters} in variables, {shards}'

    def statistics(self, progress: Progress | None = None) -> dict[str, 'Statistics | None']:
        """Reads the tensors of `entries` and returns the statistics of each by key.

        Args:
          progress: Called with the number of bytes of each piece after it was read, and the number of all bytes.

        Raises:
          CheckpointError: If a tensor cannot be read.
        """
        from estimator_ckpt.inspection.tensor_statistics import statistics  # Not for the table of keys.

        total = sum(entry.size for entry in self.entries)
        report = functools.partial(_report, progress, total) if progress else lambda size: None
        return {entry.key: statistics(self.contents.reader, entry.key, report) for entry in self.entries}

    def lines(
        self, *, are_folded: bool = False, statistics: Mapping[str, 'Statistics | None'] | None = None
    ) -> list[Line]:
        """Formats `entries` as a table, with the titles first and the keys in the last column.

        Args:
          are_folded: Whether keys that differ only in numbers share a row, if all else is equal.
          statistics: The statistics of each tensor by key, if they are shown.
        """
        # The keys of Keras weights are numbers, which their names explain.
        show_names = self.contents.weights is not None
        return entry_lines(self.entries, are_folded=are_folded, show_names=show_names, statistics=statistics)

    def totals_table(self) -> list[str]:
        """Formats `totals` as the lines of a table."""
        rows = [
            (str(kind), f'{total.tensors:,}', f'{total.parameters:,}', formatting.size(total.bytes))
            for kind, total in self.totals.items()
        ]
        return formatting.table([('kind', 'tensors', 'parameters', 'bytes'), *rows], right={1, 2, 3})

    def __str__(self) -> str:
        return '\n'.join(
            [
                self.contents.reader.prefix,
                self.summary(),
                '',
                *(line.text for line in self.lines()),
                '',
                *self.totals_table(),
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns everything except values, as values that JSON can represent."""
        return {
            'checkpoint': self.contents.reader.prefix,
            'style': str(self.style),
            'shards': self.contents.reader.num_shards,
            'parameters': self.parameters,
            'totals': {str(kind): dataclasses.asdict(total) for kind, total in self.totals.items()},
            'entries': [entry.to_dict() for entry in self.entries],
        }

    def to_json(self) -> str:
        """Returns everything except values, as a JSON object."""
        return json.dumps(self.to_dict())


@paused_collector()
def inspect(
    path: str | os.PathLike,
    *,
    pattern: str | re.Pattern[str] | None = None,
    kinds: Collection[Kind | str] = (),
    sort: Literal['key', 'size', 'kind'] = 'key',
) -> Inspection:
    """Describes a checkpoint. Reads its index, and no tensor.

    Args:
      path: A prefix, a model_dir, a `.index` or `.data-...` file, or the directory of a SavedModel.
      pattern: A regular expression; only keys in which it is found are listed.
      kinds: The kinds of the keys to list; all if empty.
      sort: The order of the keys: by key, by size with the largest first, or by kind.

    Returns:
      The requested keys, and the totals of all tensors.

    Raises:
      CheckpointNotFoundError: If there is no such checkpoint.
      CorruptCheckpointError: If its index or object graph is damaged.
      re.error: If `pattern` does not compile.
      ValueError: If there is no such kind or order.
    """
    orders = {
        'key': lambda e: e.key,
        'size': lambda e: (-e.size, e.key),
        'kind': lambda e: _ORDER.index(e.kind),
    }
    if sort not in orders:
        raise ValueError(f'Unknown order {sort!r}; expected one of {", ".join(map(repr, orders))}.')
    matches, requested = re.compile(pattern or '').search, {Kind(kind) for kind in kinds} or set(Kind)
    contents = Contents(path)
    entries = contents.entries()
    listed = [entry for entry in entries if entry.kind in requested and matches(entry.key)]
    return Inspection(contents, contents.style, sorted(listed, key=orders[sort]), _totals(contents, entries))


def _totals(contents: Contents, entries: list[CheckpointEntry]) -> dict[Kind, Total]:
    by_key = {entry.key: entry for entry in entries}
    of_kind: dict[Kind, list[CheckpointEntry]] = {kind: [] for kind in Kind}
    for first, group in contents.tensors():
        # The object keys of a plain dict of variables do not tell their kinds; their names may.
        telling = [by_key[key] for key in group if by_key[key].kind is not Kind.VARIABLE]
        entry = telling[0] if telling else by_key[first]
        of_kind[entry.kind].append(entry)
    if object_keys.OBJECT_GRAPH in by_key:
        of_kind[Kind.OBJECT_GRAPH] = [by_key[object_keys.OBJECT_GRAPH]]
    return {kind: _total(tensors) for kind, tensors in of_kind.items() if tensors}


def _total(entries: list[CheckpointEntry]) -> Total:
    parameters = sum(math.prod(entry.shape) for entry in entries)
    return Total(len(entries), parameters, sum(entry.size for entry in entries))


def _report(progress: Progress, total: int, size: int) -> None:
    progress(size, total)
