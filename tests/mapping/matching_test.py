"""Checkpoints of the same tensors: each is its own source, as a search among names and paths finds too."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.keys.object_keys import OBJECT_GRAPH, object_key


def _write(prefix, values):
    writer = BundleWriter(str(prefix))
    for key, value in values.items():
        writer.add_tensor(key, np.asarray(value))
    writer.publish()
    return str(prefix)


def _values(prefix):
    reader = BundleReader(prefix)
    return {key: reader.tensor(key) for key in sorted(reader.keys())}


def test_old_checkpoints_map_to_themselves_as_to_ones_with_one_more_tensor(wild, tmp_path):
    prefixes = sorted(str(path).removesuffix('.index') for path in wild.rglob('*.index'))
    assert len(prefixes) >= 8
    for number, prefix in enumerate(prefixes):
        values = _values(prefix)
        same = estimator_ckpt.plan(prefix, _write(tmp_path / f'{number}', values))
        searched = estimator_ckpt.plan(
            prefix, _write(tmp_path / f'{number}-more', values | {'one/more': 1.0})
        )
        assert not same.faults() and not same.unused, prefix
        assert len(same.matched) >= len(values.keys() - {OBJECT_GRAPH}) / 2
        assert same.matched == searched.matched, prefix
        assert [row.target for row in searched.missing] == ['one/more']


def test_unnamed_variables_of_the_same_objects_are_their_own_sources(tmp_path):
    def save(name, first):
        numbered = {
            f'v{number}': tf.Variable(np.float32(first + number), name='Variable') for number in range(3)
        }
        return tf.train.Checkpoint(**numbered).write(str(tmp_path / name))

    report = estimator_ckpt.plan(save('a', 0), save('b', 10))
    keys = [object_key([f'v{number}']) for number in range(3)]
    assert [(row.source, row.target) for row in report.matched] == list(
        zip(keys, ['v0', 'v1', 'v2'], strict=True)
    )


def test_a_tensor_of_another_type_does_not_fit(tmp_path):
    a = _write(tmp_path / 'a', {'w': np.zeros([2, 3], np.float32), 'w/Adam': np.zeros([2, 3], np.float32)})
    b = _write(tmp_path / 'b', {'w': np.zeros([2, 3], np.float64), 'w/Adam': np.zeros([2, 3], np.float32)})
    report = estimator_ckpt.plan(a, b)
    assert [row.target for row in report.matched] == ['w/Adam']
    [row] = report.mismatched
    assert (row.source, row.target, row.dtype, row.note) == (
        'w',
        'w',
        'float64',
        'the source is float32 [2, 3]',
    )
    assert len(estimator_ckpt.plan(a, b, cast=True).matched) == 2


@pytest.mark.parametrize('style', ['tf1', 'tf2'])
def test_rules_go_before_the_same_names(style, tmp_path):
    names = _write(tmp_path / 'names', {'a/w': np.zeros(2, np.float32), 'b/w': np.ones(2, np.float32)})
    estimator_ckpt.convert(names, str(tmp_path / 'source'), style)
    report = estimator_ckpt.plan(
        str(tmp_path / 'source'), str(tmp_path / 'source'), {'a/w': 'b/w', 'b/w': 'a/w'}
    )
    key = str if style == 'tf1' else lambda name: object_key(['vars', name])
    assert {row.target: row.source for row in report.matched} == {'a/w': key('b/w'), 'b/w': key('a/w')}
