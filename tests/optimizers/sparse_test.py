"""Adam with the sparse gradients of an embedding.

Where a batch has a word twice, Keras 3 squares the two gradients of its row before it adds them; TF1 and Keras 2 add
them first.
"""

import numpy as np
import tensorflow as tf

import estimator_ckpt
from tests.optimizers.measures import BOUND, difference

tf1 = tf.compat.v1
_STEPS, _AFTER, _RATE, _EPSILON = 5, 10, 0.05, 1e-7
_WORDS, _SIZE, _BATCH = 20, 4, 8


def _batch(step, repeats):
    """The words of a step, each once unless `repeats`, and what is to be predicted from them."""
    words = np.random.RandomState(step).choice(_WORDS, _BATCH, replace=repeats)
    return words, np.cos(words[:, np.newaxis] + np.arange(_SIZE)).astype(np.float32)


def _loss(table, words, labels):
    return tf.reduce_mean((tf.gather(table, words) - labels) ** 2)


def _train_tf1(num_steps, repeats, prefix=None):
    """The losses of TF1's Adam, which saves to `prefix`."""
    with tf.Graph().as_default(), tf1.Session() as session:
        step = tf1.train.get_or_create_global_step()
        table = tf1.get_variable('words', [_WORDS, _SIZE], initializer=tf1.ones_initializer())
        words, labels = tf1.placeholder(tf.int64, [_BATCH]), tf1.placeholder(tf.float32, [_BATCH, _SIZE])
        loss = _loss(table, words, labels)
        train_op = tf1.train.AdamOptimizer(_RATE, epsilon=_EPSILON).minimize(loss, global_step=step)
        session.run(tf1.global_variables_initializer())
        losses = []
        for number in range(num_steps):
            feeds = dict(zip((words, labels), _batch(number, repeats), strict=True))
            losses.append(float(session.run(loss, feeds)))
            session.run(train_op, feeds)
        if prefix is not None:
            tf1.train.Saver().save(session, str(prefix))
        return losses


def _difference(folder, repeats=True, as_dense=False):
    """The largest relative difference of a loss after Keras has taken over from TF1, with all of the state."""
    expected = _train_tf1(_STEPS + _AFTER, repeats)[_STEPS:]
    _train_tf1(_STEPS, repeats, folder / 'tf1')
    table = tf.Variable(tf.zeros([_WORDS, _SIZE]))
    optimizer = tf.keras.optimizers.Adam(_RATE, epsilon=_EPSILON)
    report = estimator_ckpt.warm_start(
        estimator_ckpt.WarmStart(folder / 'tf1', {'words': 'table'}, slots=True, step='keep'),
        tf.train.Checkpoint(table=table, optimizer=optimizer),
    )
    assert not report.faults() and int(optimizer.iterations.numpy()) == _STEPS
    _assert_same_state(table, optimizer, folder / 'tf1')
    losses = []
    for number in range(_STEPS, _STEPS + _AFTER):
        with tf.GradientTape() as tape:
            loss = _loss(table, *_batch(number, repeats))
        gradient = tape.gradient(loss, table)
        assert isinstance(gradient, tf.IndexedSlices)
        optimizer.apply_gradients([(tf.convert_to_tensor(gradient) if as_dense else gradient, table)])
        losses.append(float(loss))
    return difference(losses, expected)


def _assert_same_state(table, optimizer, prefix):
    reader = tf.train.load_checkpoint(str(prefix))
    values = {
        'words': table,
        'words/Adam': optimizer._momentums[0],
        'words/Adam_1': optimizer._velocities[0],
    }
    for name, variable in values.items():
        np.testing.assert_array_equal(np.array(variable), reader.get_tensor(name))


def test_a_word_twice_in_a_batch_trains_otherwise_in_keras_3_only(tmp_path):
    found = _difference(tmp_path)
    if hasattr(tf.keras, 'ops'):
        assert 1e-3 < found < 0.1
    else:
        assert found <= BOUND


def test_sparse_gradients_that_are_made_dense_train_as_in_tf1(tmp_path):
    assert _difference(tmp_path, as_dense=True) <= BOUND


def test_sparse_gradients_of_different_words_train_as_in_tf1(tmp_path):
    assert _difference(tmp_path, repeats=False) <= BOUND
