"""The hooks under a distribution strategy, in one process."""

import os

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.keys.contents import Contents
from tests.testing import small_model

tf1 = tf.compat.v1
pytestmark = small_model.needs_estimator
# While the tests are collected, before TensorFlow has looked at its devices.
_CPU = tf.config.list_physical_devices('CPU')[0]
tf.config.set_logical_device_configuration(_CPU, [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.mark.parametrize('in_background', [False, True])
def test_strategies_mirror_and_save_in_the_background(in_background, tmp_path):
    def make_hooks(checkpoint):
        hooks = [estimator_ckpt.CheckpointMirrorHook(tmp_path / 'inside', 'tf2', checkpoint)]
        if in_background:
            hooks.append(estimator_ckpt.AsyncCheckpointSaverHook(str(tmp_path / 'run'), save_steps=2))
        return {'training_chief_hooks': hooks}

    estimator = small_model.replicated_estimator(
        tmp_path / 'run',
        tf.distribute.MirroredStrategy(['/cpu:0', '/cpu:1']),
        make_hooks=make_hooks,
        session_config=tf1.ConfigProto(device_count={'CPU': 2}),
        save_checkpoints_steps=2,
    )
    estimator = estimator_ckpt.with_checkpoint_style(estimator, 'tf1')
    hook = estimator_ckpt.CheckpointMirrorHook(tmp_path / 'outside', 'both')
    estimator.train(small_model.batches(), hooks=[hook], steps=3)

    for name, style in (('run', 'tf1'), ('inside', 'tf2'), ('outside', 'both')):
        assert Contents(str(tmp_path / name)).style.value == style
        indexes = sorted(file for file in os.listdir(tmp_path / name) if file.endswith('.index'))
        assert indexes == [f'model.ckpt-{step}.index' for step in (0, 2, 3)]
    slot = 'kernel/.OPTIMIZER_SLOT/optimizer/m/.ATTRIBUTES/VARIABLE_VALUE'
    assert slot in small_model.keys_of(tmp_path / 'inside')
