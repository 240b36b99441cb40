"""Checks that TensorFlow's tracking reaches all of a Keras 3 model.

Keras 3 does not hand the layers that an object keeps in lists and dicts to TensorFlow, and assigns no values to
variables that it creates after a restore. In both cases `tf.train.Checkpoint` reports that all is matched.
"""

import sys
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.program.tensorflow_internals import identities, is_keras_3, is_keras_3_variable
from estimator_ckpt.program.tracking import paths_below

_MOST_NAMED = 8


def check_weights_are_reached(root: Any) -> None:
    """Checks that the weights of the Keras 3 layers and models below an object are below it too.

    Args:
      root: The object.

    Raises:
      CheckpointError: If some are not. The error lists their Keras paths.
    """
    if not _is_loaded():
        return
    reached: set[int] = set()
    layers = []
    for path, trackable in paths_below(root):
        if hasattr(trackable, 'assign'):
            reached |= identities(trackable)
        elif is_keras_3(trackable):
            layers.append((path, trackable))
    missed = {
        weight.path: path
        for path, layer in layers
        for weight in layer.weights
        if identities(weight).isdisjoint(reached)
    }
    if missed:
        named = ', '.join(sorted(missed)[:_MOST_NAMED])
        more = f' and {len(missed) - _MOST_NAMED} more' if len(missed) > _MOST_NAMED else ''
        owner = sorted(missed.values())[-1] or 'the model'
        raise CheckpointError(
            f'{owner} keeps layers in a list or dict, where TensorFlow does not reach the variables of Keras 3: {named}'
            f'{more}. Name the list in the checkpoint too: tf.train.Checkpoint(model=model, blocks=list(model.blocks)).'
        )


def check_is_built(root: Any) -> None:
    """Checks that the Keras 3 layers and models below an object are built.

    Args:
      root: The object.

    Raises:
      CheckpointError: If one is not built, and is not a layer that a built model does not use.
    """
    if not _is_loaded():
        return
    is_built = {path: bool(layer.built) for path, layer in paths_below(root) if is_keras_3(layer)}
    built = [path for path, done in is_built.items() if done]
    paths = [
        path or 'the model'
        for path, done in is_built.items()
        if not done and not any(not outer or path.startswith(f'{outer}/') for outer in built)
    ]
    if paths:
        raise CheckpointError(
            f'Not built yet: {", ".join(paths[:_MOST_NAMED])}. Keras 3 does not restore variables that it creates '
            'later; build the model before: model.build(input_shape), or call it once.'
        )


def naming_advice(owners: Iterable[Any]) -> str:
    """Returns the advice for variables that a name-based checkpoint has under other names.

    Args:
      owners: The objects that are restored.

    Returns:
      A sentence; empty if none of the objects goes by a name that Keras 3 numbers.
    """
    if not tf.executing_eagerly() or not any(map(is_keras_3_variable, owners)):
        return ''
    return (
        'Keras 3 numbers models, layers and optimizers in the order in which a process creates them: give them names, '
        "or call keras.utils.clear_session() before the model is built; a checkpoint of style 'both' or 'tf2' is "
        'restored whatever they are called.'
    )


def _is_loaded() -> bool:
    return 'keras.src.layers.layer' in sys.modules
