"""Composes a checkpoint from the entries and data files of others, and publishes it atomically."""

import dataclasses
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

import numpy as np

from estimator_ckpt.bundle import dtypes, slices, tensors
from estimator_ckpt.bundle.checkpoint_state import write_atomically
from estimator_ckpt.bundle.entries import HEADER_KEY, Location, decode_key, encode_key
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import Files, LocalFiles, chunks, files_for
from estimator_ckpt.bundle.messages import BundleEntry, BundleHeader
from estimator_ckpt.bundle.paths import data_files, data_path, index_path
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.table import build_table

Transfer = Literal['move', 'link', 'copy']
_FORMAT_VERSION = 1
# The tag of the slices of an entry: where it is nowhere in the bytes, there is nothing to parse.
_SLICE = b'\x3a'


@dataclasses.dataclass(frozen=True)
class _Shard:
    """A data file to be: an existing file, or what `pieces` gives."""

    transfer: Transfer | None = None
    path: str = ''
    pieces: Callable[[], Iterable[bytes]] = tuple
    copies: bool = False


class BundleWriter:
    """A checkpoint in the making.

    Entries and data files are taken from checkpoints that exist, entries are renamed, aliased and removed, small
    tensors added; nothing is written before `publish`.
    """

    def __init__(self, prefix: str):
        self.prefix = prefix
        self._files = files_for(prefix)
        self._entries: dict[bytes, bytes] = {}
        self._shards: list[_Shard] = []
        self._added: list[tuple[BundleEntry, bytes | Callable[[], np.ndarray]]] = []
        self._added_entries: dict[bytes, BundleEntry] = {}
        self._big_endian = False

    def __contains__(self, key: str) -> bool:
        raw_key = encode_key(key)
        return raw_key in self._entries or raw_key in self._added_entries

    def include(self, source: BundleReader, transfer: Transfer) -> None:
        """Takes all entries of a checkpoint, and its data files.

        Args:
          source: The checkpoint. Slices of one tensor may come from several.
          transfer: How its data files get their new names: `'move'` (only for files that are ours), `'link'` (a copy
            where the file system has no links), or `'copy'`.

        Raises:
          CheckpointError: If a key is there already, or the byte order differs.
        """
        if self._shards and source.big_endian != self._big_endian:
            raise CheckpointError(f'{source.prefix} has another byte order than what it is merged with.')
        self._big_endian = source.big_endian
        first_shard = len(self._shards)
        self._shards += [_Shard(transfer, path) for path in source.data_paths()]
        if not first_shard and not self._added_entries:
            self._entries = dict(source.raw)
            return
        for key, raw in source.raw.items():
            if key in self._added_entries:
                raise self._taken(source, key)
            if key in self._entries:
                raw = self._merge_slices(source, key, raw)
            elif first_shard:
                entry = source.message(key)
                if not entry.slices:  # Else it has no data of its own.
                    entry.shard_id += first_shard
                    raw = entry.SerializeToString(deterministic=True)
            self._entries[key] = raw

    def _merge_slices(self, source: BundleReader, key: bytes, raw: bytes) -> bytes:
        merged, other = BundleEntry.FromString(self._entries[key]), BundleEntry.FromString(raw)
        if not (merged.slices and other.slices) or (merged.dtype, merged.shape) != (other.dtype, other.shape):
            raise self._taken(source, key)
        merged.slices.extend(other.slices)
        return merged.SerializeToString(deterministic=True)

    def _taken(self, source: BundleReader, key: bytes) -> CheckpointError:
        return CheckpointError(
            f'{source.prefix} holds {decode_key(key)!r}, which {self.prefix} holds already; rename or remove one.'
        )

    def _check_new(self, key: bytes) -> None:
        if key == HEADER_KEY:
            raise CheckpointError(
                f'No tensor of {self.prefix} can have the empty key, which is the header; name it.'
            )
        if key in self._entries or key in self._added_entries:
            raise CheckpointError(
                f'{self.prefix} has a key {decode_key(key)!r} already; give one of the two another name.'
            )

    def alias(self, new: str, existing: str) -> None:
        """Gives a tensor one more key; no bytes are stored again.

        Raises:
          KeyError: If there is no key `existing`.
          CheckpointError: If there is a key `new` already, or it is empty.
        """
        self.alias_raw(encode_key(new), encode_key(existing))

    def alias_raw(self, new: bytes, existing: bytes) -> None:
        """Like `alias`, for keys as stored, such as those of the data of slices."""
        self._check_new(new)
        if existing in self._added_entries:
            self._added_entries[new] = self._added_entries[existing]
            return
        raw = self._entries[existing]
        self._entries[new] = raw
        for part in self._slices(raw):
            self._entries[slices.encode_key(new, part)] = self._entries[slices.encode_key(existing, part)]

    def alias_location(self, new: Location, existing: Location) -> None:
        """Gives what is at a location one more key, unless it has it: the pieces of a partitioned variable share one.

        Args:
          new: The further place: with the same slice spec, with none for one piece as a variable of its own, or with
            one for a variable of its own as one piece.
          existing: Where the tensor is.

        Raises:
          KeyError: If nothing is there.
          CheckpointError: If another tensor has the new key, or it is empty.
        """
        if new.slice_spec == existing.slice_spec:
            if new.key not in self:
                self.alias(new.key, existing.key)
        elif new.slice_spec:
            self._alias_as_slice(new, encode_key(existing.key))
        else:
            _, part = slices.parse_spec(existing.slice_spec)
            self.alias_raw(encode_key(new.key), slices.encode_key(encode_key(existing.key), part))

    def _alias_as_slice(self, new: Location, existing: bytes) -> None:
        """Gives a variable of its own one more place: as a piece of a partitioned variable."""
        shape, part = slices.parse_spec(new.slice_spec)
        key, raw = encode_key(new.key), self._entries[existing]
        if key in self._entries:
            whole = BundleEntry.FromString(self._entries[key])
        else:
            self._check_new(key)
            whole = BundleEntry(dtype=BundleEntry.FromString(raw).dtype)
            for extent in shape:
                whole.shape.dim.add(size=extent)
        extents = whole.slices.add()
        for start, length in part:
            extent = extents.extent.add()
            if length is not None:
                extent.start, extent.length = start, length
        self._entries[key] = whole.SerializeToString(deterministic=True)
        self._entries[slices.encode_key(key, part)] = raw

    def remove(self, key: str) -> None:
        """Removes a key. Its bytes stay in their data file.

        Raises:
          KeyError: If there is no such key.
        """
        raw_key = encode_key(key)
        if self._added_entries.pop(raw_key, None) is not None:
            return
        for part in self._slices(self._entries.pop(raw_key)):
            del self._entries[slices.encode_key(raw_key, part)]

    def rename(self, old: str, new: str) -> None:
        """Gives a tensor another key.

        Raises:
          KeyError: If there is no key `old`.
          CheckpointError: If there is a key `new` already, or it is empty.
        """
        if old != new:
            self.alias(new, old)
            self.remove(old)

    def rekey(self, sources: Mapping[str, str]) -> None:
        """Replaces all keys that were included.

        Args:
          sources: For each new key the key whose tensor it gets. Tensors that none gets are removed.

        Raises:
          KeyError: If there is no such tensor.
          CheckpointError: If a new key is empty.
        """
        old, self._entries = self._entries, {}
        named = {encode_key(new): old[encode_key(source)] for new, source in sources.items()}
        parts = {}
        for raw_new, source in zip(named, sources.values(), strict=True):
            if _SLICE in named[raw_new]:
                raw_source = encode_key(source)
                for part in self._slices(named[raw_new]):
                    parts[slices.encode_key(raw_new, part)] = old[slices.encode_key(raw_source, part)]
        self._entries = parts
        for key in named.keys() & {HEADER_KEY, *parts, *self._added_entries}:
            self._check_new(key)
        self._entries = {**named, **parts} if parts else named

    @staticmethod
    def _slices(raw: bytes) -> list[slices.Slice]:
        if _SLICE not in raw:
            return []
        return [
            tuple((e.start, e.length if e.HasField('length') else None) for e in part.extent)
            for part in BundleEntry.FromString(raw).slices
        ]

    def add_tensor(self, key: str, value: np.ndarray) -> None:
        """Adds a small tensor. All that are added share one further data file.

        Raises:
          CheckpointError: If there is such a key already, or it is empty.
        """
        data, crc = tensors.encode(value)
        entry = self._add(key, dtypes.from_numpy(value.dtype), value.shape, data)
        entry.size, entry.crc32c = len(data), crc

    def add_computed(
        self, key: str, dtype: int, shape: tuple[int, ...], compute: Callable[[], np.ndarray]
    ) -> None:
        """Adds a tensor that is computed when it is written; no two are in memory at once.

        Args:
          key: Its key.
          dtype: TensorFlow's data type number.
          shape: Its shape.
          compute: Gives it.

        Raises:
          CheckpointError: If there is such a key already, or it is empty.
        """
        self._add(key, dtype, shape, compute)

    def _add(
        self, key: str, dtype: int, shape: tuple[int, ...], data: bytes | Callable[[], np.ndarray]
    ) -> BundleEntry:
        self._check_new(encode_key(key))
        entry = BundleEntry(dtype=dtype)
        entry.shape.SetInParent()
        for extent in shape:
            entry.shape.dim.add(size=extent)
        self._added.append((entry, data))
        self._added_entries[encode_key(key)] = entry
        return entry

    def reshape(self, key: str, shape: tuple[int, ...]) -> None:
        """Gives a tensor that is stored whole another shape of as many numbers; no bytes move."""
        entry = BundleEntry.FromString(self._entries[encode_key(key)])
        entry.shape.ClearField('dim')
        for extent in shape:
            entry.shape.dim.add(size=extent)
        self._entries[encode_key(key)] = entry.SerializeToString(deterministic=True)

    def compact(self) -> None:
        """Copies only the bytes that some key has, into one data file; else data files are taken whole."""
        entries = {key: BundleEntry.FromString(raw) for key, raw in self._entries.items()}
        stored = [entry for entry in entries.values() if not entry.slices]
        ranges = sorted({(entry.shard_id, entry.offset, entry.size) for entry in stored})
        offsets, end = {}, 0
        for shard, offset, size in ranges:
            offsets[shard, offset, size] = end
            end += size
        for entry in stored:
            entry.offset = offsets[entry.shard_id, entry.offset, entry.size]
            entry.shard_id = 0
        self._entries = {key: entry.SerializeToString(deterministic=True) for key, entry in entries.items()}
        places = [(self._shards[shard].path, offset, size) for shard, offset, size in ranges]

        def pieces() -> Iterator[bytes]:
            for path, offset, size in places:
                yield from chunks(files_for(path), path, offset, size)

        self._shards = [_Shard(pieces=pieces, copies=True)] if places else []

    def _write_added(self) -> Iterator[bytes]:
        """Gives the bytes of what was added, and completes its entries."""
        offset = 0
        for entry, data in self._added:
            if callable(data):
                data, entry.crc32c = tensors.encode(data())
            entry.offset, entry.size = offset, len(data)
            offset += len(data)
            yield data

    def publish(self, progress: Callable[[int], object] | None = None) -> str:
        """Writes the checkpoint: data files first, then the index, which makes it visible, by one rename.

        A checkpoint that is there under the same prefix stays whole until that rename: the new data files get names
        of another number of shards where the names would be the same.

        Args:
          progress: Told the number of bytes behind each piece that is copied.

        Returns:
          The prefix.

        Raises:
          OSError: If a file cannot be written. What was begun is removed, what was moved is moved back.
        """
        if self._big_endian and self._added_entries:
            raise CheckpointError(f'{self.prefix} has big-endian tensors; no tensor can be added to it.')
        shards = list(self._shards)
        if self._added or not shards:
            for entry, _ in self._added:
                entry.shard_id = len(shards)
            shards.append(_Shard(pieces=self._write_added))
        self._files.make_dirs(os.path.dirname(self.prefix))
        replaced = set(data_files(self.prefix)) if self._files.exists(index_path(self.prefix)) else set()
        while any(
            data_path(self.prefix, number, len(shards)) in replaced
            and data_path(self.prefix, number, len(shards)) != shard.path
            for number, shard in enumerate(shards)
        ):
            shards.append(_Shard())
        begun: dict[str, str] = {}  # From each data file that is written or moved to where it was.
        try:
            for number, shard in enumerate(shards):
                if shard.transfer == 'move' and shard.path in replaced:
                    # The index that is there still needs it under its name.
                    shard = dataclasses.replace(shard, transfer='link')
                self._place(shard, data_path(self.prefix, number, len(shards)), begun, progress)
            write_atomically(index_path(self.prefix), self._index(len(shards)))
        except BaseException:
            self._undo(begun)
            raise
        kept = {data_path(self.prefix, number, len(shards)) for number in range(len(shards))}
        _remove_all(self._files, sorted(replaced - kept))
        return self.prefix

    def _undo(self, begun: dict[str, str]) -> None:
        for path, moved_from in begun.items():
            if self._files.exists(path):
                if moved_from:
                    self._files.rename(path, moved_from)
                else:
                    self._files.remove(path)

    def _place(self, shard: _Shard, path: str, begun: dict[str, str], progress) -> None:
        if shard.path == path:
            return
        if self._files.exists(path):  # Left behind by a write that did not end; no index names it.
            self._files.remove(path)
        begun[path] = shard.path if shard.transfer == 'move' else ''
        # TensorFlow's file systems take local paths as well, not the other way round.
        files = files_for(shard.path) if isinstance(self._files, LocalFiles) else self._files
        if shard.transfer is None:
            files.write_pieces(path, shard.pieces(), progress if shard.copies else None)
        elif shard.transfer == 'move':
            files.rename(shard.path, path)
        elif shard.transfer == 'link':
            files.link(shard.path, path)
        else:
            files.copy(shard.path, path, progress)

    def _index(self, num_shards: int) -> bytes:
        added = [
            (key, entry.SerializeToString(deterministic=True)) for key, entry in self._added_entries.items()
        ]
        items = [(HEADER_KEY, self._header(num_shards)), *added, *self._entries.items()]
        items.sort(key=operator.itemgetter(0))
        return build_table(items)

    def _header(self, num_shards: int) -> bytes:
        header = BundleHeader(num_shards=num_shards, endianness=int(self._big_endian))
        header.version.producer = _FORMAT_VERSION
        return header.SerializeToString(deterministic=True)

    def has_contents_of(self, other: BundleReader, ignoring: frozenset[str] = frozenset()) -> bool:
        """Whether another checkpoint has the same keys with the same types, shapes and checksums.

        Args:
          other: A checkpoint, perhaps one that is to be replaced.
          ignoring: Keys whose values may differ.
        """
        entries = self._entries | {
            key: entry.SerializeToString() for key, entry in self._added_entries.items()
        }
        if entries.keys() != other.raw.keys():
            return False
        for key, raw in entries.items():
            if decode_key(key) in ignoring:
                continue
            mine, theirs = BundleEntry.FromString(raw), BundleEntry.FromString(other.raw[key])
            for entry in (mine, theirs):
                entry.shard_id = entry.offset = 0
            if mine != theirs:
                return False
        return True


def _remove_all(files: Files, paths: list[str]) -> None:
    for path in paths:
        if files.exists(path):
            files.remove(path)
