"""Has something done whenever a session of a graph is about to be restored or initialized.

Only the session manager knows that moment, and whether there is a checkpoint: hooks come too late, since the one that
saves may come first.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf

# On the graph itself: a step can hold what belongs to its graph, which a table of graphs would keep alive for ever.
_STEPS = '_estimator_ckpt_preparing_steps'

Step = Callable[[dict[str, Any]], None]


def before_preparing(graph: tf.Graph, step: Step) -> None:
    """Calls `step` with the arguments of `SessionManager.prepare_session`, which it may change, before a graph's."""
    setattr(graph, _STEPS, [*getattr(graph, _STEPS, ()), step])
    manager = tf.compat.v1.train.SessionManager
    if not hasattr(manager.prepare_session, 'takes_steps'):
        manager.prepare_session = _taking_steps(manager.prepare_session)


def _taking_steps(original):
    signature = inspect.signature(original)

    @functools.wraps(original)
    def prepare_session(self, *args, **kwargs):
        arguments = signature.bind(self, *args, **kwargs).arguments
        for step in getattr(self._graph, _STEPS, ()):
            step(arguments)
        return original(**arguments)

    prepare_session.takes_steps = True
    return prepare_session
