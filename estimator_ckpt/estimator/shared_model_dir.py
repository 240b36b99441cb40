"""Checks that the workers of a MultiWorkerMirroredStrategy see the same checkpoints.

Each worker restores for itself. If they do not share a model_dir, some restore while others initialize, for which all
are needed: they wait for each other forever, or fail with an error about a variable.
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
    """Compares the checkpoints that the tasks of a graph's replicas see. Each is represented by a number."""

    def __init__(self, graph: tf.Graph):
        self._graph = graph
        self._own: list[tf.Tensor] = []
        self._all: tf.Tensor | None = None

    def add_replica(self, replica: tf.distribute.ReplicaContext) -> None:
        """Adds the ops of a replica to the graph."""
        self._own.append(tf.compat.v1.placeholder(tf.int64, [1], 'seen_checkpoint'))
        self._all = replica.all_gather(self._own[-1], axis=0)  # The results of all replicas are equal.

    def compare(self, arguments: dict[str, Any]) -> None:
        """Checks that all tasks see the same checkpoint.

        Args:
          arguments: The arguments of `SessionManager.prepare_session` by name.

        Raises:
          CheckpointError: If they do not.
        """
        model_dir = arguments.get('checkpoint_dir')
        if not model_dir:
            return
        latest = _latest(model_dir)
        number = _number(latest)
        # The op needs all tasks, but no variable.
        with tf.compat.v1.Session(arguments['master'], self._graph, arguments.get('config')) as session:
            numbers = session.run(self._all, {own: [number] for own in self._own}).tolist()
        if numbers.count(number) != len(numbers):
            raise CheckpointError(
                f'The workers do not share the model_dir {model_dir}: this one, on {socket.gethostname()}, sees '
                f'{latest or "no checkpoint"} there, and {sum(other != number for other in numbers)} of {len(numbers)} '
                'replicas see something else. Give all tasks one directory that all of them can read.'
            )


def compare_before_restoring() -> None:
    """Makes sessions of a multi-worker strategy compare the checkpoints that the tasks see, before they restore.

    Called for each replica while its part of the graph is built, and adds two ops. Does nothing elsewhere.
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
    """Returns a number for the contents of a checkpoint, from its index, which has checksums; 0 for no checkpoint."""
    if prefix is None:
        return 0
    digest = hashlib.sha256(files_for(prefix).read(index_path(prefix))).digest()
    return int(np.frombuffer(digest[:8], np.int64)[0])
