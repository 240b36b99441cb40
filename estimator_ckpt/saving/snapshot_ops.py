"""Ops that keep the values of one step inside the runtime, where they are, until they have been written."""

from collections.abc import Sequence

import tensorflow as tf


class SnapshotOps:
    """For each op that saves, one that keeps its tensors under a number, and one that saves what is kept.

    Keeping copies nothing: a variable that is written to while its value is kept gets new memory. Each device keeps
    what it saves, so the values of parameter servers do not travel.
    """

    def __init__(self, saves: Sequence[tf.Operation]):
        """Adds the ops to the default graph, on the devices of those that save.

        Args:
          saves: `SaveV2` ops.
        """
        self._key = tf.compat.v1.placeholder(tf.int64, [], 'snapshot_key')
        self._keeps, self._clears = [], []
        self._saves: list[tf.Operation] = []
        for op in saves:
            with tf.device(op.device):
                self._add(op)

    def _add(self, op: tf.Operation) -> None:
        names, slice_specs, *tensors = list(op.inputs)[1:]
        # A name that the next process has too, so that it can clear what this one leaves on a server.
        store = {
            'dtypes': [tensor.dtype.base_dtype for tensor in tensors],
            'shared_name': f'snapshot/{op.name}',
        }
        indices = tf.range(len(tensors))
        values = [_apart_from_variable(tensor) for tensor in tensors]
        self._keeps.append(tf.raw_ops.MapStage(key=self._key, indices=indices, values=values, **store))
        self._clears.append(tf.raw_ops.MapClear(**store))
        kept = tf.raw_ops.MapUnstage(key=self._key, indices=indices, **store)
        # The prefix is fed.
        save = tf.raw_ops.SaveV2(prefix='', tensor_names=names, shape_and_slices=slice_specs, tensors=kept)
        self._saves.append(save)

    def clear(self, session: tf.compat.v1.Session) -> None:
        """Frees what a process that died has left on a server."""
        session.run(self._clears)

    def keep(self, session: tf.compat.v1.Session, key: int) -> None:
        """Keeps the values that all tensors have now, under a number."""
        session.run(self._keeps, {self._key: key})

    def save(self, session: tf.compat.v1.Session, key: int, prefixes: Sequence[str]) -> None:
        """Writes what was kept under a number, each part under its prefix, and keeps it no longer."""
        feeds = {op.inputs[0]: prefix for op, prefix in zip(self._saves, prefixes, strict=True)}
        session.run(self._saves, {self._key: key, **feeds})


def _apart_from_variable(tensor: tf.Tensor) -> tf.Tensor:
    """A value that stays as it is: the memory of reference variables is written to in place."""
    source = tensor
    while source.op.type == 'Identity':
        source = source.op.inputs[0]
    in_place = source.dtype != source.dtype.base_dtype
    return tf.raw_ops.DeepCopy(x=tensor) if in_place else tensor
