"""The hook that mirrors checkpoints in another style, beside real training."""

import functools
import glob
import os
import shutil
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import read_state
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.keys.contents import Contents
from tests.testing import small_model

tf1 = tf.compat.v1
pytestmark = small_model.needs_estimator


@pytest.fixture
def warnings(caplog, monkeypatch):
    """Gives what TensorFlow's logger has warned of."""
    monkeypatch.setattr(tf.get_logger(), 'propagate', True)
    caplog.set_level('WARNING', 'tensorflow')
    return lambda word: [r.getMessage() for r in caplog.records if word in r.getMessage()]


def _guides(net, config, alive=[]):  # noqa: B006
    """The scaffold of TensorFlow's guide, whose checkpoint has to be kept alive."""
    alive.append(net.checkpoint())
    return tf1.train.Scaffold(saver=alive[-1])


def _with_hook_inside(make_hook, make_scaffold=small_model.plain, where='training_hooks'):
    """Makes a model_fn's spec carry the hook, beside a scaffold."""

    def model_fn(features, labels, mode, config):
        net = small_model.build_net(features['x'], labels)
        return tf.estimator.EstimatorSpec(
            mode,
            loss=net.loss,
            train_op=net.train_op,
            scaffold=make_scaffold(net, config),
            **{where: [make_hook(net)]},
        )

    return model_fn


def _train(model_dir, hook=None, steps=2, make_scaffold=small_model.plain, **config):
    config = {'save_checkpoints_steps': 2, **config}
    estimator = small_model.estimator(model_dir, make_scaffold, **config)
    return estimator.train(small_model.batches(), hooks=[hook] if hook else [], steps=steps)


def _train_inside(model_dir, make_hook, make_scaffold=small_model.plain, steps=2, where='training_hooks'):
    config = tf.estimator.RunConfig(tf_random_seed=1, save_summary_steps=1000, save_checkpoints_steps=2)
    model_fn = _with_hook_inside(make_hook, make_scaffold, where)
    return tf.estimator.Estimator(model_fn, str(model_dir), config).train(small_model.batches(), steps=steps)


def _style(path):
    return Contents(str(path)).style.value


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
@pytest.mark.parametrize('saved', ['plain', 'tf1', 'tf2', 'both'])
def test_every_checkpoint_is_there_in_the_other_style(saved, style, tmp_path):
    scaffold = small_model.plain if saved == 'plain' else small_model.ours(saved)
    hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', style)
    _train(tmp_path / 'run', hook, steps=3, make_scaffold=scaffold)

    names = ['model.ckpt-0', 'model.ckpt-2', 'model.ckpt-3']
    assert small_model.saved_names(tmp_path / 'run') == small_model.saved_names(tmp_path / 'mirror') == names
    state = read_state(str(tmp_path / 'mirror'))
    assert (state.latest, list(state.all)) == (names[-1], names)
    for name in names:
        assert _style(tmp_path / 'mirror' / name) == style
        small_model.assert_same_bits(
            small_model.values(tmp_path / 'mirror' / name), small_model.values(tmp_path / 'run' / name)
        )


@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
@pytest.mark.parametrize('saved', ['plain', 'tf1', 'tf2', 'both'])
def test_with_a_checkpoint_the_keys_are_those_that_a_scaffold_of_the_style_writes(saved, style, tmp_path):
    scaffold = small_model.plain if saved == 'plain' else small_model.ours(saved, True)
    _train_inside(
        tmp_path / 'run',
        lambda net: estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', style, net.checkpoint()),
        scaffold,
    )
    _train(tmp_path / 'expected', make_scaffold=small_model.ours(style, True))

    assert small_model.keys_of(tmp_path / 'mirror') == small_model.keys_of(tmp_path / 'expected')
    small_model.assert_same_bits(
        small_model.values(tmp_path / 'mirror'), small_model.values(tmp_path / 'expected')
    )


@pytest.mark.parametrize('style', ['tf1', 'both'])
@pytest.mark.parametrize('scaffold', [small_model.ours('tf2', True), _guides], ids=['ours', 'guides'])
def test_names_of_an_object_based_checkpoint_are_the_programs(scaffold, style, tmp_path):
    # Its partitioned variable is a list of variables among the objects: only the program knows its name.
    hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', style)
    _train(tmp_path / 'run', hook, make_scaffold=scaffold)

    _train(tmp_path / 'again', make_scaffold=small_model.plain)
    reader = BundleReader(str(tmp_path / 'again'))
    again = {key: reader.tensor(key) for key in small_model.keys_of(reader.prefix)}
    mirror = tf.train.load_checkpoint(str(tmp_path / 'mirror'))
    for key, value in again.items():
        np.testing.assert_array_equal(mirror.get_tensor(key), value, key)
    shutil.copytree(tmp_path / 'mirror', tmp_path / 'resumed')
    plain = _train(tmp_path / 'resumed', make_scaffold=small_model.plain)
    assert plain.get_variable_value('global_step') == 4


def test_tf2_restores_the_mirror_of_a_plain_run(tmp_path):
    hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf2')
    _train(tmp_path / 'run', hook)

    names = [name for name, _ in tf.train.list_variables(str(tmp_path / 'run')) if name != 'global_step']
    expected = {name: tf.train.load_variable(str(tmp_path / 'run'), name) for name in names}
    variables = {name: tf.Variable(tf.zeros_like(value)) for name, value in expected.items()}
    step = tf.Variable(0, dtype=tf.int64)
    variables['global_step'] = step
    checkpoint = tf.train.Checkpoint(var_list=variables, step=step)
    checkpoint.restore(tf.train.latest_checkpoint(str(tmp_path / 'mirror'))).assert_consumed()
    assert step.numpy() == 2
    for name, value in expected.items():
        np.testing.assert_array_equal(variables[name].numpy(), value)


@pytest.mark.parametrize('where', ['training_hooks', 'training_chief_hooks'])
def test_the_last_checkpoint_is_mirrored_from_inside_model_fn(where, tmp_path):
    _train_inside(
        tmp_path / 'run',
        lambda net: estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf1'),
        small_model.ours('tf2'),
        steps=3,
        where=where,
    )
    assert small_model.saved_names(tmp_path / 'mirror') == ['model.ckpt-0', 'model.ckpt-2', 'model.ckpt-3']


@pytest.mark.parametrize('where', ['hooks', 'chief_only_hooks'])
@pytest.mark.parametrize('own_saver_hook', ['before', 'after', None])
def test_the_last_checkpoint_is_mirrored_in_any_order_of_hooks(where, own_saver_hook, tmp_path):
    mirror = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf2')
    with tf.Graph().as_default():
        features, labels = tf1.data.make_one_shot_iterator(small_model.batches()()).get_next()
        net = small_model.build_net(features['x'], labels)
        hooks, save_steps = [mirror], 2
        if own_saver_hook:
            save_steps = None
            saver = tf1.train.Saver()
            own = tf1.train.CheckpointSaverHook(str(tmp_path / 'run'), save_steps=2, saver=saver)
            hooks = [own, mirror] if own_saver_hook == 'before' else [mirror, own]
        with tf1.train.MonitoredTrainingSession(
            checkpoint_dir=str(tmp_path / 'run'),
            save_checkpoint_steps=save_steps,
            save_checkpoint_secs=None,
            save_summaries_steps=None,
            save_summaries_secs=None,
            **{where: hooks},
        ) as session:
            for _ in range(3):
                session.run(net.train_op)
    assert small_model.saved_names(tmp_path / 'mirror') == ['model.ckpt-0', 'model.ckpt-2', 'model.ckpt-3']
    assert small_model.step_of(tmp_path / 'mirror') == 3


def test_a_checkpoint_is_complete_before_the_state_file_names_it(tmp_path, monkeypatch):
    named = []
    replace = os.replace

    def watched(source, destination):
        replace(source, destination)
        if destination == str(tmp_path / 'mirror/checkpoint'):
            latest = tf.train.latest_checkpoint(str(tmp_path / 'mirror'))
            named.append((os.path.basename(latest), small_model.step_of(latest)))

    monkeypatch.setattr(os, 'replace', watched)
    _train(tmp_path / 'run', estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'both'), steps=4)
    assert named == [('model.ckpt-0', 0), ('model.ckpt-2', 2), ('model.ckpt-4', 4)]


def test_no_tensor_is_written_where_files_can_be_linked(tmp_path):
    for data in ('link', 'copy'):
        hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / data, 'both', data=data)
        _train(tmp_path / f'run_{data}', hook)
        saved, mirrored = (
            glob.glob(str(tmp_path / name / 'model.ckpt-2.data-00000-of-*')) for name in (f'run_{data}', data)
        )
        assert os.path.samefile(saved[0], mirrored[0]) == (data == 'link')


def test_the_mirror_survives_the_deletion_of_the_original(tmp_path):
    _train(tmp_path / 'run', estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf2'))
    expected = small_model.values(tmp_path / 'run')
    shutil.rmtree(tmp_path / 'run')
    small_model.assert_same_bits(small_model.values(tmp_path / 'mirror'), expected)
    assert not estimator_ckpt.verify(str(tmp_path / 'mirror')).faults


@pytest.mark.parametrize('keep', [2, 0, None])
def test_retention_is_its_own_and_goes_on_over_restarts(keep, tmp_path):
    for _ in range(3):
        hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf2', keep_checkpoint_max=keep)
        _train(tmp_path / 'run', hook, steps=2, keep_checkpoint_max=3, save_checkpoints_steps=1)
    assert small_model.saved_names(tmp_path / 'run') == [f'model.ckpt-{step}' for step in (4, 5, 6)]
    kept = (5, 6) if keep else range(7)
    assert small_model.saved_names(tmp_path / 'mirror') == [f'model.ckpt-{step}' for step in kept]
    assert len(glob.glob(str(tmp_path / 'mirror/*.data-*'))) == sum(
        len(glob.glob(str(tmp_path / f'mirror/model.ckpt-{step}.data-*'))) for step in kept
    )


def test_a_restart_leaves_what_is_mirrored_as_it_is_and_mirrors_what_is_not(tmp_path):
    mirror = tmp_path / 'mirror'
    _train(tmp_path / 'run', estimator_ckpt.CheckpointMirrorHook(mirror, 'tf2'))
    before = os.stat(mirror / 'model.ckpt-2.index').st_ino
    _train(tmp_path / 'run', estimator_ckpt.CheckpointMirrorHook(mirror, 'tf2'))
    assert os.stat(mirror / 'model.ckpt-2.index').st_ino == before
    _train(tmp_path / 'run')  # As if the process had died before it mirrored the last one.
    assert small_model.saved_names(mirror)[-1] == 'model.ckpt-4'
    hook = estimator_ckpt.CheckpointMirrorHook(mirror, 'tf2')
    _train(tmp_path / 'run', hook, steps=1, save_checkpoints_steps=100)
    assert small_model.saved_names(mirror)[-2:] == ['model.ckpt-6', 'model.ckpt-7']


def test_a_run_from_the_beginning_replaces_the_checkpoints_of_the_same_names(tmp_path):
    _train(tmp_path / 'run', estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf2'))
    shutil.rmtree(tmp_path / 'run')
    estimator = small_model.estimator(tmp_path / 'run', save_checkpoints_steps=2)
    hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'both')
    estimator.train(small_model.batches(7), hooks=[hook], steps=2)
    small_model.assert_same_bits(
        small_model.values(tmp_path / 'mirror'), small_model.values(tmp_path / 'run')
    )
    assert small_model.saved_names(tmp_path / 'mirror') == ['model.ckpt-0', 'model.ckpt-2']


_KILLED = """
    import os, signal, sys
    import estimator_ckpt
    from estimator_ckpt.saving import retention
    from tests.testing import small_model

    def kill(*unused, **unused_too):
        os.kill(os.getpid(), signal.SIGKILL)

    def write_state(self, latest, *args, **kwargs):
        if latest.endswith('mirror/model.ckpt-4'):
            kill()
        original(self, latest, *args, **kwargs)

    original, retention.Retention.write_state = retention.Retention.write_state, write_state
    hook = estimator_ckpt.CheckpointMirrorHook(sys.argv[2], 'tf2', keep_checkpoint_max=2)
    estimator = small_model.estimator(sys.argv[1], save_checkpoints_steps=2)
    estimator.train(small_model.batches(), hooks=[hook], steps=6)
"""


def test_a_process_that_is_killed_while_it_mirrors_leaves_nothing_behind(tmp_path):
    command = [
        sys.executable,
        '-c',
        textwrap.dedent(_KILLED),
        str(tmp_path / 'run'),
        str(tmp_path / 'mirror'),
    ]
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert read_state(str(tmp_path / 'mirror')).latest == 'model.ckpt-2'
    hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf2', keep_checkpoint_max=2)
    _train(tmp_path / 'run', hook)
    assert small_model.saved_names(tmp_path / 'mirror') == ['model.ckpt-4', 'model.ckpt-6']
    data = {name.split('.data-')[0] for name in os.listdir(tmp_path / 'mirror') if '.data-' in name}
    assert data == {'model.ckpt-4', 'model.ckpt-6'}


def test_two_styles_can_be_mirrored_at_once(tmp_path):
    hooks = [estimator_ckpt.CheckpointMirrorHook(tmp_path / style, style) for style in ('tf1', 'tf2')]
    small_model.estimator(tmp_path / 'run', small_model.ours('both')).train(
        small_model.batches(), hooks=hooks, steps=1
    )
    assert [_style(tmp_path / style) for style in ('tf1', 'tf2')] == ['tf1', 'tf2']


def test_the_default_saver_of_estimator_is_not_suppressed(tmp_path):
    assert not issubclass(estimator_ckpt.CheckpointMirrorHook, tf1.train.CheckpointSaverHook)
    listened = []

    class Listener(tf1.train.CheckpointSaverListener):
        def after_save(self, session, global_step_value):
            listened.append(small_model.saved_names(tmp_path / 'mirror')[-1])

    hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf1')
    estimator = small_model.estimator(tmp_path / 'run', small_model.ours('tf2'))
    estimator.train(small_model.batches(), hooks=[hook], steps=1, saving_listeners=[Listener()])
    assert listened == ['model.ckpt-0', 'model.ckpt-1']


def test_other_sessions_are_not_mirrored(tmp_path):
    hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf1')
    estimator = _train(tmp_path / 'run', hook)
    before = small_model.saved_names(tmp_path / 'mirror')
    _train(tmp_path / 'other')
    estimator.evaluate(small_model.batches(), hooks=[hook], steps=1)
    assert small_model.saved_names(tmp_path / 'mirror') == before


def _build_and_begin(hook, begin):
    hook._saver.build()
    begin()


def test_savers_to_other_directories_are_not_mixed_in(tmp_path, warnings):
    mirror = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf1')
    savers = [
        tf1.train.CheckpointSaverHook(
            str(tmp_path / name), save_steps=1, saver=estimator_ckpt.Saver('tf2', defer_build=True)
        )
        for name in ('run', 'backup')
    ]
    for hook in savers:
        hook.begin = functools.partial(_build_and_begin, hook, hook.begin)
    small_model.estimator(tmp_path / 'run').train(small_model.batches(), hooks=[mirror, *savers], steps=1)
    assert small_model.saved_names(tmp_path / 'mirror') == ['model.ckpt-0', 'model.ckpt-1']
    assert len(warnings('are not mirrored')) == 1


class TestFailures:
    """What stops the mirror does not stop training, unless that is asked for."""

    def _no_links(self, monkeypatch):
        def link(source, destination, **kwargs):
            if 'mirror' in str(destination):
                raise OSError(28, 'No space left on device', destination)
            original(source, destination, **kwargs)

        original = os.link
        monkeypatch.setattr(os, 'link', link)

    def test_are_logged_with_the_reason(self, tmp_path, monkeypatch, warnings):
        hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf2', keep_checkpoint_max=1)
        _train(tmp_path / 'run', hook)
        with monkeypatch.context() as patch:
            self._no_links(patch)
            _train(tmp_path / 'run', hook)
        assert len(warnings('No space left')) == 1
        assert small_model.step_of(tmp_path / 'run') == 4
        assert small_model.saved_names(tmp_path / 'mirror') == ['model.ckpt-2']
        assert small_model.step_of(tmp_path / 'mirror') == 2
        _train(tmp_path / 'run', hook)
        assert small_model.saved_names(tmp_path / 'mirror') == ['model.ckpt-6']

    def test_are_raised_where_asked(self, tmp_path, monkeypatch):
        self._no_links(monkeypatch)
        hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf2', on_error='raise')
        with pytest.raises(OSError, match='No space left'):
            _train(tmp_path / 'run', hook)

    def test_no_permission_is_logged(self, tmp_path, monkeypatch, warnings):
        (tmp_path / 'file').write_text('')
        hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'file/mirror', 'tf2')
        _train(tmp_path / 'run', hook)
        assert len(warnings('was not mirrored')) == 2
        assert small_model.step_of(tmp_path / 'run') == 2

    def test_somebody_else_who_writes_there_is_noticed_and_loses_nothing(self, tmp_path, warnings):
        hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf2', keep_checkpoint_max=1)

        class Other(tf1.train.SessionRunHook):
            def after_create_session(self, session, coord):
                _train(tmp_path / 'mirror', make_scaffold=small_model.ours('tf2'), steps=1)

        small_model.estimator(tmp_path / 'run').train(small_model.batches(), hooks=[hook, Other()], steps=1)
        assert warnings('Somebody else writes')
        assert 'model.ckpt-1' in small_model.saved_names(tmp_path / 'mirror')


class TestWrongUse:
    """Is refused before the first step."""

    def _refused(self, hook, run, match):
        with pytest.raises(ValueError, match=match):
            _train(run, hook)

    def test_of_model_dir_itself(self, tmp_path):
        (tmp_path / 'run').mkdir()
        (tmp_path / 'link').symlink_to(tmp_path / 'run')
        for name in ('run', 'link'):
            hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / name, 'tf2')
            self._refused(hook, tmp_path / 'run', 'directory that is mirrored')

    def test_of_a_directory_of_foreign_checkpoints_which_stay(self, tmp_path):
        _train(tmp_path / 'foreign')
        before = sorted(os.listdir(tmp_path / 'foreign'))
        hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'foreign', 'tf2', keep_checkpoint_max=1)
        self._refused(hook, tmp_path / 'run', 'no mirror')
        os.remove(tmp_path / 'foreign/checkpoint')
        self._refused(hook, tmp_path / 'run', 'no mirror')
        assert sorted([*os.listdir(tmp_path / 'foreign'), 'checkpoint']) == before

    def test_of_the_mirror_of_another_run(self, tmp_path):
        hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', 'tf2')
        _train(tmp_path / 'one', hook)
        self._refused(hook, tmp_path / 'two', 'is the mirror of')
        os.rename(tmp_path / 'one', tmp_path / 'moved')
        _train(tmp_path / 'moved', hook)
        assert small_model.step_of(tmp_path / 'mirror') == 4

    def test_of_one_directory_by_two_hooks(self, tmp_path):
        hooks = [estimator_ckpt.CheckpointMirrorHook(tmp_path / 'mirror', s) for s in ('tf1', 'tf2')]
        with pytest.raises(ValueError, match='Two hooks'):
            small_model.estimator(tmp_path / 'run').train(small_model.batches(), hooks=hooks, steps=1)

    @pytest.mark.parametrize(
        'wrong',
        [{'style': 'tf3'}, {'data': 'move'}, {'on_error': 'ignore'}, {'keep_checkpoint_max': -1}],
        ids=str,
    )
    def test_of_unknown_values(self, wrong, tmp_path):
        with pytest.raises(ValueError, match=next(iter(map(str, wrong.values())))):
            estimator_ckpt.CheckpointMirrorHook(tmp_path, **{'style': 'tf2', **wrong})

    def test_of_an_object_that_is_no_checkpoint(self, tmp_path):
        with pytest.raises(TypeError, match='tf.train.Checkpoint'):
            estimator_ckpt.CheckpointMirrorHook(tmp_path, 'tf2', {'v': 1})
