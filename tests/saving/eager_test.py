"""The saver in eager mode, with `sess=None`."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing.small_model import keys_of

tf1 = tf.compat.v1
STYLES = ('tf1', 'tf2', 'both')


def _dense():
    layer = tf.Module()
    layer.kernel = tf.Variable(tf.random.normal([3, 2]), name='dense/kernel')
    layer.bias = tf.Variable(tf.zeros([2]), name='dense/bias')
    return layer


@pytest.mark.parametrize('target', STYLES)
@pytest.mark.parametrize('source', STYLES)
def test_each_style_is_saved_and_restored_by_each(source, target, tmp_path):
    saved, restored = _dense(), _dense()
    path = estimator_ckpt.Saver(source, tf.train.Checkpoint(layer=saved)).save(None, str(tmp_path / 'x'))
    restorer = estimator_ckpt.Saver(target, tf.train.Checkpoint(layer=restored))
    restorer.restore(None, path)

    np.testing.assert_array_equal(restored.kernel, saved.kernel)
    again = restorer.save(None, str(tmp_path / 'again'))
    expected = {'tf1': {'dense/kernel', 'dense/bias'}}
    expected['tf2'] = {
        'layer/kernel/.ATTRIBUTES/VARIABLE_VALUE',
        'layer/bias/.ATTRIBUTES/VARIABLE_VALUE',
        'save_counter/.ATTRIBUTES/VARIABLE_VALUE',
    }
    expected['both'] = expected['tf1'] | expected['tf2']
    assert keys_of(again) == expected[target]


def test_var_list_gives_names_and_the_default_object(tmp_path):
    a, b = tf.Variable(1.0, name='a'), tf.Variable(2.0, name='b')
    path = estimator_ckpt.Saver('both', var_list={'a': a, 'scope/b': b}).save(None, str(tmp_path / 'x'))
    assert keys_of(path) == {
        'a',
        'scope/b',
        'var_list/a/.ATTRIBUTES/VARIABLE_VALUE',
        'var_list/scope.Sb/.ATTRIBUTES/VARIABLE_VALUE',
        'save_counter/.ATTRIBUTES/VARIABLE_VALUE',
    }
    restored = tf.Variable(0.0)
    tf.train.Checkpoint(var_list={'scope/b': restored}).restore(path).assert_existing_objects_matched()
    assert restored.numpy() == 2.0


def test_the_save_counter_counts(tmp_path):
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    saver = estimator_ckpt.Saver('tf2', checkpoint)
    for _ in range(3):
        path = saver.save(None, str(tmp_path / 'x'))
    assert int(checkpoint.save_counter) == 3
    fresh = tf.train.Checkpoint(v=tf.Variable(0.0))
    fresh.restore(path).assert_consumed()
    assert int(fresh.save_counter) == 3


def test_variables_of_one_name_are_told_apart_by_objects_only(tmp_path):
    twins = tf.train.Checkpoint(a=tf.Variable(1.0, name='v'), b=tf.Variable(2.0, name='v'))
    path = estimator_ckpt.Saver('tf2', twins).save(None, str(tmp_path / 'x'))
    fresh = tf.train.Checkpoint(a=tf.Variable(0.0), b=tf.Variable(0.0))
    estimator_ckpt.Saver('tf2', fresh).restore(None, path)
    assert (fresh.a.numpy(), fresh.b.numpy()) == (1.0, 2.0)

    with pytest.raises(ValueError, match='called v'):
        estimator_ckpt.Saver('both', twins).save(None, str(tmp_path / 'y'))


def test_a_session_and_eager_mode_share_their_files(tmp_path):
    with tf.Graph().as_default(), tf1.Session() as session:
        v = tf1.get_variable('v', initializer=3.0)
        saver = estimator_ckpt.Saver('both', tf.train.Checkpoint(x=v))
        session.run(v.initializer)
        path = saver.save(session, str(tmp_path / 'x'))

    by_object, by_name = tf.Variable(0.0), tf.Variable(0.0, name='v')
    estimator_ckpt.Saver('tf2', tf.train.Checkpoint(x=by_object)).restore(None, path)
    estimator_ckpt.Saver('tf1', var_list=[by_name]).restore(None, path)
    assert by_object.numpy() == by_name.numpy() == 3.0


def test_it_needs_a_checkpoint_or_a_var_list(tmp_path):
    with pytest.raises(ValueError, match='checkpoint or a var_list'):
        estimator_ckpt.Saver('tf1').save(None, str(tmp_path / 'x'))
