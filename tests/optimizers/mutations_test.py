"""A conversion that is wrong in one thing is seen by training on, so that the other tests can fail."""

import dataclasses

import numpy as np
import pytest

from estimator_ckpt.conversion import optimizer_to_keras, optimizer_to_tf1
from estimator_ckpt.mapping import source
from estimator_ckpt.optimizers import momentum
from tests.optimizers import measures
from tests.optimizers.training import CROSSINGS
from tests.testing.small_model import needs_keras_2

# The modules that ask by which factor momentum differs.
_FACTORS = (optimizer_to_keras, momentum)
# Wrong by more than rounding can be.
_SEEN = 1e-3


def _scale_momentum_by(patch, change):
    original = momentum.momentum_factor

    def changed(*arguments):
        factor = original(*arguments)
        return None if factor is None else change(factor)

    for module in _FACTORS:
        patch.setattr(module, 'momentum_factor', changed)


def _swap_m_and_v(patch):
    swapped = {'m': 'v', 'v': 'm'}
    read = source.read_states

    def wrong(*arguments):
        return {
            key: dataclasses.replace(state, role=swapped.get(state.role, state.role))
            if state.is_tf1
            else state
            for key, state in read(*arguments).items()
        }

    patch.setattr(source, 'read_states', wrong)


_WAYS = {
    'live legacy': lambda crossing, folder: measures.live_to_keras(crossing, 'legacy', folder),
    'live new': lambda crossing, folder: measures.live_to_keras(crossing, 'new', folder),
    'file legacy': measures.files_to_keras,
    'file new': measures.files_to_layout,
}
pytestmark = needs_keras_2


@pytest.mark.parametrize('way', _WAYS)
@pytest.mark.parametrize(
    'change', [lambda factor: -factor, lambda factor: None], ids=['wrong sign', 'unscaled']
)
@pytest.mark.parametrize('name', ['Momentum', 'Nesterov'])
def test_momentum_of_the_other_side_is_seen(name, change, way, tmp_path, monkeypatch):
    _scale_momentum_by(monkeypatch, change)
    assert _WAYS[way](CROSSINGS[name], tmp_path) > _SEEN


@pytest.mark.parametrize('way', _WAYS)
def test_swapped_slots_are_seen(way, tmp_path, monkeypatch):
    _swap_m_and_v(monkeypatch)
    # The square root of what m is can be of a negative number.
    found = _WAYS[way](CROSSINGS['Adam'], tmp_path)
    assert np.isnan(found) or found > _SEEN


def test_iterations_that_start_anew_are_seen(tmp_path):
    hyperparameters = {**CROSSINGS['Adam'].hyperparameters, 'iter': 0}
    options = {'hyperparameters': hyperparameters, 'drop': 'step'}
    assert measures.files_to_keras(CROSSINGS['Adam'], tmp_path, **options) > _SEEN


@pytest.mark.parametrize('generation', ['legacy', 'new'])
def test_iterations_that_are_not_taken_are_seen(generation, tmp_path):
    assert measures.live_to_keras(CROSSINGS['Adam'], generation, tmp_path, step='reset') > _SEEN


@pytest.mark.parametrize('way', [measures.live_to_tf1, measures.files_to_tf1])
def test_momentum_that_tf1_gets_wrong_is_seen(way, tmp_path, monkeypatch):
    for module in (optimizer_to_tf1, momentum):
        monkeypatch.setattr(module, 'momentum_factor', lambda *arguments: None)
    assert way(CROSSINGS['Momentum'], tmp_path) > _SEEN
