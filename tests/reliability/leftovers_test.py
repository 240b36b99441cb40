"""Tests what is found left over in a directory, listed, cleaned and repaired, and what is never touched."""

import json
import os
import subprocess
import time
import types

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, read_state, write_state
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.leftovers import find_leftovers, remove_leftovers
from tests.bundle.helpers import save
from tests.cli.helpers import MODULE, ROOT, as_process, in_process

tf1 = tf.compat.v1
HEX12, HEX32 = '0123456789ab', '0123456789abcdef' * 2
LEFT = [
    f'checkpoint.tmp-{HEX12}',
    f'graph.pbtxt.tmp{HEX32}',
    f'mirror_of.json.tmp-{HEX12}',
    f'model.ckpt-3.index.tmp-{HEX12}',
    f'model.ckpt-3.meta.tmp{HEX32}',
    'model.ckpt-2.data-00000-of-00001',
    'model.ckpt-2.meta',
    f'model.ckpt-4.saving-{HEX12}/part-00000.index',
    f'.model.ckpt-4.saving-{HEX12}.index',
    f'.model.ckpt-4.saving-{HEX12}.data-00000-of-00001',
    f'.model.ckpt-4.saving-{HEX12}.index.tempstate12345678901234567890',
    f'.model.ckpt-4.saving-{HEX12}.surplus',
]
OF_OTHERS = [
    'model.ckpt-1.meta',
    'graph.pbtxt',
    'events.out.tfevents.1',
    'notes.tmp',
    f'mine.csv.tmp-{HEX12}',
    'export.meta',
    f'.model.ckpt-4.saving-{HEX12}.txt',
    'eval/model.ckpt-9.data-00000-of-00001',
]
OF_OTHER_SAVERS = [
    'best-7.data-00000-of-00001',
    f'best-8.saving-{HEX12}/part-00000.index',
    f'.best-8.saving-{HEX12}.index',
]


@pytest.fixture
def directory(tmp_path):
    folder = tmp_path / 'run'
    for name in [*LEFT, *OF_OTHERS, *OF_OTHER_SAVERS]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b'abc')
    for step in (1, 5):
        save(folder / f'model.ckpt-{step}', {'v': np.float32(step)})
    write_state(str(folder), CheckpointState('model.ckpt-5', ('model.ckpt-1', 'model.ckpt-5')))
    return folder


def present(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob('*') if path.is_file()}


def test_what_killed_processes_leave_is_found(directory):
    found = {os.path.relpath(leftover.path, directory) for leftover in find_leftovers(str(directory))}
    assert found == {name.partition('/')[0] for name in [*LEFT, *OF_OTHER_SAVERS]}


def test_a_saver_removes_its_own_only(directory):
    before = present(directory)
    remove_leftovers(str(directory), 'model.ckpt')
    assert before - present(directory) == set(LEFT)


def test_a_restart_cleans_up(directory):
    before = present(directory)
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.get_variable('v', initializer=0.0)
        saver = estimator_ckpt.Saver()
        saver.restore(session, str(directory / 'model.ckpt-5'))
        saver.recover_last_checkpoints([str(directory / f'model.ckpt-{step}') for step in (1, 5)])
    assert before - present(directory) == set(LEFT)


def test_the_command_lists_and_cleans_after_asking(capsys, directory):
    result = in_process(capsys, 'list', directory)
    assert result.code == 0
    assert [line.split()[:3] for line in result.lines[1:3]] == [
        ['model.ckpt-1', '1', 'tf1'],
        ['model.ckpt-5', '5', 'tf1'],
    ]
    assert result.lines[2].endswith('latest')
    assert sum(line.startswith('left over: ') for line in result.lines) == len(LEFT + OF_OTHER_SAVERS)
    before = present(directory)
    result = as_process('clean', directory, input='n\n')
    assert result.code == 0 and 'nothing was removed' in result.out and present(directory) == before
    assert in_process(capsys, 'clean', directory, '--dry_run').code == 0 and present(directory) == before
    result = as_process('clean', directory, input='y\n')
    assert before - present(directory) == {*LEFT, *OF_OTHER_SAVERS}
    assert f'{len(LEFT + OF_OTHER_SAVERS)} leftovers removed' in result.out
    assert in_process(capsys, 'clean', directory).out == 'nothing is left over\n'


def test_without_a_standard_input_nothing_is_removed(directory):
    before = present(directory)
    command = [*MODULE, 'clean', str(directory)]
    result = subprocess.run(
        ['sh', '-c', '"$@" <&-', 'sh', *command], cwd=ROOT, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, '')
    assert result.stdout.endswith('nothing was removed\n') and present(directory) == before


def test_what_is_younger_than_asked_for_is_kept(capsys, directory):
    before, now = present(directory), time.time()
    for name in LEFT[:3]:
        os.utime(directory / name, (now - 200, now - 200))
    result = in_process(capsys, 'clean', directory, '--yes', '--min_age=3')
    assert result.code == 0 and before - present(directory) == set(LEFT[:3])
    assert sum(line.startswith('kept: ') for line in result.lines) == len(LEFT + OF_OTHER_SAVERS) - 3
    assert (
        f'removed {directory / LEFT[0]} (an unfinished checkpoint, 3 B, changed 3 minutes ago)'
        in result.lines
    )


def test_what_was_finished_while_asking_is_kept(capsys, directory, monkeypatch):
    finished = directory / 'model.ckpt-2.index'

    def finish_and_agree():
        finished.write_bytes((directory / 'model.ckpt-1.index').read_bytes())
        return 'y'

    monkeypatch.setattr('sys.stdin', types.SimpleNamespace(readline=finish_and_agree))
    before = present(directory)
    assert in_process(capsys, 'clean', directory).code == 0
    kept = {'model.ckpt-2.data-00000-of-00001', 'model.ckpt-2.meta'}
    assert before - present(directory) == {*LEFT, *OF_OTHER_SAVERS} - kept


def test_the_listing_as_json(capsys, directory):
    listing = in_process(capsys, 'list', directory, '--json').json
    assert listing['ok'] and len(listing['leftovers']) == len(LEFT + OF_OTHER_SAVERS)
    assert [(c['step'], c['style'], c['is_latest']) for c in listing['checkpoints']] == [
        (1, 'tf1', False),
        (5, 'tf1', True),
    ]


@pytest.fixture
def damaged(tmp_path):
    """Four checkpoints, of which the last two are damaged: one is cut off, and one has another byte."""
    folder = tmp_path / 'damaged'
    folder.mkdir()
    for step in (1, 2, 3, 4):
        save(folder / f'model.ckpt-{step}', {'v': np.full(30, step, np.float32)})
    names = tuple(f'model.ckpt-{step}' for step in (1, 2, 3, 4))
    write_state(str(folder), CheckpointState(names[-1], names))
    (folder / 'model.ckpt-4.data-00000-of-00001').write_bytes(b'')
    data = bytearray((folder / 'model.ckpt-3.data-00000-of-00001').read_bytes())
    data[50] ^= 1
    (folder / 'model.ckpt-3.data-00000-of-00001').write_bytes(data)
    return folder


def restored(directory, **options):
    with tf.Graph().as_default():
        value = tf1.get_variable('v', initializer=np.zeros(30, np.float32))
        scaffold = estimator_ckpt.scaffold('tf1', var_list=[value], **options)
        creator = tf1.train.ChiefSessionCreator(scaffold, checkpoint_dir=str(directory))
        with tf1.train.MonitoredSession(creator) as session:
            return session.run(value)


class TestDamage:
    def test_the_error_names_the_newest_whole_one_and_the_cure(self, damaged):
        with pytest.raises(CorruptCheckpointError) as caught:
            restored(damaged)
        message = str(caught.value)
        assert f'The newest whole checkpoint is {damaged}/model.ckpt-2' in message
        assert "on_damaged='previous'" in message and f'estimator-ckpt repair {damaged}' in message

    def test_training_goes_on_from_it_if_asked_to(self, damaged, caplog):
        before = present(damaged)
        np.testing.assert_array_equal(restored(damaged, on_damaged='previous'), np.full(30, 2))
        assert f'Going on from {damaged}/model.ckpt-2' in caplog.text
        assert present(damaged) == before

    def test_a_named_checkpoint_is_never_replaced_by_another(self, damaged):
        with tf.Graph().as_default(), tf1.Session() as session:
            tf1.get_variable('v', initializer=np.zeros(30, np.float32))
            saver = estimator_ckpt.Saver(on_damaged='previous')
            with pytest.raises(CorruptCheckpointError, match="'v' is damaged"):
                saver.restore(session, str(damaged / 'model.ckpt-3'))

    def test_nothing_whole_is_said(self, damaged):
        for path in damaged.glob('*.data*'):
            path.write_bytes(b'')
        with pytest.raises(CorruptCheckpointError, match='No other checkpoint in .* is whole'):
            restored(damaged, on_damaged='previous')

    def test_another_value_is_refused(self):
        with pytest.raises(ValueError, match="on_damaged must be 'error' or 'previous'"):
            estimator_ckpt.Saver(on_damaged='next', allow_empty=True, defer_build=True)

    def test_repair_names_the_whole_ones_and_deletes_nothing(self, capsys, damaged):
        before = present(damaged)
        result = in_process(capsys, 'repair', damaged)
        assert result.code == 1 and sum(line.startswith('damaged: ') for line in result.lines) == 2
        state = read_state(str(damaged))
        assert (state.latest, state.all) == ('model.ckpt-2', ('model.ckpt-1', 'model.ckpt-2'))
        assert present(damaged) == before
        np.testing.assert_array_equal(restored(damaged), np.full(30, 2))
        again = in_process(capsys, 'repair', damaged, '--json').json
        assert not again['changed'] and len(again['damaged']) == 2

    def test_repair_writes_a_state_file_that_is_missing_or_empty(self, damaged):
        for content in (None, b''):
            if content is None:
                os.remove(damaged / 'checkpoint')
            else:
                (damaged / 'checkpoint').write_bytes(content)
            assert estimator_ckpt.repair(damaged).changed
            assert read_state(str(damaged)).latest == 'model.ckpt-2'

    def test_repair_without_anything_whole_changes_nothing(self, damaged):
        for path in damaged.glob('*.data*'):
            path.write_bytes(b'')
        before = (damaged / 'checkpoint').read_bytes()
        with pytest.raises(CheckpointNotFoundError, match='No checkpoint in .* is whole'):
            estimator_ckpt.repair(damaged)
        assert (damaged / 'checkpoint').read_bytes() == before

    def test_the_list_shows_what_is_damaged_and_missing(self, capsys, damaged):
        write_state(str(damaged), CheckpointState('model.ckpt-4', ('model.ckpt-0', 'model.ckpt-4')))
        result = in_process(capsys, 'list', damaged)
        assert result.code == 1
        assert any('latest, damaged' in line for line in result.lines)
        assert any(line.startswith('missing: model.ckpt-0') for line in result.lines)
        assert json.loads(in_process(capsys, 'list', damaged, '--json').out)['missing'] == ['model.ckpt-0']
