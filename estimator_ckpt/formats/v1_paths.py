"""Which files a V1 checkpoint consists of.

`tensorflow/core/util/tensor_slice_writer.cc` writes one file named as the save path. Sharded savers write
`P-%05d-of-%05d`, and name it `P-?????-of-%05d` (`tensorflow/python/training/saver.py`).
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
      prefix: The path to name to TensorFlow, which takes the pattern of shards.
      files: The files, in the order of their shard numbers. They need not all be there.
    """

    prefix: str
    files: tuple[str, ...]


def find(path: str | os.PathLike) -> V1Paths | None:
    """Returns the files that a path means, or None if it means none.

    Only names are looked at: `detect` tells whether a file is a V1 checkpoint.

    Args:
      path: A file, a shard, the pattern of the shards, or the prefix before `-00000-of-00002`.

    Raises:
      CheckpointNotFoundError: If shards of several checkpoints have this prefix.
    """
    path = os.fspath(path)
    files = files_for(path)
    shard = _SHARD.fullmatch(path)
    if shard and int(shard[2]):
        paths = _shards(shard[1], int(shard[2]))
        return paths if any(map(files.exists, paths.files)) else None
    # A directory, too, may be the prefix of shards beside it; on `ram://` each prefix is a directory.
    if files.exists(path) and not files.is_dir(path):
        return V1Paths(path, (path,))
    directory, base = os.path.split(path)
    if not base or not files.is_dir(directory or '.'):
        return None
    shards = map(_SHARD.fullmatch, files.list_dir(directory))
    counts = sorted({int(shard[2]) for shard in shards if shard and shard[1] == base and int(shard[2])})
    if len(counts) > 1:
        patterns = ', '.join(_shards(path, count).prefix for count in counts)
        raise CheckpointNotFoundError(f'{path} means several checkpoints: {patterns}; name one of them.')
    return _shards(path, counts[0]) if counts else None


def _shards(base: str, count: int) -> V1Paths:
    files = tuple(f'{base}-{number:05d}-of-{count:05d}' for number in range(count))
    return V1Paths(f'{base}-?????-of-{count:05d}', files)
