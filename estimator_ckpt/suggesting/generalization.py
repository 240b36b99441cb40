r"""Few rules that say what many single renamings say, and nothing of any other name.

Renamings whose names differ in numbers only become one: a number that is the same in both names is a group, one that is
another in the new name is written out. Then rules that differ in a word that both of their names have become one, such
as `(query|key|value)`. Every rule is tried on all names before it is given.
"""

import bisect
import collections
import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from estimator_ckpt.suggesting.name_parts import split_names

_TOKEN = re.compile(r'[A-Za-z]+|\d+|.', re.S)
_SPECIAL = re.compile(r'[.^$*+?{}\[\]\\|()]')
# A choice among more words than these is written as any word, if that matches nothing else.
_MAX_WORDS = 8
# Of how many tokens a word may consist that rules differ in, such as `token_type`.
_MAX_SPAN = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Renaming:
    """One name that becomes another.

    Attributes:
      old: The name.
      new: What it becomes.
      operations: What can be done to its values, any of it; `['']` for nothing.
    """

    old: str
    new: str
    operations: tuple[str, ...] = ('',)


@dataclasses.dataclass(frozen=True, slots=True)
class RuleText:
    """A rule as it is written.

    Attributes:
      pattern: The regular expression.
      replacement: What a name becomes.
      operations: What is done to the values; empty for nothing.
      renamings: What it stands for.
    """

    pattern: str
    replacement: str
    operations: str
    renamings: tuple[Renaming, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Group:
    """A part of a pattern that differs between names: all that it can be, in the order of the rule's renamings."""

    texts: tuple[str, ...]

    @property
    def choices(self) -> list[str]:
        return sorted(set(self.texts), key=lambda text: (len(text), text))


# A token is a text, a group, or in a new name the place of a group among the tokens of the old one.
_Tokens = tuple[str | _Group | int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Draft:
    old: _Tokens
    new: _Tokens
    operations: str
    renamings: tuple[Renaming, ...]


def generalise(renamings: Collection[Renaming], others: Mapping[str, str | None]) -> list[RuleText]:
    """The rules for renamings.

    Args:
      renamings: What the rules must do.
      others: Further names that rules will see, each with what it may become, or None where no rule may match it.

    Returns:
      Rules of which none matches what another one does, in the order of the old names.
    """
    drafts = [draft for group in _by_template(renamings) for draft in _number(group)]
    checker = _Checker({**others, **{r.old: r.new for r in renamings}})
    rules = [rule for draft in _merge(drafts) for rule in _write(draft, checker)]
    return sorted(rules, key=lambda rule: min(r.old for r in rule.renamings))


def _by_template(renamings: Iterable[Renaming]) -> Iterator[list[tuple]]:
    """Rows of a renaming and its two names without numbers, those of the same words together."""
    renamings = sorted(renamings, key=lambda r: r.old)
    old = split_names(dict.fromkeys(r.old for r in renamings))
    new = split_names(dict.fromkeys(r.new for r in renamings))
    groups = collections.defaultdict(list)
    for renaming in renamings:
        a, b = old[renaming.old], new[renaming.new]
        groups[a.literals, b.literals].append((renaming, a, b))
    yield from groups.values()


def _number(rows: list[tuple]) -> Iterator[_Draft]:
    """Drafts with groups for numbers; rows are parted where a number becomes another one."""
    _, a, b = rows[0]
    old_columns = list(zip(*(old.texts for _, old, _ in rows), strict=True))
    new_columns = list(zip(*(new.texts for _, _, new in rows), strict=True))
    common = [o for o in rows[0][0].operations if all(o in r.operations for r, _, _ in rows)]
    places = []
    for column in new_columns:
        if len(set(column)) == 1:
            places.append(None)
        elif column in old_columns:
            places.append(old_columns.index(column))
        else:
            yield from _parted(rows, old_columns, column)
            return
    if not common:
        yield from _parted(rows, old_columns, [r.operations[0] for r, _, _ in rows])
        return
    differing = {slot for slot, column in enumerate(old_columns) if len(set(column)) > 1}
    old: list = _tokens(a.literals[0])
    place_of = {}
    for slot, (column, literal) in enumerate(zip(old_columns, a.literals[1:], strict=True)):
        if slot in differing:
            place_of[slot] = len(old)
            old.append(_Group(tuple(column)))
        elif column[0]:
            old += _tokens(column[0])
        old += _tokens(literal)
    new: list = _tokens(b.literals[0])
    for place, column, literal in zip(places, new_columns, b.literals[1:], strict=True):
        new += _tokens(column[0]) if place is None else [place_of[place]]
        new += _tokens(literal)
    yield _Draft(tuple(old), tuple(new), common[0], tuple(r for r, _, _ in rows))


def _parted(rows: list[tuple], columns: Sequence[Sequence[str]], wanted: Sequence) -> Iterator[_Draft]:
    """The drafts of rows parted by the number that tells best what is wanted of each."""

    def parts(column: Sequence[str]) -> tuple[int, int]:
        answers = collections.defaultdict(set)
        for value, answer in zip(column, wanted, strict=True):
            answers[value].add(answer)
        return sum(len(found) - 1 for found in answers.values()), len(answers)

    best = min((c for c in columns if len(set(c)) > 1), key=parts, default=None)
    groups = collections.defaultdict(list)
    for row, key in zip(rows, best if best is not None else range(len(rows)), strict=True):
        groups[key].append(row)
    for group in groups.values():
        yield from _number(group)


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _merge(drafts: list[_Draft]) -> list[_Draft]:
    """Makes one of drafts that differ in one word, the largest sets first, until there are none."""
    while True:
        holes = collections.defaultdict(dict)
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
    """Each word of the old name that the new one has too: both names without it, and the word."""
    old = draft.old
    for start in range(len(old)):
        for end in range(start + 1, min(start + _MAX_SPAN, len(old)) + 1):
            span = old[start:end]
            if not all(isinstance(token, str) and token != '/' for token in span):
                break
            if not (span[0].isalnum() and span[-1].isalnum()):
                continue
            new = _without(draft.new, span, end - start - 1, start)
            if _HOLE in new:
                rest = _shape(old[:start]) + (_HOLE,) + _shape(old[end:])
                yield (rest, new, draft.operations), ''.join(span)


def _shape(tokens: _Tokens) -> tuple:
    """Tokens that are the same in all drafts that may be merged: which names a group stands for may differ."""
    return tuple(tuple(token.choices) if isinstance(token, _Group) else token for token in tokens)


def _without(tokens: _Tokens, span: _Tokens, shift: int, start: int) -> _Tokens:
    """Tokens of a new name with a hole for each place of the span; the old name's groups behind it move up."""
    result, at = [], 0
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
    """The draft of those that are the same but for a word, which is a hole in `key`."""
    words, parts = zip(*sorted(drafts.items(), key=lambda item: item[1].renamings[0].old), strict=True)
    old_shape, new, operations = key
    place = old_shape.index(_HOLE)
    old: list = []
    for position, token in enumerate(old_shape):
        if token == _HOLE:
            texts = [word for word, part in zip(words, parts, strict=True) for _ in part.renamings]
            old.append(_Group(tuple(texts)))
        elif isinstance(token, tuple):
            groups = [_group_at(part, word, position, place) for part, word in zip(parts, words, strict=True)]
            old.append(_Group(tuple(text for group in groups for text in group.texts)))
        else:
            old.append(token)
    new = tuple(place if token == _HOLE else token for token in new)
    return _Draft(tuple(old), new, operations, tuple(r for part in parts for r in part.renamings))


def _group_at(draft: _Draft, word: str, position: int, place: int) -> _Group:
    """The group of a draft at a position of what it is merged into, where a word is one token."""
    token = draft.old[position if position < place else position + len(_tokens(word)) - 1]
    assert isinstance(token, _Group)
    return token


class _Checker:
    """Tries rules on all names."""

    def __init__(self, expected: Mapping[str, str | None]):
        self._expected = expected
        self._names = sorted(expected)

    def holds(self, pattern: str, replacement: str, prefix: str, renamings: Iterable[Renaming]) -> bool:
        """Whether a rule matches all names that it is for, and no other one that it would give a wrong name."""
        try:
            compiled = re.compile(pattern)
        except re.error:
            return False
        matched = set()
        for number in range(bisect.bisect_left(self._names, prefix), len(self._names)):
            name = self._names[number]
            if not name.startswith(prefix):
                break
            match = compiled.fullmatch(name)
            if match is None:
                continue
            if match.expand(replacement) != self._expected[name]:
                return False
            matched.add(name)
        return all(renaming.old in matched for renaming in renamings)


def _write(draft: _Draft, checker: _Checker) -> Iterator[RuleText]:
    """The rule of a draft, with groups as wide as they can be; where none will do, a rule for each renaming."""
    for groups in (_wide, _any_number, _choice):
        pattern, replacement, prefix = _render(draft, groups)
        if checker.holds(pattern, replacement, prefix, draft.renamings):
            yield RuleText(pattern, replacement, draft.operations, draft.renamings)
            return
    for renaming in draft.renamings:
        pattern, replacement = escape(renaming.old), renaming.new.replace('\\', r'\\')
        yield RuleText(pattern, replacement, draft.operations, (renaming,))


def _render(draft: _Draft, groups) -> tuple[str, str, str]:
    """Pattern, replacement, and what every name that matches begins with."""
    used = {token for token in draft.new if isinstance(token, int)}
    by_texts: dict[tuple[str, ...], int] = {}
    numbers: dict[int, int] = {}
    pattern, prefix, literal = [], '', True
    for place, token in enumerate(draft.old):
        if isinstance(token, str):
            pattern.append(escape(token))
            prefix += token if literal else ''
            continue
        literal = False
        if token.texts in by_texts:
            numbers[place] = by_texts[token.texts]
            pattern.append(f'(?:\\{numbers[place]})')
        elif place in used or any(draft.old[p].texts == token.texts for p in used):
            numbers[place] = by_texts[token.texts] = len(by_texts) + 1
            pattern.append(f'({groups(token)})')
        else:
            pattern.append(f'(?:{groups(token)})')
    replacement = []
    for place, token in enumerate(draft.new):
        if isinstance(token, str):
            replacement.append(token.replace('\\', r'\\'))
        else:
            following = draft.new[place + 1] if place + 1 < len(draft.new) else ''
            digit = isinstance(following, str) and following[:1].isdigit()
            replacement.append(f'\\g<{numbers[token]}>' if digit else f'\\{numbers[token]}')
    text = ''.join(pattern)
    return re.sub(r'\(\?:(\\d\+|\\\d+(?!\d))\)(?!\d)', r'\1', text), ''.join(replacement), prefix


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
    """A pattern for a text, with few backslashes, and without what ends a pattern in a file of rules."""
    return _SPECIAL.sub(r'\\\g<0>', text).replace(' ', r'\x20').replace('>', r'\x3e')
