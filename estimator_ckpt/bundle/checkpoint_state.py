"""The `checkpoint` state file: which checkpoints a directory holds, and which is the latest.

The file is a text-format `CheckpointState` (`tensorflow/python/training/checkpoint_state.proto`), and is replaced
atomically.
"""

import dataclasses
import os
import uuid

from estimator_ckpt.bundle.errors import CorruptCheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.protos import declare

STATE_FILE = 'checkpoint'
_Message = declare(
    'checkpoint_state',
    {
        'CheckpointState': [
            (1, 'model_checkpoint_path', 'string'),
            (2, 'all_model_checkpoint_paths', 'repeated string'),
            (3, 'all_model_checkpoint_timestamps', 'repeated double'),
            (4, 'last_preserved_timestamp', 'double'),
        ]
    },
)['CheckpointState']


@dataclasses.dataclass(frozen=True)
class CheckpointState:
    """The contents of a state file, with paths as written: relative to the directory, or absolute.

    Attributes:
      latest: The prefix of the latest checkpoint.
      all: The prefixes of all checkpoints that are kept, oldest first, including the latest.
      timestamps: The time at which each of `all` was written, in seconds since the epoch; may be empty.
      last_preserved: The time at which a checkpoint was last kept for good, in seconds since the epoch; 0 if the file
        does not say.
    """

    latest: str
    all: tuple[str, ...] = ()
    timestamps: tuple[float, ...] = ()
    last_preserved: float = 0.0


def read_state(directory: str, state_file: str = STATE_FILE) -> CheckpointState | None:
    """Reads the state file of a directory.

    Args:
      directory: Local or remote directory of checkpoints.
      state_file: Base name of the state file.

    Returns:
      The contents of the file; None if it does not exist or names no checkpoint.

    Raises:
      CorruptCheckpointError: If the file is not a checkpoint state file.
    """
    path = os.path.join(directory, state_file)
    text = files_for(directory).read_if_there(path)
    if text is None:
        return None
    from google.protobuf import text_format  # Its import takes a while, and many commands need no state file.

    try:
        message = text_format.Parse(text, _Message(), allow_unknown_field=True)
    except (text_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptCheckpointError(
            f'{path} is not a checkpoint state file ({error}); remove it, or pass a checkpoint prefix instead.'
        ) from error
    if not message.model_checkpoint_path:
        return None
    return CheckpointState(
        latest=message.model_checkpoint_path,
        all=tuple(message.all_model_checkpoint_paths),
        timestamps=tuple(message.all_model_checkpoint_timestamps),
        last_preserved=message.last_preserved_timestamp,
    )


def read_state_if_whole(directory: str) -> CheckpointState | None:
    """Returns the state file of a directory; None if there is none, or it is damaged.

    Args:
      directory: Local or remote directory of checkpoints.
    """
    try:
        return read_state(directory)
    except CorruptCheckpointError:
        return None


def write_state(
    directory: str, state: CheckpointState, state_file: str = STATE_FILE, durable: bool = True
) -> bytes:
    """Replaces the state file of a directory atomically, and returns what it holds then.

    Args:
      directory: Local or remote directory of checkpoints.
      state: The new contents.
      state_file: Base name of the state file.
      durable: Whether to wait until the file survives a power cut.
    """
    from google.protobuf import text_format

    message = _Message(
        model_checkpoint_path=state.latest,
        all_model_checkpoint_paths=state.all,
        all_model_checkpoint_timestamps=state.timestamps,
        last_preserved_timestamp=state.last_preserved,
    )
    path = os.path.join(directory, state_file)
    data = text_format.MessageToString(message).encode()
    write_atomically(path, data, durable)
    return data


def write_atomically(path: str, data: bytes, durable: bool = True) -> None:
    """Writes a small file under a temporary name and renames it, so that readers see the old or the new file whole.

    Args:
      path: The file to create or replace.
      data: Its contents.
      durable: Whether the file survives a power cut, under this name, when the function returns.
    """
    files = files_for(path)
    if files.is_object_store:
        files.write(path, data)
        return
    temporary = f'{path}.tmp-{uuid.uuid4().hex[:12]}'
    try:
        files.write(temporary, data)
        if durable:
            # Before it is renamed: a journal may keep the new name without the contents.
            files.sync(temporary)
        files.rename(temporary, path)
        if durable:
            files.sync(os.path.dirname(path))
    except BaseException:
        files.discard(temporary)
        raise
