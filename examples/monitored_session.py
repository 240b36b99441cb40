r"""Trains a classifier of handwritten digits with MonitoredTrainingSession, in TF1 code and without Estimator.

  python examples/monitored_session.py --model_dir=digits_session --checkpoint_style=both

It uses neither tf.estimator nor tf.compat.v1.layers, which TensorFlow 2.16 lacks, and so runs on every TensorFlow from
2.12 on. A second run goes on where the first one stopped, also with another style: the scaffold is the one line about
checkpoints. A hook prints the loss, and a CheckpointSaverListener tests each checkpoint.
"""

import os

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from digits_data import BATCH_SIZE, LEARNING_RATE, load_data  # noqa: E402

import estimator_ckpt  # noqa: E402

tf1 = tf.compat.v1

_MODEL_DIR = flags.DEFINE_string('model_dir', None, 'Directory of the checkpoints.', required=True)
_STYLE = flags.DEFINE_enum(
    'checkpoint_style',
    'both',
    ['tf1', 'tf2', 'both'],
    'Style of the checkpoints: name-based, object-based, or both over bytes stored once.',
)
_TRAIN_STEPS = flags.DEFINE_integer('train_steps', 400, 'Number of steps to train in this run.', 1)
_SAVE_STEPS = flags.DEFINE_integer('save_checkpoints_steps', 200, 'Number of steps between checkpoints.', 1)
_SEED = flags.DEFINE_integer('seed', 1, 'Seed of the initial values and of the order of the data.')


def dense(inputs: tf.Tensor, units: int, name: str) -> tf.Tensor:
    """A dense layer as tf.compat.v1.layers had it: the variables NAME/kernel and NAME/bias."""
    with tf1.variable_scope(name, reuse=tf1.AUTO_REUSE):
        kernel = tf1.get_variable(
            'kernel', [inputs.shape[-1], units], initializer=tf1.glorot_uniform_initializer(_SEED.value)
        )
        bias = tf1.get_variable('bias', [units], initializer=tf1.zeros_initializer())
    return tf.matmul(inputs, kernel) + bias


def classify(images: tf.Tensor) -> tf.Tensor:
    """The logits, of shape [n, 10], of images of shape [n, 8, 8, 1]."""
    hidden = tf.nn.relu(dense(tf.reshape(images, [-1, 64]), 64, 'hidden'))
    return dense(hidden, 10, 'logits')


def accuracy_of(images: np.ndarray, labels: np.ndarray) -> tf.Tensor:
    """The share of the images that are classified as their labels say."""
    return tf.reduce_mean(
        tf.cast(tf.equal(tf.argmax(classify(tf.constant(images)), axis=1), labels), tf.float32)
    )


class LossLogger(tf1.train.SessionRunHook):
    """Prints the mean loss of each hundred steps."""

    def __init__(self, loss: tf.Tensor):
        self._loss = loss
        self._losses: list[float] = []

    def before_run(self, run_context):
        return tf1.train.SessionRunArgs(self._loss)

    def after_run(self, run_context, run_values):
        self._losses.append(run_values.results)
        if len(self._losses) == 100:
            print(f'mean loss of 100 steps: {sum(self._losses) / 100:.4f}')
            self._losses.clear()


class Tester(tf1.train.CheckpointSaverListener):
    """Prints the accuracy of each checkpoint as it is saved."""

    def __init__(self, accuracy: tf.Tensor):
        self._accuracy = accuracy

    def after_save(self, session, global_step_value):
        print(f'accuracy of checkpoint {global_step_value}: {session.run(self._accuracy):.4f}')


def train() -> None:
    """Builds the graph, and trains for the number of steps that the flags ask for."""
    tf1.set_random_seed(_SEED.value)
    data = load_data()
    step = tf1.train.get_or_create_global_step()
    batches = tf.data.Dataset.from_tensor_slices(data['train']).shuffle(2000, seed=_SEED.value)
    images, labels = tf1.data.make_one_shot_iterator(batches.repeat().batch(BATCH_SIZE)).get_next()
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=classify(images))
    )
    train_op = tf1.train.AdamOptimizer(LEARNING_RATE).minimize(loss, global_step=step)
    scaffold = estimator_ckpt.scaffold(_STYLE.value)
    saver_hook = tf1.train.CheckpointSaverHook(
        _MODEL_DIR.value,
        save_steps=_SAVE_STEPS.value,
        scaffold=scaffold,
        listeners=[Tester(accuracy_of(*data['test']))],
    )
    with tf1.train.MonitoredTrainingSession(
        checkpoint_dir=_MODEL_DIR.value,
        scaffold=scaffold,
        hooks=[LossLogger(loss), tf1.train.StopAtStepHook(num_steps=_TRAIN_STEPS.value)],
        chief_only_hooks=[saver_hook],
        save_checkpoint_steps=None,
        save_checkpoint_secs=None,
    ) as session:
        while not session.should_stop():
            session.run(train_op)


def test(path: str) -> None:
    """Prints what a checkpoint holds, which may be of any style."""
    with tf.Graph().as_default(), tf1.Session() as session:
        step = tf1.train.get_or_create_global_step()
        accuracy = accuracy_of(*load_data()['test'])
        estimator_ckpt.Saver().restore(session, path)
        print(f'step: {session.run(step)}')
        print(f'test accuracy: {session.run(accuracy):.4f}')
    print(f'latest checkpoint: {path}')


def main(_):
    tf.get_logger().setLevel('ERROR')
    with tf.Graph().as_default():
        train()
    test(tf.train.latest_checkpoint(_MODEL_DIR.value))


if __name__ == '__main__':
    app.run(main)
