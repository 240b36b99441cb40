"""The hyperparameters of TF1 optimizers in the `.meta` graph beside a checkpoint."""

import dataclasses
from typing import Any

from estimator_ckpt.formats.meta_graph import number_of, read_graph

# Keras's names of the constants that `_prepare` creates in `tensorflow/python/training/*.py`, by TF1's names.
_RATE = {'learning_rate': 'learning_rate'}
_CONSTANTS = {
    'GradientDescent': _RATE,
    'Momentum': {**_RATE, 'momentum': 'momentum'},
    'Adagrad': _RATE,
    'Adadelta': {'lr': 'learning_rate', 'rho': 'rho', 'epsilon': 'epsilon'},
    'RMSProp': {**_RATE, 'decay': 'rho', 'momentum': 'momentum', 'epsilon': 'epsilon'},
    'Adam': {**_RATE, 'beta1': 'beta_1', 'beta2': 'beta_2', 'epsilon': 'epsilon'},
    'Ftrl': {
        **_RATE,
        'learning_rate_power': 'learning_rate_power',
        'l1_regularization_strength': 'l1_regularization_strength',
        # With a beta this is a sum, whose first constant is the strength.
        'adjusted_l2_regularization_strength': 'l2_regularization_strength',
        'add/x': 'l2_regularization_strength',
        'beta': 'beta',
    },
}


@dataclasses.dataclass
class GraphOptimizer:
    """An optimizer in a graph.

    Attributes:
      name: The name in TF1, which the names of slots end in.
      hyperparameters: The hyperparameters that are constants in the graph, by Keras's names. A learning rate with a
        schedule is not a constant.
    """

    name: str
    hyperparameters: dict[str, float]


def read_optimizers(prefix: str) -> list[GraphOptimizer]:
    """Returns the optimizers in the graph beside a checkpoint; none if there is no graph, or it cannot be parsed.

    Args:
      prefix: The prefix of the checkpoint.
    """
    graph = read_graph(prefix)
    by_scope: dict[str, GraphOptimizer] = {}
    for node in graph.node if graph is not None else ():
        if node.op == 'Const':
            _add_constant(node, by_scope)
    return list(by_scope.values())


def _add_constant(node: Any, by_scope: dict[str, GraphOptimizer]) -> None:
    """Adds the value of a constant to its optimizer, unless the constant belongs to none."""
    segments = node.name.split('/')
    for length in (1, 2):
        scope, constant = segments[:-length], '/'.join(segments[-length:])
        name = _class_of(scope[-1]) if scope else ''
        if constant in _CONSTANTS.get(name, {}):
            value = number_of(node)
            if value is not None:
                optimizer = by_scope.setdefault('/'.join(scope), GraphOptimizer(name, {}))
                optimizer.hyperparameters[_CONSTANTS[name][constant]] = value


def _class_of(scope: str) -> str:
    """Returns the name of an optimizer, given its scope, which graphs number if there are several."""
    name, _, number = scope.rpartition('_')
    return name if number.isdigit() else scope
