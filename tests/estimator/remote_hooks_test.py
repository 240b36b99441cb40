"""The hooks on TensorFlow's file systems, with the one that is in memory."""

import uuid

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from tests.testing import small_model

tf1 = tf.compat.v1


@pytest.fixture
def remote():
    return f'ram://{uuid.uuid4().hex}'


@small_model.needs_estimator
@pytest.mark.parametrize('local', ['neither', 'run', 'mirror'])
def test_a_mirror_between_file_systems(local, remote, tmp_path):
    places = {
        name: str(tmp_path / name) if name == local else f'{remote}/{name}' for name in ('run', 'mirror')
    }
    for first in (0, 3):
        hook = estimator_ckpt.CheckpointMirrorHook(places['mirror'], 'tf1', keep_checkpoint_max=3)
        estimator = small_model.estimator(places['run'], small_model.ours('tf2'), save_checkpoints_steps=2)
        estimator.train(small_model.batches(first), hooks=[hook], steps=3)
    assert small_model.saved_steps(places['run']) == [0, 2, 3, 5, 6]
    assert small_model.saved_steps(places['mirror']) == [3, 5, 6]
    assert tf.train.latest_checkpoint(places['mirror']) == places['mirror'] + '/model.ckpt-6'
    assert not estimator_ckpt.verify(places['mirror']).faults
    small_model.assert_same_bits(small_model.values(places['mirror']), small_model.values(places['run']))


@small_model.needs_estimator
def test_saving_in_the_background_with_its_scalars(remote):
    hook = estimator_ckpt.AsyncCheckpointSaverHook(remote + '/run', save_steps=2)
    small_model.estimator(remote + '/run', small_model.ours('both')).train(
        small_model.batches(), hooks=[hook], steps=3
    )
    assert small_model.saved_steps(remote + '/run') == [0, 2, 3]
    assert BundleReader(remote + '/run').tensor('global_step') == 3
    events = tf.io.gfile.glob(remote + '/run/events.out.tfevents*')
    tags = {
        value.tag for path in events for e in tf1.train.summary_iterator(path) for value in e.summary.value
    }
    assert 'checkpoint/bytes' in tags
