"""The saver in a plain session: what a `tf.compat.v1.train.Saver` does, and what it does beyond."""

import os

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import read_state
from estimator_ckpt.bundle.reader import BundleReader
from tests.testing import small_model
from tests.testing.small_model import keys_of

tf1 = tf.compat.v1


@pytest.fixture
def session():
    with tf.Graph().as_default(), tf1.Session() as session:
        yield session


def test_the_step_is_added_to_the_prefix(session, tmp_path):
    tf1.get_variable('v', initializer=1.0)
    step = tf1.train.get_or_create_global_step()
    session.run(tf1.global_variables_initializer())
    prefix = str(tmp_path / 'x')
    assert estimator_ckpt.Saver().save(session, prefix, global_step=7) == f'{prefix}-7'
    assert estimator_ckpt.Saver().save(session, prefix, global_step=step) == f'{prefix}-0'
    padded = estimator_ckpt.Saver(pad_step_number=True)
    assert padded.save(session, prefix, global_step=7) == f'{prefix}-00000007'


def test_the_state_file_is_what_tensorflow_reads(session, tmp_path):
    tf1.get_variable('v', initializer=1.0)
    session.run(tf1.global_variables_initializer())
    saver = estimator_ckpt.Saver('both', max_to_keep=2)
    for step in range(3):
        path = saver.save(session, str(tmp_path / 'x'), global_step=step)
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert state.model_checkpoint_path == path == tf.train.latest_checkpoint(str(tmp_path))
    assert list(state.all_model_checkpoint_paths) == saver.last_checkpoints
    assert not tf1.train.checkpoint_exists(str(tmp_path / 'x-0'))


def test_without_state_nothing_is_announced_or_deleted(session, tmp_path):
    tf1.get_variable('v', initializer=1.0)
    session.run(tf1.global_variables_initializer())
    saver = estimator_ckpt.Saver('tf2', max_to_keep=1)
    for step in range(3):
        saver.save(session, str(tmp_path / 'x'), step, write_state=False, write_meta_graph=False)
    assert read_state(str(tmp_path)) is None
    assert len(list(tmp_path.glob('*.index'))) == 3
    assert not list(tmp_path.glob('*.meta'))


def test_all_are_kept_where_asked(session, tmp_path):
    tf1.get_variable('v', initializer=1.0)
    session.run(tf1.global_variables_initializer())
    saver = estimator_ckpt.Saver(max_to_keep=0)
    for step in range(7):
        saver.save(session, str(tmp_path / 'x'), step)
    assert len(list(tmp_path.glob('*.index'))) == 7
    assert read_state(str(tmp_path)).all == ('x-6',)


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_a_prefix_can_be_saved_over_again_and_again(style, session, tmp_path):
    v = tf1.get_variable('v', initializer=tf.zeros([1000]))
    session.run(tf1.global_variables_initializer())
    saver = estimator_ckpt.Saver(style)
    for value in range(4):
        session.run(v.assign(tf.fill([1000], float(value))))
        path = saver.save(session, str(tmp_path / 'x'))
        session.run(v.initializer)
        saver.restore(session, path)
        assert session.run(v)[0] == value
    reader = BundleReader(path)
    assert sorted(map(str, tmp_path.glob('x.data-*'))) == reader.data_paths()


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_a_sharded_saver_writes_one_part_per_device(style, tmp_path):
    config = tf1.ConfigProto(device_count={'CPU': 3})
    with tf.Graph().as_default(), tf1.Session(config=config) as session:
        for number in range(3):
            with tf.device(f'/cpu:{number}'):
                tf1.get_variable(f'v{number}', initializer=float(number))
        saver = estimator_ckpt.Saver(style, sharded=True)
        session.run(tf1.global_variables_initializer())
        path = saver.save(session, str(tmp_path / 'x'))
        variables = tf1.global_variables()
        session.run([v.assign(9.0) for v in variables])
        saver.restore(session, path)
        assert session.run(variables) == [0.0, 1.0, 2.0]
    assert BundleReader(path).num_shards == 3
    assert not list(tmp_path.glob('*saving*'))


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_variables_on_parameter_servers_are_saved_and_restored_over_grpc(style, tmp_path):
    cluster = small_model.cluster(ps=2, worker=1)
    servers = [
        tf.distribute.Server(cluster, job, task) for job, task in [('ps', 0), ('ps', 1), ('worker', 0)]
    ]
    placed = tf1.train.replica_device_setter(cluster=cluster)
    with tf.Graph().as_default(), tf1.device(placed):
        pieces = tf1.fixed_size_partitioner(2)
        whole = tf1.get_variable('p', [6, 2], initializer=tf1.ones_initializer(), partitioner=pieces)
        step = tf1.train.get_or_create_global_step()
        scaffold = estimator_ckpt.scaffold(style)
        increments = [piece.assign_add(tf.ones_like(piece)) for piece in whole]
        with tf.control_dependencies(increments):
            train_op = step.assign_add(1)
        for expected in (2, 4):
            with tf1.train.MonitoredTrainingSession(
                servers[-1].target,
                checkpoint_dir=str(tmp_path),
                scaffold=scaffold,
                save_checkpoint_steps=1,
                log_step_count_steps=None,
            ) as session:
                for _ in range(2):
                    session.run(train_op)
                assert session.run(step) == expected
                np.testing.assert_array_equal(session.run(list(whole)), 1 + expected)
    reader = BundleReader(str(tmp_path))
    assert reader.num_shards == 2
    name = 'p' if style != 'tf2' else 'var_list/p/.ATTRIBUTES/VARIABLE_VALUE'
    np.testing.assert_array_equal(reader.tensor(name), np.full([6, 2], 5.0))


def test_a_partitioned_variable_restores_into_other_pieces(tmp_path):
    path = expected = None
    for style, pieces in [('tf1', 2), ('tf2', 3), ('both', 1), ('tf1', 4), ('tf2', 2)]:
        with tf.Graph().as_default(), tf1.Session() as session:
            whole = tf1.get_variable(
                'p',
                [7, 2],
                initializer=lambda shape, dtype, partition_info=None: tf.random.normal(shape),
                partitioner=tf1.fixed_size_partitioner(pieces),
            )
            saver = estimator_ckpt.Saver(style)
            if path is None:
                session.run(tf1.global_variables_initializer())
                expected = session.run(whole.as_tensor())
            else:
                saver.restore(session, path)
            np.testing.assert_array_equal(session.run(whole.as_tensor()), expected)
            path = saver.save(session, str(tmp_path / f'{style}{pieces}'))


def test_a_lookup_table_is_carried_by_every_style(tmp_path):
    for style in ('tf1', 'tf2', 'both'):
        for resumed in ('tf1', 'tf2', 'both'):
            with tf.Graph().as_default(), tf1.Session() as session:
                table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1, name='t')
                tf1.get_variable('v', initializer=1.0)
                session.run(tf1.global_variables_initializer())
                session.run(table.insert(['a', 'b'], tf.constant([1, 2], tf.int64)))
                path = estimator_ckpt.Saver(style).save(session, str(tmp_path / f'{style}-{resumed}'))
            with tf.Graph().as_default(), tf1.Session() as session:
                table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1, name='t')
                tf1.get_variable('v', initializer=1.0)
                looked_up = table.lookup(tf.constant(['b', 'a', 'c']))
                estimator_ckpt.Saver(resumed).restore(session, path)
                assert session.run(looked_up).tolist() == [2, 1, -1]


def test_the_programs_own_save_counter_counts(session, tmp_path):
    v = tf1.get_variable('v', initializer=1.0)
    checkpoint = tf.train.Checkpoint(v=v)
    counter = checkpoint.save_counter
    saver = estimator_ckpt.Saver('both', checkpoint)
    session.run(tf1.global_variables_initializer())
    for _ in range(3):
        path = saver.save(session, str(tmp_path / 'x'))
    assert session.run(counter) == 3
    reader = BundleReader(path)
    assert reader.tensor('save_counter/.ATTRIBUTES/VARIABLE_VALUE') == reader.tensor('save_counter') == 3
    session.run(counter.assign(0))
    saver.restore(session, path)
    assert session.run(counter) == 3


def test_a_deferred_saver_sees_variables_created_later(session, tmp_path):
    tf1.get_variable('early', initializer=1.0)
    saver = estimator_ckpt.Saver('both', defer_build=True)
    tf1.get_variable('late', initializer=2.0)
    with pytest.raises(RuntimeError, match='build'):
        saver.save(session, str(tmp_path / 'x'))
    saver.build()
    session.run(tf1.global_variables_initializer())
    assert {'early', 'late'} <= keys_of(saver.save(session, str(tmp_path / 'x')))


def test_an_empty_graph_needs_leave(session, tmp_path):
    with pytest.raises(ValueError, match='No variables'):
        estimator_ckpt.Saver()
    saver = estimator_ckpt.Saver('both', allow_empty=True)
    assert saver.save(session, str(tmp_path / 'x')) is None
    saver.restore(session, str(tmp_path / 'x'))


def test_a_plain_saver_of_the_same_graph_is_not_disturbed(session, tmp_path):
    tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1, name='t')
    tf1.get_variable('v', initializer=1.0)
    estimator_ckpt.Saver('tf2')
    plain = tf1.train.Saver()
    session.run(tf1.global_variables_initializer())
    assert keys_of(plain.save(session, str(tmp_path / 'x'))) == {'v', 't-keys', 't-values'}


def test_what_a_killed_save_left_is_removed_at_the_next_start(session, tmp_path):
    tf1.get_variable('v', initializer=1.0)
    session.run(tf1.global_variables_initializer())
    saver = estimator_ckpt.Saver()
    path = saver.save(session, str(tmp_path / 'x'), 1)
    abandoned = tmp_path / 'x-2.saving-0123456789ab'
    abandoned.mkdir()
    (abandoned / 'part-00000.data-00000-of-00001').write_bytes(b'half')
    other = tmp_path / 'x-2_temp'
    other.mkdir()
    estimator_ckpt.Saver().recover_last_checkpoints([path])
    assert not abandoned.exists() and other.exists()


def test_python_state_is_saved_and_restored(session, tmp_path):
    class Position(tf.train.experimental.PythonState):
        value = 'start'

        def serialize(self):
            return self.value

        def deserialize(self, value):
            self.value = value

    position = Position()
    v = tf1.get_variable('v', initializer=1.0)
    saver = estimator_ckpt.Saver('tf2', tf.train.Checkpoint(v=v, position=position))
    session.run(tf1.global_variables_initializer())
    position.value = 'further'
    path = saver.save(session, str(tmp_path / 'x'))
    position.value = 'lost'
    saver.restore(session, path)
    assert position.value == 'further'


def test_a_directory_means_its_latest_checkpoint(session, tmp_path):
    v = tf1.get_variable('v', initializer=1.0)
    session.run(tf1.global_variables_initializer())
    saver = estimator_ckpt.Saver('both')
    saver.save(session, str(tmp_path / 'x'), 1)
    session.run(v.assign(0.0))
    saver.restore(session, str(tmp_path))
    assert session.run(v) == 1.0
    assert os.path.exists(tmp_path / 'x-1.meta')
