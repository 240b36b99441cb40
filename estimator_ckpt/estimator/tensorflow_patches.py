"""Every patch of a TensorFlow class that this package makes, each only when it is first needed.

* `SessionManager.prepare_session` calls the graph's preparing steps: warm starts of a `WarmStartHook`, and the
  comparison of what multi-worker tasks see. Only the session manager knows the moment before variables are restored or
  initialized, and whether there is a checkpoint; hooks come too late, since the one that saves may come first.
* `tf.compat.v1.train.Saver.save` tells the graph's listeners, for a `CheckpointMirrorHook` beside a saver that is not
  of this package. A hook of its own would miss the last checkpoint, which is saved when sessions end, before or after
  the hook's own end; listeners are refused by strategies of several workers.

Graphs that this package has nothing to do with are not affected by either.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_ckpt.program.graph_state import PreparingStep, SaveListener, graph_state
from estimator_ckpt.program.tensorflow_internals import graph_of

_MARK = '_estimator_ckpt_wrapper'


def wrap_once(cls: type, method: str, wrapper: Callable[..., Any]) -> None:
    """Replaces a method by a wrapper of it, unless that has been done.

    Args:
      cls: The class.
      method: The method's name.
      wrapper: Is called with the original and the call's `inspect.BoundArguments`, which it may change, and returns
        what the method is to return.
    """
    original = getattr(cls, method)
    if getattr(original, _MARK, None) is wrapper:
        return
    signature = inspect.signature(original)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return wrapper(original, signature.bind(*args, **kwargs))

    setattr(wrapped, _MARK, wrapper)
    setattr(cls, method, wrapped)


def before_preparing(graph: tf.Graph, step: PreparingStep) -> None:
    """Asks that a step be called before sessions of a graph are restored or initialized.

    Args:
      graph: The graph.
      step: Is called with the arguments of `SessionManager.prepare_session` by name, which it may change.
    """
    graph_state(graph).preparing_steps.append(step)
    wrap_once(tf.compat.v1.train.SessionManager, 'prepare_session', _prepare_session)


def _prepare_session(original: Callable[..., Any], call: inspect.BoundArguments) -> Any:
    for step in graph_state(graph_of(call.arguments['self'])).preparing_steps:
        step(call.arguments)
    return original(*call.args, **call.kwargs)


def after_saving(graph: tf.Graph, listener: SaveListener) -> None:
    """Asks that a listener be told of each checkpoint of a graph, whichever saver writes it.

    Args:
      graph: The graph.
      listener: The listener.
    """
    graph_state(graph).save_listeners.append(listener)
    wrap_once(tf.compat.v1.train.Saver, 'save', _save)


def _save(original: Callable[..., Any], call: inspect.BoundArguments) -> Any:
    prefix = original(*call.args, **call.kwargs)
    graph = getattr(call.arguments['sess'], 'graph', None)
    if prefix and graph is not None and call.arguments.get('write_state', True):
        graph_state(graph).tell_listeners(prefix, call.arguments['self'])
    return prefix
