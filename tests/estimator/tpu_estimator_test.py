"""`TPUEstimator(use_tpu=False)`, to which scaffolds are given by TPUEstimatorSpec's `scaffold_fn`."""

import os

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.keys.contents import Contents
from tests.testing import small_model

tf1 = tf.compat.v1
pytestmark = [small_model.needs_estimator, pytest.mark.slow]
STYLES = ('tf1', 'tf2', 'both')


def _metrics(labels, predictions):
    return {'mae': tf1.metrics.mean_absolute_error(labels, predictions)}


def _estimator(model_dir, make_scaffold=None, host_call=None, **config):
    """A TPUEstimator of the small model, whose `scaffold_fn` makes the scaffold; without one, Estimator's own."""
    tpu = tf1.estimator.tpu

    def model_fn(features, labels, mode, config, params):
        net = small_model.build_net(features['x'], labels)
        kwargs = {}
        if labels is not None:
            kwargs = {
                'loss': net.loss,
                'train_op': net.train_op,
                'eval_metrics': (_metrics, [labels, net.predictions]),
                'host_call': host_call and (host_call, [tf.reshape(net.step, [1])]),
            }
        return tpu.TPUEstimatorSpec(
            mode,
            predictions={'y': net.predictions},
            scaffold_fn=(lambda: make_scaffold(net, config)) if make_scaffold else None,
            **kwargs,
        )

    return tpu.TPUEstimator(
        model_fn,
        str(model_dir),
        tpu.RunConfig(
            tf_random_seed=1,
            tpu_config=tpu.TPUConfig(iterations_per_loop=2),
            **{'save_checkpoints_steps': 2, **config},
        ),
        use_tpu=False,
        train_batch_size=small_model.ROWS,
        eval_batch_size=small_model.ROWS,
        predict_batch_size=small_model.ROWS,
        export_to_tpu=False,
    )


def _batches(first=0):
    """An input_fn of the toy's batches, as TPUEstimator asks for them: of the size that it says."""

    def input_fn(params):
        return small_model.batches(first)().unbatch().batch(params['batch_size'], drop_remainder=True)

    return input_fn


def _receiver():
    x = tf1.placeholder(tf.float32, [None, small_model.FEATURES])
    return tf.estimator.export.ServingInputReceiver({'x': x}, {'x': x})


def _all_answers(estimator, export_dir):
    """What it evaluates and predicts, and the variables that it exports."""
    predictions = [one['y'] for one in estimator.predict(_batches(95))]
    export = estimator.export_saved_model(str(export_dir), _receiver)
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.saved_model.load(session, ['serve'], os.fsdecode(export))
        exported = {v.op.name: session.run(v) for v in tf1.global_variables()}
    return [estimator.evaluate(_batches(90), steps=2), np.stack(predictions), exported]


@pytest.mark.parametrize('with_checkpoint', [False, True], ids=['by_default', 'by_checkpoint'])
@pytest.mark.parametrize('style', STYLES)
def test_trains_evaluates_predicts_and_exports_as_without(style, with_checkpoint, tmp_path):
    runs = {'ours': small_model.ours(style, with_checkpoint), 'plain': None}
    for name, make_scaffold in runs.items():
        estimator = _estimator(tmp_path / name, make_scaffold).train(_batches(), steps=3)
        runs[name] = _all_answers(estimator, tmp_path / name / 'export')
    np.testing.assert_equal(runs['ours'], runs['plain'])
    for step in (0, 2, 3):
        path = tmp_path / 'ours' / f'model.ckpt-{step}'
        assert Contents(str(path)).style.value == style
        small_model.assert_same_bits(
            small_model.values(path), small_model.values(tmp_path / 'plain' / path.name)
        )


def test_resumes_over_every_change_of_style(tmp_path):
    runs = [None, 'tf2', 'both', 'tf1', 'tf2', 'tf1', 'both']
    for number, style in enumerate(runs):
        make_scaffold = small_model.ours(style, True) if style else None
        _estimator(tmp_path / 'ours', make_scaffold).train(_batches(number), steps=1)
    _estimator(tmp_path / 'ours').train(_batches(len(runs)), steps=1)  # From 'both'.
    _estimator(tmp_path / 'plain').train(_batches(), steps=len(runs) + 1)
    small_model.assert_same_bits(
        small_model.values(tmp_path / 'ours'), small_model.values(tmp_path / 'plain')
    )


def test_the_files_are_those_of_estimator(tmp_path):
    _estimator(tmp_path / 'tpu', small_model.ours('both', True)).train(_batches(), steps=2)
    small_model.estimator(tmp_path / 'cpu', small_model.ours('both', True)).train(
        small_model.batches(), steps=2
    )
    assert small_model.keys_of(tmp_path / 'tpu') == small_model.keys_of(tmp_path / 'cpu')
    small_model.assert_same_bits(small_model.values(tmp_path / 'tpu'), small_model.values(tmp_path / 'cpu'))


@pytest.mark.parametrize('style', STYLES)
def test_host_call_and_retention(style, tmp_path):
    seen = []

    def note(step):
        return tf1.py_func(lambda value: seen.append(int(value[0])), [step], [])

    estimator = _estimator(
        tmp_path, small_model.ours(style), note, save_checkpoints_steps=1, keep_checkpoint_max=2
    )
    estimator.train(_batches(), steps=4)
    assert len(seen) == 4
    assert sorted(os.path.basename(path) for path in tmp_path.glob('*.index')) == [
        'model.ckpt-3.index',
        'model.ckpt-4.index',
    ]


@pytest.mark.parametrize('style', STYLES)
def test_max_steps_on_a_finished_run_trains_no_step_more(style, tmp_path):
    for _ in range(2):
        _estimator(tmp_path, small_model.ours(style, True)).train(_batches(), max_steps=3)
        assert small_model.step_of(tmp_path) == 3


@pytest.mark.parametrize('style', STYLES)
def test_a_warm_start_is_applied_once(style, tmp_path):
    small_model.estimator(tmp_path / 'old', small_model.ours('tf2', True)).train(
        small_model.batches(50), steps=3
    )
    warm_start = estimator_ckpt.WarmStart(str(tmp_path / 'old'), include='all', slots=True)
    for number in range(2):
        make_scaffold = small_model.ours(style, True, warm_start=warm_start)
        _estimator(tmp_path / 'new', make_scaffold).train(_batches(number), steps=1)
    old, first = small_model.values(tmp_path / 'old'), small_model.values(tmp_path / 'new/model.ckpt-0')
    assert first.pop('global_step') == 0 and old.pop('global_step') == 3
    small_model.assert_same_bits(first, old)
    assert small_model.step_of(tmp_path / 'new') == 2
    small_model.estimator(tmp_path / 'expected', small_model.ours('tf1', True, warm_start=warm_start)).train(
        small_model.batches(), steps=2
    )
    small_model.assert_same_bits(
        small_model.values(tmp_path / 'new'), small_model.values(tmp_path / 'expected')
    )


@pytest.mark.parametrize('style', STYLES)
def test_the_hooks_of_this_package(style, tmp_path):
    run = tmp_path / 'run'
    estimator = _estimator(run, small_model.ours(style))
    hooks = [
        estimator_ckpt.AsyncCheckpointSaverHook(str(run), save_steps=2),
        estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'both'),
        estimator_ckpt.InMemoryEvaluatorHook(estimator, _batches(90), 2, every_n_iter=2),
    ]
    estimator.train(_batches(), hooks=hooks, steps=3)
    _estimator(tmp_path / 'plain').train(_batches(), steps=3)
    expected = {step: small_model.values(tmp_path / f'plain/model.ckpt-{step}') for step in (0, 2, 3)}
    for folder in (run, tmp_path / 'mirror'):
        assert len(list(folder.glob('*.index'))) == 3
        for step, values in expected.items():
            small_model.assert_same_bits(small_model.values(folder / f'model.ckpt-{step}'), values)
    (events,) = (run / 'eval').glob('events.*')
    evaluated = {
        event.step: {value.tag: value.simple_value for value in event.summary.value}
        for event in tf1.train.summary_iterator(str(events))
        if event.summary.value
    }
    assert sorted(evaluated) == [0, 2, 3]
    again = estimator.evaluate(_batches(90), steps=2, name='again')
    assert evaluated[3] == {name: np.float32(again[name]) for name in ('loss', 'mae')}


def test_with_checkpoint_style_refers_to_scaffold_fn(tmp_path):
    with pytest.raises(TypeError, match='scaffold_fn'):
        estimator_ckpt.with_checkpoint_style(_estimator(tmp_path), 'tf2')
