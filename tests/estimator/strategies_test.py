"""Distribution strategies, under which Estimator replaces the scaffold, in one process."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.keys.object_graph import read_object_graph
from tests.testing import small_model

tf1 = tf.compat.v1
pytestmark = small_model.needs_estimator
# While the tests are collected, before TensorFlow has looked at its devices.
_CPU = tf.config.list_physical_devices('CPU')[0]
tf.config.set_logical_device_configuration(_CPU, [tf.config.LogicalDeviceConfiguration()] * 2)


def _estimator(model_dir, make_scaffold, **config):
    return small_model.replicated_estimator(
        model_dir,
        tf.distribute.MirroredStrategy(['/cpu:0', '/cpu:1']),
        make_scaffold,
        session_config=tf1.ConfigProto(device_count={'CPU': 2}),
        **config,
    )


@pytest.fixture(scope='module')
def without_break(tmp_path_factory):
    """The values of a run of four steps that has nothing of this package."""
    folder = tmp_path_factory.mktemp('without_break')
    _estimator(folder / 'run', lambda checkpoint, config: None).train(small_model.batches(), steps=4)
    return small_model.values_by_name(folder / 'run', folder)


@pytest.mark.parametrize(('first', 'then'), [('tf1', 'both'), ('both', 'tf2'), ('tf2', 'tf1')])
def test_a_resumed_run_is_exact(first, then, without_break, tmp_path):
    for style, done in ((first, 0), (then, 2)):
        estimator = _estimator(
            tmp_path / 'run',
            lambda checkpoint, config, style=style: estimator_ckpt.scaffold(style, checkpoint, config=config),
        )
        estimator.train(
            small_model.batches(2 * done), steps=2
        )  # Each of two replicas takes a batch per step.
    small_model.assert_same_bits(small_model.values_by_name(tmp_path / 'run', tmp_path), without_break)


@pytest.mark.parametrize('with_checkpoint', [False, True], ids=['by_default', 'by_checkpoint'])
@pytest.mark.parametrize('style', ['tf1', 'tf2', 'both'])
def test_strategies_that_replace_the_scaffold_keep_the_style(style, with_checkpoint, tmp_path):
    def make_scaffold(checkpoint, config):
        checkpoint = checkpoint if with_checkpoint else None
        return estimator_ckpt.scaffold(style, checkpoint, config=config, untracked='error')

    for steps in (2, 4):
        estimator = _estimator(tmp_path, make_scaffold, keep_checkpoint_max=1)
        estimator.train(small_model.batches(), steps=2)
        assert estimator.evaluate(small_model.batches(90), steps=1)['global_step'] == steps

    assert [path.name for path in tmp_path.glob('*.index')] == ['model.ckpt-4.index']
    reader = BundleReader(str(tmp_path))
    assert ('kernel' in reader) == (style != 'tf2')
    assert (read_object_graph(reader) is not None) == (style != 'tf1')
    slot = 'var_list/kernel.SAdam'
    if with_checkpoint:
        slot = 'kernel/.OPTIMIZER_SLOT/optimizer/m'
    key = 'kernel/Adam' if style != 'tf2' else f'{slot}/.ATTRIBUTES/VARIABLE_VALUE'
    assert np.abs(reader.tensor(key)).min() > 0
    total = (
        'total'
        if style != 'tf2'
        else f'{"" if with_checkpoint else "var_list/"}total/.ATTRIBUTES/VARIABLE_VALUE'
    )
    assert reader.tensor(total) == 8  # Each of two replicas has added one per step.
