"""What two checkpoints share is told from their indexes, so that it is worked out once."""

import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.keys.contents import Contents
from tests.bundle.helpers import save, strings

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


def test_equal_objects_over_bytes_at_the_same_places_have_equal_meanings(a, tmp_path):
    other = save(tmp_path / 'b', {key: value + 1 for key, value in TENSORS.items()})
    for style in ('tf2', 'both'):
        contents = []
        for name, source in (('x', a.reader.prefix), ('y', other)):
            estimator_ckpt.convert(source, tmp_path / f'{name}_{style}', style)
            contents.append(Contents(tmp_path / f'{name}_{style}'))
        x, y = contents
        assert x.has_tensors_of(y) and x.has_meanings_of(y)
        assert list(x.tensors()) == list(y.tensors()) and x.meanings() == y.meanings()
    tf2, both = (Contents(tmp_path / f'x_{style}') for style in ('tf2', 'both'))
    assert not tf2.has_tensors_of(both) and not both.has_tensors_of(tf2)


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_plan_and_diff_are_the_same_with_and_without_what_is_shared(tmp_path, monkeypatch, style):
    tensors = TENSORS | {
        'empty': np.zeros([0], np.float32),
        'global_step': np.int64(1),
        'words': strings(b'ab'),
    }
    paths = []
    for name, value in (('a', 0), ('b', 1)):
        save(tmp_path / name, {**tensors, 'v': np.full([2, 3], value, np.float32)})
        paths.append(tmp_path / f'{name}_{style}')
        options = {} if style == 'tf1' else {'optimizer': 'optimizer', 'step': 'step'}
        estimator_ckpt.convert(tmp_path / name, paths[-1], style, **options)
    assert Contents(paths[0]).has_tensors_of(Contents(paths[1]))
    reports = []
    for shared in (True, False):
        if not shared:
            monkeypatch.setattr(Contents, 'has_tensors_of', lambda *_: False)
        reports.append([f(*paths).to_json() for f in (estimator_ckpt.plan, estimator_ckpt.diff)])
    assert reports[0] == reports[1]


def test_slices_tell_nothing(tmp_path):
    whole = np.ones((4, 2), np.float32)
    one = Contents(save(tmp_path / 'one', {'w': whole}))
    other = Contents(save(tmp_path / 'other', {'w': whole[:2]}, {'w': '4 2 0,2:-'}))
    assert one.all_keys == other.all_keys and not one.has_tensors_of(other) and not other.has_meanings_of(one)
