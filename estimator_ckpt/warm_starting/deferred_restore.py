"""Values for variables that are not there yet: those of Keras layers that are not built.

TensorFlow's own deferred restoration gives variables their values when they are created. It wants an object-based
checkpoint with the paths of the objects; such a one is made, a new index over the same data files.
"""

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.conversion.convert_checkpoint import convert
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.mapping.report import Row
from estimator_ckpt.mapping.rules import Rule, literal
from estimator_ckpt.mapping.tensors import Tensor, read_tensors
from estimator_ckpt.program.tensorflow_internals import root_of
from estimator_ckpt.program.tracking import paths_below


def unbuilt_paths(root: Any) -> list[str]:
    """The paths of the Keras layers and models below an object that are not built."""
    return [path for path, trackable in paths_below(root) if getattr(trackable, 'built', True) is False]


def comes_later(paths: list[str]) -> Callable[[str], bool]:
    """A function that says whether a variable can come to an object path when a layer at one of `paths` is built."""

    def comes(path: str) -> bool:
        # Which layers have weights shows only when they are built.
        return any(
            (not start or path.startswith(start + '/')) and 'layer_with_weights-' not in path[len(start) :]
            for start in paths
        )

    return comes


def restore_later(checkpoint: tf.train.Checkpoint, tensors: list[Tensor], contents: Contents) -> Any:
    """Restores tensors to the paths that are their targets, as soon as there are variables.

    Args:
      checkpoint: Its objects get the values.
      tensors: Those of `contents`, with their targets.
      contents: The checkpoint that they are in.

    Returns:
      The status that `tf.train.Checkpoint.restore` gives.

    Raises:
      CheckpointError: If a value is put together of several tensors, which only a variable that is there can get.
    """
    names = {tensor.key: tensor.name for tensor in read_tensors(contents)}
    rules = []
    for tensor in tensors:
        recipe = tensor.made
        if len(recipe.sources) > 1 or recipe.parts > 1:
            raise CheckpointError(
                f'{contents.reader.prefix}: {tensor.target!r} is made of several tensors, or of a part of one, and is '
                'not there yet; build the model first.'
            )
        name = names[recipe.sources[0]]
        pattern = re.compile(re.escape(name))
        rules.append(Rule(name, pattern, literal(tensor.target), recipe.operations, name=name))
    folder = tempfile.mkdtemp(prefix='warm_start-')
    weakref.finalize(root_of(checkpoint), shutil.rmtree, folder, True)
    prefix = os.path.join(folder, 'deferred')
    kept = '|'.join(re.escape(rule.name) for rule in rules)
    convert(contents.reader.prefix, prefix, 'tf2', rules=rules, keep=[kept], save_counter=True)
    return checkpoint.restore(prefix)


def rows(tensors: list[Tensor], contents: Contents) -> list[Row]:
    """Rows for a report."""
    found = []
    for tensor in tensors:
        dtype, shape = tensor.made.outcome(contents.reader)
        found.append(Row(tensor.key, tensor.target, shape, dtypes.name(dtype), 'when it is built'))
    return found
