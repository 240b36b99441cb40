"""Tests what the flags of `inspect` show of many tensors, of one, and of values."""

import re

import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.inspection.entry_table import entry_lines
from estimator_ckpt.keys.contents import CheckpointEntry
from estimator_ckpt.keys.kinds import Kind
from tests.bundle.helpers import flip_byte, save, save_sharded, write_by_hand
from tests.cli.helpers import in_process, on_terminal

ESCAPES = re.compile(r'\x1b\[\d+m')
BLOCKS = {
    f'bert/encoder/layer_{n}/attention/self/{part}/kernel{slot}': np.full((2, 2), n, np.float32)
    for n in range(12)
    for part in ('query', 'key')
    for slot in ('', '/Adam', '/Adam_1')
}
TENSORS = {**BLOCKS, 'bert/pooler/bias': np.float32([1, np.nan, np.inf, 0]), 'global_step': np.int64(5)}


@pytest.fixture(scope='module')
def blocks(tmp_path_factory):
    return save(tmp_path_factory.mktemp('blocks') / 'model.ckpt', TENSORS)


@pytest.fixture
def tf2(blocks, tmp_path):
    return estimator_ckpt.convert(blocks, tmp_path / 'tf2', 'tf2') and tmp_path / 'tf2'


@pytest.fixture
def sharded(tmp_path):
    save_sharded(tmp_path / 'sharded', 2)
    return tmp_path / 'sharded'


def keys_of(lines):
    """The last cells of the table that the summary of the checkpoint precedes."""
    rows = lines[lines.index('') + 2 :]
    return [line.split()[-1] for line in rows[: rows.index('')]]


class TestRows:
    def test_a_terminal_gets_blocks_folded(self, blocks):
        code, seen = on_terminal('inspect', blocks)
        lines = [ESCAPES.sub('', line) for line in seen.splitlines()]
        layer = 'bert/encoder/layer_{0..11}/attention/self'
        assert code == 0
        assert keys_of(lines) == [
            *(
                f'{layer}/{part}/kernel{slot}'
                for part in ('key', 'query')
                for slot in ('', '/Adam', '/Adam_1')
            ),
            'bert/pooler/bias',
            'global_step',
        ]
        assert re.search(r'^kind +dtype +shape +size +tensors +key$', '\n'.join(lines), re.MULTILINE)

    def test_a_pipe_gets_each_key_and_either_can_be_had(self, capsys, blocks):
        assert keys_of(in_process(capsys, 'inspect', blocks).lines) == sorted(TENSORS)
        assert len(keys_of(in_process(capsys, 'inspect', blocks, '--noall_rows').lines)) == 8
        _, seen = on_terminal('inspect', blocks, '--all_rows')
        assert keys_of([ESCAPES.sub('', line) for line in seen.splitlines()]) == sorted(TENSORS)

    def test_the_shard_is_shown_where_there_are_several(self, capsys, blocks, sharded):
        assert ' shard' not in in_process(capsys, 'inspect', blocks).lines[3]
        lines = in_process(capsys, 'inspect', sharded).lines
        assert lines[3].split()[-2:] == ['shard', 'key']
        assert {line.split()[-2] for line in lines[4:8]} == {'0', '1'}
        entries = [CheckpointEntry(f'x_{n}', (), 'float32', Kind.VARIABLE, 4, n % 2) for n in range(4)]
        _, line = entry_lines(entries, are_folded=True)
        assert line.text.split()[-3:] == ['0..1', '4', 'x_{0..3}']

    def test_rows_that_are_folded_fold_in_diff_and_plan_too(self, capsys, blocks, tmp_path):
        few = save(tmp_path / 'few', {'global_step': np.int64(5)})
        lines = in_process(capsys, 'diff', blocks, few, '--noall_rows').lines
        assert '12  bert/encoder/layer_{0..11}/attention/self/key/kernel' in '\n'.join(lines)
        pattern, replacement = r'bert/encoder/layer_(\d+)/(.*)', r'block/\1/\2'
        estimator_ckpt.convert(blocks, tmp_path / 'new', 'tf1', rules=[(pattern, replacement)])
        rule = f'--rule={pattern} -> {replacement}'
        lines = in_process(capsys, 'plan', blocks, tmp_path / 'new', rule, '--noall_rows').lines
        path = 'attention/self/key/kernel'
        assert f'block/{{i=0..11}}/{path} <- bert/encoder/layer_{{i}}/{path}' in '\n'.join(lines)


class TestDepth:
    def test_keys_are_summed_up_by_scope(self, capsys, blocks):
        lines = in_process(capsys, 'inspect', blocks, '--depth=2').lines
        assert [line.split() for line in lines[3:7]] == [
            ['keys', 'parameters', 'bytes', 'scope'],
            ['72', '288', '1.15', 'kB', 'bert/encoder/'],
            ['1', '4', '16', 'B', 'bert/pooler/'],
            ['1', '1', '8', 'B', 'global_step'],
        ]

    def test_scopes_are_folded_like_keys(self, capsys, blocks):
        lines = in_process(capsys, 'inspect', blocks, '--depth=3', '--noall_rows').lines
        assert keys_of(lines) == ['bert/encoder/layer_{0..11}/', 'bert/pooler/bias', 'global_step']

    def test_objects_are_summed_up_without_their_attributes(self, capsys, tf2):
        scopes = in_process(capsys, 'inspect', tf2, '--depth=9', '--kind=step', '--json').json['scopes']
        assert [(row['scope'], row['keys']) for row in scopes] == [('vars/global_step/', 1)]

    def test_a_tree_ends_there(self, capsys, blocks):
        rows = in_process(capsys, 'inspect', blocks, '--tree', '--depth=1', '--json').json['tree']
        assert [row['name'] for row in rows] == ['bert', 'encoder', 'pooler', 'global_step']


class TestStatistics:
    def test_each_tensor_has_its_numbers(self, capsys, blocks):
        lines = in_process(
            capsys, 'inspect', blocks, '--stats', '--filter=layer_7.*query/kernel$|pooler'
        ).lines
        assert lines[3].split() == [
            'kind',
            'dtype',
            'shape',
            'size',
            'mean',
            'std',
            'min',
            'max',
            'zeros',
            'NaN',
            'Inf',
            'key',
        ]
        rows = {line.split()[-1]: line.split() for line in lines[4:6]}
        assert rows['bert/encoder/layer_7/attention/self/query/kernel'][-5:-1] == ['7', '0', '7', '7']
        assert rows['bert/pooler/bias'][-8:-1] == ['0.5', '0.5', '0', '1', '1', '1', '1']

    def test_json_has_them_too(self, capsys, blocks):
        entries = in_process(capsys, 'inspect', blocks, '--stats', '--json').json['entries']
        found = {entry['key']: entry['statistics'] for entry in entries}
        assert found['bert/pooler/bias'] == {
            'mean': 0.5, 'std': 0.5, 'min': 0.0, 'max': 1.0, 'zeros': 1, 'nan': 1, 'inf': 1,
        }  # fmt: skip
        assert found['global_step']['max'] == 5 and len(found) == len(TENSORS)

    def test_a_damaged_tensor_is_an_error(self, capsys, tmp_path):
        prefix = save(tmp_path / 'x', {'w': np.ones(4, np.float32)})
        flip_byte(f'{prefix}.data-00000-of-00001', 3)
        result = in_process(capsys, 'inspect', '--stats', prefix)
        assert result.code == 2 and "'w'" in result.err and result.out == ''


def path_of(prefix, name):
    [key] = [entry.key for entry in estimator_ckpt.inspect(prefix).entries if entry.full_name == name]
    return key.removesuffix('/.ATTRIBUTES/VARIABLE_VALUE')


def test_a_checkpoint_without_tensors_has_no_table(capsys, tmp_path):
    prefix = write_by_hand(tmp_path / 'none', {})
    for flags in ([], ['--depth=1'], ['--stats'], ['--values']):
        result = in_process(capsys, 'inspect', prefix, *flags)
        assert result.lines == [prefix, 'style tf1, 0 parameters in variables, 1 shard']


class TestTensorName:
    def test_its_value_is_shown(self, capsys, blocks):
        result = in_process(capsys, 'inspect', blocks, '--tensor_name=global_step')
        assert (result.code, result.lines) == (0, ['global_step  int64 []', '  5'])

    def test_the_name_of_a_variable_will_do(self, capsys, tf2):
        lines = in_process(capsys, 'inspect', tf2, '--tensor_name=bert/pooler/bias').lines
        assert len(lines) == 2 and lines[1].split() == ['[', '1.', 'nan', 'inf', '0.]']

    @pytest.mark.parametrize('name', ['bert/pooler/bias:0', 'model/dense/bias', 'model/dense/bias:0'])
    def test_so_will_the_name_with_a_number_and_the_path_of_the_object(self, capsys, tf2, name):
        name = name.replace('model/dense/bias', path_of(tf2, 'bert/pooler/bias'))
        assert in_process(capsys, 'inspect', tf2, f'--tensor_name={name}') == in_process(
            capsys, 'inspect', tf2, '--tensor_name=bert/pooler/bias'
        )

    def test_an_empty_name_is_none(self, capsys, blocks, tf2):
        for checkpoint in (blocks, tf2):
            result = in_process(capsys, 'inspect', checkpoint, '--tensor_name=')
            assert result.code == 2 and "has no tensor ''" in result.err

    def test_json_has_the_one_entry(self, capsys, blocks):
        entries = in_process(capsys, 'inspect', blocks, '--tensor_name=global_step', '--json').json['entries']
        assert [(entry['key'], entry['value']) for entry in entries] == [('global_step', 5)]

    def test_with_statistics_these_are_shown(self, capsys, blocks):
        lines = in_process(capsys, 'inspect', blocks, '--tensor_name=global_step', '--stats').lines
        assert len(lines) == 2 and lines[1].split()[-5:] == ['5', '0', '5', '5', 'global_step']

    def test_with_values_and_statistics_both_are(self, capsys, blocks):
        lines = in_process(
            capsys, 'inspect', blocks, '--tensor_name=global_step', '--stats', '--values'
        ).lines
        assert lines[:2] == ['global_step  int64 []', '  5'] and lines[-1].endswith('global_step')

    def test_a_name_that_is_not_there_is_an_error_with_the_nearest(self, capsys, blocks):
        result = in_process(capsys, 'inspect', blocks, '--tensor_name=global_stop')
        assert result.code == 2 and 'nearest: global_step' in result.err


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--tree', '--tensor_name=x'], '--tree shows all objects; omit --tensor_name'),
        (['--tensor_name=x', '--filter=y'], 'omit --filter and --kind'),
        (['--depth=2', '--values', '--stats'], 'omit --values and --stats'),
        (['--depth=0'], '--depth=0'),
        (['--all_rows', '--json'], 'omit --all_rows'),
    ],
)
def test_a_flag_without_effect_is_an_error(capsys, blocks, flags, message):
    result = in_process(capsys, 'inspect', blocks, *flags)
    assert result.code == 2 and message in result.err


def test_force_color_colors_a_pipe_unless_no_color_says_no(capsys, blocks, monkeypatch):
    monkeypatch.setenv('FORCE_COLOR', '1')
    assert '\x1b[1m' in in_process(capsys, 'inspect', blocks).out
    monkeypatch.setenv('NO_COLOR', '1')
    assert '\x1b' not in in_process(capsys, 'inspect', blocks).out
