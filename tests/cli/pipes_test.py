"""Tests rules that come from a pipe, which can be read only once, and standard streams that the shell has closed."""

import shlex
import subprocess

import numpy as np
import pytest

import estimator_ckpt
from tests.bundle.helpers import save
from tests.cli.helpers import MODULE, ROOT, as_process


@pytest.fixture
def checkpoints(tmp_path):
    save(tmp_path / 'a', {'old/w': np.ones(3, np.float32)})
    save(tmp_path / 'b', {'new/w': np.ones(3, np.float32)})
    return tmp_path / 'a', tmp_path / 'b'


@pytest.mark.parametrize('command', ['plan', 'diff'])
def test_rules_from_standard_input_are_taken(checkpoints, command):
    result = as_process(command, *checkpoints, '--rules=/dev/stdin', input='old/(.*) -> new/\\1\n')
    assert (result.code, result.err) == (0, ''), result
    result = as_process(command, *checkpoints, '--rules=/dev/stdin', input='other -> new/w\n')
    assert result.code == 1 and 'other -> new/w' in result.out


def test_a_hyphen_is_standard_input(checkpoints):
    assert as_process('plan', *checkpoints, '--rules=-', input='old/(.*) -> new/\\1\n').code == 0


def test_a_conversion_takes_them_too(tmp_path, checkpoints):
    arguments = ('convert', checkpoints[0], tmp_path / 'c', '--style=tf1', '--rules=/dev/stdin')
    assert as_process(*arguments, input='old/(.*) -> new/\\1\n').code == 0
    assert as_process('diff', tmp_path / 'c', checkpoints[1]).code == 0


def _in_shell(closed, *arguments):
    command = f'{shlex.join([*MODULE, *map(str, arguments)])} {closed}'
    return subprocess.run(
        command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize('closed', ['>&-', '2>&-', '<&-', '<&- >&- 2>&-'])
def test_a_closed_standard_stream_changes_no_exit_code(checkpoints, closed):
    a, b = checkpoints
    open_out, open_err = ' >&-' not in f' {closed}', '2>&-' not in closed
    for arguments, code in (
        (['inspect', a], 0),
        (['verify', a], 0),
        (['diff', a, b], 1),
        (['inspect', 'no'], 2),
    ):
        result = _in_shell(closed, *arguments)
        assert result.returncode == code, (arguments, result)
        assert bool(result.stdout) == (open_out and code < 2), (arguments, result)
        assert bool(result.stderr) == (open_err and code == 2), (arguments, result)


@pytest.mark.parametrize('closed', ['>&-', '2>&-', '<&- >&- 2>&-'])
def test_a_conversion_with_closed_streams_is_whole(tmp_path, checkpoints, closed):
    result = _in_shell(closed, 'convert', checkpoints[0], tmp_path / 'c', '--style=both')
    assert (result.returncode, result.stderr) == (0, '')
    assert estimator_ckpt.verify(tmp_path / 'c').faults == []
