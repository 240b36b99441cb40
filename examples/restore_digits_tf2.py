r"""Restores what examples/train_digits.py has trained, in eager TF2 and without Estimator.

  python examples/restore_digits_tf2.py --model_dir=digits

It rebuilds the model in Keras, restores the latest checkpoint with nothing but tf.train.Checkpoint, asserts that all of
it was consumed, the optimizer's state too, and prints the test accuracy.
"""

import os

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from digits import build_model, build_optimizer  # noqa: E402
from digits_data import load_data  # noqa: E402

_MODEL_DIR = flags.DEFINE_string('model_dir', None, 'Directory of the checkpoints.', required=True)


def main(_):
    path = tf.train.latest_checkpoint(_MODEL_DIR.value)
    if path is None:
        raise app.UsageError(f'--model_dir: {_MODEL_DIR.value} holds no checkpoint.')
    model = build_model()
    optimizer = build_optimizer()
    step = tf.Variable(0, dtype=tf.int64)
    optimizer.iterations = step
    # Creates the slot variables, which TF2 otherwise does at the first step.
    optimizer._create_all_weights(model.trainable_variables)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, step=step)
    checkpoint.restore(path).assert_consumed()

    images, labels = load_data()['test']
    accuracy = np.mean(np.argmax(model(images, training=False), axis=1) == labels)
    print(f'step: {int(step)}')
    print(f'test accuracy: {accuracy:.4f}')
    print(f'restored checkpoint: {path}')


if __name__ == '__main__':
    app.run(main)
