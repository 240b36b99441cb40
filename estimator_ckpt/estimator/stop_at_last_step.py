"""Stops a run that is at its last step before it takes another one.

`Estimator.train(max_steps=...)` reads the step of a finished run from the key `global_step`, which an object-based
checkpoint does not have; it then starts to train, and `StopAtStepHook` looks at the step only after a step was taken.
Here the hook looks once more as soon as the session is restored, in graphs whose scaffold is ours.
"""

import functools
import weakref

import tensorflow as tf

_graphs: 'weakref.WeakSet[tf.Graph]' = weakref.WeakSet()


def stop_before_first_step(graph: tf.Graph) -> None:
    """Makes `StopAtStepHook`s stop a session of this graph that starts at or beyond their last step."""
    _graphs.add(graph)
    hook = tf.compat.v1.train.StopAtStepHook
    if not hasattr(hook.after_create_session, 'stops_finished_runs'):
        hook.after_create_session = _stopping(hook.after_create_session)


def _stopping(original):
    @functools.wraps(original)
    def after_create_session(self, session, coord):
        original(self, session, coord)
        if session.graph in _graphs and session.run(self._global_step_tensor) >= self._last_step:
            coord.request_stop()

    after_create_session.stops_finished_runs = True
    return after_create_session
