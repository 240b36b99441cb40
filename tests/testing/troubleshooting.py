"""Writes the tables of messages in examples/guides/troubleshooting.md anew from the source of the package.

    python -m tests.testing.troubleshooting

A comment in the guide, `<!-- messages: saving program/log.py -->`, says whose messages the table after it has: those of
packages and modules, each of which one table has. A message that says itself what to do has this in its row. What to do
about others is written by hand, in the place of `TODO`, and kept as long as the message stays the same.
"""

import collections
import re
import sys
from collections.abc import Iterable, Iterator

from tests.testing.messages import PACKAGE, Message, collect

GUIDE = PACKAGE.parent / 'examples' / 'guides' / 'troubleshooting.md'
TODO = 'TODO'

_SECTION = re.compile(
    r'(<!-- messages: (?P<modules>[^>]*) -->\n)(?P<body>.*?)(<!-- /messages -->\n)', re.DOTALL
)
_CELL = re.compile(r'(?<!\\)\|')


def regenerate(guide: str, messages: Iterable[Message]) -> str:
    """Returns the guide with tables of these messages.

    Args:
      guide: The guide as it is.
      messages: All messages.

    Raises:
      ValueError: If a message belongs to no table.
    """
    places = [place for section in _SECTION.finditer(guide) for place in section['modules'].split()]
    by_place = collections.defaultdict(list)
    for message in messages:
        by_place[_place(message.module, places)].append(message)

    def with_table(section: re.Match[str]) -> str:
        own = [message for place in section['modules'].split() for message in by_place[place]]
        lines = [*_table(own, _advice(section['body'])), *_reasons(own)]
        return section[1] + '\n' + '\n'.join(lines) + '\n' + section[4]

    return _SECTION.sub(with_table, guide)


def _place(module: str, places: Iterable[str]) -> str:
    """Returns the package or module in a list that a module belongs to, a module before its package."""
    for place in (module, module.partition('/')[0]):
        if place in places:
            return place
    raise ValueError(
        f'The messages of {module} belong to no table of {GUIDE.name}; add it to a `<!-- messages: -->`.'
    )


def _advice(body: str) -> dict[str, str]:
    """Returns what a table says that is to be done, by the cells of the messages."""
    rows = [
        [cell.strip() for cell in _CELL.split(line)] for line in body.splitlines() if line.startswith('| ')
    ]
    return {row[1]: row[2] for row in rows}


def _table(messages: Iterable[Message], advice: dict[str, str]) -> Iterator[str]:
    kinds, cures = collections.defaultdict(set), collections.defaultdict(set)
    for message in messages:
        if not message.is_reason:
            kinds[message.fault].add(message.kind)
            cures[message.fault].add(message.cure)
    yield '| message | what to do | kind |'
    yield '|---|---|---|'
    for fault in sorted(kinds, key=_words):
        cell = _code(fault)
        cure = _escaped(' Or: '.join(sorted(filter(None, cures[fault])))) or advice.get(cell, TODO)
        yield f'| {cell} | {cure} | {", ".join(sorted(kinds[fault]))} |'


def _reasons(messages: Iterable[Message]) -> Iterator[str]:
    reasons = sorted({message.text for message in messages if message.is_reason}, key=_words)
    if reasons:
        yield ''
        yield 'Reasons that such a message gives after a colon:'
        yield ''
        yield from (f'* {_code(reason)}' for reason in reasons)


def _words(text: str) -> tuple[str, str]:
    """Sorts messages by their words, whatever is filled in before."""
    return re.sub(r'^\W+', '', text).lower(), text


def _code(text: str) -> str:
    text = _escaped(text)
    return f'`` {text} ``' if '`' in text else f'`{text}`'


def _escaped(text: str) -> str:
    return text.replace('|', r'\|')


def main() -> int:
    """Writes the guide. Returns 1 if it lacks advice."""
    guide = regenerate(GUIDE.read_text(), collect())
    GUIDE.write_text(guide)
    for line in guide.splitlines():
        if f'| {TODO} |' in line:
            print(f'{GUIDE.name}: say what to do: {line}', file=sys.stderr)
    return int(f'| {TODO} |' in guide)


if __name__ == '__main__':
    sys.exit(main())
