"""Which checkpoint a path means, and the names of a checkpoint's files."""

import difflib
import os
import re

from estimator_ckpt.bundle.checkpoint_state import read_state
from estimator_ckpt.bundle.errors import CheckpointNotFoundError
from estimator_ckpt.bundle.files import Files, files_for

_INDEX = '.index'
_DATA = re.compile(r'\.data-\d{5}-of-\d{5}$')


def index_path(prefix: str) -> str:
    return prefix + _INDEX


def data_path(prefix: str, shard: int, num_shards: int) -> str:
    return f'{prefix}.data-{shard:05d}-of-{num_shards:05d}'


def data_files(prefix: str) -> list[str]:
    """The data files of any number of shards that lie beside a prefix."""
    directory, base = os.path.split(prefix)
    files = files_for(prefix)
    if not files.is_dir(directory or '.'):
        return []
    return [
        os.path.join(directory, name)
        for name in files.list_dir(directory)
        if name.startswith(base) and _DATA.fullmatch(name[len(base) :])
    ]


def checkpoint_exists(prefix: str) -> bool:
    return files_for(prefix).exists(index_path(prefix))


def resolve(path: str | os.PathLike) -> str:
    """The prefix of the checkpoint that a path means.

    Args:
      path: A prefix, a `.index` or `.data-...` file, a directory with a `checkpoint` state file or a single
        checkpoint, or a SavedModel's directory.

    Raises:
      CheckpointNotFoundError: If there is none. The message says what is there instead.
    """
    path = os.fspath(path)
    files = files_for(path)
    if files.exists(index_path(path)):
        return path
    if path.endswith(_INDEX) and files.exists(path):
        return path.removesuffix(_INDEX)
    if _DATA.search(path):
        prefix = _DATA.sub('', path)
        if files.exists(index_path(prefix)):
            return prefix
        raise CheckpointNotFoundError(
            f'{path} has no index beside it: {index_path(prefix)} is missing; copy it there with its data files.'
        )
    if files.is_dir(path):
        return _resolve_directory(path, files)
    raise CheckpointNotFoundError(_not_found(path, files))


def _resolve_directory(directory: str, files: Files) -> str:
    state = read_state(directory)
    if state is not None:
        return resolve_state_entry(directory, state.latest)
    for prefix in (os.path.join(directory, 'variables', 'variables'), os.path.join(directory, '')):
        if files.exists(index_path(prefix)):
            return prefix
    prefixes = _prefixes_in(directory, files)
    if len(prefixes) == 1:
        return os.path.join(directory, prefixes[0])
    if prefixes:
        raise CheckpointNotFoundError(
            f'{directory} has no checkpoint state file and holds several checkpoints '
            f'({", ".join(prefixes[:5])}); name one of them.'
        )
    raise CheckpointNotFoundError(
        f'{directory} holds no checkpoint: there is no file that ends in {_INDEX}; name a directory that does.'
    )


def resolve_state_entry(directory: str, entry: str) -> str:
    """The prefix that an entry of a directory's state file means.

    A relative entry is beside the state file. An absolute one that is gone, because the directory was moved, is looked
    for by its base name beside the state file.

    Raises:
      CheckpointNotFoundError: If it is in neither place.
    """
    path = entry if is_absolute(entry) else os.path.join(directory, entry)
    beside = os.path.join(directory, os.path.basename(entry))
    for candidate in (path, beside):
        if checkpoint_exists(candidate):
            return candidate
    present = ', '.join(_prefixes_in(directory, files_for(directory))[:5]) or 'none'
    raise CheckpointNotFoundError(
        f'The state file of {directory} names {entry}, which is neither there nor beside the state file; '
        f'checkpoints there: {present}. Name one of them, or mend the state file.'
    )


def is_absolute(path: str) -> bool:
    return os.path.isabs(path) or '://' in path


def _prefixes_in(directory: str, files: Files) -> list[str]:
    return [
        name.removesuffix(_INDEX)
        for name in files.list_dir(directory)
        if name.endswith(_INDEX) and not name.startswith('.tmp-')
    ]


def _not_found(path: str, files: Files) -> str:
    directory, base = os.path.split(path)
    if not files.is_dir(directory or '.'):
        return f'There is no checkpoint {path}: the directory {directory} does not exist; check the path.'
    if data_files(path):
        return (
            f'The checkpoint {path} has data files but no index: {index_path(path)} is missing; '
            'copy it there from where the checkpoint was written.'
        )
    if files.exists(path):
        return (
            f'{path} is a file but no checkpoint prefix: there is no {index_path(path)}; name the prefix of a '
            'V2 checkpoint (the V1 format, one file without an index, is not read).'
        )
    near = difflib.get_close_matches(base, _prefixes_in(directory, files), n=3, cutoff=0.3)
    hint = (
        f'; did you mean {", ".join(near)}?' if near else f'; {directory or "."} holds no checkpoint like it.'
    )
    return f'There is no checkpoint {path}: {index_path(path)} does not exist{hint}'
