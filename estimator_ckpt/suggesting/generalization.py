r"""Generalizes many renamings to few rules, which match no other name.

Renamings whose names differ only in numbers become one rule: a number that both names share becomes a group, and a
number that changes is written out. Then rules that differ in one word that both of their names share are merged, to
`(query|key|value)` for instance. Every rule is checked against all names.
"""

import bisect
import collections
import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from estimator_ckpt.common.formatting import printable
from estimator_ckpt.suggesting.name_parts import Split, split_names

_TOKEN = re.compile(r'[A-Za-z]+|\d+|.', re.S)
_SPECIAL = re.compile(r'[.^$*+?{}\[\]\\|()]')
# A choice among more words is written as any word, if that matches nothing else.
_MAX_WORDS = 8
# The maximal number of tokens of a word that merged rules differ in, such as `token_type`.
_MAX_SPAN = 5
# Rules for longer names are not merged, which would take the square of their length.
_MOST_TOKENS = 400


@dataclasses.dataclass(frozen=True, slots=True)
class Renaming:
    """A name and its new name.

    Attributes:
      old: The old name.
      new: The new name.
      operations: Alternative operations on the values, as rules write them; empty texts for none.
    """

    old: str
    new: str
    operations: tuple[str, ...] = ('',)


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """Renamings that rules are to be written for.

    Attributes:
      renamings: The renamings that the rules must perform.
      further: The permitted new name of each further name that rules will see; None for names that no rule may match.
    """

    renamings: Collection[Renaming]
    further: Mapping[str, str | None]


@dataclasses.dataclass(frozen=True, slots=True)
class RuleText:
    """The text of a rule.

    Attributes:
      pattern: The regular expression.
      replacement: The new name, with references to groups.
      operations: The operations on the values; empty for none.
      renamings: The renamings that the rule stands for.
    """

    pattern: str
    replacement: str
    operations: str
    renamings: tuple[Renaming, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Group:
    """A part of a pattern that differs between names.

    Attributes:
      texts: The text in each name, in the order of the rule's renamings.
      padded: Whether the texts are numbers that may have zeros before them, which the new name lacks.
    """

    texts: tuple[str, ...]
    padded: bool = False

    @property
    def choices(self) -> list[str]:
        return sorted(set(self.texts), key=lambda text: (len(text), text))


# A token of an old name is a text or a group; one of a new name is a text or the place of a group in the old name.
_OldTokens = tuple[str | _Group, ...]
_NewTokens = tuple[str | int, ...]
# A renaming and its two names without numbers.
_Row = tuple['Renaming', Split, Split]


@dataclasses.dataclass(frozen=True, slots=True)
class _Draft:
    old: _OldTokens
    new: _NewTokens
    operations: str
    renamings: tuple[Renaming, ...]


def generalize(tasks: Sequence[Task]) -> tuple[int, list[RuleText]]:
    """Writes the rules for one of several tasks, that which takes the fewest.

    Args:
      tasks: The tasks.

    Returns:
      The index of the task, the first of equal ones; and its rules, in the order of the old names. No two rules match
      the same name.
    """
    drafts = [
        _merge([draft for group in _by_template(task.renamings) for draft in _number(group)])
        for task in tasks
    ]
    written: dict[int, list[RuleText]] = {}
    for number in sorted(range(len(tasks)), key=lambda number: len(drafts[number])):
        # A draft becomes one rule or several.
        if all((len(drafts[number]), number) < (len(rules), other) for other, rules in written.items()):
            written[number] = _rules(drafts[number], tasks[number])
    return min(written.items(), key=lambda item: (len(item[1]), item[0]))


def _rules(drafts: Sequence[_Draft], task: Task) -> list[RuleText]:
    checker = _Checker({**task.further, **{r.old: r.new for r in task.renamings}})
    rules = [rule for draft in drafts for rule in _write(draft, checker)]
    return sorted(rules, key=lambda rule: min(r.old for r in rule.renamings))


def _by_template(renamings: Iterable[Renaming]) -> Iterator[list[_Row]]:
    """Yields groups of renamings whose names differ only in numbers."""
    renamings = sorted(renamings, key=lambda r: r.old)
    old = split_names(dict.fromkeys(r.old for r in renamings))
    new = split_names(dict.fromkeys(r.new for r in renamings))
    groups: dict[tuple, list[_Row]] = collections.defaultdict(list)
    for renaming in renamings:
        a, b = old[renaming.old], new[renaming.new]
        groups[a.literals, b.literals].append((renaming, a, b))
    yield from groups.values()


def _number(rows: list[_Row]) -> Iterator[_Draft]:
    """Yields drafts with groups for numbers, after partitioning the rows by numbers that change."""
    _, a, b = rows[0]
    old_columns = list(zip(*(old.texts for _, old, _ in rows), strict=True))
    new_columns = list(zip(*(new.texts for _, _, new in rows), strict=True))
    common = [o for o in rows[0][0].operations if all(o in r.operations for r, _, _ in rows)]
    without_zeros = [tuple(text.lstrip('0') or text[-1:] for text in column) for column in old_columns]
    padded: set[int] = set()
    places: list[int | None] = []
    for column in new_columns:
        if len(set(column)) == 1:
            places.append(None)
        elif column in old_columns and old_columns.index(column) not in padded:
            places.append(old_columns.index(column))
        elif column in without_zeros and without_zeros.index(column) not in places:
            places.append(without_zeros.index(column))
            padded.add(without_zeros.index(column))
        else:
            yield from _partitioned(rows, old_columns, column)
            return
    if not common:
        yield from _partitioned(rows, old_columns, [r.operations[0] for r, _, _ in rows])
        return
    differing = {slot for slot, column in enumerate(old_columns) if len(set(column)) > 1}
    old: list[str | _Group] = [*_tokens(a.literals[0])]
    place_of = {}
    for slot, (column, literal) in enumerate(zip(old_columns, a.literals[1:], strict=True)):
        if slot in differing:
            place_of[slot] = len(old)
            old.append(_Group(without_zeros[slot], True) if slot in padded else _Group(tuple(column)))
        elif column[0]:
            old += _tokens(column[0])
        old += _tokens(literal)
    new: list[str | int] = [*_tokens(b.literals[0])]
    for place, column, literal in zip(places, new_columns, b.literals[1:], strict=True):
        new += _tokens(column[0]) if place is None else [place_of[place]]
        new += _tokens(literal)
    yield _Draft(tuple(old), tuple(new), common[0], tuple(r for r, _, _ in rows))


def _partitioned(
    rows: list[_Row], columns: Sequence[Sequence[str]], outcomes: Sequence[str]
) -> Iterator[_Draft]:
    """Yields the drafts of rows, partitioned by the number that best predicts the outcome of each row."""

    def ambiguity(column: Sequence[str]) -> tuple[int, int]:
        by_value = collections.defaultdict(set)
        for value, outcome in zip(column, outcomes, strict=True):
            by_value[value].add(outcome)
        return sum(len(distinct) - 1 for distinct in by_value.values()), len(by_value)

    best = min((c for c in columns if len(set(c)) > 1), key=ambiguity, default=None)
    groups: dict[str | int, list[_Row]] = collections.defaultdict(list)
    keys: Sequence[str | int] = best if best is not None else range(len(rows))
    for row, key in zip(rows, keys, strict=True):
        groups[key].append(row)
    for group in groups.values():
        yield from _number(group)


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _merge(drafts: list[_Draft]) -> list[_Draft]:
    """Merges drafts that differ in one word, the largest sets first, until there are none."""
    while True:
        holes: dict[tuple, dict[str, int]] = collections.defaultdict(dict)
        for number, draft in enumerate(drafts):
            for key, word in _holes(draft):
                holes[key].setdefault(word, number)
        sets = sorted(
            ((key, words) for key, words in holes.items() if len(words) > 1),
            key=lambda item: (-len(item[1]), min(item[1].values()), sum(map(len, item[1]))),
        )
        gone: set[int] = set()
        merged = []
        for key, words in sets:
            numbers = set(words.values())
            if gone.isdisjoint(numbers) and len(numbers) == len(words):
                gone |= numbers
                merged.append(_merged(key, {word: drafts[number] for word, number in words.items()}))
        if not merged:
            return drafts
        drafts = merged + [draft for number, draft in enumerate(drafts) if number not in gone]


_HOLE = -1


def _holes(draft: _Draft) -> Iterator[tuple[tuple, str]]:
    """Yields each word that both names share, with both names without it."""
    old, shared = draft.old, set(draft.new)
    for start in range(len(old) if len(old) <= _MOST_TOKENS else 0):
        if old[start] not in shared:
            continue
        for end in range(start + 1, min(start + _MAX_SPAN, len(old)) + 1):
            span = tuple([token for token in old[start:end] if isinstance(token, str) and token != '/'])
            if len(span) < end - start:
                break
            if not (span[0].isalnum() and span[-1].isalnum()):
                continue
            new = _without(draft.new, span, end - start - 1, start)
            if _HOLE in new:
                old_shape = _shape(old[:start]) + (_HOLE,) + _shape(old[end:])
                yield (old_shape, new, draft.operations), ''.join(span)


def _shape(tokens: _OldTokens) -> tuple:
    """Returns tokens that are equal in drafts that may be merged, with the choices of a group in place of its texts."""
    return tuple((token.padded, *token.choices) if isinstance(token, _Group) else token for token in tokens)


def _without(tokens: _NewTokens, span: tuple[str, ...], shift: int, start: int) -> _NewTokens:
    """Returns the tokens of a new name with a hole for each occurrence of the span, and references shifted after it."""
    result: list[str | int] = []
    at = 0
    while at < len(tokens):
        if tokens[at : at + len(span)] == span:
            result.append(_HOLE)
            at += len(span)
        else:
            token = tokens[at]
            result.append(token - shift if isinstance(token, int) and token > start else token)
            at += 1
    return tuple(result)


def _merged(key: tuple, drafts: dict[str, _Draft]) -> _Draft:
    """Merges drafts that differ only in a word, which is a hole in `key`."""
    words, parts = zip(*sorted(drafts.items(), key=lambda item: item[1].renamings[0].old), strict=True)
    old_shape, new, operations = key
    place = old_shape.index(_HOLE)
    old: list[str | _Group] = []
    for position, token in enumerate(old_shape):
        if token == _HOLE:
            texts = [word for word, part in zip(words, parts, strict=True) for _ in part.renamings]
            old.append(_Group(tuple(texts)))
        elif isinstance(token, tuple):
            groups = [_group_at(part, word, position, place) for part, word in zip(parts, words, strict=True)]
            texts = [text for group in groups for text in group.texts]
            old.append(_Group(tuple(texts), groups[0].padded))
        else:
            old.append(token)
    new = tuple(place if token == _HOLE else token for token in new)
    return _Draft(tuple(old), new, operations, tuple(r for part in parts for r in part.renamings))


def _group_at(draft: _Draft, word: str, position: int, place: int) -> _Group:
    """Returns the group of a draft at a position of the merged draft, in which the word is one token."""
    token = draft.old[position if position < place else position + len(_tokens(word)) - 1]
    assert isinstance(token, _Group)
    return token


class _Checker:
    """Checks rules against all names."""

    def __init__(self, expected: Mapping[str, str | None]):
        self._expected = expected
        self._names = sorted(expected)

    def holds(
        self, pattern: str, replacement: Sequence[str | int], prefix: str, renamings: Iterable[Renaming]
    ) -> bool:
        """Returns True if a rule matches all names of its renamings, and gives no other name a wrong one.

        Args:
          pattern: The regular expression.
          replacement: The parts of the new name: texts, and the numbers of groups.
          prefix: A prefix of all names that the pattern can match.
          renamings: The renamings that the rule stands for.
        """
        try:
            compiled = re.compile(pattern)
        except (re.error, OverflowError, RecursionError):
            return False
        matched = set()
        for number in range(bisect.bisect_left(self._names, prefix), len(self._names)):
            name = self._names[number]
            if not name.startswith(prefix):
                break
            match = compiled.fullmatch(name)
            if match is None:
                continue
            # Many times as fast as `expand`.
            new = ''.join([part if isinstance(part, str) else match[part] or '' for part in replacement])
            if new != self._expected[name]:
                return False
            matched.add(name)
        return all(renaming.old in matched for renaming in renamings)


def _write(draft: _Draft, checker: _Checker) -> Iterator[RuleText]:
    """Yields the rule of a draft, with groups as general as possible; if none is right, a rule per renaming."""
    for groups in (_wide, _any_number, _choice):
        pattern, replacement, prefix = _render(draft, groups)
        if checker.holds(pattern, replacement, prefix, draft.renamings):
            yield RuleText(pattern, _template(replacement), draft.operations, draft.renamings)
            return
    for renaming in draft.renamings:
        yield RuleText(escape(renaming.old), _template((renaming.new,)), draft.operations, (renaming,))


def _render(draft: _Draft, groups: Callable[[_Group], str]) -> tuple[str, _NewTokens, str]:
    """Returns the pattern, the new name with the numbers of groups, and a prefix of all names that can match."""
    used = [draft.old[token] for token in draft.new if isinstance(token, int)]
    used_texts = {token.texts for token in used if isinstance(token, _Group)}
    by_texts: dict[tuple[str, ...], int] = {}
    numbers: dict[int, int] = {}
    pattern, prefix, literal = [], '', True
    for place, token in enumerate(draft.old):
        if isinstance(token, str):
            pattern.append(escape(token))
            prefix += token if literal else ''
            continue
        literal = False
        if token.padded:
            pattern.append('0*')
        if token.texts in by_texts:
            numbers[place] = by_texts[token.texts]
            pattern.append(f'(?:\\{numbers[place]})')
        elif token.texts in used_texts:
            numbers[place] = by_texts[token.texts] = len(by_texts) + 1
            pattern.append(f'({groups(token)})')
        else:
            pattern.append(f'(?:{groups(token)})')
    replacement = tuple([token if isinstance(token, str) else numbers[token] for token in draft.new])
    text = ''.join(pattern)
    return re.sub(r'\(\?:(\\d\+|\\\d+(?!\d))\)(?!\d)', r'\1', text), replacement, prefix


def _template(replacement: _NewTokens) -> str:
    """Returns a new name with references to groups, as a rule writes it."""
    parts = []
    for token, following in zip(replacement, [*replacement[1:], ''], strict=True):
        if isinstance(token, str):
            parts.append(token.replace('\\', r'\\'))
        else:
            digit = isinstance(following, str) and following[:1].isdigit()
            parts.append(f'\\g<{token}>' if digit else f'\\{token}')
    return ''.join(parts)


def _wide(group: _Group) -> str:
    if len(group.choices) > _MAX_WORDS and not all(map(str.isdigit, group.choices)):
        return r'\w+' if all(re.fullmatch(r'\w+', text) for text in group.choices) else '[^/]+'
    return _any_number(group)


def _any_number(group: _Group) -> str:
    if all(text.isdigit() for text in group.texts):
        return r'\d+'
    if all(re.fullmatch(r'_\d+', text) for text in group.texts if text):
        return r'(?:_\d+)?' if '' in group.texts else r'_\d+'
    return _choice(group)


def _choice(group: _Group) -> str:
    return '|'.join(escape(text) for text in group.choices)


def escape(text: str) -> str:
    """Escapes a text as a pattern, with few backslashes, and without what would end a pattern in a file of rules.

    Control characters and surrogates are written as their numbers, which a file and a terminal can hold.
    """
    return printable(_SPECIAL.sub(r'\\\g<0>', text).replace(' ', r'\x20').replace('>', r'\x3e'))
