"""Warm starts for whatever has hooks but no scaffold of ours: canned estimators, `MonitoredSession`."""

import functools
import inspect
import weakref

import tensorflow as tf

from estimator_ckpt.warm_starting import warm_start_session
from estimator_ckpt.warm_starts import WarmStart

_warm_starts: 'weakref.WeakKeyDictionary[tf.Graph, list[WarmStart]]' = weakref.WeakKeyDictionary()


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
        _warm_starts.setdefault(tf.compat.v1.get_default_graph(), []).append(self._warm_start)
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
        asked = _warm_starts.get(self._graph)
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
