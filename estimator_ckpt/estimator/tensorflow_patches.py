"""Applies all patches of TensorFlow classes that this package needs, each when it is first needed.

* `SessionManager.prepare_session` calls the graph's preparing steps: warm starts of a `WarmStartHook`, and the
  comparison of the checkpoints that multi-worker tasks see. Only the session manager knows whether there is a
  checkpoint, and runs code before variables are restored or initialized. Hooks would run too late, since the hook that
  saves may come first.
* `tf.compat.v1.train.Saver.save` tells the graph's listeners, for a `CheckpointMirrorHook` with a saver that is not of
  this package. A hook without the patch would miss the last checkpoint, which may be saved after the hook's `end`.
  Multi-worker strategies do not allow `CheckpointSaverListener`s.

Graphs without preparing steps or listeners are not affected.
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
    """Replaces a method by a wrapper, once.

    Args:
      cls: The class.
      method: The name of the method.
      wrapper: A function of the original method and the `inspect.BoundArguments` of a call, which it may change. It
        returns the result of the call.
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
    """Registers a step that is called before sessions of a graph are restored or initialized.

    Args:
      graph: The graph.
      step: A function of the arguments of `SessionManager.prepare_session` by name, which it may change.
    """
    graph_state(graph).preparing_steps.append(step)
    wrap_once(tf.compat.v1.train.SessionManager, 'prepare_session', _prepare_session)


def _prepare_session(original: Callable[..., Any], call: inspect.BoundArguments) -> Any:
    for step in graph_state(graph_of(call.arguments['self'])).preparing_steps:
        step(call.arguments)
    return original(*call.args, **call.kwargs)


def after_saving(graph: tf.Graph, listener: SaveListener) -> None:
    """Registers a listener that is told of each checkpoint of a graph, whichever saver writes it.

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
