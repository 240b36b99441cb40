"""A cluster with parameter servers whose tasks are killed and started again."""

import os
import re
import threading

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.paths import data_files
from estimator_ckpt.keys.contents import Contents
from tests.distributed.cluster import Cluster
from tests.testing import small_model

tf1 = tf.compat.v1
pytestmark = [small_model.needs_estimator, pytest.mark.slow]


class _Reader(threading.Thread):
    """Reads the latest checkpoint all the time, as an inference job may at any instant."""

    def __init__(self, model_dir):
        super().__init__()
        self._model_dir, self._over = model_dir, threading.Event()
        self.steps, self.faults = set(), []

    def run(self):
        while not self._over.wait(0.02):
            latest = tf.train.latest_checkpoint(self._model_dir)
            if latest is None:
                if self.steps:
                    self.faults.append('no checkpoint')
                continue
            report = estimator_ckpt.verify(latest)
            self.faults += [f'{latest}: {fault}' for fault in report.faults]
            self.steps.add(_step_in(latest))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused_error):
        self._over.set()
        self.join()


def _step_in(path):
    return int(path.rpartition('-')[2])


def _latest_step(model_dir):
    latest = tf.train.latest_checkpoint(model_dir)
    return _step_in(latest) if latest else -1


def _evaluated(cluster):
    """The steps whose checkpoints the evaluator has evaluated."""
    return {int(step) for step in re.findall(r'Saving dict for global step (\d+)', cluster.log('evaluator0'))}


def _assert_restores_in_tensorflow(path, style, expected):
    """Restores it as plain TF1 code and TF2 code do, as far as the style is theirs."""
    if style != 'tf2':
        with tf.Graph().as_default():
            small_model.build_net(tf.zeros([1, small_model.FEATURES]), tf.zeros([1]))
            with tf1.Session() as session:
                tf1.train.Saver().restore(session, path)
                small_model.assert_same_bits(
                    {v.op.name: session.run(v) for v in tf1.global_variables()}, expected
                )
    if style != 'tf1':
        shapes = {'dense/kernel': [small_model.FEATURES, 1], 'dense/average': [small_model.FEATURES]}
        kernel, average = (tf.Variable(tf.zeros(shape)) for shape in shapes.values())
        pieces = [tf.Variable(tf.zeros([5, 1])) for _ in range(2)]
        step = tf.Variable(0, dtype=tf.int64)
        model = {'kernel': kernel, 'embedding': pieces, 'average': average}
        status = tf.train.Checkpoint(model=model, step=step).restore(path)
        status.assert_existing_objects_matched()
        restored = {'dense/kernel': kernel, 'dense/average': average, 'global_step': step}
        restored |= {f'embedding/part_{number}': piece for number, piece in enumerate(pieces)}
        restored = {name: variable.numpy() for name, variable in restored.items()}
        small_model.assert_same_bits(restored, {name: expected[name] for name in restored})


@pytest.mark.parametrize(
    ('style', 'more_flags'),
    [('tf1', []), ('tf2', []), ('both', []), ('both', ['--async_checkpoints'])],
    ids=['tf1', 'tf2', 'both', 'in_background'],
)
def test_training_survives_the_death_of_every_task(style, more_flags, tmp_path):
    model_dir, stop_file = str(tmp_path / 'run'), tmp_path / 'stop'
    flags = [f'--model_dir={model_dir}', f'--style={style}', f'--stop_file={stop_file}', *more_flags]
    cluster = Cluster(
        ['-m', 'tests.distributed.train', *flags], tmp_path / 'logs', evaluator=True, chief=1, worker=2, ps=2
    )

    def train_on():
        goal = _latest_step(model_dir) + 40
        cluster.wait_until(lambda: _latest_step(model_dir) >= goal, f'step {goal} was saved')

    with cluster, _Reader(model_dir) as reader:
        cluster.start()
        train_on()
        cluster.kill('worker0')
        train_on()  # Without it.
        cluster.start('worker0')
        cluster.kill('ps1')
        cluster.start('ps1')
        train_on()
        cluster.kill_while_saving('chief0', model_dir)
        saved = _latest_step(model_dir)
        cluster.start('chief0')
        cluster.wait_until(
            lambda: f'Restoring parameters from {model_dir}/model.ckpt-{saved}' in cluster.log('chief0'),
            'the chief went on from its last checkpoint',
        )
        train_on()
        stop_file.touch()
        cluster.wait_for_end('chief0', 'worker0', 'worker1')
        last = _latest_step(model_dir)
        cluster.wait_until(lambda: last in _evaluated(cluster), 'the last checkpoint was evaluated')
    assert not reader.faults
    assert len(reader.steps) > 5
    assert len(_evaluated(cluster)) > 3
    assert 'Traceback' not in cluster.log('evaluator0')
    path = tf.train.latest_checkpoint(model_dir)
    assert Contents(path).style.value == style
    # One data file from each server, as from TensorFlow's saver.
    assert len(data_files(path)) == 2
    values = small_model.values(path)
    assert values['global_step'] == last
    _assert_restores_in_tensorflow(path, style, values)
    assert not [name for name in os.listdir(model_dir) if '.saving-' in name]
