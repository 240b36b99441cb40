"""The functions of TensorFlow's guide "Migrating model checkpoints", which write only a new index here."""

import os

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.paths import as_path
from estimator_ckpt.conversion.convert_checkpoint import convert
from estimator_ckpt.formats.opening import open_source
from estimator_ckpt.keys.styles import CheckpointStyle


def convert_tf1_to_tf2(checkpoint_path: str | os.PathLike, output_prefix: str | os.PathLike) -> str:
    """Converts a name-based checkpoint to an object-based one.

    The new checkpoint is restored by `tf.train.Checkpoint(vars={name: variable}).restore(path)`.

    Args:
      checkpoint_path: The checkpoint.
      output_prefix: The path of the new checkpoint without its number. An existing checkpoint is replaced.

    Returns:
      The prefix of the new checkpoint: `output_prefix` and `-1`, as `tf.train.Checkpoint.save` numbers checkpoints.

    Raises:
      CheckpointError: If the checkpoint cannot be read.
    """
    path = f'{as_path(output_prefix)}-1'
    convert(checkpoint_path, path, CheckpointStyle.TF2, save_counter=True, overwrite=True)
    return path


def convert_tf2_to_tf1(checkpoint_path: str | os.PathLike, output_prefix: str | os.PathLike) -> str:
    """Converts an object-based checkpoint of any root object to a name-based one.

    The new checkpoint is restored by `tf.compat.v1.train.Saver({name: variable}).restore(sess, path)`. See
    `estimator_ckpt.mapping.tensors.read_tensors` for the names of the tensors.

    Args:
      checkpoint_path: The checkpoint.
      output_prefix: The prefix of the new checkpoint. An existing checkpoint is replaced.

    Returns:
      `output_prefix`.

    Raises:
      CheckpointError: If the checkpoint cannot be read.
    """
    path = as_path(output_prefix)
    convert(checkpoint_path, path, CheckpointStyle.TF1, overwrite=True)
    return path


def print_checkpoint(save_path: str | os.PathLike) -> None:
    """Prints each key of a checkpoint with its shape, type and value, as the guide does.

    Args:
      save_path: The checkpoint.

    Raises:
      CheckpointError: If the checkpoint cannot be read.
    """
    reader = open_source(save_path)
    print(f"Checkpoint at '{as_path(save_path)}':")
    for key in sorted(reader.keys()):
        entry, value = reader.entry(key), reader.tensor(key)
        if entry.dtype == dtypes.STRING and not entry.shape:
            value = value.item()
        name = dtypes.name(entry.dtype)
        print(f"  (key='{key}', shape={list(entry.shape)}, dtype={name}, value={value})")
