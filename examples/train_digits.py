r"""Trains a classifier of handwritten digits with tf.estimator, in TF1 code, saving the style of checkpoint you choose.

  python examples/train_digits.py --model_dir=digits --checkpoint_style=both

A second run goes on where the first one stopped, also with another style. With --mirror_dir a second directory gets the
checkpoints in another style. examples/restore_digits_tf2.py restores the result in TF2 without Estimator.

Where TF_CONFIG is set, it is one task of a cluster; examples/train_cluster.sh starts them all on one machine.
"""

import os
import warnings

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf  # noqa: E402
from digits_data import BATCH_SIZE, LEARNING_RATE, load_data  # noqa: E402

import estimator_ckpt  # noqa: E402

tf1 = tf.compat.v1

_MODEL_DIR = flags.DEFINE_string('model_dir', None, 'Directory of the checkpoints.', required=True)
estimator_ckpt.flags.define_checkpoint_flags()
flags.FLAGS.set_default('save_checkpoints_steps', 200)
_TRAIN_STEPS = flags.DEFINE_integer(
    'train_steps', 600, 'Number of steps to train in this run; in a cluster, the step to stop at.', 1
)
_SEED = flags.DEFINE_integer('seed', 1, 'Seed of the initial values and of the order of the data.')


def classify(images: tf.Tensor, training: bool) -> tf.Tensor:
    """The logits, of shape [n, 10], of images of shape [n, 8, 8, 1]."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # Each layer warns that it is deprecated.
        x = tf1.layers.conv2d(images, 16, 3, activation=tf.nn.relu, name='conv')
        x = tf1.layers.batch_normalization(x, training=training, name='norm')
        x = tf1.layers.dense(tf1.layers.flatten(x), 64, activation=tf.nn.relu, name='hidden')
        return tf1.layers.dense(x, 10, name='logits')


def model_fn(features, labels, mode, params, config):
    """The classifier as an Estimator's model_fn. The only lines about checkpoints are those before its return."""
    training = mode == tf.estimator.ModeKeys.TRAIN
    logits = classify(features, training)
    model = {variable.op.name: variable for variable in tf1.global_variables()}
    del model['global_step']
    predictions = tf.argmax(logits, axis=1)
    step, optimizer = tf1.train.get_global_step(), tf1.train.AdamOptimizer(LEARNING_RATE)
    loss = metrics = train_op = None
    if labels is not None:
        loss = tf1.losses.sparse_softmax_cross_entropy(labels, logits)
        metrics = {'accuracy': tf1.metrics.accuracy(labels, predictions)}
    if training:
        updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
        train_op = tf.group(optimizer.minimize(loss, step), *updates)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, step=step)
    scaffold = estimator_ckpt.flags.scaffold_from_flags(checkpoint, config, **params)
    return tf.estimator.EstimatorSpec(
        mode,
        predictions=predictions,
        loss=loss,
        train_op=train_op,
        eval_metric_ops=metrics,
        scaffold=scaffold,
        training_hooks=estimator_ckpt.flags.hooks_from_flags(checkpoint) if training else None,
    )


def input_fn(split):
    """The batches of a split: without end and shuffled for training, once through for the test."""
    dataset = tf.data.Dataset.from_tensor_slices(load_data()[split])
    if split == 'train':
        dataset = dataset.shuffle(2000, seed=_SEED.value).repeat()
    return dataset.batch(BATCH_SIZE)


def run_config(config_class=tf.estimator.RunConfig, **further):
    """The RunConfig that the flags ask for."""
    return config_class(
        model_dir=_MODEL_DIR.value,
        tf_random_seed=_SEED.value,
        save_checkpoints_steps=flags.FLAGS.save_checkpoints_steps,
        keep_checkpoint_max=flags.FLAGS.keep_checkpoint_max,
        **further,
    )


def build_estimator(warm_start: estimator_ckpt.WarmStart | None = None) -> tf.estimator.Estimator:
    """The Estimator that the flags ask for."""
    tf.get_logger().setLevel('ERROR')  # Each Estimator class warns that it is deprecated.
    return tf.estimator.Estimator(model_fn, config=run_config(), params={'warm_start': warm_start})


def train(estimator, hooks=(), saving_listeners=()):
    """Trains the Estimator, and prints how accurate it then is."""
    estimator.train(lambda: input_fn('train'), hooks, _TRAIN_STEPS.value, saving_listeners=saving_listeners)
    print_result(estimator, estimator.evaluate(lambda: input_fn('test')))


def train_in_cluster(estimator):
    """Does what `TF_CONFIG` makes this task do: trains, serves parameters, or evaluates, and prints the result."""
    train_spec = tf.estimator.TrainSpec(lambda: input_fn('train'), _TRAIN_STEPS.value)
    eval_spec = tf.estimator.EvalSpec(
        lambda: input_fn('test'), steps=None, start_delay_secs=1, throttle_secs=1
    )
    tf.estimator.train_and_evaluate(estimator, train_spec, eval_spec)
    if estimator.config.task_type == 'evaluator':
        print_result(estimator, estimator.evaluate(lambda: input_fn('test')))


def print_result(estimator, result):
    """Prints the step, the accuracy that evaluation has found, and the checkpoint."""
    print(f'step: {result["global_step"]}')
    print(f'test accuracy: {result["accuracy"]:.4f}')
    print(f'latest checkpoint: {estimator.latest_checkpoint()}')


def main(_):
    estimator = build_estimator()
    if os.environ.get('TF_CONFIG'):
        train_in_cluster(estimator)
    else:
        train(estimator)


if __name__ == '__main__':
    app.run(main)
