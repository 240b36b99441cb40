"""Finds out whether the workers of a MultiWorkerMirroredStrategy see the same checkpoints.

Each of them restores for itself. Where they do not share a model_dir, one restores while another one initializes, which
takes all of them: they wait for each other for ever, or end with an error that speaks of a variable.
"""

import hashlib
import socket
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import index_path, resolve
from estimator_ckpt.estimator.tensorflow_patches import before_preparing
from estimator_ckpt.program.graph_state import graph_state

_STRATEGIES = (
    tf.distribute.MultiWorkerMirroredStrategy,
    tf.compat.v1.distribute.experimental.MultiWorkerMirroredStrategy,
)


class _Views:
    """What a graph's replicas tell each other: a number that stands for the checkpoint that a task sees."""

    def __init__(self, graph: tf.Graph):
        self._graph = graph
        self._own: list[tf.Tensor] = []
        self._all: tf.Tensor | None = None

    def add_replica(self, replica: tf.distribute.ReplicaContext) -> None:
        """Adds the ops of a replica to the graph."""
        self._own.append(tf.compat.v1.placeholder(tf.int64, [1], 'seen_checkpoint'))
        self._all = replica.all_gather(self._own[-1], axis=0)  # Any replica's will do.

    def compare(self, arguments: dict[str, Any]) -> None:
        """Raises where the tasks see different checkpoints; for the arguments of `prepare_session`."""
        model_dir = arguments.get('checkpoint_dir')
        if not model_dir:
            return
        latest = _latest(model_dir)
        number = _number(latest)
        # It takes all tasks, and needs no variable.
        with tf.compat.v1.Session(arguments['master'], self._graph, arguments.get('config')) as session:
            others = session.run(self._all, {own: [number] for own in self._own}).tolist()
        if others.count(number) != len(others):
            raise CheckpointError(
                f'The workers do not share the model_dir {model_dir}: this one, on {socket.gethostname()}, sees '
                f'{latest or "no checkpoint"} there, and {sum(other != number for other in others)} of {len(others)} '
                'replicas see something else. Give all tasks one directory that all of them can read.'
            )


def compare_before_restoring() -> None:
    """Makes the sessions of a multi-worker strategy's graph compare what its tasks see, before they restore it.

    It is called for each replica while its part of the graph is made, and adds two ops. Elsewhere it does nothing.
    """
    strategy, replica = tf.distribute.get_strategy(), tf.distribute.get_replica_context()
    if not isinstance(strategy, _STRATEGIES) or replica is None:
        return
    graph = tf.compat.v1.get_default_graph()
    state = graph_state(graph)
    if state.shared_checkpoint_views is None:
        state.shared_checkpoint_views = _Views(graph)
        before_preparing(graph, state.shared_checkpoint_views.compare)
    state.shared_checkpoint_views.add_replica(replica)


def _latest(model_dir: str) -> str | None:
    try:
        return resolve(model_dir)
    except CheckpointNotFoundError:
        return None


def _number(prefix: str | None) -> int:
    """Stands for a checkpoint's contents: its index has the checksums. 0 for none."""
    if prefix is None:
        return 0
    digest = hashlib.sha256(files_for(prefix).read(index_path(prefix))).digest()
    return int(np.frombuffer(digest[:8], np.int64)[0])
