"""Tests what bash and zsh complete with the script of `completion`, in the shells themselves."""

import os
import pty
import select
import shutil
import subprocess
import time

import pytest

from tests.cli.helpers import in_process

_START = {
    'bash': ['bash', '--norc', '--noprofile', '-i'],
    'zsh': ['zsh', '-f', '-i'],
}
_SET_UP = {'bash': '', 'zsh': 'bindkey -e; autoload -U compinit; compinit -D; '}
_TAB, _BEGINNING, _END = b'\t', b'\x01', b'\x05'


@pytest.fixture(params=_START)
def complete(request, capsys, tmp_path):
    """A function that gives the line to which a shell completes another one when the tab key is pressed."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f'{shell} is not installed')
    result = in_process(capsys, 'completion', shell)
    assert (result.code, result.err) == (0, '')
    (tmp_path / 'script').write_text(result.out)
    (tmp_path / 'model.ckpt-1.index').touch()

    def run(line):
        master, slave = pty.openpty()
        environment = os.environ | {'TERM': 'xterm', 'PS1': '$ ', 'COLUMNS': '200'}
        process = subprocess.Popen(
            _START[shell], cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave, env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        os.write(master, f'{_SET_UP[shell]}. ./script; touch ready\n'.encode())
        _wait_for(tmp_path / 'ready', master)
        os.write(master, line.encode() + _TAB)
        _read(master, 0.5)
        os.write(master, _BEGINNING + b'echo ' + _END + b' > line; mv line found\n')
        _wait_for(tmp_path / 'found', master)
        process.kill()
        process.wait()
        os.close(master)
        return (tmp_path / 'found').read_text().strip()

    return run


def _read(master, seconds):
    """Takes what a shell prints for some time, so that it never waits for its terminal."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([master], [], [], 0.05)[0]:
            os.read(master, 65536)


def _wait_for(path, master):
    for _ in range(200):
        _read(master, 0.1)
        if path.exists():
            return
    raise AssertionError(f'the shell has not written {path}')


@pytest.mark.parametrize(
    ('line', 'completed'),
    [
        ('insp', 'inspect'),
        ('help rep', 'help repair'),
        ('completion ba', 'completion bash'),
        ('convert --sty', 'convert --style='),
        ('convert a --nodu', 'convert a --nodurable'),
        ('convert --style=bo', 'convert --style=both'),
        ('inspect --sort=s', 'inspect --sort=size'),
        ('inspect mod', 'inspect model.ckpt-1.index'),
    ],
)
def test_a_shell_completes(complete, line, completed):
    assert complete(f'estimator-ckpt {line}') == f'estimator-ckpt {completed}'


def test_an_unknown_shell_is_an_error(capsys):
    result = in_process(capsys, 'completion', 'fish')
    assert result.code == 2 and "expected one of bash, zsh, not 'fish'" in result.err
