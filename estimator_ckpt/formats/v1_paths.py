"""The files that a V1 checkpoint consists of.

`tensorflow/core/util/tensor_slice_writer.cc` writes a single file at the save path. Sharded savers write files
`P-%05d-of-%05d`, and refer to them by `P-?????-of-%05d` (`tensorflow/python/training/saver.py`).
"""

import os
import re
from typing import NamedTuple

from estimator_ckpt.bundle.errors import CheckpointNotFoundError
from estimator_ckpt.bundle.files import files_for

_SHARD = re.compile(r'(.*)-(?:\d{5}|\?{5})-of-(\d{5})', re.DOTALL)


class V1Paths(NamedTuple):
    """The files of a V1 checkpoint.

    Attributes:
      prefix: The path of the checkpoint for TensorFlow: the file, or the pattern of the shards.
      files: The files in the order of their shard numbers. Some of them may be missing.
    """

    prefix: str
    files: tuple[str, ...]


def find(path: str | os.PathLike) -> V1Paths | None:
    """Returns the files that a path refers to.

    Only names are looked at. Whether a file is a V1 checkpoint is found out by `detect`.

    Args:
      path: A file, a shard, the pattern of the shards, or the prefix before `-00000-of-00002`.

    Returns:
      The files; None if there are none.

    Raises:
      CheckpointNotFoundError: If shards of several checkpoints have this prefix.
    """
    path = os.fspath(path)
    files = files_for(path)
    shard = _SHARD.fullmatch(path)
    if shard and int(shard[2]):
        paths = _shards(shard[1], int(shard[2]))
        return paths if any(map(files.exists, paths.files)) else None
    # The prefix of shards may be a directory beside them as well. Each prefix on `ram://` is one.
    if files.exists(path) and not files.is_dir(path):
        return V1Paths(path, (path,))
    directory, base = os.path.split(path)
    if not base or not files.is_dir(directory or '.'):
        return None
    shards = map(_SHARD.fullmatch, files.list_dir(directory))
    counts = sorted({int(shard[2]) for shard in shards if shard and shard[1] == base and int(shard[2])})
    if len(counts) > 1:
        patterns = ', '.join(_shards(path, count).prefix for count in counts)
        raise CheckpointNotFoundError(
            f'{path} is the prefix of several checkpoints: {patterns}; name one of them.'
        )
    return _shards(path, counts[0]) if counts else None


def _shards(base: str, count: int) -> V1Paths:
    files = tuple(f'{base}-{number:05d}-of-{count:05d}' for number in range(count))
    return V1Paths(f'{base}-?????-of-{count:05d}', files)
