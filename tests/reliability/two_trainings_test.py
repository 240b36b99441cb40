"""Tests that of two trainings in one directory one stops, in a sentence, and the other one's checkpoints stay whole."""

import pytest

from tests.reliability.scripts import run
from tests.testing.small_model import needs_estimator

pytestmark = [needs_estimator, pytest.mark.slow]


@pytest.mark.parametrize('kind', ['tf1', 'both', 'background'])
def test_of_two_trainings_in_one_directory_one_stops_in_a_sentence(tmp_path, kind):
    result = run('two_trainings.py', kind, tmp_path / 'runs', 4)
    assert result['wrong'] == []
    for text in result['said']:
        assert '\n' not in text and text.endswith('.')
        assert 'of its own' in text or 'was deleted while it was read' in text
