"""Gives values to variables that do not exist yet, because their Keras layers are not built.

TensorFlow's deferred restoration assigns values when variables are created. It needs an object-based checkpoint with
the paths of the objects, for which a new index over the same data files is written.
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
from estimator_ckpt.mapping.recipes import TensorRecipe
from estimator_ckpt.mapping.report import Row
from estimator_ckpt.mapping.rules import Rule, literal
from estimator_ckpt.mapping.tensors import Tensor, read_tensors
from estimator_ckpt.program.tensorflow_internals import root_of
from estimator_ckpt.program.tracking import paths_below


def unbuilt_paths(root: Any) -> list[str]:
    """Returns the paths of the Keras layers and models below an object that are not built."""
    return [path for path, trackable in paths_below(root) if getattr(trackable, 'built', True) is False]


def comes_later(paths: list[str]) -> Callable[[str], bool]:
    """Returns a predicate of object paths that are possible for variables of the unbuilt layers at `paths`."""

    def comes(path: str) -> bool:
        # Only built layers are numbered among the layers with weights.
        return any(
            (not start or path.startswith(start + '/')) and 'layer_with_weights-' not in path[len(start) :]
            for start in paths
        )

    return comes


def restore_later(checkpoint: tf.train.Checkpoint, tensors: list[Tensor], contents: Contents) -> Any:
    """Restores tensors to the object paths that are their targets, as soon as variables are created there.

    Args:
      checkpoint: The objects that get the values.
      tensors: Tensors of `contents`, with object paths as their targets.
      contents: The source.

    Returns:
      The status of `tf.train.Checkpoint.restore`.

    Raises:
      CheckpointError: If a value is computed from several tensors or from a part of one, which only an existing
        variable can get.
    """
    names = {tensor.key: tensor.name for tensor in read_tensors(contents)}
    rules = []
    for tensor in tensors:
        recipe = tensor.made
        assert isinstance(recipe, TensorRecipe)  # Only the operations of rules have been applied.
        assert tensor.target is not None
        if not recipe.takes_all:
            raise CheckpointError(
                f'{contents.reader.prefix}: {tensor.target!r} is computed from several tensors, or from a part of one, '
                'and does not exist yet; build the model first.'
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
    """Returns the rows of a report for tensors that are restored later.

    Args:
      tensors: The tensors with their targets.
      contents: The source.
    """
    report_rows = []
    for tensor in tensors:
        dtype, shape = tensor.made.outcome(contents.reader)
        report_rows.append(Row(tensor.key, tensor.target, shape, dtypes.name(dtype), 'when it is built'))
    return report_rows
