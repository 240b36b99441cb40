"""Moves the rows of tensors when a vocabulary changes, as for `tf.estimator.WarmStartSettings`."""

import dataclasses
import os
from typing import Any

import numpy as np

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import as_path
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.mapping.recipes import WrappedRecipe


@dataclasses.dataclass(frozen=True)
class Remapped(WrappedRecipe):
    """Moves the rows of a tensor from the places of words in an old vocabulary to their places in a new one.

    Attributes:
      info: The `tf.estimator.VocabInfo`.
      of_slot: Whether the tensor is a slot, in which the rows of new words keep their values.
    """

    info: Any
    of_slot: bool = False

    def for_slots(self, sources: tuple[str, ...]) -> 'Remapped':
        """Returns the same recipe for a slot of the variable."""
        return dataclasses.replace(self, recipe=self.recipe.for_slots(sources), of_slot=True)

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result. No tensor is read.

        Raises:
          CheckpointError: If the tensor does not have the axis of the vocabulary.
        """
        dtype, old = self.recipe.outcome(reader)
        info, shape = self.info, list(old)
        if not 0 <= info.axis < len(shape):
            raise CheckpointError(
                f'{reader.prefix}: {self.sources[0]!r} of shape {shape} has no axis {info.axis} for a vocabulary; '
                'correct its VocabInfo.'
            )
        shape[info.axis] = info.new_vocab_size + info.num_oov_buckets
        return dtype, tuple(shape)

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the result, in which rows that keep their values are masked.

        Raises:
          CheckpointError: If a vocabulary is shorter than its `VocabInfo` says.
        """
        old, axis = self.recipe.compute(reader), self.info.axis
        rows = self._rows(old.shape[axis])
        _, shape = self.outcome(reader)
        result = np.zeros(shape, old.dtype)
        new = rows < 0
        if new.any() and self.info.backup_initializer is not None and not self.of_slot:
            result = initial_values(self.info.backup_initializer, shape, old.dtype)
        np.moveaxis(result, axis, 0)[~new] = np.moveaxis(old, axis, 0)[rows[~new]]
        if not self.of_slot:
            return result
        mask = np.zeros(shape, bool)
        np.moveaxis(mask, axis, 0)[new] = True
        return np.ma.array(result, mask=mask)

    def _rows(self, extent: int) -> np.ndarray:
        """Returns for each new row the old row of its word, or -1 if there is none."""
        info = self.info
        old = read_vocabulary(info.old_vocab)
        old = old if info.old_vocab_size in (-1, None) else old[: info.old_vocab_size]
        places = {word: row for row, word in enumerate(old[:extent])}
        new = read_vocabulary(info.new_vocab)[: info.new_vocab_size]
        if len(new) < info.new_vocab_size:
            raise CheckpointError(
                f'{info.new_vocab} has {len(new)} words, not {info.new_vocab_size}; correct new_vocab_size.'
            )
        rows = [places.get(word, -1) for word in new]
        return np.array(rows + [-1] * info.num_oov_buckets, np.int64)


def read_vocabulary(path: str | os.PathLike) -> list[str]:
    """Returns the words of a vocabulary file, which has one on each line."""
    path = as_path(path)
    return files_for(path).read(path).decode().splitlines()


def initial_values(initializer: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Returns the initial value of a whole variable.

    Args:
      initializer: A TensorFlow initializer, or a function of a shape.
      shape: The shape of the variable.
      dtype: The data type of the variable.
    """
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        try:
            values = initializer(shape, dtype=tf.as_dtype(dtype))
        except TypeError:  # The initializer is a function of the shape alone.
            values = initializer(shape)
        return np.array(session.run(tf.convert_to_tensor(values)), dtype)
