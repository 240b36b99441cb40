"""Rows G8 to G11 and G18 of TensorFlow's guide "Migrating model checkpoints": other names, and Keras.

`a=1, b=2, scoped/c=3` are the guide's three float32 scalars.
"""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt import WarmStart
from tests.testing.small_model import needs_keras_2
from tests.warm_start import sources

tf1 = tf.compat.v1
VALUES = {'a': np.float32(1), 'b': np.float32(2), 'scoped/c': np.float32(3)}


@pytest.fixture
def tf1_path(tmp_path) -> str:
    return sources.write(tmp_path / 'tf1-ckpt', VALUES)


def _graph_variables(names):
    return [tf1.get_variable(name, initializer=0.0) for name in names]


def _eager_variables(names):
    return [tf.Variable(0.0, name=name) for name in names]


G9_FORMS = {
    'scope to scope': (['a', 'b', 'new/c'], {'scoped/': 'new/'}),
    'name to name': (['x', 'y', 'new/z'], {'a': 'x', 'b': 'y', 'scoped/c': 'new/z'}),
    'root to scope': (['new/a', 'new/b', 'new/scoped/c'], {'/': 'new/'}),
}
G8 = G9_FORMS['root to scope']


@pytest.mark.parametrize('names, rules', [G8])
def test_g8_the_root_goes_to_a_new_scope_in_a_session(names, rules, tf1_path):
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = _graph_variables(names)
        session.run(tf1.global_variables_initializer())
        estimator_ckpt.warm_start(WarmStart(tf1_path, rules), session=session)
        assert session.run(variables) == [1, 2, 3]


@pytest.mark.parametrize('names, rules', [G8])
def test_g8_the_root_goes_to_a_new_scope_in_eager_mode(names, rules, tf1_path):
    variables = _eager_variables(names)
    estimator_ckpt.warm_start(WarmStart(tf1_path, rules), variables)
    assert [variable.numpy() for variable in variables] == [1, 2, 3]


@pytest.mark.parametrize('form', G9_FORMS)
def test_g9_every_form_of_assignment_map(form, tf1_path):
    names, rules = G9_FORMS[form]
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = _graph_variables(names)
        session.run(tf1.global_variables_initializer())
        estimator_ckpt.warm_start(WarmStart(tf1_path, rules), session=session)
        assert session.run(variables) == [1, 2, 3]


def test_g9_names_to_a_variable_and_to_pieces(tmp_path):
    path = sources.write(tmp_path / 'tf1-ckpt', {'w': np.float32([1, 2, 3, 4]), 'a': np.float32(1)})
    with tf.Graph().as_default(), tf1.Session() as session:
        pieces = tf1.get_variable('new', [4], partitioner=tf1.fixed_size_partitioner(2))
        variable = tf1.get_variable('x', initializer=0.0)
        session.run(tf1.global_variables_initializer())
        rules = {'w': list(pieces), 'a': variable}
        estimator_ckpt.warm_start(WarmStart(path, rules), session=session)
        assert session.run(variable) == 1
        np.testing.assert_array_equal(np.concatenate(session.run(list(pieces))), [1, 2, 3, 4])


def test_g10_a_saver_with_a_dict_restores_under_other_names(tf1_path):
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = _graph_variables(['x', 'y', 'z'])
        estimator_ckpt.Saver(var_list=dict(zip(VALUES, variables, strict=True))).restore(session, tf1_path)
        assert session.run(variables) == [1, 2, 3]
    variables = _eager_variables(['x', 'y', 'z'])
    estimator_ckpt.Saver(var_list=dict(zip(VALUES, variables, strict=True))).restore(None, tf1_path)
    assert [variable.numpy() for variable in variables] == [1, 2, 3]


def test_g11_one_call_loads_what_the_guide_assigns_by_hand(tf1_path):
    reader = tf.train.load_checkpoint(tf1_path)
    variables = _eager_variables(['x', 'y', 'z'])
    report = estimator_ckpt.warm_start(
        WarmStart(tf1_path, dict(zip(VALUES, variables, strict=True))), variables
    )
    assert [v.numpy() for v in variables] == [reader.get_tensor(name) for name in VALUES]
    assert [row.source for row in report.matched] == list(VALUES)


def _keras_source(tmp_path) -> str:
    values = {'dense/kernel': sources.value([3, 2]), 'dense/bias': sources.value([2], 10)}
    return sources.write(tmp_path / 'keras', values)


def _subclassed() -> tf.keras.Model:
    class Net(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = tf.keras.layers.Dense(2)

        def call(self, inputs):
            return self.hidden(inputs)

    return Net()


@needs_keras_2
@pytest.mark.parametrize('built', [True, False], ids=['built', 'deferred'])
@pytest.mark.parametrize('wrapped', [True, False], ids=['Checkpoint(model=model)', 'model'])
def test_g18_a_subclassed_model_is_filled_before_and_after_it_is_built(wrapped, built, tmp_path):
    model, x = _subclassed(), tf.ones([1, 3])
    if built:
        model(x)
    target = tf.train.Checkpoint(model=model) if wrapped else model
    rules = {'dense/': 'model/hidden/' if wrapped else 'hidden/'}
    report = estimator_ckpt.warm_start(WarmStart(_keras_source(tmp_path), rules), target)
    expected = np.ones([1, 3]) @ sources.value([3, 2]) + sources.value([2], 10)
    np.testing.assert_allclose(model(x), expected)
    assert len(report.matched) == 2 and (report.status is None) == built
    if not built:
        report.status.assert_consumed()


@needs_keras_2
def test_g18_weights_saved_by_keras_are_filled_into_other_layers(tmp_path):
    old = _subclassed()
    old(tf.ones([1, 3]))
    old.save_weights(str(tmp_path / 'weights'), save_format='tf')
    new = tf.keras.Sequential([tf.keras.layers.Dense(2)])
    target = tf.train.Checkpoint(model=new)
    rules = [('hidden/(.*)', r'model/layer-0/\1')]
    report = estimator_ckpt.warm_start(WarmStart(str(tmp_path / 'weights'), rules), target)
    np.testing.assert_array_equal(new(tf.ones([1, 3])), old(tf.ones([1, 3])))
    assert len(report.matched) == 2
    report.status.assert_existing_objects_matched()

    built = tf.keras.Sequential([tf.keras.layers.Dense(2)])
    rules = [('hidden/(.*)', r'model/layer_with_weights-0/\1')]
    warm_start = WarmStart(str(tmp_path / 'weights'), rules)
    with pytest.raises(estimator_ckpt.MappingError, match='Not built yet: model, model/layer-0.*build'):
        estimator_ckpt.warm_start(warm_start, tf.train.Checkpoint(model=built))
    built(tf.ones([1, 3]))
    estimator_ckpt.warm_start(warm_start, tf.train.Checkpoint(model=built))
    np.testing.assert_array_equal(built(tf.ones([1, 3])), old(tf.ones([1, 3])))
