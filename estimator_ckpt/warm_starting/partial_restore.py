"""Restores some of a graph's variables by the restore ops of its saver, from whatever keys of a checkpoint."""

import collections
import dataclasses
import functools
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from estimator_ckpt.formats.source import TensorSource


@dataclasses.dataclass(frozen=True)
class Restoration:
    """An output of a `RestoreV2` op that is assigned to a variable, and the key and slice to read for it."""

    assignment: tf.Operation
    output: tf.Tensor
    key: str
    slice_spec: str = ''


def assignment_of(variable: Any) -> tuple[tf.Operation, tf.Tensor | None]:
    """An op that assigns its second input to a variable: a saver's with what it restores, else the initializer."""
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
    """Reads tensors where a saver would, in parallel and on the devices that hold the variables.

    The keys that a `RestoreV2` op reads are fed. It reads one for each of its outputs: for those that nobody asked for,
    the smallest tensor of their type.
    """

    def __init__(self, reader: TensorSource):
        self._reader = reader
        # For each op: one has an output for each of thousands of variables.
        self._can_read: dict[tf.Operation, bool] = {}

    @functools.cached_property
    def _smallest(self) -> dict[int, tuple[int, str]]:
        """The size and the key of the smallest tensor of each type."""
        smallest: dict[int, tuple[int, str]] = {}
        keys = self._reader.keys()
        for key in keys:
            entry = self._reader.entry(key)
            if not entry.slices:
                here = (entry.size, key)
                smallest[entry.dtype] = min(smallest.get(entry.dtype, here), here)
        return smallest

    def can(self, output: tf.Tensor) -> bool:
        """Whether the checkpoint has tensors of all types that the op of an output reads."""
        if output.op not in self._can_read:
            types = {dtype.as_datatype_enum for dtype in output.op.get_attr('dtypes')}
            self._can_read[output.op] = types <= self._smallest.keys()
        return self._can_read[output.op]

    def run(self, session: tf.compat.v1.Session, restorations: Iterable[Restoration]) -> None:
        """Restores, all at once."""
        by_op = collections.defaultdict(dict)
        assignments = []
        for one in restorations:
            by_op[one.output.op][one.output.value_index] = one
            assignments.append(one.assignment)
        feeds = {}
        for op, wanted in by_op.items():
            keys, slice_specs = [], []
            for number, dtype in enumerate(op.get_attr('dtypes')):
                one = wanted.get(number)
                keys.append(one.key if one else self._smallest[dtype.as_datatype_enum][1])
                slice_specs.append(one.slice_spec if one else '')
            feeds |= dict(zip(op.inputs, (self._reader.prefix, keys, slice_specs), strict=True))
        if assignments:
            session.run(assignments, feeds)
