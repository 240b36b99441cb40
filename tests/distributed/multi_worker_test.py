"""MultiWorkerMirroredStrategy with two processes."""

import re

import pytest

from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.keys.contents import Contents
from tests.distributed.cluster import Cluster
from tests.testing import small_model

pytestmark = [small_model.needs_estimator, pytest.mark.slow]


def _train(folder, steps, *flags):
    """Trains to a step, in which every worker takes part, and gives what the worker that is not the chief printed."""
    command = ['-m', 'tests.distributed.train_mirrored', f'--model_dir={folder / "run"}', f'--steps={steps}']
    with Cluster([*command, *flags], folder / 'logs', chief=1, worker=1) as cluster:
        cluster.start()
        cluster.wait_for_end(*cluster.tasks)
    return cluster.log('worker0')


@pytest.fixture(scope='module')
def without_break(tmp_path_factory):
    """The values of a run of 20 steps."""
    folder = tmp_path_factory.mktemp('without_break')
    _train(folder, 20, '--style=tf1')
    return small_model.values_by_name(folder / 'run', folder)


@pytest.mark.parametrize(('first', 'then'), [('tf1', 'both'), ('both', 'tf2'), ('tf2', 'tf1')])
def test_a_resumed_run_is_exact_and_the_chief_alone_writes(first, then, without_break, tmp_path):
    _train(tmp_path, 10, f'--style={first}')
    assert Contents(str(tmp_path / 'run')).style.value == first
    _train(tmp_path, 20, f'--style={then}')
    assert Contents(str(tmp_path / 'run')).style.value == then
    assert small_model.saved_steps(tmp_path / 'run') == [15, 20]
    assert small_model.saved_steps(tmp_path / 'run_mirror') == [0, 5, 10, 15, 20]
    values = small_model.values_by_name(tmp_path / 'run', tmp_path)
    small_model.assert_same_bits(values, without_break)
    assert values['global_step'] == 20
    assert values['total'] == 40  # Each of two workers has added one per step.
    # TensorFlow gives the other worker a folder for its events.
    assert small_model.saved_steps(tmp_path / 'run' / 'tmp_worker_0') == []


def test_saving_in_the_background_takes_every_worker(without_break, tmp_path):
    _train(tmp_path, 10, '--async_checkpoints')
    _train(tmp_path, 20, '--async_checkpoints')
    assert small_model.saved_steps(tmp_path / 'run') == [15, 20]
    assert small_model.saved_steps(tmp_path / 'run_mirror') == [0, 5, 10, 15, 20]
    values = small_model.values_by_name(tmp_path / 'run', tmp_path)
    small_model.assert_same_bits({key: values[key] for key in without_break}, without_break)


def test_the_chief_alone_mirrors_what_estimators_own_scaffold_saves(tmp_path):
    _train(tmp_path, 10, '--style=')
    assert small_model.saved_steps(tmp_path / 'run_mirror') == [0, 5, 10]
    assert Contents(str(tmp_path / 'run_mirror')).style.value == 'both'
    assert BundleReader(str(tmp_path / 'run_mirror')).tensor('total') == 20


def test_a_model_dir_that_is_not_shared_is_detected(tmp_path):
    command = ['-m', 'tests.distributed.train_mirrored', f'--model_dir={tmp_path / "run"}', '--own_dir']
    log = _train(tmp_path, 20, '--own_dir')
    assert re.search(r'The chief has saved checkpoints, but on \S+ there are none in .*runworker\.', log)
    with Cluster([*command, '--steps=30'], tmp_path / 'again', chief=1, worker=1) as cluster:
        cluster.start()
        for task in cluster.tasks:  # Each says so itself: none waits for ever for one that has ended.
            assert cluster.processes[task].wait(120) != 0
            error = cluster.log(task).strip().splitlines()[-1]
            assert f'The workers do not share the model_dir {tmp_path}/run{task[:-1]}' in error
            assert 'Give all tasks one directory' in error
    assert small_model.saved_steps(tmp_path / 'runchief') == [15, 20]
