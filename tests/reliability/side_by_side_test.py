"""Tests processes side by side in one directory: two that convert, and one that reads beside one that trains."""

import os

import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state
from estimator_ckpt.bundle.data_reader import DataReader
from estimator_ckpt.bundle.reader import BundleReader, stored_files
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.conversion import average_checkpoints, convert_checkpoint
from tests.cli.helpers import in_process
from tests.reliability.scripts import run


def write(prefix, value):
    writer = BundleWriter(str(prefix))
    for key in 'vw':
        writer.add_tensor(key, np.full(100, value, np.float32))
    writer.add_tensor('global_step', np.int64(value))
    return writer.publish(durable=False)


class TestTwoConversions:
    def test_at_one_moment_one_wins_whole_and_the_other_says_so(self, tmp_path):
        result = run('conversion_pairs.py', tmp_path, 180)
        assert result['faults'] == [] and not result['tensorflow']
        assert result['outcomes']['new: [0, 2]'] == 90
        assert sum(result['outcomes'].values()) == 180

    @pytest.mark.parametrize('overwrite', [False, True])
    @pytest.mark.parametrize('function', ['convert', 'average'])
    def test_what_another_one_writes_after_the_check_is_kept(
        self, tmp_path, capsys, monkeypatch, function, overwrite
    ):
        source, destination = write(tmp_path / 'a', 1), tmp_path / 'to' / 'x'
        if overwrite:
            write(destination, 3)
        module = convert_checkpoint if function == 'convert' else average_checkpoints
        check, checks = module.check_destination, [function]

        def check_and_lose_the_race(*arguments):
            check(*arguments)
            if checks.pop() == 'convert':  # `average` checks the destination for each of its two sources.
                write(destination, 4)
            checks.append('convert')

        monkeypatch.setattr(module, 'check_destination', check_and_lose_the_race)
        arguments = (
            [source, destination, '--style=both'] if function == 'convert' else [source, source, destination]
        )
        result = in_process(capsys, function, *arguments, *['--overwrite'] * overwrite)
        assert result.code == 2
        assert result.err.splitlines() == [
            f'estimator-ckpt {function}: Another process has written {destination} meanwhile, and what it wrote was '
            'kept; choose another destination, or write it again.'
        ]
        assert estimator_ckpt.verify(destination).ok
        assert BundleReader(str(destination)).tensor('global_step') == 4
        assert estimator_ckpt.list_directory(tmp_path / 'to').leftovers == []


class TestReadingBesideTraining:
    def test_the_latest_is_followed_and_a_named_one_is_said_to_be_deleted(self, tmp_path):
        result = run('reading_beside.py', tmp_path, 6)
        assert result['faults'] == [] and not result['tensorflow']
        assert result['step'] > 50

    @pytest.fixture
    def directory(self, tmp_path, monkeypatch):
        """A directory whose only checkpoint is replaced by the next one when its first tensor is read."""
        folder = tmp_path / 'run'
        write(folder / 'model.ckpt-1', 1)
        write_state(str(folder), CheckpointState('model.ckpt-1', ('model.ckpt-1',)))
        write(tmp_path / 'other', 5)
        tensor, files = BundleReader.tensor, stored_files(str(folder / 'model.ckpt-1'))

        def delete_and_read(self, *arguments, **options):
            if files and self.prefix.endswith('model.ckpt-1'):
                write(folder / 'model.ckpt-2', 2)
                write_state(str(folder), CheckpointState('model.ckpt-2', ('model.ckpt-2',)))
                while files:
                    os.remove(files.pop(0))
            return tensor(self, *arguments, **options)

        monkeypatch.setattr(BundleReader, 'tensor', delete_and_read)
        return folder

    @pytest.mark.parametrize(
        'command',
        [
            ['inspect', '--values', '{}'],
            ['diff', '{}', '{other}'],
            ['diff', '{other}', '{}'],
            ['average', '{}', '{other}', '{to}'],
            ['average', '--last=1', '{}', '{to}'],
            ['convert', '{}', '{to}.npz'],
        ],
        ids=' '.join,
    )
    @pytest.mark.parametrize('is_named', [False, True], ids=['latest', 'named'])
    def test_where_it_is_deleted_while_it_is_read(self, directory, tmp_path, capsys, command, is_named):
        path = directory / 'model.ckpt-1' if is_named and '--last=1' not in command else directory
        places = {'other': tmp_path / 'other', 'to': tmp_path / 'to' / 'x'}
        result = in_process(capsys, *[part.format(path, **places) for part in command])
        assert os.listdir(directory) and not (directory / 'model.ckpt-1.index').exists()
        if path == directory:
            assert (result.code, result.err) == (1 if command[0] == 'diff' else 0, '')
            return
        assert result.code == 2
        assert result.err.splitlines() == [
            f'estimator-ckpt {command[0]}: {path} was deleted while it was read, as training does with all but the '
            'newest checkpoints; name a newer one, or its directory for the latest.'
        ]

    def test_lazy_arrays_say_so(self, directory):
        arrays = estimator_ckpt.load(directory)
        with pytest.raises(estimator_ckpt.CheckpointNotFoundError, match='was deleted while it was read'):
            np.asarray(arrays['v'])
        with pytest.raises(estimator_ckpt.CheckpointNotFoundError, match='was deleted while it was read'):
            arrays['w'][:2]

    def test_the_list_shows_what_is_there(self, directory, capsys, monkeypatch):
        from estimator_ckpt.inspection import list_directory

        read_state = list_directory.read_state_if_whole
        moved = []

        def read_late(*arguments):
            state = read_state(*arguments)
            if not moved:
                moved.append(BundleReader(str(directory)).tensor('v'))
            return state

        monkeypatch.setattr(DataReader, 'tensor', lambda *arguments: None)
        monkeypatch.setattr(list_directory, 'read_state_if_whole', read_late)
        result = in_process(capsys, 'list', directory)
        assert (result.code, result.err) == (0, '')
        assert [line.split()[0] for line in result.lines[1:]] == ['model.ckpt-2']
