"""Plain text for people: tables, sizes, and keys without control characters."""

from collections.abc import Collection, Sequence

_GAP = '  '
# Columns are not narrowed below this number of characters.
_NARROWEST = 16


def printable(text: str) -> str:
    """Returns `text` with line breaks, control characters and bytes that are not UTF-8 written as escapes."""
    if text.isprintable():
        return text
    return ''.join(
        c if c.isprintable() else c.encode('unicode_escape', 'surrogatepass').decode() for c in text
    )


def size(number: int) -> str:
    """Formats a number of bytes in about three digits, such as `'2.67 MB'`."""
    if number < 1000:
        return f'{number} B'
    value, units = number / 1000, iter(('kB', 'MB', 'GB', 'TB', 'PB'))
    unit = next(units)
    while value >= 999.5 and unit != 'PB':
        value, unit = value / 1000, next(units)
    return f'{value:.3g} {unit}'


def shape(extents: Sequence[int] | None) -> str:
    """Formats a shape as `'[3, 4]'`, and an unknown one as `'?'`."""
    return '?' if extents is None else f'[{", ".join(map(str, extents))}]'


def listing(parts: Sequence[str], most: int) -> str:
    """Returns parts separated by commas, such as `'a, b and 3 more'`.

    Args:
      parts: The parts.
      most: The greatest number of them that are shown.
    """
    further = len(parts) - most
    return ', '.join(parts[:most]) + (f' and {further:d} more' if further > 0 else '')


def count(number: int, what: str) -> str:
    """Formats a number of things, such as `'1 tensor'` or `'1,000 tensors'`.

    Args:
      number: The number.
      what: The singular of a noun whose plural ends in `s`.
    """
    return f'{number:,} {what}{"" if number == 1 else "s"}'


def shorten(text: str, width: int) -> str:
    """Shortens a text by replacing its middle with an ellipsis.

    Args:
      text: The text.
      width: The maximal number of characters.

    Returns:
      A text of at most `width` characters.
    """
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
    """Formats a table with aligned columns.

    Args:
      rows: The rows of cells; the first one holds the titles.
      right: The numbers of the columns that are aligned on the right.
      flexible: The numbers of the columns whose cells may be shortened.
      width: The number of characters that lines should fit into; None to shorten nothing.

    Returns:
      The lines.
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
    """Narrows the widest of the flexible columns repeatedly, by `excess` characters in all."""
    while excess > 0:
        widest = max(flexible, key=lambda column: widths[column])
        if widths[widest] <= _NARROWEST:
            return
        narrower = [widths[column] for column in flexible if widths[column] < widths[widest]]
        floor = max([_NARROWEST, *narrower])
        step = max(1, min(excess, widths[widest] - floor))
        widths[widest] -= step
        excess -= step
