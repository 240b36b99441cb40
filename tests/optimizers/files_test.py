"""Training goes on after a checkpoint was converted for the other side, without this package."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from tests.optimizers import measures
from tests.optimizers.measures import BOUND
from tests.optimizers.training import CROSSINGS, RULES, train_tf1
from tests.testing.small_model import needs_keras_2

tf1 = tf.compat.v1


@needs_keras_2
@pytest.mark.parametrize('style', ['tf2', 'both'])
@pytest.mark.parametrize('name', CROSSINGS)
def test_tf1_goes_on_in_keras_legacy(name, style, tmp_path):
    assert measures.files_to_keras(CROSSINGS[name], tmp_path, style) <= BOUND
    if style == 'both':  # The names keep what TF1 had.
        old, both = (tf.train.load_checkpoint(str(tmp_path / p)) for p in ('old', 'new'))
        for key in old.get_variable_to_shape_map():
            if 'power' not in key and both.has_tensor(key):
                np.testing.assert_array_equal(both.get_tensor(key), old.get_tensor(key))
        assert both.has_tensor('dense/kernel')


@needs_keras_2
@pytest.mark.parametrize('name', CROSSINGS)
def test_keras_legacy_goes_on_in_tf1(name, tmp_path):
    crossing = CROSSINGS[name]
    assert measures.files_to_tf1(crossing, tmp_path) <= BOUND
    with tf.Graph().as_default():
        tf1.train.get_or_create_global_step()
        variables = [tf1.get_variable('dense/kernel', [3, 1]), tf1.get_variable('dense/bias', [1])]
        crossing.tf1().minimize(tf.reduce_sum(variables[0]) + tf.reduce_sum(variables[1]))
        expected_names = {v.op.name for v in tf1.global_variables()}
    converted = tf.train.load_checkpoint(str(tmp_path / 'tf1'))
    assert set(converted.get_variable_to_shape_map()) == expected_names
    endings = {name.rpartition('/')[2] for name in expected_names}
    assert set(crossing.tf1_slots) == {ending for ending in endings if ending[0].isupper()}


@pytest.mark.parametrize('of_objects', [False, True], ids=['of a checkpoint', 'of objects'])
@pytest.mark.parametrize('name', CROSSINGS)
def test_tf1_goes_on_in_the_layout_of_a_new_keras_optimizer(name, of_objects, tmp_path):
    assert measures.files_to_layout(CROSSINGS[name], tmp_path, of_objects=of_objects) <= BOUND


@pytest.mark.parametrize('name', CROSSINGS)
def test_files_that_go_to_keras_and_back_keep_names_values_and_the_step(name, tmp_path):
    crossing = CROSSINGS[name]
    train_tf1(crossing, range(3), tmp_path / 'old')
    options = {'keras_optimizer': crossing.keras, 'hyperparameters': crossing.hyperparameters}
    estimator_ckpt.convert(tmp_path / 'old', tmp_path / 'keras', 'tf2', rules=RULES, **options)
    estimator_ckpt.convert(tmp_path / 'keras', tmp_path / 'back', 'tf1', **options)
    old, back = (estimator_ckpt.load(tmp_path / folder) for folder in ('old', 'back'))
    assert back.keys() == old.keys() and back['global_step'][...] == 3
    # Without a momentum TF1 writes this slot, and does not read it.
    written_only = {key for key in old if name == 'RMSProp' and key.endswith('RMSProp_1')}
    for key in old.keys() - written_only:
        np.testing.assert_allclose(back[key][...], old[key][...], rtol=1e-6)
