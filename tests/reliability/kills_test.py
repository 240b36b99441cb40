"""Tests that training which is killed at random moments loses an interval at most, and leaves nothing behind."""

import json
import pathlib
import subprocess
import sys

import pytest

from tests.testing.small_model import needs_estimator

pytestmark = [needs_estimator, pytest.mark.slow]
KILLS = 20


@pytest.mark.parametrize('kind', ['tf1', 'tf2', 'both', 'mirror', 'background'])
def test_a_killed_run_goes_on_from_what_it_has_announced(tmp_path, kind):
    script = pathlib.Path(__file__).with_name('killed_runs.py')
    process = subprocess.run(
        [sys.executable, script, kind, str(tmp_path / 'run'), str(KILLS), '1'],
        capture_output=True,
        text=True,
        timeout=300,
        env={'PYTHONPATH': str(pathlib.Path(__file__).parents[2]), 'PATH': '/usr/bin:/bin'},
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    result = json.loads(process.stdout.splitlines()[-1])
    assert result['broken'] == []
    # What was announced is never lost, and training does go on.
    assert result['steps'] == sorted(result['steps']) and result['steps'][-1] > result['steps'][0]
    assert result['left'] == [] and result['unlisted'] == []
