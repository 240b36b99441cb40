"""Tests that a power cut at any moment leaves everything whole that the state file names, and all that was promised."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import read_state
from estimator_ckpt.conversion.convert_directory import convert_directory
from tests.bundle.helpers import save
from tests.reliability.journal import Journal
from tests.testing.sessions import saving_session

tf1 = tf.compat.v1
SAVES = 5


@pytest.fixture
def directory(tmp_path):
    (tmp_path / 'run').mkdir()
    return tmp_path / 'run'


def faults(journal, tmp_path, folders=('',)):
    """What is broken in the states that a cut may leave; and how many states there are."""
    found, number = [], 0
    for state, promised in journal.states(tmp_path / 'after_the_cut'):
        number += 1
        named = set()
        for folder in folders:
            announced = read_state(str(state / folder))
            for name in {announced.latest, *announced.all} if announced else ():
                named.add(f'{folder}/{name}'.lstrip('/'))
                report = estimator_ckpt.verify(state / folder / name)
                found += [str(fault) for fault in report.faults]
        if promised and promised[-1] not in named:
            found.append(f'{promised[-1]} was promised, and {named} are there')
    return found, number


def train(directory, journal, style, hooks=(), hook_saves=False, **options):
    """Saves some steps of a program, each of which is promised when the save returns."""
    with tf.Graph().as_default(), journal.recording():
        value = tf1.get_variable('v', initializer=np.arange(50, dtype=np.float32))
        step = tf1.train.get_or_create_global_step()
        train_op = tf.group(value.assign_add(tf.ones(50)), step.assign_add(1))
        scaffold = estimator_ckpt.scaffold(style, tf.train.Checkpoint(v=value, step=step), **options)
        with saving_session(directory, scaffold, hooks, None if hook_saves else 1) as session:
            scaffold.saver._writer.retention._max_to_keep = 2  # As RunConfig(keep_checkpoint_max=2) sets it.
            for number in range(1, SAVES + 1):
                session.run(train_op)
                if not hook_saves:
                    journal.mark(f'model.ckpt-{number}')


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_training_survives_every_cut(directory, tmp_path, style):
    journal = Journal(directory, tmp_path / 'vault')
    train(directory, journal, style)
    found, number = faults(journal, tmp_path)
    assert not found, found[:3]
    assert number > 10 * SAVES


def test_without_it_cuts_do_break_what_is_named(directory, tmp_path):
    """The record finds what was measured on ext4: most cuts leave empty files."""
    journal = Journal(directory, tmp_path / 'vault')
    train(directory, journal, 'both', durable=False)
    found, number = faults(journal, tmp_path)
    assert len(found) > number / 2


@pytest.mark.parametrize('data', ['link', 'copy'])
def test_a_mirror_survives_every_cut(tmp_path, directory, data):
    journal = Journal(directory, tmp_path / 'vault')
    mirror = directory / 'mirror'
    hook = estimator_ckpt.CheckpointMirrorHook(str(mirror), 'tf2', keep_checkpoint_max=2, data=data)
    train(directory, journal, 'tf1', [hook])
    found, number = faults(journal, tmp_path, ('', 'mirror'))
    assert not found, found[:3]
    assert read_state(str(mirror)).latest == f'model.ckpt-{SAVES}' and number > 20 * SAVES


def test_background_saves_survive_every_cut(tmp_path, directory):
    journal = Journal(directory, tmp_path / 'vault')
    hook = estimator_ckpt.AsyncCheckpointSaverHook(str(directory), save_steps=1)
    train(directory, journal, 'both', [hook], hook_saves=True)
    found, number = faults(journal, tmp_path)
    assert not found, found[:3]
    assert number > 10 * SAVES


@pytest.mark.parametrize(
    'options', [{}, {'data': 'copy'}, {'compact': True}, {'rules': [('w', 'x', 'add=1')]}]
)
def test_a_conversion_that_replaces_a_checkpoint_survives_every_cut(directory, tmp_path, options):
    """The old checkpoint or the new one is whole, and the new one when the function has returned."""
    for name, value in (('old', 1), ('new', 2)):
        save(tmp_path / name, {'w': np.full(30, value, np.float32)})
    estimator_ckpt.convert(
        tmp_path / 'old', directory / 'model.ckpt', 'tf1', data='copy', write_state_file=True
    )
    journal = Journal(directory, tmp_path / 'vault')
    with journal.recording():
        estimator_ckpt.convert(
            tmp_path / 'new',
            directory / 'model.ckpt',
            'tf2',
            overwrite=True,
            write_state_file=True,
            **options,
        )
    journal.mark('model.ckpt')
    values = set()
    for state, promised in journal.states(tmp_path / 'after_the_cut'):
        report = estimator_ckpt.verify(state / 'model.ckpt')
        assert not report.faults, report
        [value] = {
            float(v) for v in estimator_ckpt.load(state / 'model.ckpt').values() if v.shape for v in v[:1]
        }
        values.add((value, bool(promised)))
    assert (1.0, True) not in values and {value for value, _ in values} >= {1.0}


def test_a_converted_directory_survives_every_cut(directory, tmp_path):
    source = tmp_path / 'source'
    source.mkdir()
    for step in (1, 2, 3):
        save(source / f'model.ckpt-{step}', {'w': np.full(30, step, np.float32)})
    journal = Journal(directory, tmp_path / 'vault')
    with journal.recording():
        convert_directory(source, directory, 'both', data='copy')
    journal.mark('model.ckpt-3')
    found, _ = faults(journal, tmp_path)
    assert not found, found[:3]


@pytest.mark.parametrize('ending', ['.npz', '.safetensors'])
def test_an_export_that_replaces_a_file_survives_every_cut(directory, tmp_path, ending):
    save(tmp_path / 'source', {'w': np.ones(30, np.float32)})
    new = directory / f'new{ending}'
    estimator_ckpt.convert(tmp_path / 'source', new)
    journal = Journal(directory, tmp_path / 'vault')
    with journal.recording():
        estimator_ckpt.convert(tmp_path / 'source', new, overwrite=True)
    for state, _ in journal.states(tmp_path / 'after_the_cut'):
        np.testing.assert_array_equal(estimator_ckpt.load(state / new.name)['w'], np.ones(30))
