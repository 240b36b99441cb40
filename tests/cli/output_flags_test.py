"""Tests the flags that every subcommand has, and what a dry run prints."""

import os

import numpy as np
import pytest

import estimator_ckpt
from tests.bundle.helpers import save
from tests.cli.helpers import in_process, on_terminal

TENSORS = {f'net/layer_{n}/kernel': np.full((2, 3), n, np.float32) for n in range(4)}


@pytest.fixture
def a(tmp_path):
    return save(tmp_path / 'a', {**TENSORS, 'global_step': np.int64(5)})


class TestQuiet:
    @pytest.mark.parametrize('flag', ['--quiet', '-q'])
    def test_only_the_exit_code_says_what_was_found(self, capsys, a, tmp_path, flag):
        other = save(tmp_path / 'b', {'global_step': np.int64(6)})
        for command, code in (
            [['inspect', a], 0],
            [['verify', a], 0],
            [['diff', a, other], 1],
            [['plan', a, a], 0],
        ):
            result = in_process(capsys, *command, flag)
            assert (result.code, result.out, result.err) == (code, '', '')

    def test_errors_and_warnings_are_printed(self, capsys, a, tmp_path):
        result = in_process(capsys, 'inspect', tmp_path / 'gone', '--quiet')
        assert result.code == 2 and 'gone' in result.err
        (tmp_path / 'checkpoint').write_text('model_checkpoint_path: "gone"\n')
        assert in_process(capsys, 'verify', a, '--quiet').out.startswith('warning: ')

    def test_no_bar_is_shown(self, a):
        assert on_terminal('verify', a, '--quiet') == (0, '')

    def test_it_ends_with_its_command_line(self, capsys, a):
        in_process(capsys, 'inspect', a, '--quiet')
        assert in_process(capsys, 'inspect', a).out

    @pytest.mark.parametrize(
        ('command', 'message'), [(['inspect', '--json'], 'omit --json'), (['clean'], 'pass --yes')]
    )
    def test_what_it_would_make_useless_is_an_error(self, capsys, tmp_path, command, message):
        result = in_process(capsys, *command, tmp_path, '--quiet')
        assert result.code == 2 and message in result.err


class TestDryRun:
    def test_what_would_be_written_is_printed_and_nothing_is(self, capsys, a, tmp_path):
        before = sorted(os.listdir(tmp_path))
        result = in_process(capsys, 'convert', a, tmp_path / 'new', '--style=tf2', '--root=net', '--dry_run')
        assert result.code == 0 and sorted(os.listdir(tmp_path)) == before
        path = 'net/net.Slayer_1.Skernel/.ATTRIBUTES/VARIABLE_VALUE'
        assert f'float32  [2, 3]  {path} <- net/layer_1/kernel' in result.lines
        assert result.lines[-1] == f'{tmp_path / "new"}: would be written in style tf2: 5 matched'

    @pytest.mark.parametrize('ending', ['.npz', '.safetensors'])
    def test_of_files_of_other_kinds_too(self, capsys, a, tmp_path, ending):
        result = in_process(capsys, 'convert', a, tmp_path / f'new{ending}', '--dry_run')
        assert result.code == 0 and not (tmp_path / f'new{ending}').exists()
        assert result.lines[-1].endswith('would be written: 5 matched')

    def test_all_checkpoints_of_a_directory_are_named(self, capsys, a, tmp_path):
        result = in_process(
            capsys, 'convert', '--all', tmp_path, tmp_path / 'new', '--style=tf2', '--dry_run'
        )
        assert result.lines == [f'{tmp_path / "new"}: would be converted to tf2: a']
        assert not (tmp_path / 'new').exists()

    def test_its_report_is_that_of_the_conversion(self, a, tmp_path):
        options = {'style': 'tf1', 'rules': [(r'net/(.*)', r'model/\1')]}
        planned = estimator_ckpt.convert(a, tmp_path / 'new', **options, dry_run=True)
        assert planned.to_json() == estimator_ckpt.convert(a, tmp_path / 'new', **options).to_json()

    def test_what_would_fail_fails(self, capsys, a):
        result = in_process(capsys, 'convert', a, a, '--style=tf2', '--dry_run')
        assert result.code == 2 and 'is the source itself' in result.err

    def test_in_a_directory_the_checkpoint_is_named(self, capsys, a, tmp_path):
        result = in_process(capsys, 'convert', a, f'{tmp_path / "new"}/', '--style=tf1', '--dry_run')
        assert result.lines[-1].startswith(f'{tmp_path / "new" / "a"}: would be written in style tf1')
        result = in_process(capsys, 'convert', a, f'{tmp_path / "new"}/', '--style=tf1')
        assert result.lines[-1].startswith(f'{tmp_path / "new" / "a"}: written in style tf1')

    @pytest.mark.parametrize('flags', [['new', '--style=tf1'], ['new.npz'], ['new/', '--all', '--style=tf1']])
    def test_below_a_file_nothing_would_be_written(self, capsys, a, tmp_path, flags):
        source = tmp_path if '--all' in flags else a
        result = in_process(capsys, 'convert', source, f'{a}.index/{flags[0]}', *flags[1:], '--dry_run')
        assert (result.code, result.out) == (2, '') and f'{a}.index: Not a directory' in result.err

    @pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
    def test_nor_where_it_may_not(self, capsys, a, tmp_path):
        (tmp_path / 'closed').mkdir(0o555)
        result = in_process(capsys, 'convert', a, tmp_path / 'closed' / 'new.npz', '--dry_run')
        assert result.code == 2 and f'{tmp_path / "closed"}: Permission denied' in result.err

    def test_all_rows_needs_it(self, capsys, a, tmp_path):
        result = in_process(capsys, 'convert', a, tmp_path / 'new', '--style=tf2', '--all_rows')
        assert result.code == 2 and 'no effect without --dry_run' in result.err
        result = in_process(
            capsys, 'convert', '--all', tmp_path, tmp_path / 'new', '--style=tf2', '--dry_run', '--all_rows'
        )
        assert result.code == 2 and 'or with --all' in result.err


@pytest.mark.parametrize('command', ['plan', 'diff'])
def test_json_has_all_rows_anyway(capsys, a, command):
    result = in_process(capsys, command, a, a, '--json', '--noall_rows')
    assert result.code == 2 and '--json always shows all rows; omit --all_rows' in result.err


@pytest.mark.parametrize('kind', ['plan', 'tf1', '.npz'])
def test_a_joined_tensor_names_all_of_its_sources_and_has_its_own_shape(capsys, a, tmp_path, kind):
    rule = r'--rule=net/layer_([0-1])/kernel -> net/both | stack=0'
    if kind == 'plan':
        target = save(tmp_path / 'target', {'net/both': np.zeros((2, 2, 3), np.float32)})
        result = in_process(capsys, 'plan', a, target, rule, '--json')
    else:
        style, path = (['--style=tf1'], 'new') if kind == 'tf1' else ([], 'new.npz')
        result = in_process(capsys, 'convert', a, tmp_path / path, *style, rule, '--dry_run', '--json')
    [row] = [row for row in result.json['matched'] if row['target'] == 'net/both']
    assert (row['source'], row['shape']) == ('net/layer_0/kernel', [2, 2, 3])
    assert row['note'] == 'joined with net/layer_1/kernel'
