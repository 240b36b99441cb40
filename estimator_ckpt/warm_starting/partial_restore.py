"""Restores some variables of a graph from any keys of a checkpoint, by the restore ops of a saver."""

import collections
import dataclasses
import functools
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from estimator_ckpt.formats.source import TensorSource


@dataclasses.dataclass(frozen=True)
class Restoration:
    """The restoration of a variable by an output of a `RestoreV2` op.

    Attributes:
      assignment: The op that assigns the output to the variable.
      output: The output.
      key: The key of the tensor to read.
      slice_spec: The slice to read; empty for the whole tensor.
    """

    assignment: tf.Operation
    output: tf.Tensor
    key: str
    slice_spec: str = ''


def assignment_of(variable: Any) -> tuple[tf.Operation, tf.Tensor | None]:
    """Returns an op that assigns its second input to a variable.

    It is an op of a saver, returned with the restored tensor; or else the initializer, returned with None.
    """
    initializer = variable.initializer
    for op in initializer.inputs[0].consumers():
        if op.type == initializer.type:
            value = op.inputs[1]
            while value.op.type == 'Identity':
                value = value.op.inputs[0]
            if value.op.type == 'RestoreV2':
                return op, value
    return initializer, None


class PartialRestore:
    """Reads tensors as a saver does: in parallel, and on the devices that hold the variables.

    The keys that a `RestoreV2` op reads are fed. The op needs one for each output; for outputs that are not used, it is
    that of the smallest tensor of the same data type.
    """

    def __init__(self, reader: TensorSource):
        self._reader = reader
        # Results are kept by op, since one op can have outputs for thousands of variables.
        self._can_read: dict[tf.Operation, bool] = {}

    @functools.cached_property
    def _smallest(self) -> dict[int, tuple[int, str]]:
        """The size and the key of the smallest tensor of each data type."""
        smallest: dict[int, tuple[int, str]] = {}
        keys = self._reader.keys()
        for key in keys:
            entry = self._reader.entry(key)
            if not entry.slices:
                candidate = (entry.size, key)
                smallest[entry.dtype] = min(smallest.get(entry.dtype, candidate), candidate)
        return smallest

    def can(self, output: tf.Tensor) -> bool:
        """Returns True if the checkpoint has tensors of all data types that the op of an output reads."""
        if output.op not in self._can_read:
            types = {dtype.as_datatype_enum for dtype in output.op.get_attr('dtypes')}
            self._can_read[output.op] = types <= self._smallest.keys()
        return self._can_read[output.op]

    def run(self, session: tf.compat.v1.Session, restorations: Iterable[Restoration]) -> None:
        """Restores variables, all in one call.

        Args:
          session: The session.
          restorations: The restorations of the variables.
        """
        by_op: dict[tf.Operation, dict[int, Restoration]] = collections.defaultdict(dict)
        assignments = []
        for restoration in restorations:
            by_op[restoration.output.op][restoration.output.value_index] = restoration
            assignments.append(restoration.assignment)
        feeds: dict[tf.Tensor, Any] = {}
        for op, wanted in by_op.items():
            keys, slice_specs = [], []
            for number, dtype in enumerate(op.get_attr('dtypes')):
                used = wanted.get(number)
                keys.append(used.key if used else self._smallest[dtype.as_datatype_enum][1])
                slice_specs.append(used.slice_spec if used else '')
            feeds |= dict(zip(op.inputs, (self._reader.prefix, keys, slice_specs), strict=True))
        if assignments:
            session.run(assignments, feeds)
