"""Detects the kind of a file by its first and last bytes, and gives advice on it."""

import enum
import io
import json
import os
import re

from estimator_ckpt.bundle import checksums
from estimator_ckpt.bundle.errors import CheckpointNotFoundError
from estimator_ckpt.bundle.files import Files, files_for
from estimator_ckpt.bundle.partial_table import PartialTable
from estimator_ckpt.bundle.table import MAGIC, TableError
from estimator_ckpt.formats import graph_files
from estimator_ckpt.formats.random_access import RandomAccess


class FileKind(enum.Enum):
    """A kind of file that a path of a checkpoint may turn out to be."""

    V2_INDEX = enum.auto()
    V2_DATA = enum.auto()
    V1_CHECKPOINT = enum.auto()
    OTHER_TABLE = enum.auto()
    STATE_FILE = enum.auto()
    HDF5 = enum.auto()
    KERAS_ARCHIVE = enum.auto()
    PYTORCH = enum.auto()
    SAFETENSORS = enum.auto()
    SAFETENSORS_INDEX = enum.auto()
    NPZ = enum.auto()
    NPY = enum.auto()
    PICKLE = enum.auto()
    SAVED_MODEL = enum.auto()
    META_GRAPH = enum.auto()
    FROZEN_GRAPH = enum.auto()
    TFLITE = enum.auto()
    RECORDS = enum.auto()
    ARCHIVE = enum.auto()
    LFS_POINTER = enum.auto()
    WEB_PAGE = enum.auto()
    DIRECTORY = enum.auto()
    EMPTY = enum.auto()
    UNKNOWN = enum.auto()


_ADVICE = {
    FileKind.V2_INDEX: 'the index of a V2 checkpoint; name its prefix, the path without `.index`.',
    FileKind.V2_DATA: 'a data file of a V2 checkpoint; name its prefix, the path before `.data-`.',
    FileKind.V1_CHECKPOINT: 'a checkpoint of the V1 format; name it as it is.',
    FileKind.OTHER_TABLE: 'a sorted string table, but not a checkpoint; name a checkpoint.',
    FileKind.STATE_FILE: 'the state file of a directory of checkpoints; name the directory.',
    FileKind.HDF5: 'an HDF5 file, such as Keras weights; load it with Keras and save a tf.train.Checkpoint of the '
    'model.',
    FileKind.KERAS_ARCHIVE: 'a model in the .keras format; load it with Keras and save a tf.train.Checkpoint of it.',
    FileKind.PYTORCH: 'a PyTorch file; load it with PyTorch and save its arrays as a checkpoint.',
    FileKind.SAFETENSORS: 'a safetensors file; name it as it is.',
    FileKind.SAFETENSORS_INDEX: 'the index of a checkpoint in several safetensors files; name it as it is.',
    FileKind.NPZ: 'a NumPy archive; name it as it is.',
    FileKind.NPY: 'a single NumPy array; save it with numpy.savez, which gives it a name.',
    FileKind.PICKLE: 'a pickled Python object, which may run code when it is loaded; load it, if you trust its source, '
    'and save its arrays as a checkpoint.',
    FileKind.SAVED_MODEL: 'the graph of a SavedModel; name its directory, whose `variables` hold the checkpoint.',
    FileKind.META_GRAPH: 'a MetaGraphDef, the graph beside a checkpoint; name the checkpoint, without `.meta`.',
    FileKind.FROZEN_GRAPH: 'a GraphDef, such as a frozen graph, whose variables are constants; name it as it is, or '
    'the checkpoint that it was frozen from.',
    FileKind.TFLITE: 'a TensorFlow Lite model; name the checkpoint that it was converted from.',
    FileKind.RECORDS: 'a TFRecord or event file, which holds no variables; name a checkpoint.',
    FileKind.ARCHIVE: 'an archive; unpack it and name a checkpoint in it.',
    FileKind.LFS_POINTER: 'a Git LFS pointer; run `git lfs pull` for the real file.',
    FileKind.WEB_PAGE: 'a web page instead of the expected file; download the file again.',
    FileKind.DIRECTORY: 'a directory; name a checkpoint in it.',
    FileKind.EMPTY: 'an empty file; copy or download it again.',
    FileKind.UNKNOWN: 'a file of an unknown kind; name a checkpoint.',
}
_HEAD_SIZE = 4096
# The pickled magic number that files of torch.save began with before PyTorch 1.6.
_TORCH_LEGACY = b'\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.'
_STARTS = {
    b'\x89HDF\r\n\x1a\n': FileKind.HDF5,
    b'\x93NUMPY': FileKind.NPY,
    _TORCH_LEGACY: FileKind.PYTORCH,
    b'version https://git-lfs': FileKind.LFS_POINTER,
    b'\x1f\x8b': FileKind.ARCHIVE,
    b'BZh': FileKind.ARCHIVE,
    b'\xfd7zXZ\x00': FileKind.ARCHIVE,
    b'7z\xbc\xaf\x27\x1c': FileKind.ARCHIVE,
    b'model_checkpoint_path:': FileKind.STATE_FILE,
}
_WEB_PAGE = re.compile(rb'\s*<(!doctype html|html)', re.IGNORECASE)
_PICKLE = re.compile(rb'\x80[\x02-\x05]')
_V2_DATA_NAME = re.compile(r'\.data-\d{5}-of-\d{5}$')
_MAX_SAFETENSORS_HEADER = 100 * 1000 * 1000  # The limit of the safetensors library.
# The first byte of the value of the key '': the tag of num_shards in BundleHeaderProto for V2, and that of meta in
# SavedTensorSlices for V1.
_V2_HEADER, _V1_HEADER = b'\x08', b'\x0a'


def advice(path: str | os.PathLike, kind: FileKind) -> str:
    """Returns a sentence that names the kind of a file and the cure.

    Args:
      path: The path of the file.
      kind: The kind of the file.
    """
    return f'{os.fspath(path)} is {_ADVICE[kind]}'


def detect(path: str | os.PathLike) -> FileKind:
    """Returns the kind of a file. Only little of the file is read, and no code in it is executed.

    Args:
      path: The path of the file.

    Raises:
      CheckpointNotFoundError: If the file does not exist.
    """
    path = os.fspath(path)
    files = files_for(path)
    if files.is_dir(path):
        return FileKind.DIRECTORY
    if not files.exists(path):
        raise CheckpointNotFoundError(f'There is no file {path}; check the path.')
    size = files.size(path)
    if not size:
        return FileKind.EMPTY
    head = files.read(path, 0, _HEAD_SIZE)
    for start, kind in _STARTS.items():
        if head.startswith(start):
            return kind
    if size >= 8 and files.read(path, size - 8, 8) == MAGIC.to_bytes(8, 'little'):
        return _table_kind(path, files, size)
    if head[:4] in (b'PK\x03\x04', b'PK\x05\x06'):
        return _zip_kind(path, files, size)
    return _other_kind(path, files, size, head)


def _other_kind(path: str, files: Files, size: int, head: bytes) -> FileKind:
    """Returns the kind of a file that does not begin with fixed bytes."""
    if head[257:262] == b'ustar':
        return FileKind.ARCHIVE
    if head[4:8] == b'TFL3':
        return FileKind.TFLITE
    if _WEB_PAGE.match(head):
        return FileKind.WEB_PAGE
    if _is_safetensors(path, files, size, head):
        return FileKind.SAFETENSORS
    if _is_safetensors_index(path, files, size, head):
        return FileKind.SAFETENSORS_INDEX
    if len(head) >= 12 and checksums.mask(checksums.crc32c(head[:8])) == int.from_bytes(head[8:12], 'little'):
        return FileKind.RECORDS
    if _PICKLE.match(head) and files.read(path, size - 1, 1) == b'.':
        return FileKind.PICKLE
    if graph_files.is_saved_model(head, size):
        return FileKind.SAVED_MODEL
    if graph_files.is_meta_graph(lambda offset, count: files.read(path, offset, count), size):
        return FileKind.META_GRAPH
    if graph_files.is_graph(head, size):
        return FileKind.FROZEN_GRAPH
    return FileKind.V2_DATA if _V2_DATA_NAME.search(path) else FileKind.UNKNOWN


def _table_kind(path: str, files: Files, size: int) -> FileKind:
    try:
        key, value, _ = PartialTable(files, path, size).first_item()
    except TableError:
        # A damaged table is taken for what its name says.
        return FileKind.V2_INDEX if path.endswith('.index') else FileKind.V1_CHECKPOINT
    if key:
        return FileKind.OTHER_TABLE
    return {_V2_HEADER: FileKind.V2_INDEX, _V1_HEADER: FileKind.V1_CHECKPOINT}.get(
        value[:1], FileKind.OTHER_TABLE
    )


def _zip_kind(path: str, files: Files, size: int) -> FileKind:
    import zipfile  # Few sources are archives.

    try:
        with zipfile.ZipFile(io.BufferedReader(RandomAccess(path, files, size))) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError):
        return FileKind.ARCHIVE
    if {'config.json', 'model.weights.h5'} <= set(names):
        return FileKind.KERAS_ARCHIVE
    if any(name.endswith('/data.pkl') or name == 'data.pkl' for name in names):
        return FileKind.PYTORCH
    if names and all(name.endswith('.npy') for name in names):
        return FileKind.NPZ
    return FileKind.ARCHIVE


def _is_safetensors(path: str, files: Files, size: int, head: bytes) -> bool:
    """Returns True if a file begins with the length of a JSON object, followed by this object."""
    length = int.from_bytes(head[:8], 'little')
    if len(head) < 10 or head[8:9] != b'{' or not 2 <= length <= min(size - 8, _MAX_SAFETENSORS_HEADER):
        return False
    try:
        return isinstance(json.loads(files.read(path, 8, length)), dict)
    except (ValueError, RecursionError):
        return False


def _is_safetensors_index(path: str, files: Files, size: int, head: bytes) -> bool:
    """Returns True if a file is a JSON object that says which file holds which tensor."""
    if not head.lstrip().startswith(b'{') or size > _MAX_SAFETENSORS_HEADER:
        return False
    try:
        index = json.loads(files.read(path, 0, size))
    except (ValueError, RecursionError):
        return False
    return isinstance(index, dict) and isinstance(index.get('weight_map'), dict)
