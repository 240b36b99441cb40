"""The saver in eager mode, for models of Keras 3, whose variables go by their paths."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing.small_model import keys_of

keras = tf.keras
pytestmark = pytest.mark.skipif(not hasattr(keras, 'ops'), reason='this is of Keras 3')
STYLES = ('tf1', 'tf2', 'both')


def _sequential():
    return keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])


class Subclassed(keras.Model):
    """A model that is built when it is first called: TensorFlow calls both of its kernels `NAME/kernel`."""

    def __init__(self):
        super().__init__()
        self.first, self.second = keras.layers.Dense(3), keras.layers.Dense(2)

    def call(self, inputs):
        return self.second(self.first(inputs))


def _named(name):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name='d')], name=name)


def _trained(make):
    """A model and its optimizer after a few steps."""
    model = make()
    model.compile('adam', 'mse')
    random = np.random.RandomState(0)
    model.fit(random.rand(8, 3), random.rand(8, 2), batch_size=2, verbose=0)
    return model


@pytest.fixture(autouse=True)
def _new_names():
    keras.utils.clear_session()


def _values(model):
    return [np.array(variable) for variable in model.variables + model.optimizer.variables]


def _assert_same(model, other):
    for value, expected in zip(_values(model), _values(other), strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize('make', [_sequential, Subclassed])
@pytest.mark.parametrize('target', STYLES)
@pytest.mark.parametrize('source', STYLES)
def test_each_style_is_restored_by_each_in_a_process_that_builds_the_same_model(
    source, target, make, tmp_path
):
    model = _trained(make)
    path = estimator_ckpt.Saver(source, tf.train.Checkpoint(model=model)).save(None, str(tmp_path / 'x'))
    keras.utils.clear_session()  # Names begin anew, as in a new process.
    other = _trained(make)
    other.set_weights([np.zeros_like(weight) for weight in other.get_weights()])
    estimator_ckpt.Saver(target, tf.train.Checkpoint(model=other)).restore(None, path)
    _assert_same(other, model)


@pytest.mark.parametrize('style', STYLES)
def test_name_based_keys_are_the_paths_and_object_keys_are_tensorflows(style, tmp_path):
    model = _trained(Subclassed)
    checkpoint = tf.train.Checkpoint(model=model)
    own = keys_of(estimator_ckpt.Saver(style, checkpoint).save(None, str(tmp_path / 'x')))
    objects = keys_of(tf.train.Checkpoint(model=model).save(str(tmp_path / 'tf')))
    names = {variable.path for variable in model.variables + model.optimizer.variables}
    assert len(names) == 4 + 2 + 8 and all('/' in name for name in names)
    assert own == {'tf1': names, 'tf2': objects, 'both': names | objects}[style]


@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_tensorflow_restores_object_based_styles_and_uses_all(style, tmp_path):
    model = _trained(Subclassed)
    path = estimator_ckpt.Saver(style, tf.train.Checkpoint(model=model)).save(None, str(tmp_path / 'x'))
    other = _trained(Subclassed)
    tf.train.Checkpoint(model=other).restore(path).assert_consumed()
    _assert_same(other, model)


@pytest.mark.parametrize('style', STYLES)
@pytest.mark.parametrize('make', [_sequential, Subclassed])
def test_files_of_tensorflow_are_restored_by_objects_whatever_the_names(make, style, tmp_path):
    model = _trained(make)
    path = tf.train.Checkpoint(model=model).save(str(tmp_path / 'x'))
    other = _trained(make)
    assert {v.path for v in other.variables}.isdisjoint(v.path for v in model.variables)
    estimator_ckpt.Saver(style, tf.train.Checkpoint(model=other)).restore(None, path)
    _assert_same(other, model)


@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_objects_decide_where_keras_numbers_the_names_otherwise(style, tmp_path):
    model = _trained(Subclassed)
    path = estimator_ckpt.Saver(style, tf.train.Checkpoint(model=model)).save(None, str(tmp_path / 'x'))
    other = _trained(Subclassed)
    estimator_ckpt.Saver('both', tf.train.Checkpoint(model=other)).restore(None, path)
    _assert_same(other, model)


def test_other_names_in_a_name_based_checkpoint_are_an_error_that_says_whose_numbers_they_are(tmp_path):
    model = _trained(_sequential)
    path = estimator_ckpt.Saver('tf1', tf.train.Checkpoint(model=model)).save(None, str(tmp_path / 'x'))
    other = _trained(_sequential)
    before = _values(other)
    with pytest.raises(estimator_ckpt.MappingError, match=r"'sequential_1/dense_2/kernel'.*clear_session"):
        estimator_ckpt.Saver('tf1', tf.train.Checkpoint(model=other)).restore(None, path)
    for value, kept in zip(_values(other), before, strict=True):
        np.testing.assert_array_equal(value, kept)


def test_a_shape_that_differs_is_told_without_advice_on_names(tmp_path):
    model = _sequential()
    path = estimator_ckpt.Saver('tf1', tf.train.Checkpoint(model=model)).save(None, str(tmp_path / 'x'))
    keras.utils.clear_session()
    other = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(5), keras.layers.Dense(2)])
    with pytest.raises(estimator_ckpt.MappingError, match=r'\[3, 4\].*\[3, 5\]') as error:
        estimator_ckpt.Saver('tf1', tf.train.Checkpoint(model=other)).restore(None, path)
    assert 'clear_session' not in str(error.value)


@pytest.mark.parametrize('make_list', [lambda vs: vs, lambda vs: {f'x/{n}': v for n, v in enumerate(vs)}])
def test_a_var_list_has_each_variable_once_and_is_restored(make_list, tmp_path):
    variables = _trained(Subclassed).variables
    saver = estimator_ckpt.Saver('both', var_list=make_list(variables))
    path = saver.save(None, str(tmp_path / 'x'))
    named = make_list(variables)
    names = list(named) if isinstance(named, dict) else [variable.path for variable in variables]
    assert {key for key in keys_of(path) if '.ATTRIBUTES' not in key} == set(names)
    values = [variable.numpy() for variable in variables]
    for variable in variables:
        variable.assign(variable.numpy() + 1)
    saver.restore(None, path)
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_a_var_list_beside_a_checkpoint_is_matched_with_its_objects(tmp_path):
    model = Subclassed()
    model(np.ones((1, 3), np.float32))
    saver = estimator_ckpt.Saver('both', tf.train.Checkpoint(model=model), model.variables, untracked='error')
    keys = keys_of(saver.save(None, str(tmp_path / 'x')))
    assert {variable.path for variable in model.variables} < keys
    assert 'model/first/_kernel/.ATTRIBUTES/VARIABLE_VALUE' in keys


def test_two_models_of_one_name_are_refused_by_names_and_saved_by_objects(tmp_path):
    class Pair(tf.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = _named('m'), _named('m')

    pair = Pair()
    with pytest.raises(ValueError, match=r'called m/d/bias, m/d/kernel.*var_list'):
        estimator_ckpt.Saver('both', tf.train.Checkpoint(pair=pair)).save(None, str(tmp_path / 'x'))
    with pytest.raises(ValueError, match=r'called m/d/bias, m/d/kernel.*var_list'):
        estimator_ckpt.Saver('tf1', var_list=[*pair.a.variables, *pair.b.variables]).save(
            None, str(tmp_path / 'x')
        )
    path = estimator_ckpt.Saver('tf2', tf.train.Checkpoint(pair=pair)).save(None, str(tmp_path / 'x'))
    other = Pair()
    estimator_ckpt.Saver('tf2', tf.train.Checkpoint(pair=other)).restore(None, path)
    for variable, expected in zip(
        other.a.variables + other.b.variables, pair.a.variables + pair.b.variables, strict=True
    ):
        np.testing.assert_array_equal(variable.numpy(), expected.numpy())
