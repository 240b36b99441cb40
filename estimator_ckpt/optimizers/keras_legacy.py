"""The legacy optimizers of Keras, with the hyperparameters that they keep as variables."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class KerasLegacy:
    """An optimizer of `tf.keras.optimizers.legacy`.

    Attributes:
      name: The name of the class.
      hyperparameters: The defaults of the hyperparameters that are variables (`keras/optimizers/legacy/*.py`).
    """

    name: str
    hyperparameters: Mapping[str, float]


_COMMON = {'learning_rate': 0.001, 'decay': 0.0}

# The optimizers by family; see `estimator_ckpt.keys.slots`.
KERAS_LEGACY = {
    'sgd': KerasLegacy('SGD', {**_COMMON, 'learning_rate': 0.01, 'momentum': 0.0}),
    'adagrad': KerasLegacy('Adagrad', _COMMON),
    'adadelta': KerasLegacy('Adadelta', {**_COMMON, 'rho': 0.95}),
    'rmsprop': KerasLegacy('RMSprop', {**_COMMON, 'rho': 0.9, 'momentum': 0.0}),
    'adam': KerasLegacy('Adam', {**_COMMON, 'beta_1': 0.9, 'beta_2': 0.999}),
    'ftrl': KerasLegacy(
        'Ftrl',
        {
            **_COMMON,
            'learning_rate_power': -0.5,
            'l1_regularization_strength': 0.0,
            'l2_regularization_strength': 0.0,
            'beta': 0.0,
        },
    ),
}


def describe(optimizer: Any) -> tuple[str, dict[str, float]]:
    """Returns the class name and the hyperparameters of a Keras optimizer.

    Args:
      optimizer: The optimizer, its config, or the name of its class, which leaves the hyperparameters open.
    """
    if isinstance(optimizer, str):
        return optimizer, {}
    if isinstance(optimizer, Mapping):
        config = optimizer.get('config', optimizer)
        return optimizer.get('class_name') or config['name'], dict(config)
    return type(optimizer).__name__, dict(optimizer.get_config())
