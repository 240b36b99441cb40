"""Reads the tensors of a target: of a checkpoint, or of the objects of a program."""

import os
from typing import Any

from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets, TargetTensor


def read_target(target: Any, with_slots: bool = False, source: Source | None = None) -> Targets:
    """Returns the tensors of a checkpoint on disk, or of the objects of a program.

    Args:
      target: The path of a checkpoint, or objects that hold variables.
      with_slots: Whether to determine the contents of the slots of objects. This builds optimizers that are not built.
      source: A checkpoint that has been read already, and whose tensors the target may have too; None for none.

    Raises:
      CheckpointError: If the checkpoint cannot be read.
      TypeError: If `target` is neither a path nor an object that holds variables.
    """
    if isinstance(target, (str, os.PathLike)):
        return of_contents(Contents(target), source)
    # Only objects need TensorFlow.
    from estimator_ckpt.program import optimizer_slots, targets
    from estimator_ckpt.program.tensorflow_internals import root_of

    if not with_slots:
        return targets.of_objects(target)
    root = root_of(targets.as_checkpoint(target))
    return targets.of_objects(target, optimizer_slots.live_slots(root, None))


def of_contents(contents: Contents, like: Source | None = None) -> Targets:
    """Returns the tensors of a checkpoint.

    Args:
      contents: The checkpoint.
      like: A checkpoint that has been read already. If it has the same tensors, these are not worked out again.
    """
    reader = contents.reader
    same = like if like is not None and contents.has_meanings_of(like.contents) else None
    source = Source(contents, same.tensors) if same else Source.read(contents)
    # The learning rates are values, which may differ.
    has_states_of = same if same and same.learning_rates == source.learning_rates else source
    states, types_and_shapes, read = has_states_of.slot_states, reader.types_and_shapes(), reader.tensor
    wanted = [
        TargetTensor(tensor, shape, dtype, True, None, states.get(tensor.key), read)
        for tensor in source.tensors
        for dtype, shape in (types_and_shapes[tensor.key],)
    ]
    scope = contents.weights.model if contents.weights else ''
    return Targets(wanted, contents.graph, scope, same.tensors if same else None)
