"""The digits in TF1 code that every TensorFlow runs: a checkpoint with the keys of `examples/train_digits.py`."""

import sys
from typing import Any

import numpy as np
import tensorflow as tf

from tests.testing.examples import EXAMPLES

tf1 = tf.compat.v1
_BATCH_SIZE, _RATE, _EPSILON, _MOMENTUM = 64, 0.002, 1e-7, 0.99
# Where Keras's norm, which the example has, adds its epsilon.
_NORM_EPSILON = 1e-3


def load_data() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The data of the examples."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        from digits_data import load_data
    finally:
        sys.path.remove(str(EXAMPLES))
    return load_data()


def train(prefix: str, num_steps: int) -> float:
    """Trains the digits with Adam, saves to `prefix`, and returns the test accuracy."""
    data, random = load_data(), np.random.RandomState(0)
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.set_random_seed(1)
        images, labels = tf1.placeholder(tf.float32, [None, 8, 8, 1]), tf1.placeholder(tf.int64, [None])
        logits, updates = _classify(images, training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        step, optimizer = (
            tf1.train.get_or_create_global_step(),
            tf1.train.AdamOptimizer(_RATE, epsilon=_EPSILON),
        )
        train_op = tf.group(optimizer.minimize(loss, step), *updates)
        is_right = tf.equal(tf.argmax(_classify(images, training=False)[0], axis=1), labels)
        saver = tf1.train.Saver(_named(optimizer, step))
        session.run(tf1.global_variables_initializer())
        for _ in range(num_steps):
            rows = random.choice(len(data['train'][0]), _BATCH_SIZE, replace=False)
            session.run(train_op, {images: data['train'][0][rows], labels: data['train'][1][rows]})
        saver.save(session, prefix)
        return float(np.mean(session.run(is_right, {images: data['test'][0], labels: data['test'][1]})))


def _classify(images: tf.Tensor, training: bool) -> tuple[tf.Tensor, list[tf.Operation]]:
    """The logits, and the updates of the moving statistics."""
    with tf1.variable_scope('conv', reuse=tf1.AUTO_REUSE):
        kernel, bias = _kernel([3, 3, 1, 16]), _vector('bias', 16)
        x = tf.nn.relu(tf.nn.conv2d(images, kernel, 1, 'VALID') + bias)
    with tf1.variable_scope('norm', reuse=tf1.AUTO_REUSE):
        gamma, beta = _vector('gamma', 16, 1.0), _vector('beta', 16)
        moving = [_vector('moving_mean', 16, 0.0, False), _vector('moving_variance', 16, 1.0, False)]
        mean, variance = tf.nn.moments(x, [0, 1, 2]) if training else moving
        x = tf.nn.batch_normalization(x, mean, variance, beta, gamma, _NORM_EPSILON)
        updates = [
            average.assign(_MOMENTUM * average + (1 - _MOMENTUM) * value)
            for average, value in zip(moving, (mean, variance), strict=True)
        ]
    x = tf.nn.relu(_dense(tf.reshape(x, [-1, 576]), 576, 64, 'hidden'))
    return _dense(x, 64, 10, 'logits'), updates if training else []


def _dense(x: tf.Tensor, size: int, units: int, name: str) -> tf.Tensor:
    with tf1.variable_scope(name, reuse=tf1.AUTO_REUSE):
        return tf.matmul(x, _kernel([size, units])) + _vector('bias', units)


def _kernel(shape: list[int]) -> Any:
    return tf1.get_variable('kernel', shape, initializer=tf1.glorot_uniform_initializer(1))


def _vector(name: str, size: int, value: float = 0.0, trainable: bool = True) -> Any:
    initializer = tf1.constant_initializer(value)
    return tf1.get_variable(name, [size], initializer=initializer, trainable=trainable)


def _named(optimizer: Any, step: Any) -> dict[str, Any]:
    """The variables by the names that Keras's optimizer gives them in the graph of an Estimator."""
    trained = tf1.trainable_variables()
    variables = {v.op.name: v for v in tf1.global_variables() if v.op.name.startswith(('norm/moving',))}
    variables |= {v.op.name: v for v in trained} | {'global_step': step}
    variables |= {f'Adam/{v.op.name}/{slot}': optimizer.get_slot(v, slot) for v in trained for slot in 'mv'}
    settings = {'beta_1': 0.9, 'beta_2': 0.999, 'decay': 0.0, 'learning_rate': _RATE}
    return variables | {f'Adam/{name}': tf1.Variable(value) for name, value in settings.items()}
