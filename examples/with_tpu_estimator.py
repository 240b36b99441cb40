r"""Trains the classifier of train_digits.py with TPUEstimator, on a CPU, saving the style of checkpoint you choose.

  python examples/with_tpu_estimator.py --model_dir=digits_tpu --checkpoint_style=both

Its flags are those of train_digits.py. TPUEstimatorSpec takes a function that returns the scaffold, scaffold_fn, where
EstimatorSpec takes the scaffold. A second run goes on where the first one stopped, also with another style, and
examples/restore_digits_tf2.py restores the result in TF2.
"""

import os

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf  # noqa: E402
import train_digits  # noqa: E402
from digits_data import BATCH_SIZE, LEARNING_RATE, load_data  # noqa: E402

import estimator_ckpt  # noqa: E402

tf1, tpu = tf.compat.v1, tf.compat.v1.estimator.tpu
flags.adopt_module_key_flags(train_digits)


def metric_fn(labels, predictions):
    """What evaluation measures, which a TPU leaves to its host."""
    return {'accuracy': tf1.metrics.accuracy(labels, predictions)}


def model_fn(features, labels, mode, params, config):
    """The classifier as a TPUEstimator's model_fn."""
    del params
    training = mode == tf.estimator.ModeKeys.TRAIN
    logits = train_digits.classify(features, training)
    model = {variable.op.name: variable for variable in tf1.global_variables()}
    del model['global_step']
    predictions = tf.argmax(logits, axis=1)
    step, optimizer = tf1.train.get_global_step(), tf1.train.AdamOptimizer(LEARNING_RATE)
    loss = eval_metrics = train_op = None
    if labels is not None:
        loss = tf1.losses.sparse_softmax_cross_entropy(labels, logits)
        eval_metrics = (metric_fn, [labels, predictions])
    if training:
        updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
        train_op = tf.group(optimizer.minimize(loss, step), *updates)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, step=step)
    return tpu.TPUEstimatorSpec(
        mode,
        predictions={'label': predictions},
        loss=loss,
        train_op=train_op,
        eval_metrics=eval_metrics,
        scaffold_fn=lambda: estimator_ckpt.flags.scaffold_from_flags(checkpoint, config),
        training_hooks=estimator_ckpt.flags.hooks_from_flags(checkpoint) if training else None,
    )


def input_fn(split, params):
    """The batches of a split, all of one size, as TPUs need them."""
    return train_digits.input_fn(split).unbatch().batch(params['batch_size'], drop_remainder=True)


def main(_):
    tf.get_logger().setLevel('ERROR')  # Each Estimator class warns that it is deprecated.
    num_tests = len(load_data()['test'][1])
    estimator = tpu.TPUEstimator(
        model_fn,
        config=train_digits.run_config(tpu.RunConfig),
        use_tpu=False,
        train_batch_size=BATCH_SIZE,
        eval_batch_size=num_tests,
    )
    estimator.train(lambda params: input_fn('train', params), steps=flags.FLAGS.train_steps)
    result = estimator.evaluate(lambda params: input_fn('test', params), steps=1)
    train_digits.print_result(estimator, result)


if __name__ == '__main__':
    app.run(main)
