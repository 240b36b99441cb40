"""The rows of a mapping as tables that fit a terminal."""

from collections.abc import Sequence
from typing import Any

from estimator_ckpt.common import formatting

_NARROW = ('target', 'source', 'note')


def section_lines(rows: Sequence[Any], width: int | None) -> list[str]:
    """The lines of a table of rows of a report, with titles; columns that would be empty are left out.

    Args:
      rows: `mapping.Row`s, one or more.
      width: What the lines should fit into; None to shorten nothing.
    """
    cells = [('target', 'source', 'dtype', 'shape', 'note')]
    cells += [(r.target or '', r.source or '', r.dtype, formatting.shape(r.shape), r.note) for r in rows]
    used = [column for column, column_cells in enumerate(zip(*cells, strict=True)) if any(column_cells[1:])]
    cells = [tuple(row[column] for column in used) for row in cells]
    flexible = [column for column, title in enumerate(cells[0]) if title in _NARROW]
    return formatting.table(cells, flexible=flexible, width=width)
