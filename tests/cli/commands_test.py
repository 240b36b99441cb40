"""Tests what each subcommand prints, on a terminal, in a pipe and as JSON, and its exit codes."""

import json
import re

import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.cli import convert_command
from tests.bundle.helpers import (
    BFLOAT16,
    assert_same,
    flip_byte,
    our_tensors,
    read_file,
    save,
    strings,
    write_file,
)
from tests.cli.helpers import in_process, on_terminal

LONG = 'model/' + 'very_long_scope/' * 6 + 'kernel'
TENSORS = {
    LONG: np.arange(6, dtype=np.float32).reshape(3, 2),
    f'{LONG}/Momentum': np.zeros((3, 2), np.float32),
    'global_step': np.int64(3),
}
ESCAPES = re.compile(r'\x1b\[\d+m')


@pytest.fixture
def a(tmp_path):
    return save(tmp_path / 'a', TENSORS)


@pytest.fixture
def b(tmp_path):
    return save(tmp_path / 'b', {**TENSORS, LONG: np.ones((3, 2), np.float32)})


class TestInspect:
    def test_a_pipe_gets_whole_keys_without_colour(self, capsys, a):
        result = in_process(capsys, 'inspect', a)
        assert re.search(f'^slot .*  {LONG}/Momentum$', result.out, re.MULTILINE)
        assert '\x1b' not in result.out

    @pytest.mark.parametrize('columns', [40, 80, 120])
    @pytest.mark.parametrize('flags', [[], ['--tree']], ids=' '.join)
    def test_a_terminal_gets_colour_and_whole_names_last(self, a, columns, flags):
        code, seen = on_terminal('inspect', a, *flags, columns=columns)
        lines = [ESCAPES.sub('', line) for line in seen.splitlines()]
        assert code == 0 and '\x1b[1m' in seen
        if flags:
            assert len([line for line in lines if line.strip().startswith('very_long_scope')]) == 6
        else:
            assert [line.split()[-1] for line in lines[4:7]] == sorted(TENSORS)

    def test_json_is_never_shortened_or_coloured(self, a):
        _, seen = on_terminal('inspect', a, '--json')
        fields = json.loads(seen)
        assert [entry['key'] for entry in fields['entries']] == sorted(TENSORS)
        assert fields['parameters'] == 6

    def test_the_table_is_sorted_and_filtered_and_the_totals_stay(self, capsys, a):
        result = in_process(capsys, 'inspect', a, '--filter=Mom|step', '--sort=size')
        keys = [line.split()[-1] for line in result.lines if 'Momentum' in line or 'global' in line]
        assert keys == [f'{LONG}/Momentum', 'global_step']
        assert re.search(r'^variable +1 +6 +24 B$', result.out, re.MULTILINE)
        assert LONG + '\n' not in result.out

    def test_kinds_may_be_said_in_the_plural(self, capsys, a):
        entries = in_process(capsys, 'inspect', a, '--kind=slots,step', '--json').json['entries']
        assert [entry['kind'] for entry in entries] == ['step', 'slot']

    def test_values_are_shown_below_their_keys(self, capsys, a):
        lines = in_process(capsys, 'inspect', a, '--values', '--filter=kernel$').lines
        at = lines.index(f'{LONG}  float32 [3, 2]')
        assert lines[at + 1 : at + 4] == ['  [[0. 1.]', '   [2. 3.]', '   [4. 5.]]']

    def test_values_of_every_type_are_fit_for_json(self, capsys, tmp_path):
        tensors = {
            'bfloat16': np.array([1.5], BFLOAT16),
            'bool': np.array(True),
            'complex': np.complex64(1 + 2j),
            'float': np.float32([1, np.nan, -np.inf]),
            'int': np.arange(2),
            'string': strings(b'\xffa', 'é'.encode()),
        }
        result = in_process(capsys, 'inspect', save(tmp_path / 'model', tensors), '--values', '--json')
        entries = json.loads(result.out, parse_constant=pytest.fail)['entries']
        assert {entry['key']: entry['value'] for entry in entries} == {
            'bfloat16': [1.5],
            'bool': True,
            'complex': [1.0, 2.0],
            'float': [1.0, 'nan', '-inf'],
            'int': [0, 1],
            'string': ['\\xffa', 'é'],
        }

    def test_the_tree_is_shown_and_in_json_has_a_row_for_each_object(self, capsys, a, tmp_path):
        estimator_ckpt.convert(a, tmp_path / 'tf2', 'tf2', optimizer='opt')
        assert (
            '      momentum  (slot of opt)  float32 [3, 2]'
            in in_process(capsys, 'inspect', tmp_path / 'tf2', '--tree').out
        )
        rows = in_process(capsys, 'inspect', tmp_path / 'tf2', '--tree', '--json').json['tree']
        [slot] = [row for row in rows if row['slot_of']]
        assert (slot['name'], slot['depth'], len(slot['entries'])) == ('momentum', 3, 1)


class TestDiff:
    def test_equal_checkpoints_give_0(self, capsys, a):
        result = in_process(capsys, 'diff', a, a)
        assert (result.code, result.lines[-1]) == (0, 'no difference; 3 tensors equal')

    def test_a_difference_gives_1_and_is_told(self, capsys, a, b):
        result = in_process(capsys, 'diff', a, b)
        assert result.code == 1
        assert 'other value (1):' in result.lines
        assert f'5 elements of 6; absolute 4, relative 1  {LONG}' in result.lines
        assert result.lines[-1] == '1 other value; 2 tensors equal'

    def test_json_has_the_same(self, capsys, a, b):
        result = in_process(capsys, 'diff', a, b, '--json')
        assert (result.code, result.json['equal'], result.json['value'][0]['max_absolute']) == (1, False, 4.0)

    def test_what_is_tolerated_gives_0(self, capsys, a, b):
        assert in_process(capsys, 'diff', a, b, '--atol=4').code == 0
        assert in_process(capsys, 'diff', a, b, '--rtol=0.99').code == 1

    def test_rules_come_from_a_file(self, capsys, a, tmp_path):
        write_file(tmp_path / 'rules', b'model/(.*) -> net/\\1  # renamed\n')
        estimator_ckpt.convert(a, tmp_path / 'new', 'tf1', rules=str(tmp_path / 'rules'))
        assert in_process(capsys, 'diff', a, tmp_path / 'new').code == 1
        assert in_process(capsys, 'diff', a, tmp_path / 'new', f'--rules={tmp_path / "rules"}').code == 0

    def test_a_terminal_gets_colours(self, a, b):
        code, seen = on_terminal('diff', a, b)
        assert code == 1 and '\x1b[33m' in seen


class TestVerify:
    def test_a_sound_checkpoint_gives_0(self, capsys, a):
        result = in_process(capsys, 'verify', a)
        assert (result.code, result.out, result.err) == (0, f'{a}: 3 keys, 56 B in 1 shard: no fault\n', '')

    def test_a_fault_gives_1_and_names_the_file_and_the_key(self, capsys, a):
        flip_byte(f'{a}.data-00000-of-00001', BundleReader(a).entry('global_step').offset)
        result = in_process(capsys, 'verify', a)
        assert result.code == 1
        assert result.lines[0] == (
            f"fault: {a}.data-00000-of-00001: 'global_step': the checksum of its bytes does not match"
        )
        assert in_process(capsys, 'verify', a, '--json').json['faults'][0]['key'] == 'global_step'

    def test_a_terminal_sees_progress_and_a_pipe_none(self, capsys, a):
        code, seen = on_terminal('verify', a)
        assert code == 0 and 'verifying:' in seen
        assert in_process(capsys, 'verify', a).err == ''


class TestPlan:
    def test_a_mapping_without_faults_gives_0(self, capsys, a, b):
        result = in_process(capsys, 'plan', a, b)
        assert (result.code, result.lines[0], result.lines[-1]) == (0, 'matched (3):', '3 matched')

    def test_what_is_missing_or_does_not_fit_gives_1(self, capsys, a, tmp_path):
        missing = save(tmp_path / 'missing', {'global_step': np.int64(1), 'global_stap': np.int64(1)})
        result = in_process(capsys, 'plan', a, missing)
        assert result.code == 1
        assert 'missing (1):' in result.lines and 'nearest: global_step' in result.out
        other = save(tmp_path / 'other', {'global_step': np.int32([1, 2])})
        result = in_process(capsys, 'plan', a, other)
        assert result.code == 1 and 'mismatched (1):' in result.lines

    def test_sources_that_nothing_takes_are_shown_and_are_no_fault(self, capsys, a, tmp_path):
        result = in_process(capsys, 'plan', a, save(tmp_path / 'few', {'global_step': np.int64(1)}))
        assert (result.code, result.lines[-1]) == (0, '1 matched, 2 unused')

    def test_two_sources_for_one_target_give_1(self, capsys, a, tmp_path):
        write_file(tmp_path / 'rules', b'.*kernel.* -> global_step\n')
        result = in_process(capsys, 'plan', a, a, f'--rules={tmp_path / "rules"}')
        assert result.code == 1 and 'ambiguous (2):' in result.lines

    def test_a_rule_that_matches_nothing_gives_1_and_is_told(self, capsys, a, tmp_path):
        write_file(tmp_path / 'rules', b'none -> some\n')
        result = in_process(capsys, 'plan', a, a, f'--rules={tmp_path / "rules"}')
        assert result.code == 1 and "No tensor takes the rule 'none -> some'." in result.lines

    def test_json_has_the_lists_of_rows(self, capsys, a):
        rows = in_process(capsys, 'plan', a, a, '--json').json['matched']
        assert sorted(row['target'] for row in rows) == sorted(TENSORS)

    def test_suggested_rules_are_a_file_that_plan_takes(self, capsys, a, tmp_path):
        other = save(
            tmp_path / 'other', {'net/kernel': np.zeros((3, 2), np.float32), 'global_step': np.int64(0)}
        )
        result = in_process(capsys, 'plan', '--suggest', a, other)
        assert (result.code, result.err) == (0, '')
        assert f'{LONG} -> net/kernel' in result.lines
        write_file(tmp_path / 'rules', result.out.encode())
        assert in_process(capsys, 'plan', a, other, f'--rules={tmp_path / "rules"}').code == 0

    def test_what_cannot_be_suggested_gives_1_and_is_listed(self, capsys, a, tmp_path):
        other = save(tmp_path / 'other', {'x': np.zeros((3, 2), np.float32), 'z': np.zeros(7, np.float32)})
        result = in_process(capsys, 'plan', '--suggest', a, other)
        assert result.code == 1 and '#   z float32 [7]' in result.lines
        assert in_process(capsys, 'plan', '--suggest', a, other, '--json').json['missing'][0]['target'] == 'z'

    def test_suggesting_goes_on_from_given_rules_and_keeps_them(self, capsys, a, tmp_path):
        old, new = (
            save(tmp_path / names, {f'{name}/kernel': np.zeros((3, 2), np.float32) for name in names})
            for names in ('xy', 'uv')
        )
        assert in_process(capsys, 'plan', '--suggest', old, new).code == 1
        write_file(tmp_path / 'known', b'x/kernel -> v/kernel\n')
        result = in_process(capsys, 'plan', '--suggest', old, new, f'--rules={tmp_path / "known"}')
        assert (
            result.code == 0
            and 'x/kernel -> v/kernel' in result.lines
            and 'y/kernel -> u/kernel' in result.lines
        )
        assert in_process(
            capsys, 'plan', '--suggest', old, new, '--rule=x/(.*) -> v/\\1'
        ).out == result.out.replace('x/kernel -> v/kernel', 'x/(.*) -> v/\\1')
        write_file(tmp_path / 'rules', result.out.encode())
        assert in_process(capsys, 'plan', old, new, f'--rules={tmp_path / "rules"}').code == 0

    def test_on_a_terminal_names_are_whole_and_what_does_not_fit_goes_on_in_the_next_line(self, a, tmp_path):
        estimator_ckpt.convert(a, tmp_path / 'new', 'tf1', rules=[('model/(.*)', r'network/\1')])
        write_file(tmp_path / 'rules', b'model/(.*) -> network/\\1\n')
        code, seen = on_terminal('plan', a, tmp_path / 'new', f'--rules={tmp_path / "rules"}')
        lines = [ESCAPES.sub('', line) for line in seen.splitlines()]
        at = next(number for number, line in enumerate(lines) if line.endswith('network' + LONG[5:]))
        assert code == 0 and lines[at + 1].strip() == f'<- {LONG}'


class TestConvert:
    def test_each_flag_reaches_the_conversion(self, capsys, a, tmp_path):
        target = tmp_path / 'new'
        result = in_process(
            capsys, 'convert', a, target, '--style=tf2', '--root=net', '--optimizer=Momentum=opt', '--step=s,opt/iter',
            '--data=copy', '--write_state_file',
        )  # fmt: skip
        assert (result.code, result.err) == (0, '')
        assert result.lines[-1] == f'{target}: written in style tf2: 3 matched'
        found = BundleReader(target).keys()
        assert 's/.ATTRIBUTES/VARIABLE_VALUE' in found
        assert any(key.startswith('net/') and '.OPTIMIZER_SLOT/opt/momentum' in key for key in found)
        assert b'"new"' in read_file(tmp_path / 'checkpoint')

    def test_slots_become_those_of_a_keras_optimizer_and_come_back(self, capsys, a, tmp_path):
        keras, back = tmp_path / 'keras', tmp_path / 'back'
        flags = ['--keras_optimizer=SGD', '--hyperparameters=learning_rate=0.5,momentum=0.9']
        result = in_process(capsys, 'convert', a, keras, '--style=tf2', *flags)
        assert (result.code, result.err) == (0, '') and 'defaults are taken for decay=0' in result.out
        keys = BundleReader(keras).keys()
        slot = next(key for key in keys if '.OPTIMIZER_SLOT/optimizer/momentum' in key)
        old = BundleReader(a).tensor(f'{LONG}/Momentum')
        np.testing.assert_array_equal(BundleReader(keras).tensor(slot), np.float32(-0.5) * old)
        assert in_process(capsys, 'convert', keras, back, '--style=tf1', '--keras_optimizer=SGD').code == 0
        np.testing.assert_array_equal(BundleReader(back).tensor(f'{LONG}/Momentum'), old)
        for wrong in ('--hyperparameters=learning_rate', '--hyperparameters=learning_rate=fast'):
            result = in_process(capsys, 'convert', a, tmp_path / 'no', '--style=tf2', flags[0], wrong)
            assert result.code == 2 and 'expected pairs such as learning_rate=0.1' in result.err

    def test_tensors_are_left_out_by_kinds_and_expressions(self, capsys, a, tmp_path):
        target = tmp_path / 'new'
        assert in_process(
            capsys, 'convert', a, target, '--style=tf1', '--drop=slots,model/.{1,9}nothing'
        ).code in (0, 2)
        in_process(capsys, 'convert', a, target, '--style=tf1', '--drop=slots,step', '--overwrite')
        assert BundleReader(target).keys() == [LONG]
        in_process(capsys, 'convert', a, target, '--style=tf1', '--keep=glo[a-z,]{3,4}_step', '--overwrite')
        assert BundleReader(target).keys() == ['global_step']

    def test_a_destination_that_is_there_is_an_error_without_overwrite(self, capsys, a, b):
        before = our_tensors(b)
        result = in_process(capsys, 'convert', a, b, '--style=tf1')
        assert result.code == 2 and 'overwrite' in result.err
        assert_same(our_tensors(b), before)
        assert in_process(capsys, 'convert', a, b, '--style=tf1', '--overwrite').code == 0
        assert_same(our_tensors(b), our_tensors(a))

    def test_json_has_what_came_from_where(self, capsys, a, tmp_path):
        rows = in_process(capsys, 'convert', a, tmp_path / 'new', '--style=tf2', '--json').json['matched']
        assert {row['source'] for row in rows} == set(TENSORS)

    def test_the_checkpoint_that_was_written_is_named_where_training_goes_on(
        self, capsys, a, tmp_path, monkeypatch
    ):
        run, new = tmp_path / 'run', tmp_path / 'new'
        save(run / 'model.ckpt-1', TENSORS)
        write_state(str(run), CheckpointState('model.ckpt-1', ('model.ckpt-1',)))
        new.mkdir()

        def convert_while_training(*arguments, **options):
            report = estimator_ckpt.convert(*arguments, **options)
            save(run / 'model.ckpt-2', TENSORS)
            write_state(str(run), CheckpointState('model.ckpt-2', ('model.ckpt-1', 'model.ckpt-2')))
            return report

        monkeypatch.setattr(convert_command, 'convert', convert_while_training)
        result = in_process(capsys, 'convert', run, new, '--style=tf2')
        assert result.lines[-1].startswith(f'{new}/model.ckpt-1: written in style tf2')
        assert sorted(name.name for name in new.glob('*.index')) == ['model.ckpt-1.index']

    def test_copying_shows_progress_on_a_terminal_and_linking_none(self, a, tmp_path):
        code, seen = on_terminal('convert', a, tmp_path / 'copy', '--style=tf2', '--data=copy')
        assert code == 0 and 'copying:' in seen
        code, seen = on_terminal('convert', a, tmp_path / 'link', '--style=tf2')
        assert code == 0 and 'copying:' not in seen

    def test_all_checkpoints_of_a_directory_are_converted(self, capsys, a, b, tmp_path):
        write_file(
            tmp_path / 'checkpoint',
            b'model_checkpoint_path: "b"\nall_model_checkpoint_paths: "a"\nall_model_checkpoint_paths: "b"\n',
        )
        line = ['convert', tmp_path, tmp_path / 'new', '--style=tf2', '--all']
        result = in_process(capsys, *line)
        assert (result.code, result.lines) == (0, [f'{tmp_path / "new"}: converted to tf2: a, b'])
        assert estimator_ckpt.diff(tmp_path / 'new', b).equal
        assert in_process(capsys, *line).out.endswith('nothing new\n')
        code, seen = on_terminal(*line, '--overwrite')
        assert code == 0 and 'converting:' in seen


class TestAverage:
    def _sources(self, directory):
        directory.mkdir()
        tensors = [{'v': np.float64(number), 'global_step': np.int64(number)} for number in (1, 2, 5)]
        return [save(directory / f'model.ckpt-{t["global_step"]}', t) for t in tensors]

    def test_the_average_of_the_given_checkpoints_is_written(self, capsys, tmp_path):
        paths = self._sources(tmp_path / 'model')
        result = in_process(capsys, 'average', *paths, tmp_path / 'new')
        assert (result.code, result.err) == (0, '')
        assert result.out.startswith(f'{tmp_path}/new: written: the average of 3 checkpoints: {paths[0]}, ')
        assert our_tensors(tmp_path / 'new') == {'v': 8 / 3, 'global_step': 5}

    @pytest.mark.parametrize(
        'arguments',
        [['A', 'NEW', '--last=2'], ['A', '--last=2', 'NEW'], ['--last=2', 'A', 'NEW']],
        ids=' '.join,
    )
    def test_the_flag_may_stand_anywhere(self, capsys, tmp_path, arguments):
        paths = self._sources(tmp_path / 'model')
        names = {'A': tmp_path / 'model', 'NEW': tmp_path / 'new'}
        result = in_process(capsys, 'average', *(names.get(word, word) for word in arguments), '--json')
        assert (result.json['checkpoint'], result.json['sources']) == (str(tmp_path / 'new'), paths[1:])
        assert our_tensors(tmp_path / 'new')['v'] == 3.5

    def test_weights_reach_the_average(self, capsys, tmp_path):
        paths = self._sources(tmp_path / 'model')
        assert in_process(capsys, 'average', *paths, tmp_path / 'new', '--weights=3,2,1').code == 0
        assert our_tensors(tmp_path / 'new')['v'] == 2
        code = in_process(capsys, 'average', *paths, tmp_path / 'new', '--decay=0.5', '--overwrite').code
        assert (code, our_tensors(tmp_path / 'new')['v']) == (0, (5 + 0.5 * 2 + 0.25) / 1.75)

    def test_too_few_checkpoints_are_an_error(self, capsys, tmp_path):
        self._sources(tmp_path / 'model')
        result = in_process(capsys, 'average', tmp_path / 'model', tmp_path / 'new', '--last=4')
        assert result.code == 2 and 'has 3 checkpoints' in result.err

    def test_a_terminal_sees_progress(self, tmp_path):
        code, seen = on_terminal('average', *self._sources(tmp_path / 'model'), tmp_path / 'new')
        assert code == 0 and 'averaging:' in seen
