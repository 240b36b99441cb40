"""Opens checkpoints of the V2 format and of the V1 format, and files of other libraries that hold arrays."""

import contextlib
import functools
import importlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ParamSpec, TypeVar

from estimator_ckpt.bundle.checkpoint_state import read_state_if_whole
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.log import logger
from estimator_ckpt.bundle.paths import (
    as_path,
    checkpoint_exists,
    checkpoints_in,
    is_saved_model,
    resolve,
    state_entry_candidates,
)
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.formats import v1_paths
from estimator_ckpt.formats.detect import FileKind, advice, detect
from estimator_ckpt.formats.source import TensorSource

# The module and the class of the reader of each kind of file that holds arrays. They are imported when they are used,
# since some need a library that is optional.
_ARRAY_FILES = {
    FileKind.HDF5: ('weights_h5', 'WeightsFile'),
    FileKind.KERAS_ARCHIVE: ('weights_h5', 'KerasArchive'),
    FileKind.SAFETENSORS: ('safetensors_file', 'SafetensorsFile'),
    FileKind.SAFETENSORS_INDEX: ('safetensors_file', 'SafetensorsIndex'),
    FileKind.NPZ: ('npz', 'NpzFile'),
    FileKind.FROZEN_GRAPH: ('frozen_graph', 'FrozenGraph'),
    FileKind.SAVED_MODEL: ('frozen_graph', 'FrozenGraph'),
}
_SAVED_MODEL = 'saved_model.pb'
# The key of the object graph, which every SavedModel of TensorFlow 2 has among its variables.
_OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH'


def open_source(path: str | bytes | os.PathLike) -> TensorSource:
    """Opens a checkpoint, or a file of another library that holds arrays, for reading.

    Args:
      path: Any path that `bundle.paths.resolve` accepts; or the file of a V1 checkpoint, one of its shards, their
        pattern or their prefix; or a directory whose state file lists a V1 checkpoint, or with V1 checkpoints only; or
        a file of Keras (`.weights.h5`, `.keras`), safetensors or NumPy (`.npz`); or a frozen graph, also as a
        SavedModel without variables.

    Raises:
      CheckpointNotFoundError: If there is no checkpoint. For another kind of file, the error names it and the cure.
      CorruptCheckpointError: If the checkpoint is damaged.
    """
    prefix, other = _locate(as_path(path))
    try:
        return _open(prefix, other)
    except _DELETED:
        if is_there(prefix):
            raise
        # It was deleted just now; if the path means the latest checkpoint, there is a newer one.
        return following_latest(path, lambda newer: _open(*_locate(newer)))


def _open(prefix: str, other: v1_paths.V1Paths | None) -> TensorSource:
    if other is not None:
        return _open_other(other)
    reader = BundleReader(prefix)
    return _constants_of(reader) or reader


_Result = TypeVar('_Result')
_P = ParamSpec('_P')
# The errors of reading a checkpoint that is deleted meanwhile, or is damaged.
_DELETED = (CheckpointNotFoundError, CorruptCheckpointError, FileNotFoundError)
# A run that deletes its checkpoints while they are read is followed this often.
_MOST_TURNS = 10


def following_latest(path: str | bytes | os.PathLike, function: Callable[[str], _Result]) -> _Result:
    """Returns the result of a function of a checkpoint that retention may delete while it is read.

    Args:
      path: The path of a checkpoint. If it means the latest one of a directory, and this one is deleted meanwhile, the
        function is called again for the next one.
      function: A function of the prefix, which reads only.

    Raises:
      CheckpointNotFoundError: If there is no checkpoint, or it was deleted while it was read.
    """
    return following(lambda: [find_source(path)], function)


def following(find: Callable[[], Sequence[str]], function: Callable[..., _Result]) -> _Result:
    """Returns the result of a function of several checkpoints that retention may delete while they are read.

    Args:
      find: Returns the prefixes of the checkpoints. If one is deleted meanwhile, it is called again, and the function
        too if the deleted one has been replaced.
      function: A function of the prefixes, which reads only.

    Raises:
      CheckpointNotFoundError: If there is no checkpoint, or one was deleted while it was read.
    """
    prefixes = find()
    for turn in range(_MOST_TURNS):
        try:
            return function(*prefixes)
        except _DELETED as error:
            deleted = next((prefix for prefix in prefixes if not is_there(prefix)), None)
            if deleted is None:
                raise
            with contextlib.suppress(CheckpointNotFoundError):
                prefixes = find()
            if deleted in prefixes or turn + 1 == _MOST_TURNS:
                raise deleted_error(deleted) from error
    raise AssertionError('the last turn returns or raises')


@contextlib.contextmanager
def noticing_deletion(prefix: str) -> Iterator[None]:
    """Says so if a checkpoint is deleted while it is read.

    Args:
      prefix: The checkpoint.

    Raises:
      CheckpointNotFoundError: If a file was not found, and the checkpoint has been deleted.
    """
    try:
        yield
    except _DELETED as error:
        if is_there(prefix):
            raise
        raise deleted_error(prefix) from error


def deleted_error(prefix: str) -> CheckpointNotFoundError:
    """Returns the error for a checkpoint that was deleted while it was read."""
    return CheckpointNotFoundError(
        f'{prefix} was deleted while it was read, as training does with all but the newest checkpoints; name a newer '
        'one, or its directory for the latest.'
    )


def is_there(prefix: str) -> bool:
    """Returns True if a checkpoint, or a file of another kind, that was found before still exists.

    Args:
      prefix: The prefix that `find_source` returned.
    """
    return checkpoint_exists(prefix) or v1_paths.find(prefix) is not None


def follows_latest(function: Callable[_P, _Result]) -> Callable[_P, _Result]:
    """Returns a function of the path of a checkpoint, and of other arguments, that is called by `following_latest`."""

    @functools.wraps(function)
    def follow(*args: _P.args, **kwargs: _P.kwargs) -> _Result:
        arguments: tuple[Any, ...] = args or (kwargs['source'],)
        path, *further = arguments
        named = {name: value for name, value in kwargs.items() if args or name != 'source'}
        call: Callable[..., _Result] = function
        return following_latest(path, lambda prefix: call(prefix, *further, **named))

    return follow


def find_source(path: str | bytes | os.PathLike) -> str:
    """Returns the prefix, or the pattern of shards, of a checkpoint, which is not opened.

    Args:
      path: Any path that `open_source` accepts.

    Raises:
      CheckpointNotFoundError: If there is no checkpoint.
      CorruptCheckpointError: If the state file of a directory without checkpoints is damaged.
    """
    return _locate(as_path(path))[0]


def _locate(path: str) -> tuple[str, v1_paths.V1Paths | None]:
    """Returns the prefix of a checkpoint, and its files if it does not have the V2 format."""
    # Each prefix on `ram://` is a directory too.
    is_directory = not checkpoint_exists(path) and files_for(path).is_dir(path)
    v1 = _v1_in_directory(path) if is_directory else None
    if v1 is None:
        try:
            return resolve(path), None
        except CheckpointNotFoundError:
            graph = os.path.join(path, _SAVED_MODEL)
            v1 = v1_paths.find(graph if is_directory and files_for(graph).exists(graph) else path)
            if v1 is None:
                raise
    return v1.prefix, v1


def find_checkpoint(directory: str, entry: str) -> str | None:
    """Returns the path of the checkpoint, of either format, that an entry of a state file refers to.

    Args:
      directory: The directory of the state file.
      entry: The entry, as written.

    Returns:
      The path; None if there is no such checkpoint.
    """
    for candidate in state_entry_candidates(directory, entry):
        if checkpoint_exists(candidate):
            return candidate
        v1 = v1_paths.find(candidate)
        if v1 is not None and _is_v1(v1):
            return v1.prefix
    return None


def _open_other(paths: v1_paths.V1Paths, is_without_variables: bool = False) -> TensorSource:
    """Opens a checkpoint of the V1 format, or a file of another kind.

    Args:
      paths: The files.
      is_without_variables: Whether a SavedModel is known to have no variables, so that its graph is opened.
    """
    present = next((path for path in paths.files if files_for(path).exists(path)), paths.files[0])
    kind = detect(present)
    if kind is FileKind.V1_CHECKPOINT:
        from estimator_ckpt.formats.v1 import V1Reader  # Most checkpoints are not so old.

        return V1Reader(paths.prefix)
    if kind is FileKind.SAVED_MODEL and not is_without_variables and is_saved_model(os.path.dirname(present)):
        return open_source(os.path.dirname(present))
    if kind not in _ARRAY_FILES:
        raise CheckpointNotFoundError(advice(present, kind))
    module, reader = _ARRAY_FILES[kind]
    source: TensorSource = getattr(importlib.import_module(f'estimator_ckpt.formats.{module}'), reader)(
        present
    )
    return source


def _constants_of(reader: BundleReader) -> TensorSource | None:
    """Returns the constants of a SavedModel that has no variables, but a folder for them; None for others."""
    folder, name = os.path.split(reader.prefix)
    if (os.path.basename(folder), name) != ('variables', 'variables') or set(reader.keys()) - {_OBJECT_GRAPH}:
        return None
    graph = os.path.join(os.path.dirname(folder), _SAVED_MODEL)
    try:
        return _open_other(v1_paths.V1Paths(graph, (graph,)), is_without_variables=True)
    except CheckpointNotFoundError:
        return None  # It has no constants either.


def _is_v1(paths: v1_paths.V1Paths) -> bool:
    try:
        return detect(paths.files[0]) is FileKind.V1_CHECKPOINT
    except (CheckpointError, FileNotFoundError):
        return False


def _v1_in_directory(directory: str) -> v1_paths.V1Paths | None:
    """Returns the V1 checkpoint that a directory stands for; None if it has V2 checkpoints or none at all."""
    state = read_state_if_whole(directory)
    if state is not None:
        path = find_checkpoint(directory, state.latest)
        if path is not None:
            return None if checkpoint_exists(path) else v1_paths.find(path)
    if checkpoints_in(directory) or is_saved_model(directory):
        return None
    candidates = v1_checkpoints_in(directory)
    if not candidates:
        return None
    if state is not None or len(candidates) > 1:
        logger.warning(
            '%s has no state file that names a checkpoint in it; using the newest checkpoint in the directory, %s.',
            directory,
            candidates[-1].prefix,
        )
    return candidates[-1]


def v1_checkpoints_in(directory: str) -> list[v1_paths.V1Paths]:
    """Returns the V1 checkpoints in a directory, sorted by the steps in their names, then by these names."""
    files = files_for(directory)
    if not files.is_dir(directory):
        return []
    by_prefix: dict[str, v1_paths.V1Paths] = {}
    for name in sorted(files.list_dir(directory)):
        path = os.path.join(directory, name)
        if files.is_dir(path) or name.endswith(('.index', '.meta')) or '.tempstate' in name:
            continue
        paths = v1_paths.find(path)
        if paths is not None and paths.prefix not in by_prefix and _is_v1(paths):
            by_prefix[paths.prefix] = paths
    return sorted(by_prefix.values(), key=lambda paths: (step_in_name(paths.prefix), paths.prefix))


def prefixes_in(directory: str) -> list[str]:
    """Returns the prefixes of the checkpoints in a directory, those of V1 first, each kind in the order of steps."""
    return [paths.prefix for paths in v1_checkpoints_in(directory)] + checkpoints_in(directory)


def step_in_name(prefix: str) -> int:
    """Returns the step at the end of a name; -1 if there is none."""
    match = re.search(r'-(\d+)(?:-[?]{5}-of-\d{5})?$', prefix)
    return int(match[1]) if match else -1


def name_of(prefix: str) -> str:
    """Returns the name of a checkpoint in its directory, without the pattern of V1 shards."""
    return re.sub(r'-[?]{5}-of-\d{5}$', '', os.path.basename(prefix))
