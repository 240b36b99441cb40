"""Plain text for people: tables, sizes, and keys without control characters."""

from collections.abc import Collection, Sequence

_GAP = '  '


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


def duration(seconds: float) -> str:
    """Formats a duration in its largest unit, such as `'3 minutes'`."""
    for unit, length in (('day', 86400), ('hour', 3600), ('minute', 60)):
        if seconds >= length:
            return count(int(seconds / length), unit)
    return count(max(0, int(seconds)), 'second')


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
    """Shortens a text by replacing its middle with three periods.

    Args:
      text: The text.
      width: The maximal number of characters.

    Returns:
      A text of at most `width` characters.
    """
    if len(text) <= width:
        return text
    tail = (width - 3) // 2
    return f'{text[: width - 3 - tail]}...{text[len(text) - tail :]}'


def table(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """Formats a table with aligned columns. Nothing is shortened; the longest cells belong into the last column.

    Args:
      rows: The rows of cells; the first one holds the titles.
      right: The numbers of the columns that are aligned on the right.

    Returns:
      The lines.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = [
            cell.rjust(widths[column]) if column in right else cell.ljust(widths[column])
            for column, cell in enumerate(row)
        ]
        lines.append(_GAP.join(padded).rstrip())
    return lines


def used_columns(rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Returns the rows of a table without the columns that have only a title."""
    used = [column for column, cells in enumerate(zip(*rows, strict=True)) if any(cells[1:])]
    return [tuple(row[column] for column in used) for row in rows]


def continued(line: str, parts: Sequence[str], width: int | None, indent: int) -> list[str]:
    """Appends further parts to a line, or puts those that do not fit into lines of their own.

    Args:
      line: The line.
      parts: The parts, none of which is broken.
      width: The number of characters that lines should fit into; None for no limit.
      indent: The number of spaces before a part in a line of its own.
    """
    lines = [line]
    for part in parts:
        if width is None or len(lines[-1]) + 1 + len(part) <= width:
            lines[-1] += f' {part}'
        else:
            lines.append(' ' * indent + part)
    return lines
