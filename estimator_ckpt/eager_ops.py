"""Saving and restoring in eager mode, where no ops are built beforehand."""

from collections.abc import Sequence

import tensorflow as tf

from estimator_ckpt.bindings import Bindings
from estimator_ckpt.mapping import Location
from estimator_ckpt.styles import CheckpointStyle


def save_eagerly(bindings: Bindings, style: CheckpointStyle, prefix: str) -> None:
    """Writes the tensors of a style under a prefix."""
    rows = [(binding.location(style), binding.spec.tensor) for binding in bindings.items]
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=[location.key for location, _ in rows],
        shape_and_slices=[location.slice_spec for location, _ in rows],
        tensors=[tensor for _, tensor in rows],
    )


def restore_eagerly(bindings: Bindings, prefix: str, sources: Sequence[Location]) -> None:
    """Restores the tensors, each from its source in the checkpoint, in the order of `bindings.items`."""
    values = tf.raw_ops.RestoreV2(
        prefix=prefix,
        tensor_names=[location.key for location in sources],
        shape_and_slices=[location.slice_spec for location in sources],
        dtypes=[binding.target.dtype for binding in bindings.items],
    )
    by_spec = {id(binding.spec): value for binding, value in zip(bindings.items, values, strict=True)}
    for saveable in {id(b.saveable): b.saveable for b in bindings.items}.values():
        saveable.restore([by_spec[id(spec)] for spec in saveable.specs], None)
