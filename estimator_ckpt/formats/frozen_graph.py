"""Reads frozen graphs: a GraphDef, or the graph of a SavedModel, whose variables have become constants.

Nothing in a file says which constants were variables, and what their names were. Both are told from the names that
TensorFlow's freezing tools give, in the graph and in its functions:

* A constant was a variable if an `Identity` named `.../read` or `.../ReadVariableOp` reads it, or if it has such a name
  itself, or one with `/resource` behind it, or `.../embedding_lookup/NUMBER`. Its name without these endings is the
  name of the tensor; `convert_variables_to_constants_v2` keeps the name of the op that used the variable, not that of
  the variable (`model/dense/MatMul` for `dense/kernel`). Names that would be equal then stay as they are.
* In such a graph, constants of floating-point, complex or quantized numbers with at least one axis were variables too
  if they are looked up by a gather op or passed to a function. All others are left out: shapes, axes, epsilons.
* In a graph without such names, as `optimize_for_inference` leaves it, all constants of floating-point, complex or
  quantized numbers with at least one axis are taken for variables. Scalars and integers are left out.
* A graph with variables and without any such name is not frozen, and has no values.
"""

import collections
import math
import os
import re
from collections.abc import Iterable

import numpy as np

from estimator_ckpt.bundle import dtypes, tensors
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, damaged
from estimator_ckpt.formats import graph_files, v1_values
from estimator_ckpt.formats.array_file import ArrayEntry, ArrayFile
from estimator_ckpt.formats.graph_constants import Constant, GraphFile, Node
from estimator_ckpt.formats.random_access import check_booleans, read_array
from estimator_ckpt.formats.wire import WireError

_HEAD_SIZE = 4096
# No message of protobuf has more bytes, and no constant had when its graph was frozen.
_MAX_SIZE = 1 << 31
_READ = re.compile(r'(?:.*/)?(?:read|ReadVariableOp(?:_\d+)?)', re.DOTALL)
# What Grappler puts behind the name of an op that it has replaced by a constant.
_REPLACED = re.compile(r'/_\d+__cf__\d+$')
_ENDINGS = (
    re.compile(r'(.+)/Read/ReadVariableOp', re.DOTALL),
    re.compile(r'(.+)/ReadVariableOp(?:_\d+)?(?:/resource)?', re.DOTALL),
    re.compile(r'(.+)/(?:read|resource)', re.DOTALL),
    re.compile(r'(.+/embedding_lookup)/\d+', re.DOTALL),
)
_GATHERS = frozenset({'Gather', 'GatherV2', 'GatherNd'})
_CALLS = frozenset(
    [
        'PartitionedCall',
        'StatefulPartitionedCall',
        'While',
        'StatelessWhile',
        'If',
        'StatelessIf',
        'Case',
        'StatelessCase',
    ]
)
_VARIABLES = frozenset({'Variable', 'VariableV2', 'VarHandleOp', 'AutoReloadVariable'})
_WEIGHT_TYPES = frozenset(
    number
    for number in range(1, 64)
    if dtypes.name(number).startswith(('float', 'double', 'bfloat', 'half', 'complex', 'qint', 'quint'))
)


class FrozenGraph(ArrayFile):
    """A graph whose variables are constants; a `source.TensorSource`.

    The names, types and shapes are read at once, and values when they are requested. There are no checksums.
    """

    what = 'a frozen graph'

    def __init__(self, path: str | os.PathLike):
        """Opens a graph.

        Args:
          path: The path of a GraphDef or of `saved_model.pb`.

        Raises:
          CheckpointNotFoundError: If there is no such file, or the graph has no values of variables.
          CorruptCheckpointError: If the file is damaged.
        """
        super().__init__(path)
        head = self._files.read(self.prefix, 0, _HEAD_SIZE)
        is_saved_model = graph_files.is_saved_model(head, self._files.size(self.prefix))
        try:
            nodes = list(GraphFile(self._files, self.prefix).nodes(is_saved_model))
        except WireError as error:
            raise damaged(self.prefix, str(error)) from error
        self._constants: dict[str, Constant] = {}
        for key, constant in self._named(_variables(nodes)):
            if key in self._constants:
                raise damaged(self.prefix, f'the constant {key!r} is in it twice')
            self._constants[key] = constant
            self._entries[key] = ArrayEntry.of(constant.dtype, constant.shape)
        if not self._constants:
            raise CheckpointNotFoundError(
                f'{self.prefix} is a graph without the values of variables; name the checkpoint that belongs to it.'
            )

    def _named(self, variables: list[Node]) -> Iterable[tuple[str, Constant]]:
        """Returns the names of tensors and the tensors."""
        folded = [_folded(node.name) or node.name for node in variables]
        counts = collections.Counter(folded)
        names = [
            name if counts[name] == 1 else node.name for name, node in zip(folded, variables, strict=True)
        ]
        counts = collections.Counter(names)
        for name, node in zip(names, variables, strict=True):
            is_unique = counts[name] == 1 or not node.function
            constant = node.constant
            assert constant is not None
            yield name if is_unique else f'{node.function}/{node.name}', constant

    def _read(self, key: str, entry: ArrayEntry) -> np.ndarray:
        return self._range(key, entry.shape, 0, math.prod(entry.shape))

    def _read_rows(self, key: str, entry: ArrayEntry, start: int, stop: int) -> np.ndarray:
        row = math.prod(entry.shape[1:])
        return self._range(key, (stop - start, *entry.shape[1:]), start * row, stop * row)

    def _range(self, key: str, shape: tuple[int, ...], start: int, stop: int) -> np.ndarray:
        """Returns the elements between two positions of a flattened tensor, in their shape."""
        constant = self._constants[key]
        if constant.content is None:
            return self._listed(constant, start, stop).reshape(shape)
        if constant.dtype == dtypes.STRING:
            raise ValueError('its strings are not stored one by one')
        stored = dtypes.to_numpy(constant.dtype).newbyteorder('<')
        needed, content = math.prod(constant.shape) * stored.itemsize, constant.content
        if content.end - content.start != needed:
            raise ValueError(f'it has {content.end - content.start} bytes, and its shape takes {needed}')
        offset = content.start + start * stored.itemsize
        array = read_array(self._files, self.prefix, offset, shape, stored)
        return check_booleans(array.astype(stored.newbyteorder('='), copy=False))

    def _listed(self, constant: Constant, start: int, stop: int) -> np.ndarray:
        """Returns the elements between two positions, if values are stored one by one and the last one is repeated."""
        message, count = constant.message, math.prod(constant.shape)
        raw = memoryview(self._files.read(self.prefix, message.start, message.end - message.start))
        if len(raw) != message.end - message.start:
            raise ValueError('the file is too short')
        number = v1_values.count_values(raw, constant.dtype)
        if number > count:
            raise ValueError(f'it has {number} values, and its shape takes {count}')
        values = v1_values.decode(raw, constant.dtype, number)
        if number == count:
            return values[start:stop]
        if (stop - start) * values.itemsize > _MAX_SIZE:
            raise ValueError(
                f'it repeats a value {count - number:,} times, more than TensorFlow could have stored'
            )
        is_string = constant.dtype == dtypes.STRING
        filled = np.empty(stop - start, object) if is_string else tensors.empty((stop - start,), values.dtype)
        part = values[start:stop]
        filled[: len(part)] = part
        if len(part) < len(filled):
            filled[len(part) :] = values[-1] if number else (b'' if is_string else 0)
        return filled


def _variables(nodes: list[Node]) -> list[Node]:
    """Returns the constants that were variables."""
    constants = {(node.function, node.name): node for node in nodes if node.constant is not None}
    read: set[tuple[str, str]] = set()
    weights, used = read.copy(), read.copy()
    for key, node in constants.items():
        if _folded(node.name) is not None:
            read.add(key)
        if node.constant and node.constant.shape and node.constant.dtype in _WEIGHT_TYPES:
            weights.add(key)
    for node in nodes:
        if node.op == 'Identity' and _READ.fullmatch(node.name):
            read.update((node.function, name) for name in node.inputs[:1])
        elif node.op in _GATHERS:
            used.update((node.function, name) for name in node.inputs[:1])
        elif node.op in _CALLS:
            used.update((node.function, name) for name in node.inputs)
    read &= constants.keys()
    if read:
        weights = read | (weights & used)
    elif any(node.op in _VARIABLES for node in nodes):
        return []
    return [node for node in nodes if (node.function, node.name) in weights and node.constant is not None]


def _folded(name: str) -> str | None:
    """Returns the name of the variable that a constant was, if its own name ends like that of a read; else None."""
    name = _REPLACED.sub('', name)
    for ending in _ENDINGS:
        match = ending.fullmatch(name)
        if match:
            return match[1]
    return None
