"""The `checkpoint` state file: which checkpoints a directory holds, and which is the latest.

A text-format `CheckpointState` (`tensorflow/python/training/checkpoint_state.proto`). It is replaced atomically.
"""

import dataclasses
import os
import uuid

from google.protobuf import text_format

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
    """What a state file says. Paths are as written: relative to the directory, or absolute.

    Attributes:
      latest: The prefix of the latest checkpoint.
      all: The prefixes of all that are kept, oldest first, the latest included.
      timestamps: When each of `all` was written, in seconds since the epoch; may be empty.
      last_preserved: When a checkpoint was last kept for good; 0 where nothing is said.
    """

    latest: str
    all: tuple[str, ...] = ()
    timestamps: tuple[float, ...] = ()
    last_preserved: float = 0.0


def read_state(directory: str, state_file: str = STATE_FILE) -> CheckpointState | None:
    """The state of a directory, or None where it has no state file.

    Raises:
      CorruptCheckpointError: If the file is no checkpoint state.
    """
    path = os.path.join(directory, state_file)
    files = files_for(directory)
    if not files.exists(path) or files.is_dir(path):
        return None
    try:
        message = text_format.Parse(files.read(path), _Message(), allow_unknown_field=True)
    except (text_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptCheckpointError(
            f'{path} is not a checkpoint state file ({error}); remove it or name a checkpoint prefix instead.'
        ) from error
    if not message.model_checkpoint_path:
        return None
    return CheckpointState(
        latest=message.model_checkpoint_path,
        all=tuple(message.all_model_checkpoint_paths),
        timestamps=tuple(message.all_model_checkpoint_timestamps),
        last_preserved=message.last_preserved_timestamp,
    )


def write_state(directory: str, state: CheckpointState, state_file: str = STATE_FILE) -> None:
    """Replaces the state file of a directory atomically."""
    message = _Message(
        model_checkpoint_path=state.latest,
        all_model_checkpoint_paths=state.all,
        all_model_checkpoint_timestamps=state.timestamps,
        last_preserved_timestamp=state.last_preserved,
    )
    path = os.path.join(directory, state_file)
    write_atomically(path, text_format.MessageToString(message).encode())


def write_atomically(path: str, data: bytes) -> None:
    """Writes a small file so that a reader sees the old one or the new one, whole."""
    files = files_for(path)
    temporary = f'{path}.tmp-{uuid.uuid4().hex[:12]}'
    try:
        files.write(temporary, data)
        files.rename(temporary, path)
    except BaseException:
        if files.exists(temporary):
            files.remove(temporary)
        raise
