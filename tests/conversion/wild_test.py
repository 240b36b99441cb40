"""Old checkpoints of strangers are converted to each style and back, bit for bit, and TensorFlow restores them."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.keys.contents import Contents

tf1 = tf.compat.v1


def _prefixes(wild: pathlib.Path):
    return sorted(str(path).removesuffix('.index') for path in wild.rglob('*.index'))


def _values(prefix):
    reader = tf1.train.NewCheckpointReader(prefix)
    return {key: np.asarray(reader.get_tensor(key)) for key in reader.get_variable_to_shape_map()}


def _assert_same(actual, expected):
    assert actual.keys() == expected.keys()
    assert all(actual[key].tobytes() == value.tobytes() for key, value in expected.items())


def _assert_restored_by_objects(prefix, expected):
    variables = {key: tf.Variable(np.zeros_like(value)) for key, value in expected.items()}
    tf.train.Checkpoint(vars=variables).restore(prefix).assert_consumed()
    _assert_same({key: variable.numpy() for key, variable in variables.items()}, expected)


def _assert_restored_by_names(prefix, expected):
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = {
            key: tf1.get_variable(f'v{number}', initializer=np.zeros_like(value))
            for number, (key, value) in enumerate(sorted(expected.items()))
        }
        tf1.train.Saver(variables).restore(session, prefix)
        _assert_same(session.run(variables), expected)


@pytest.mark.parametrize('chain', [('tf2', 'tf1'), ('both', 'tf2', 'tf1')], ids='-'.join)
def test_name_based_ones_go_to_objects_and_come_back(chain, wild, tmp_path):
    prefixes = [prefix for prefix in _prefixes(wild) if str(Contents(prefix).style) == 'tf1']
    assert len(prefixes) >= 8
    for number, source in enumerate(prefixes):
        expected = current = None
        for style in chain:
            destination = str(tmp_path / f'{number}-{style}')
            estimator_ckpt.convert(current or source, destination, style)
            current = destination
            expected = expected or _values(source)
            if style != 'tf1':
                _assert_restored_by_objects(current, expected)
            if style != 'tf2':
                _assert_restored_by_names(current, expected)
        _assert_same(_values(current), expected)


def test_object_based_ones_go_to_names(wild, tmp_path):
    prefixes = [prefix for prefix in _prefixes(wild) if str(Contents(prefix).style) == 'tf2']
    assert len(prefixes) >= 4
    for number, source in enumerate(prefixes):
        values = _values(source)
        report = estimator_ckpt.convert(source, tmp_path / f'{number}', 'tf1')
        converted = _values(str(tmp_path / f'{number}'))
        assert {row.target for row in report.matched} == converted.keys()
        _assert_same(converted, {row.target: values[row.source] for row in report.matched})
        _assert_restored_by_names(str(tmp_path / f'{number}'), converted)
        left = values.keys() - {row.source for row in report.matched}
        assert left <= {'_CHECKPOINTABLE_OBJECT_GRAPH', 'save_counter/.ATTRIBUTES/VARIABLE_VALUE'}


def test_slots_become_slot_variables(wild, tmp_path):
    converted = 0
    for number, source in enumerate(_prefixes(wild)):
        contents = Contents(source)
        slots = [entry for entry in contents.entries() if str(entry.kind) == 'slot']
        if not slots or str(contents.style) != 'tf1':
            continue
        path = tmp_path / f'{number}'
        report = estimator_ckpt.convert(source, path, 'tf2', optimizer='optimizer')
        assert not report.notes
        after = [entry for entry in Contents(path).entries() if str(entry.kind) == 'slot']
        assert len(after) == len(slots)
        assert all('/.OPTIMIZER_SLOT/optimizer/' in entry.key for entry in after)
        estimator_ckpt.convert(path, tmp_path / f'{number}-back', 'tf1')
        _assert_same(_values(str(tmp_path / f'{number}-back')), _values(source))
        converted += 1
    assert converted >= 6
