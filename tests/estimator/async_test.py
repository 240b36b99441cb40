"""The hook that writes checkpoints in the background."""

import os
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.saving import background_save
from tests.testing import small_model

tf1 = tf.compat.v1


@pytest.fixture
def gate(monkeypatch):
    """Holds every write until it is opened."""
    opened = threading.Event()
    save = background_save.Snapshot.write

    def held(self, *arguments):
        assert opened.wait(60)
        save(self, *arguments)

    monkeypatch.setattr(background_save.Snapshot, 'write', held)
    yield opened
    opened.set()


class _Counters:
    """Variables that every step adds one to: of each kind, and with sparse updates."""

    def __init__(self, style='both', size=1000):
        self.step = tf1.train.get_or_create_global_step()
        self.variables = [
            tf1.get_variable(
                f'v{use_resource}', [size, 4], use_resource=use_resource, initializer=tf1.zeros_initializer()
            )
            for use_resource in (False, True)
        ]
        adds = [v.assign_add(tf.ones([size, 4])) for v in self.variables]
        rows = tf.range(size)
        for use_resource in (False, True):
            v = tf1.get_variable(
                f's{use_resource}', [size, 4], use_resource=use_resource, initializer=tf1.zeros_initializer()
            )
            adds.append(tf1.scatter_add(v, rows, tf.ones([size, 4])))
        self.train_op = tf.group(*adds, self.step.assign_add(1))
        self.scaffold = estimator_ckpt.scaffold(style)


def _session(tmp_path, scaffold, hook):
    return tf1.train.MonitoredTrainingSession(
        checkpoint_dir=str(tmp_path),
        scaffold=scaffold,
        chief_only_hooks=[hook],
        save_checkpoint_secs=None,
        save_summaries_steps=None,
        save_summaries_secs=None,
    )


def test_all_variables_are_of_one_step_while_updates_go_on(tmp_path, gate):
    with tf.Graph().as_default():
        model = _Counters()
        hook = estimator_ckpt.AsyncCheckpointSaverHook(
            str(tmp_path), save_steps=5, scaffold=model.scaffold, overlap='skip'
        )
        with _session(tmp_path, model.scaffold, hook) as session:
            for _ in range(4):  # While the checkpoint of step 0 is held.
                session.run(model.train_op)
            gate.set()
            for _ in range(40):
                session.run(model.train_op)
    names = small_model.saved_names(tmp_path)
    assert 'model.ckpt-44' in names
    first = BundleReader(str(tmp_path / 'model.ckpt-0')) if 'model.ckpt-0' in names else None
    assert first is not None or len(names) == 5
    for name in names:
        reader = BundleReader(str(tmp_path / name))
        step = int(name.rpartition('-')[2])
        assert reader.tensor('global_step') == step
        for variable in ('vFalse', 'vTrue', 'sFalse', 'sTrue'):
            np.testing.assert_array_equal(reader.tensor(variable), np.full([1000, 4], step), variable)


_OPTIMIZERS = {
    'GradientDescent': lambda: tf1.train.GradientDescentOptimizer(0.1),
    'Momentum': lambda: tf1.train.MomentumOptimizer(0.1, 0.9),
    'Adam': lambda: tf1.train.AdamOptimizer(0.1),
    'Adagrad': lambda: tf1.train.AdagradOptimizer(0.1),
    'Adadelta': lambda: tf1.train.AdadeltaOptimizer(0.1),
    'RMSProp': lambda: tf1.train.RMSPropOptimizer(0.1, centered=True),
    'Ftrl': lambda: tf1.train.FtrlOptimizer(0.1),
}


@pytest.mark.parametrize('use_resource', [False, True], ids=['reference', 'resource'])
@pytest.mark.parametrize('optimizer', _OPTIMIZERS)
def test_what_optimizers_write_later_is_not_in_it(optimizer, use_resource, tmp_path, gate):
    with tf.Graph().as_default(), tf1.variable_scope('', use_resource=use_resource):
        step = tf1.train.get_or_create_global_step()
        dense = tf1.get_variable('dense', initializer=tf.reshape(tf.range(8.0), [2, 4]))
        rows = tf1.get_variable('rows', initializer=tf.reshape(tf.range(40.0), [10, 4]))
        loss = tf.reduce_sum(tf.matmul(tf.gather(rows, [1, 3, 3]), dense, transpose_b=True) ** 2)
        train_op = _OPTIMIZERS[optimizer]().minimize(loss, global_step=step)
        scaffold = estimator_ckpt.scaffold('tf1')
        variables = {variable.op.name: variable for variable in tf1.global_variables()}
        hook = estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path), save_steps=1000, scaffold=scaffold)
        with _session(tmp_path, scaffold, hook) as session:
            before = session.run(variables)
            for _ in range(3):
                session.run(train_op)
            after = session.run(variables)
            gate.set()
    assert any(np.any(before[name] != after[name]) for name in ('dense', 'rows'))
    for directory, expected in (('model.ckpt-0', before), ('model.ckpt-3', after)):
        reader = BundleReader(str(tmp_path / directory))
        small_model.assert_same_bits({name: reader.tensor(name) for name in variables}, expected)


@small_model.needs_estimator
@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_checkpoints_are_those_of_the_synchronous_hook(style, tmp_path):
    def inside(net, config):
        return estimator_ckpt.scaffold(style, net.checkpoint(), config=config)

    hook = estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path / 'async'), save_steps=2)
    for name in ('async', 'sync'):
        for _ in range(2):
            estimator = small_model.estimator(
                tmp_path / name, inside, save_checkpoints_steps=2, keep_checkpoint_max=2
            )
            estimator.train(small_model.batches(), hooks=[hook] if name == 'async' else [], steps=3)
    assert small_model.saved_names(tmp_path / 'async') == small_model.saved_names(tmp_path / 'sync')
    for name in small_model.saved_names(tmp_path / 'sync'):
        paths = [tmp_path / kind / name for kind in ('async', 'sync')]
        assert Contents(str(paths[0])).style.value == style
        assert small_model.keys_of(paths[0]) == small_model.keys_of(paths[1])
        small_model.assert_same_bits(*map(small_model.values, paths))


@small_model.needs_estimator
def test_estimator_adds_no_saver_of_its_own_and_the_mirror_is_told(tmp_path):
    hooks = [
        estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path / 'run'), save_steps=2),
        estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf1'),
    ]
    small_model.estimator(tmp_path / 'run', small_model.ours('tf2')).train(
        small_model.batches(), hooks=hooks, steps=3
    )
    assert (
        small_model.saved_names(tmp_path / 'run')
        == small_model.saved_names(tmp_path / 'mirror')
        == [f'model.ckpt-{n}' for n in (0, 2, 3)]
    )


def test_overlapping_saves_are_skipped_and_said_but_the_last_one_is_not(tmp_path, gate, caplog, monkeypatch):
    monkeypatch.setattr(tf.get_logger(), 'propagate', True)
    caplog.set_level('INFO', 'tensorflow')
    with tf.Graph().as_default():
        model = _Counters()
        hook = estimator_ckpt.AsyncCheckpointSaverHook(
            str(tmp_path), save_steps=1, scaffold=model.scaffold, overlap='skip'
        )
        with _session(tmp_path, model.scaffold, hook) as session:
            for _ in range(3):
                session.run(model.train_op)
            assert small_model.saved_names(tmp_path) == []
            gate.set()
    assert small_model.saved_names(tmp_path) == ['model.ckpt-0', 'model.ckpt-3']
    skipped = [r.getMessage() for r in caplog.records if r.getMessage().startswith('Skipping')]
    assert len(skipped) == 3


def test_overlapping_saves_wait(tmp_path, gate):
    with tf.Graph().as_default():
        model = _Counters()
        hook = estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path), save_steps=1, scaffold=model.scaffold)
        threading.Timer(0.5, gate.set).start()
        with _session(tmp_path, model.scaffold, hook) as session:
            for _ in range(3):
                session.run(model.train_op)
    assert small_model.saved_names(tmp_path) == [f'model.ckpt-{step}' for step in range(4)]


def test_an_error_of_the_writer_is_raised_in_training(tmp_path, monkeypatch):
    def fail(self, *arguments):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(background_save.Snapshot, 'write', fail)
    with tf.Graph().as_default():
        model = _Counters()
        hook = estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path), save_steps=2, scaffold=model.scaffold)
        with (
            pytest.raises(OSError, match='No space left'),
            _session(tmp_path, model.scaffold, hook) as session,
        ):
            for _ in range(50):
                session.run(model.train_op)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert small_model.saved_names(tmp_path) == []


def test_listeners_are_called_in_the_training_thread_when_it_is_written(tmp_path):
    calls = []

    class Listener(tf1.train.CheckpointSaverListener):
        def after_save(self, session, global_step_value):
            on_main = threading.current_thread() is threading.main_thread()
            calls.append(
                (
                    global_step_value,
                    on_main,
                    f'model.ckpt-{global_step_value}' in small_model.saved_names(tmp_path),
                )
            )

    with tf.Graph().as_default():
        model = _Counters()
        hook = estimator_ckpt.AsyncCheckpointSaverHook(
            str(tmp_path), save_steps=2, scaffold=model.scaffold, listeners=[Listener()]
        )
        with _session(tmp_path, model.scaffold, hook) as session:
            for _ in range(3):
                session.run(model.train_op)
    assert calls == [(0, True, True), (2, True, True), (3, True, True)]


_TERMINATED = """
    import os, signal, sys, time
    from estimator_ckpt.saving import background_save
    from tests.estimator import async_test as tests
    import estimator_ckpt, tensorflow as tf

    save = background_save.Snapshot.write
    def slow(self, *arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(2)
        save(self, *arguments)
    background_save.Snapshot.write = slow
    model = None
    with tf.Graph().as_default():
        model = tests._Counters()
        hook = estimator_ckpt.AsyncCheckpointSaverHook(sys.argv[1], save_steps=1000, scaffold=model.scaffold)
        with tests._session(sys.argv[1], model.scaffold, hook) as session:
            while True:
                session.run(model.train_op)
"""


def test_sigterm_lets_the_running_write_finish(tmp_path):
    command = [sys.executable, '-c', textwrap.dedent(_TERMINATED), str(tmp_path)]
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)}
    assert subprocess.run(command, env=environment, check=False, timeout=120).returncode == -signal.SIGTERM
    assert small_model.saved_names(tmp_path) == ['model.ckpt-0']
    assert BundleReader(str(tmp_path)).tensor('global_step') == 0


def test_an_error_in_training_lets_the_running_write_finish(tmp_path, gate):
    with tf.Graph().as_default():
        model = _Counters()
        hook = estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path), save_steps=3, scaffold=model.scaffold)
        with pytest.raises(KeyError), _session(tmp_path, model.scaffold, hook) as session:
            session.run(model.train_op)
            assert small_model.saved_names(tmp_path) == []
            threading.Timer(0.5, gate.set).start()
            raise KeyError
    assert small_model.saved_names(tmp_path) == ['model.ckpt-0']
    assert not [name for name in os.listdir(tmp_path) if '.saving-' in name]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_saver_that_was_built_before_the_hook_is_fine(tmp_path):
    with tf.Graph().as_default():
        model = _Counters()
        saver = estimator_ckpt.Saver('tf2')
        hook = estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path), save_steps=2, saver=saver)
        with _session(tmp_path, None, hook) as session:
            session.run(model.train_op)
    assert small_model.saved_names(tmp_path) == ['model.ckpt-0', 'model.ckpt-1']
    assert Contents(str(tmp_path)).style.value == 'tf2'


class TestWrongUse:
    def test_without_a_saver_of_this_package(self, tmp_path):
        with tf.Graph().as_default():
            step = tf1.train.get_or_create_global_step()
            hook = estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path), save_steps=2)
            with (
                pytest.raises(TypeError, match='estimator_ckpt.scaffold'),
                _session(tmp_path, None, hook) as session,
            ):
                session.run(step)

    @pytest.mark.parametrize('wrong', [{'overlap': 'drop'}, {'save_secs': 5}])
    def test_of_arguments(self, wrong, tmp_path):
        with pytest.raises(ValueError):
            estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path), **{'save_steps': 2, **wrong})
