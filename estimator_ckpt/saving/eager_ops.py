"""Saves and restores in eager mode: the counterpart of `GraphOps` without a session."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.program.bindings import Bindings


class EagerOps:
    """Runs save and restore ops at once. The `session` of each method is None.

    Attributes:
      bindings: The tensors that are saved and restored.
    """

    num_parts = 1

    def __init__(self, bindings: Bindings, style: CheckpointStyle):
        """Creates the ops.

        Args:
          bindings: The tensors that are saved and restored.
          style: The style of the checkpoints that are written.
        """
        self.bindings = bindings
        self._style = style

    def save(self, session: None, prefixes: Sequence[str], values: Mapping[str, np.ndarray]) -> None:
        """Writes the only part under its prefix.

        Args:
          session: None.
          prefixes: The prefix of the part, in a sequence.
          values: The extra values, by key.
        """
        rows = [(binding.location(self._style), binding.spec.tensor) for binding in self.bindings.items]
        rows += [(Location(key), tf.constant(value)) for key, value in values.items()]
        tf.raw_ops.SaveV2(
            prefix=prefixes[0],
            tensor_names=[location.key for location, _ in rows],
            shape_and_slices=[location.slice_spec for location, _ in rows],
            tensors=[tensor for _, tensor in rows],
        )

    def restore(self, session: None, prefix: str, sources: Sequence[Location]) -> None:
        """Restores the tensors.

        Args:
          session: None.
          prefix: The prefix of the checkpoint.
          sources: The location of the source of each tensor, in the order of `bindings.items`.
        """
        items = self.bindings.items
        values = tf.raw_ops.RestoreV2(
            prefix=prefix,
            tensor_names=[location.key for location in sources],
            shape_and_slices=[location.slice_spec for location in sources],
            dtypes=[binding.target.dtype for binding in items],
        )
        by_spec = {id(binding.spec): value for binding, value in zip(items, values, strict=True)}
        for saveable in {id(binding.saveable): binding.saveable for binding in items}.values():
            saveable.restore([by_spec[id(spec)] for spec in saveable.specs], None)

    def count_save(self, session: None) -> int:
        """Increments the save counter of the program, and returns its value."""
        return int(self.bindings.save_counter.assign_add(1))

    def set_save_count(self, session: None, count: int) -> None:
        """Sets the save counter of the program.

        Args:
          session: None.
          count: The number of saves.
        """
        self.bindings.save_counter.assign(count)
