"""Tests how the command behaves whatever the subcommand: usage, errors, exit codes, signals, pipes, start-up."""

import ast
import configparser
import importlib
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest
from absl import flags

from estimator_ckpt.bundle import table
from estimator_ckpt.cli import main
from estimator_ckpt.cli.commands import COMMANDS, common_flags
from estimator_ckpt.keys.object_graph import Attribute, ObjectGraph
from estimator_ckpt.mapping import transforms
from tests.bundle.helpers import flip_byte, index_of, read_file, save, write_file
from tests.cli.helpers import MODULE, ROOT, as_process, in_process

ONE_PATH = ['inspect', 'verify']
ALL = {
    'inspect': ['A'],
    'verify': ['A'],
    'diff': ['A', 'A'],
    'plan': ['A', 'A'],
    'convert': ['--style=tf2', 'A', 'NEW'],
    'average': ['A', 'A', 'NEW'],
}
every_subcommand = pytest.mark.parametrize('name', ALL)


@pytest.fixture
def a(tmp_path):
    return save(tmp_path / 'a', {'w': np.arange(4, dtype=np.float32), 'step/global_step': np.int64(1)})


def command_line(name, checkpoint, tmp_path):
    return [name, *({'A': checkpoint, 'NEW': tmp_path / 'new'}.get(word, word) for word in ALL[name])]


def check_sentence(result, *patterns):
    """Fails unless the run ended with exit code 2 and one line on standard error."""
    assert (result.code, result.out) == (2, '')
    [line] = result.err.splitlines()
    assert line.startswith('estimator-ckpt') and line.endswith(('.', '?')), line
    for pattern in patterns:
        assert re.search(pattern, line), line


class TestUsage:
    @pytest.mark.parametrize('arguments', [['--help'], ['-h'], ['help']], ids=' '.join)
    def test_help_lists_the_subcommands(self, capsys, arguments):
        result = in_process(capsys, *arguments)
        assert result.code == 0
        for name in ALL:
            assert f'\n  {name} ' in result.out

    @every_subcommand
    def test_help_of_a_subcommand_shows_its_own_flags_in_sentences(self, capsys, name):
        result = in_process(capsys, name, '--help')
        assert (result.code, result.err) == (0, '')
        assert f'\nUsage: estimator-ckpt {name} [FLAGS] ' in result.out
        assert '--[no]json: Whether ' in result.out
        assert 'alsologtostderr' not in result.out
        assert ('--sort:' in result.out) == (name == 'inspect')
        assert ('--style:' in result.out) == (name == 'convert')

    @every_subcommand
    def test_help_and_a_name_is_the_help_of_that_subcommand(self, capsys, name):
        assert in_process(capsys, 'help', name) == in_process(capsys, name, '--help')

    @pytest.mark.parametrize('name', COMMANDS)
    def test_help_has_examples_whose_flags_exist(self, capsys, name):
        _, _, examples = in_process(capsys, 'help', name).out.partition('\nExamples:\n')
        for line in examples.splitlines():
            program, command, *words = shlex.split(line.partition(' >')[0])
            assert (program, command) == ('estimator-ckpt', name)
            values = flags.FlagValues()
            importlib.import_module(f'estimator_ckpt.cli.{name}_command').define_flags(values)
            common_flags(values)
            values([command, *words])
        assert examples

    @pytest.mark.parametrize('name', ['diff', 'plan', 'convert'])
    def test_help_describes_every_operation_of_rules(self, capsys, name):
        text = in_process(capsys, 'help', name).out
        assert [
            operation for operation in transforms.NAMES if not re.search(rf'[ *]{operation}\b', text)
        ] == []

    def test_help_of_an_unknown_subcommand_names_the_nearest(self, capsys):
        check_sentence(in_process(capsys, 'help', 'inspct'), 'did you mean inspect')

    @every_subcommand
    def test_every_flag_is_described_by_a_sentence(self, name):
        values = flags.FlagValues()
        importlib.import_module(f'estimator_ckpt.cli.{name}_command').define_flags(values)
        for flag in values:
            assert re.search(r'(^|: )[A-Z].{15,}', values[flag].help), flag

    def test_a_subcommand_that_is_missing_or_unknown_is_an_error(self, capsys):
        check_sentence(in_process(capsys), 'a subcommand is missing; expected one of inspect, list, diff')
        check_sentence(
            in_process(capsys, 'inspet', 'x'), r"unknown subcommand 'inspet' \(did you mean inspect\?\)"
        )
        check_sentence(in_process(capsys, '--json'), "unknown subcommand '--json'")

    @every_subcommand
    def test_an_unknown_flag_is_an_error(self, capsys, name):
        check_sentence(in_process(capsys, name, '--jsn', 'x'), f'{name}: Unknown command line flag .jsn.')

    @every_subcommand
    def test_too_few_and_too_many_paths_are_errors(self, capsys, name, a):
        check_sentence(
            in_process(capsys, name, '--style=tf1') if name == 'convert' else in_process(capsys, name)
        )
        flags = ['--style=tf1'] if name == 'convert' else []
        if name != 'average':  # It takes any number of checkpoints.
            check_sentence(in_process(capsys, name, a, a, a, *flags), 'expected [A-Z]+')

    def test_flags_may_stand_behind_paths(self, capsys, a):
        assert in_process(capsys, 'inspect', a, '--json').json['style'] == 'tf1'

    @pytest.mark.parametrize(
        ('arguments', 'pattern'),
        [
            (['inspect', 'A', '--filter=('], 'invalid regular expression'),
            (['inspect', 'A', '--sort=name'], 'key|size|kind'),
            (['inspect', 'A', '--kind=weights'], 'expected some of variable, slot'),
            (['inspect', 'A', '--tree', '--kind=slot'], 'omit'),
            (['diff', 'A', 'A', '--rtol=-1'], 'rtol'),
            (['diff', 'A', 'A', '--rules=GONE'], 'GONE: No such file'),
            (['plan', 'A', 'A', '--rules=GONE'], 'GONE: No such file'),
            (['convert', 'A', 'NEW'], '--style is missing'),
            (['convert', 'A', 'NEW', '--style=tf3'], 'tf1|tf2|both'),
            (['convert', 'A', 'NEW', '--style=tf2', '--data=move'], 'link|copy'),
            (['convert', 'A', 'NEW', '--style=tf2', '--optimizer=Adam=,'], 'a path, or pairs such as'),
            (['convert', 'A', 'NEW', '--style=tf2', '--all', '--write_state_file'], 'omit'),
            (['average', 'A', 'NEW', '--weights=0.5,half'], 'expected numbers, such as 0.5'),
            (['average', 'A', 'A', 'NEW', '--weights=1'], '1 weights for 2 checkpoints'),
            (['average', 'A', 'A', 'NEW', '--last=2'], 'applies to one directory'),
        ],
        ids=lambda value: ' '.join(value) if isinstance(value, list) else '',
    )
    def test_a_wrong_value_of_a_flag_is_an_error(self, capsys, a, tmp_path, arguments, pattern):
        names = {'A': a, 'NEW': tmp_path / 'new'}
        result = in_process(capsys, *(names.get(word, word) for word in arguments))
        check_sentence(result, pattern)
        assert not list(tmp_path.glob('new*'))


class TestBadInput:
    @every_subcommand
    def test_a_path_without_a_checkpoint_is_an_error(self, capsys, tmp_path, name):
        check_sentence(in_process(capsys, *command_line(name, tmp_path / 'gone', tmp_path)), 'no checkpoint')

    @every_subcommand
    def test_a_file_that_is_no_checkpoint_is_an_error(self, capsys, tmp_path, name):
        write_file(tmp_path / 'text', b'hello')
        check_sentence(
            in_process(capsys, *command_line(name, tmp_path / 'text', tmp_path)), 'a file of an unknown kind'
        )

    @every_subcommand
    def test_an_empty_directory_is_an_error(self, capsys, tmp_path, name):
        check_sentence(in_process(capsys, *command_line(name, tmp_path, tmp_path)), 'No checkpoint in ')

    @pytest.mark.parametrize('name', ONE_PATH)
    def test_a_data_file_an_index_and_a_directory_mean_the_checkpoint(self, capsys, a, tmp_path, name):
        expected = in_process(capsys, name, a)
        for path in (f'{a}.index', f'{a}.data-00000-of-00001', tmp_path):
            assert in_process(capsys, name, path) == expected
        assert expected.code == 0

    @every_subcommand
    @pytest.mark.parametrize('damage', ['cut off', 'flipped', 'empty', 'lfs'])
    def test_a_damaged_index_is_an_error_and_to_verify_a_fault(self, capsys, a, tmp_path, name, damage):
        path = f'{a}.index'
        whole = read_file(path)
        write_file(
            path,
            {
                'cut off': whole[:-10],
                'flipped': whole,
                'empty': b'',
                'lfs': b'version https://git-lfs.github.com/spec/v1\n',
            }[damage],
        )
        if damage == 'flipped':
            flip_byte(path, 8)
        result = in_process(capsys, *command_line(name, a, tmp_path))
        if name == 'verify':
            assert (result.code, result.err) == (1, '')
            assert result.lines[0].startswith('fault: ')
        else:
            check_sentence(result, 'is not a readable checkpoint index')
        assert not list(tmp_path.glob('new*'))

    @every_subcommand
    def test_a_missing_shard_is_a_fault_or_an_error_where_the_data_are_needed(
        self, capsys, a, tmp_path, name
    ):
        os.remove(f'{a}.data-00000-of-00001')
        result = in_process(capsys, *command_line(name, a, tmp_path))
        assert result.code == {'verify': 1, 'convert': 2, 'average': 2}.get(name, 0)
        if result.code == 2:
            check_sentence(result, 'missing')
        assert not list(tmp_path.glob('new*'))
        check_sentence(in_process(capsys, 'inspect', a, '--values', '--json'), 'is missing')

    def test_a_flipped_byte_of_the_data_is_an_error_where_it_is_read(self, capsys, a):
        flip_byte(f'{a}.data-00000-of-00001', 1)
        assert in_process(capsys, 'inspect', a).code == 0
        assert in_process(capsys, 'verify', a).code == 1
        check_sentence(in_process(capsys, 'inspect', a, '--values', '--json'), 'checksum does not match')

    @pytest.mark.parametrize('name', ['inspect', 'diff', 'plan', 'convert', 'average'])
    def test_an_object_graph_that_does_not_parse_is_an_error(self, capsys, tmp_path, name):
        path = save(tmp_path / 'model', {'_CHECKPOINTABLE_OBJECT_GRAPH': b'\xff\xff'})
        check_sentence(in_process(capsys, *command_line(name, path, tmp_path)), 'OBJECT_GRAPH is damaged')
        assert in_process(capsys, 'verify', path).code == 1

    def test_an_object_graph_that_refers_to_missing_keys_is_shown_and_a_fault(self, capsys, tmp_path):
        graph = ObjectGraph()
        graph.add(0, 'w', [Attribute('VARIABLE_VALUE', 'w', 'w/.ATTRIBUTES/VARIABLE_VALUE')])
        path = save(tmp_path / 'model', {'_CHECKPOINTABLE_OBJECT_GRAPH': graph.serialize()})
        assert '! the checkpoint has no key w/' in in_process(capsys, 'inspect', path, '--tree').out
        assert in_process(capsys, 'verify', path).code == 1

    def test_an_entry_that_makes_no_sense_is_an_error(self, capsys, a):
        items = dict(table.read_table(index_of(a)))
        items[b'w'] = items[b'w'][:-1]
        write_file(f'{a}.index', table.build_table(sorted(items.items())))
        check_sentence(in_process(capsys, 'inspect', a), "entry of 'w'")

    @pytest.mark.parametrize(
        'content', [b'\xff\xfe', b'a b\n', b'( -> x\n'], ids=['binary', 'no arrow', 'pattern']
    )
    def test_a_rules_file_that_is_none_is_an_error(self, capsys, a, tmp_path, content):
        write_file(tmp_path / 'rules', content)
        for name in ('diff', 'plan', 'convert'):
            line = [*command_line(name, a, tmp_path), f'--rules={tmp_path / "rules"}']
            check_sentence(in_process(capsys, *line))

    def test_a_message_of_several_lines_is_said_in_one(self, capsys, tmp_path):
        check_sentence(in_process(capsys, 'inspect', f'{tmp_path}/a\nb'), 'a b')

    @pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
    def test_a_file_that_may_not_be_read_is_an_error(self, capsys, a):
        os.chmod(f'{a}.index', 0)
        check_sentence(in_process(capsys, 'inspect', a), 'Permission denied')


class TestProcess:
    def test_exit_codes_and_streams_are_those_of_the_process(self, a, tmp_path):
        good = as_process('inspect', a)
        assert (good.code, good.err) == (0, '') and 'w' in good.out
        other = save(tmp_path / 'b', {'w': np.zeros(4, np.float32)})
        assert (as_process('diff', a, other).code, as_process('diff', a, other).err) == (1, '')
        check_sentence(as_process('inspect', tmp_path / 'gone'))
        check_sentence(as_process())

    def test_the_console_script_is_what_setup_names(self):
        config = configparser.ConfigParser()
        config.read(ROOT / 'setup.cfg')
        script = config['options.entry_points']['console_scripts'].strip()
        assert script == f'estimator-ckpt = {main.run.__module__}:{main.run.__name__}'

    def test_a_reader_that_has_seen_enough_ends_it_quietly(self, tmp_path):
        path = save(tmp_path / 'big', {f'v{n:06}': np.float32(n) for n in range(20_000)})
        for flag in ('--json', '--nojson', '--tree'):
            process = subprocess.Popen(
                [*MODULE, 'inspect', path, flag], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            assert process.stdout.read(10)
            process.stdout.close()
            assert (process.stderr.read(), process.wait()) == (b'', 0)
            process.stderr.close()

    def test_an_output_that_is_full_is_an_error(self, a):
        with open('/dev/full', 'w') as full:
            result = subprocess.run(
                [*MODULE, 'inspect', a], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert result.returncode == 2
        assert result.stderr == 'estimator-ckpt inspect: [Errno 28] No space left on device.\n'

    def test_what_others_do_at_the_end_of_the_process_is_done(self, a):
        program = (
            f'import atexit, sys; atexit.register(print, "the end"); sys.argv[1:] = ["inspect", {a!r}]\n'
        )
        program += 'from estimator_ckpt.cli import main; main.run()'
        result = subprocess.run(
            [sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert result.stdout.splitlines()[-1] == 'the end' and a in result.stdout

    def test_a_profiler_gets_its_end(self, a):
        command = [sys.executable, '-m', 'cProfile', *MODULE[1:], 'inspect', a]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert 'function calls' in result.stdout

    def test_a_name_that_the_output_cannot_encode_is_escaped(self, tmp_path):
        path = save(tmp_path / 'model', {'gewicht/größe': np.float32(1)})
        env = {**os.environ, 'PYTHONIOENCODING': 'ascii'}
        assert r'gewicht/gr\xf6\xdfe' in as_process('inspect', path, env=env).out

    @pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_a_conversion_in_a_sentence_and_nothing_is_left(self, tmp_path, number):
        # Copying takes a minute, so that the signal comes between the data and the index.
        source = save(tmp_path / 'a', {'w': np.float32(1)})
        target = tmp_path / 'new' / 'b'
        script = (
            'import signal, sys, time\n'
            'from estimator_ckpt.bundle import files\n'
            'from estimator_ckpt.cli import main\n'
            # A shell that runs the tests in the background has SIGINT ignored, which processes inherit.
            'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
            'copy = files.LocalFiles.copy\n'
            'def slow(self, *args):\n'
            '    copy(self, *args); print("copied", flush=True); time.sleep(60)\n'
            'files.LocalFiles.copy = slow\n'
            'main.run()\n'
        )
        process = subprocess.Popen(
            [MODULE[0], '-c', script, 'convert', source, str(target), '--style=tf2', '--data=copy'],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == 'copied\n'
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (2, '')
        assert err == 'estimator-ckpt convert: interrupted; half-written files have been removed.\n'
        assert [path for path in tmp_path.rglob('*') if path.is_file() and path.parent != tmp_path] == []


class TestStartUp:
    def test_a_local_checkpoint_is_handled_without_tensorflow_and_what_is_not_used(self, a, tmp_path):
        script = (
            'import sys; from estimator_ckpt.cli import main\n'
            'for line in map(str.split, sys.argv[1:]):\n'
            '    assert main.main(["estimator-ckpt", *line]) == 0\n'
            'print([name for name in ("tensorflow", "keras", "tqdm", "cramjam") if name in sys.modules])\n'
        )
        for name in ALL:
            (tmp_path / name).mkdir()
        lines = [' '.join(map(str, command_line(name, a, tmp_path / name))) for name in ALL]
        result = subprocess.run(
            [MODULE[0], '-c', script, *lines], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert result.stdout.splitlines()[-1] == '[]'

    def test_the_tools_import_no_tensorflow_anywhere(self):
        for path in pathlib.Path(main.__file__).parent.glob('*.py'):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) else []
                assert not any(name.startswith('tensorflow') for name in names), path
