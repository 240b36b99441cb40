"""Reads a checkpoint: the whole index, and tensors one at a time."""

import contextlib
import functools
import itertools
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from estimator_ckpt.bundle import dtypes, slices, tensors
from estimator_ckpt.bundle.columns import Columns, decode_columns
from estimator_ckpt.bundle.data_reader import DataReader
from estimator_ckpt.bundle.entries import HEADER_KEY, Entry, decode_key, encode_key, entry_fault
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError, damaged
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.messages import BundleEntry, parse_header
from estimator_ckpt.bundle.paths import data_files, data_path, index_path, resolve
from estimator_ckpt.bundle.slices import Slice
from estimator_ckpt.bundle.table import TableError, read_table

# No checkpoint has more shards; an index that claims more is damaged.
_MAX_SHARDS = 100_000
# The number of entries that are decoded one by one before all are, apart from a share of all.
_MAX_DECODED_SINGLY = 50


def stored_files(prefix: str) -> list[str]:
    """Returns the files of a checkpoint, the index first; without an index, the data files that there are.

    On an object store the data files are those that the index names: to list a directory takes more requests.

    Args:
      prefix: The checkpoint, which may be damaged or gone.
    """
    files, index = files_for(prefix), index_path(prefix)
    if files.is_object_store:
        with contextlib.suppress(TableError, DecodeError, StopIteration):
            _, header = next(read_table(files.read_if_there(index) or b''))
            number = parse_header(bytes(header)).num_shards
            if 0 < number <= _MAX_SHARDS:
                return [index, *(data_path(prefix, shard, number) for shard in range(number))]
    return [index, *data_files(prefix)]


class BundleReader:
    """One checkpoint. The index is read at once, data files when the value of a tensor is requested.

    Attributes:
      prefix: The prefix of the checkpoint.
      raw: The serialized entries by stored key, in stored order, without the header.
      num_shards: The number of data files.
      big_endian: Whether the checkpoint was written on a big-endian machine.
      holds_v2_data: True, because data files of this format can be linked or copied under a new index.
      is_read_by_tensorflow: True, because TensorFlow's restore ops read this format.
    """

    holds_v2_data = True
    is_read_by_tensorflow = True

    def __init__(self, path: str | os.PathLike, is_prefix: bool = False):
        """Opens a checkpoint.

        Args:
          path: Any path that `paths.resolve` accepts.
          is_prefix: Whether it is a prefix for sure, so that nothing has to be asked for before the index is read.

        Raises:
          CheckpointNotFoundError: If there is no such checkpoint.
          CorruptCheckpointError: If its index is damaged.
        """
        self.prefix = os.fspath(path) if is_prefix else resolve(path)
        self.raw = self._read_index()
        header = self._parse(parse_header, HEADER_KEY, self.raw.pop(HEADER_KEY, None))
        self.num_shards = header.num_shards
        self.big_endian = header.endianness == 1
        if not 0 < self.num_shards <= _MAX_SHARDS:
            raise self._corrupt(f'its header claims {self.num_shards} shards')
        if header.min_consumer > 1:
            raise self._corrupt(f'it needs a reader of version {header.min_consumer}')
        self._entries: dict[bytes, Entry] = {}
        self._by_key: dict[str, Entry] = {}
        self._decoded_singly = 0
        self._data = DataReader(self.prefix, self.num_shards, self.big_endian)

    def _read_index(self) -> dict[bytes, bytes]:
        path = index_path(self.prefix)
        data = files_for(path).read_if_there(path)
        if data is None:
            raise CheckpointNotFoundError(f'There is no checkpoint {self.prefix}: {path} does not exist.')
        try:
            return dict(read_table(data))
        except TableError as error:
            hint = ''
            if data.startswith(b'version https://git-lfs'):
                hint = ' (a Git LFS pointer: run `git lfs pull` for the real file)'
            raise CorruptCheckpointError(
                f'{path} is not a readable checkpoint index{hint}: {error}; restore the file from a copy, or use '
                'another checkpoint.'
            ) from error

    def _corrupt(self, what: str) -> CorruptCheckpointError:
        return damaged(index_path(self.prefix), what)

    def _parse(self, parse: Callable[[bytes], Any], key: bytes, raw: bytes | None) -> Any:
        if raw is None:
            raise self._corrupt('it has no header')
        try:
            return parse(raw)
        except DecodeError as error:
            raise self._corrupt(f'the entry of {decode_key(key)!r} does not parse') from error

    def __contains__(self, key: str) -> bool:
        return encode_key(key) in self.raw

    def keys(self) -> list[str]:
        """Returns the sorted keys of the tensors, without those that hold the data of slices."""
        # The keys ascend, and those of the data of slices come first.
        if not next(iter(self.raw), b'').startswith(b'\0'):
            return list(self._decoded_keys)
        hidden = {slices.encode_key(key, part) for key in self.raw for part in self.raw_entry(key).slices}
        return [
            key for raw_key, key in zip(self.raw, self._decoded_keys, strict=True) if raw_key not in hidden
        ]

    @functools.cached_property
    def _decoded_keys(self) -> list[str]:
        return list(map(decode_key, self.raw))

    def entry(self, key: str) -> Entry:
        """Returns the entry of a key.

        Raises:
          KeyError: If the checkpoint has no such key.
          CorruptCheckpointError: If the entry is implausible.
        """
        return self._by_key.get(key) or self.raw_entry(encode_key(key))

    def raw_entry(self, key: bytes) -> Entry:
        """Returns the entry of a stored key, such as those of the data of slices.

        Raises:
          KeyError: If the checkpoint has no such key.
          CorruptCheckpointError: If the entry is implausible.
        """
        entry = self._entries.get(key)
        if entry is None:
            if key not in self.raw:
                raise KeyError(f'{self.prefix} has no tensor {decode_key(key)!r}')
            self._decoded_singly += 1
            # To decode one entry takes as long as some 5 of all at once.
            if self._decoded_singly == _MAX_DECODED_SINGLY + len(self.raw) // 20:
                self.decode_all()
            entry = self._entries[key] = self._entries.get(key) or self._decode_entry(key)
        return entry

    def message(self, key: bytes) -> BundleEntry:
        """Parses the entry of a stored key, without checking its plausibility."""
        return self._parse(BundleEntry.FromString, key, self.raw[key])

    def decode_all(self) -> None:
        """Decodes all plausible entries at once, so that `entry` only looks them up."""
        fields = self.columns
        rows = zip(
            fields.dtype.tolist(),
            fields.shapes(),
            fields.shard.tolist(),
            fields.offset.tolist(),
            fields.size.tolist(),
            fields.crc32c.tolist(),
            itertools.repeat(()),
            strict=False,
        )
        entries, plain = list(map(Entry._make, rows)), fields.plain.tolist()
        self._entries |= itertools.compress(zip(self.raw, entries, strict=True), plain)
        self._by_key |= itertools.compress(zip(self._decoded_keys, entries, strict=True), plain)

    def types_and_shapes(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Returns the data type number and the shape of each tensor.

        Raises:
          CorruptCheckpointError: If an entry is implausible.
        """
        return self._types_and_shapes

    @functools.cached_property
    def _types_and_shapes(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        fields, keys = self.columns, self._decoded_keys
        pairs = zip(fields.dtype.tolist(), fields.shapes(), strict=True)
        result = dict(zip(keys, pairs, strict=True))
        others = [keys[number] for number in np.flatnonzero(~fields.plain).tolist()]
        # Not those of the data of slices.
        for key in set(self.keys()).intersection(others) if others else ():
            entry = self.entry(key)
            result[key] = (entry.dtype, entry.shape)
        return result

    def each_has_its_place(self) -> bool:
        """Returns True if no two tensors share bytes. May return False when unsure; cheaper than `places`."""
        fields = self.columns
        order = np.lexsort((fields.offset, fields.shard))
        shards, offsets = np.diff(fields.shard[order]), np.diff(fields.offset[order])
        return bool(np.all(fields.plain & (fields.size > 0)) and np.all((shards != 0) | (offsets != 0)))

    def places(self) -> dict[str, tuple[int, int, int]]:
        """Returns the shard, offset and size of the bytes of each tensor, by key.

        Tensors without bytes and tensors stored in slices are omitted.

        Raises:
          CorruptCheckpointError: If an entry is implausible.
        """
        fields = self.columns
        triples = zip(fields.shard.tolist(), fields.offset.tolist(), fields.size.tolist(), strict=True)
        places = dict(zip(self._decoded_keys, triples, strict=True))
        for number in np.flatnonzero(~fields.plain | (fields.size == 0)).tolist():
            key = self._decoded_keys[number]
            entry = self.entry(key)
            if entry.slices or not entry.size:
                del places[key]
            else:
                places[key] = (entry.shard, entry.offset, entry.size)
        return places

    @functools.cached_property
    def columns(self) -> Columns:
        """The fields of all entries, in the order of `raw`."""
        return decode_columns(list(self.raw.values()), self.num_shards)

    def slice_entry(self, key: str, part: Slice) -> Entry:
        """Returns the entry of the data of one slice of a tensor.

        Args:
          key: The key of the partitioned tensor.
          part: The slice.

        Raises:
          CorruptCheckpointError: If the slice has no entry, or if its entry is implausible.
        """
        raw_key = slices.encode_key(encode_key(key), part)
        if raw_key not in self.raw:
            raise self._corrupt(f'the slice {part} of {key!r} has no entry')
        return self.raw_entry(raw_key)

    def _decode_entry(self, key: bytes) -> Entry:
        message = self.message(key)
        entry = Entry(
            dtype=message.dtype,
            shape=tuple(dim.size for dim in message.shape.dim),
            shard=message.shard_id,
            offset=message.offset,
            size=message.size,
            crc32c=message.crc32c,
            slices=tuple(
                tuple((e.start, e.length if e.HasField('length') else None) for e in part.extent)
                for part in message.slices
            ),
        )
        fault = entry_fault(entry, self.num_shards)
        if fault:
            raise self._corrupt(f'the entry of {decode_key(key)!r} {fault}')
        return entry

    def data_path(self, shard: int) -> str:
        """Returns the path of a data file."""
        return self._data.path(shard)

    def data_paths(self) -> list[str]:
        """Returns the paths of all data files."""
        return [self.data_path(shard) for shard in range(self.num_shards)]

    def check_data_files(self) -> None:
        """Checks that each data file exists and is long enough for the tensors that the index places in it.

        Raises:
          CheckpointNotFoundError: If a data file is missing.
          CorruptCheckpointError: If a data file is too short, or a slice has no entry.
        """
        needed = self._last_tensors()
        for shard, (end, key) in sorted(needed.items()):
            size = self._data.size(shard, key)
            if size < end:
                raise CorruptCheckpointError(
                    f'{self.data_path(shard)} is cut off: it has {size} bytes, and {decode_key(key)!r} ends at byte '
                    f'{end}; restore the file from a copy, or use another checkpoint.'
                )

    def _last_tensors(self) -> dict[int, tuple[int, bytes]]:
        """Returns the end of the last tensor of each non-empty shard, and the stored key of that tensor."""
        fields, raw_keys = self.columns, list(self.raw)
        ends = fields.offset + fields.size
        # Sorted by shard, then by end; of several keys of the same bytes the first comes last.
        rows = np.flatnonzero(fields.plain)[::-1]
        rows = rows[np.lexsort((ends[rows], fields.shard[rows]))]
        last_rows = rows[np.diff(fields.shard[rows], append=-1) != 0].tolist()
        last = {int(fields.shard[row]): (int(ends[row]), raw_keys[row]) for row in last_rows}
        for number in np.flatnonzero(~fields.plain).tolist():
            entry = self.raw_entry(raw_keys[number])
            for part in entry.slices:
                self.slice_entry(decode_key(raw_keys[number]), part)
            end = entry.offset + entry.size
            if not entry.slices and end > last.get(entry.shard, (-1, b''))[0]:
                last[entry.shard] = (end, raw_keys[number])
        return last

    def tensor(self, key: str, verify: bool = False) -> np.ndarray:
        """Reads the value of a tensor; slices are assembled.

        Args:
          key: The key of the tensor.
          verify: Whether to check the checksum.

        Returns:
          An array of the shape of the tensor; strings are returned as an object array of `bytes`.

        Raises:
          KeyError: If there is no such key.
          CheckpointNotFoundError: If the data file is missing.
          CorruptCheckpointError: If the data file is too short, or if the checksum does not match.
          TensorMemoryError: If the tensor does not fit into the memory.
          dtypes.UnsupportedDtypeError: If NumPy has no such type; `read_bytes` returns the bytes.
        """
        entry = self.entry(key)
        with tensors.allocating(self.prefix, key, entry.dtype, entry.shape, entry.size):
            if not entry.slices:
                return self._data.tensor(encode_key(key), entry, verify)
            return self._assembled(key, entry, verify)

    def _assembled(self, key: str, entry: Entry, verify: bool) -> np.ndarray:
        """Reads the value of a tensor that is stored in slices."""
        pieces = [(part, slices.encode_key(encode_key(key), part)) for part in dict.fromkeys(entry.slices)]
        # Checked before memory is allocated, because a damaged index may claim any shape.
        for part, raw_key in pieces:
            self._check_slice(key, entry, part, raw_key)
        available = sum(math.prod(self.raw_entry(raw_key).shape) for _, raw_key in pieces)
        if available < math.prod(entry.shape):
            raise self._corrupt(f'the slices of {key!r} do not cover it')
        try:
            result = np.empty(entry.shape, self._data.numpy_dtype(encode_key(key), entry))
            covered = np.zeros(entry.shape, bool)
        except ValueError as error:
            raise self._corrupt(
                f'the entry of {key!r} has the impossible shape {list(entry.shape)}'
            ) from error
        for part, raw_key in pieces:
            where = slices.as_numpy(part)
            result[where] = self._data.tensor(raw_key, self.raw_entry(raw_key), verify)
            covered[where] = True
        if not covered.all():
            raise self._corrupt(f'the slices of {key!r} do not cover it')
        return result

    def rows(self, key: str, start: int, stop: int) -> np.ndarray:
        """Reads a range of a tensor along its first axis. Only its bytes are read, without a checksum.

        Strings, tensors in slices and those of big-endian machines are read whole.

        Args:
          key: The key of the tensor, which has at least one axis.
          start: The first index, at least 0.
          stop: The index after the last one, at most the extent.

        Raises:
          KeyError: If there is no such key.
          CheckpointNotFoundError: If the data file is missing.
          CorruptCheckpointError: If the data file is too short.
          TensorMemoryError: If the rows do not fit into the memory.
          dtypes.UnsupportedDtypeError: If NumPy has no such type.
        """
        entry = self.entry(key)
        if entry.slices or entry.dtype == dtypes.STRING or self.big_endian:
            return self.tensor(key)[start:stop]
        numpy_dtype = self._data.numpy_dtype(encode_key(key), entry)
        row = numpy_dtype.itemsize * math.prod(entry.shape[1:])
        part = entry._replace(
            shape=(stop - start, *entry.shape[1:]),
            offset=entry.offset + start * row,
            size=(stop - start) * row,
        )
        with tensors.allocating(self.prefix, key, part.dtype, part.shape):
            return self._data.numbers(encode_key(key), part, numpy_dtype)

    def _check_slice(self, key: str, whole: Entry, part: Slice, raw_key: bytes) -> None:
        if raw_key not in self.raw:
            raise self._corrupt(f'the slice {part} of {key!r} has no entry')
        piece = self.raw_entry(raw_key)
        shape = tuple(
            extent if length is None else length
            for (_, length), extent in zip(part, whole.shape, strict=True)
        )
        if piece.slices or (piece.dtype, piece.shape) != (whole.dtype, shape):
            raise self._corrupt(
                f'the slice {part} of {key!r} is {dtypes.name(piece.dtype)} of shape {list(piece.shape)}'
            )
        # A string takes at least one byte.
        if piece.dtype == dtypes.STRING and piece.size < math.prod(shape):
            raise self._corrupt(f'the slice {part} of {key!r} has {piece.size} bytes')
        self._data.check_is_in_file(piece, raw_key)

    def read_bytes(self, entry: Entry, key: bytes = b'') -> bytes:
        """Reads the stored bytes of a tensor.

        Args:
          entry: The entry of the tensor, without slices.
          key: The stored key, for error messages.

        Raises:
          CheckpointNotFoundError: If the data file is missing.
          CorruptCheckpointError: If the data file is too short.
        """
        return self._data.read_bytes(entry, key)
