"""Composes a checkpoint from the entries and data files of others, and publishes it atomically."""

import operator
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from estimator_ckpt.bundle import checksums, dtypes, slices, tensors
from estimator_ckpt.bundle.entries import HEADER_KEY, Location, decode_key, encode_key
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import Progress, chunks, files_for
from estimator_ckpt.bundle.messages import BundleEntry, BundleHeader
from estimator_ckpt.bundle.publishing import Publication, Shard, Transfer
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.table import build_table

_FORMAT_VERSION = 1
# The tag of the slices of an entry. An entry that does not contain this byte has no slices and need not be parsed.
_SLICE = b'\x3a'


class BundleWriter:
    """Composes a checkpoint.

    Entries and data files are taken from existing checkpoints; entries are renamed, aliased and removed; tensors are
    added. Nothing is written before `publish`, which fails if another process writes the checkpoint after this object
    was created.

    Attributes:
      prefix: The prefix of the new checkpoint.
      paths: The paths of its files, once it has been published.
    """

    def __init__(self, prefix: str):
        self.prefix = prefix
        self._files = files_for(prefix)
        self._publication = Publication(prefix)
        self._entries: dict[bytes, bytes] = {}
        self._shards: list[Shard] = []
        self._added: list[tuple[BundleEntry, bytes | Callable[[], np.ndarray]]] = []
        self._added_entries: dict[bytes, BundleEntry] = {}
        self._big_endian = False
        self.paths: list[str] = []

    def __contains__(self, key: str) -> bool:
        raw_key = encode_key(key)
        return raw_key in self._entries or raw_key in self._added_entries

    def include(self, source: BundleReader, transfer: Transfer) -> None:
        """Includes all entries and data files of a checkpoint.

        Args:
          source: The checkpoint. Slices of one tensor may come from several checkpoints.
          transfer: How the data files get their new names: `'move'` (only for files that may be taken away), `'link'`
            (a copy on file systems without hard links), or `'copy'`.

        Raises:
          CheckpointError: If a key exists already, or if the byte orders differ.
        """
        if self._shards and source.big_endian != self._big_endian:
            raise CheckpointError(
                f'{source.prefix} differs in byte order from the checkpoint that it is merged with.'
            )
        self._big_endian = source.big_endian
        first_shard = len(self._shards)
        self._shards += [Shard(transfer, path) for path in source.data_paths()]
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
                if not entry.slices:  # An entry with slices has no data of its own.
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
            f'{source.prefix} has a key {decode_key(key)!r}, which {self.prefix} has already; rename or remove one.'
        )

    def _check_new(self, key: bytes) -> None:
        if key == HEADER_KEY:
            raise CheckpointError(
                f'A tensor of {self.prefix} cannot have the empty key, which is that of the header; give it a name.'
            )
        if key in self._entries or key in self._added_entries:
            raise CheckpointError(
                f'{self.prefix} already has a key {decode_key(key)!r}; rename one of the two tensors.'
            )

    def alias(self, new: str, existing: str) -> None:
        """Gives a tensor a further key over the same bytes.

        Args:
          new: The further key.
          existing: The key of the tensor.

        Raises:
          KeyError: If there is no key `existing`.
          CheckpointError: If the key `new` exists already or is empty.
        """
        self.alias_raw(encode_key(new), encode_key(existing))

    def alias_raw(self, new: bytes, existing: bytes) -> None:
        """Gives a tensor a further stored key, such as those of the data of slices.

        Args:
          new: The further key, as stored.
          existing: The key of the tensor, as stored.
        """
        self._check_new(new)
        if existing in self._added_entries:
            self._added_entries[new] = self._added_entries[existing]
            return
        raw = self._entries[existing]
        self._entries[new] = raw
        for part in self._slices(raw):
            self._entries[slices.encode_key(new, part)] = self._entries[slices.encode_key(existing, part)]

    def alias_location(self, new: Location, existing: Location) -> None:
        """Gives the tensor or slice at a location a further key, unless it has the key already.

        The slices of a partitioned variable share one key.

        Args:
          new: The further location: with the slice spec of `existing`; without one, to make a slice a whole tensor; or
            with one, to make a whole tensor a slice of a partitioned one.
          existing: The location of the tensor.

        Raises:
          KeyError: If there is no tensor at `existing`.
          CheckpointError: If another tensor has the new key, or if it is empty.
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
        """Makes a whole tensor a slice of a partitioned one too."""
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
        """Removes a key. The bytes of the tensor stay in their data file.

        Raises:
          KeyError: If there is no such key.
        """
        raw_key = encode_key(key)
        if self._added_entries.pop(raw_key, None) is not None:
            return
        for part in self._slices(self._entries.pop(raw_key)):
            del self._entries[slices.encode_key(raw_key, part)]

    def rename(self, old: str, new: str) -> None:
        """Renames a tensor.

        Args:
          old: The present key.
          new: The new key.

        Raises:
          KeyError: If there is no key `old`.
          CheckpointError: If the key `new` exists already or is empty.
        """
        if old != new:
            self.alias(new, old)
            self.remove(old)

    def rekey(self, sources: Mapping[str, str]) -> None:
        """Replaces all keys that were included.

        Args:
          sources: The old key of each tensor by its new key. Tensors without a new key are removed.

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
        """Adds a small tensor. All added tensors share one further data file.

        Args:
          key: The key of the tensor.
          value: Its value.

        Raises:
          CheckpointError: If the key exists already or is empty.
          dtypes.UnsupportedDtypeError: If TensorFlow cannot store such arrays.
        """
        data, crc = tensors.encode(value)
        entry = self._add(key, dtypes.from_numpy(value.dtype), value.shape, data)
        entry.size, entry.crc32c = len(data), crc

    def add_computed(
        self, key: str, dtype: int, shape: tuple[int, ...], compute: Callable[[], np.ndarray]
    ) -> None:
        """Adds a tensor that is computed when it is written, so that no two are in memory at once.

        Args:
          key: The key of the tensor.
          dtype: TensorFlow's data type number.
          shape: The shape of the tensor.
          compute: Returns the value, of that type and shape.

        Raises:
          CheckpointError: If the key exists already or is empty.
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
        """Changes the shape of a tensor that is stored whole; its bytes stay as they are.

        Args:
          key: The key of the tensor.
          shape: The new shape, of as many elements.
        """
        entry = BundleEntry.FromString(self._entries[encode_key(key)])
        entry.shape.ClearField('dim')
        for extent in shape:
            entry.shape.dim.add(size=extent)
        self._entries[encode_key(key)] = entry.SerializeToString(deterministic=True)

    def compact(self) -> None:
        """Replaces the included data files by one file with only the bytes that some key refers to."""
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

        self._shards = [Shard(pieces=pieces, copies=True)] if places else []

    def _write_added(self) -> Iterator[bytes | memoryview]:
        """Yields the bytes of the added tensors, and completes their entries."""
        offset = 0
        for entry, data in self._added:
            entry.offset = offset
            if callable(data):
                yield from self._write_computed(entry, data)
            else:
                yield data
            offset += entry.size

    @staticmethod
    def _write_computed(
        entry: BundleEntry, compute: Callable[[], np.ndarray]
    ) -> Iterator[bytes | memoryview]:
        """Yields the bytes of a tensor, in pieces if they are numbers, and completes its entry.

        No further copy of the tensor is in memory, nor is the tensor itself once it has been written.
        """
        value, crc, size = compute(), 0, 0
        if dtypes.from_numpy(value.dtype) == dtypes.STRING:
            data, entry.crc32c = tensors.encode(value)
            entry.size = len(data)
            yield data
            return
        for piece in tensors.encoded_pieces(value):
            crc = checksums.crc32c(piece, crc)
            size += len(piece)
            yield piece.data
        entry.size, entry.crc32c = size, checksums.mask(crc)

    def publish(self, progress: Progress = None, durable: bool = True) -> str:
        """Writes the checkpoint: first the data files, then the index, whose rename makes the checkpoint visible.

        A checkpoint under the same prefix stays intact until that rename: if its data files have the names of the new
        ones, the new ones get names of another number of shards.

        Args:
          progress: Called with the number of bytes of each piece after it was copied.
          durable: Whether the checkpoint survives a power cut when the function returns: its data are on the disk
            before its index, and both before the files that it replaces are removed.

        Returns:
          The prefix.

        Raises:
          CheckpointError: If tensors were added to a checkpoint of a big-endian machine, or another process has written
            the checkpoint meanwhile.
          OSError: If a file cannot be written. Files written until then are removed, moved files are moved back.
        """
        if self._big_endian and self._added_entries:
            raise CheckpointError(f'{self.prefix} has big-endian tensors, to which no tensor can be added.')
        shards = list(self._shards)
        if self._added or not shards:
            for entry, _ in self._added:
                entry.shard_id = len(shards)
            shards.append(Shard(pieces=self._write_added))
        self.paths = self._publication.publish(shards, self._index, durable, progress)
        return self.prefix

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
        """Returns True if another checkpoint has the same keys with the same types, shapes and checksums.

        Args:
          other: The other checkpoint, for instance the one that would be replaced.
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
            own_entry, other_entry = BundleEntry.FromString(raw), BundleEntry.FromString(other.raw[key])
            for entry in (own_entry, other_entry):
                entry.shard_id = entry.offset = 0
            if own_entry != other_entry:
                return False
        return True
