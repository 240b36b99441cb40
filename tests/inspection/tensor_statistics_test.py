"""Tests the statistics of tensors against those that NumPy computes of whole arrays."""

import dataclasses

import ml_dtypes
import numpy as np
import pytest

from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.inspection import tensor_statistics
from estimator_ckpt.inspection.tensor_statistics import Statistics, of_pieces, statistics
from tests.bundle.helpers import save, strings


def expected(array):
    wide = array.astype(np.float64).reshape(-1)
    finite = wide[np.isfinite(wide)]
    return {
        'mean': finite.mean(),
        'std': finite.std(),
        'min': finite.min(),
        'max': finite.max(),
        'zeros': np.count_nonzero(wide == 0),
        'nan': np.count_nonzero(np.isnan(wide)),
        'inf': np.count_nonzero(np.isinf(wide)),
    }


def with_odd_values(dtype):
    array = np.random.default_rng(1).normal(3, 2, 1001).astype(dtype)
    array[[3, 5, 900]], array[7], array[[8, 9]] = 0, np.inf, np.nan
    return array


@pytest.mark.parametrize('pieces', [1, 3, 400])
@pytest.mark.parametrize('dtype', [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_they_are_those_of_the_whole_array_however_it_is_split(dtype, pieces):
    array = with_odd_values(dtype)
    found = of_pieces(np.array_split(array, pieces))
    assert dataclasses.asdict(found) == pytest.approx(expected(array), rel=1e-12)


def test_integers_keep_all_of_their_digits():
    array = np.array([2**63 - 1, -(2**63) + 1, 0], np.int64)
    found = of_pieces([array[:1], array[1:]])
    assert (found.min, found.max, found.zeros, found.mean) == (-(2**63) + 1, 2**63 - 1, 1, 0)
    assert of_pieces([np.array([True, False, True])]).max == 1
    assert of_pieces([np.array([2**64 - 1], np.uint64)]).max == 2**64 - 1


def test_a_small_deviation_beside_a_large_mean_is_not_lost():
    array = 1e9 + np.random.default_rng(2).normal(0, 1e-3, 100_000)
    found = of_pieces(np.array_split(array, 77))
    assert found.std == pytest.approx(array.std(), rel=1e-6)


def test_a_deviation_that_is_too_large_is_infinite():
    found = of_pieces([np.array([1e300, -1e308])])
    assert (found.min, found.max, found.std) == (-1e308, 1e300, np.inf)
    assert found.to_dict()['std'] == 'inf'


@pytest.mark.parametrize('array', [np.zeros((0, 3), np.float32), np.full(3, np.nan, np.float32)])
def test_without_a_finite_element_there_is_no_mean(array):
    found = of_pieces([array])
    assert found == Statistics(nan=array.size)
    assert found.to_dict()['mean'] is None


def test_complex_numbers_are_counted_and_strings_have_none(tmp_path):
    array = np.array([0, 1 + 2j, np.nan, complex(np.inf, 0)], np.complex64)
    reader = BundleReader(save(tmp_path / 'x', {'c': array, 's': strings(b'a')}))
    assert statistics(reader, 'c') == Statistics(zeros=1, nan=1, inf=1)
    assert statistics(reader, 's') is None


def test_a_large_tensor_is_read_in_pieces(tmp_path, monkeypatch):
    array = with_odd_values(np.float32)[:1000].reshape(100, 10)
    reader = BundleReader(save(tmp_path / 'x', {'w': array}))
    monkeypatch.setattr(tensor_statistics, '_PIECE', 1000)
    sizes = []
    found = statistics(reader, 'w', sizes.append)
    assert dataclasses.asdict(found) == pytest.approx(expected(array), rel=1e-12)
    assert sizes == [1000] * 4
