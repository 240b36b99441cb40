"""Runs warm starts by a hook, for canned estimators and `MonitoredSession`s without a scaffold of this package."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from estimator_ckpt.estimator.tensorflow_patches import before_preparing
from estimator_ckpt.warm_starting.options import WarmStart, as_list
from estimator_ckpt.warm_starting.warm_start import warm_start_session


class WarmStartHook(tf.compat.v1.train.SessionRunHook):
    """Gives variables the values of a checkpoint if training starts without a checkpoint, on the chief.

    The values are assigned before any other hook runs, and are thus in the first checkpoint that is saved.
    """

    def __init__(self, warm_start: WarmStart | Sequence[WarmStart]):
        """Creates a hook for `estimator.train(hooks=[...])` or `MonitoredTrainingSession(hooks=[...])`.

        Args:
          warm_start: The options; a list to take values from several checkpoints. Rules must refer to variables by
            name.

        Raises:
          TypeError: If `warm_start` is not a `WarmStart` or a list of them.
        """
        self._warm_starts = as_list(warm_start)

    def begin(self) -> None:
        """Registers the warm start for sessions of the default graph."""
        before_preparing(tf.compat.v1.get_default_graph(), self._warm_start_after_init)

    def _warm_start_after_init(self, arguments: dict[str, Any]) -> None:
        init_fn = arguments.get('init_fn')

        def init(session: tf.compat.v1.Session) -> None:
            if init_fn is not None:
                init_fn(session)
            warm_start_session(session, self._warm_starts)

        arguments['init_fn'] = init
