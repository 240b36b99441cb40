"""Tells which of several recurrent cells of the same sizes is which: by the words of their names, then by the numbers.

An encoder and a decoder often have the same sizes, and `decoder` comes before `encoder` in the order of names. Where
the other side has only numbers, the encoder has the first ones: programs make it first, for the decoder starts from its
states.
"""

import re
from collections.abc import Mapping, Sequence

from estimator_ckpt.mapping.recurrent_cells import Cell

_WORD = re.compile(r'[A-Z]?[a-z]+|[A-Z]+')
# What tells two halves of a program, in their order.
_HALVES = ('enc', 'dec')
# The numbers in the scope of a `MultiRNNCell` alone are those of one stack.
_STACK = 'multi'
# The fewest letters of an abbreviation, such as `enc`.
_LEAST_LETTERS = 3

Words = frozenset[str]


def paired(
    cells: Sequence[Cell], others: Sequence[Cell], called: Mapping[str, str]
) -> list[tuple[Cell, Cell]] | None:
    """Returns the cells with their counterparts; None if nothing tells which is which.

    Cells whose names differ in numbers only are in the order of these.

    Args:
      cells: The cells of the source, in the natural order of their names.
      others: As many of the target.
      called: Everything that variables are called, such as the name and the path of one of Keras, by what they are
        called here.
    """
    groups: Mapping[Words, list[Cell]] = _by_words(cells, called)
    other_groups: Mapping[Words, list[Cell]] = _by_words(others, called)
    fewer = min(groups, other_groups, key=len)
    if len(groups) != len(other_groups) and not any(_STACK in words for words in fewer):
        groups, other_groups = _in_one(groups), _in_one(other_groups)
    pairs: list[tuple[Cell, Cell]] = []
    for words, other_words in _matched(list(groups), list(other_groups)) or ():
        if len(groups[words]) != len(other_groups[other_words]):
            return None
        pairs += zip(groups[words], other_groups[other_words], strict=True)
    return pairs or None


def _by_words(cells: Sequence[Cell], called: Mapping[str, str]) -> dict[Words, list[Cell]]:
    """Returns cells by the words of their names."""
    groups: dict[Words, list[Cell]] = {}
    for cell in cells:
        name = cell.names[min(cell.names)]
        words = {word.lower() for word in _WORD.findall(called.get(name, name))}
        groups.setdefault(frozenset(words), []).append(cell)
    return groups


def _in_one(groups: Mapping[Words, list[Cell]]) -> Mapping[Words, list[Cell]]:
    """Returns the cells of an encoder and of a decoder as one group in their order; others as they are."""
    of_all = frozenset.intersection(*groups)
    halves: dict[str, list[Cell]] = {}
    for words, cells in groups.items():
        said = [half for half in _HALVES if any(word.startswith(half) for word in words - of_all)]
        if len(said) != 1 or said[0] in halves:
            return groups
        halves[said[0]] = cells
    return {of_all: [cell for half in _HALVES for cell in halves.get(half, ())]}


def _matched(groups: Sequence[Words], others: Sequence[Words]) -> list[tuple[Words, Words]] | None:
    """Returns the words of both sides that go together; None if that is not clear for all."""
    if len(groups) != len(others):
        return None
    of_all, of_all_others = frozenset.intersection(*groups), frozenset.intersection(*others)
    pairs = [
        (words, other)
        for words in groups
        for other in others
        if _have_common(words - of_all, other - of_all_others)
    ]
    left: list[list[Words]] = []
    for n, side in enumerate((groups, others)):
        counts = [sum(pair[n] == words for pair in pairs) for words in side]
        if max(counts) > 1:
            return None
        left.append([words for words, count in zip(side, counts, strict=True) if not count])
    # What the others are tells what the last one is.
    return [*pairs, *zip(*left, strict=True)] if len(left[0]) < 2 else None


def _have_common(words: Words, others: Words) -> bool:
    """Returns True if a word is among others, or an abbreviation of one, or one of them is one of it."""
    return any(
        min(len(word), len(other)) >= _LEAST_LETTERS
        and (word.startswith(other) or other.startswith(word))
        or word == other
        for word in words
        for other in others
    )
