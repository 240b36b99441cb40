"""Verifies a checkpoint: every byte against its checksum, and the files against each other."""

import dataclasses
import functools
import json
import math
import os
from collections.abc import Callable

from estimator_ckpt.bundle import checksums, dtypes, tensors
from estimator_ckpt.bundle.checked_reading import Range, range_checksums
from estimator_ckpt.bundle.checkpoint_state import STATE_FILE, read_state
from estimator_ckpt.bundle.entries import Entry, decode_key
from estimator_ckpt.bundle.errors import CheckpointNotFoundError, CorruptCheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import as_path, checkpoint_exists, index_path
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.common import formatting
from estimator_ckpt.formats.opening import (
    find_checkpoint,
    find_source,
    following_latest,
    is_there,
    open_source,
)
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.formats.v1 import V1Reader
from estimator_ckpt.inspection import slice_coverage
from estimator_ckpt.inspection.tensor_statistics import statistics
from estimator_ckpt.keys.object_graph import read_object_graph

Progress = Callable[[int, int], object]


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a checkpoint.

    Attributes:
      file: The file that has the fault.
      key: The key that the fault concerns; empty if it concerns the whole file.
      problem: A sentence that describes the fault.
    """

    file: str
    key: str
    problem: str

    def __str__(self) -> str:
        problem = formatting.printable(self.problem)
        if self.file in problem:
            return problem
        return f'{self.file}: {repr(self.key) + ": " if self.key else ""}{problem}'


@dataclasses.dataclass
class VerificationReport:
    """The result of a verification. The report is true if there is no fault.

    Attributes:
      checkpoint: The prefix of the checkpoint.
      tensors: The number of keys in the index.
      shards: The number of data files according to the index.
      bytes: The number of bytes read from the data files.
      faults: The faults.
      warnings: Oddities that do not prevent the checkpoint from being read.
    """

    checkpoint: str
    tensors: int = 0
    shards: int = 0
    bytes: int = 0
    faults: list[Fault] = dataclasses.field(default_factory=list)
    warnings: list[Fault] = dataclasses.field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if there is no fault."""
        return not self.faults

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        lines = [f'fault: {fault}' for fault in self.faults]
        lines += [f'warning: {warning}' for warning in self.warnings]
        lines.append(self.summary())
        return '\n'.join(lines)

    def summary(self) -> str:
        """Summarizes what was checked and the number of faults in a line."""
        tensors, shards = formatting.count(self.tensors, 'key'), formatting.count(self.shards, 'shard')
        checked = f'{tensors}, {formatting.size(self.bytes)} in {shards}'
        faults = formatting.count(len(self.faults), 'fault') if self.faults else 'no fault'
        return f'{self.checkpoint}: {checked}: {faults}'

    def to_json(self) -> str:
        """Returns the report as a JSON object."""
        return json.dumps({'ok': self.ok, **dataclasses.asdict(self)})


def verify(
    path: str | os.PathLike, *, finite: bool = False, progress: Progress | None = None
) -> VerificationReport:
    """Reads every byte of a checkpoint and checks everything that can be checked without its program.

    Checks the checksums of the index and of every tensor; that data files exist and are long enough; that slices exist
    and cover their tensor; that the object graph can be parsed and its keys exist; and that the state file beside the
    checkpoint can be parsed.

    Args:
      path: A prefix, a model_dir, a `.index` or `.data-...` file, or the directory of a SavedModel.
      finite: Whether NaN and infinite values are faults. Bytes are read once more to find them.
      progress: Called with the number of bytes of each piece after it was read, and the number of all bytes to read.

    Returns:
      The faults. Damaged files are reported and do not raise an error.

    Raises:
      CheckpointNotFoundError: If there is no such checkpoint.
      OSError: If a file cannot be read.
    """
    try:
        find_source(path)
    except CorruptCheckpointError as error:
        report = VerificationReport(as_path(path))
        report.faults.append(Fault(os.path.join(path, STATE_FILE), '', str(error)))
        return report
    return following_latest(path, functools.partial(_verify, finite=finite, progress=progress))


def _verify(prefix: str, finite: bool, progress: Progress | None) -> VerificationReport:
    report = VerificationReport(prefix)
    progress = progress or (lambda piece, total: None)
    try:
        reader = open_source(prefix)
    except CorruptCheckpointError as error:
        report.faults.append(
            Fault(index_path(prefix) if checkpoint_exists(prefix) else prefix, '', str(error))
        )
    else:
        if isinstance(reader, V1Reader):
            _check_v1(reader, report, progress)
        elif isinstance(reader, BundleReader):
            _Check(reader, report, progress).run()
        else:
            _check_arrays(reader, report, progress)
        if finite:
            _check_finite(reader, report, progress)
    _check_state(prefix, report)
    if report.faults and not is_there(prefix):
        raise CheckpointNotFoundError(f'{prefix} is not there any more.')
    return report


def _check_v1(reader: V1Reader, report: VerificationReport, progress: Progress) -> None:
    """Reads every record of a V1 checkpoint."""
    files = files_for(reader.prefix)
    report.shards, report.tensors = reader.num_shards, len(reader.keys())
    total = sum(files.size(path) for path in reader.data_paths() if files.exists(path))
    for size, file, key, problem in reader.faults():
        report.bytes += size
        progress(size, total)
        if problem:
            report.faults.append(Fault(file, key, problem))


def _check_arrays(reader: TensorSource, report: VerificationReport, progress: Progress) -> None:
    """Reads every tensor of a file of another kind, which has no checksums or those of its format."""
    report.shards, keys = reader.num_shards, reader.keys()
    report.tensors, total = len(keys), sum(reader.entry(key).size for key in keys)
    for key in keys:
        entry = reader.entry(key)
        try:
            reader.tensor(key, verify=True)
        except (CorruptCheckpointError, CheckpointNotFoundError) as error:
            report.faults.append(Fault(reader.data_path(entry.shard), key, str(error)))
        report.bytes += entry.size
        progress(entry.size, total)


def _check_finite(reader: TensorSource, report: VerificationReport, progress: Progress) -> None:
    """Reports the tensors with NaN or infinite values, of those in which no other fault was found."""
    damaged = {fault.key for fault in report.faults}
    try:
        keys = [key for key in reader.keys() if key not in damaged]  # noqa: SIM118
        total = report.bytes + sum(reader.entry(key).size for key in keys)
    except CorruptCheckpointError:  # Already reported for each damaged entry.
        return
    for key in keys:
        try:
            numbers = statistics(reader, key, lambda size: progress(size, total))
        except (CorruptCheckpointError, CheckpointNotFoundError):  # Already reported for the data file.
            continue
        counts = [(numbers.nan, 'NaN'), (numbers.inf, 'Inf')] if numbers else []
        found = ', '.join(f'{count:,} {what}' for count, what in counts if count)
        if found:
            entry = reader.entry(key)
            values = formatting.count(math.prod(entry.shape), 'value')
            problem = f'{found} among its {values}'
            report.faults.append(Fault(reader.data_path(entry.shard), key, problem))


class _Check:
    """Verifies a checkpoint whose index can be read."""

    def __init__(self, reader: BundleReader, report: VerificationReport, progress: Progress):
        self._reader = reader
        self._report = report
        self._progress = progress
        self._files = files_for(reader.prefix)
        self._index = index_path(reader.prefix)

    def run(self) -> None:
        entries = self._entries()
        self._report.shards = self._reader.num_shards
        try:
            self._report.tensors = len(self._reader.keys())
        except CorruptCheckpointError:  # Already reported for each damaged entry.
            self._report.tensors = len(entries)
        for key, entry in entries.items():
            if entry.slices:
                self._check_slices(key, entry)
        sizes = self._data_sizes(entries)
        self._check_bytes(entries, sizes)
        self._check_object_graph()

    def _fault(self, file: str, key: bytes | str, problem: str) -> None:
        key = decode_key(key) if isinstance(key, bytes) else key
        self._report.faults.append(Fault(file, key, problem))

    def _entries(self) -> dict[bytes, Entry]:
        """Returns the plausible entries by stored key, and reports the remaining ones."""
        entries, last = {}, b''
        self._reader.decode_all()
        for key in self._reader.raw:
            if key <= last:
                self._fault(self._index, key, 'the keys are not in order, so that readers miss some')
            last = key
            try:
                entries[key] = self._reader.raw_entry(key)
            except CorruptCheckpointError as error:
                self._fault(self._index, key, str(error))
        return entries

    def _check_slices(self, key: bytes, entry: Entry) -> None:
        for part in dict.fromkeys(entry.slices):
            shape = slice_coverage.shape_of(part, entry.shape)
            try:
                piece = self._reader.slice_entry(decode_key(key), part)
            except CorruptCheckpointError as error:
                self._fault(self._index, key, str(error))
                continue
            if piece.slices or (piece.dtype, piece.shape) != (entry.dtype, shape):
                stored = f'{dtypes.name(piece.dtype)} {list(piece.shape)}'
                self._fault(self._index, key, f'its slice {part} is stored as {stored}')
        try:
            covered = slice_coverage.covers(entry.slices, entry.shape)
        except slice_coverage.TooComplexError as error:
            self._fault(self._index, key, str(error))
        else:
            if not covered:
                self._fault(self._index, key, 'its slices do not cover it')

    def _data_sizes(self, entries: dict[bytes, Entry]) -> dict[int, int]:
        """Returns the sizes of the data files that hold tensors, and reports missing ones."""
        sizes = {}
        for shard in sorted({entry.shard for entry in entries.values() if not entry.slices}):
            path = self._reader.data_path(shard)
            if self._files.exists(path) and not self._files.is_dir(path):
                sizes[shard] = self._files.size(path)
            else:
                held = sum(not entry.slices and entry.shard == shard for entry in entries.values())
                self._fault(
                    path, '', f'the data file is missing; it holds {formatting.count(held, "tensor")}'
                )
        return sizes

    def _check_bytes(self, entries: dict[bytes, Entry], sizes: dict[int, int]) -> None:
        present: dict[tuple, list[bytes]] = {}
        for key, entry in entries.items():
            if entry.slices or entry.shard not in sizes:
                continue
            if entry.offset + entry.size > sizes[entry.shard]:
                problem = f'the file is cut off: it has {sizes[entry.shard]} bytes, the tensor ends at byte '
                self._fault(self._reader.data_path(entry.shard), key, f'{problem}{entry.offset + entry.size}')
                continue
            # The bytes of several keys are checked once, unless the keys differ in what the bytes must be.
            strings = math.prod(entry.shape) if _has_lengths(entry) else -1
            place = (entry.shard, entry.offset, entry.size, strings, entry.crc32c)
            present.setdefault(place, []).append(key)
        total = sum(place[2] for place in present)
        places = sorted(present)
        entry_of = {place: entries[present[place][0]] for place in places}
        numeric = [place for place in places if not _has_lengths(entry_of[place])]
        ranges = [Range(self._reader.data_path(shard), offset, size) for shard, offset, size, *_ in numeric]
        crcs = range_checksums(self._files, ranges, lambda count: self._read(count, total))
        for place in places:
            entry = entry_of[place]
            if _has_lengths(entry):
                problem = self._problem_of_strings(entry, total)
            else:
                problem = _compare(checksums.mask(next(crcs)), entry)
            for key in present[place] if problem else ():
                self._fault(self._reader.data_path(entry.shard), key, problem)

    def _problem_of_strings(self, entry: Entry, total: int) -> str:
        """Returns what is wrong with the bytes of strings or variants; empty if nothing is."""
        data = self._files.read(self._reader.data_path(entry.shard), entry.offset, entry.size)
        self._read(len(data), total)
        try:
            crc = tensors.checksum(data, entry.dtype, entry.shape, self._reader.big_endian)
        except ValueError as error:
            return str(error)
        return _compare(crc, entry)

    def _read(self, size: int, total: int) -> None:
        self._report.bytes += size
        self._progress(size, total)

    def _check_object_graph(self) -> None:
        try:
            graph = read_object_graph(self._reader)
        except CorruptCheckpointError as error:
            self._fault(self._reader.prefix, '', str(error))
            return
        except CheckpointNotFoundError:  # Already reported for the data file.
            return
        if graph is None:
            return
        present = {decode_key(key) for key in self._reader.raw}
        # The keys of a lookup table are the key of the attribute and a suffix.
        present |= {key.rpartition('-')[0] for key in present}
        # The graph names an iterator by its attribute, and the state has its own suffix.
        present |= {key.removesuffix('_STATE') for key in present}
        for number, node in enumerate(graph.nodes):
            for attribute in node.attributes:
                if attribute.key not in present:
                    problem = (
                        f'node {number} of the object graph refers to this key, which the index does not have'
                    )
                    self._fault(self._index, attribute.key, problem)


def _has_lengths(entry: Entry) -> bool:
    """Returns True if the bytes of a tensor begin with lengths, which have a checksum of their own."""
    return entry.dtype in (dtypes.STRING, dtypes.VARIANT)


def _compare(crc: int, entry: Entry) -> str:
    return '' if crc == entry.crc32c else 'the checksum of its bytes does not match'


def _check_state(prefix: str, report: VerificationReport) -> None:
    """Checks the state file beside a checkpoint. Missing checkpoints that it names are only warnings."""
    directory = os.path.dirname(prefix)
    path = os.path.join(directory, STATE_FILE)
    try:
        state = read_state(directory)
    except CorruptCheckpointError as error:
        report.faults.append(Fault(path, '', str(error)))
        return
    for entry in dict.fromkeys([state.latest, *state.all]) if state else ():
        if find_checkpoint(directory, entry) is None:
            report.warnings.append(Fault(path, '', f'it names {entry}, which does not exist'))
