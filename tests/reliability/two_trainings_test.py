"""Tests that of two trainings in one directory one stops, in a sentence, and the other one's checkpoints stay whole."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.testing.small_model import needs_estimator

pytestmark = [needs_estimator, pytest.mark.slow]


@pytest.mark.parametrize('kind', ['tf1', 'both', 'background'])
def test_of_two_trainings_in_one_directory_one_stops_in_a_sentence(tmp_path, kind):
    script = pathlib.Path(__file__).with_name('two_trainings.py')
    process = subprocess.run(
        [sys.executable, script, kind, str(tmp_path / 'runs'), '4'],
        capture_output=True,
        text=True,
        timeout=150,
        env=os.environ | {'PYTHONPATH': str(script.parents[2])},
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    result = json.loads(process.stdout.splitlines()[-1])
    assert result['wrong'] == []
    for text in result['said']:
        assert '\n' not in text and text.endswith('.')
        assert 'of its own' in text or 'was deleted while it was read' in text
