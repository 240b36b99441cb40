"""Dataset iterators in a program's `tf.train.Checkpoint`."""

import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing import small_model
from tests.testing.small_model import needs_estimator

tf1 = tf.compat.v1


def _with_iterator(style):
    def make_scaffold(net, config):
        iterator = tf1.data.make_initializable_iterator(tf.data.Dataset.range(9))
        tf1.add_to_collection(tf1.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
        return estimator_ckpt.scaffold(style, tf.train.Checkpoint(net=net.checkpoint(), it=iterator))

    return make_scaffold


@needs_estimator
@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_a_scaffold_refuses_them_before_the_first_step(style, tmp_path):
    estimator = small_model.estimator(tmp_path, _with_iterator(style))
    with pytest.raises(estimator_ckpt.CheckpointError, match='iterators it .*CheckpointInputPipelineHook'):
        estimator.train(small_model.batches(), steps=1)
    assert not small_model.saved_names(tmp_path)


@needs_estimator
def test_a_name_based_scaffold_says_that_they_are_not_saved(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(tf.get_logger(), 'propagate', True)
    for steps in (1, 2):
        small_model.estimator(tmp_path, _with_iterator('tf1')).train(small_model.batches(), steps=1)
        assert small_model.step_of(tmp_path) == steps
    assert 'The positions of the dataset iterators it are not saved' in caplog.text


@pytest.mark.parametrize('style', ['tf2', 'both'])
def test_a_saver_in_a_session_that_initializes_first_restores_their_position(style, tmp_path):
    def run(action):
        with tf.Graph().as_default(), tf1.Session() as session:
            iterator = tf1.data.make_initializable_iterator(tf.data.Dataset.range(9))
            following, v = iterator.get_next(), tf1.get_variable('v', initializer=1.0)
            saver = estimator_ckpt.Saver(style, tf.train.Checkpoint(it=iterator, v=v))
            session.run([tf1.global_variables_initializer(), iterator.initializer])
            return action(session, saver, following)

    def save(session, saver, following):
        session.run(following)
        session.run(following)
        return saver.save(session, str(tmp_path / 'x'))

    def restore(session, saver, following):
        saver.restore(session, path)
        return session.run(following)

    path = run(save)
    assert run(restore) == 2
