"""What a save says: in the log, and to TensorBoard."""

import glob
import os

import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing import small_model

tf1 = tf.compat.v1
_TAGS = ('checkpoint/save_seconds', 'checkpoint/stall_seconds', 'checkpoint/bytes')


@pytest.fixture
def info(caplog, monkeypatch):
    """Gives the lines about saves that were logged."""
    monkeypatch.setattr(tf.get_logger(), 'propagate', True)
    caplog.set_level('INFO', 'tensorflow')
    return lambda: [r.getMessage() for r in caplog.records if r.getMessage().startswith('Saved ')]


def _scalars(directory):
    """The scalars about checkpoints in a directory's event files, by step and tag."""
    found = {}
    for path in glob.glob(os.path.join(directory, 'events.out.tfevents*')):
        for event in tf1.train.summary_iterator(path):
            for value in event.summary.value:
                if value.tag.startswith('checkpoint/'):
                    found.setdefault(event.step, {})[value.tag] = value.simple_value
    return found


def _size(prefix):
    return sum(os.path.getsize(path) for path in glob.glob(f'{prefix}.index') + glob.glob(f'{prefix}.data-*'))


@small_model.needs_estimator
@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_each_save_is_logged_and_summarized(style, tmp_path, info):
    estimator = small_model.estimator(tmp_path, small_model.ours(style), save_checkpoints_steps=2)
    estimator.train(small_model.batches(), steps=3)
    scalars = _scalars(tmp_path)
    assert sorted(scalars) == [0, 2, 3]
    for step, by_tag in scalars.items():
        assert sorted(by_tag) == sorted(_TAGS)
        assert by_tag['checkpoint/bytes'] == _size(f'{tmp_path}/model.ckpt-{step}')
        assert 0 < by_tag['checkpoint/save_seconds'] == by_tag['checkpoint/stall_seconds']
    assert [line.partition(' in ')[0].rpartition(': ')[0] for line in info()] == [
        f'Saved {tmp_path}/model.ckpt-{step} as {style}' for step in (0, 2, 3)
    ]


@small_model.needs_estimator
def test_in_the_background_training_stands_still_for_less(tmp_path, info):
    hook = estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path), save_steps=2)
    small_model.estimator(tmp_path, small_model.ours('both')).train(
        small_model.batches(), hooks=[hook], steps=3
    )
    scalars = _scalars(tmp_path)
    assert sorted(scalars) == [0, 2, 3]
    for by_tag in scalars.values():
        assert by_tag['checkpoint/stall_seconds'] > 0
        assert by_tag['checkpoint/save_seconds'] > 0
        assert by_tag['checkpoint/stall_seconds'] != by_tag['checkpoint/save_seconds']
    assert len(info()) == 3
    assert all('training stood still for ' in line for line in info())


def test_without_summaries_none_are_begun(tmp_path, info):
    with tf.Graph().as_default(), tf1.Session() as session:
        step = tf1.train.get_or_create_global_step()
        saver = estimator_ckpt.Saver('both')
        session.run(step.initializer)
        saver.save(session, str(tmp_path / 'x'), global_step=3)
    assert _scalars(tmp_path) == {}
    assert not glob.glob(str(tmp_path / 'events*'))
    assert len(info()) == 1


def test_in_eager_mode_they_go_to_the_default_writer(tmp_path):
    saver = estimator_ckpt.Saver('both', tf.train.Checkpoint(v=tf.Variable(1.0)))
    with tf.summary.create_file_writer(str(tmp_path / 'summaries')).as_default():
        saver.save(None, str(tmp_path / 'x'), global_step=3)
        saver.save(None, str(tmp_path / 'without_step'))
    scalars = _scalars(tmp_path / 'summaries')
    assert sorted(scalars) == [3]
    assert sorted(scalars[3]) == sorted(_TAGS)
    assert scalars[3]['checkpoint/bytes'] == _size(tmp_path / 'x-3')
