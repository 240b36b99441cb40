"""Rows G14 to G16 of the guide: Estimator, with its own scaffold, with an object-based one, and with both styles."""

import os

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from tests.testing.small_model import needs_estimator

tf1 = tf.compat.v1
pytestmark = needs_estimator


def _estimator(model_dir, style=None, warm_start_from=None, **config):
    """The guide's model, which adds 2 to `var` in each step."""

    def model_fn(features, labels, mode, config):
        step = tf1.train.get_or_create_global_step()
        v = tf1.get_variable('var', shape=[], dtype=tf.float32, initializer=tf1.constant_initializer(0))
        scaffold = None
        if style:
            checkpoint = tf.train.Checkpoint(var_list={'var': v}, step=step)
            scaffold = estimator_ckpt.scaffold(style, checkpoint, config=config, untracked='error')
        return tf.estimator.EstimatorSpec(
            mode,
            predictions=v,
            train_op=tf.group(v.assign_add(2), step.assign_add(1)),
            loss=tf.constant(1.0),
            scaffold=scaffold,
        )

    run_config = tf.estimator.RunConfig(str(model_dir), **config)
    return tf.estimator.Estimator(model_fn, config=run_config, warm_start_from=warm_start_from)


def _train_fn():
    return tf.data.Dataset.from_tensor_slices(([1, 2, 3], [4, 5, 6]))


@pytest.fixture
def est_tf1(tmp_path):
    _estimator(tmp_path / 'est-tf1').train(_train_fn, steps=1)
    return str(tmp_path / 'est-tf1')


def test_g14_without_a_scaffold_names_are_saved(est_tf1, tmp_path):
    reader = BundleReader(est_tf1)
    assert {key: float(reader.tensor(key)) for key in sorted(reader.keys())} == {
        'var': 2.0,
        'global_step': 1.0,
    }

    _estimator(tmp_path / 'ours', 'tf1').train(_train_fn, steps=1)
    ours = BundleReader(str(tmp_path / 'ours'))
    assert {key: float(ours.tensor(key)) for key in sorted(ours.keys())} == {'var': 2.0, 'global_step': 1.0}


def test_g15_an_object_based_run_starts_from_a_name_based_checkpoint(est_tf1, tmp_path):
    estimator = _estimator(
        tmp_path / 'est-tf2', 'tf2', warm_start_from=est_tf1, keep_checkpoint_max=2, save_checkpoints_steps=1
    )
    estimator.train(_train_fn, steps=1)

    assert estimator.get_variable_value('var_list/var/.ATTRIBUTES/VARIABLE_VALUE') == 4
    assert estimator.get_variable_value('step/.ATTRIBUTES/VARIABLE_VALUE') == 1
    assert set(estimator.get_variable_names()) == {
        'var_list/var/.ATTRIBUTES/VARIABLE_VALUE',
        'step/.ATTRIBUTES/VARIABLE_VALUE',
        'global_step',
        'save_counter/.ATTRIBUTES/VARIABLE_VALUE',
        '_CHECKPOINTABLE_OBJECT_GRAPH',
    }

    # What the guide's scaffold does not do: it heeds keep_checkpoint_max, and all of the file can be consumed.
    estimator.train(_train_fn, steps=2)
    assert len([name for name in os.listdir(tmp_path / 'est-tf2') if name.endswith('.index')]) == 2
    v, step = tf.Variable(0.0), tf.Variable(tf.constant(0, tf.int64))
    tf.train.Checkpoint(var_list={'var': v}, step=step).restore(
        estimator.latest_checkpoint()
    ).assert_consumed()
    assert (float(v), int(step)) == (8.0, 3)


def test_g15_resuming_carries_the_global_step_which_a_warm_start_does_not(est_tf1):
    estimator = _estimator(est_tf1, 'tf2')
    estimator.train(_train_fn, steps=1)
    assert estimator.get_variable_value('var_list/var/.ATTRIBUTES/VARIABLE_VALUE') == 4
    assert estimator.get_variable_value('step/.ATTRIBUTES/VARIABLE_VALUE') == 2


def test_g16_one_checkpoint_serves_both_worlds_while_training(tmp_path):
    path = _estimator(tmp_path, 'both').train(_train_fn, steps=3).latest_checkpoint()

    with tf.Graph().as_default(), tf1.Session() as session:
        v = tf1.get_variable('var', shape=[])
        tf1.train.Saver().restore(session, path)
        assert session.run(v) == 6.0
    v, step = tf.Variable(0.0), tf.Variable(tf.constant(0, tf.int64))
    tf.train.Checkpoint(var_list={'var': v}, step=step).restore(path).assert_consumed()
    assert (float(v), int(step)) == (6.0, 3)

    reader = BundleReader(path)
    by_name, by_object = reader.entry('var'), reader.entry('var_list/var/.ATTRIBUTES/VARIABLE_VALUE')
    assert by_name == by_object  # The same bytes at the same place.
