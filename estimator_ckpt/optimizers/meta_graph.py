"""The hyperparameters of TF1 optimizers in the `.meta` graph beside a checkpoint, read without TensorFlow."""

import dataclasses
import math
import re
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.protos import declare

_messages = declare(
    'meta_graph',
    {
        'ConstantTensor': [
            (1, 'dtype', 'int32'),
            (4, 'tensor_content', 'bytes'),
            (5, 'float_val', 'repeated float'),
            (6, 'double_val', 'repeated double'),
        ],
        'ConstantValue': [(8, 'tensor', 'ConstantTensor')],
        'NodeAttribute': [(1, 'key', 'string'), (2, 'value', 'ConstantValue')],
        'GraphNode': [(1, 'name', 'string'), (2, 'op', 'string'), (5, 'attr', 'repeated NodeAttribute')],
        'Graph': [(1, 'node', 'repeated GraphNode')],
        'MetaGraph': [(2, 'graph_def', 'Graph')],
    },
)
_MetaGraph = _messages['MetaGraph']
_FLOATS: dict[int, np.dtype] = {1: np.dtype('<f4'), 2: np.dtype('<f8')}

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
    # The pattern of the shards of a V1 checkpoint is not a part of the graph's name.
    path, files = re.sub(r'-[?]{5}-of-\d{5}$', '', prefix) + '.meta', files_for(prefix)
    if not files.exists(path):
        return []
    try:
        nodes = _MetaGraph.FromString(files.read(path)).graph_def.node
    except DecodeError:
        return []
    by_scope: dict[str, GraphOptimizer] = {}
    for node in nodes:
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
            value = _number(node)
            if value is not None:
                optimizer = by_scope.setdefault('/'.join(scope), GraphOptimizer(name, {}))
                optimizer.hyperparameters[_CONSTANTS[name][constant]] = value


def _class_of(scope: str) -> str:
    """Returns the name of an optimizer, given its scope, which graphs number if there are several."""
    name, _, number = scope.rpartition('_')
    return name if number.isdigit() else scope


def _number(node: Any) -> float | None:
    """Returns the value of a constant as it was written in the program; None if it is not a single finite number."""
    tensor = next((attribute.value.tensor for attribute in node.attr if attribute.key == 'value'), None)
    dtype = None if tensor is None else _FLOATS.get(tensor.dtype)
    if tensor is None or dtype is None:
        return None
    values = list(tensor.float_val) or list(tensor.double_val)
    if not values and len(tensor.tensor_content) == dtype.itemsize:
        values = np.frombuffer(tensor.tensor_content, dtype).tolist()
    if len(values) != 1 or not math.isfinite(values[0]):
        return None
    return float(str(dtype.type(values[0])))
