"""Finds out whether the workers of a MultiWorkerMirroredStrategy see the same checkpoints.

Each of them restores for itself. Where they do not share a model_dir, one restores while another one initializes, which
takes all of them: they wait for each other for ever, or end with an error that speaks of a variable.
"""

import functools
import hashlib
import inspect
import socket

import numpy as np
import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import index_path, resolve
from estimator_ckpt.bundle.state import read_state

_STRATEGIES = (
    tf.distribute.MultiWorkerMirroredStrategy,
    tf.compat.v1.distribute.experimental.MultiWorkerMirroredStrategy,
)
# On the graph itself: a table of graphs would keep them alive, as these are tensors of theirs.
_VIEWS = '_estimator_ckpt_views'


class _Views:
    """What a graph's replicas tell each other: a number that stands for the checkpoint that a task sees."""

    def __init__(self):
        self.own: list[tf.Tensor] = []
        self.all: list[tf.Tensor] = []

    def exchange(self, session: tf.compat.v1.Session, number: int) -> list[int]:
        """The numbers of all replicas. It takes all tasks, and needs no variable."""
        return session.run(self.all[0], {placeholder: [number] for placeholder in self.own}).tolist()


def compare_before_restoring() -> None:
    """Makes the sessions of a multi-worker strategy's graph compare what its tasks see, before they restore it.

    It is called for each replica while its part of the graph is made, and adds two ops. Elsewhere it does nothing.
    """
    strategy, replica = tf.distribute.get_strategy(), tf.distribute.get_replica_context()
    if not isinstance(strategy, _STRATEGIES) or replica is None:
        return
    graph = tf.compat.v1.get_default_graph()
    views = getattr(graph, _VIEWS, None) or _Views()
    setattr(graph, _VIEWS, views)
    own = tf.compat.v1.placeholder(tf.int64, [1], 'seen_checkpoint')
    views.own.append(own)
    views.all.append(replica.all_gather(own, axis=0))
    manager = tf.compat.v1.train.SessionManager
    if not hasattr(manager.prepare_session, 'compares_checkpoints'):
        manager.prepare_session = _comparing(manager.prepare_session)


def _comparing(original):
    signature = inspect.signature(original)

    @functools.wraps(original)
    def prepare_session(self, *args, **kwargs):
        arguments = signature.bind(self, *args, **kwargs).arguments
        views, model_dir = getattr(self._graph, _VIEWS, None), arguments.get('checkpoint_dir')
        if views and model_dir:
            master, config = arguments['master'], arguments.get('config')
            with tf.compat.v1.Session(master, self._graph, config) as session:
                _compare(views, session, model_dir)
        return original(self, *args, **kwargs)

    prepare_session.compares_checkpoints = True
    return prepare_session


def _compare(views: _Views, session: tf.compat.v1.Session, model_dir: str) -> None:
    latest = _latest(model_dir)
    number = _number(latest)
    others = views.exchange(session, number)
    if others.count(number) != len(others):
        raise CheckpointError(
            f'The workers do not share the model_dir {model_dir}: this one, on {socket.gethostname()}, sees '
            f'{latest or "no checkpoint"} there, and {sum(other != number for other in others)} of {len(others)} '
            'replicas see something else. Give all tasks one directory that all of them can read.'
        )


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


def warn_unless_seen(model_dir: str) -> None:
    """Warns a task that does not see in its model_dir what the chief has long saved."""
    if read_state(model_dir) is None:
        tf.get_logger().warning(
            'The chief has saved checkpoints, but on %s there are none in %s. All tasks must share one model_dir, or '
            'training cannot be resumed.',
            socket.gethostname(),
            model_dir,
        )
