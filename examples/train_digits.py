r"""Trains a classifier of handwritten digits with tf.estimator, saving the style of checkpoint you choose.

  python examples/train_digits.py --model_dir=digits --checkpoint_style=both

A second run goes on where the first one stopped, also with another style. With --mirror_dir a second directory gets the
checkpoints in another style. examples/restore_digits_tf2.py restores the result in TF2 without Estimator.

Where TF_CONFIG is set, it is one task of a cluster; examples/train_cluster.sh starts them all on one machine.
"""

import os

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf  # noqa: E402
from digits import build_model, build_optimizer  # noqa: E402
from digits_data import BATCH_SIZE, load_data  # noqa: E402

import estimator_ckpt  # noqa: E402

_MODEL_DIR = flags.DEFINE_string('model_dir', None, 'Directory of the checkpoints.', required=True)
estimator_ckpt.flags.define_checkpoint_flags()
flags.FLAGS.set_default('save_checkpoints_steps', 200)
_TRAIN_STEPS = flags.DEFINE_integer(
    'train_steps', 600, 'Number of steps to train in this run; in a cluster, the step to stop at.', 1
)
_SEED = flags.DEFINE_integer('seed', 1, 'Seed of the initial values and of the order of the data.')


def model_fn(features, labels, mode, params, config):
    """The Keras model as an Estimator's model_fn. The only lines about checkpoints are those before its return."""
    training = mode == tf.estimator.ModeKeys.TRAIN
    step = tf.compat.v1.train.get_or_create_global_step()
    model = build_model()
    optimizer = build_optimizer()
    optimizer.iterations = step
    logits = model(features, training=training)
    predictions = tf.argmax(logits, axis=1)
    loss = metrics = train_op = None
    if labels is not None:
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        metrics = {'accuracy': tf.compat.v1.metrics.accuracy(labels, predictions)}
    if training:
        updates = optimizer.get_updates(loss, model.trainable_variables)
        train_op = tf.group(*updates, *model.get_updates_for(features), *model.get_updates_for(None))
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


def build_estimator(warm_start: estimator_ckpt.WarmStart | None = None) -> tf.estimator.Estimator:
    """The Estimator that the flags ask for."""
    tf.get_logger().setLevel('ERROR')  # Each Estimator class warns that it is deprecated.
    config = tf.estimator.RunConfig(
        model_dir=_MODEL_DIR.value,
        tf_random_seed=_SEED.value,
        save_checkpoints_steps=flags.FLAGS.save_checkpoints_steps,
        keep_checkpoint_max=flags.FLAGS.keep_checkpoint_max,
    )
    return tf.estimator.Estimator(model_fn, config=config, params={'warm_start': warm_start})


def train(estimator, saving_listeners=()):
    """Trains the Estimator, and prints how accurate it then is."""
    estimator.train(lambda: input_fn('train'), steps=_TRAIN_STEPS.value, saving_listeners=saving_listeners)
    _print_result(estimator, estimator.evaluate(lambda: input_fn('test')))


def train_in_cluster(estimator):
    """Does what `TF_CONFIG` makes this task do: trains, serves parameters, or evaluates, and prints the result."""
    train_spec = tf.estimator.TrainSpec(lambda: input_fn('train'), _TRAIN_STEPS.value)
    eval_spec = tf.estimator.EvalSpec(
        lambda: input_fn('test'), steps=None, start_delay_secs=1, throttle_secs=1
    )
    tf.estimator.train_and_evaluate(estimator, train_spec, eval_spec)
    if estimator.config.task_type == 'evaluator':
        _print_result(estimator, estimator.evaluate(lambda: input_fn('test')))


def _print_result(estimator, result):
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
