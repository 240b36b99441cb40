"""The names of what a save writes beside its checkpoint until that is published.

A save of one part writes hidden files, which patterns such as `model.ckpt-*.index` do not find:
`.model.ckpt-7.saving-0123456789ab.index`. A folder would take as long to remove as the rest of a small save. Several
parts, which other processes may write, share a folder: `model.ckpt-7.saving-0123456789ab`.
"""

import os
import re
import uuid

_ID = r'\.saving-[0-9a-f]{12}'
_FOLDER = re.compile(rf'(?P<name>.+?){_ID}')
_FILE = re.compile(rf'\.(?P<name>.+?){_ID}\.(?:surplus|(?:index|data-\d{{5}}-of-\d{{5}})(?:\.tempstate\d+)?)')


def new_staging(prefix: str, in_folder: bool) -> str:
    """Returns a new folder, or a prefix of new files, in which a save puts a checkpoint together.

    Args:
      prefix: The prefix of the checkpoint.
      in_folder: Whether it is a folder.
    """
    directory, name = os.path.split(prefix)
    return os.path.join(directory, f'{"" if in_folder else "."}{name}.saving-{uuid.uuid4().hex[:12]}')


def surplus_note(staging: str, in_folder: bool) -> str:
    """Returns the path of the note of which checkpoints are deleted when the new one is announced.

    Args:
      staging: The folder, or the prefix of the files, of a save.
      in_folder: Whether it is a folder.
    """
    return os.path.join(staging, 'surplus') if in_folder else f'{staging}.surplus'


def note_at(path: str) -> str:
    """Returns the path of such a note, given a folder or a file of a save; empty if the note is not there."""
    name = os.path.basename(path)
    if staged_in_folder(name):
        return surplus_note(path, in_folder=True)
    return path if staged_in_file(name) and name.endswith('.surplus') else ''


def staged_in_file(name: str) -> str:
    """Returns the name of the checkpoint that a file is put together for; empty for other names.

    Args:
      name: The base name of a file.
    """
    match = _FILE.fullmatch(name) if '.saving-' in name else None
    return match['name'] if match else ''


def staged_in_folder(name: str) -> str:
    """Returns the name of the checkpoint that is put together in a folder; empty for other names.

    Args:
      name: The base name of a folder.
    """
    match = _FOLDER.fullmatch(name) if '.saving-' in name else None
    return match['name'] if match else ''
