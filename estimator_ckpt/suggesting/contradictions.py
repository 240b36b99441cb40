"""Finds aligned layers that break a pattern which the others of the same names keep.

Where one side lacks a layer, the next one of the same shape may seem to be its counterpart. Then the numbers of both
sides are in one order everywhere else, or the names that elsewhere are those of other layers.
"""

import collections
import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

from estimator_ckpt.suggesting.expected_places import misplaced
from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import aligned_layers, main_number
from estimator_ckpt.suggesting.swapped_words import swapped

# The fewest pairs of names that are a pattern.
_LEAST_PATTERN = 3
# The fewest pairs in step on each side of one that is not.
_BESIDE = 2
# How many times as many pairs of a part must go with another part.
_LEAST_OF_PART = 8
# Names with more numbers are left out, for each number is compared with each other one.
_MOST_NUMBERS = 12

# A number of the source, one of the target, and their layers.
Row = tuple[int, int, Pair]
# The texts of both names, and the places of a number in each.
Place = tuple[tuple[str, ...], tuple[str, ...], int, int]


def contradictions(sides: tuple[Side, Side], sources: Mapping[int, int], matcher: Matcher) -> set[int]:
    """Returns the main variables of the targets whose sources break a pattern.

    Args:
      sides: The source and the target.
      sources: The source of each aligned target.
      matcher: Decides which layers can be the same.
    """
    pairs = aligned_layers(sides, sources)
    rows = _rows(pairs)
    broken = [
        *_out_of_order(rows),
        *_out_of_step(rows),
        *_of_other_names(pairs),
        *_of_other_parts(pairs),
        *misplaced(sides, sources, pairs, matcher),
        *itertools.chain.from_iterable(swapped(pairs)),
    ]
    return {main_number(target) for _, target in broken}


def _out_of_order(rows_by_place: Mapping[Place, list[list[Row]]]) -> Iterator[Pair]:
    """Yields pairs whose numbers are in another order than those of most pairs of the same names."""
    for groups in rows_by_place.values():
        sign = _direction(groups)
        if not sign:
            continue
        crossings: dict[tuple[int, int], list[tuple[Pair, Pair]]] = collections.defaultdict(list)
        for group in groups:
            by_shapes: dict[tuple, list] = collections.defaultdict(list)
            for row in group:
                by_shapes[row[2][1].signature].append(row)
            for rows in by_shapes.values():
                for a, b in dict.fromkeys(_crossed(rows, sign)):
                    crossings[a[0], b[0]].append((a[2], b[2]))
        for numbers, crossed in crossings.items():
            present = sum({row[0] for row in rows}.issuperset(numbers) for rows in groups)
            # What most groups have is their order.
            if 2 * len(crossed) <= present or len(crossed) == 1:
                for both in crossed:
                    yield from both


def _rows(pairs: Iterable[Pair]) -> dict[Place, list[list[Row]]]:
    """Returns the numbers at one place of the names of each side, for pairs whose names differ in nothing else."""
    groups: dict[Place, dict[tuple, list]] = collections.defaultdict(lambda: collections.defaultdict(list))
    for a, b in pairs:
        names = a.split.literals, b.split.literals
        if max(len(a.values), len(b.values)) > _MOST_NUMBERS:
            continue
        for i, x in enumerate(a.values):
            for j, y in enumerate(b.values):
                others = (*a.values[:i], None, *a.values[i + 1 :], *b.values[:j], None, *b.values[j + 1 :])
                groups[names[0], names[1], i, j][others].append((x, y, (a, b)))
    return {
        place: [sorted(rows, key=lambda row: row[0]) for rows in of_place.values() if _are_numbered(rows)]
        for place, of_place in groups.items()
    }


def _are_numbered(rows: Sequence[Row]) -> bool:
    """Returns True if each of several layers has a number of its own: every stage may have a `unit1`."""
    return len(rows) > 1 and all(len({row[side] for row in rows}) == len(rows) for side in (0, 1))


def _direction(groups: Iterable[Sequence[Row]]) -> int:
    """Returns 1 if the numbers of both sides mostly rise together, -1 if those of one fall; 0 if neither."""
    relations = collections.Counter(
        (a[1] < b[1]) - (a[1] > b[1]) for rows in groups for a, b in zip(rows, rows[1:], strict=False)
    )
    return (relations[1] > relations[-1]) - (relations[1] < relations[-1])


def _crossed(rows: Sequence[tuple[int, int, Pair]], sign: int) -> Iterator[tuple]:
    """Yields two rows for each row that is not in order with one before or after it."""
    highest = None
    for row in rows:
        if highest is None or sign * row[1] > sign * highest[1]:
            highest = row
        elif sign * row[1] < sign * highest[1]:
            yield highest, row
    lowest = None
    for row in reversed(rows):
        if lowest is None or sign * row[1] < sign * lowest[1]:
            lowest = row
        elif sign * row[1] > sign * lowest[1]:
            yield row, lowest


def _out_of_step(rows_by_place: Mapping[Place, list[list[Row]]]) -> Iterator[Pair]:
    """Yields pairs whose numbers are not in step, among pairs most of which are: `conv_4` between `conv_#` -> `#`."""
    for groups in rows_by_place.values():
        for rows in groups:
            if len(rows) <= 2 * _BESIDE:
                continue
            steps = collections.Counter(map(_step, rows, rows[1:])) + collections.Counter(
                map(_step, rows, rows[2:])
            )
            [((rise, run), _)] = steps.most_common(1)
            offsets = [y * run - x * rise for x, y, _ in rows]
            [(usual, count)] = collections.Counter(offsets).most_common(1)
            if 2 * count <= len(rows):
                continue
            in_step = [n for n, offset in enumerate(offsets) if offset == usual]
            first, last = in_step[_BESIDE - 1], in_step[-_BESIDE]
            yield from (row[2] for n, row in enumerate(rows) if first < n < last and offsets[n] != usual)


def _step(a: Row, b: Row) -> tuple[int, int]:
    """Returns by how much the numbers of the target and of the source rise, as a fraction in lowest terms."""
    rise, run = b[1] - a[1], b[0] - a[0]
    divisor = math.gcd(rise, run) or 1
    return rise // divisor, run // divisor


def _of_other_parts(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Yields pairs that are in two parts of the networks which otherwise go with other parts."""
    return _paired_otherwise(pairs, _part, _LEAST_OF_PART)


def _part(layer: Layer) -> str:
    """Returns the first component of the path of a layer, or else of its name."""
    return layer.variables[layer.main_role].names[-1].partition('/')[0]


def _of_other_names(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Yields pairs of names of which each is otherwise paired with another name."""
    return _paired_otherwise(pairs, lambda layer: layer.split.literals, _LEAST_PATTERN)


def _paired_otherwise(
    pairs: Sequence[Pair], label_of: Callable[[Layer], Hashable], times: int
) -> Iterator[Pair]:
    """Yields pairs of labels of which each is so many times as often paired with another label, and mostly with others.

    Args:
      pairs: The pairs of layers.
      label_of: Returns the label of a layer.
      times: How many times as many pairs there must be of another label.
    """
    labels = [(label_of(a), label_of(b)) for a, b in pairs]
    by_source: dict[Hashable, collections.Counter] = collections.defaultdict(collections.Counter)
    by_target: dict[Hashable, collections.Counter] = collections.defaultdict(collections.Counter)
    for source, target in labels:
        by_source[source][target] += 1
        by_target[target][source] += 1
    for pair, (source, target) in zip(pairs, labels, strict=True):
        count = by_source[source][target]
        if all(
            max(counts.values()) >= times * count and count * 4 <= counts.total()
            for counts in (by_source[source], by_target[target])
        ):
            yield pair
