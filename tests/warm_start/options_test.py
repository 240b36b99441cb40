"""What a warm start takes and leaves: include, slots, step, missing, mismatch, cast, average, vocabularies."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import WarmStart
from tests.warm_start import sources

tf1 = tf.compat.v1
OPTIMIZERS = {
    'adam': tf1.train.AdamOptimizer,
    'momentum': lambda rate: tf1.train.MomentumOptimizer(rate, 0.9),
    'adagrad': tf1.train.AdagradOptimizer,
    'rmsprop': tf1.train.RMSPropOptimizer,
    'ftrl': tf1.train.FtrlOptimizer,
    'adadelta': tf1.train.AdadeltaOptimizer,
}


def build(scope, optimizer, pieces=None):
    """A model with statistics and the slots of an optimizer; gives its training op."""
    step = tf1.train.get_or_create_global_step()
    with tf1.variable_scope(scope):
        partitioner = tf1.fixed_size_partitioner(pieces) if pieces else None
        kernel = tf1.get_variable('kernel', [4, 2], initializer=tf1.ones_initializer())
        table = tf1.get_variable('table', [6, 2], initializer=tf1.ones_initializer(), partitioner=partitioner)
        tf1.get_variable('moving_mean', [2], initializer=tf1.zeros_initializer(), trainable=False)
    output = tf.matmul(tf.ones([1, 4]), kernel) + tf.nn.embedding_lookup(table, [0, 5, 2])
    return OPTIMIZERS[optimizer](0.1).minimize(tf.reduce_sum(output**2), global_step=step)


def train(tmp_path, scope='old', optimizer='adam', style='tf1', pieces=None):
    """A checkpoint of the model after three steps, and its values."""
    with tf.Graph().as_default(), tf1.Session() as session:
        train_op = build(scope, optimizer, pieces)
        session.run(tf1.global_variables_initializer())
        session.run(next(v for v in tf1.global_variables() if 'moving_mean' in v.name).assign([5.0, 6.0]))
        for _ in range(3):
            session.run(train_op)
        path = estimator_ckpt.Saver(style).save(session, str(tmp_path / 'source'))
    reader = tf.train.load_checkpoint(sources.by_name(path, tmp_path))
    return path, {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def start(source, build, **options):
    """The values after a warm start, those before, and the report."""
    with tf.Graph().as_default() as graph, tf1.Session() as session:
        build()
        session.run(tf1.global_variables_initializer())
        variables = graph.get_collection(tf1.GraphKeys.GLOBAL_VARIABLES)
        before = session.run({v.op.name: v for v in variables})
        graph.finalize()
        report = estimator_ckpt.warm_start(WarmStart(source, **options), session=session)
        return session.run({v.op.name: v for v in variables}), before, report


def changed(after, before):
    return {name for name in after if after[name].tobytes() != before[name].tobytes()}


def test_only_trainable_variables_by_default(tmp_path):
    source, old = train(tmp_path)
    after, before, report = start(source, lambda: build('old', 'adam'))
    assert changed(after, before) == {'old/kernel', 'old/table'}
    np.testing.assert_array_equal(after['old/kernel'], old['old/kernel'])
    reasons = {row.target: row.note for row in report.skipped}
    assert reasons['old/moving_mean'] == "it is not trainable (include='all')"
    assert reasons['old/kernel/Adam'] == reasons['beta1_power'] == 'slots=False'
    assert reasons['global_step'] == "step='reset'"


@pytest.mark.parametrize(
    'include, expected',
    [
        ('all', {'kernel', 'table', 'moving_mean'}),
        ('old/(kernel|moving)', {'kernel', 'moving_mean'}),
        (['old/kernel', 'old/t'], {'kernel', 'table'}),
    ],
)
def test_include_chooses_variables(include, expected, tmp_path):
    source, _ = train(tmp_path)
    after, before, _ = start(source, lambda: build('old', 'adam'), include=include)
    assert changed(after, before) == {f'old/{name}' for name in expected}


def test_include_takes_variables_themselves(tmp_path):
    source = sources.write(tmp_path / 'source', {'a': np.float32(1), 'b': np.float32(2)})
    a, b = tf.Variable(0.0, name='a'), tf.Variable(0.0, name='b')
    estimator_ckpt.warm_start(WarmStart(source, include=[b]), [a, b])
    assert (a.numpy(), b.numpy()) == (0, 2)


def test_what_an_assignment_names_is_included(tmp_path):
    source, _ = train(tmp_path)
    rules = {'old/moving_mean': 'old/moving_mean'}
    after, _, _ = start(source, lambda: build('old', 'adam'), rules=rules)
    np.testing.assert_array_equal(after['old/moving_mean'], [5, 6])


@pytest.mark.parametrize('style', sources.STYLES)
@pytest.mark.parametrize('optimizer', OPTIMIZERS)
def test_slots_come_along_through_the_same_rename(optimizer, style, tmp_path):
    source, old = train(tmp_path, 'old', optimizer, style, pieces=2)
    after, _, report = start(
        source,
        lambda: build('new', optimizer, pieces=3),
        rules=[(r'old/(kernel|table|moving_mean)', r'new/\1')],
        slots=True,
        include='all',
        step='keep',
    )
    merged = sources.merge_pieces(after)
    assert merged.keys() == {name.replace('old/', 'new/') for name in old}
    for name, value in old.items():
        np.testing.assert_array_equal(merged[name.replace('old/', 'new/')], value, err_msg=name)
    assert merged['global_step'] == 3 and not report.faults()


def test_slots_are_reshaped_like_their_variable(tmp_path):
    source, old = train(tmp_path)

    def rebuild():
        with tf1.variable_scope('old'):
            kernel = tf1.get_variable('kernel', [2, 4], initializer=tf1.ones_initializer())
        tf1.train.AdamOptimizer().minimize(tf.reduce_sum(kernel**2))

    rules = [('old/kernel', 'old/kernel', 'transpose=1,0')]
    after, _, _ = start(source, rebuild, rules=rules, slots=True)
    for name in ('old/kernel', 'old/kernel/Adam', 'old/kernel/Adam_1'):
        np.testing.assert_array_equal(after[name], old[name].T)


def test_slots_of_another_optimizer_are_missing(tmp_path):
    source, _ = train(tmp_path, optimizer='momentum')
    with pytest.raises(estimator_ckpt.MappingError, match='old/kernel/Adam'):
        start(source, lambda: build('old', 'adam'), slots=True)


@pytest.mark.parametrize('step, expected', [('reset', 0), ('keep', 3), (17, 17)])
def test_step_is_reset_kept_or_set(step, expected, tmp_path):
    source, _ = train(tmp_path)
    after, _, _ = start(source, lambda: build('old', 'adam'), step=step)
    assert after['global_step'] == expected


@pytest.mark.parametrize('step, expected', [('reset', 0), ('keep', 3), (17, 17)])
def test_step_reaches_keras_iterations(step, expected, tmp_path):
    source, _ = train(tmp_path)
    optimizer = tf.keras.optimizers.Adam()
    kernel = tf.Variable(tf.zeros([4, 2]), name='old/kernel')
    target = tf.train.Checkpoint(kernel=kernel, optimizer=optimizer, step=tf.Variable(0, dtype=tf.int64))
    optimizer.build([kernel])
    estimator_ckpt.warm_start(WarmStart(source, step=step), target)
    assert optimizer.iterations.numpy() == target.step.numpy() == expected


def test_missing_ones_can_be_ignored(tmp_path):
    source = sources.write(tmp_path / 'source', {'a': np.float32(1)})
    a, b = tf.Variable(0.0, name='a'), tf.Variable(7.0, name='b')
    with pytest.raises(estimator_ckpt.MappingError, match="'b' is not in it"):
        estimator_ckpt.warm_start(WarmStart(source), [a, b])
    assert a.numpy() == 0
    report = estimator_ckpt.warm_start(WarmStart(source, missing='ignore'), [a, b])
    assert (a.numpy(), b.numpy()) == (1, 7) and [row.target for row in report.missing] == ['b']


def test_mismatched_ones_can_be_skipped(tmp_path):
    source = sources.write(tmp_path / 'source', {'a': np.float32(1), 'b': np.zeros([2, 3], np.float32)})
    a, b = tf.Variable(0.0, name='a'), tf.Variable(tf.ones([3, 2]), name='b')
    with pytest.raises(estimator_ckpt.MappingError) as caught:
        estimator_ckpt.warm_start(WarmStart(source), [a, b])
    assert 'float32 [2, 3] (transpose=1,0 or reshape=3,2 in its rule would fit)' in str(caught.value)
    assert a.numpy() == 0
    report = estimator_ckpt.warm_start(WarmStart(source, mismatch='skip'), [a, b])
    assert a.numpy() == 1 and (b.numpy() == 1).all() and len(report.mismatched) == 1


@pytest.mark.parametrize('dtype', [tf.float16, tf.float64, tf.bfloat16, tf.int32])
def test_types_are_cast_on_request(dtype, tmp_path):
    source = sources.write(tmp_path / 'source', {'a': np.float32([1.5, 2.25])})
    a = tf.Variable(tf.zeros([2], dtype), name='a')
    with pytest.raises(estimator_ckpt.MappingError, match='float32'):
        estimator_ckpt.warm_start(WarmStart(source), [a])
    estimator_ckpt.warm_start(WarmStart(source, cast=True), [a])
    np.testing.assert_array_equal(tf.cast(a, tf.float64), tf.cast(tf.cast([1.5, 2.25], dtype), tf.float64))


def test_moving_averages_are_promoted(tmp_path):
    with tf.Graph().as_default(), tf1.Session() as session:
        weights = tf1.get_variable('w', initializer=[1.0, 2.0])
        bias = tf1.get_variable('b', initializer=3.0)
        average = tf.train.ExponentialMovingAverage(0.5)
        update = average.apply([weights])
        session.run(tf1.global_variables_initializer())
        session.run(weights.assign([5.0, 6.0]))
        session.run(update)
        source = tf1.train.Saver().save(session, str(tmp_path / 'source'))
        expected = session.run(average.average(weights))
        assert bias is not None
    w, b = tf.Variable([0.0, 0.0], name='new'), tf.Variable(0.0, name='b')
    report = estimator_ckpt.warm_start(WarmStart(source, {'w': 'new'}, average='promote'), [w, b])
    np.testing.assert_array_equal(w, expected)
    assert b.numpy() == 3 and 'w/ExponentialMovingAverage' in str(report.matched)
    with pytest.raises(estimator_ckpt.CheckpointError, match='no moving averages'):
        other = sources.write(tmp_path / 'other', {'b': np.float32(1)})
        estimator_ckpt.warm_start(WarmStart(other, average='promote'), [b])


def _vocabulary(path, words):
    path.write_text('\n'.join(words) + '\n')
    return str(path)


@pytest.mark.parametrize('axis', [0, 1])
@pytest.mark.parametrize('pieces', [None, 2])
def test_rows_follow_their_words_as_in_tensorflow(axis, pieces, tmp_path):
    if axis and pieces:
        pytest.skip('TensorFlow allows pieces along the first axis only')
    value = sources.value([4, 3] if axis == 0 else [3, 4], 1)
    source = sources.write(tmp_path / 'source', {'table': value})
    info = tf1.train.VocabInfo(
        new_vocab=_vocabulary(tmp_path / 'new', ['d', 'x', 'a', 'c', 'y']),
        new_vocab_size=5,
        num_oov_buckets=1,
        old_vocab=_vocabulary(tmp_path / 'old', ['a', 'b', 'c', 'd']),
        old_vocab_size=3 if axis == 0 else -1,  # TensorFlow heeds it for rows only.
        backup_initializer=lambda shape: tf.fill(shape, -1.0),
        axis=axis,
    )

    def build():
        partitioner = tf1.fixed_size_partitioner(pieces) if pieces else None
        tf1.get_variable('new', [6, 3] if axis == 0 else [3, 6], partitioner=partitioner)

    after, _, _ = start(source, build, rules={'table': 'new'}, var_name_to_vocab_info={'new': info})
    ours = sources.merge_pieces(after)['new']
    with tf.Graph().as_default(), tf1.Session() as session:
        build()
        tf1.train.warm_start(str(source), '.*', {'new': info}, {'new': 'table'})
        session.run(tf1.global_variables_initializer())
        theirs = np.concatenate(session.run(tf1.trainable_variables()))
    np.testing.assert_array_equal(ours, theirs)
    assert (np.moveaxis(ours, axis, 0)[2] == np.moveaxis(value, axis, 0)[0]).all()


def test_slots_follow_their_words_and_new_words_keep_the_initial_slots(tmp_path):
    source, old = train(tmp_path, optimizer='adagrad')
    info = tf1.train.VocabInfo(
        new_vocab=_vocabulary(tmp_path / 'new', ['x', 'c', 'a', 'y', 'f', 'b']),
        new_vocab_size=6,
        num_oov_buckets=0,
        old_vocab=_vocabulary(tmp_path / 'old', 'abcdef'),
    )
    after, before, _ = start(
        source, lambda: build('old', 'adagrad'), slots=True, var_name_to_vocab_info={'old/table': info}
    )
    slot = 'old/table/Adagrad'
    expected = before[slot].copy()
    expected[[1, 2, 4, 5]] = old[slot][[2, 0, 5, 1]]
    np.testing.assert_array_equal(after[slot], expected)
    assert (after['old/table'][[0, 3]] == 0).all()
