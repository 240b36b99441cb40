"""Tests that golden checkpoints are read, listed and converted, and that plain TensorFlow restores the results."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.keys import object_keys
from tests.bundle.helpers import as_array, assert_same, our_tensors, read_file, tf_tensors
from tests.golden.cases import CASES, FOLDER, Case
from tests.testing.small_model import needs_keras_2

tf1 = tf.compat.v1
STYLES = ['tf1', 'tf2', 'both']


def _parameters(cases):
    return [
        pytest.param(case, id=case.name, marks=[needs_keras_2] if case.of_keras_2 else []) for case in cases
    ]


every_case = pytest.mark.parametrize('case', [pytest.param(case, id=case.name) for case in CASES])
every_program = pytest.mark.parametrize('case', _parameters(case for case in CASES if case.resave))
every_style = pytest.mark.parametrize('style', STYLES)


def _tensors(prefix):
    """All tensors as TensorFlow reads them, but for the object graph, which each conversion writes anew."""
    tensors = tf_tensors(prefix)
    tensors.pop(object_keys.OBJECT_GRAPH, None)
    return tensors


def _names(tensors):
    return {key: value for key, value in tensors.items() if object_keys.ATTRIBUTES not in key}


def _convert(case: Case, style: str, tmp_path):
    """Converts a golden checkpoint to a style, and back; gives both prefixes."""
    there, back = str(tmp_path / 'there' / 'x'), str(tmp_path / 'back' / 'x')
    estimator_ckpt.convert(case.prefix(), there, style)
    # A name-based checkpoint has forgotten the objects.
    like = None if case.style == 'tf1' else case.prefix()
    estimator_ckpt.convert(there, back, case.style, like=like)
    return there, back


def _assert_restored_by_names(prefix, expected):
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = {
            key: tf1.get_variable(f'v{number}', initializer=tf.zeros(value.shape, tf.as_dtype(value.dtype)))
            for number, (key, value) in enumerate(sorted(expected.items()))
        }
        tf1.train.Saver(variables).restore(session, prefix)
        restored = session.run(variables)
    assert_same({key: as_array(value) for key, value in restored.items()}, expected)


def _assert_restored_by_objects(prefix, expected):
    """Restores `Checkpoint(vars={name: variable or table})`."""
    tables = {key.removesuffix('-keys') for key in expected if key.endswith('-keys')}
    parts = {f'{table}{end}' for table in tables for end in ('-keys', '-values')}
    variables = {
        key: tf.Variable(np.zeros_like(value)) for key, value in expected.items() if key not in parts
    }
    lookups = {name: tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1) for name in tables}
    tf.train.Checkpoint(vars={**variables, **lookups}).restore(prefix).assert_consumed()
    assert_same({key: v.numpy() for key, v in variables.items()}, {key: expected[key] for key in variables})
    for name, table in lookups.items():
        found = table.lookup(tf.constant(expected[f'{name}-keys'])).numpy()
        assert found.tolist() == expected[f'{name}-values'].tolist()


@every_case
def test_a_checkpoint_is_read_as_tensorflow_reads_it(case):
    assert_same(our_tensors(case.prefix()), tf_tensors(case.prefix()))


@every_case
def test_a_checkpoint_is_listed_as_its_listing_says(case):
    expected = json.loads(case.listing().read_text())
    entries = {entry.key: entry.to_dict() for entry in estimator_ckpt.list_entries(case.prefix())}
    assert entries.keys() == expected.keys()
    for key, fields in expected.items():
        fields = {'variable': '', 'slot_name': '', **fields}
        assert {name: entries[key][name] for name in fields} == fields


def test_the_slots_of_a_keras_optimizer_are_listed_alike_whether_it_was_applied_or_only_built():
    listings = {case.name: json.loads(case.listing().read_text()) for case in CASES}
    assert listings['tf2_keras_adam_built'] == listings['tf2_keras_adam']
    slots = [fields for fields in listings['tf2_keras_adam_built'].values() if fields['kind'] == 'slot']
    kernel, bias = (f'model/{name}/.ATTRIBUTES/VARIABLE_VALUE' for name in ('kernel', 'bias'))
    expected = [(kernel, 'm'), (kernel, 'v'), (bias, 'm'), (bias, 'v')]
    assert [(fields['variable'], fields['slot_name']) for fields in slots] == expected


@every_style
@every_case
def test_a_checkpoint_is_the_same_after_it_was_converted_there_and_back(case, style, tmp_path):
    there, back = _convert(case, style, tmp_path)
    before = _tensors(case.prefix())
    assert_same(_tensors(back), before)
    assert _bits(_tensors(there), style) == _bits(before, case.style)


def _bits(tensors, style):
    """The values of the tensors of a checkpoint of a style, sorted, each once."""
    return sorted(
        repr(value.tolist() if value.dtype == object else value.tobytes())
        for key, value in tensors.items()
        if not (
            key.startswith(f'{object_keys.SAVE_COUNTER}/')
            or (style == 'both' and object_keys.ATTRIBUTES not in key)
        )
    )


@every_style
@pytest.mark.parametrize('case', [pytest.param(c, id=c.name) for c in CASES if c.style == 'tf1'])
def test_tensorflow_restores_what_a_name_based_checkpoint_becomes(case, style, tmp_path):
    there, back = _convert(case, style, tmp_path)
    expected = _tensors(case.prefix())
    _assert_restored_by_names(back, expected)
    if style != 'tf2':
        _assert_restored_by_names(there, expected)
    if style != 'tf1':
        _assert_restored_by_objects(there, expected)


@every_style
@pytest.mark.parametrize('case', _parameters(case for case in CASES if case.style != 'tf1'))
def test_tensorflow_restores_what_an_object_based_checkpoint_becomes(case, style, tmp_path):
    there, back = _convert(case, style, tmp_path)
    if style != 'tf2':
        _assert_restored_by_names(there, _names(_tensors(there)))
    objects = [back] if style == 'tf1' else [there, back]
    expected = {key: value for key, value in _tensors(case.prefix()).items() if object_keys.ATTRIBUTES in key}
    for number, prefix in enumerate(objects):
        case.resave(prefix, str(tmp_path / f'saved-{number}'))
        assert_same(_tensors(str(tmp_path / f'saved-{number}')), expected)


@every_program
def test_the_program_restores_and_saves_the_same(case, tmp_path):
    case.resave(case.prefix(), str(tmp_path / 'x'))
    expected = _tensors(case.prefix())
    if case.style == 'both':  # TensorFlow saves its objects only.
        expected = {key: value for key, value in expected.items() if object_keys.ATTRIBUTES in key}
    actual = _tensors(str(tmp_path / 'x'))
    for key in [key for key in expected if key.endswith('-keys')]:  # A hash table has no order.
        for tensors in (actual, expected):
            order = np.argsort(tensors[key])
            for part in (key, f'{key.removesuffix("-keys")}-values'):
                tensors[part] = tensors[part][order]
    assert_same(actual, expected)


def test_the_sharded_and_the_partitioned_one_are_so():
    cases = {case.name: case for case in CASES}
    assert len(BundleReader(cases['tf1_sharded'].prefix()).data_paths()) == 2
    reader = BundleReader(cases['tf1_partitioned'].prefix())
    sliced = {key: len(reader.entry(key).slices) for key in sorted(reader.keys())}
    assert sliced == {
        'beta1_power': 0,
        'beta2_power': 0,
        'embedding': 2,
        'embedding/Adam': 2,
        'embedding/Adam_1': 2,
        'global_step': 0,
    }
    assert cases['tf1_empty_basename'].prefix().endswith('/')


def _generate(*arguments):
    command = [sys.executable, '-m', 'tests.golden.generate', *arguments]
    result = subprocess.run(command, cwd=FOLDER.parents[1], capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


@pytest.mark.skipif(not tf.__version__.startswith('2.15.'), reason='made with TensorFlow 2.15')
def test_the_generator_writes_the_same_bytes_again(tmp_path):
    assert len(_generate(f'--folder={tmp_path}')) == len(CASES)
    paths = [path for case in CASES for path in (FOLDER / case.name).iterdir()]
    assert len(paths) >= 3 * len(CASES)
    for path in paths:
        if path.suffix != '.json':
            assert read_file(tmp_path / path.relative_to(FOLDER)) == read_file(path), path


def test_a_dry_run_writes_nothing_and_says_what_it_would(tmp_path):
    lines = _generate(f'--folder={tmp_path}', '--filter=_adam', '--dry_run')
    names = ['tf1_adam', 'tf1_adam_snappy', 'tf2_keras_legacy_adam', 'tf2_keras_adam', 'tf2_keras_adam_built']
    assert lines == [f'{name}: would be written' for name in names]
    assert not list(tmp_path.iterdir())
    assert all(line.endswith(': is there already') for line in _generate('--dry_run'))
