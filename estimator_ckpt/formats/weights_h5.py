"""Reads and writes files of Keras weights: `.weights.h5`, `.keras`, and HDF5 files in general.

An HDF5 file is read by h5py. Each dataset is a tensor, and its path is the name: `layers/dense/vars/0`. A `.keras` file
is a zip archive of such a file and of the configuration of the model (`keras/src/saving/saving_lib.py`).
"""

import functools
import io
import json
import math
import os
import zipfile
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError, CorruptCheckpointError
from estimator_ckpt.bundle.files import Progress, chunks, files_for
from estimator_ckpt.formats.array_file import ArrayEntry, ArrayFile
from estimator_ckpt.formats.output import OutputTensor
from estimator_ckpt.formats.random_access import RandomAccess

WEIGHTS = 'model.weights.h5'
CONFIG = 'config.json'
# Compressed data cannot hold more than this many times its own size, the limit of deflate.
_MOST_COMPRESSED = 1032
_BFLOAT16 = 'bfloat16'


def _h5py() -> Any:
    """Returns h5py.

    Raises:
      CheckpointError: If it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise CheckpointError(
            "Files of Keras weights need the package h5py: pip install 'estimator_ckpt[keras]'"
        ) from error
    return h5py


class WeightsFile(ArrayFile):
    """An HDF5 file of weights; a `source.TensorSource`."""

    what = 'a file of Keras weights'

    def __init__(self, path: str | os.PathLike):
        """Opens a file.

        Args:
          path: The path of the file.

        Raises:
          CheckpointError: If h5py is not installed.
          CorruptCheckpointError: If the file is damaged.
        """
        super().__init__(path)
        self._layer_names: dict[str, str] = {}
        self._weight_names: dict[str, str] = {}
        self._groups: dict[str, None] = {}
        # The reasons why tensors cannot be read.
        self._unreadable: dict[str, str] = {}
        self._size = self._files.size(self.prefix)
        try:
            self._file = _h5py().File(self._opened(), 'r')
            self._visit(self._file)
        except (OSError, RuntimeError, ValueError, KeyError, UnicodeError) as error:
            raise self._damaged(error) from error

    def _opened(self) -> Any:
        """Returns what h5py opens: a local path, or a file object."""
        if '://' not in self.prefix:
            return self.prefix
        return io.BufferedReader(RandomAccess(self.prefix, self._files, self._size))

    def _damaged(self, error: Exception) -> CorruptCheckpointError:
        return CorruptCheckpointError(
            f'{self.prefix} is a damaged HDF5 file: {error}; restore the file from a copy, or use another checkpoint.'
        )

    @functools.cached_property
    def config(self) -> Mapping[str, Any] | None:
        """The configuration of the model; None if the file has none."""
        return None

    @property
    def layer_names(self) -> Mapping[str, str]:
        """The names of layers, models and optimizers by the paths of their groups; not all files have them."""
        return self._layer_names

    @property
    def weight_names(self) -> Mapping[str, str]:
        """The names that Keras 2 gives weights in its HDF5 files, such as `dense/kernel`, by key."""
        return self._weight_names

    @property
    def groups(self) -> Collection[str]:
        """The paths of all groups, including empty ones."""
        return self._groups.keys()

    def _visit(self, file: Any) -> None:
        h5py = _h5py()
        self._note_names('', file)

        # Links to other files and datasets outside of the file are not followed.
        def visit(path: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                self._add(path, item)
            else:
                self._groups[path] = None
                self._note_names(path, item)

        file.visititems(visit)

    def _note_names(self, path: str, group: Any) -> None:
        """Notes the name of the layer whose variables are in a group, or in Keras 2 the names of its weights."""
        name = group.attrs.get('name')
        if isinstance(name, str) and (path == 'vars' or path.endswith('/vars')):
            self._layer_names[path.removesuffix('vars').rstrip('/')] = name
        for weight in group.attrs.get('weight_names', ()):
            text = weight.decode() if isinstance(weight, bytes) else str(weight)
            self._weight_names[f'{path}/{text}'.lstrip('/')] = text.removesuffix(':0')

    def _add(self, path: str, dataset: Any) -> None:
        try:
            dtype = _dtype_of(dataset)
        except dtypes.UnsupportedDtypeError as error:
            dtype = 0
            self._unreadable[path] = str(error)
        entry = ArrayEntry.of(dtype, tuple(dataset.shape or ()))
        fault = self._fault_of(dataset, entry)
        if fault:
            self._unreadable[path] = fault
        self._entries[path] = entry

    def _fault_of(self, dataset: Any, entry: ArrayEntry) -> str:
        """Returns why a dataset is not read: because it is elsewhere, or claims more bytes than it can have."""
        if dataset.shape is None:
            return 'it has no value'
        if dataset.external or dataset.is_virtual:
            return 'its values are in another file'
        size = math.prod(dataset.shape) * dataset.dtype.itemsize
        limit = self._size * (1 if dataset.chunks is None else _MOST_COMPRESSED)
        return f'it claims {size} bytes' if size > limit else ''

    def _read(self, key: str, entry: ArrayEntry) -> np.ndarray:
        return self._values(key, entry, ())

    def _read_rows(self, key: str, entry: ArrayEntry, start: int, stop: int) -> np.ndarray:
        return self._values(key, entry, slice(start, stop))

    def _values(self, key: str, entry: ArrayEntry, where: Any) -> np.ndarray:
        if key in self._unreadable:
            raise ValueError(self._unreadable[key])
        try:
            values = self._file[key][where]
        except (RuntimeError, KeyError) as error:
            raise ValueError(str(error)) from error
        if entry.dtype == dtypes.STRING:
            return _as_strings(np.asarray(values, object))
        if entry.dtype == dtypes.BFLOAT16:
            return np.asarray(values).view(dtypes.to_numpy(dtypes.BFLOAT16))
        return np.asarray(values, dtypes.to_numpy(entry.dtype))

    def copy_attributes(self, group: str, other: Any) -> None:
        """Copies the attributes of a group to a group of another file.

        Args:
          group: The path of the group.
          other: The group that gets them.
        """
        source = self._file[group] if group else self._file
        for name, value in source.attrs.items():
            other.attrs[name] = value


class KerasArchive(WeightsFile):
    """A model in the `.keras` format."""

    what = 'a model in the .keras format'

    def _opened(self) -> Any:
        with self._archive() as archive:
            info = archive.getinfo(WEIGHTS)
            if info.compress_type != zipfile.ZIP_STORED:
                if info.file_size > _MOST_COMPRESSED * self._size:
                    raise ValueError(f'{WEIGHTS} claims {info.file_size} bytes')
                return io.BytesIO(archive.read(info))
            with archive.open(info):  # Checks the local header.
                pass
            header = self._files.read(self.prefix, info.header_offset, 30)
            start = info.header_offset + 30 + sum(np.frombuffer(header[26:30], '<u2').tolist())
        return io.BufferedReader(RandomAccess(self.prefix, self._files, info.file_size, start))

    def _archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(io.BufferedReader(RandomAccess(self.prefix, self._files, self._size)))

    @functools.cached_property
    def config(self) -> Mapping[str, Any] | None:
        """The configuration of the model.

        Raises:
          CorruptCheckpointError: If it is damaged.
        """
        try:
            config = json.loads(self.member(CONFIG))
        except (ValueError, KeyError, RecursionError, zipfile.BadZipFile) as error:
            raise CorruptCheckpointError(
                f'{self.prefix}: {CONFIG} is damaged: {error}; restore the file from a copy.'
            ) from error
        return config if isinstance(config, dict) else None

    def members(self) -> list[str]:
        """Returns the names of the files in the archive."""
        with self._archive() as archive:
            return archive.namelist()

    def member(self, name: str) -> bytes:
        """Returns the contents of a file in the archive.

        Args:
          name: The name of the file.

        Raises:
          KeyError: If there is no such file.
          ValueError: If it claims to have more bytes than it can.
        """
        with self._archive() as archive:
            if archive.getinfo(name).file_size > _MOST_COMPRESSED * self._size:
                raise ValueError(f'{name} claims {archive.getinfo(name).file_size} bytes')
            return archive.read(name)


def _dtype_of(dataset: Any) -> int:
    """Returns TensorFlow's data type number of a dataset.

    Raises:
      UnsupportedDtypeError: If TensorFlow has no such type.
    """
    if dataset.dtype.kind in 'V' and dataset.attrs.get('dtype') == _BFLOAT16 and dataset.dtype.itemsize == 2:
        return dtypes.BFLOAT16
    return dtypes.from_numpy(dataset.dtype.newbyteorder('='))


def _as_strings(values: np.ndarray) -> np.ndarray:
    """Returns strings as an array of `bytes`."""
    result = np.empty(values.shape, object)
    for index, value in np.ndenumerate(values):
        if not isinstance(value, (bytes, str)):
            raise ValueError(f'it holds {type(value).__name__} instead of strings')
        result[index] = value.encode() if isinstance(value, str) else bytes(value)
    return result


def write_weights_like(
    path: str, template: WeightsFile, tensors: Mapping[str, OutputTensor], progress: Progress = None
) -> None:
    """Writes an HDF5 file with the groups and attributes of another one and with other values.

    Args:
      path: The local path of the new file.
      template: The other file.
      tensors: The tensor of each dataset of `template`, by path.
      progress: Called with the number of bytes of each tensor after it was written.
    """
    with _h5py().File(path, 'w') as file:
        template.copy_attributes('', file)
        for group in template.groups:
            template.copy_attributes(group, file.require_group(group))
        for key in template.keys():  # noqa: SIM118
            value = tensors[key].value()
            dataset = file.create_dataset(key, data=value)
            if tensors[key].dtype == dtypes.BFLOAT16:
                dataset.attrs['dtype'] = _BFLOAT16
            if progress:
                progress(value.nbytes)


def write_archive_like(
    path: str, template: KerasArchive, tensors: Mapping[str, OutputTensor], progress: Progress = None
) -> None:
    """Writes a `.keras` file with the model of another one and with other weights.

    Args:
      path: The local path of the new file.
      template: The other file.
      tensors: The tensor of each dataset of `template`, by path.
      progress: Called with the number of bytes of each tensor after it was written.
    """
    weights, files = f'{path}.h5', files_for(path)
    try:
        write_weights_like(weights, template, tensors, progress)
        with zipfile.ZipFile(path, 'w') as archive:
            for name in template.members():
                if name != WEIGHTS:
                    archive.writestr(name, template.member(name))
            with archive.open(WEIGHTS, 'w', force_zip64=True) as member:
                for piece in chunks(files, weights, 0, files.size(weights)):
                    member.write(piece)
    finally:
        files.discard(weights)
