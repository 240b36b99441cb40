"""The state that this package keeps for a graph: savers, listeners, and steps before a session is prepared."""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

_ATTRIBUTE = '_estimator_ckpt_state'
# A function of the arguments of `SessionManager.prepare_session` by name, which may be changed.
PreparingStep = Callable[[dict[str, Any]], None]


class SaveListener(Protocol):
    """A listener that is told of each checkpoint."""

    def saved(self, prefix: str, saver: Any) -> None:
        """Handles a new checkpoint.

        Args:
          prefix: The checkpoint, which is complete and announced.
          saver: The saver that wrote it.
        """


@dataclasses.dataclass
class GraphState:
    """The state of one graph.

    Attributes:
      savers: The savers of the graph's scaffolds; each replica of a strategy creates one.
      save_listeners: The listeners that are told of each announced checkpoint.
      preparing_steps: The functions that are called before a session of the graph is restored or initialized.
      shared_checkpoint_views: The object that compares the checkpoints of the replicas of a multi-worker strategy; None
        elsewhere.
    """

    savers: list[Any] = dataclasses.field(default_factory=list)
    save_listeners: list[SaveListener] = dataclasses.field(default_factory=list)
    preparing_steps: list[PreparingStep] = dataclasses.field(default_factory=list)
    shared_checkpoint_views: Any = None

    def tell_listeners(self, prefix: str, saver: Any) -> None:
        """Tells the listeners of a checkpoint.

        Args:
          prefix: The checkpoint, which is complete and announced.
          saver: The saver that wrote it.
        """
        for listener in self.save_listeners:
            listener.saved(prefix, saver)


def graph_state(graph: tf.Graph) -> GraphState:
    """Returns the state of a graph, which is initially empty.

    The state is an attribute of the graph, because it refers to tensors of the graph. A global table of states would
    keep all graphs alive.
    """
    state = getattr(graph, _ATTRIBUTE, None)
    if state is None:
        state = GraphState()
        setattr(graph, _ATTRIBUTE, state)
    return state
