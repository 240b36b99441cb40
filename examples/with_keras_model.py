r"""Trains a Keras model with tf.keras.estimator.model_to_estimator, saving the style of checkpoint you choose.

  python examples/with_keras_model.py --model_dir=digits_keras --checkpoint_style=both

Its flags are those of train_digits.py. checkpoint_format='checkpoint' keeps the model's own object paths, and
estimator_from_flags is the one line about checkpoints. Keras alone then restores what the Estimator has saved, and is
as accurate. A second run goes on where the first one stopped, also with another style.
"""

import os
import warnings

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
import train_digits  # noqa: E402
from digits import build_model  # noqa: E402
from digits_data import LEARNING_RATE, load_data  # noqa: E402

import estimator_ckpt  # noqa: E402

flags.adopt_module_key_flags(train_digits)


def build_compiled_model() -> keras.Model:
    """The classifier with an optimizer, a loss and a metric."""
    model = build_model()
    model.compile(
        keras.optimizers.legacy.Adam(LEARNING_RATE),  # The last kind that Estimator takes.
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy('accuracy')],
    )
    return model


def build_estimator() -> tf.estimator.Estimator:
    """The Estimator that the flags ask for."""
    # Estimators are deprecated, and so is what they use of Keras.
    tf.get_logger().setLevel('ERROR')
    warnings.filterwarnings('ignore', module='keras')
    estimator = tf.keras.estimator.model_to_estimator(
        build_compiled_model(), config=train_digits.run_config(), checkpoint_format='checkpoint'
    )
    return estimator_ckpt.flags.estimator_from_flags(estimator)


def accuracy_in_keras(path: str) -> float:
    """The test accuracy of a Keras model that restores an object-based checkpoint, without Estimator."""
    model = build_compiled_model()
    tf.train.Checkpoint(model).restore(path).assert_existing_objects_matched().expect_partial()
    return model.evaluate(*load_data()['test'], verbose=0, return_dict=True)['accuracy']


def main(_):
    estimator = build_estimator()
    train_digits.train(estimator, estimator_ckpt.flags.hooks_from_flags())
    if flags.FLAGS.checkpoint_style != estimator_ckpt.CheckpointStyle.TF1:
        print(f'test accuracy in Keras: {accuracy_in_keras(estimator.latest_checkpoint()):.4f}')


if __name__ == '__main__':
    app.run(main)
