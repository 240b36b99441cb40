"""A small regression that is trained by an optimizer of TF1 or of Keras, on the same batches."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

import estimator_ckpt

tf1 = tf.compat.v1
# Steps before the change, and after it.
STEPS = 5
RATE = 0.05


def batch(step: int) -> tuple[np.ndarray, np.ndarray]:
    """The batch of a step."""
    random = np.random.RandomState(step)
    features = random.randn(8, 3).astype(np.float32)
    return features, (features @ [[1.0], [-2.0], [0.5]] + 0.3).astype(np.float32)


def _loss(kernel: Any, bias: Any, step: int) -> tf.Tensor:
    features, labels = batch(step)
    return tf.reduce_mean((tf.matmul(features, kernel) + bias - labels) ** 2)


@dataclasses.dataclass(frozen=True)
class Crossing:
    """An optimizer of TF1 and what it becomes in Keras.

    Attributes:
      tf1: Makes TF1's.
      keras: The name of Keras's.
      options: Its arguments, but for the learning rate.
      tf1_slots: What TF1's names of slots end in.
      epsilon: Where the two add their epsilon, if that is not the same place.
    """

    tf1: Callable[[], Any]
    keras: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tf1_slots: tuple[str, ...] = ()
    epsilon: str = ''

    @property
    def hyperparameters(self) -> dict[str, float]:
        """Those that `convert` is told."""
        told = {name: value for name, value in self.options.items() if name not in ('nesterov', 'centered')}
        return {'learning_rate': RATE, **told}

    def make(self, generation: str) -> Any:
        """Keras's optimizer, `'legacy'` or `'new'`."""
        module = tf.keras.optimizers.legacy if generation == 'legacy' else tf.keras.optimizers
        return getattr(module, self.keras)(learning_rate=RATE, **self.options)


_ADAGRAD = 'Keras adds an `epsilon`, and TF1 none'
_RMSPROP = 'Keras legacy adds `epsilon` after the square root, the others before'
_WITH_EPSILON = {
    'Adagrad': lambda epsilon: Crossing(
        lambda: tf1.train.AdagradOptimizer(RATE), 'Adagrad', {'epsilon': epsilon}, ('Adagrad',), _ADAGRAD
    ),
    'Adadelta': lambda epsilon: Crossing(
        lambda: tf1.train.AdadeltaOptimizer(RATE, 0.95, epsilon),
        'Adadelta',
        {'rho': 0.95, 'epsilon': epsilon},
        ('Adadelta', 'Adadelta_1'),
    ),
    'RMSProp': lambda epsilon: Crossing(
        lambda: tf1.train.RMSPropOptimizer(RATE, 0.9, epsilon=epsilon),
        'RMSprop',
        {'rho': 0.9, 'epsilon': epsilon},
        ('RMSProp', 'RMSProp_1'),
        _RMSPROP,
    ),
    'RMSProp with momentum': lambda epsilon: Crossing(
        lambda: tf1.train.RMSPropOptimizer(RATE, 0.9, 0.8, epsilon),
        'RMSprop',
        {'rho': 0.9, 'momentum': 0.8, 'epsilon': epsilon},
        ('RMSProp', 'RMSProp_1'),
    ),
    'centered RMSProp': lambda epsilon: Crossing(
        lambda: tf1.train.RMSPropOptimizer(RATE, 0.9, 0.8, epsilon, centered=True),
        'RMSprop',
        {'rho': 0.9, 'momentum': 0.8, 'epsilon': epsilon, 'centered': True},
        ('RMSProp', 'RMSProp_1', 'RMSProp_2'),
    ),
    'Adam': lambda epsilon: Crossing(
        lambda: tf1.train.AdamOptimizer(RATE, 0.8, 0.95, epsilon),
        'Adam',
        {'beta_1': 0.8, 'beta_2': 0.95, 'epsilon': epsilon},
        ('Adam', 'Adam_1'),
    ),
}
CROSSINGS = {
    'GradientDescent': Crossing(lambda: tf1.train.GradientDescentOptimizer(RATE), 'SGD'),
    'Momentum': Crossing(
        lambda: tf1.train.MomentumOptimizer(RATE, 0.9), 'SGD', {'momentum': 0.9}, ('Momentum',)
    ),
    'Nesterov': Crossing(
        lambda: tf1.train.MomentumOptimizer(RATE, 0.9, use_nesterov=True),
        'SGD',
        {'momentum': 0.9, 'nesterov': True},
        ('Momentum',),
    ),
    **{name: make(1e-7) for name, make in _WITH_EPSILON.items()},
    'Ftrl': Crossing(
        lambda: tf1.train.FtrlOptimizer(
            RATE, l1_regularization_strength=0.01, l2_regularization_strength=0.02
        ),
        'Ftrl',
        {'l1_regularization_strength': 0.01, 'l2_regularization_strength': 0.02},
        ('Ftrl', 'Ftrl_1'),
    ),
}
# With an epsilon that is large enough to show where each side adds it.
LARGE_EPSILONS = {name: make(0.1) for name, make in _WITH_EPSILON.items()}


def train_tf1(
    crossing: Crossing,
    steps: range,
    path: Any = None,
    style: str = 'tf1',
    start: Any = None,
    first_step: int = 0,
) -> list[float]:
    """The losses of a run in TF1, which saves to `path`; `start(session)` is called before it trains."""
    with tf.Graph().as_default(), tf1.Session() as session:
        step = tf1.train.get_or_create_global_step()
        kernel = tf1.get_variable('dense/kernel', [3, 1], initializer=tf1.ones_initializer())
        bias = tf1.get_variable('dense/bias', [1], initializer=tf1.zeros_initializer())
        features, labels = tf1.placeholder(tf.float32, [8, 3]), tf1.placeholder(tf.float32, [8, 1])
        loss = tf.reduce_mean((tf.matmul(features, kernel) + bias - labels) ** 2)
        train_op = crossing.tf1().minimize(loss, global_step=step)
        saver = estimator_ckpt.Saver(style)
        session.run(tf1.global_variables_initializer())
        if first_step:
            session.run(step.assign(first_step))
        if start is not None:
            start(session)
        losses = []
        for number in steps:
            feeds = dict(zip((features, labels), batch(number), strict=True))
            losses.append(float(session.run(loss, feeds)))
            session.run(train_op, feeds)
        if path is not None:
            saver.save(session, str(path))
        return losses


class Net(tf.Module):
    """The same model with objects."""

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(tf.ones([3, 1]), name='net/kernel')
        self.bias = tf.Variable(tf.zeros([1]), name='net/bias')


RULES = {'dense/kernel': 'model/kernel', 'dense/bias': 'model/bias'}


def train_keras(net: Net, optimizer: Any, steps: range) -> list[float]:
    """The losses of a run in Keras."""
    losses = []
    for number in steps:
        with tf.GradientTape() as tape:
            loss = _loss(net.kernel, net.bias, number)
        variables = [net.kernel, net.bias]
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        losses.append(float(loss))
    return losses
