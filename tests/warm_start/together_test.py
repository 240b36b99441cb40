"""Several checkpoints warm-start one program: each variable gets its value from one of them, or nothing is assigned."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import WarmStart, WarmStartHook
from tests.bundle.helpers import flip_byte
from tests.testing import small_model
from tests.warm_start import sources

tf1 = tf.compat.v1
SHAPES = {'encoder/kernel': [3, 2], 'decoder/kernel': [2, 4], 'head/kernel': [4]}


def value(name, first):
    return sources.value(SHAPES[name], first)


@pytest.fixture(params=sources.STYLES)
def paths(request, tmp_path):
    """Two checkpoints that both have an encoder, a decoder and a step."""
    return [_trained(str(tmp_path / f'source{first}'), first, request.param) for first in (100, 200)]


def _trained(prefix, first, style):
    with tf.Graph().as_default(), tf1.Session() as session:
        build()
        session.run(tf1.global_variables_initializer())
        for variable in tf1.trainable_variables():
            session.run(variable.assign(value(variable.op.name, first)))
        session.run(tf1.train.get_global_step().assign(first))
        return estimator_ckpt.Saver(style).save(session, prefix)


def build(names=('encoder/kernel', 'decoder/kernel')):
    tf1.train.get_or_create_global_step()
    for name in names:
        tf1.get_variable(name, SHAPES[name], initializer=tf1.zeros_initializer())


def both(paths, **options):
    """An encoder of the first checkpoint and a decoder of the second."""
    return [
        WarmStart(paths[0], include='encoder/', step='keep', **options),
        WarmStart(paths[1], include='decoder/', **options),
    ]


def in_session(warm_starts, names=('encoder/kernel', 'decoder/kernel')):
    """The values after a warm start in a session, and the report."""
    with tf.Graph().as_default() as graph, tf1.Session() as session:
        build(names)
        session.run(tf1.global_variables_initializer())
        variables = tf1.global_variables()
        graph.finalize()
        try:
            report = estimator_ckpt.warm_start(warm_starts, session=session)
        except estimator_ckpt.CheckpointError as error:
            assert not any(np.any(value) for value in session.run(variables))
            raise error
        return session.run({v.op.name: v for v in variables}), report


def eagerly(warm_starts, names=('encoder/kernel', 'decoder/kernel')):
    """The values after an eager warm start, and the report."""
    step = tf.Variable(0, dtype=tf.int64, trainable=False, name='global_step')
    variables = {name: tf.Variable(tf.zeros(SHAPES[name]), name=name) for name in names}
    target = tf.train.Checkpoint(vars=variables, global_step=step)
    try:
        report = estimator_ckpt.warm_start(warm_starts, target)
    except estimator_ckpt.CheckpointError as error:
        assert not any(np.any(v.numpy()) for v in [step, *variables.values()])
        raise error
    return {'global_step': step.numpy(), **{name: v.numpy() for name, v in variables.items()}}, report


everywhere = pytest.mark.parametrize('start', [in_session, eagerly])


def check_values(values):
    np.testing.assert_array_equal(values['encoder/kernel'], value('encoder/kernel', 100))
    np.testing.assert_array_equal(values['decoder/kernel'], value('decoder/kernel', 200))
    assert values['global_step'] == 100


@everywhere
def test_each_variable_gets_the_value_of_its_own_checkpoint(start, paths):
    values, report = start(both(paths))
    check_values(values)
    origins = {row.target: row.note for row in report.matched}
    assert origins == {
        'encoder/kernel': f'of {paths[0]}',
        'decoder/kernel': f'of {paths[1]}',
        'global_step': f'of {paths[0]}',
    }
    assert not report.faults() and not report.skipped


def test_a_list_of_one_gives_the_report_of_one(paths):
    alone, listed = (in_session(start)[1] for start in (WarmStart(paths[0]), [WarmStart(paths[0])]))
    assert alone == listed


@everywhere
def test_a_variable_that_two_claim_is_an_error_that_names_it_and_both_checkpoints(start, paths):
    pattern = f"give the same variables a value: 'encoder/kernel' .from {paths[0]} and {paths[1]}.; let"
    with pytest.raises(estimator_ckpt.MappingError, match=pattern) as error:
        start([WarmStart(paths[0], include='encoder/'), WarmStart(paths[1])])
    assert {row.target for row in error.value.report.matched} == {'encoder/kernel', 'decoder/kernel'}
    with pytest.raises(estimator_ckpt.MappingError, match="'global_step' .from"):
        start([WarmStart(paths[0], include='enc', step='keep'), WarmStart(paths[1], include='dec', step=7)])


@everywhere
def test_a_variable_that_none_fills_is_missing_if_one_is_responsible_for_it(start, paths):
    names = tuple(SHAPES)
    with pytest.raises(
        estimator_ckpt.MappingError, match=f"{paths[1]} does not fit 1 .*: 'head/kernel'"
    ) as error:
        start([WarmStart(paths[0], include='enc'), WarmStart(paths[1], include=['dec', 'head'])], names)
    assert [row.target for row in error.value.report.missing] == ['head/kernel']
    # Nobody includes it; nobody minds that it is missing.
    values, report = start(both(paths), names)
    check_values(values)
    assert [row.target for row in report.skipped] == ['head/kernel']
    ignoring = [
        WarmStart(paths[0], include='encoder/'),
        WarmStart(paths[1], include=['dec', 'head'], missing='ignore'),
    ]
    assert [row.target for row in start(ignoring, names)[1].missing] == ['head/kernel']


@everywhere
def test_a_variable_that_one_lacks_may_come_from_another_that_includes_it_too(start, paths, tmp_path):
    head = sources.write(tmp_path / 'head', {'head/kernel': value('head/kernel', 300)})
    # Each of them includes all trainable variables.
    values, report = start([WarmStart(paths[0]), WarmStart(head)], tuple(SHAPES))
    np.testing.assert_array_equal(values['head/kernel'], value('head/kernel', 300))
    np.testing.assert_array_equal(values['decoder/kernel'], value('decoder/kernel', 100))
    assert not report.missing and not report.faults()


@everywhere
def test_all_faults_of_all_checkpoints_are_told_at_once(start, paths):
    with pytest.raises(estimator_ckpt.MappingError) as error:
        start(
            [
                WarmStart(paths[0], {'encoder/krenel': 'encoder/kernel'}, include='encoder/'),
                WarmStart(paths[1], include='(dec|head)'),
            ],
            tuple(SHAPES),
        )
    assert "'encoder/krenel'" in str(error.value) and "'head/kernel'" in str(error.value)


def test_a_damaged_second_checkpoint_leaves_all_variables_unchanged(paths):
    flip_byte(f'{paths[1]}.data-00000-of-00001', 3)
    with pytest.raises(estimator_ckpt.CorruptCheckpointError, match='decoder'):
        eagerly(both(paths))


@pytest.mark.parametrize('by_hook', [False, True], ids=['scaffold', 'hook'])
def test_training_starts_from_both_and_resumes_from_neither(by_hook, paths, tmp_path):
    for expected in (100, 101):
        with tf.Graph().as_default():
            build()
            step = tf1.train.get_global_step()
            train_op = step.assign_add(1)
            warm_starts = both(paths) if expected == 100 else [WarmStart(tmp_path / 'gone')]
            hooks = [WarmStartHook(warm_starts)] if by_hook else []
            scaffold = estimator_ckpt.scaffold('both', warm_start=None if by_hook else warm_starts)
            with tf1.train.MonitoredTrainingSession(
                checkpoint_dir=str(tmp_path / 'model'),
                scaffold=scaffold,
                hooks=hooks,
                log_step_count_steps=None,
            ) as session:
                values = session.run({v.op.name: v for v in tf1.global_variables()})
                assert values['global_step'] == expected
                check_values({**values, 'global_step': 100})
                session.run(train_op)


@small_model.needs_estimator
def test_an_estimator_takes_a_list(paths, tmp_path):
    def model_fn(features, labels, mode):
        build()
        train_op = tf1.train.get_global_step().assign_add(1)
        return tf.estimator.EstimatorSpec(mode, loss=tf.constant(0.0), train_op=train_op)

    estimator = tf.estimator.Estimator(model_fn, str(tmp_path / 'model'))
    estimator = estimator_ckpt.with_checkpoint_style(estimator, 'tf1', warm_start=both(paths))
    estimator.train(lambda: tf.data.Dataset.from_tensors((0.0, 0.0)).repeat(), steps=1)
    check_values(estimator_ckpt.load(tmp_path / 'model/model.ckpt-100'))


def test_slots_come_from_the_one_that_is_asked_for_them(tmp_path):
    def model(names, first):
        for name in names:
            tf1.get_variable(name, SHAPES[name], initializer=tf1.constant_initializer(first))
        loss = tf.add_n([tf.reduce_sum(v**2) for v in tf1.trainable_variables()])
        return tf1.train.MomentumOptimizer(0.1, 0.9).minimize(loss)

    prefixes = []
    for first in (100, 200):
        with tf.Graph().as_default(), tf1.Session() as session:
            train_op = model(list(SHAPES)[:2], first)
            session.run(tf1.global_variables_initializer())
            session.run(train_op)
            prefixes.append(estimator_ckpt.Saver('tf1').save(session, str(tmp_path / f'trained{first}')))
    with tf.Graph().as_default(), tf1.Session() as session:
        model(list(SHAPES)[:2], 0)
        session.run(tf1.global_variables_initializer())
        warm_starts = [
            WarmStart(prefixes[0], include='encoder/', slots=True),
            WarmStart(prefixes[1], include='decoder/', slots=True),
        ]
        estimator_ckpt.warm_start(warm_starts, session=session)
        values = session.run({v.op.name: v for v in tf1.global_variables()})
    for name, prefix in zip(('encoder/kernel', 'decoder/kernel'), prefixes, strict=True):
        for key in (name, f'{name}/Momentum'):
            np.testing.assert_array_equal(values[key], tf.train.load_variable(prefix, key))


def test_layers_that_are_not_built_take_values_of_one_checkpoint_only(paths):
    class Model(tf.Module):
        def __init__(self):
            self.encoder, self.decoder = tf.keras.layers.Dense(2), tf.keras.layers.Dense(4)

    model = Model()
    with pytest.raises(
        estimator_ckpt.CheckpointError, match='(?i)not built.*; build the model (first|before)'
    ):
        estimator_ckpt.warm_start([WarmStart(path, missing='ignore') for path in paths], model)


def test_something_else_than_warm_starts_is_a_type_error(paths):
    for bad in ([WarmStart(paths[0]), paths[1]], {'a': 1}):
        with tf.Graph().as_default(), pytest.raises(TypeError, match='must be a WarmStart or a list of them'):
            estimator_ckpt.scaffold('tf1', warm_start=bad)
        with pytest.raises(TypeError, match='must be a WarmStart or a list of them'):
            WarmStartHook(bad)
