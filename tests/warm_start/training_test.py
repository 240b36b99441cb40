"""Warm starts where training starts: by the scaffold, by the hook, with and without Estimator, on several devices."""

import logging

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import WarmStart, WarmStartHook
from estimator_ckpt.bundle.reader import BundleReader
from tests.testing import small_model
from tests.warm_start import sources

tf1 = tf.compat.v1
# While the tests are collected, before TensorFlow has looked at its devices.
_CPU = tf.config.list_physical_devices('CPU')[0]
tf.config.set_logical_device_configuration(_CPU, [tf.config.LogicalDeviceConfiguration()] * 2)


def _trained(tmp_path) -> dict[str, np.ndarray]:
    small_model.estimator(tmp_path / 'old', small_model.ours('both', True)).train(
        small_model.batches(), steps=3
    )
    return small_model.values(tmp_path / 'old')


@small_model.needs_estimator
class TestModelFn:
    @pytest.mark.parametrize('with_checkpoint', [False, True], ids=['by default', 'by checkpoint'])
    @pytest.mark.parametrize('style', sources.STYLES)
    def test_all_values_come_along_and_training_goes_on_exactly(self, style, with_checkpoint, tmp_path):
        old = _trained(tmp_path)
        small_model.estimator(tmp_path / 'old', small_model.ours('tf1')).train(
            small_model.batches(3), steps=2
        )
        warm_start = WarmStart(tmp_path / 'old/model.ckpt-3', include='all', slots=True, step='keep')
        make = small_model.ours(style, with_checkpoint, warm_start=warm_start)
        new = small_model.estimator(tmp_path / 'new', make)
        new.train(small_model.batches(3), steps=2)
        assert old['global_step'] == 3
        small_model.assert_same_bits(
            small_model.values(tmp_path / 'new'), small_model.values(tmp_path / 'old')
        )

    def test_rules_name_object_paths_of_the_checkpoint_object(self, tmp_path):
        source = sources.write(tmp_path / 'source', {'w': sources.value([small_model.FEATURES, 1])})
        warm_start = WarmStart(source, {'w': 'model/kernel'}, missing='ignore')
        estimator = small_model.estimator(
            tmp_path / 'new', small_model.ours('tf2', True, warm_start=warm_start)
        )
        estimator.train(small_model.batches(), steps=1)
        first = small_model.values(tmp_path / 'new/model.ckpt-0')
        np.testing.assert_array_equal(first['dense/kernel'], sources.value([small_model.FEATURES, 1]))
        assert (first['embedding'] == 1).all() if 'embedding' in first else True

    def test_it_happens_only_where_there_is_no_checkpoint(self, tmp_path):
        _trained(tmp_path)
        for expected in (0, 2):
            make = small_model.ours('tf1', warm_start=WarmStart(tmp_path / 'old', step='reset'))
            estimator = small_model.estimator(tmp_path / 'new', make)
            estimator.train(small_model.batches(expected), steps=2)
        small_model.estimator(
            tmp_path / 'once', small_model.ours('tf1', warm_start=WarmStart(tmp_path / 'old'))
        ).train(small_model.batches(), steps=4)
        assert small_model.step_of(tmp_path / 'new') == 4
        small_model.assert_same_bits(
            small_model.values(tmp_path / 'new'), small_model.values(tmp_path / 'once')
        )

    def test_a_given_init_fn_runs_before(self, tmp_path):
        old = _trained(tmp_path)
        seen = []

        def init_fn(scaffold, session):
            kernel = next(v for v in tf1.global_variables() if v.op.name == 'dense/kernel')
            seen.append(session.run(kernel))

        warm_start = WarmStart(tmp_path / 'old')
        estimator = small_model.estimator(
            tmp_path / 'new', small_model.ours('tf1', warm_start=warm_start, init_fn=init_fn)
        )
        estimator.train(small_model.batches(), steps=1)
        assert len(seen) == 1 and (seen[0] == 1).all()
        first = small_model.values(tmp_path / 'new/model.ckpt-0')
        np.testing.assert_array_equal(first['dense/kernel'], old['dense/kernel'])

    def test_the_report_is_logged_as_a_table_that_fits_a_terminal(self, tmp_path, caplog):
        _trained(tmp_path)
        make = small_model.ours('tf1', warm_start=WarmStart(tmp_path / 'old'))
        with caplog.at_level(logging.INFO, 'tensorflow'):
            small_model.estimator(tmp_path / 'new', make).train(small_model.batches(), steps=1)
        (message,) = [r.getMessage() for r in caplog.records if 'Warm start from' in r.getMessage()]
        lines = message.splitlines()
        assert str(tmp_path / 'old/model.ckpt-3') in lines[0]
        assert max(map(len, lines[1:])) <= 80
        assert any('dense/kernel' in line and '[3, 1]' in line for line in lines)
        assert any('dense/average' in line and 'not trainable' in line for line in lines)

    def test_a_scaffold_refuses_what_is_no_warm_start(self):
        with tf.Graph().as_default(), pytest.raises(TypeError, match='must be a WarmStart'):
            estimator_ckpt.scaffold('tf1', warm_start='path')

    def test_what_does_not_fit_ends_training_before_anything_is_written(self, tmp_path):
        source = sources.write(tmp_path / 'source', {'w': sources.value([2])})
        make = small_model.ours('tf1', warm_start=WarmStart(source))
        with pytest.raises(estimator_ckpt.MappingError, match='dense/kernel.*embedding'):
            small_model.estimator(tmp_path / 'new', make).train(small_model.batches(), steps=1)
        assert not list((tmp_path / 'new').glob('*.index'))

    def test_it_adds_no_op(self, tmp_path):
        _trained(tmp_path)
        counts = []
        for options in ({}, {'warm_start': WarmStart(tmp_path / 'old')}):

            def count(scaffold, session):
                counts.append(len(session.graph.get_operations()))

            class AtEnd(tf1.train.SessionRunHook):
                def end(self, session):
                    counts.append(len(session.graph.get_operations()))

            make = small_model.ours('tf1', init_fn=count, **options)
            estimator = small_model.estimator(tmp_path / f'new{len(counts)}', make)
            estimator.train(small_model.batches(), steps=1, hooks=[AtEnd()])
        assert len(set(counts)) == 1

    @pytest.mark.parametrize('by_hook', [False, True], ids=['by scaffold', 'by hook'])
    def test_a_mirrored_strategy_fills_the_variables_of_every_device(self, by_hook, tmp_path):
        source = sources.write(
            tmp_path / 'source', {'w': sources.value([small_model.FEATURES, 1]), 'm': np.float32([5, 6])}
        )
        warm_start = WarmStart(source, {'w': 'kernel', 'm': 'mean'}, include='all')
        strategy = tf.distribute.MirroredStrategy(['/cpu:0', '/cpu:1'])
        seen = []

        class Look(tf1.train.SessionRunHook):
            def after_create_session(self, session, coord):
                for variable in tf1.global_variables():
                    if variable.name in ('kernel:0', 'mean:0'):
                        seen.append(session.run(list(variable.values)))

        def model_fn(features, labels, mode, config):
            step = tf1.train.get_or_create_global_step()
            kernel = tf1.get_variable('kernel', [small_model.FEATURES, 1])
            mean = tf1.get_variable(
                'mean',
                [2],
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.MEAN,
            )
            loss = tf.reduce_mean((tf.matmul(features['x'], kernel)[:, 0] - labels) ** 2)
            loss += 0.0 * tf.reduce_sum(mean)
            train_op = tf1.train.AdamOptimizer(0.1).minimize(loss, global_step=step)
            scaffold = None
            if not by_hook:
                scaffold = estimator_ckpt.scaffold('both', config=config, warm_start=warm_start)
            return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op, scaffold=scaffold)

        config = tf.estimator.RunConfig(
            train_distribute=strategy, session_config=tf1.ConfigProto(device_count={'CPU': 2})
        )
        hooks = [Look(), *([WarmStartHook(warm_start)] if by_hook else [])]
        tf.estimator.Estimator(model_fn, str(tmp_path / 'new'), config).train(
            small_model.batches(), steps=1, hooks=hooks
        )
        kernels, means = seen
        assert len(kernels) == len(means) == 2
        for kernel, mean in zip(kernels, means, strict=True):
            np.testing.assert_array_equal(kernel, sources.value([small_model.FEATURES, 1]))
            np.testing.assert_array_equal(mean, [5, 6])


@small_model.needs_estimator
class TestHook:
    def test_a_canned_estimator_starts_from_another_and_its_first_checkpoint_has_the_values(self, tmp_path):
        def canned(name, **config):
            columns = [tf.feature_column.numeric_column('x', [small_model.FEATURES])]
            return tf.estimator.DNNRegressor(
                [4], columns, str(tmp_path / name), config=tf.estimator.RunConfig(**config)
            )

        canned('old').train(small_model.batches(), steps=3)
        old = tf.train.load_checkpoint(str(tmp_path / 'old'))
        hook = WarmStartHook(WarmStart(tmp_path / 'old', slots=True))
        canned('new').train(small_model.batches(), steps=1, hooks=[hook])
        new = tf.train.load_checkpoint(str(tmp_path / 'new/model.ckpt-0'))
        names = [name for name in old.get_variable_to_shape_map() if name != 'global_step']
        assert len(names) > 6
        for name in names:
            np.testing.assert_array_equal(new.get_tensor(name), old.get_tensor(name), err_msg=name)

        # A run that goes on is not warm started again.
        canned('new').train(small_model.batches(1), steps=1, hooks=[hook])
        canned('twice').train(small_model.batches(), steps=2, hooks=[hook])
        resumed, twice = (tf.train.load_checkpoint(str(tmp_path / name)) for name in ('new', 'twice'))
        for name in names:
            np.testing.assert_array_equal(resumed.get_tensor(name), twice.get_tensor(name), err_msg=name)


class TestMonitoredSession:
    @pytest.mark.parametrize('by_hook', [False, True], ids=['by scaffold', 'by hook'])
    def test_the_chief_warm_starts_and_the_graph_is_final(self, by_hook, tmp_path):
        source = sources.write(tmp_path / 'source', {'w': sources.value([2])})
        warm_start = WarmStart(source, {'w': 'new/w'})
        for expected in ([0, 1], [1, 2]):
            with tf.Graph().as_default():
                tf1.train.create_global_step()
                w = tf1.get_variable('new/w', [2])
                add = tf.group(w.assign_add([1.0, 1.0]), tf1.assign_add(tf1.train.get_global_step(), 1))
                options = {'scaffold': estimator_ckpt.tf2_scaffold(warm_start=warm_start)}
                if by_hook:
                    options = {'hooks': [WarmStartHook(warm_start)]}
                with tf1.train.MonitoredTrainingSession(
                    checkpoint_dir=str(tmp_path / 'run'), log_step_count_steps=None, **options
                ) as session:
                    np.testing.assert_array_equal(session.run(w), expected)
                    session.run(add)

    def test_variables_on_parameter_servers_are_filled_through_grpc(self, tmp_path):
        value = sources.value([7, 2])
        source = sources.write(tmp_path / 'source', {'table': value}, 'both', {'table': 3})
        cluster = small_model.cluster(ps=2, worker=1)
        tasks = [('ps', 0), ('ps', 1), ('worker', 0)]
        servers = [tf.distribute.Server(cluster, job, task) for job, task in tasks]
        with tf.Graph().as_default():
            tf1.train.create_global_step()
            with tf1.device(tf1.train.replica_device_setter(cluster=cluster)):
                table = tf1.get_variable('new', [7, 2], partitioner=tf1.fixed_size_partitioner(2))
            assert {v.device for v in table} == {'/job:ps/task:0', '/job:ps/task:1'}
            scaffold = estimator_ckpt.dual_scaffold(warm_start=WarmStart(source, {'table': 'new'}))
            with tf1.train.MonitoredTrainingSession(
                servers[-1].target, scaffold=scaffold, checkpoint_dir=str(tmp_path / 'run')
            ) as session:
                np.testing.assert_array_equal(np.concatenate(session.run(list(table))), value)
        assert (BundleReader(str(tmp_path / 'run')).tensor('new') == value).all()


def test_initial_values_that_variables_share_or_tensorflow_forbids_to_feed_are_no_obstacle(tmp_path):
    source = sources.write(tmp_path / 'source', {'a': np.float32(1), 'b': np.float32(2)})
    with tf.Graph().as_default(), tf1.Session() as session:
        shared = tf.constant(0.0)
        a, b = tf1.Variable(shared, name='a'), tf1.Variable(shared, name='b')
        assert tf.get_static_value(a.initializer.inputs[1]) == 0
        session.run(tf1.global_variables_initializer())
        estimator_ckpt.warm_start(WarmStart(source), session=session)
        assert session.run([a, b]) == [1, 2]
        with pytest.raises(ValueError, match='may not be fed'):
            session.run(a, {a.initializer.inputs[1]: 3.0})


@pytest.mark.parametrize('with_saver', [True, False])
def test_of_a_saver_only_what_is_asked_for_is_restored_and_damage_is_told(with_saver, tmp_path):
    values = {
        'a': sources.value([30, 1000]),
        'b': sources.value([3]),
        'n': np.int64(7),
        'c': sources.value([2]),
    }
    source = sources.write(tmp_path / 'source', values)
    with tf.Graph().as_default() as graph, tf1.Session() as session:
        a, b = tf1.get_variable('a', [30, 1000]), tf1.get_variable('b', [3])
        n = tf1.get_variable('n', initializer=np.int64(1), trainable=False)
        c = tf1.get_variable('c', initializer=[5.0, 5.0])
        if with_saver:
            tf1.train.Saver()
        graph.finalize()
        session.run([v.initializer for v in (a, b, n, c)])
        estimator_ckpt.warm_start(WarmStart(source, include=['a', 'b']), session=session)
        np.testing.assert_array_equal(session.run(a), values['a'])
        np.testing.assert_array_equal(session.run(b), values['b'])
        assert session.run(n) == 1 and session.run(c).tolist() == [5, 5]
        with open(source + '.data-00000-of-00001', 'r+b') as file:
            file.seek(100)
            file.write(b'\x11')
        with pytest.raises(estimator_ckpt.CorruptCheckpointError, match="tensor 'a' is damaged"):
            estimator_ckpt.warm_start(WarmStart(source, include=['a', 'b']), session=session)
