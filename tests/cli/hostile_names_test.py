"""Tests that no command prints control characters that names in files, paths and state files may have."""

import json
import logging
import re

import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle import table
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state
from estimator_ckpt.cli import terminal
from tests.bundle.helpers import entry, save, sliced_entry, strings, write_by_hand
from tests.cli.helpers import in_process, on_terminal

# A color, a link, text from right to left, what isolates it, C1's beginning of a sequence, a line, and a null byte.
HOSTILE = [
    '\x1b[31m',
    '\x1b]8;;x\x07',
    '\u202e',
    '\u2066',
    '\x9b31m',
    '\n',
    '\r',
    '\0',
    '\u2028',
    '\x7f',
    '\x85',
]
HOSTILE_NAME = 'dense/' + ''.join(HOSTILE) + '/kernel'
OWN_COLORS = re.compile('\x1b\\[\\d+m')


@pytest.fixture
def prefix(tmp_path):
    """A checkpoint with a hostile name, and bytes that are not UTF-8 in another."""
    entries = {HOSTILE_NAME.encode(): entry(1, (2,), bytes(8)), b'dense/\xff/bias': entry(1, (2,), bytes(8))}
    return write_by_hand(tmp_path / 'model.ckpt', entries, bytes(8))


@pytest.fixture
def other(tmp_path):
    values = {'dense/x/kernel': np.ones(2, np.float32), 'dense/y/bias': np.ones(2, np.float32)}
    return save(tmp_path / 'other.ckpt', values)


def check_plain(text):
    """Fails if a line has a character that is not printable."""
    for line in text.split('\n'):
        assert line.isprintable(), line


COMMANDS = [
    ['inspect', 'A'],
    ['inspect', '--values', 'A'],
    ['inspect', '--tree', 'A'],
    ['verify', 'A'],
    ['diff', 'A', 'B'],
    ['diff', 'B', 'A'],
    ['plan', 'A', 'B'],
    ['plan', 'B', 'A'],
    ['plan', '--suggest', 'A', 'B'],
    ['plan', '--suggest', 'B', 'A'],
    ['convert', '--style=both', 'A', 'NEW'],
    ['convert', '--style=tf1', 'A', 'NEW'],
    ['convert', '--style=tf1', '--like=B', 'A', 'NEW'],
    ['average', 'A', 'B', 'NEW'],
    ['list', 'DIR'],
]


@pytest.mark.parametrize('command', COMMANDS, ids=' '.join)
@pytest.mark.parametrize('place', ['plain', *map(ascii, HOSTILE[:-4])])
def test_no_command_prints_control_characters_of_names_or_paths(
    capsys, tmp_path, prefix, other, command, place
):
    directory = tmp_path / (
        place if place == 'plain' else f'dir{HOSTILE[[*map(ascii, HOSTILE)].index(place)]}'
    )
    directory.mkdir()
    for file in tmp_path.glob('model.ckpt.*'):
        file.rename(directory / file.name)
    paths = {'A': directory / 'model.ckpt', 'B': other, 'NEW': directory / 'new', 'DIR': directory}
    words = [str(paths.get(word, word)).replace('--like=B', f'--like={other}') for word in command]
    result = in_process(capsys, *words)
    check_plain(result.out)
    check_plain(result.err)
    assert result.err.count('\n') <= 1
    assert result.out or result.err


def test_a_terminal_gets_only_the_colors_of_the_program(prefix):
    for command in (['inspect', prefix], ['inspect', '--values', prefix], ['diff', prefix, prefix]):
        _, seen = on_terminal(*command, columns=200)
        check_plain(OWN_COLORS.sub('', seen).replace('\r\n', '\n'))
        assert '\x1b[31m' not in seen.replace('\x1b[31mfault', '')


@pytest.mark.parametrize(
    'bad',
    [entry(1, (3,), bytes(8)), sliced_entry(1, '4 0,4'), b'\xff', entry(1, (2,), bytes(8), offset=1 << 40)],
)
@pytest.mark.parametrize('command', ['inspect', 'verify', 'diff', 'plan'])
def test_an_error_about_a_hostile_name_is_one_plain_line(capsys, tmp_path, bad, command, other):
    prefix = write_by_hand(tmp_path / 'bad', {HOSTILE_NAME.encode(): bad}, bytes(8))
    arguments = [prefix] if command in ('inspect', 'verify') else [prefix, other]
    result = in_process(capsys, command, *arguments)
    check_plain(result.out)
    check_plain(result.err)
    assert result.err.count('\n') <= 1


def test_a_path_of_the_command_line_is_printed_without_control_characters(capsys, tmp_path):
    result = in_process(capsys, 'inspect', str(tmp_path / HOSTILE_NAME.replace('\0', '')))
    assert result.code == 2
    check_plain(result.err)
    check_plain(in_process(capsys, 'inspect', 'a', '\x1b[31m').err)
    check_plain(in_process(capsys, '\x1b[31m').err)


def test_json_keeps_hostile_names_escaped(capsys, prefix):
    result = in_process(capsys, 'inspect', '--json', prefix)
    assert result.out.isascii() and result.out.rstrip('\n').isprintable()
    assert HOSTILE_NAME in [row['key'] for row in json.loads(result.out)['entries']]


def test_values_are_printed_without_control_characters(capsys, tmp_path):
    prefix = save(tmp_path / 'model', {'text': strings(HOSTILE_NAME.encode(), '\u202e'.encode())})
    check_plain(in_process(capsys, 'inspect', '--values', prefix).out)


def test_names_of_a_state_file_are_logged_without_control_characters(tmp_path, caplog, prefix, other):
    write_state(str(tmp_path), CheckpointState(HOSTILE_NAME.replace('\0', ''), ()))
    for use in (
        estimator_ckpt.inspect,
        lambda path: estimator_ckpt.convert_directory(path, tmp_path / 'new', 'tf1'),
    ):
        with caplog.at_level(logging.WARNING, 'estimator_ckpt'):
            use(str(tmp_path))
    assert len(caplog.records) >= 2
    for record in caplog.records:
        assert 'dense' in record.getMessage()
        check_plain(record.getMessage())


def test_a_suggested_rule_for_a_hostile_name_is_plain_and_works(tmp_path):
    name = 'dense/\x1b[31m\u202e/kernel'
    value = np.ones((2, 3), np.float32)
    source, target = save(tmp_path / 'a', {name: value}), save(tmp_path / 'b', {'dense/x/kernel': value})
    rules = tmp_path / 'rules'
    text = str(estimator_ckpt.suggest_rules(source, target))
    check_plain(text)
    rules.write_text(text)
    [row] = estimator_ckpt.plan(source, target, str(rules)).matched
    assert (row.source, row.target) == (name, 'dense/x/kernel')
    # A replacement has no escapes for such characters.
    check_plain(str(estimator_ckpt.suggest_rules(target, source)))


def test_a_line_is_escaped_once():
    painted = terminal.paint('a\x1b', terminal.RED)
    assert painted == 'a\\x1b' and terminal.plain(painted) == painted


def test_an_index_is_no_way_around(capsys, tmp_path):
    (tmp_path / 'x.index').write_bytes(
        table.build_table([(b'', b'\x08\x01'), (HOSTILE_NAME.encode(), b'\xff')])
    )
    result = in_process(capsys, 'inspect', str(tmp_path / 'x'))
    assert result.code == 2
    check_plain(result.err)
