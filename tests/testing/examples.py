"""Runs the example binaries, each in a process of its own, as their users do."""

import os
import pathlib
import subprocess
import sys

EXAMPLES = pathlib.Path(__file__).parents[2] / 'examples'


def process(example: str, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs an example with flags, and with further variables in its environment."""
    variables = os.environ | {'PYTHONPATH': str(EXAMPLES.parent)} | environment
    command = [sys.executable, str(EXAMPLES / example), *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=variables)


def run(example: str, *flags: str, **environment: str) -> dict[str, str]:
    """The lines `WHAT: VALUE` that an example prints, which must end well."""
    result = process(example, *flags, **environment)
    assert result.returncode == 0, result.stderr
    return dict(line.split(': ', 1) for line in result.stdout.splitlines() if ': ' in line)
