"""Tests that training which is killed at random moments loses an interval at most, and leaves nothing behind."""

import pytest

from tests.reliability.scripts import run
from tests.testing.small_model import needs_estimator

pytestmark = [needs_estimator, pytest.mark.slow]
KILLS = 20


@pytest.mark.parametrize('kind', ['tf1', 'tf2', 'both', 'mirror', 'background'])
def test_a_killed_run_goes_on_from_what_it_has_announced(tmp_path, kind):
    result = run('killed_runs.py', kind, tmp_path / 'run', KILLS, 1, timeout=300)
    assert result['broken'] == []
    # What was announced is never lost, and training does go on.
    assert result['steps'] == sorted(result['steps']) and result['steps'][-1] > result['steps'][0]
    assert result['left'] == [] and result['unlisted'] == []
