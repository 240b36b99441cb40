"""Reads and writes safetensors files, and reads checkpoints in several of them. No library is needed.

A file is the length of its header as 8 bytes, the header, and the values. The header is a JSON object with the type,
the shape and the place of each tensor (https://huggingface.co/docs/safetensors). A checkpoint in several files has an
index, `model.safetensors.index.json`, that says which file holds which tensor.

Tensors of types that TensorFlow does not have are listed with the type 0, and an error is raised when they are read.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.entries import encode_key, is_possible_shape
from estimator_ckpt.bundle.errors import CheckpointError, CheckpointNotFoundError, damaged
from estimator_ckpt.bundle.files import CHUNK_SIZE, Progress, files_for
from estimator_ckpt.formats.array_file import ArrayEntry, ArrayFile
from estimator_ckpt.formats.output import OutputTensor, replacing
from estimator_ckpt.formats.output_types import check_types
from estimator_ckpt.formats.random_access import byte_view, check_booleans, read_array

_MAX_HEADER = 100_000_000  # The limit of the safetensors library.
_ALIGNMENT = 8
_METADATA = '__metadata__'
_INVALID = 0  # DT_INVALID, for tensors that TensorFlow has no type for.
# TensorFlow's data type numbers by the names of this format.
_TYPES = {
    'BOOL': 10,
    'U8': 4,
    'I8': 6,
    'F8_E5M2': 24,
    'F8_E4M3': 25,
    'I16': 5,
    'U16': 17,
    'F16': 19,
    'BF16': 14,
    'I32': 3,
    'U32': 22,
    'F32': 1,
    'C64': 8,
    'F64': 2,
    'I64': 9,
    'U64': 23,
}
_TYPE_NAMES = {number: name for name, number in _TYPES.items()}


class SafetensorsFile(ArrayFile):
    """A safetensors file; a `source.TensorSource`.

    The header is read at once, and values when they are requested. There are no checksums.
    """

    what = 'a safetensors file'

    def __init__(self, path: str | os.PathLike):
        """Opens a file.

        Args:
          path: The path of the file.

        Raises:
          CheckpointNotFoundError: If there is no such file.
          CorruptCheckpointError: If the header is damaged, or the file is too short.
        """
        super().__init__(path)
        self._offsets: dict[str, int] = {}
        self._faults: dict[str, str] = {}
        self._metadata: Mapping[str, str] = {}
        size = self._files.size(self.prefix)
        try:
            header_size = int.from_bytes(self._files.read(self.prefix, 0, 8), 'little')
            if not 2 <= header_size <= min(size - 8, _MAX_HEADER):
                raise ValueError(f'the file has {size} bytes, and its header claims {header_size}')
            self._parse(_json(self._files.read(self.prefix, 8, header_size)), 8 + header_size, size)
        except (ValueError, RecursionError) as error:
            raise damaged(self.prefix, f'its header cannot be read ({error})') from error

    def _parse(self, header: Any, start: int, size: int) -> None:
        """Takes the tensors from the header.

        Args:
          header: The header.
          start: The offset of the values in the file.
          size: The size of the file in bytes.

        Raises:
          ValueError: If the header is damaged.
        """
        if not isinstance(header, dict):
            raise ValueError('it is not an object')
        self._metadata = header.pop(_METADATA, {})
        if not _is_texts(self._metadata):
            raise ValueError(f'{_METADATA!r} does not consist of texts')
        places = []
        for key, value in header.items():
            encode_key(key)
            type_name, shape, begin, end = _fields(key, value)
            if end > size - start:
                raise ValueError(f'{key!r} ends at byte {start + end} of a file of {size} bytes')
            number = _TYPES.get(type_name, _INVALID)
            entry = ArrayEntry.of(number, shape)
            if number == _INVALID:
                self._faults[key] = f'TensorFlow has no type for {type_name} of safetensors'
            elif entry.size != end - begin:
                raise ValueError(f'{key!r} has {end - begin} bytes, and its shape takes {entry.size}')
            self._entries[key], self._offsets[key] = entry, start + begin
            places.append((begin, end, key))
        places.sort()
        for (_, end, key), (begin, _, other) in zip(places, places[1:], strict=False):
            if begin < end:
                raise ValueError(f'{key!r} and {other!r} overlap')

    def _read(self, key: str, entry: ArrayEntry) -> np.ndarray:
        return self._values(key, self._offsets[key], entry.dtype, entry.shape)

    def _read_rows(self, key: str, entry: ArrayEntry, start: int, stop: int) -> np.ndarray:
        shape = (stop - start, *entry.shape[1:])
        row = (dtypes.size(entry.dtype) or 0) * math.prod(entry.shape[1:])
        return self._values(key, self._offsets[key] + start * row, entry.dtype, shape)

    def _values(self, key: str, offset: int, dtype: int, shape: tuple[int, ...]) -> np.ndarray:
        if key in self._faults:
            raise dtypes.UnsupportedDtypeError(self._faults[key])
        stored = dtypes.to_numpy(dtype).newbyteorder('<')
        array = read_array(self._files, self.prefix, offset, shape, stored)
        return check_booleans(array.astype(stored.newbyteorder('='), copy=False))

    def metadata(self) -> Mapping[str, str]:
        """Returns the texts in the header, by name."""
        return dict(self._metadata)


class SafetensorsIndex(ArrayFile):
    """A checkpoint in several safetensors files, by its index; a `source.TensorSource`.

    The headers of all files are read at once, and values when they are requested.
    """

    what = 'the index of safetensors files'

    def __init__(self, path: str | os.PathLike):
        """Opens an index and the files that it names.

        Args:
          path: The path of the index, which lies beside the files.

        Raises:
          CheckpointNotFoundError: If the index or a file is missing.
          CorruptCheckpointError: If the index or the header of a file is damaged, or they contradict each other.
        """
        super().__init__(path)
        if self._files.size(self.prefix) > _MAX_HEADER:
            raise damaged(self.prefix, f'it has more than {_MAX_HEADER:,} bytes')
        try:
            index = _json(self._files.read(self.prefix))
            names: Any = index['weight_map'] if isinstance(index, dict) else None
            if not _is_texts(names):
                raise ValueError('it does not map the names of tensors to those of files')
            for name in names.values():
                if name in ('', '.', '..') or not name.isprintable() or set(name) & set('/\\:'):
                    raise ValueError(f'{name!r} is not the name of a file beside it')
        except (ValueError, KeyError, RecursionError) as error:
            raise damaged(self.prefix, f'it cannot be read ({error})') from error
        self._index_metadata = index.get('metadata')
        self._open_files(names)

    def _open_files(self, names: Mapping[str, str]) -> None:
        """Opens the files.

        Args:
          names: The name of the file by the name of the tensor.
        """
        directory, numbers = os.path.dirname(self.prefix), sorted(set(names.values()))
        self._paths = [os.path.join(directory, name) for name in numbers]
        for path in self._paths:
            if not self._files.exists(path):
                raise CheckpointNotFoundError(
                    f'{path}, which {self.prefix} names, is missing; copy it there, or use another checkpoint.'
                )
        self._shards = [SafetensorsFile(path) for path in self._paths]
        for key, name in names.items():
            shard = numbers.index(name)
            if key not in self._shards[shard]:
                raise damaged(self.prefix, f'{self._paths[shard]} has no tensor {key!r}')
            self._entries[key] = self._shards[shard].entry(key)._replace(shard=shard)

    def _read(self, key: str, entry: ArrayEntry) -> np.ndarray:
        return self._shards[entry.shard]._read(key, entry)

    def _read_rows(self, key: str, entry: ArrayEntry, start: int, stop: int) -> np.ndarray:
        return self._shards[entry.shard]._read_rows(key, entry, start, stop)

    def metadata(self) -> Mapping[str, str]:
        """Returns the texts in the headers of all files and those in the index, by name."""
        merged: dict[str, str] = {}
        for shard in self._shards:
            merged.update(shard.metadata())
        if isinstance(self._index_metadata, dict):
            merged.update((key, str(value)) for key, value in self._index_metadata.items())
        return merged


def write_safetensors(
    path: str,
    output: Sequence[OutputTensor],
    metadata: Mapping[str, str],
    progress: Progress = None,
    durable: bool = True,
    overwrite: bool = True,
) -> None:
    """Writes a safetensors file, one tensor at a time.

    Args:
      path: The path of the new file, which appears whole or not at all.
      output: The tensors.
      metadata: Texts for the header, by name.
      progress: A function that is called with the number of bytes of values that have been written.
      durable: Whether the file survives a power cut when the function returns.
      overwrite: Whether a local file that is there at the end is replaced.

    Raises:
      CheckpointError: If the format does not have a type or a name, two tensors have the same name, or there is such a
        file, and it is not to be replaced.
    """
    check_types(path, 'safetensors files', output, _TYPE_NAMES)
    # The order of the library: wide types first, which aligns all values.
    ordered = sorted(output, key=lambda tensor: (-(dtypes.size(tensor.dtype) or 0), tensor.name))
    header = _header(path, ordered, metadata)
    with replacing(path, durable, overwrite) as local:
        files_for(local).write_pieces(local, _pieces(header, ordered, progress))


def _header(path: str, ordered: Sequence[OutputTensor], metadata: Mapping[str, str]) -> bytes:
    """Returns the length of the header and the header, padded with spaces."""
    if metadata and not _is_texts(metadata):
        raise CheckpointError(f'{path}: metadata must be texts; convert its names and values to str.')
    fields: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    position = 0
    for name, dtype, shape, _ in ordered:
        if name in fields or name == _METADATA:
            raise CheckpointError(
                f'{path}: safetensors files cannot hold another {name!r}; give the tensor another name by a rule.'
            )
        end = position + ArrayEntry.of(dtype, shape).size
        # NumPy's integers are no integers for JSON.
        extents = [int(extent) for extent in shape]
        fields[name] = {'dtype': _TYPE_NAMES[dtype], 'shape': extents, 'data_offsets': [position, end]}
        position = end
    try:
        text = json.dumps(fields, ensure_ascii=False, separators=(',', ':')).encode()
    except UnicodeEncodeError as error:
        raise CheckpointError(
            f'{path}: safetensors files cannot hold names that are not UTF-8, such as '
            f'{error.object[error.start :][:40]!r}; give the tensor another name by a rule.'
        ) from error
    text += b' ' * (-len(text) % _ALIGNMENT)
    if len(text) > _MAX_HEADER:
        raise CheckpointError(
            f'{path}: the header would have {len(text):,} bytes, and readers accept {_MAX_HEADER:,}; leave tensors out.'
        )
    return len(text).to_bytes(8, 'little') + text


def _pieces(header: bytes, ordered: Sequence[OutputTensor], progress: Progress) -> Iterator[Any]:
    yield header
    for tensor in ordered:
        value = tensor.value()
        raw = byte_view(value.astype(value.dtype.newbyteorder('<'), copy=False))
        for start in range(0, len(raw), CHUNK_SIZE):
            piece = raw[start : start + CHUNK_SIZE].data
            yield piece
            if progress is not None:
                progress(len(piece))


def _json(data: bytes) -> Any:
    """Returns the value of a JSON text, in which no object has the same name twice.

    Raises:
      ValueError: If it is damaged.
      RecursionError: If it is nested too deeply.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(pairs)
        if len(mapping) < len(pairs):
            raise ValueError('a name is in it twice')
        return mapping

    return json.loads(data.decode(), object_pairs_hook=unique)


def _fields(key: str, value: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Returns the type, the shape, and the begin and end of a tensor.

    Raises:
      ValueError: If one of them is missing or impossible.
    """
    fields = value if isinstance(value, dict) else {}
    type_name: Any = fields.get('dtype')
    shape: Any = fields.get('shape')
    offsets: Any = fields.get('data_offsets')
    if not isinstance(type_name, str) or not _is_extents(shape) or not _is_extents(offsets):
        raise ValueError(f'the entry of {key!r} has no type, shape and offsets')
    if not is_possible_shape(shape):
        raise ValueError(f'{key!r} has the impossible shape {shape}')
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f'{key!r} has the impossible offsets {offsets}')
    return type_name, tuple(shape), offsets[0], offsets[1]


def _is_extents(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(text, str) for name, text in value.items()
    )
