"""What this package keeps of a graph: who saves it, who wants to hear of that, and what is to be done before."""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

_ATTRIBUTE = '_estimator_ckpt_state'
# Called with the arguments of `SessionManager.prepare_session`, which it may change.
PreparingStep = Callable[[dict[str, Any]], None]


class SaveListener(Protocol):
    """What wants to hear of checkpoints."""

    def saved(self, prefix: str, saver: Any) -> None:
        """Takes notice of a checkpoint.

        Args:
          prefix: The checkpoint, which is complete and announced.
          saver: The saver that wrote it.
        """


@dataclasses.dataclass
class GraphState:
    """The state of one graph.

    Attributes:
      savers: The savers of its scaffolds; each replica of a strategy makes one.
      save_listeners: Are told of each checkpoint that is announced.
      preparing_steps: Are called before a session of the graph is restored or initialized.
      shared_checkpoint_views: What the replicas of a multi-worker strategy compare, if there are any.
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
    """Returns the state of a graph, which is empty at first.

    It is kept on the graph itself: it holds tensors and objects of its graph, which a table of graphs would keep alive
    for ever.
    """
    state = getattr(graph, _ATTRIBUTE, None)
    if state is None:
        state = GraphState()
        setattr(graph, _ATTRIBUTE, state)
    return state
