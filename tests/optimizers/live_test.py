"""Training goes on in Keras where it stopped in TF1, and the other way round, with the optimizer's state."""

import pytest

from tests.optimizers import measures
from tests.optimizers.measures import BOUND
from tests.optimizers.training import CROSSINGS
from tests.testing.small_model import needs_keras_2

GENERATIONS = [pytest.param('legacy', marks=needs_keras_2), 'new']


@pytest.mark.parametrize('generation', GENERATIONS)
@pytest.mark.parametrize('name', CROSSINGS)
def test_tf1_goes_on_in_keras(name, generation, tmp_path):
    assert measures.live_to_keras(CROSSINGS[name], generation, tmp_path) <= BOUND


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
@pytest.mark.parametrize('name', CROSSINGS)
@needs_keras_2
def test_keras_legacy_goes_on_in_tf1(name, style, tmp_path):
    assert measures.live_to_tf1(CROSSINGS[name], tmp_path, style) <= BOUND
