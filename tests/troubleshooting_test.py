"""Tests that the guide to troubleshooting has every message of the package, and no other."""

import ast
import re

import pytest

from tests.testing.messages import PACKAGE, Message, collect
from tests.testing.troubleshooting import GUIDE, TODO, regenerate

TEXT = GUIDE.read_text()
_ROW = '| `The dog … is not fed` | {} | CheckpointError |'


def test_the_guide_is_what_the_source_says():
    command = 'python -m tests.testing.troubleshooting'
    assert regenerate(TEXT, collect()) == TEXT, f'Run {command}, and complete what it names.'
    assert f'| {TODO} |' not in TEXT, f'{GUIDE} lacks advice; {command} names the messages.'


def _pieces(node: ast.expr) -> list[str]:
    """Returns the literal pieces of an expression that look like prose."""
    strings = [child.value for child in ast.walk(node) if isinstance(child, ast.Constant)]
    return [text for text in strings if isinstance(text, str) and len(re.findall(r'[a-z]{2,}', text)) >= 3]


def _raised_texts() -> list[tuple[str, str]]:
    """Returns what is written in `raise SomeError(...)`, with its place, by other means than those of `collect`."""
    others = ('AttributeError', 'AssertionError', 'NotImplementedError')
    result = []
    for path in sorted(PACKAGE.rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text())):
            made = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(made, ast.Call) and made.args and ast.unparse(made.func) not in others:
                place = f'{path.relative_to(PACKAGE)}:{made.lineno}'
                result += [(place, piece) for piece in _pieces(made.args[0])]
    return result


def test_each_text_that_is_raised_is_in_the_guide():
    texts = _raised_texts()
    assert len(texts) > 200
    words = ' '.join(re.findall(r'\w+', TEXT)).lower()
    # An array says what NumPy says; and a cure that begins with `expected` is put otherwise.
    known = ('len() of unsized object', 'iteration over a 0-d array', 'is out of bounds for axis 0 with size')
    lost = []
    for place, text in texts:
        halves = re.split(r'[;:.,] |expected|[(){}%]', text)
        longest = ' '.join(re.findall(r'\w+', max(halves, key=len))).lower()
        if longest not in words and not any(phrase in text for phrase in known):
            lost.append((place, longest))
    assert lost == []


@pytest.fixture
def guide():
    return '<!-- messages: saving -->\n\n| message | what to do | kind |\n|---|---|---|\n<!-- /messages -->\n'


def _message(text, module='saving/saver.py'):
    return Message(module, 'CheckpointError', text, False)


def test_what_a_message_says_is_to_be_done_is_taken_from_it(guide):
    text = regenerate(guide, [_message('The dog … is not fed; give it food.')])
    assert _ROW.format('Give it food.') in text


def test_advice_is_asked_for_and_kept_until_the_message_changes(guide):
    text = regenerate(guide, [_message('The dog … is not fed.')])
    assert _ROW.format(TODO) in text
    text = text.replace(TODO, 'Feed it.')
    assert regenerate(text, [_message('The dog … is not fed.')]) == text
    changed = regenerate(text, [_message('The dog … is hungry.')])
    assert 'Feed it.' not in changed and 'not fed' not in changed and TODO in changed


def test_a_message_without_a_table_is_an_error(guide):
    with pytest.raises(ValueError, match='bundle/reader.py belong to no table'):
        regenerate(guide, [_message('The dog … is not fed.', 'bundle/reader.py')])
