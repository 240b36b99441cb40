"""Trains the model of `tests.testing.small_model` with `tf.estimator.train_and_evaluate`, as one task of a cluster."""

import os
import time

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf  # noqa: E402

import estimator_ckpt  # noqa: E402
from tests.testing import small_model  # noqa: E402

tf1 = tf.compat.v1
_MODEL_DIR = flags.DEFINE_string('model_dir', None, 'Directory of the checkpoints.', required=True)
_STYLE = flags.DEFINE_string('style', 'both', 'Style of the checkpoints.')
_STEPS = flags.DEFINE_integer('steps', 10**6, 'Step to stop at.')
_STOP_FILE = flags.DEFINE_string('stop_file', '', 'Training stops when this file is there.')
_ASYNC = flags.DEFINE_bool('async_checkpoints', False, 'Whether checkpoints are written in the background.')


class _SlowAndStopping(tf1.train.SessionRunHook):
    """Leaves a test the time to kill somebody, and stops when it says so."""

    def after_run(self, run_context, run_values):
        time.sleep(0.02)
        if os.path.exists(_STOP_FILE.value):
            run_context.request_stop()


def main(_):
    tf.get_logger().setLevel('INFO')
    estimator = small_model.estimator(
        _MODEL_DIR.value,
        small_model.ours(_STYLE.value, with_checkpoint=True),
        save_checkpoints_steps=20,
        keep_checkpoint_max=20,  # One that is being read is not yet deleted.
        experimental_max_worker_delay_secs=0,
    )
    hooks = [_SlowAndStopping()]
    if _ASYNC.value:  # Every task has the hook.
        hooks.append(estimator_ckpt.AsyncCheckpointSaverHook(_MODEL_DIR.value, save_steps=20))
    train_spec = tf.estimator.TrainSpec(small_model.batches(), _STEPS.value, hooks=hooks)
    eval_spec = tf.estimator.EvalSpec(small_model.batches(), steps=5, start_delay_secs=0, throttle_secs=0)
    tf.estimator.train_and_evaluate(estimator, train_spec, eval_spec)


if __name__ == '__main__':
    app.run(main)
