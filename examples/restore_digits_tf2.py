r"""Restores what examples/train_digits.py has trained, in eager TF2 and without Estimator.

  python examples/restore_digits_tf2.py --model_dir=digits

It rebuilds the model in Keras, 2 or 3, restores the latest checkpoint with nothing but tf.train.Checkpoint, asserts
that all of it was consumed, the optimizer's state too, and prints the test accuracy.
"""

import os

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from digits import build_model  # noqa: E402
from digits_data import LEARNING_RATE, load_data  # noqa: E402

_MODEL_DIR = flags.DEFINE_string('model_dir', None, 'Directory of the checkpoints.', required=True)


def named_variables(model: keras.Model) -> dict[str, tf.Variable]:
    """The model's variables by the names that they had in TF1, such as `conv/kernel`."""
    variables = {}
    for layer in model.layers:
        for weight in layer.weights:
            name = weight.name.removesuffix(':0').split('/')[-1]
            # Keras 3 wraps the variable of TensorFlow.
            variables[f'{layer.name}/{name}'] = weight if isinstance(weight, tf.Variable) else weight.value
    return variables


def main(_):
    path = tf.train.latest_checkpoint(_MODEL_DIR.value)
    if path is None:
        raise app.UsageError(f'--model_dir: {_MODEL_DIR.value} holds no checkpoint.')
    model, step = build_model(), tf.Variable(0, dtype=tf.int64)
    variables = named_variables(model)
    # TF1's optimizer, which runs eagerly too, goes on with its own state; examples/to_keras3.py gives it to Keras's.
    optimizer = tf.compat.v1.train.AdamOptimizer(LEARNING_RATE)
    # A step without gradients creates the optimizer's variables.
    trainable = [v for v in variables.values() if v.trainable]
    optimizer.apply_gradients([(tf.zeros_like(v), v) for v in trainable])
    checkpoint = tf.train.Checkpoint(model=variables, optimizer=optimizer, step=step)
    checkpoint.restore(path).assert_consumed()

    images, labels = load_data()['test']
    accuracy = np.mean(np.argmax(model(images, training=False), axis=1) == labels)
    print(f'step: {int(step)}')
    print(f'test accuracy: {accuracy:.4f}')
    print(f'restored checkpoint: {path}')


if __name__ == '__main__':
    app.run(main)
