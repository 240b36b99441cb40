"""Rows G1, G17 and G22 of the guide: printing, and converting in both directions."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing.small_model import keys_of, needs_keras_2

tf1 = tf.compat.v1
EXPECTED = {'a': 1.0, 'b': 2.0, 'scoped/c': 3.0}
VARS = {
    'vars/a/.ATTRIBUTES/VARIABLE_VALUE',
    'vars/b/.ATTRIBUTES/VARIABLE_VALUE',
    'vars/scoped.Sc/.ATTRIBUTES/VARIABLE_VALUE',
    'save_counter/.ATTRIBUTES/VARIABLE_VALUE',
}


@pytest.fixture
def tf1_path(tmp_path):
    variables = {name: tf.Variable(value) for name, value in EXPECTED.items()}
    return tf1.train.Saver(variables).save(None, str(tmp_path / 'tf1-ckpt-saved-in-eager'))


@pytest.fixture
def tf2_path(tmp_path):
    """As the guide saves it in a session."""
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = {name: tf1.get_variable(name, initializer=value) for name, value in EXPECTED.items()}
        session.run(tf1.global_variables_initializer())
        return tf.train.Checkpoint(var_list=variables).save(str(tmp_path / 'tf2-ckpt'))


def _values(path):
    reader = tf.train.load_checkpoint(path)
    return {key: float(reader.get_tensor(key)) for key in reader.get_variable_to_shape_map()}


def test_g1_each_key_is_printed_with_shape_type_and_value(tf1_path, tf2_path, capsys):
    estimator_ckpt.print_checkpoint(tf1_path)
    assert capsys.readouterr().out.splitlines() == [
        f"Checkpoint at '{tf1_path}':",
        "  (key='a', shape=[], dtype=float32, value=1.0)",
        "  (key='b', shape=[], dtype=float32, value=2.0)",
        "  (key='scoped/c', shape=[], dtype=float32, value=3.0)",
    ]
    estimator_ckpt.print_checkpoint(tf2_path)
    lines = capsys.readouterr().out.splitlines()
    assert "  (key='var_list/a/.ATTRIBUTES/VARIABLE_VALUE', shape=[], dtype=float32, value=1.0)" in lines
    assert any(
        line.startswith("  (key='_CHECKPOINTABLE_OBJECT_GRAPH', shape=[], dtype=string, value=b")
        for line in lines
    )


def test_g22_tf1_to_tf2_has_the_guides_keys_path_and_values(tf1_path, tmp_path):
    path = estimator_ckpt.convert_tf1_to_tf2(tf1_path, str(tmp_path / 'converted-tf1-to-tf2'))
    assert path == str(tmp_path / 'converted-tf1-to-tf2-1')
    assert keys_of(path) == VARS

    variables = {name: tf.Variable(0.0) for name in EXPECTED}
    tf.train.Checkpoint(vars=variables).restore(path).assert_consumed()
    assert {name: v.numpy() for name, v in variables.items()} == EXPECTED


def test_g17_g22_tf2_to_tf1_has_the_guides_keys_and_values(tf2_path, tmp_path):
    path = estimator_ckpt.convert_tf2_to_tf1(tf2_path, str(tmp_path / 'converted-tf2-to-tf1'))
    assert path == str(tmp_path / 'converted-tf2-to-tf1')
    assert _values(path) == EXPECTED

    with tf.Graph().as_default(), tf1.Session() as session:
        variables = [tf1.get_variable(name, initializer=0.0) for name in EXPECTED]
        tf1.train.Saver(variables).restore(session, path)
        assert session.run(variables) == list(EXPECTED.values())


def test_g22_the_two_functions_round_trip(tf1_path, tmp_path):
    there = estimator_ckpt.convert_tf1_to_tf2(tf1_path, tmp_path / 'there')
    assert _values(estimator_ckpt.convert_tf2_to_tf1(there, tmp_path / 'back')) == EXPECTED


def test_g22_names_with_dots_survive(tmp_path):
    names = ['a.Sb', '.S', '..', 'x.y/z.S', 'Sx/.hidden', 'a..b']
    variables = {name: tf.Variable(float(number)) for number, name in enumerate(names)}
    path = tf1.train.Saver(variables).save(None, str(tmp_path / 'x'))
    there = estimator_ckpt.convert_tf1_to_tf2(path, tmp_path / 'there')
    fresh = {name: tf.Variable(-1.0) for name in names}
    tf.train.Checkpoint(vars=fresh).restore(there).assert_consumed()
    assert {name: v.numpy() for name, v in fresh.items()} == {n: i for i, n in enumerate(names)}
    assert _values(estimator_ckpt.convert_tf2_to_tf1(there, tmp_path / 'back')) == {
        name: float(number) for number, name in enumerate(names)
    }


def test_g22_any_root_is_read(tmp_path):
    model = tf.Module()
    model.kernel = tf.Variable([1.0, 2.0], name='model/kernel')
    model.bias = tf.Variable([3.0], name='model/bias')
    path = tf.train.Checkpoint(anything=model).save(str(tmp_path / 'x'))
    converted = estimator_ckpt.convert_tf2_to_tf1(path, tmp_path / 'y')
    assert keys_of(converted) == {'model/kernel', 'model/bias'}


def test_g22_optimizer_slots_stay_slots(tmp_path):
    kernel = tf.Variable([1.0, 2.0], name='kernel')
    optimizer = tf1.train.AdamOptimizer(0.1)
    optimizer.apply_gradients([(tf.constant([1.0, 1.0]), kernel)])
    path = tf.train.Checkpoint(kernel=kernel, optimizer=optimizer).save(str(tmp_path / 'x'))
    converted = estimator_ckpt.convert_tf2_to_tf1(path, tmp_path / 'y')
    assert keys_of(converted) == {'kernel', 'kernel/Adam', 'kernel/Adam_1', 'beta1_power', 'beta2_power'}
    reader = tf.train.load_checkpoint(converted)
    np.testing.assert_array_equal(reader.get_tensor('kernel/Adam'), optimizer.get_slot(kernel, 'm'))


@needs_keras_2
def test_g22_keras_slots_get_tf1s_names(tmp_path):
    kernel = tf.Variable([1.0, 2.0], name='kernel')
    keras = tf.keras.optimizers.legacy.Adam(0.1)
    keras.apply_gradients([(tf.constant([1.0, 1.0]), kernel)])
    path = tf.train.Checkpoint(kernel=kernel, optimizer=keras).save(str(tmp_path / 'k'))
    converted = estimator_ckpt.convert_tf2_to_tf1(path, tmp_path / 'z')
    assert {'kernel', 'kernel/Adam', 'kernel/Adam_1'} <= keys_of(converted)
