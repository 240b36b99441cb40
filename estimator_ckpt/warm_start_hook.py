"""Warm starts for whatever has hooks but no scaffold of ours: canned estimators, `MonitoredSession`."""

import functools
import inspect

import tensorflow as tf

from estimator_ckpt.warm_starting import warm_start_session
from estimator_ckpt.warm_starts import WarmStart

# On the graph itself: a warm start can name variables of its graph, which a table of graphs would keep alive for ever.
_WARM_STARTS = '_estimator_ckpt_warm_starts'


class WarmStartHook(tf.compat.v1.train.SessionRunHook):
    """Gives variables the values of a checkpoint where a run starts without one of its own, on the chief.

    They have them before anything else sees them: the first checkpoint that the run saves holds them.
    """

    def __init__(self, warm_start: WarmStart):
        """Makes a hook for `estimator.train(hooks=[...])` or `MonitoredTrainingSession(hooks=[...])`.

        Args:
          warm_start: Which values; variables are called by their names.
        """
        if not isinstance(warm_start, WarmStart):
            raise TypeError(f'warm_start must be a WarmStart, not {warm_start!r}.')
        self._warm_start = warm_start

    def begin(self) -> None:
        """Asks for the warm start in the sessions of the default graph."""
        graph = tf.compat.v1.get_default_graph()
        setattr(graph, _WARM_STARTS, [*getattr(graph, _WARM_STARTS, ()), self._warm_start])
        _let_sessions_warm_start()


def _let_sessions_warm_start() -> None:
    """Makes the session manager, which knows whether a checkpoint was restored, warm start before anything is saved.

    Hooks come too late for that: the one that saves may come before.
    """
    manager = tf.compat.v1.train.SessionManager
    if not hasattr(manager.prepare_session, 'warm_starts'):
        manager.prepare_session = _warm_starting(manager.prepare_session)


def _warm_starting(original):
    signature = inspect.signature(original)

    @functools.wraps(original)
    def prepare_session(self, *args, **kwargs):
        asked = getattr(self._graph, _WARM_STARTS, ())
        if not asked:
            return original(self, *args, **kwargs)
        arguments = signature.bind(self, *args, **kwargs).arguments
        arguments['init_fn'] = _then_warm_start(arguments.get('init_fn'), asked)
        return original(**arguments)

    prepare_session.warm_starts = True
    return prepare_session


def _then_warm_start(init_fn, asked):
    def init(session):
        if init_fn is not None:
            init_fn(session)
        for warm_start in asked:
            warm_start_session(session, warm_start)

    return init
