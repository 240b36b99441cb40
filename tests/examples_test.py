"""The example binaries, each in a process of its own, on real data."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.toy import needs_estimator

pytestmark = needs_estimator
_EXAMPLES = pathlib.Path(__file__).parents[1] / 'examples'


def _run(example, *flags):
    environment = os.environ | {'PYTHONPATH': str(_EXAMPLES.parent)}
    command = [sys.executable, str(_EXAMPLES / example), *flags]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    return dict(line.split(': ', 1) for line in result.stdout.splitlines() if ': ' in line)


@pytest.fixture(scope='module')
def model_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp('digits'))


@pytest.fixture(scope='module')
def trained(model_dir):
    return _run('train_digits.py', f'--model_dir={model_dir}')


def test_digits_are_learnt_at_the_defaults(trained, model_dir):
    assert float(trained['test accuracy']) > 0.95
    assert trained['latest checkpoint'] == os.path.join(model_dir, 'model.ckpt-600')
    assert trained['step'] == '600'


def test_tf2_restores_them_without_estimator_and_is_as_accurate(trained, model_dir):
    restored = _run('restore_digits_tf2.py', f'--model_dir={model_dir}')
    assert restored['restored checkpoint'] == trained['latest checkpoint']
    assert (restored['test accuracy'], restored['step']) == (trained['test accuracy'], trained['step'])


@pytest.mark.slow
def test_further_runs_go_on_in_other_styles(trained, model_dir):
    steps = 600
    for style, keep in (('tf1', 2), ('tf2', 2), ('both', 3)):
        result = _run(
            'train_digits.py',
            f'--model_dir={model_dir}',
            f'--checkpoint_style={style}',
            '--train_steps=20',
            '--save_checkpoints_steps=10',
            f'--keep_checkpoint_max={keep}',
        )
        steps += 20
        assert result['step'] == str(steps)
        assert float(result['test accuracy']) > 0.95
        indexes = [name for name in os.listdir(model_dir) if name.endswith('.index')]
        assert len(indexes) == keep
    restored = _run('restore_digits_tf2.py', f'--model_dir={model_dir}')
    assert (restored['step'], restored['test accuracy']) == (str(steps), result['test accuracy'])


def test_a_wrong_style_is_refused_with_the_right_ones(tmp_path):
    command = [
        sys.executable,
        str(_EXAMPLES / 'train_digits.py'),
        f'--model_dir={tmp_path}',
        '--checkpoint_style=tf3',
    ]
    environment = os.environ | {'PYTHONPATH': str(_EXAMPLES.parent)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode != 0
    assert re.search('tf1.*tf2.*both', result.stderr)
