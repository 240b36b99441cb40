"""The save and restore ops of a graph, run with other file names and other keys than they were built with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_ckpt.mapping import Location


class SaveOps:
    """The `SaveV2` and `RestoreV2` ops that a saver's `build` adds to the graph.

    The names of the files and of the tensors are constants of the graph, and a constant can be fed: so one set of ops
    saves to a staging folder, and restores every style, on a finalized graph and through a gRPC server.
    """

    def __init__(self, graph: tf.Graph, build: Callable[[], object]):
        """Runs `build` in `graph` and notes which ops that adds."""
        before = len(graph.get_operations())
        build()
        added = graph.get_operations()[before:]
        self._saves = [op for op in added if op.type == 'SaveV2']
        self._restores = [(op, _baked_locations(op)) for op in added if op.type == 'RestoreV2']

    @property
    def num_parts(self) -> int:
        """How many sets of files one save writes: one per device of a sharded saver."""
        return len(self._saves)

    def save(self, session: tf.compat.v1.Session, prefixes: Sequence[str]) -> None:
        """Writes each part under its prefix."""
        feeds = {op.inputs[0]: prefix for op, prefix in zip(self._saves, prefixes, strict=True)}
        session.run(self._saves, feeds)

    def restore(
        self,
        session: tf.compat.v1.Session,
        restore_op: str,
        prefix: str,
        sources: Mapping[Location, Location],
    ) -> None:
        """Restores all tensors.

        Args:
          session: Of the ops' graph.
          restore_op: The name of the op that runs them all.
          prefix: The checkpoint.
          sources: For each location that the ops were built with, the one in this checkpoint.
        """
        feeds: dict[Any, Any] = {}
        for op, baked in self._restores:
            found = [sources[location] for location in baked]
            feeds[op.inputs[0]] = prefix
            if found != baked:
                feeds[op.inputs[1]] = [location.key for location in found]
                feeds[op.inputs[2]] = [location.slice_spec for location in found]
        session.run(restore_op, feeds)


def _baked_locations(op: tf.Operation) -> list[Location]:
    # Not tf.get_static_value, which forbids to feed what it has looked at.
    names, slice_specs = (tf.make_ndarray(tensor.op.get_attr('value')) for tensor in op.inputs[1:3])
    return [Location(name.decode(), spec.decode()) for name, spec in zip(names, slice_specs, strict=True)]
