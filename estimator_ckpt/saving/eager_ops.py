"""Saving and restoring in eager mode; does what `GraphOps` does, without a session."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from estimator_ckpt.bundle.entries import Location
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.program.bindings import Bindings


class EagerOps:
    """Runs the save and restore ops at once. The `session` of each method is None."""

    num_parts = 1

    def __init__(self, bindings: Bindings, style: CheckpointStyle):
        self.bindings = bindings
        self._style = style

    def save(self, session: None, prefixes: Sequence[str], values: Mapping[str, np.ndarray]) -> None:
        """Writes the only part under its prefix.

        Args:
          session: None.
          prefixes: The prefix.
          values: The extra values, by their keys.
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
        """Restores the tensors, each from its source in the checkpoint, in the order of `bindings.items`."""
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
        """Adds one to the program's own counter of saves and gives its value."""
        return int(self.bindings.save_counter.assign_add(1))

    def set_save_count(self, session: None, count: int) -> None:
        """Sets the program's own counter of saves."""
        self.bindings.save_counter.assign(count)
