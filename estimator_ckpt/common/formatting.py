"""Plain text for people: tables, sizes, and keys that cannot upset a terminal."""

from collections.abc import Collection, Sequence

_GAP = '  '
# No column is shortened below this.
_NARROWEST = 16


def printable(text: str) -> str:
    """`text` with line breaks, escape codes and bytes that are no UTF-8 written as escapes."""
    if text.isprintable():
        return text
    return ''.join(
        c if c.isprintable() else c.encode('unicode_escape', 'surrogatepass').decode() for c in text
    )


def size(number: int) -> str:
    """A number of bytes in three digits or so, such as `'2.67 MB'`."""
    if number < 1000:
        return f'{number} B'
    value, units = number / 1000, iter(('kB', 'MB', 'GB', 'TB', 'PB'))
    unit = next(units)
    while value >= 999.5 and unit != 'PB':
        value, unit = value / 1000, next(units)
    return f'{value:.3g} {unit}'


def shape(extents: Sequence[int] | None) -> str:
    """A shape as `'[3, 4]'`; `'?'` for one that is not known."""
    return '?' if extents is None else f'[{", ".join(map(str, extents))}]'


def count(number: int, what: str) -> str:
    """A number of things, in the plural but for one: `'1 tensor'`, `'1,000 tensors'`."""
    return f'{number:,} {what}{"" if number == 1 else "s"}'


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` characters: of a longer one the middle is left out."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f'{text[: width - 1 - tail]}…{text[len(text) - tail :]}'


def table(
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    flexible: Collection[int] = (0,),
    width: int | None = None,
) -> list[str]:
    """The lines of a table whose columns are aligned.

    Args:
      rows: The cells, the titles first.
      right: The columns that are aligned on the right.
      flexible: The columns whose cells may be shortened.
      width: What the lines should fit into; None to shorten nothing.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        _narrow(widths, flexible, sum(widths) + len(_GAP) * (len(widths) - 1) - width)
    lines = []
    for row in rows:
        cells = [shorten(cell, widths[column]) for column, cell in enumerate(row)]
        padded = [
            cell.rjust(widths[column]) if column in right else cell.ljust(widths[column])
            for column, cell in enumerate(cells)
        ]
        lines.append(_GAP.join(padded).rstrip())
    return lines


def _narrow(widths: list[int], flexible: Collection[int], excess: int) -> None:
    """Takes `excess` characters from the widest of the flexible columns, one by one."""
    while excess > 0:
        widest = max(flexible, key=lambda column: widths[column])
        if widths[widest] <= _NARROWEST:
            return
        others = [widths[column] for column in flexible if column != widest]
        floor = max([_NARROWEST, *(w for w in others if w < widths[widest])])
        step = max(1, min(excess, widths[widest] - floor))
        widths[widest] -= step
        excess -= step
