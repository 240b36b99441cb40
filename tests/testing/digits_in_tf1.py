"""The digits in TF1 code that every TensorFlow runs: a checkpoint with the keys of `examples/train_digits.py`.

That example itself needs Estimator and tf.compat.v1.layers.
"""

import sys
from typing import Any

import numpy as np
import tensorflow as tf

import estimator_ckpt
from tests.testing.examples import EXAMPLES

tf1 = tf.compat.v1
_BATCH_SIZE, _RATE = 64, 0.002
# Those of tf.compat.v1.layers.
_NORM_EPSILON, _NORM_MOMENTUM = 1e-3, 0.99


def load_data() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The data of the examples."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        from digits_data import load_data
    finally:
        sys.path.remove(str(EXAMPLES))
    return load_data()


def train(prefix: str, num_steps: int) -> float:
    """Trains the digits with Adam, saves both styles to `prefix`, and returns the test accuracy."""
    data, random = load_data(), np.random.RandomState(0)
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.set_random_seed(1)
        images, labels = tf1.placeholder(tf.float32, [None, 8, 8, 1]), tf1.placeholder(tf.int64, [None])
        logits, updates = _classify(images, training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        model = {variable.op.name: variable for variable in tf1.global_variables()}
        step, optimizer = tf1.train.get_or_create_global_step(), tf1.train.AdamOptimizer(_RATE)
        train_op = tf.group(optimizer.minimize(loss, step), *updates)
        is_right = tf.equal(tf.argmax(_classify(images, training=False)[0], axis=1), labels)
        checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, step=step)
        saver = estimator_ckpt.Saver('both', checkpoint)
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
            average.assign(_NORM_MOMENTUM * average + (1 - _NORM_MOMENTUM) * value)
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
