"""The nodes of the `.meta` graph beside a checkpoint, read without TensorFlow.

The messages are those of `tensorflow/core/protobuf/meta_graph.proto`, `tensorflow/core/framework/graph.proto` and
`function.proto`.
"""

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
        'AttributeValue': [(4, 'f', 'float'), (8, 'tensor', 'ConstantTensor')],
        'NodeAttribute': [(1, 'key', 'string'), (2, 'value', 'AttributeValue')],
        'GraphNode': [
            (1, 'name', 'string'),
            (2, 'op', 'string'),
            (3, 'input', 'repeated string'),
            (5, 'attr', 'repeated NodeAttribute'),
        ],
        'GraphSignature': [(1, 'name', 'string')],
        'GraphFunction': [(1, 'signature', 'GraphSignature'), (3, 'node_def', 'repeated GraphNode')],
        'GraphLibrary': [(1, 'function', 'repeated GraphFunction')],
        'Graph': [(1, 'node', 'repeated GraphNode'), (2, 'library', 'GraphLibrary')],
        'MetaGraph': [(2, 'graph_def', 'Graph')],
    },
)
_MetaGraph = _messages['MetaGraph']
_FLOATS: dict[int, np.dtype] = {1: np.dtype('<f4'), 2: np.dtype('<f8')}


def read_graph(prefix: str) -> Any:
    """Returns the graph beside a checkpoint, with its `node` and `library`; None if there is none that can be parsed.

    Args:
      prefix: The prefix of the checkpoint.
    """
    # The pattern of the shards of a V1 checkpoint is not a part of the graph's name.
    path, files = re.sub(r'-[?]{5}-of-\d{5}$', '', prefix) + '.meta', files_for(prefix)
    if not files.exists(path):
        return None
    try:
        return _MetaGraph.FromString(files.read(path)).graph_def
    except DecodeError:
        return None


def number_of(node: Any) -> float | None:
    """Returns the value of a constant as it was written in the program; None if it is not a single finite number.

    Args:
      node: The node of the constant.
    """
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
