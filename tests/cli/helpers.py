"""What the tests of the command share: runs of it in this process and in one of its own."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import estimator_ckpt
from estimator_ckpt.cli import main

ROOT = pathlib.Path(estimator_ckpt.__file__).parents[1]
MODULE = [sys.executable, '-m', 'estimator_ckpt']


@dataclasses.dataclass
class Result:
    """What a run gave."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def in_process(capsys, *arguments) -> Result:
    """Runs a command line in this process."""
    capsys.readouterr()
    code = main.main(['estimator-ckpt', *map(str, arguments)])
    return Result(code, *capsys.readouterr())


def as_process(*arguments, **options) -> Result:
    """Runs `python -m estimator_ckpt` in a process of its own."""
    result = subprocess.run(
        [*MODULE, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=120, **options
    )
    return Result(result.returncode, result.stdout, result.stderr)


def on_terminal(*arguments, columns: int = 80) -> tuple[int, str]:
    """Runs `python -m estimator_ckpt` on a terminal, and gives its exit code and all that is seen there."""
    import fcntl
    import pty
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('4H', 24, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ('COLUMNS', 'LINES', 'NO_COLOR')}
    process = subprocess.Popen(
        [*MODULE, *map(str, arguments)],
        cwd=ROOT,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**environment, 'TERM': 'xterm'},
    )
    os.close(slave)
    seen = b''
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux says so when the other side is closed.
            break
        if not piece:
            break
        seen += piece
    os.close(master)
    return process.wait(timeout=120), seen.decode()
