"""Tests rules that are given on the command line itself."""

import numpy as np
import pytest

from tests.bundle.helpers import save
from tests.cli.helpers import in_process


@pytest.fixture
def checkpoints(tmp_path):
    values = {'a': np.arange(3, dtype=np.float32), 'b': np.ones((2, 4), np.float32)}
    save(tmp_path / 'old', {f'old/{name}': value for name, value in values.items()})
    save(tmp_path / 'new', {'first/a': values['a'], 'new/b': np.ones((4, 2), np.float32)})
    (tmp_path / 'rules').write_text(r'old/(.*) -> new/\1 | transpose=1,0')
    return tmp_path


@pytest.mark.parametrize('rest', [[r'--rule=old/(.*) -> new/\1 | transpose=1,0'], ['--rules={}/rules']])
def test_they_are_tried_in_their_order_and_before_those_of_a_file(capsys, checkpoints, rest):
    flags = ['--rule', 'old/a -> first/a', *(flag.format(checkpoints) for flag in rest)]
    old, new, made = (checkpoints / name for name in ('old', 'new', 'made'))
    result = in_process(capsys, 'plan', old, new, '--json', *flags)
    assert result.code == 0, result
    assert len(result.json['matched']) == 2
    assert in_process(capsys, 'diff', old, new, *flags).code == 0
    assert in_process(capsys, 'convert', old, made, '--style=tf1', *flags).code == 0
    assert in_process(capsys, 'diff', made, new).code == 0


def test_one_that_takes_nothing_is_named(capsys, checkpoints):
    result = in_process(capsys, 'plan', checkpoints / 'old', checkpoints / 'new', '--rule=absent -> x')
    assert result.code == 1 and 'absent -> x' in result.out


@pytest.mark.parametrize(
    'flag, message',
    [
        ('old/a', 'pattern -> replacement'),
        ('old/( -> x', 'does not compile'),
        ('a -> b | turn=1', 'unknown operation'),
    ],
)
def test_one_that_is_none_is_a_sentence(capsys, checkpoints, flag, message):
    result = in_process(capsys, 'plan', checkpoints / 'old', checkpoints / 'new', f'--rule={flag}')
    assert (result.code, result.out) == (2, '')
    assert message in result.err and result.err.count('\n') == 1
