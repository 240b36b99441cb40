"""Tests that what subcommands print as JSON is what their schemas describe, field by field."""

import json

import jsonschema
import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state
from estimator_ckpt.cli.json_output import NAMES, schema
from tests.bundle.helpers import BFLOAT16, flip_byte, save, strings
from tests.cli.helpers import in_process

TENSORS = {
    'net/kernel': np.float32([[1, np.nan], [np.inf, 0]]),
    'net/kernel/Adam': np.zeros((2, 2), np.float32),
    'net/bfloat16': np.array([1.5], BFLOAT16),
    'net/complex': np.complex64(1 + 2j),
    'words': strings(b'a'),
    'global_step': np.int64(3),
}


def strict(node):
    """A schema like another one, in which an object may have no fields but those that are described."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: strict(value) for key, value in node.items()}
    if isinstance(node.get('properties'), dict) and node.get('type') == 'object':
        result['additionalProperties'] = False
    return result


def check(name, fields):
    jsonschema.validate(fields, strict(json.loads(schema(name))), jsonschema.Draft202012Validator)
    assert fields['schema'] == f'estimator-ckpt/{name}/1'


@pytest.fixture
def a(tmp_path):
    (tmp_path / 'run').mkdir()
    prefix = save(tmp_path / 'run' / 'model.ckpt-3', TENSORS)
    write_state(str(tmp_path / 'run'), CheckpointState('model.ckpt-3', ('model.ckpt-2', 'model.ckpt-3')))
    return prefix


@pytest.fixture
def b(tmp_path):
    tensors = {'net/kernel': np.ones((2, 2), np.float32), 'net/complex': np.float32([1]), 'x': np.float32(0)}
    return save(tmp_path / 'b', tensors | {'words': strings(b'b'), 'global_step': np.int32(3)})


@pytest.mark.parametrize('name', NAMES)
def test_a_schema_is_one_and_is_printed(capsys, name):
    result = in_process(capsys, 'schema', name)
    assert result.json == json.loads(schema(name))
    jsonschema.Draft202012Validator.check_schema(result.json)


def test_an_unknown_name_is_an_error(capsys):
    result = in_process(capsys, 'schema', 'clean')
    assert result.code == 2 and 'expected one of inspect, list' in result.err


@pytest.mark.parametrize(
    'flags', ['', '--values', '--stats', '--tree', '--depth=1', '--tensor_name=net/complex']
)
@pytest.mark.parametrize('style', ['tf1', 'tf2'])
def test_inspect(capsys, a, tmp_path, flags, style):
    estimator_ckpt.convert(a, tmp_path / 'new', style, optimizer=None if style == 'tf1' else 'optimizer')
    if style == 'tf2' and 'tensor_name' in flags:
        flags = '--tensor_name=net/kernel'
    check('inspect', in_process(capsys, 'inspect', tmp_path / 'new', *flags.split(), '--json').json)


def test_list_and_repair(capsys, a, tmp_path):
    (tmp_path / 'run' / 'checkpoint.tmp123').write_text('left')
    save(tmp_path / 'run' / 'model.ckpt-4', TENSORS)
    (tmp_path / 'run' / 'model.ckpt-4.data-00000-of-00001').write_bytes(b'')
    listing = in_process(capsys, 'list', tmp_path / 'run', '--json').json
    check('list', listing)
    assert len(listing['checkpoints']) == 2 and listing['missing'] and not listing['ok']
    repaired = in_process(capsys, 'repair', tmp_path / 'run', '--json').json
    check('repair', repaired)
    assert len(repaired['damaged']) == 1


def test_diff(capsys, a, b):
    found = in_process(capsys, 'diff', a, b, '--json').json
    check('diff', found)
    assert all(found[section] for section in ('only_in_a', 'only_in_b', 'shape', 'dtype', 'value'))


def test_verify(capsys, a, tmp_path):
    flip_byte(f'{a}.data-00000-of-00001', 0)
    found = in_process(capsys, 'verify', '--finite', a, '--json').json
    check('verify', found)
    assert found['faults'] and found['warnings']


def test_plan_and_suggest(capsys, a, b):
    check('plan', in_process(capsys, 'plan', a, b, '--rule=none -> some', '--json').json)
    found = in_process(capsys, 'plan', '--suggest', a, b, '--json').json
    check('suggest', found)
    assert found['missing'] or found['ambiguous']


def test_convert_and_average(capsys, a, tmp_path):
    check('convert', in_process(capsys, 'convert', a, tmp_path / 'new', '--style=tf2', '--json').json)
    directory = [tmp_path / 'all', tmp_path / 'new_all']
    directory[0].mkdir()
    save(directory[0] / 'model.ckpt-1', TENSORS)
    reports = in_process(capsys, 'convert', '--all', *directory, '--style=both', '--json').json
    assert list(reports) == ['model.ckpt-1']
    check('convert', reports['model.ckpt-1'])
    check('average', in_process(capsys, 'average', a, a, tmp_path / 'average', '--json').json)
