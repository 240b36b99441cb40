"""Restores the variables of a program: finds the checkpoint and the source of each variable, and runs the ops."""

import os

import tensorflow as tf

from estimator_ckpt.bundle.checkpoint_state import read_state
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.paths import resolve_state_entry
from estimator_ckpt.common.gc_pause import paused_collector
from estimator_ckpt.formats.opening import find_checkpoint, find_source
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.object_graph import read_object_graph
from estimator_ckpt.mapping.locations import map_targets
from estimator_ckpt.program.keras_3 import naming_advice
from estimator_ckpt.program.log import logger
from estimator_ckpt.saving.eager_ops import EagerOps
from estimator_ckpt.saving.graph_ops import GraphOps


def find_checkpoint_to_restore(save_path: str, model_dir: str | None) -> str:
    """Returns the prefix of the checkpoint that a path stands for.

    Args:
      save_path: The path that the program gave, perhaps from the state file of a directory that was copied or moved.
      model_dir: The directory of that state file; None if it is not known.

    Raises:
      CheckpointNotFoundError: If there is no such checkpoint.
    """
    if model_dir is not None and _names(model_dir, save_path):
        place = find_checkpoint(model_dir, save_path)
        # If there is no checkpoint, `resolve_state_entry` raises an error that lists those that there are.
        return place or resolve_state_entry(model_dir, save_path)
    try:
        return find_source(save_path)
    except CheckpointNotFoundError as error:
        if model_dir is None:
            raise CheckpointNotFoundError(
                f'{error} If its directory was moved, pass model_dir= to the saver, or config= to the scaffold.'
            ) from error
        return resolve_state_entry(model_dir, os.path.basename(save_path))


def restore(ops: GraphOps | EagerOps, sess: tf.compat.v1.Session | None, reader: TensorSource) -> int:
    """Restores the variables and host values of a program.

    Args:
      ops: The restore ops of the program.
      sess: The session; None in eager mode.
      reader: The reader of the checkpoint.

    Returns:
      The value of the save counter of the checkpoint; 0 if the checkpoint has none.

    Raises:
      CheckpointNotFoundError: If a data file is missing.
      CorruptCheckpointError: If a file is damaged.
      CheckpointError: If the source is a file of another kind, such as Keras weights.
      MappingError: If a variable has no source, or one of another shape or data type. Nothing is restored then.
    """
    if not reader.is_read_by_tensorflow:
        raise CheckpointError(
            f'{reader.prefix} is not a checkpoint that a saver can restore: convert it first with '
            "estimator_ckpt.convert(path, prefix, 'tf1'), or start from it with WarmStart(path)."
        )
    reader.check_data_files()
    bindings = ops.bindings
    targets = [binding.target for binding in bindings.items]
    with paused_collector():
        reader.decode_all()
        source_graph = read_object_graph(reader)
        advice = '' if source_graph else naming_advice(binding.saveable.op for binding in bindings.items)
        sources = map_targets(targets, bindings.graph, reader, source_graph, advice)
    by_name = sum(location == target.by_name for target, location in zip(targets, sources, strict=True))
    logger().info(
        'Restoring parameters from %s: %d by name, %d by object',
        reader.prefix,
        by_name,
        len(sources) - by_name,
    )
    try:
        ops.restore(sess, reader.prefix, sources)
    except (tf.errors.DataLossError, tf.errors.OutOfRangeError):
        for location in sources:
            reader.tensor(location.key, verify=True)  # Raises an error with the key of the damaged tensor.
        raise
    matched = bindings.graph.match(source_graph) if source_graph and bindings.host_values else {}
    for value in bindings.host_values:
        if value.key in matched:
            value.set(reader.tensor(matched[value.key]))
    key = source_graph.child_key(object_keys.SAVE_COUNTER) if source_graph else None
    count = int(reader.tensor(key)) if key is not None and key in reader else 0
    if bindings.save_counter is not None:
        ops.set_save_count(sess, count)
    return count


def _names(directory: str, path: str) -> bool:
    """Returns True if the state file of a directory names a path."""
    try:
        state = read_state(directory)
    except CorruptCheckpointError:
        return False
    return state is not None and path in (state.latest, *state.all)
