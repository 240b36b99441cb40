"""Runs the save and restore ops of a graph with other file names and keys than they were built with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.program.bindings import Bindings
from estimator_ckpt.saving.snapshot_ops import SnapshotOps, save_op
from estimator_ckpt.saving.staging import extra_dtypes


class GraphOps:
    """The `SaveV2` and `RestoreV2` ops that TensorFlow's saver adds to the graph, and further ops beside them.

    The names of the files and of the tensors are constants of the graph, and constants can be fed. One set of ops thus
    saves to a staging folder and restores every style, also on a finalized graph and through a gRPC server.

    Attributes:
      bindings: The tensors that are saved and restored.
    """

    def __init__(self, bindings: Bindings, style: CheckpointStyle, add_ops: Callable[[], Any]):
        """Adds the ops to the default graph.

        Args:
          bindings: The tensors that are saved and restored.
          style: The style of the checkpoints that are written.
          add_ops: A function that adds the ops with the names of that style, and returns their `SaverDef`.
        """
        self.bindings = bindings
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        saver_def = add_ops()
        added = graph.get_operations()[before:]
        self._saves = [op for op in added if op.type == 'SaveV2']
        self._extras = {
            key: tf.compat.v1.placeholder(dtype, [], 'extra_value')
            for key, dtype in extra_dtypes(bindings, style).items()
        }
        self._full_saves = self._saves_with_extras()
        self._restores = [(op, _baked_locations(op)) for op in added if op.type == 'RestoreV2']
        self._restore_all = saver_def.restore_op_name if saver_def else None
        self._baked = [binding.location(style) for binding in bindings.items]
        self._initialize_dropped = tf.group(*(variable.initializer for variable in bindings.dropped))
        if bindings.save_counter is not None:
            self._count = bindings.save_counter.assign_add(1, read_value=True)

    @property
    def num_parts(self) -> int:
        """The number of sets of files that one save writes: one per device of a sharded saver."""
        return len(self._saves)

    def _saves_with_extras(self) -> list[tf.Operation]:
        """Returns save ops, of which the first also writes the extra values, so that these need no file."""
        if not self._extras or not self._saves:
            return self._saves
        first, *further_saves = self._saves
        _, names, slice_specs, *tensors = first.inputs
        with tf.device(first.device):
            return [save_op(names, slice_specs, tensors, self._extras), *further_saves]

    def save(
        self, session: tf.compat.v1.Session, prefixes: Sequence[str], values: Mapping[str, np.ndarray]
    ) -> None:
        """Writes each part under its prefix.

        Args:
          session: The session.
          prefixes: The prefixes of the parts.
          values: The extra values, by key.
        """
        feeds = {op.inputs[0]: prefix for op, prefix in zip(self._full_saves, prefixes, strict=True)}
        session.run(self._full_saves, feeds | {self._extras[key]: value for key, value in values.items()})

    def snapshot_ops(self) -> SnapshotOps:
        """Adds ops to the default graph that keep the values that a save writes, and returns them."""
        return SnapshotOps(self._saves, self._extras)

    def take_part(self, session: tf.compat.v1.Session) -> None:
        """Reads all variables without writing them. Under some strategies a read needs all workers."""
        reads = [tensor.op for op in self._saves for tensor in op.inputs[1:]]
        session.run([*reads, *([] if self.bindings.save_counter is None else [self._count])])

    def restore(self, session: tf.compat.v1.Session, prefix: str, sources: Sequence[Location]) -> None:
        """Restores the tensors.

        Args:
          session: The session.
          prefix: The prefix of the checkpoint.
          sources: The location of the source of each tensor, in the order of `bindings.items`.
        """
        source_of = dict(zip(self._baked, sources, strict=True))
        feeds: dict[Any, Any] = {}
        for op, baked in self._restores:
            locations = [source_of[location] for location in baked]
            feeds[op.inputs[0]] = prefix
            if locations != baked:
                feeds[op.inputs[1]] = [location.key for location in locations]
                feeds[op.inputs[2]] = [location.slice_spec for location in locations]
        session.run([self._restore_all, self._initialize_dropped], feeds)

    def count_save(self, session: tf.compat.v1.Session) -> int:
        """Increments the save counter of the program, and returns its value."""
        return int(session.run(self._count))

    def set_save_count(self, session: tf.compat.v1.Session, count: int) -> None:
        """Sets the save counter of the program.

        Args:
          session: The session.
          count: The number of saves.
        """
        self.bindings.save_counter.load(count, session)


def _baked_locations(op: tf.Operation) -> list[Location]:
    """Returns the locations that a `RestoreV2` op reads unless others are fed."""
    # tf.get_static_value would mark the tensors as unfeedable.
    names, slice_specs = (tf.make_ndarray(tensor.op.get_attr('value')) for tensor in op.inputs[1:3])
    return [Location(name.decode(), spec.decode()) for name, spec in zip(names, slice_specs, strict=True)]
