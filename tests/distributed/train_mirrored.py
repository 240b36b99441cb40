"""What each worker of a MultiWorkerMirroredStrategy runs."""

import os

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf  # noqa: E402

import estimator_ckpt  # noqa: E402
from tests.testing import small_model  # noqa: E402

_MODEL_DIR = flags.DEFINE_string('model_dir', None, 'Directory of the checkpoints.', required=True)
_STYLE = flags.DEFINE_string('style', 'both', "Style of the checkpoints; empty for Estimator's own scaffold.")
_STEPS = flags.DEFINE_integer('steps', 10, 'Step to stop at.')
_ASYNC = flags.DEFINE_bool('async_checkpoints', False, 'Whether checkpoints are written in the background.')
_OWN_DIR = flags.DEFINE_bool(
    'own_dir', False, 'Whether each task has a directory of its own, as it must not.'
)


def main(_):
    tf.get_logger().setLevel('INFO')
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    model_dir = _MODEL_DIR.value
    if _OWN_DIR.value:
        model_dir += strategy.cluster_resolver.task_type

    def make_scaffold(checkpoint, config):
        return estimator_ckpt.scaffold(_STYLE.value, checkpoint, config=config) if _STYLE.value else None

    def make_hooks(checkpoint):
        # In training_hooks, those of every task: all of them must read what is saved.
        hooks = [estimator_ckpt.CheckpointMirrorHook(f'{model_dir}_mirror', 'both', checkpoint)]
        if _ASYNC.value:
            hooks.append(estimator_ckpt.AsyncCheckpointSaverHook(model_dir, save_steps=5))
        return {'training_hooks': hooks}

    saving = {'save_checkpoints_steps': 5}
    if _ASYNC.value:
        saving = {'save_checkpoints_steps': None, 'save_checkpoints_secs': None}
    estimator = small_model.replicated_estimator(
        model_dir, strategy, make_scaffold, make_hooks, keep_checkpoint_max=2, **saving
    )
    # The same batch in every step, so that a run that goes on sees what one without a break does.
    train_spec = tf.estimator.TrainSpec(lambda: small_model.batches()().take(2).repeat(), _STEPS.value)
    eval_spec = tf.estimator.EvalSpec(small_model.batches(), steps=2, start_delay_secs=0, throttle_secs=0)
    tf.estimator.train_and_evaluate(estimator, train_spec, eval_spec)


if __name__ == '__main__':
    app.run(main)
