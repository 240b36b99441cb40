"""A small model with everything a checkpoint must carry, for tests: slots, statistics, a partitioned variable."""

import contextlib
import dataclasses
import itertools
import pathlib
import random
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader

tf1 = tf.compat.v1
ROWS, FEATURES = 6, 3

# What TensorFlow 2.16 and newer lack.
needs_estimator = pytest.mark.skipif(not hasattr(tf, 'estimator'), reason='needs tf.estimator')
_IS_KERAS_2 = hasattr(tf1.keras.utils, 'track_tf1_style_variables')
needs_keras_2 = pytest.mark.skipif(not _IS_KERAS_2, reason='needs Keras 2')
needs_keras_3 = pytest.mark.skipif(_IS_KERAS_2, reason='needs Keras 3')


@dataclasses.dataclass
class Net:
    """The variables of the model and what it computes."""

    kernel: Any
    average: Any
    embedding: Any
    optimizer: Any
    step: Any
    predictions: Any
    loss: Any = None
    train_op: Any = None

    def checkpoint(self) -> tf.train.Checkpoint:
        """Reaches every variable, by other paths than their names."""
        return tf.train.Checkpoint(
            model={'kernel': self.kernel, 'embedding': list(self.embedding), 'average': self.average},
            optimizer=self.optimizer,
            step=self.step,
        )


def build_net(features: tf.Tensor, labels: tf.Tensor | None = None, optimizer: Any = None) -> Net:
    """Builds the model in the default graph; with labels, the training op too."""
    step = tf1.train.get_or_create_global_step()
    kernel = tf1.get_variable('dense/kernel', [FEATURES, 1], initializer=tf1.ones_initializer())
    average = tf1.get_variable(
        'dense/average', [FEATURES], initializer=tf1.zeros_initializer(), trainable=False
    )
    embedding = tf1.get_variable(
        'embedding',
        [10, 1],
        partitioner=tf1.fixed_size_partitioner(2),
        initializer=tf1.ones_initializer(),
    )
    optimizer = optimizer or tf1.train.AdamOptimizer(0.1)
    words = tf.cast(tf.abs(features[:, 0]) * 10, tf.int64) % 10
    predictions = tf.squeeze(
        tf.matmul(features - average, kernel) + tf.nn.embedding_lookup(embedding, words), 1
    )
    net = Net(kernel, average, embedding, optimizer, step, predictions)
    if labels is not None:
        net.loss = tf.reduce_mean((predictions - labels) ** 2)
        # The predictions read what is assigned here: the order makes every run give the same bits.
        with tf.control_dependencies([net.loss]):
            update = average.assign(0.9 * average + 0.1 * tf.reduce_mean(features, 0))
        with tf.control_dependencies([net.loss, update]):
            net.train_op = optimizer.minimize(net.loss, global_step=step)
    return net


MakeScaffold = Callable[[Net, Any], tf1.train.Scaffold | None]


def ours(style: str, with_checkpoint: bool = False, **kwargs: Any) -> MakeScaffold:
    """A scaffold of this package, with a `tf.train.Checkpoint` or the default object."""

    def make(net: Net, config: Any) -> tf1.train.Scaffold:
        checkpoint = net.checkpoint() if with_checkpoint else None
        return estimator_ckpt.scaffold(style, checkpoint, config=config, **kwargs)

    return make


def plain(net: Net, config: Any) -> None:
    """Estimator's own scaffold."""
    return None


def guides(net: Net, config: Any) -> tf1.train.Scaffold:
    """The scaffold of TensorFlow's guide."""
    return tf1.train.Scaffold(saver=net.checkpoint())


def batches(first: int = 0) -> Callable[[], tf.data.Dataset]:
    """An input_fn of distinct batches, the same in every process, from the batch `first` on."""

    def input_fn() -> tf.data.Dataset:
        random = np.random.RandomState(0)
        features = random.randn(100, ROWS, FEATURES).astype(np.float32)
        labels = random.randn(100, ROWS).astype(np.float32)
        return tf.data.Dataset.from_tensor_slices(({'x': features}, labels)).skip(first)

    return input_fn


def estimator(model_dir: Any, make_scaffold: MakeScaffold = plain, **config: Any) -> Any:
    """An Estimator of the model.

    Args:
      model_dir: Its directory.
      make_scaffold: Makes the scaffold from the model and the config.
      **config: For `RunConfig`.
    """

    def model_fn(features, labels, mode, config):
        net = build_net(features['x'], labels)
        kwargs = {}
        if labels is not None:
            kwargs = {
                'loss': net.loss,
                'train_op': net.train_op,
                'eval_metric_ops': {'mae': tf1.metrics.mean_absolute_error(labels, net.predictions)},
            }
        return tf.estimator.EstimatorSpec(
            mode, predictions={'y': net.predictions}, scaffold=make_scaffold(net, config), **kwargs
        )

    run_config = tf.estimator.RunConfig(tf_random_seed=1, **{'save_summary_steps': 1000, **config})
    return tf.estimator.Estimator(model_fn, str(model_dir), run_config)


MakeReplicatedScaffold = Callable[[tf.train.Checkpoint, Any], tf1.train.Scaffold | None]


def replicated_estimator(
    model_dir: Any,
    strategy: Any,
    make_scaffold: MakeReplicatedScaffold = lambda checkpoint, config: None,
    make_hooks: Callable[[tf.train.Checkpoint], dict[str, Any]] = lambda checkpoint: {},
    **config: Any,
) -> Any:
    """An Estimator that a strategy replicates, with a statistic that takes all replicas to be read.

    Args:
      model_dir: Its directory.
      strategy: A `tf.distribute.Strategy` for training and evaluation.
      make_scaffold: Makes the scaffold from the objects and the config.
      make_hooks: Makes arguments of EstimatorSpec from the objects.
      **config: For `RunConfig`.
    """

    def model_fn(features, labels, mode, config):
        step = tf1.train.get_or_create_global_step()
        kernel = tf1.get_variable('kernel', [FEATURES, 1], initializer=tf1.ones_initializer())
        total = tf1.get_variable(
            'total',
            [],
            initializer=tf1.zeros_initializer(),
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.SUM,
        )
        optimizer = tf1.train.AdamOptimizer(0.1)
        loss = tf.reduce_mean((tf.matmul(features['x'], kernel)[:, 0] - labels) ** 2)
        train_op = optimizer.minimize(loss, global_step=step)
        if mode == tf.estimator.ModeKeys.TRAIN:
            train_op = tf.group(train_op, total.assign_add(1.0))
        checkpoint = tf.train.Checkpoint(kernel=kernel, total=total, optimizer=optimizer, step=step)
        return tf.estimator.EstimatorSpec(
            mode,
            loss=loss,
            train_op=train_op,
            scaffold=make_scaffold(checkpoint, config),
            **make_hooks(checkpoint),
        )

    run_config = tf.estimator.RunConfig(
        tf_random_seed=1, train_distribute=strategy, eval_distribute=strategy, **config
    )
    return tf.estimator.Estimator(model_fn, str(model_dir), run_config)


def values(path: Any) -> dict[str, np.ndarray]:
    """Every variable of the model, as any style of checkpoint has it, by its name.

    It is restored into a fresh graph, by the object whose paths `Net.checkpoint` gives or by name.
    """
    with tf.Graph().as_default():
        net = build_net(tf.zeros([1, FEATURES]), tf.zeros([1]))
        saver = estimator_ckpt.Saver('tf1', net.checkpoint())
        with tf1.Session() as session:
            saver.restore(session, str(path))
            return {v.op.name: session.run(v) for v in tf1.global_variables()}


def values_by_name(path: Any, folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Every tensor of a checkpoint of any style by its TF1 name, of any model; it is converted into a folder."""
    estimator_ckpt.convert(path, folder / 'by_name', 'tf1')
    reader = BundleReader(str(folder / 'by_name'))
    return {key: reader.tensor(key) for key in sorted(reader.keys())}


def assert_same_bits(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Asserts that two sets of variables are the same, bit for bit."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert actual[name].dtype == value.dtype
        assert actual[name].tobytes() == value.tobytes(), name


def step_of(path: Any) -> int:
    """The global step that a checkpoint of any style holds."""
    return int(values(path)['global_step'])


def saved_names(directory: Any) -> list[str]:
    """The names of the checkpoints in a directory, local or not."""
    names = tf.io.gfile.listdir(str(directory))
    return sorted(name.removesuffix('.index') for name in names if name.endswith('.index'))


def saved_steps(directory: Any) -> list[int]:
    """The steps in the names of the checkpoints in a directory, local or not."""
    return sorted(int(name.rpartition('-')[2]) for name in saved_names(directory))


def keys_of(path: Any) -> set[str]:
    """The keys of a checkpoint, but for the object graph's."""
    return set(BundleReader(str(path)).keys()) - {'_CHECKPOINTABLE_OBJECT_GRAPH'}


def cluster(**tasks: int) -> tf.train.ClusterSpec:
    """A cluster on free ports of this machine."""
    held = {job: [_free_port() for _ in range(number)] for job, number in tasks.items()}
    addresses = {job: [f'localhost:{s.getsockname()[1]}' for s in sockets] for job, sockets in held.items()}
    for one in itertools.chain.from_iterable(held.values()):
        one.close()
    return tf.train.ClusterSpec(addresses)


def _free_port() -> socket.socket:
    # Below those that the system gives to whoever connects: a task may be started later, or again.
    while True:
        with contextlib.suppress(OSError):
            return socket.create_server(('localhost', random.SystemRandom().randrange(10_000, 30_000)))
