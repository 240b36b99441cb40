"""Every method of an Estimator, and a MonitoredTrainingSession, with each style."""

import os

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing import small_model

tf1 = tf.compat.v1
pytestmark = small_model.needs_estimator
STYLES = ('tf1', 'tf2', 'both')
OBJECTS = {'by_default': False, 'by_checkpoint': True}


@pytest.fixture(scope='module')
def plain_estimator(tmp_path_factory):
    """The same run with Estimator's own saver, to compare with."""
    estimator = small_model.estimator(tmp_path_factory.mktemp('plain'))
    return estimator.train(small_model.batches(), steps=5)


@pytest.fixture(params=[(s, o) for s in STYLES for o in OBJECTS], ids='-'.join, scope='module')
def trained(request, tmp_path_factory):
    style, objects = request.param
    estimator = small_model.estimator(
        tmp_path_factory.mktemp('ours'), small_model.ours(style, OBJECTS[objects])
    )
    return estimator.train(small_model.batches(), steps=5)


def _some_batches():
    return small_model.batches(90)().map(lambda features, labels: features)


def test_evaluate_gives_what_a_plain_estimator_gives(trained, plain_estimator):
    assert trained.evaluate(small_model.batches(90)) == plain_estimator.evaluate(small_model.batches(90))


def test_predict_gives_what_a_plain_estimator_gives(trained, plain_estimator):
    predictions = [row['y'] for row in trained.predict(_some_batches)]

    np.testing.assert_array_equal(predictions, [row['y'] for row in plain_estimator.predict(_some_batches)])


def test_an_exported_model_is_served_with_the_trained_values(trained, plain_estimator, tmp_path):
    def receiver():
        x = tf1.placeholder(tf.float32, [None, small_model.FEATURES], name='x')
        return tf.estimator.export.ServingInputReceiver({'x': x}, {'x': x})

    exported = trained.export_saved_model(str(tmp_path), receiver)

    x = np.random.RandomState(1).randn(4, small_model.FEATURES).astype(np.float32)
    expected = plain_estimator.export_saved_model(str(tmp_path / 'plain'), receiver)
    outputs = []
    for path in (exported, expected):
        loaded = tf.saved_model.load(os.fsdecode(path))
        outputs.append(loaded.signatures['serving_default'](x=tf.constant(x)))
    np.testing.assert_array_equal(outputs[0]['y'], outputs[1]['y'])


def test_get_variable_value_reads_the_keys_of_the_style(trained, plain_estimator):
    style = estimator_style(trained)
    if style != 'tf2':
        np.testing.assert_array_equal(
            trained.get_variable_value('dense/kernel'), plain_estimator.get_variable_value('dense/kernel')
        )
    if style != 'tf1':
        keys = [key for key in trained.get_variable_names() if 'kernel/.ATTRIBUTES' in key]
        np.testing.assert_array_equal(
            trained.get_variable_value(keys[0]), plain_estimator.get_variable_value('dense/kernel')
        )


def estimator_style(estimator):
    names = estimator.get_variable_names()
    has_names = 'dense/kernel' in names
    has_objects = '_CHECKPOINTABLE_OBJECT_GRAPH' in names
    return {(True, False): 'tf1', (False, True): 'tf2', (True, True): 'both'}[has_names, has_objects]


@pytest.mark.parametrize('style', STYLES)
def test_train_and_evaluate_saves_evaluates_and_ends_at_max_steps(style, tmp_path):
    estimator = small_model.estimator(tmp_path, small_model.ours(style, True), save_checkpoints_steps=3)

    result, _ = tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(small_model.batches(), max_steps=7),
        tf.estimator.EvalSpec(small_model.batches(90), steps=2, throttle_secs=0, start_delay_secs=0),
    )

    assert result['global_step'] == 7
    assert small_model.step_of(tmp_path) == 7


@pytest.mark.parametrize('style', STYLES)
def test_a_monitored_training_session_saves_and_resumes(style, tmp_path):
    for expected in (3, 6):
        with tf.Graph().as_default():
            features, labels = tf1.data.make_one_shot_iterator(small_model.batches()()).get_next()
            net = small_model.build_net(features['x'], labels)
            scaffold = estimator_ckpt.scaffold(style, net.checkpoint())
            with tf1.train.MonitoredTrainingSession(
                checkpoint_dir=str(tmp_path),
                scaffold=scaffold,
                save_checkpoint_steps=2,
                log_step_count_steps=None,
            ) as session:
                for _ in range(3):
                    session.run(net.train_op)

        assert small_model.step_of(tmp_path) == expected


def test_each_factory_gives_its_style(tmp_path):
    factories = {
        'tf1': estimator_ckpt.tf1_scaffold,
        'tf2': estimator_ckpt.tf2_scaffold,
        'both': estimator_ckpt.dual_scaffold,
    }
    for style, factory in factories.items():
        model_dir = tmp_path / style
        estimator = small_model.estimator(model_dir, lambda net, config, make=factory: make(config=config))
        assert estimator_style(estimator.train(small_model.batches(), steps=1)) == style


def test_the_arguments_of_scaffold_reach_it(tmp_path):
    called = []

    def init_fn(scaffold, session):
        called.append((scaffold, session))

    small_model.estimator(tmp_path, small_model.ours('both', init_fn=init_fn)).train(
        small_model.batches(), steps=1
    )
    assert len(called) == 1
