"""What objects hold besides variables crosses every conversion: iterators' positions, and strings that Keras saved."""

import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader


@pytest.fixture
def saved(tmp_path):
    """A checkpoint of a variable, and of an iterator that has given two elements."""
    iterator = iter(tf.data.Dataset.range(9))
    next(iterator), next(iterator)
    v = tf.Variable(3.0, name='v')
    return tf.train.Checkpoint(it=iterator, v=v).save(str(tmp_path / 'x'))


def test_an_iterator_is_listed_as_something_else_and_verified(saved, tmp_path):
    kinds = {entry.key: str(entry.kind) for entry in estimator_ckpt.list_entries(saved)}
    assert kinds['it/.ATTRIBUTES/ITERATOR_STATE'] == 'other'
    assert not estimator_ckpt.verify(saved).faults
    entry = BundleReader(saved).entry('it/.ATTRIBUTES/ITERATOR_STATE')
    data = pathlib.Path(f'{saved}.data-00000-of-00001')
    content = bytearray(data.read_bytes())
    content[entry.offset + entry.size // 2] ^= 1
    data.write_bytes(content)
    assert [fault.key for fault in estimator_ckpt.verify(saved).faults] == ['it/.ATTRIBUTES/ITERATOR_STATE']


@pytest.mark.parametrize('styles', [('tf2',), ('both',), ('both', 'tf2'), ('tf1', 'tf2')])
def test_an_iterators_position_survives(styles, saved, tmp_path):
    path = saved
    for number, style in enumerate(styles):
        like = {'like': saved} if (style, number) == ('tf2', 1) else {}
        estimator_ckpt.convert(path, tmp_path / f'{number}', style, **like)
        path = str(tmp_path / f'{number}')
    iterator, v = iter(tf.data.Dataset.range(9)), tf.Variable(0.0)
    tf.train.Checkpoint(it=iterator, v=v).restore(path).assert_consumed()
    assert int(next(iterator)) == 2 and float(v) == 3.0


WILD = os.environ.get('ESTIMATOR_CKPT_WILD')


@pytest.mark.skipif(not WILD, reason='ESTIMATOR_CKPT_WILD is not set')
@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_configurations_that_keras_saved_keep_their_keys(style, tmp_path):
    folder = pathlib.Path(WILD).parent / 'wild_more' / 'tf2-lstm-pystate'
    if not folder.exists():
        pytest.skip('the further wild checkpoints are not here')
    source = str(next(folder.rglob('*.index'))).removesuffix('.index')
    estimator_ckpt.convert(source, tmp_path / 'x', style)
    before, after = BundleReader(source), BundleReader(str(tmp_path / 'x'))
    keys_before, keys_after = before.keys(), after.keys()
    strings = [key for key in keys_before if key.endswith('OBJECT_CONFIG_JSON')]
    assert '/.ATTRIBUTES/OBJECT_CONFIG_JSON' in strings
    for key in strings:
        np.testing.assert_array_equal(after.tensor(key), before.tensor(key))
    assert len([key for key in keys_after if 'JSON' in key]) == len(strings)
    assert not estimator_ckpt.verify(tmp_path / 'x').faults
