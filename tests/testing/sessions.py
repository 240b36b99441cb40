"""Sessions that save often, and do nothing else beside."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

tf1 = tf.compat.v1


def saving_session(
    directory: Any, scaffold: tf1.train.Scaffold, hooks: Sequence[Any] = (), save_steps: int | None = 1
) -> tf1.train.MonitoredSession:
    """Returns a `MonitoredTrainingSession` without summaries and logs.

    Args:
      directory: The directory of the checkpoints.
      scaffold: The scaffold.
      hooks: The hooks.
      save_steps: The number of steps between checkpoints; None if a hook saves them.
    """
    return tf1.train.MonitoredTrainingSession(
        checkpoint_dir=str(directory),
        scaffold=scaffold,
        save_checkpoint_steps=save_steps,
        save_checkpoint_secs=None,
        save_summaries_steps=0,
        save_summaries_secs=0,
        log_step_count_steps=0,
        hooks=hooks,
    )
