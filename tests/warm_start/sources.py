"""Checkpoints that warm starts take their values from."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

import estimator_ckpt

tf1 = tf.compat.v1
STYLES = ('tf1', 'tf2', 'both')


def value(shape: list[int], first: float = 0.0) -> np.ndarray:
    """Numbers that no two places of a tensor share."""
    return np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape) + np.float32(first)


def part_of(whole: np.ndarray) -> Callable[..., tf.Tensor]:
    """An initializer that gives each piece of a variable its part of a value."""

    def initializer(shape, dtype=None, partition_info=None):
        offsets = partition_info.var_offset if partition_info else [0] * len(shape)
        return tf.constant(whole[tuple(slice(o, o + n) for o, n in zip(offsets, shape, strict=True))], dtype)

    return initializer


def write(
    prefix: Any, values: dict[str, Any], style: str = 'tf1', pieces: dict[str, int] | None = None
) -> str:
    """Saves variables of given names and values with a session; those in `pieces` in so many pieces."""
    with tf.Graph().as_default(), tf1.Session() as session:
        for name, initial in values.items():
            initial = np.asarray(initial)
            partitioner = tf1.fixed_size_partitioner(pieces[name]) if pieces and name in pieces else None
            tf1.get_variable(
                name,
                initial.shape,
                tf.as_dtype(initial.dtype),
                initializer=part_of(initial),
                partitioner=partitioner,
                trainable=name != 'global_step',
            )
        session.run(tf1.global_variables_initializer())
        return estimator_ckpt.Saver(style).save(session, str(prefix))


def by_name(path: str, tmp_path: Any) -> str:
    """The prefix of a checkpoint with the same names in the name-based style, slices merged."""
    destination = str(tmp_path / 'by_name')
    estimator_ckpt.convert(path, destination, 'tf1', merge_slices=True)
    return destination


def merge_pieces(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The values of variables with those of the pieces (`name/part_0`) put together."""
    whole: dict[str, list[np.ndarray]] = {}
    for name in sorted(values):
        whole.setdefault(re.sub(r'/part_\d+', '', name), []).append(values[name])
    return {name: np.concatenate(parts) if len(parts) > 1 else parts[0] for name, parts in whole.items()}
