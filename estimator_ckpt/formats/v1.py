"""Reads checkpoints of the V1 format, which `tf.train.Saver` wrote until the end of 2016 (`SaverDef.V1`).

Such a checkpoint is a file without an index, or several shards. Each file is a sorted string table of a header with
names, types and shapes, and of a record for each slice, whose values are protocol buffers. TensorFlow's reader is
`tensorflow/core/util/tensor_slice_reader.cc`.
"""

import contextlib
import functools
import math
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from estimator_ckpt.bundle import dtypes, slices, tensors
from estimator_ckpt.bundle.entries import decode_key, encode_key
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError, damaged
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.slices import Slice
from estimator_ckpt.formats import v1_paths, v1_values
from estimator_ckpt.formats.source import UnsharedSource
from estimator_ckpt.formats.v1_file import BlockCache, V1File
from estimator_ckpt.formats.v1_messages import HeaderTensor, Record, normalized, part_shape


class V1Entry(NamedTuple):
    """The entry of a tensor or of a slice, according to the headers.

    Attributes:
      dtype: TensorFlow's data type number.
      shape: The shape of the tensor or slice.
      shard: The number of the file that holds the tensor, or the first slice of a partitioned tensor.
      size: The number of bytes of the values in memory, which is not that in the file; 0 for strings.
      slices: The slices that a partitioned tensor is stored as; empty for a tensor stored whole.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    size: int
    slices: tuple[Slice, ...] = ()


class _Piece(NamedTuple):
    """A slice of a tensor in a file.

    Attributes:
      shard: The number of the file.
      part: The slice as listed in the header of the file.
    """

    shard: int
    part: Slice


class _Tensor(NamedTuple):
    """A tensor according to the headers of all files.

    Attributes:
      dtype: TensorFlow's data type number.
      shape: The shape.
      pieces: The pieces by normalized slice.
    """

    dtype: int
    shape: tuple[int, ...]
    pieces: dict[Slice, _Piece]

    @property
    def is_whole(self) -> bool:
        return len(self.pieces) == 1 and _whole(self.shape) in self.pieces


class V1Reader(UnsharedSource):
    """One checkpoint of the V1 format; a `source.TensorSource`.

    The headers are read at once, and a tensor when it is requested. The checksums of all blocks that are read are
    checked.

    Attributes:
      prefix: The path of the file, or the pattern of the shards. TensorFlow accepts both.
      num_shards: The number of files.
      big_endian: False, because values do not depend on the machine that wrote them.
      holds_v2_data: False, because values are protocol buffers, to which a V2 index cannot refer.
      is_read_by_tensorflow: True, because TensorFlow's restore ops read this format.
    """

    big_endian = False
    holds_v2_data = False
    is_read_by_tensorflow = True

    def __init__(self, path: str | os.PathLike):
        """Opens a checkpoint.

        Args:
          path: Any path that `v1_paths.find` accepts.

        Raises:
          CheckpointNotFoundError: If there is no checkpoint, or a shard is missing.
          CorruptCheckpointError: If a file is damaged or is not a V1 checkpoint, or the headers contradict each other.
        """
        paths = v1_paths.find(path)
        if paths is None:
            raise CheckpointNotFoundError(
                f'There is no V1 checkpoint {os.fspath(path)}: neither this file nor shards of this name exist; check '
                'the path.'
            )
        self.prefix, self._paths = paths
        self._file_operations, cache = files_for(self.prefix), BlockCache()
        self._files = [V1File(path, self._file_operations, cache) for path in self._paths]
        self._tensors: dict[str, _Tensor] = {}
        for shard, file in enumerate(self._files):
            for tensor in file.tensors:
                self._merge(shard, tensor)

    def _merge(self, shard: int, tensor: HeaderTensor) -> None:
        """Adds a tensor in the header of a file, which may hold further slices of a tensor in another file."""
        key = decode_key(tensor.name)
        merged = self._tensors.setdefault(key, _Tensor(tensor.dtype, tensor.shape, {}))
        if (merged.dtype, merged.shape) != (tensor.dtype, tensor.shape):
            raise damaged(
                self._paths[shard],
                f'{key!r} is {_describe(tensor.dtype, tensor.shape)} in its header and '
                f'{_describe(merged.dtype, merged.shape)} in another of {self.prefix}',
            )
        for part in tensor.slices:
            normal = normalized(part, tensor.shape)
            if normal in merged.pieces:
                raise damaged(self._paths[shard], f'the slice {part} of {key!r} is in {self.prefix} twice')
            merged.pieces[normal] = _Piece(shard, part)

    def __contains__(self, key: str) -> bool:
        return key in self._tensors

    def keys(self) -> list[str]:
        """Returns the names of the tensors, in the order of an index of the V2 format."""
        return sorted(self._tensors, key=encode_key)

    def entry(self, key: str) -> V1Entry:
        """Returns the entry of a tensor.

        Raises:
          KeyError: If there is no such tensor.
        """
        tensor = self._tensor(key)
        shard = next(iter(tensor.pieces.values())).shard
        parts = () if tensor.is_whole else tuple(tensor.pieces)
        return V1Entry(tensor.dtype, tensor.shape, shard, _size(tensor.dtype, tensor.shape), parts)

    def slice_entry(self, key: str, part: Slice) -> V1Entry:
        """Returns the entry of a slice.

        Args:
          key: The name of the tensor.
          part: A slice that the entry of the tensor lists.

        Raises:
          KeyError: If there is no such tensor.
          CorruptCheckpointError: If there is no such slice.
        """
        tensor = self._tensor(key)
        piece = tensor.pieces.get(part)
        if piece is None:
            raise damaged(self.prefix, f'the slice {part} of {key!r} is missing')
        shape = part_shape(part, tensor.shape)
        return V1Entry(tensor.dtype, shape, piece.shard, _size(tensor.dtype, shape))

    def check_data_files(self) -> None:
        """Checks that files have the same sizes as when they were opened, and that slices cover their tensors.

        Raises:
          CheckpointNotFoundError: If a file is missing.
          CorruptCheckpointError: If a file has another size, or slices do not cover their tensor.
        """
        for file in self._files:
            if not self._file_operations.exists(file.path):
                raise CheckpointNotFoundError(
                    f'{file.path}, a file of a V1 checkpoint, is missing; copy it there, or use another checkpoint.'
                )
            size = self._file_operations.size(file.path)
            if size != file.size:
                raise damaged(file.path, f'it had {file.size} bytes when it was opened and has {size} now')
        for key, tensor in self._tensors.items():
            self._check_volume(key, tensor)

    def tensor(self, key: str, verify: bool = False) -> np.ndarray:
        """Reads the value of a tensor. Partitioned tensors are assembled from their slices.

        Args:
          key: The name of the tensor.
          verify: Without effect, because checksums are always checked.

        Returns:
          A writable array of the tensor's shape; strings as an object array of `bytes`.

        Raises:
          KeyError: If there is no such tensor.
          CorruptCheckpointError: If a file is damaged, or slices do not cover the tensor.
          TensorMemoryError: If the tensor does not fit into the memory.
          dtypes.UnsupportedDtypeError: If NumPy has no such type, or the V1 format does not store it.
        """
        tensor = self._tensor(key)
        self._check_volume(key, tensor)
        with tensors.allocating(self.prefix, key, tensor.dtype, tensor.shape):
            return self._assembled(key, tensor)

    def _assembled(self, key: str, tensor: _Tensor) -> np.ndarray:
        """Reads the value of a tensor from its slices."""
        if tensor.is_whole:
            return self._read(key, tensor, tensor.pieces[_whole(tensor.shape)])
        # Memory for the whole tensor is allocated only after all pieces were read, which are as large together. Damaged
        # shapes cannot exhaust the memory then.
        pieces = [
            (slices.as_numpy(part), self._read(key, tensor, piece)) for part, piece in tensor.pieces.items()
        ]
        result = self._empty(key, tensor, pieces[0][1].dtype)
        covered = np.zeros(tensor.shape, bool)
        for where, values in pieces:
            result[where], covered[where] = values, True
        if not covered.all():
            raise damaged(self.prefix, f'the slices of {key!r} overlap and do not cover it')
        return result

    def rows(self, key: str, start: int, stop: int) -> np.ndarray:
        """Returns a range of a tensor along its first axis. The tensor is read whole, as values have no fixed size.

        Args:
          key: The name of the tensor, which has at least one axis.
          start: The first index, at least 0.
          stop: The index after the last one, at most the extent.

        Raises:
          KeyError: If there is no such tensor.
          CorruptCheckpointError: If a file is damaged.
        """
        return self.tensor(key)[start:stop]

    def faults(self) -> Iterator[tuple[int, str, str, str]]:
        """Reads all blocks of all files, and compares the records with the headers.

        Yields:
          The number of bytes that were read since the previous item; and a fault as the path of the file, the name of
          the tensor (empty if it is not known) and a sentence, or three empty strings for a record without a fault.
        """
        for shard, file in enumerate(self._files):
            listed = {
                (encode_key(key), piece.part): key
                for key, tensor in self._tensors.items()
                for piece in tensor.pieces.values()
                if piece.shard == shard
            }
            check = functools.partial(self._problem, shard, dict(listed))
            for size, record, problem in file.check_records(check):
                if record is None:
                    yield size, file.path, '', problem
                    continue
                key = listed.pop(record, None)
                if key is None:
                    name, part = record
                    yield size, file.path, decode_key(name), f'its header does not list the slice {part}'
                else:
                    yield size, file.path if problem else '', key if problem else '', problem
            for (_, part), key in listed.items():
                yield 0, file.path, key, f'the record of the slice {part} is missing'
        for key, tensor in self._tensors.items():
            try:
                self._check_volume(key, tensor)
            except CorruptCheckpointError as error:
                yield 0, self.prefix, key, str(error)

    def _tensor(self, key: str) -> _Tensor:
        if key not in self._tensors:
            raise KeyError(f'{self.prefix} has no tensor {key!r}')
        return self._tensors[key]

    def _check_volume(self, key: str, tensor: _Tensor) -> None:
        """Checks that the slices have as many elements as the tensor. They may still overlap."""
        if tensor.is_whole:
            return
        held = sum(math.prod(part_shape(part, tensor.shape)) for part in tensor.pieces)
        needed = math.prod(tensor.shape)
        if held < needed:
            raise damaged(self.prefix, f'the slices of {key!r} do not cover it')
        if held > needed:
            raise damaged(self.prefix, f'the slices of {key!r} overlap')

    def _empty(self, key: str, tensor: _Tensor, dtype: np.dtype) -> np.ndarray:
        try:
            if dtype.kind == 'O':
                return np.empty(tensor.shape, object)
            return tensors.empty(tensor.shape, dtype)
        except ValueError as error:
            # The rank is too high for NumPy, or an extent is too large beside one of 0.
            raise damaged(self.prefix, f'the tensor {key!r}: {error}') from error

    def _read(self, key: str, tensor: _Tensor, piece: _Piece) -> np.ndarray:
        record = self._files[piece.shard].record(encode_key(key), piece.part)
        return self._decode(key, tensor, piece, record)

    def _problem(self, shard: int, listed: Mapping[tuple[bytes, Slice], str], record: Record) -> str:
        """Returns what is wrong with the values of a record, if its header lists it; empty if nothing is."""
        key = listed.get((record.name, record.part))
        if key is None:
            return ''
        tensor = self._tensors[key]
        count = math.prod(part_shape(record.part, tensor.shape))
        try:
            with self._naming(key, _Piece(shard, record.part)):
                v1_values.check(record.values, tensor.dtype, count)
        except (CorruptCheckpointError, dtypes.UnsupportedDtypeError) as error:
            return str(error)
        return ''

    def _decode(self, key: str, tensor: _Tensor, piece: _Piece, record: Record) -> np.ndarray:
        shape = part_shape(piece.part, tensor.shape)
        with self._naming(key, piece):
            return v1_values.decode(record.values, tensor.dtype, math.prod(shape)).reshape(shape)

    @contextlib.contextmanager
    def _naming(self, key: str, piece: _Piece) -> Iterator[None]:
        """Names the file and the tensor in errors of its values."""
        try:
            yield
        except dtypes.UnsupportedDtypeError as error:
            raise dtypes.UnsupportedDtypeError(
                f'{self._paths[piece.shard]}: the tensor {key!r} cannot be read: {error}; leave it out.'
            ) from error
        except ValueError as error:
            raise damaged(self._paths[piece.shard], f'the tensor {key!r}: {error}') from error


def _whole(shape: tuple[int, ...]) -> Slice:
    return ((0, None),) * len(shape)


def _size(dtype: int, shape: tuple[int, ...]) -> int:
    return (dtypes.size(dtype) or 0) * math.prod(shape)


def _describe(dtype: int, shape: tuple[int, ...]) -> str:
    return f'{dtypes.name(dtype)} of shape {list(shape)}'
