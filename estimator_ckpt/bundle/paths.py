"""The checkpoint that a path means, and the names of the files of a checkpoint."""

import os
import re

from estimator_ckpt.bundle.checkpoint_state import STATE_FILE, read_state, read_state_if_whole
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.files import Files, files_for
from estimator_ckpt.bundle.log import logger
from estimator_ckpt.bundle.staging_names import staged_in_file

_INDEX, _META = '.index', '.meta'
_DATA = re.compile(r'\.data-\d{5}-of-\d{5}$')


def as_path(path: str | bytes | os.PathLike) -> str:
    """Returns a path as text. Estimator's `export_saved_model` returns bytes; `~` is the home directory."""
    text = os.fsdecode(path)
    return os.path.expanduser(text) if text.startswith('~') and not os.path.lexists(text) else text


def index_path(prefix: str) -> str:
    """Returns the path of the index of a checkpoint."""
    return prefix + _INDEX


def data_path(prefix: str, shard: int, num_shards: int) -> str:
    """Returns the path of a data file.

    Args:
      prefix: The prefix of the checkpoint.
      shard: The number of the data file, from 0.
      num_shards: The number of data files of the checkpoint.
    """
    return f'{prefix}.data-{shard:05d}-of-{num_shards:05d}'


def data_files(prefix: str) -> list[str]:
    """Returns the paths of all data files of a prefix that exist, whatever their numbers of shards."""
    directory, base = os.path.split(prefix)
    files = files_for(prefix)
    if not files.is_object_store and not files.is_dir(directory or '.'):
        return []
    return [
        os.path.join(directory, name)
        for name in files.list_dir(directory)
        if name.startswith(base) and _DATA.fullmatch(name[len(base) :])
    ]


def checkpoint_exists(prefix: str) -> bool:
    """Returns True if there is an index under `prefix`."""
    return files_for(prefix).exists(index_path(prefix))


def resolve(path: str | bytes | os.PathLike) -> str:
    """Returns the prefix of the checkpoint that a path means.

    Args:
      path: A prefix, a `.index`, `.meta` or `.data-...` file, a SavedModel's directory; or a directory of checkpoints
        or its `checkpoint` state file, which mean the latest one: the one that the state file names, or without a
        readable one the newest, which is logged.

    Raises:
      CheckpointNotFoundError: If there is no such checkpoint. The message says what exists instead.
      CorruptCheckpointError: If the state file of a directory is damaged and the directory has no checkpoints.
    """
    path = as_path(path)
    files = files_for(path)
    if files.exists(index_path(path)):
        return path
    for ending in (_INDEX, _META):
        prefix = path.removesuffix(ending)
        if prefix != path and files.exists(index_path(prefix)):
            return prefix
    if os.path.basename(path) == STATE_FILE and files.exists(path) and not files.is_dir(path):
        return _resolve_directory(os.path.dirname(path), files)
    if _DATA.search(path):
        prefix = _DATA.sub('', path)
        if files.exists(index_path(prefix)):
            return prefix
        raise CheckpointNotFoundError(
            f'{path} has no index: {index_path(prefix)} does not exist; copy it there.'
        )
    if files.is_dir(path):
        return _resolve_directory(path, files)
    raise CheckpointNotFoundError(_not_found(path, files))


def _resolve_directory(directory: str, files: Files) -> str:
    state, damage, fault = None, None, f'{directory} has no checkpoint state file'
    try:
        state = read_state(directory)
    except CorruptCheckpointError as error:
        damage, fault = error, str(error).partition(';')[0]
    while state is not None:
        prefix = find_state_entry(directory, state.latest)
        if prefix is not None:
            return prefix
        # Training may have deleted it after the state file was read, which names a newer one then.
        previous, state = state, read_state_if_whole(directory)
        if state == previous:
            break
    if state is not None:
        fault = f'The state file of {directory} names {state.latest}, which exists neither there nor in the directory'
    for prefix in (os.path.join(directory, 'variables', 'variables'), os.path.join(directory, '')):
        if files.exists(index_path(prefix)):
            return prefix
    prefixes = checkpoints_in(directory)
    if not prefixes and damage is not None:
        raise damage
    if not prefixes:
        reason = fault if state else f'no file there ends in {_INDEX}'
        raise CheckpointNotFoundError(f'No checkpoint in {directory}: {reason}; pass another directory.')
    if len(prefixes) > 1 or state is not None:
        logger.warning('%s; using the newest checkpoint in the directory, %s.', fault, prefixes[-1])
    return prefixes[-1]


def resolve_state_entry(directory: str, entry: str) -> str:
    """Returns the prefix of the checkpoint that an entry of a state file means.

    Args:
      directory: The directory of the state file.
      entry: The entry, as the state file has it.

    Raises:
      CheckpointNotFoundError: If there is no such checkpoint.
    """
    prefix = find_state_entry(directory, entry)
    if prefix is None:
        present = ', '.join(map(os.path.basename, checkpoints_in(directory)[-5:])) or 'none'
        raise CheckpointNotFoundError(
            f'The state file of {directory} names {entry}, which exists neither there nor in the directory; '
            f'checkpoints there: {present}. Pass one of them, or correct the state file.'
        )
    return prefix


def find_state_entry(directory: str, entry: str) -> str | None:
    """Finds the checkpoint that an entry of a state file means.

    Args:
      directory: The directory of the state file.
      entry: The entry, as the state file has it.

    Returns:
      The prefix; None if there is no such checkpoint.
    """
    return next(filter(checkpoint_exists, state_entry_candidates(directory, entry)), None)


def state_entry_candidates(directory: str, entry: str) -> list[str]:
    """Returns the possible prefixes of the checkpoint of an entry of a state file, the preferred one first.

    Relative entries are relative to the directory of the state file. For absolute entries, the base name in the
    directory takes precedence over the path, because the directory may be a copy.

    Args:
      directory: The directory of the state file.
      entry: The entry, as the state file has it; possibly written on another operating system.
    """
    base = re.split(r'[/\\]', entry)[-1]
    beside = os.path.join(directory, '' if base == '.' else base)
    if is_absolute(entry):
        return [beside, entry]
    return [beside] if entry == '.' else [os.path.join(directory, entry), beside]


def checkpoints_in(directory: str) -> list[str]:
    """Returns the prefixes of the V2 checkpoints in a directory, the newest last.

    The order is that of the steps if the names differ only in these, else that of the modification times.
    """
    files = files_for(directory)
    names = _names_in(directory, files)
    matches = [re.fullmatch(r'(.*)-(\d+)', name, re.DOTALL) for name in names]
    bases = {match[1] if match else None for match in matches}
    if len(bases) == 1 and None not in bases:
        names.sort(key=lambda name: int(name.rpartition('-')[2]))
    else:
        names.sort(key=lambda name: (files.mtime(index_path(os.path.join(directory, name))), name))
    return [os.path.join(directory, name) for name in names]


def is_absolute(path: str) -> bool:
    """Returns True if a path in a state file is absolute on some operating system, or has a scheme."""
    return os.path.isabs(path) or '://' in path or bool(re.match(r'[A-Za-z]:[/\\]|\\\\', path))


def is_saved_model(directory: str) -> bool:
    """Returns True if a directory is that of a SavedModel with variables."""
    return checkpoint_exists(os.path.join(directory, 'variables', 'variables'))


def same_place(a: str, b: str) -> bool:
    """Returns True if two paths refer to the same place, also through symbolic links.

    Args:
      a: The first path, which need not exist.
      b: The second path, which need not exist.
    """
    if '://' in a or '://' in b:
        return a.rstrip('/') == b.rstrip('/')
    return a == b or os.path.realpath(a) == os.path.realpath(b)


def _names_in(directory: str, files: Files) -> list[str]:
    """Returns the base names of the checkpoints in a directory; none if it does not exist."""
    if not files.is_dir(directory or '.'):
        return []
    return [
        name.removesuffix(_INDEX)
        for name in files.list_dir(directory)
        if name.endswith(_INDEX) and not name.startswith('.tmp-') and not staged_in_file(name)
    ]


def _not_found(path: str, files: Files) -> str:
    directory, base = os.path.split(path)
    if not files.is_object_store and not files.is_dir(directory or '.'):
        return f'No checkpoint {path}: the directory {directory} does not exist; check the path.'
    if data_files(path):
        return (
            f'The checkpoint {path} has data files but no index: {index_path(path)} does not exist; '
            'copy it from where the checkpoint was written, or name a newer one if training has just deleted this.'
        )
    if files.exists(path):
        return (
            f'{path} is a file, not a checkpoint prefix: {index_path(path)} does not exist; pass the prefix.'
        )
    import difflib  # Needed only where something is missing.

    near = difflib.get_close_matches(base, _names_in(directory, files), n=3, cutoff=0.3)
    hint = (
        f'; did you mean {", ".join(near)}?'
        if near
        else f'; no checkpoint in {directory or "."} has a similar name.'
    )
    return f'No checkpoint {path}: {index_path(path)} does not exist{hint}'
