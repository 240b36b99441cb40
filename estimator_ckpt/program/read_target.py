"""Which tensor of a checkpoint each tensor of another one, or of a program, comes from."""

import functools
import os
from typing import Any

from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets, TargetTensor


def read_target(target: Any, with_slots: bool = False) -> Targets:
    """The tensors of a checkpoint on disk, or of a program's objects.

    Args:
      target: Either of them.
      with_slots: Whether it is told of a program's slots what they hold; optimizers that are not built are built.

    Raises:
      CheckpointError: If it cannot be read.
      TypeError: If it is neither a path nor something that holds variables.
    """
    if isinstance(target, (str, os.PathLike)):
        contents = Contents(target)
        reader = contents.reader
        source, wanted = Source.read(contents), []
        for tensor in source.tensors:
            entry, read = reader.entry(tensor.key), functools.partial(reader.tensor, tensor.key)
            state = source.slot_states.get(tensor.key)
            wanted.append(TargetTensor(tensor, entry.shape, entry.dtype, state=state, read=read))
        return Targets(wanted, contents.graph)
    # Only objects need TensorFlow.
    from estimator_ckpt.program import optimizer_slots, targets
    from estimator_ckpt.program.tensorflow_internals import root_of

    if not with_slots:
        return targets.of_objects(target)
    root = root_of(targets.as_checkpoint(target))
    return targets.of_objects(target, optimizer_slots.live_slots(root, None))
