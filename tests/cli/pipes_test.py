"""Tests rules that come from a pipe, which can be read only once."""

import numpy as np
import pytest

from tests.bundle.helpers import save
from tests.cli.helpers import as_process


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


def test_a_conversion_takes_them_too(tmp_path, checkpoints):
    arguments = ('convert', checkpoints[0], tmp_path / 'c', '--style=tf1', '--rules=/dev/stdin')
    assert as_process(*arguments, input='old/(.*) -> new/\\1\n').code == 0
    assert as_process('diff', tmp_path / 'c', checkpoints[1]).code == 0
