"""BERT's optimizer for TF1, as its `optimization.py` has it."""

import re
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tests.optimizers.training import RATE, Crossing

tf1 = tf.compat.v1


class AdamWeightDecayOptimizer(tf1.train.Optimizer):
    """Adam that does not correct the bias of its averages, with weight decay that is no part of the loss."""

    def __init__(
        self,
        learning_rate: float,
        weight_decay_rate: float = 0.0,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
        exclude_from_weight_decay: Sequence[str] = ('LayerNorm', 'layer_norm', 'bias'),
    ):
        super().__init__(False, 'AdamWeightDecayOptimizer')
        self._rate, self._decay, self._epsilon = learning_rate, weight_decay_rate, epsilon
        self._beta_1, self._beta_2 = beta_1, beta_2
        self._excluded = exclude_from_weight_decay

    def apply_gradients(self, grads_and_vars: Any, global_step: Any = None, name: Any = None) -> tf.Operation:
        """Updates the variables, and counts the step, which BERT does in `create_optimizer`."""
        operations = [] if global_step is None else [tf1.assign_add(global_step, 1)]
        for gradient, variable in grads_and_vars:
            name = variable.op.name
            m, v = (
                tf1.get_variable(
                    f'{name}/{slot}', variable.shape, trainable=False, initializer=tf1.zeros_initializer()
                )
                for slot in ('adam_m', 'adam_v')
            )
            next_m = self._beta_1 * m + (1.0 - self._beta_1) * gradient
            next_v = self._beta_2 * v + (1.0 - self._beta_2) * tf.square(gradient)
            update = next_m / (tf.sqrt(next_v) + self._epsilon)
            if not any(re.search(pattern, name) for pattern in self._excluded):
                update += self._decay * variable
            operations += [
                variable.assign(variable - self._rate * update),
                m.assign(next_m),
                v.assign(next_v),
            ]
        return tf.group(*operations, name=name)


# Where the correction of Keras differs from 1 by 0.95 ** 400 / 2 < 1e-9.
LATE = 400
BETAS = {'beta_1': 0.8, 'beta_2': 0.95, 'epsilon': 1e-6}


class _AdamWCrossing(Crossing):
    def make(self, generation: str) -> Any:
        optimizer = super().make(generation)
        optimizer.exclude_from_weight_decay(var_names=['bias'])
        return optimizer


CROSSING = _AdamWCrossing(
    lambda: AdamWeightDecayOptimizer(RATE, 0.01, **BETAS),
    'AdamW',
    {**BETAS, 'weight_decay': 0.01},
    ('adam_m', 'adam_v'),
)
WITHOUT_DECAY = Crossing(
    lambda: AdamWeightDecayOptimizer(RATE, 0.0, **BETAS), 'Adam', BETAS, ('adam_m', 'adam_v')
)
