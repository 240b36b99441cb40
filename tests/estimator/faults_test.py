"""The faults of `Scaffold(saver=tf.train.Checkpoint(...))` and of sessions that this package has not.

Each test bears the fault's name.
"""

import gc
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import read_state
from estimator_ckpt.bundle.reader import BundleReader
from tests.testing import small_model

tf1 = tf.compat.v1
pytestmark = small_model.needs_estimator


def _checkpoints(model_dir):
    return sorted(name for name in os.listdir(model_dir) if name.endswith('.index'))


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_retention_keep_checkpoint_max_is_honoured(style, tmp_path):
    estimator = small_model.estimator(
        tmp_path, small_model.ours(style), keep_checkpoint_max=2, save_checkpoints_steps=1
    )
    estimator.train(small_model.batches(), steps=5)

    assert _checkpoints(tmp_path) == ['model.ckpt-4.index', 'model.ckpt-5.index']
    data = [name for name in os.listdir(tmp_path) if '.data-' in name]
    assert {name.split('.data-')[0] for name in data} == {'model.ckpt-4', 'model.ckpt-5'}


def test_retention_goes_on_over_restarts(tmp_path):
    for style in ('tf1', 'tf2', 'both'):
        estimator = small_model.estimator(
            tmp_path, small_model.ours(style, True), keep_checkpoint_max=3, save_checkpoints_steps=1
        )
        estimator.train(small_model.batches(), steps=2)

    assert _checkpoints(tmp_path) == [f'model.ckpt-{step}.index' for step in (4, 5, 6)]


def test_retention_a_smaller_number_deletes_all_that_are_too_many(tmp_path):
    small_model.estimator(
        tmp_path, small_model.ours('tf2'), keep_checkpoint_max=5, save_checkpoints_steps=1
    ).train(small_model.batches(), steps=5)
    small_model.estimator(
        tmp_path, small_model.ours('tf2'), keep_checkpoint_max=2, save_checkpoints_steps=1
    ).train(small_model.batches(), steps=1)

    assert _checkpoints(tmp_path) == ['model.ckpt-5.index', 'model.ckpt-6.index']


def test_retention_every_n_hours_survives_restarts(tmp_path):
    # Every restart comes long before the interval is over; were it not remembered, nothing would ever be kept.
    interval = 0.8 / 3600
    for _ in range(6):
        estimator = small_model.estimator(
            tmp_path, small_model.ours('both'), keep_checkpoint_max=1, keep_checkpoint_every_n_hours=interval
        )
        estimator.train(small_model.batches(), steps=1)

    assert len(_checkpoints(tmp_path)) > 1
    assert _checkpoints(tmp_path)[-1] == 'model.ckpt-6.index'


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_relative_paths_the_model_dir_can_be_moved(style, tmp_path):
    small_model.estimator(tmp_path / 'old', small_model.ours(style)).train(small_model.batches(), steps=2)
    state = read_state(str(tmp_path / 'old'))
    assert all(not os.path.isabs(path) for path in (state.latest, *state.all))
    shutil.move(tmp_path / 'old', tmp_path / 'new')

    small_model.estimator(tmp_path / 'new', small_model.ours(style)).train(small_model.batches(), steps=1)
    assert small_model.step_of(tmp_path / 'new') == 3


def test_save_counter_is_written_and_goes_on(tmp_path):
    for saves in (
        2,
        4,
        5,
    ):  # Each run saves at its first and last step; what is there unchanged is not saved again.
        small_model.estimator(tmp_path, small_model.ours('both', True)).train(small_model.batches(), steps=1)
        reader = BundleReader(str(tmp_path))
        assert reader.tensor('save_counter/.ATTRIBUTES/VARIABLE_VALUE') <= saves

    kernel = tf.Variable(tf.zeros([small_model.FEATURES, 1]))
    checkpoint = tf.train.Checkpoint(model={'kernel': kernel})
    checkpoint.restore(tf.train.latest_checkpoint(str(tmp_path))).assert_existing_objects_matched()
    assert int(checkpoint.save_counter) == reader.tensor('save_counter/.ATTRIBUTES/VARIABLE_VALUE') > 1


def test_positional_root_is_restored_by_a_positional_root(tmp_path):
    def model():
        dense = tf.keras.layers.Dense(2)
        dense.build((None, 3))
        return dense

    with tf.Graph().as_default():
        saver = estimator_ckpt.Saver('tf2', tf.train.Checkpoint(model()))
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            path = saver.save(session, str(tmp_path / 'x'))

    tf.train.Checkpoint(model()).restore(path).assert_consumed()
    assert 'kernel/.ATTRIBUTES/VARIABLE_VALUE' in small_model.keys_of(path)


def test_garbage_collected_checkpoint_is_kept_alive(tmp_path):
    def make_scaffold(net, config):
        scaffold = estimator_ckpt.scaffold('tf2', net.checkpoint())
        gc.collect()
        return scaffold

    small_model.estimator(tmp_path, make_scaffold).train(small_model.batches(), steps=1)
    assert small_model.step_of(tmp_path) == 1


def test_finalized_graph_other_styles_restore_without_new_ops(tmp_path):
    paths = {}
    for steps, style in enumerate(('tf1', 'tf2', 'both'), 1):
        estimator = small_model.estimator(tmp_path / style, small_model.ours(style, True))
        paths[style] = estimator.train(small_model.batches(), steps=steps).latest_checkpoint()
    expected = {style: small_model.values(path) for style, path in paths.items()}

    with tf.Graph().as_default() as graph:
        net = small_model.build_net(tf.zeros([1, small_model.FEATURES]), tf.zeros([1]))
        saver = estimator_ckpt.Saver('tf2', net.checkpoint())
        graph.finalize()
        with tf1.Session() as session:
            for style, path in paths.items():
                saver.restore(session, path)
                restored = {v.op.name: session.run(v) for v in tf1.global_variables()}
                small_model.assert_same_bits(restored, expected[style])
                saver.save(session, str(tmp_path / 'again'), write_meta_graph=False)


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
@pytest.mark.parametrize('with_checkpoint', [False, True])
def test_max_steps_on_a_finished_run_trains_no_step_more(style, with_checkpoint, tmp_path):
    for _ in range(3):
        estimator = small_model.estimator(tmp_path, small_model.ours(style, with_checkpoint))
        estimator.train(small_model.batches(), max_steps=4)
        assert small_model.step_of(tmp_path) == 4
    estimator.train(small_model.batches(), max_steps=6)
    assert small_model.step_of(tmp_path) == 6


def test_max_steps_of_other_graphs_is_as_it_was(tmp_path):
    small_model.estimator(tmp_path / 'ours', small_model.ours('tf2')).train(
        small_model.batches(), max_steps=2
    )
    for expected in (2, 3):  # A plain session takes the step that TensorFlow's hook lets it take.
        with tf.Graph().as_default():
            features, labels = tf1.data.make_one_shot_iterator(small_model.batches()()).get_next()
            net = small_model.build_net(features['x'], labels)
            hooks = [tf1.train.StopAtStepHook(last_step=2)]
            with tf1.train.MonitoredTrainingSession(
                checkpoint_dir=str(tmp_path / 'plain'), hooks=hooks
            ) as session:
                while not session.should_stop():
                    session.run(net.train_op)
        assert small_model.step_of(tmp_path / 'plain') == expected


@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_partitioned_variables_are_one_variable_to_tf2(style, tmp_path):
    path = (
        small_model.estimator(tmp_path, small_model.ours(style))
        .train(small_model.batches(), steps=2)
        .latest_checkpoint()
    )

    whole = tf.Variable(tf.zeros([10, 1]))
    tf.train.Checkpoint(var_list={'embedding': whole}).restore(path).assert_existing_objects_matched()
    expected = [small_model.values(path)[f'embedding/part_{number}'] for number in range(2)]
    np.testing.assert_array_equal(whole.numpy(), np.concatenate(expected))


def test_second_parent_the_object_graph_is_walked_not_its_keys(tmp_path):
    def save(build):
        with tf.Graph().as_default():
            saver = estimator_ckpt.Saver('tf2', build(tf1.get_variable('old_name', initializer=5.0)))
            with tf1.Session() as session:
                session.run(tf1.global_variables_initializer())
                return saver.save(session, str(tmp_path / 'x'))

    # The shorter path to the variable is `a/v` in one program, and in the other `layer/v`.
    path = save(lambda v: tf.train.Checkpoint(layer={'v': v}, deep={'er': {'v': v}}))
    with tf.Graph().as_default():
        v = tf1.get_variable('new_name', initializer=0.0)
        saver = estimator_ckpt.Saver('both', tf.train.Checkpoint(deep={'er': {'v': v}}))
        with tf1.Session() as session:
            saver.restore(session, path)
            assert session.run(v) == 5.0


class TestUntrackedVariables:
    """Variables that the given `tf.train.Checkpoint` does not reach."""

    def _saver(self, style, untracked):
        tracked = tf1.get_variable('tracked', initializer=1.0)
        tf1.get_variable('untracked', initializer=2.0)
        return estimator_ckpt.Saver(style, tf.train.Checkpoint(v=tracked), untracked=untracked)

    @pytest.mark.parametrize('style', ['tf2', 'both'])
    def test_are_kept_under_their_names_with_one_warning(self, style, tmp_path, caplog, monkeypatch):
        monkeypatch.setattr(tf.get_logger(), 'propagate', True)
        with tf.Graph().as_default(), tf1.Session() as session, caplog.at_level('WARNING', 'tensorflow'):
            saver = self._saver(style, 'keep')
            session.run(tf1.global_variables_initializer())
            path = saver.save(session, str(tmp_path / 'x'))
            session.run([v.assign(0.0) for v in tf1.global_variables()])
            saver.restore(session, path)
            assert session.run(tf1.global_variables()) == [1.0, 2.0]

        assert 'untracked' in small_model.keys_of(path)
        warnings = [record.getMessage() for record in caplog.records if 'not reached' in record.getMessage()]
        assert len(warnings) == 1 and 'untracked' in warnings[0]

    def test_are_refused_where_asked(self, tmp_path):
        with tf.Graph().as_default(), pytest.raises(estimator_ckpt.CheckpointError, match='untracked'):
            self._saver('tf2', 'error')

    def test_are_dropped_where_asked_and_initialized_at_restore(self, tmp_path):
        with tf.Graph().as_default(), tf1.Session() as session:
            saver = self._saver('tf2', 'drop')
            session.run(tf1.global_variables_initializer())
            path = saver.save(session, str(tmp_path / 'x'))
            session.run([v.assign(9.0) for v in tf1.global_variables()])
            saver.restore(session, path)
            assert session.run(tf1.global_variables()) == [1.0, 2.0]

        assert small_model.keys_of(path) == {
            'v/.ATTRIBUTES/VARIABLE_VALUE',
            'save_counter/.ATTRIBUTES/VARIABLE_VALUE',
        }

    def test_in_training_are_carried_through_a_restart(self, tmp_path):
        def make_scaffold(net, config):
            return estimator_ckpt.scaffold('tf2', tf.train.Checkpoint(kernel=net.kernel), config=config)

        for _ in range(2):
            small_model.estimator(tmp_path / 'ours', make_scaffold).train(small_model.batches(), steps=2)
            small_model.estimator(tmp_path / 'plain').train(small_model.batches(), steps=2)

        by_name = BundleReader(str(tmp_path / 'ours'))
        for key in ('embedding', 'embedding/Adam', 'dense/average', 'global_step', 'beta1_power'):
            expected = BundleReader(str(tmp_path / 'plain')).tensor(key)
            np.testing.assert_array_equal(by_name.tensor(key), expected)


def test_export_before_finalize_the_deferred_saver_builds_itself(tmp_path):
    estimator = small_model.estimator(tmp_path, small_model.ours('tf2', True)).train(
        small_model.batches(), steps=1
    )

    def receiver():
        x = tf1.placeholder(tf.float32, [None, small_model.FEATURES])
        return tf.estimator.export.ServingInputReceiver({'x': x}, {'x': x})

    assert os.listdir(estimator.export_saved_model(str(tmp_path / 'exports'), receiver))


def test_saved_again_at_start_up_the_restored_checkpoint_is_left_as_it_is(tmp_path):
    def run(style, steps):
        small_model.estimator(tmp_path, small_model.ours(style, True)).train(
            small_model.batches(), steps=steps
        )

    def inode(step):
        return os.stat(tmp_path / f'model.ckpt-{step}.index').st_ino

    for style in ('tf1', 'tf2', 'both'):
        run(style, 1)
        step = small_model.step_of(tmp_path)
        before = inode(step)
        run(style, 1)
        assert inode(step) == before
        assert os.path.getsize(tmp_path / f'model.ckpt-{step}.index')
