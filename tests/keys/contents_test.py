"""What two checkpoints share is told from their indexes, so that it is worked out once."""

import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.keys.contents import Contents
from tests.bundle.helpers import save

TENSORS = {'v': np.zeros([2, 3], np.float32), 'v/Adam': np.zeros([2, 3], np.float32)}


@pytest.fixture
def a(tmp_path):
    return Contents(save(tmp_path / 'a', TENSORS))


def _aliased(prefix):
    """A checkpoint with the same keys over the same bytes."""
    writer = BundleWriter(str(prefix))
    writer.add_tensor('v', TENSORS['v'])
    writer.alias('v/Adam', 'v')
    return writer.publish()


def test_equal_keys_and_shapes_have_equal_meanings(a, tmp_path):
    other = Contents(save(tmp_path / 'b', {key: value + 1 for key, value in TENSORS.items()}))
    assert a.has_tensors_of(other) and a.has_meanings_of(other)


def test_other_keys_shapes_and_shared_bytes_tell_nothing(a, tmp_path):
    shaped = Contents(save(tmp_path / 'b', {**TENSORS, 'v': np.zeros([3, 2], np.float32)}))
    assert a.has_tensors_of(shaped) and not a.has_meanings_of(shaped)
    named = Contents(save(tmp_path / 'c', {**TENSORS, 'w': np.float32(1)}))
    assert not a.has_tensors_of(named) and not a.has_meanings_of(named)
    aliased = Contents(_aliased(tmp_path / 'd'))
    assert not a.has_tensors_of(aliased) and not aliased.has_tensors_of(a)


def test_object_graphs_tell_more_than_keys(a, tmp_path):
    estimator_ckpt.convert(a.reader.prefix, tmp_path / 'b', 'tf2')
    both = Contents(tmp_path / 'b')
    assert not both.has_tensors_of(both)


def test_plan_and_diff_are_the_same_with_and_without_what_is_shared(a, tmp_path, monkeypatch):
    other = save(tmp_path / 'b', {**TENSORS, 'v': np.ones([2, 3], np.float32)})
    reports = []
    for shared in (True, False):
        if not shared:
            monkeypatch.setattr(Contents, 'has_tensors_of', lambda *_: False)
        reports.append(
            [f(a.reader.prefix, other).to_json() for f in (estimator_ckpt.plan, estimator_ckpt.diff)]
        )
    assert reports[0] == reports[1]
