"""Folds names that differ only in their numbers, such as those of a model's blocks: `layer_{0..11}/kernel`.

A folded name stands for exactly the names that it was made from. Numbers in braces take all values, each with each:
`tower_{0..3}/layer_{0..11}` stands for 48 names. Numbers that go together share a letter:
`block_{i=0..11}/conv_{i+1}` stands for 12, and in `block_{i=0..11}/conv_{i+1:02}` the second number has leading zeros.
A name that has braces of its own is not folded, nor are names whose folded name is in use.
"""

import itertools
import re
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

# Fewer names than this are shown as they are.
_FEWEST = 3
# Longer numbers are taken as several, which int() converts in any case.
_NUMBER = re.compile(r'[0-9]{1,18}')
_BRACE = re.compile(r'[{}]')
_LETTERS = 'ijklmnopqrstuvwxyz'

# The values of each group of numbers that go together.
_Box = tuple[tuple[int, ...], ...]
# For each number the number of digits that it is filled up to with zeros; 0 if it is not.
_Widths = tuple[int, ...]


class Fold(NamedTuple):
    """Names that are shown as one.

    Attributes:
      name: The name that stands for them, or the name itself if it stands alone.
      members: The positions of the names, in ascending order.
    """

    name: str
    members: tuple[int, ...]


def fold(names: Sequence[str], alike: Sequence[Hashable]) -> list[Fold]:
    """Folds names that differ only in their numbers.

    Args:
      names: The names, each of them once.
      alike: What names must have in common to be folded, such as shapes; one for each name.

    Returns:
      The folded names, in the order of their first members.
    """
    groups: dict[Hashable, list[int]] = {}
    for position, (name, common) in enumerate(zip(names, alike, strict=True)):
        form = name if _BRACE.search(name) else tuple(_NUMBER.split(name))
        groups.setdefault((form, common), []).append(position)
    folds: list[Fold] = []
    in_use = set(names)
    for group in groups.values():
        for widths, members in _by_widths([_NUMBER.findall(names[position]) for position in group], group):
            for one in _folds(names, members, widths):
                is_clear = len(one.members) == 1 or one.name not in in_use
                folds += [one] if is_clear else [Fold(names[member], (member,)) for member in one.members]
    return sorted(folds, key=lambda one: one.members)


def ranges(values: Sequence[int], width: int = 0) -> str:
    """Formats numbers, such as `'0..3,7,9..11'`.

    Args:
      values: The numbers, in ascending order.
      width: The number of digits that each is filled up to with zeros.
    """
    parts = []
    for _, run in itertools.groupby(enumerate(values), lambda item: item[1] - item[0]):
        first, *further = [f'{value:0{width}d}' for _, value in run]
        parts.append(f'{first}..{further[-1]}' if further else first)
    return ','.join(parts)


def _by_widths(rows: list[list[str]], group: list[int]) -> Iterable[tuple[_Widths, list[int]]]:
    """Divides names of one form by the numbers of digits that their numbers are filled up to with zeros."""
    # In 08, 09, 10 the last number is one of two digits too.
    filled = [
        {len(digits) for digits in column if digits[0] == '0' and len(digits) > 1}
        for column in zip(*rows, strict=True)
    ]
    result: dict[_Widths, list[int]] = {}
    for row, member in zip(rows, group, strict=True):
        lengths = zip(map(len, row), filled, strict=True)
        widths = tuple(length if length in column else 0 for length, column in lengths)
        result.setdefault(widths, []).append(member)
    return result.items()


def _folds(names: Sequence[str], group: list[int], widths: _Widths) -> Iterable[Fold]:
    """Folds the names of one form whose numbers have the same widths."""
    if len(group) < _FEWEST:
        return [Fold(names[position], (position,)) for position in group]
    texts = _NUMBER.split(names[group[0]])
    rows = [tuple(map(int, _NUMBER.findall(names[position]))) for position in group]
    together = _together(rows)
    leaders = sorted({leader for leader, _ in together if leader is not None})
    boxes = _boxes([tuple(row[leader] for leader in leaders) for row in rows], group)
    result = []
    for box, members in boxes.items():
        if len(members) < _FEWEST:
            result += [Fold(names[position], (position,)) for position in members]
            continue
        values = dict(zip(leaders, box, strict=True))
        shown = _shown_numbers(widths, together, values)
        name = texts[0] + ''.join(number + text for number, text in zip(shown, texts[1:], strict=True))
        result.append(Fold(name, tuple(sorted(members))))
    return result


def _together(rows: list[tuple[int, ...]]) -> list[tuple[int | None, int]]:
    """Returns for each number the first one that it goes together with, and the constant difference to it.

    The first one is None, and the difference the number itself, where a number is the same in all rows.
    """
    result: list[tuple[int | None, int]] = []
    columns = list(zip(*rows, strict=True))
    for place, column in enumerate(columns):
        if len(set(column)) == 1:
            result.append((None, column[0]))
            continue
        for earlier in range(place):
            if result[earlier] == (earlier, 0):
                differences = {a - b for a, b in zip(column, columns[earlier], strict=True)}
                if len(differences) == 1:
                    result.append((earlier, differences.pop()))
                    break
        else:
            result.append((place, 0))
    return result


def _boxes(rows: list[tuple[int, ...]], group: list[int]) -> dict[_Box, list[int]]:
    """Unites rows that differ in one number only, number by number; returns the members of each union."""
    boxes: dict[_Box, list[int]] = {
        tuple((n,) for n in row): [member] for row, member in zip(rows, group, strict=True)
    }
    for place in range(len(rows[0])):
        united: dict[_Box, list[tuple[tuple[int, ...], list[int]]]] = {}
        for box, members in boxes.items():
            united.setdefault((*box[:place], *box[place + 1 :]), []).append((box[place], members))
        boxes = {}
        for rest, parts in united.items():
            values = tuple(sorted(itertools.chain.from_iterable(numbers for numbers, _ in parts)))
            members = list(itertools.chain.from_iterable(members for _, members in parts))
            box = (*rest[:place], values, *rest[place:])
            boxes[box] = members
    return boxes


def _shown_numbers(
    widths: _Widths, together: list[tuple[int | None, int]], values: dict[int, tuple[int, ...]]
) -> list[str]:
    """Returns what is shown for each number of a folded name."""
    followed = {leader for place, (leader, _) in enumerate(together) if leader not in (None, place)}
    varying = [leader for leader in values if leader in followed and len(values[leader]) > 1]
    letters = dict(
        zip(varying, itertools.chain(_LETTERS, map('n{}'.format, itertools.count())), strict=False)
    )
    result = []
    for width, (place, (leader, offset)) in zip(widths, enumerate(together), strict=True):
        if leader is None:
            result.append(f'{offset:0{width}d}')
        elif len(values[leader]) == 1:
            result.append(f'{values[leader][0] + offset:0{width}d}')
        elif leader == place:
            letter = f'{letters[leader]}=' if leader in letters else ''
            result.append(f'{{{letter}{ranges(values[leader], width)}}}')
        elif leader in letters:
            difference = f'{offset:+d}' if offset else ''
            result.append(f'{{{letters[leader]}{difference}{f":0{width}" if width else ""}}}')
        else:
            result.append(f'{{{ranges([value + offset for value in values[leader]], width)}}}')
    return result
