"""Reads the tensors of a target: of a checkpoint, or of the objects of a program."""

import functools
import os
from typing import Any

from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets, TargetTensor


def read_target(target: Any, with_slots: bool = False) -> Targets:
    """Returns the tensors of a checkpoint on disk, or of the objects of a program.

    Args:
      target: The path of a checkpoint, or objects that hold variables.
      with_slots: Whether to determine the contents of the slots of objects. This builds optimizers that are not built.

    Raises:
      CheckpointError: If the checkpoint cannot be read.
      TypeError: If `target` is neither a path nor an object that holds variables.
    """
    if isinstance(target, (str, os.PathLike)):
        return of_contents(Contents(target))
    # Only objects need TensorFlow.
    from estimator_ckpt.program import optimizer_slots, targets
    from estimator_ckpt.program.tensorflow_internals import root_of

    if not with_slots:
        return targets.of_objects(target)
    root = root_of(targets.as_checkpoint(target))
    return targets.of_objects(target, optimizer_slots.live_slots(root, None))


def of_contents(contents: Contents) -> Targets:
    """Returns the tensors of a checkpoint."""
    reader = contents.reader
    source, wanted = Source.read(contents), []
    for tensor in source.tensors:
        entry, read = reader.entry(tensor.key), functools.partial(reader.tensor, tensor.key)
        state = source.slot_states.get(tensor.key)
        wanted.append(TargetTensor(tensor, entry.shape, entry.dtype, state=state, read=read))
    return Targets(wanted, contents.graph, contents.weights.model if contents.weights else '')
