"""Evaluation in the training process, without a checkpoint."""

import collections
import inspect

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.estimator import in_memory_evaluator
from tests.testing import small_model

tf1 = tf.compat.v1
pytestmark = [small_model.needs_estimator, pytest.mark.slow]
STYLES = ('tf1', 'tf2', 'both')
Hook = estimator_ckpt.InMemoryEvaluatorHook
eval_input = small_model.batches(90)


def _theirs():
    return tf.estimator.experimental.InMemoryEvaluatorHook


def _evaluated(eval_dir):
    """The metrics that evaluations have written, by their steps."""
    metrics = collections.defaultdict(dict)
    for path in eval_dir.glob('events.*'):
        for event in tf1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if value.HasField('simple_value'):
                    metrics[event.step][value.tag] = value.simple_value
    return dict(metrics)


def _assert_evaluated_as_from_checkpoints(estimator, model_dir, steps, input_fn=eval_input):
    """Asserts that the evaluations were at these steps, and say what an evaluation of the checkpoint says."""
    evaluated = _evaluated(model_dir / 'eval')
    assert list(sorted(evaluated)) == steps
    for step, metrics in evaluated.items():
        path = str(model_dir / f'model.ckpt-{step}')
        again = estimator.evaluate(input_fn, steps=2, checkpoint_path=path, name='again')
        assert again.pop('global_step') == step
        assert metrics == {name: np.float32(value) for name, value in again.items()}


@pytest.mark.parametrize('with_checkpoint', [False, True], ids=['by_default', 'by_checkpoint'])
@pytest.mark.parametrize('style', STYLES)
def test_evaluates_at_the_beginning_every_n_steps_and_at_the_end(style, with_checkpoint, tmp_path):
    estimator = small_model.estimator(
        tmp_path, small_model.ours(style, with_checkpoint), save_checkpoints_steps=1
    )
    hook = Hook(estimator, eval_input, steps=2, every_n_iter=2)
    estimator.train(small_model.batches(), hooks=[hook], steps=3)
    _assert_evaluated_as_from_checkpoints(estimator, tmp_path, [0, 2, 3])

    estimator.train(small_model.batches(3), hooks=[hook], steps=1)
    assert sorted(_evaluated(tmp_path / 'eval')) == [0, 2, 3, 4]
    small_model.estimator(tmp_path / 'plain').train(small_model.batches(), steps=4)
    small_model.assert_same_bits(small_model.values(tmp_path), small_model.values(tmp_path / 'plain'))


def test_is_that_of_tensorflow_where_that_one_works(tmp_path):
    for name, hook_class in (('ours', Hook), ('theirs', _theirs())):
        estimator = small_model.estimator(tmp_path / name)
        hook = hook_class(estimator, eval_input, 2, name='named', every_n_iter=1)
        estimator.train(small_model.batches(), hooks=[hook], steps=2)
    expected = _evaluated(tmp_path / 'theirs' / 'eval_named')
    assert sorted(expected) == [0, 1, 2]
    assert _evaluated(tmp_path / 'ours' / 'eval_named') == expected


class TestWhatTensorFlowsOwnRefuses:
    """Should it ever stop to, this package's hook may go."""

    @pytest.mark.parametrize('style', STYLES)
    def test_a_saver(self, style, tmp_path):
        estimator = small_model.estimator(tmp_path, small_model.ours(style))
        with pytest.raises(ValueError, match='does not support custom saver'):
            estimator.train(small_model.batches(), hooks=[_theirs()(estimator, eval_input)], steps=1)

    def test_an_init_fn(self, tmp_path):
        ran = []

        def make_scaffold(net, config):
            return tf1.train.Scaffold(init_fn=lambda scaffold, session: ran.append(session.graph))

        estimator = small_model.estimator(tmp_path, make_scaffold, save_checkpoints_steps=1)
        with pytest.raises(ValueError, match='does not support custom init_fn'):
            estimator.train(small_model.batches(), hooks=[_theirs()(estimator, eval_input)], steps=1)

        estimator.train(
            small_model.batches(), hooks=[Hook(estimator, eval_input, 2, every_n_iter=1)], steps=1
        )
        assert len(ran) == 1  # In training, and in no evaluation.
        _assert_evaluated_as_from_checkpoints(estimator, tmp_path, [0, 1])

    def test_a_saver_that_restores_moving_averages(self, tmp_path):
        def model_fn(features, labels, mode, config):
            step = tf1.train.get_or_create_global_step()
            kernel = tf1.get_variable('kernel', [small_model.FEATURES, 1], initializer=tf1.ones_initializer())
            loss = tf.reduce_mean((tf.matmul(features['x'], kernel)[:, 0] - labels) ** 2)
            averages = tf.train.ExponentialMovingAverage(0.5)
            if mode == tf.estimator.ModeKeys.EVAL:
                scaffold = tf1.train.Scaffold(saver=tf1.train.Saver(averages.variables_to_restore()))
                return tf.estimator.EstimatorSpec(mode, loss=loss, scaffold=scaffold)
            train_op = tf1.train.AdamOptimizer(0.1).minimize(loss, global_step=step)
            with tf.control_dependencies([train_op]):
                train_op = averages.apply([kernel])
            scaffold = estimator_ckpt.scaffold('both', config=config)
            return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op, scaffold=scaffold)

        config = tf.estimator.RunConfig(save_checkpoints_steps=1)
        estimator = tf.estimator.Estimator(model_fn, str(tmp_path), config)
        estimator.train(
            small_model.batches(), hooks=[Hook(estimator, eval_input, 2, every_n_iter=1)], steps=3
        )
        last = BundleReader(str(tmp_path))
        assert (last.tensor('kernel') != last.tensor('kernel/ExponentialMovingAverage')).all()
        _assert_evaluated_as_from_checkpoints(estimator, tmp_path, [0, 1, 2, 3])


@pytest.mark.parametrize('style', STYLES)
def test_beside_a_warm_start(style, tmp_path):
    small_model.estimator(tmp_path / 'old').train(small_model.batches(50), steps=3)
    warm_start = estimator_ckpt.WarmStart(str(tmp_path / 'old'), include='all')
    estimator = small_model.estimator(
        tmp_path / 'new', small_model.ours(style, warm_start=warm_start), save_checkpoints_steps=1
    )
    estimator.train(small_model.batches(), hooks=[Hook(estimator, eval_input, 2, every_n_iter=1)], steps=2)
    _assert_evaluated_as_from_checkpoints(estimator, tmp_path / 'new', [0, 1, 2])
    old, first = small_model.values(tmp_path / 'old'), small_model.values(tmp_path / 'new/model.ckpt-0')
    np.testing.assert_array_equal(first['dense/kernel'], old['dense/kernel'])


def test_the_other_pieces_of_the_scaffold_do_their_work(tmp_path):
    def model_fn(features, labels, mode, config):
        net = small_model.build_net(features['x'], labels)
        pieces, metrics = {}, {}
        if mode == tf.estimator.ModeKeys.EVAL:
            flags = [tf1.get_variable(name, initializer=0.0) for name in ('by_init_op', 'by_local_init_op')]
            fed, locally_fed = (tf1.placeholder_with_default(0.0, []) for _ in flags)
            with tf.control_dependencies([tf1.global_variables_initializer()]):
                init_op = flags[0].assign(fed)
            pieces = {
                'init_op': init_op,
                'init_feed_dict': {fed: 2.0},
                'local_init_op': flags[1].assign(locally_fed).op,
                'local_init_feed_dict': {locally_fed: 3.0},
            }
            metrics = {flag.op.name: tf1.metrics.mean(flag) for flag in flags}
        return tf.estimator.EstimatorSpec(
            mode,
            loss=net.loss,
            train_op=net.train_op,
            eval_metric_ops=metrics,
            scaffold=estimator_ckpt.scaffold('both', config=config, **pieces),
        )

    estimator = tf.estimator.Estimator(model_fn, str(tmp_path))
    estimator.train(small_model.batches(), hooks=[Hook(estimator, eval_input, 2)], steps=1)
    evaluated = _evaluated(tmp_path / 'eval')
    assert sorted(evaluated) == [0, 1]
    for metrics in evaluated.values():
        assert (metrics['by_init_op'], metrics['by_local_init_op']) == (2.0, 3.0)


def test_no_piece_of_the_scaffold_but_saver_and_init_fn_is_lost():
    names = set(inspect.signature(tf1.train.Scaffold).parameters) - {'copy_from_scaffold'}
    pieces = {name: object() for name in names}
    bare = in_memory_evaluator._without_saver_and_init_fn(tf1.train.Scaffold(**pieces))
    pieces |= {'saver': None, 'init_fn': None}
    assert {name: getattr(bare, name) for name in names} == pieces


def _rows():
    x = np.random.RandomState(0).randn(16, 3).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices(({'x': x}, (x.sum(1) > 0).astype(np.int32))).batch(4)


@pytest.mark.parametrize('style', STYLES)
def test_of_a_canned_estimator(style, tmp_path):
    columns = [tf.feature_column.numeric_column('x', [3])]
    config = tf.estimator.RunConfig(tf_random_seed=1, save_checkpoints_steps=1)
    canned = tf.estimator.DNNClassifier([4], columns, tmp_path / 'run', config=config)
    estimator = estimator_ckpt.with_checkpoint_style(canned, style)
    hook = Hook(estimator, _rows, 2, every_n_iter=2)
    estimator.train(_rows, hooks=[hook], steps=3)
    _assert_evaluated_as_from_checkpoints(estimator, tmp_path / 'run', [0, 2, 3], _rows)


def test_the_checkpoint_of_a_warm_start_is_not_read_again(tmp_path):
    columns = [tf.feature_column.numeric_column('x', [3])]
    config = tf.estimator.RunConfig(tf_random_seed=1, save_checkpoints_steps=1)
    tf.estimator.DNNClassifier([4], columns, tmp_path / 'old', config=config).train(_rows, steps=2)
    canned = tf.estimator.DNNClassifier(
        [4], columns, tmp_path / 'new', config=config, warm_start_from=str(tmp_path / 'old')
    )
    estimator = estimator_ckpt.with_checkpoint_style(canned, 'both').train(_rows, steps=1)
    (tmp_path / 'old').rename(tmp_path / 'gone')
    estimator.train(_rows, hooks=[Hook(estimator, _rows, 2, every_n_iter=1)], steps=1)
    _assert_evaluated_as_from_checkpoints(estimator, tmp_path / 'new', [1, 2], _rows)


@pytest.mark.parametrize('every_n_iter', [0, None])
def test_refuses_to_evaluate_every_0_steps(every_n_iter, tmp_path):
    with pytest.raises(ValueError, match='every_n_iter'):
        Hook(small_model.estimator(tmp_path), eval_input, every_n_iter=every_n_iter)
