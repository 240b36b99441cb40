"""Bad input gets one clear sentence, and loses nothing."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.saving.eager_ops import EagerOps
from tests.testing import small_model

tf1 = tf.compat.v1
STYLES = ('tf1', 'tf2', 'both')


def _snapshot(directory):
    return {
        os.path.join(root, name): (
            os.stat(os.path.join(root, name)).st_ino,
            os.path.getsize(os.path.join(root, name)),
        )
        for root, _, names in os.walk(directory)
        for name in names
        if not name.startswith('events.')
        and name != 'graph.pbtxt'  # Estimator's own, written before it restores.
    }


def _is_one_sentence(error):
    text = str(error)
    return '\n' not in text and text.rstrip().endswith('.')


@pytest.fixture(params=STYLES)
def saved(request, tmp_path):
    """A checkpoint of some size in a directory of its own."""
    with tf.Graph().as_default(), tf1.Session() as session:
        v = tf1.get_variable('layer/kernel', initializer=np.ones([100, 3], np.float32))
        step = tf1.train.get_or_create_global_step()
        saver = estimator_ckpt.Saver(request.param, tf.train.Checkpoint(kernel=v, step=step))
        session.run(tf1.global_variables_initializer())
        return saver.save(session, str(tmp_path / 'dir' / 'x'), 5)


def _restore(path, shape=(100, 3), dtype=tf.float32, name='layer/kernel', style='tf2'):
    with tf.Graph().as_default(), tf1.Session() as session:
        v = tf1.get_variable(name, shape, dtype, initializer=tf1.zeros_initializer())
        step = tf1.train.get_or_create_global_step()
        estimator_ckpt.Saver(style, tf.train.Checkpoint(kernel=v, step=step)).restore(session, path)


def test_an_unknown_style_is_refused_with_the_known_ones():
    for make in (estimator_ckpt.Saver, estimator_ckpt.scaffold, estimator_ckpt.CheckpointStyle):
        with pytest.raises(
            ValueError, match="Unknown checkpoint style 'tf3'; expected one of 'tf1', 'tf2', 'both'."
        ):
            make('tf3')


@pytest.mark.parametrize(
    'wrong',
    [{'v': 1}, 'path/x', tf.Module(), tf1.train.Saver],
    ids=['dict', 'path', 'module', 'class'],
)
def test_a_checkpoint_that_is_none_is_refused(wrong):
    for make in (estimator_ckpt.Saver, estimator_ckpt.scaffold):
        with pytest.raises(TypeError, match=r'must be a tf\.train\.Checkpoint'):
            make('tf2', wrong)


def test_an_unknown_treatment_of_untracked_variables_is_refused():
    with pytest.raises(ValueError, match="'keep', 'error', 'drop'"):
        estimator_ckpt.scaffold('tf2', untracked='ignore')


def test_a_second_saver_for_the_scaffold_is_refused():
    with pytest.raises(TypeError, match='its own saver'):
        estimator_ckpt.scaffold('tf2', saver=None)


def _missing_index(path):
    os.remove(path + '.index')


def _empty_index(path):
    open(path + '.index', 'wb').close()


def _truncated_index(path):
    os.truncate(path + '.index', os.path.getsize(path + '.index') // 2)


def _flipped_index(path):
    _flip(path + '.index', 20)


def _lfs_index(path):
    with open(path + '.index', 'wb') as file:
        file.write(b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n')


def _data_path(path):
    return BundleReader(path).data_path(0)


def _missing_data(path):
    os.remove(_data_path(path))


def _truncated_data(path):
    os.truncate(_data_path(path), 100)


def _flipped_data(path):
    _flip(_data_path(path), 100)


def _flip(path, position):
    with open(path, 'r+b') as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 4]))


NOT_FOUND, CORRUPT = estimator_ckpt.CheckpointNotFoundError, estimator_ckpt.CorruptCheckpointError


@pytest.mark.parametrize(
    ('damage', 'error', 'names'),
    [
        (_missing_index, NOT_FOUND, '.index'),
        (_empty_index, CORRUPT, '.index'),
        (_truncated_index, CORRUPT, '.index'),
        (_flipped_index, CORRUPT, '.index'),
        (_lfs_index, CORRUPT, 'git lfs pull'),
        (_missing_data, NOT_FOUND, '.data-00000'),
        (_truncated_data, CORRUPT, '.data-00000'),
        (_flipped_data, CORRUPT, 'kernel'),
    ],
)
def test_a_damaged_file_is_named(damage, error, names, saved):
    damage(saved)
    before = _snapshot(os.path.dirname(saved))
    with pytest.raises(error) as raised:
        _restore(saved)
    assert names in str(raised.value) and saved in str(raised.value)
    assert _is_one_sentence(raised.value)
    assert _snapshot(os.path.dirname(saved)) == before


def test_not_found_is_a_file_not_found_error_too(tmp_path):
    with pytest.raises(FileNotFoundError, match='No checkpoint'):
        _restore(str(tmp_path / 'nothing'))
    with pytest.raises(ValueError, match='None'):
        _restore_none()


def _restore_none():
    with tf.Graph().as_default():
        tf1.get_variable('v', initializer=1.0)
        estimator_ckpt.Saver().restore(None, None)


def test_a_misspelt_prefix_is_told_what_is_there(saved):
    with pytest.raises(NOT_FOUND, match='did you mean x-5'):
        _restore(saved.replace('x-5', 'x-6'))


def test_another_shape_is_told_with_both(saved):
    with pytest.raises(estimator_ckpt.MappingError) as raised:
        _restore(saved, shape=(3, 100))
    message = str(raised.value)
    assert saved in message and 'kernel' in message and '[100, 3]' in message and '[3, 100]' in message
    assert _is_one_sentence(raised.value) or message.count('. ') == 1
    assert [row.target for row in raised.value.report.mismatched] == ['layer/kernel']


def test_another_type_is_told_with_both(saved):
    with pytest.raises(estimator_ckpt.MappingError, match='float32.*float64'):
        _restore(saved, dtype=tf.float64)


def test_all_variables_without_a_source_are_listed_with_the_nearest_names(tmp_path):
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.get_variable('layer/kernel', initializer=1.0)
        tf1.get_variable('other', initializer=1.0)
        saver = estimator_ckpt.Saver('tf1')
        session.run(tf1.global_variables_initializer())
        path = saver.save(session, str(tmp_path / 'x'))

    with tf.Graph().as_default(), tf1.Session() as session:
        kernel = tf1.get_variable('layers/kernel', initializer=0.0)
        tf1.get_variable('zzz', initializer=0.0)
        other = tf1.get_variable('other', initializer=0.0)
        saver = estimator_ckpt.Saver('both')
        session.run(tf1.global_variables_initializer())
        with pytest.raises(estimator_ckpt.MappingError) as raised:
            saver.restore(session, path)
        assert session.run([kernel, other]) == [0.0, 0.0]  # Nothing was restored.

    message, report = str(raised.value), raised.value.report
    assert "'layers/kernel' is not in it (nearest: layer/kernel" in message and "'zzz'" in message
    assert [row.target for row in report.missing] == ['layers/kernel', 'zzz']
    assert [row.source for row in report.matched] == ['other']
    assert [row.source for row in report.unused] == ['layer/kernel']
    assert 'layers/kernel' in str(report) and '"missing"' in report.to_json()


@small_model.needs_estimator
def test_training_does_not_touch_a_model_dir_it_cannot_resume(tmp_path):
    small_model.estimator(tmp_path, small_model.ours('both')).train(small_model.batches(), steps=2)
    path = tf.train.latest_checkpoint(str(tmp_path))
    _flip(_data_path(path), 5)
    before = _snapshot(tmp_path)
    for style in STYLES:
        with pytest.raises(CORRUPT, match='data-00000'):
            small_model.estimator(tmp_path, small_model.ours(style)).train(small_model.batches(), steps=1)
        assert _snapshot(tmp_path) == before


@small_model.needs_estimator
class TestStateFile:
    """A state file that names a checkpoint that is not where it says."""

    @pytest.fixture
    def model_dir(self, tmp_path):
        small_model.estimator(tmp_path / 'old', small_model.ours('both'), save_checkpoints_steps=1).train(
            small_model.batches(), steps=3
        )
        old = str(tmp_path / 'old' / 'model.ckpt-')
        write_state(str(tmp_path / 'old'), CheckpointState(old + '3', (old + '2', old + '3')))
        shutil.move(tmp_path / 'old', tmp_path / 'new')
        return tmp_path / 'new'

    def test_after_a_move_the_checkpoint_beside_it_is_resumed(self, model_dir):
        small_model.estimator(model_dir, small_model.ours('tf2'), keep_checkpoint_max=2).train(
            small_model.batches(), steps=1
        )
        assert small_model.step_of(model_dir) == 4
        assert not os.path.exists(model_dir / 'model.ckpt-2.index')  # Retention went on from the moved ones.
        with tf.Graph().as_default(), tf1.Session() as session:
            net = small_model.build_net(tf.zeros([1, small_model.FEATURES]), tf.zeros([1]))
            estimator_ckpt.Saver('tf1').restore(session, str(model_dir))
            assert session.run(net.step) == 4

    def test_where_it_is_gone_the_message_says_what_is_there(self, model_dir):
        for path in model_dir.glob('model.ckpt-3.*'):
            path.unlink()
        before = _snapshot(model_dir)
        with pytest.raises(NOT_FOUND, match='model.ckpt-2'):
            small_model.estimator(model_dir, small_model.ours('tf2')).train(small_model.batches(), steps=1)
        assert _snapshot(model_dir) == before


def test_a_garbage_state_file_is_named(tmp_path):
    (tmp_path / 'checkpoint').write_bytes(b'\x00garbage')
    with pytest.raises(CORRUPT, match='not a checkpoint state file'):
        _restore(str(tmp_path))


def test_a_save_without_room_leaves_the_checkpoint_before_it(tmp_path):
    import resource

    with tf.Graph().as_default(), tf1.Session() as session:
        v = tf1.get_variable('v', initializer=tf.zeros([100_000]))
        saver = estimator_ckpt.Saver('both')
        session.run(tf1.global_variables_initializer())
        path = saver.save(session, str(tmp_path / 'x'), 1)
        before = _snapshot(tmp_path)
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, unlimited[1]))
        try:
            for step in (1, 2):
                with pytest.raises((OSError, tf.errors.OpError)):
                    saver.save(session, str(tmp_path / 'x'), step)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        assert _snapshot(tmp_path) == before
        session.run(v.assign(tf.ones([100_000])))
        saver.restore(session, path)
        assert not session.run(v).any()


@pytest.mark.parametrize('folder', ['run[lr=0.1]', 'run\\1'])
def test_a_path_that_restoring_takes_for_a_pattern_is_refused_before_the_first_step(folder, tmp_path):
    saver = estimator_ckpt.Saver('both', tf.train.Checkpoint(v=tf.Variable(1.0, name='v')))
    with pytest.raises(estimator_ckpt.CheckpointError, match='takes .* for a pattern') as error:
        saver.save(None, str(tmp_path / folder / 'x'))
    assert _is_one_sentence(error.value)
    assert os.listdir(tmp_path) == []
    saver.save(None, str(tmp_path / 'run' / 'x'))
    shutil.copytree(tmp_path / 'run', tmp_path / folder)
    with pytest.raises(estimator_ckpt.CheckpointError, match='takes .* for a pattern') as error:
        saver.restore(None, str(tmp_path / folder / 'x'))
    assert _is_one_sentence(error.value)
    assert not estimator_ckpt.verify(tmp_path / folder / 'x').faults


@pytest.mark.parametrize('folder', ['run?', 'a [b', 'c] *'])
def test_other_paths_with_odd_characters_are_saved_to_and_restored_from(folder, tmp_path):
    v = tf.Variable(1.0, name='v')
    saver = estimator_ckpt.Saver('both', tf.train.Checkpoint(v=v))
    path = saver.save(None, str(tmp_path / folder / 'x'))
    v.assign(2.0)
    saver.restore(None, path)
    assert v.numpy() == 1.0


def test_a_save_that_finds_no_room_says_how_much_it_needs(monkeypatch, tmp_path):
    def full(self, session, prefixes, values):
        raise tf.errors.ResourceExhaustedError(
            None, None, f'{prefixes[0]}.data-00000-of-00001; No space left on device'
        )

    v = tf.Variable(tf.zeros([1000]), name='v')
    monkeypatch.setattr(EagerOps, 'save', full)
    with pytest.raises(
        tf.errors.ResourceExhaustedError,
        match=r'/x could not be saved: No space left on device.* at least 4 kB',
    ) as error:
        estimator_ckpt.Saver('tf1', tf.train.Checkpoint(v=v)).save(None, str(tmp_path / 'x'))
    assert _is_one_sentence(error.value)
    assert os.listdir(tmp_path) == []
