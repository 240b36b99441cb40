"""The scaffolds and hooks of this package beside Estimator's own hooks, listeners and exporters."""

import glob
import os
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.saving import background_save
from tests.testing import small_model

tf1 = tf.compat.v1
pytestmark = [small_model.needs_estimator, pytest.mark.slow]
STYLES = ('tf1', 'tf2', 'both')
PLACES = ('hooks', 'training_hooks', 'training_chief_hooks')
SAVED = [0, 2, 3]


def _estimator(model_dir, make_scaffold, make_hooks=None, where='training_hooks', **config):
    """An Estimator of the toy; `make_hooks` makes hooks of its EstimatorSpec, to be put into it."""
    inner = small_model.estimator(model_dir, make_scaffold, **{'save_checkpoints_steps': 2, **config})

    def model_fn(features, labels, mode, config):
        spec = inner.model_fn(features, labels, mode, config)
        return spec._replace(**{where: make_hooks(spec)}) if make_hooks else spec

    return tf.estimator.Estimator(model_fn, inner.model_dir, inner.config)


def _with_hooks(model_dir, make_scaffold, hooks, where):
    """An Estimator with hooks at a place of its EstimatorSpec, and those that are for `train` instead."""
    if where == 'hooks':
        return _estimator(model_dir, make_scaffold), hooks
    return _estimator(model_dir, make_scaffold, lambda spec: hooks, where), []


def _train(model_dir, make_scaffold, hooks=(), where='hooks', listeners=None, steps=3, first=0):
    estimator, outer = _with_hooks(model_dir, make_scaffold, list(hooks), where)
    return estimator.train(small_model.batches(first), hooks=outer, steps=steps, saving_listeners=listeners)


def _events(directory):
    for path in sorted(glob.glob(f'{directory}/events.*')):
        yield from tf1.train.summary_iterator(path)


def _saves(model_dir):
    """The step of each save that a hook has noted: twice the same where two hooks save."""
    tf1.summary.FileWriterCache.get(str(model_dir)).flush()
    checkpoint = tf1.SessionLog.CHECKPOINT
    return [event.step for event in _events(model_dir) if event.session_log.status == checkpoint]


@pytest.fixture(scope='module')
def expected(tmp_path_factory):
    """The variables of each checkpoint of a run without anything of this package, by the step."""
    folder = tmp_path_factory.mktemp('expected')
    _train(folder, small_model.plain)
    assert small_model.saved_steps(folder) == SAVED
    return {step: small_model.values(folder / f'model.ckpt-{step}') for step in SAVED}


def _assert_saved_as_expected(model_dir, expected):
    """Asserts that each checkpoint is there, was saved once, and has the variables of the run without hooks."""
    assert small_model.saved_steps(model_dir) == _saves(model_dir) == SAVED
    for step in SAVED:
        small_model.assert_same_bits(small_model.values(f'{model_dir}/model.ckpt-{step}'), expected[step])


def _mirror(tmp_path, style='both'):
    return estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', style)


def _async(tmp_path, **kwargs):
    return estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path / 'run'), save_steps=2, **kwargs)


# What training is beside: hooks, and where they are.
BESIDE = {
    'alone': (lambda tmp_path: [], 'hooks'),
    'mirror': (lambda tmp_path: [_mirror(tmp_path)], 'hooks'),
    'async': (lambda tmp_path: [_async(tmp_path)], 'hooks'),
    'async_of_the_chief': (lambda tmp_path: [_async(tmp_path)], 'training_chief_hooks'),
    'async_and_mirror': (lambda tmp_path: [_mirror(tmp_path), _async(tmp_path)], 'training_chief_hooks'),
}
_PAIRS = [
    *((style, 'alone') for style in STYLES),
    ('tf2', 'mirror'),
    ('both', 'mirror'),
    ('tf1', 'async'),
    ('tf2', 'async_of_the_chief'),
    ('both', 'async_and_mirror'),
]
beside = pytest.mark.parametrize(
    ('style', 'make_hooks', 'where'),
    [(style, *BESIDE[name]) for style, name in _PAIRS],
    ids=['-'.join(pair) for pair in _PAIRS],
)


class _Listener(tf1.train.CheckpointSaverListener):
    """Notes its calls, with whether the checkpoint of the step is the latest then."""

    def __init__(self, model_dir, stop_at=None):
        self._model_dir, self._stop_at = str(model_dir), stop_at
        self.calls = []

    def begin(self):
        self.calls.append('begin')

    def before_save(self, session, global_step_value):
        self.calls.append(('before', global_step_value, self._is_latest(global_step_value)))

    def after_save(self, session, global_step_value):
        self.calls.append(('after', global_step_value, self._is_latest(global_step_value)))
        return global_step_value == self._stop_at

    def end(self, session, global_step_value):
        self.calls.append(('end', global_step_value, self._is_latest(global_step_value)))

    def _is_latest(self, step):
        latest = tf.train.latest_checkpoint(self._model_dir)
        return latest is not None and small_model.step_of(latest) == step


class TestSavingListeners:
    @beside
    def test_are_called_in_order_once_for_each_save(self, style, make_hooks, where, tmp_path):
        run = tmp_path / 'run'
        listeners = [_Listener(run), _Listener(run)]
        _train(run, small_model.ours(style), make_hooks(tmp_path), where, listeners)
        calls = [call for step in SAVED for call in (('before', step, False), ('after', step, True))]
        for listener in listeners:
            assert listener.calls == ['begin', *calls, ('end', 3, True)]
        assert _saves(run) == SAVED

    @pytest.mark.parametrize('style', STYLES)
    def test_one_stops_training_where_it_wants_to(self, style, tmp_path):
        run = tmp_path / 'run'
        _train(run, small_model.ours(style), listeners=[_Listener(run, stop_at=2)], steps=9)
        assert small_model.saved_steps(run) == [0, 2]
        _train(run, small_model.ours(style), listeners=[_Listener(run)], steps=1, first=2)
        assert small_model.step_of(run) == 3

    def test_one_stops_training_beside_the_asynchronous_hook_by_the_next_save(self, tmp_path):
        run = tmp_path / 'run'
        _train(
            run, small_model.ours('both'), [_async(tmp_path)], listeners=[_Listener(run, stop_at=2)], steps=9
        )
        assert small_model.step_of(run) in (3, 4)  # 3 where the writer has ended by then.

    def test_the_mirror_has_the_checkpoint_when_they_are_called(self, tmp_path):
        mirrored = _Listener(tmp_path / 'mirror')
        _train(tmp_path / 'run', small_model.ours('tf1'), [_mirror(tmp_path, 'tf2')], listeners=[mirrored])
        assert [call for call in mirrored.calls if call[0] == 'after'] == [('after', n, True) for n in SAVED]


def _steps_so_far():
    """A metric that increases for ever, so that it does not decrease."""
    step = tf.cast(tf1.train.get_global_step(), tf.float32)
    return {'steps': tf1.metrics.mean(step)}


class TestEarlyStopping:
    """The hook's variable, whether to stop, is in the checkpoints."""

    @pytest.mark.parametrize('style', ['plain', *STYLES])
    def test_training_stops_saves_and_resumes(self, style, tmp_path):
        experimental = tf.estimator.experimental
        estimator = small_model.estimator(
            tmp_path, small_model.plain if style == 'plain' else small_model.ours(style)
        )
        estimator = tf.estimator.add_metrics(estimator, _steps_so_far)
        stop_if_no_decrease, stop_if_no_increase = (
            make(estimator, 'steps', 2, run_every_secs=None, run_every_steps=1)
            for make in (experimental.stop_if_no_decrease_hook, experimental.stop_if_no_increase_hook)
        )
        for first in (0, 2):
            estimator.train(small_model.batches(first), hooks=[stop_if_no_decrease], steps=2)
            assert small_model.step_of(tmp_path) == first + 2
            estimator.evaluate(small_model.batches(90), steps=1)

        estimator.train(small_model.batches(4), hooks=[stop_if_no_decrease], steps=9)
        # TensorFlow's hook asks once for each step that it reads, and it reads it while it is counted: 5, or 4 again.
        stopped = small_model.step_of(tmp_path)
        assert stopped in (5, 6)
        assert any('signal_early_stopping' in name for name, _ in tf.train.list_variables(str(tmp_path)))

        estimator.train(small_model.batches(stopped), hooks=[stop_if_no_increase], steps=2)
        estimator.train(small_model.batches(stopped + 2), steps=1)  # Without the variable.
        _train(tmp_path / 'expected', small_model.plain, steps=stopped + 3)
        small_model.assert_same_bits(small_model.values(tmp_path), small_model.values(tmp_path / 'expected'))

    @pytest.mark.parametrize('style', STYLES)
    def test_a_metric_that_increases_stops_nothing(self, style, tmp_path):
        estimator = tf.estimator.add_metrics(
            small_model.estimator(tmp_path, small_model.ours(style)), _steps_so_far
        )
        hook = tf.estimator.experimental.stop_if_no_increase_hook(
            estimator, 'steps', 2, run_every_secs=None, run_every_steps=1
        )
        for first in (0, 2, 4):
            estimator.train(small_model.batches(first), hooks=[hook], steps=2)
            estimator.evaluate(small_model.batches(90), steps=1)
        assert small_model.step_of(tmp_path) == 6

    def test_make_early_stopping_hook_asks_a_function(self, tmp_path):
        estimator = small_model.estimator(tmp_path, small_model.ours('both', True, untracked='keep'))
        hook = tf.estimator.experimental.make_early_stopping_hook(
            estimator,
            lambda: estimator.latest_checkpoint() is not None,
            run_every_secs=None,
            run_every_steps=1,
        )
        estimator.train(small_model.batches(), hooks=[hook], steps=9)
        assert small_model.step_of(tmp_path) < 3


class _Seen:
    """TensorFlow's hooks, and what they have done."""

    def __init__(self, folder):
        self._folder = str(folder)
        self.logged = []

    def hooks(self, spec):
        train = tf1.train
        fed = tf1.placeholder_with_default(0.0, [])
        tensors = {'loss': spec.loss, 'step': tf1.train.get_global_step(), 'fed': fed}
        self._final = train.FinalOpsHook(tf1.train.get_global_step())
        return [
            train.ProfilerHook(save_steps=2, output_dir=self._folder),
            train.LoggingTensorHook(tensors, every_n_iter=1, formatter=lambda v: self.logged.append(v) or ''),
            train.StepCounterHook(every_n_steps=1, output_dir=self._folder),
            train.NanTensorHook(spec.loss, fail_on_nan_loss=False),
            train.SummarySaverHook(save_steps=1, output_dir=self._folder, scaffold=spec.scaffold),
            train.FeedFnHook(lambda: {fed: 5.0}),
            self._final,
        ]

    def assert_all_done(self):
        timelines = glob.glob(f'{self._folder}/timeline-*.json')
        assert timelines and all(os.path.getsize(path) for path in timelines)
        assert [values['fed'] for values in self.logged] == [5.0] * 3
        assert len({float(values['loss']) for values in self.logged}) == 3
        summaries = {(value.tag, e.step) for e in _events(self._folder) for value in e.summary.value}
        assert {('loss', step) for step in (1, 2, 3)} <= summaries
        assert ('global_step/sec', 3) in summaries
        assert self._final.final_ops_values == 3


class TestTensorFlowsHooks:
    @pytest.mark.parametrize('style', STYLES)
    @pytest.mark.parametrize('our_hook', [None, _mirror, _async], ids=['alone', 'mirror', 'async'])
    def test_do_their_work_and_change_no_checkpoint(self, style, our_hook, tmp_path, expected):
        seen = _Seen(tmp_path / 'theirs')
        ours = [our_hook(tmp_path)] if our_hook else []

        def make_hooks(spec):
            theirs = seen.hooks(spec)
            return [*theirs[::2], *ours, *theirs[1::2]]

        _estimator(tmp_path / 'run', small_model.ours(style), make_hooks).train(
            small_model.batches(), steps=3
        )
        seen.assert_all_done()
        _assert_saved_as_expected(tmp_path / 'run', expected)
        if our_hook is _mirror:
            assert small_model.saved_steps(tmp_path / 'mirror') == SAVED

    @beside
    def test_nan_ends_training_and_the_checkpoint_before_resumes(
        self, style, make_hooks, where, tmp_path, expected
    ):
        estimator, hooks = _with_hooks(tmp_path / 'run', small_model.ours(style), make_hooks(tmp_path), where)
        with pytest.raises(tf1.train.NanLossDuringTrainingError):
            estimator.train(_with_nan, hooks=hooks, steps=9)
        _train(tmp_path / 'run', small_model.ours(style), make_hooks(tmp_path), where, steps=1, first=2)
        small_model.assert_same_bits(small_model.values(tmp_path / 'run'), expected[3])

    def test_a_run_after_nan_goes_on_from_the_checkpoint_that_was_being_written(self, tmp_path, monkeypatch):
        save, delays = background_save.Snapshot.write, [0, 4]

        def slow(*args):
            time.sleep(delays.pop(0) if delays else 0)
            return save(*args)

        monkeypatch.setattr(background_save.Snapshot, 'write', slow)
        estimator, hook = _estimator(tmp_path / 'run', small_model.ours('both')), _async(tmp_path)
        with pytest.raises(tf1.train.NanLossDuringTrainingError):
            estimator.train(_with_nan, hooks=[hook], steps=9)
        estimator.train(small_model.batches(2), hooks=[_async(tmp_path)], steps=1)
        for thread in threading.enumerate():
            if thread.name.startswith('checkpoint of step'):
                thread.join()
        assert small_model.step_of(tmp_path / 'run') == 3


def _with_nan():
    return small_model.batches()().enumerate().map(_nan_in_the_third)


def _nan_in_the_third(number, batch):
    features, labels = batch
    return features, tf.where(tf.equal(number, 2), np.float32(np.nan), labels)


def _receiver():
    x = tf1.placeholder(tf.float32, [None, small_model.FEATURES])
    return tf.estimator.export.ServingInputReceiver({'x': x}, {'x': x})


def _exported(export):
    """The variables of a SavedModel by their names."""
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.saved_model.load(session, ['serve'], export)
        return {v.op.name: session.run(v) for v in tf1.global_variables()}


def _exports(model_dir, name):
    return sorted(glob.glob(f'{model_dir}/export/{name}/*'))


def _assert_export_is_of_checkpoint(export, model_dir):
    """Asserts that an export has the variables and the predictions of the checkpoint of its step."""
    exported = _exported(export)
    saved = small_model.values(f'{model_dir}/model.ckpt-{exported["global_step"]}')
    names = {'global_step', 'embedding/part_0', 'embedding/part_1', 'dense/kernel', 'dense/average'}
    small_model.assert_same_bits(exported, {name: saved[name] for name in names})
    x = np.random.RandomState(1).randn(4, small_model.FEATURES).astype(np.float32)
    served = tf.saved_model.load(export).signatures['serving_default'](tf.constant(x))
    embedding = np.concatenate([saved[f'embedding/part_{n}'] for n in range(2)])
    words = embedding[(np.abs(x[:, 0]) * 10).astype(np.int64) % 10]
    y = ((x - saved['dense/average']) @ saved['dense/kernel'] + words)[:, 0]
    np.testing.assert_allclose(served['y'].numpy(), y, rtol=1e-5, atol=1e-6)


class TestExporters:
    @beside
    def test_export_the_variables_of_the_checkpoints(self, style, make_hooks, where, tmp_path):
        run = tmp_path / 'run'
        estimator, hooks = _with_hooks(run, small_model.ours(style), make_hooks(tmp_path), where)
        exporters = [
            tf.estimator.FinalExporter('final', _receiver),
            tf.estimator.BestExporter('best', _receiver),
            tf.estimator.LatestExporter('latest', _receiver),
        ]
        tf.estimator.train_and_evaluate(
            estimator,
            tf.estimator.TrainSpec(small_model.batches(), max_steps=6, hooks=hooks),
            tf.estimator.EvalSpec(
                small_model.batches(90), 1, exporters=exporters, start_delay_secs=0, throttle_secs=0
            ),
        )
        assert small_model.saved_steps(run) == _saves(run) == [0, 2, 4, 6]
        steps = {
            name: sorted(int(_exported(export)['global_step']) for export in _exports(run, name))
            for name in ('final', 'best', 'latest')
        }
        assert steps['final'] == [6]
        assert steps['latest'] == [2, 4, 6]
        assert steps['best'] and set(steps['best']) <= {2, 4, 6}
        for name in steps:
            for export in _exports(run, name):
                _assert_export_is_of_checkpoint(export, run)


class TestEstimatorsDefaultSaver:
    """Estimator adds a hook that saves unless there is one: any `CheckpointSaverHook`."""

    @pytest.mark.parametrize('style', ['plain', 'both'])
    @pytest.mark.parametrize('where', PLACES)
    def test_is_not_suppressed_by_hooks_that_do_not_save_to_model_dir(self, where, style, tmp_path):
        make_scaffold = small_model.plain if style == 'plain' else small_model.ours(style)
        _train(tmp_path / 'old', small_model.plain, steps=1, first=50)
        evaluated = small_model.estimator(tmp_path / 'run', make_scaffold)
        hooks = [
            _mirror(tmp_path),
            estimator_ckpt.WarmStartHook(estimator_ckpt.WarmStart(str(tmp_path / 'old'))),
            estimator_ckpt.InMemoryEvaluatorHook(evaluated, small_model.batches(90), 1),
        ]
        for hook in hooks:
            assert not isinstance(hook, tf1.train.CheckpointSaverHook)
        _train(tmp_path / 'run', make_scaffold, hooks, where)
        assert small_model.saved_steps(tmp_path / 'run') == _saves(tmp_path / 'run') == SAVED
        assert small_model.saved_steps(tmp_path / 'mirror') == SAVED
        assert glob.glob(str(tmp_path / 'run/eval/events.*'))
        first, old = small_model.values(tmp_path / 'run/model.ckpt-0'), small_model.values(tmp_path / 'old')
        np.testing.assert_array_equal(first['dense/kernel'], old['dense/kernel'])

    @pytest.mark.parametrize('where', PLACES)
    @pytest.mark.parametrize('style', STYLES)
    def test_is_stood_for_by_the_asynchronous_hook(self, style, where, tmp_path, expected):
        _train(tmp_path / 'run', small_model.ours(style), [_async(tmp_path)], where)
        _assert_saved_as_expected(tmp_path / 'run', expected)
        if style != 'tf1':
            saves = BundleReader(str(tmp_path / 'run')).tensor('save_counter/.ATTRIBUTES/VARIABLE_VALUE')
            assert saves == len(SAVED)
