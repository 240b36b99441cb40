"""Ops that keep the values of one step in the runtime, on their devices, until they are written."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf


class SnapshotOps:
    """For each save op, an op that keeps its tensors under a number, and an op that saves the kept tensors.

    Keeping copies nothing: a variable that is assigned to while its value is kept gets new memory. Each device keeps
    the values that it saves, so that the values of parameter servers are not transferred.
    """

    def __init__(self, saves: Sequence[tf.Operation], extras: Mapping[str, tf.Tensor]):
        """Adds the ops to the default graph, on the devices of the save ops.

        Args:
          saves: `SaveV2` ops.
          extras: Placeholders of further values, by key, which the first op also writes.
        """
        self._extras = extras
        self._key = tf.compat.v1.placeholder(tf.int64, [], 'snapshot_key')
        self._keeps: list[tf.Operation] = []
        self._clears: list[tf.Operation] = []
        self._saves: list[tf.Operation] = []
        for op in saves:
            with tf.device(op.device):
                self._add(op)

    def _add(self, op: tf.Operation) -> None:
        names, slice_specs, *tensors = list(op.inputs)[1:]
        # The name is the same in the next process, which can thus clear values that this one leaves on a server.
        store = {
            'dtypes': [tensor.dtype.base_dtype for tensor in tensors],
            'shared_name': f'snapshot/{op.name}',
        }
        indices = tf.range(len(tensors))
        values = [_apart_from_variable(tensor) for tensor in tensors]
        self._keeps.append(tf.raw_ops.MapStage(key=self._key, indices=indices, values=values, **store))
        self._clears.append(tf.raw_ops.MapClear(**store))
        kept = tf.raw_ops.MapUnstage(key=self._key, indices=indices, **store)
        self._saves.append(save_op(names, slice_specs, kept, {} if self._saves else self._extras))

    def clear(self, session: tf.compat.v1.Session) -> None:
        """Frees values that a process that died has left on a server."""
        session.run(self._clears)

    def keep(self, session: tf.compat.v1.Session, key: int) -> None:
        """Keeps the current values of all tensors under a number.

        Args:
          session: The session.
          key: The number.
        """
        session.run(self._keeps, {self._key: key})

    def save(
        self,
        session: tf.compat.v1.Session,
        key: int,
        prefixes: Sequence[str],
        values: Mapping[str, np.ndarray],
    ) -> None:
        """Writes the values kept under a number, and frees them.

        Args:
          session: The session.
          key: The number.
          prefixes: The prefixes of the parts.
          values: The extra values, by key.
        """
        feeds = {op.inputs[0]: prefix for op, prefix in zip(self._saves, prefixes, strict=True)}
        feeds |= {self._extras[name]: value for name, value in values.items()}
        session.run(self._saves, {self._key: key, **feeds})


def save_op(
    names: tf.Tensor, slice_specs: tf.Tensor, tensors: Sequence[tf.Tensor], extras: Mapping[str, tf.Tensor]
) -> tf.Operation:
    """Adds a `SaveV2` op whose prefix is to be fed, and returns it.

    Args:
      names: The keys of the tensors, as a constant.
      slice_specs: The slice specs of the tensors, as a constant.
      tensors: The tensors.
      extras: Further tensors, by key.
    """
    if extras:
        names = tf.concat([names, list(extras)], axis=0)
        slice_specs = tf.concat([slice_specs, [''] * len(extras)], axis=0)
    return tf.raw_ops.SaveV2(
        prefix='',
        tensor_names=names,
        shape_and_slices=slice_specs,
        tensors=[*tensors, *extras.values()],
    )


def _apart_from_variable(tensor: tf.Tensor) -> tf.Tensor:
    """Returns a value that later assignments do not change. Those to reference variables are made in place."""
    source = tensor
    while source.op.type == 'Identity':
        source = source.op.inputs[0]
    in_place = source.dtype != source.dtype.base_dtype
    return tf.raw_ops.DeepCopy(x=tensor) if in_place else tensor
