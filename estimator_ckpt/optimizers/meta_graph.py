"""What TF1's optimizers were set to, from the graph that a Saver writes beside a checkpoint. Without TensorFlow."""

import dataclasses
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
_FLOATS = {1: np.dtype('<f4'), 2: np.dtype('<f8')}

# What `_prepare` in `tensorflow/python/training/*.py` calls its constants, and what Keras calls them.
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
        # With a beta it is a sum, whose first constant is what is looked for.
        'adjusted_l2_regularization_strength': 'l2_regularization_strength',
        'add/x': 'l2_regularization_strength',
        'beta': 'beta',
    },
}


@dataclasses.dataclass
class GraphOptimizer:
    """An optimizer of a graph.

    Attributes:
      name: What TF1 calls it, which its slots' names end in.
      hyperparameters: Those that are constants in the graph, by Keras's names; a learning rate with a schedule is not.
    """

    name: str
    hyperparameters: dict[str, float]


def read_optimizers(prefix: str) -> list[GraphOptimizer]:
    """The optimizers in the graph beside a checkpoint; none if there is no graph, or it cannot be read."""
    # The pattern of the shards of a V1 checkpoint is no part of the name.
    path, files = re.sub(r'-[?]{5}-of-\d{5}$', '', prefix) + '.meta', files_for(prefix)
    if not files.exists(path):
        return []
    try:
        nodes = _MetaGraph.FromString(files.read(path)).graph_def.node
    except DecodeError:
        return []
    found: dict[str, GraphOptimizer] = {}
    for node in nodes:
        if node.op == 'Const':
            _note_constant(node, found)
    return list(found.values())


def _note_constant(node: Any, found: dict[str, GraphOptimizer]) -> None:
    """Adds a constant to the optimizer whose it is, if it is one's."""
    segments = node.name.split('/')
    for length in (1, 2):
        scope, constant = segments[:-length], '/'.join(segments[-length:])
        name = _class_of(scope[-1]) if scope else ''
        if constant in _CONSTANTS.get(name, {}):
            value = _number(node)
            if value is not None:
                optimizer = found.setdefault('/'.join(scope), GraphOptimizer(name, {}))
                optimizer.hyperparameters[_CONSTANTS[name][constant]] = value


def _class_of(scope: str) -> str:
    """The optimizer's name; a graph numbers scopes of the same name."""
    name, _, number = scope.rpartition('_')
    return name if number.isdigit() else scope


def _number(node: Any) -> float | None:
    """The value of a constant that is one number, as it was written in the program."""
    tensor = next((attribute.value.tensor for attribute in node.attr if attribute.key == 'value'), None)
    dtype = _FLOATS.get(tensor.dtype) if tensor else None
    if dtype is None:
        return None
    values = list(tensor.float_val) or list(tensor.double_val)
    if not values and len(tensor.tensor_content) == dtype.itemsize:
        values = np.frombuffer(tensor.tensor_content, dtype).tolist()
    return float(str(dtype.type(values[0]))) if len(values) == 1 else None
