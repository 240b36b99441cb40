"""What a destination names: the prefix of a checkpoint, a directory, or a file of another kind by its ending."""

import errno
import os

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import as_path, checkpoint_exists, index_path, same_place
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.formats.opening import name_of
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys.styles import CheckpointStyle

WEIGHTS, ARCHIVE, SAFETENSORS, NPZ = '.weights.h5', '.keras', '.safetensors', '.npz'
ENDINGS = (WEIGHTS, ARCHIVE, SAFETENSORS, NPZ)
# Endings of files that are written by nothing here. A checkpoint of such a name would be taken for one of them.
_OTHER_ENDINGS = (
    '.bin', '.data', '.gz', '.h5', '.hdf5', '.index', '.json', '.meta', '.msgpack', '.npy', '.onnx', '.pb', '.pickle',
    '.pkl', '.pt', '.pth', '.tar', '.tflite', '.zip',
)  # fmt: skip


def ending_of(destination: str | os.PathLike, style: CheckpointStyle | str | None) -> str | None:
    """Returns the ending of a file of another kind; None for a checkpoint.

    Args:
      destination: The destination of a conversion.
      style: The style that was asked for; None for none.

    Raises:
      CheckpointError: If the ending is that of a kind of file that is not written here, a style is given for a file
        that has none, or none is given for a checkpoint.
    """
    path = as_path(destination)
    kinds = f'a prefix, as in model.ckpt, with a style, or a file that ends in {", ".join(ENDINGS)}'
    ending = next((ending for ending in ENDINGS if path.endswith(ending)), None)
    if ending is not None and style is not None:
        raise CheckpointError(
            f'{path} is not a checkpoint but a file of the kind {ending}, which has no style; omit the style '
            f'{CheckpointStyle(style).value!r}.'
        )
    if ending is None and path.endswith(_OTHER_ENDINGS):
        raise CheckpointError(
            f'Files that end in {os.path.splitext(path)[1]}, such as {path}, are not written; pass {kinds}.'
        )
    if ending is None and style is None:
        raise CheckpointError(
            f'The style of the checkpoint {path} is missing (tf1, tf2 or both); pass {kinds}.'
        )
    return ending


def needs_style(destination: str) -> bool:
    """Returns True for a checkpoint, which needs a style, and False for a file of another kind."""
    return not destination.endswith(ENDINGS + _OTHER_ENDINGS)


def destination_prefix(source: str, destination: str | os.PathLike) -> str:
    """Returns the prefix of the new checkpoint for a destination.

    Args:
      source: The prefix of the source.
      destination: A prefix; or a directory, which need not exist if it ends in a slash. The new checkpoint gets the
        name of the source in a directory.
    """
    path = as_path(destination)
    if path.endswith(('/', os.sep)) or (files_for(path).is_dir(path) and not checkpoint_exists(path)):
        return os.path.join(path, name_of(source) or 'model.ckpt')
    return path


def _check_directory(path: str) -> None:
    """Checks that a local file can be created at a path, whose directories may be missing.

    Raises:
      OSError: If a part of the path is a file, or if the directory that exists may not be written to.
    """
    if '://' in path:
        return
    directory = os.path.dirname(os.path.abspath(path))
    while not os.path.lexists(directory):
        directory = os.path.dirname(directory)
    if not os.path.isdir(directory):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), directory)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), directory)


def check_destination(source: TensorSource, destination: str, overwrite: bool) -> None:
    """Checks that a conversion would overwrite neither its source nor, unless asked to, anything else.

    Args:
      source: The source.
      destination: The prefix of the new checkpoint, or the path of the new file.
      overwrite: Whether what is at `destination` may be replaced.

    Raises:
      CheckpointError: If it would.
      OSError: If no file can be created there.
    """
    _check_directory(destination)
    files = (
        [index_path(source.prefix), source.prefix]
        if isinstance(source, BundleReader)
        else source.data_paths()
    )
    if any(same_place(path, place) for path in files for place in (destination, index_path(destination))):
        raise CheckpointError(f'{destination} is the source itself; choose another destination.')
    if overwrite:
        return
    if checkpoint_exists(destination):
        raise CheckpointError(
            f'The checkpoint {destination} exists already; choose another destination, or overwrite it.'
        )
    if destination.endswith(ENDINGS) and files_for(destination).exists(destination):
        raise CheckpointError(f'{destination} exists already; choose another destination, or overwrite it.')
