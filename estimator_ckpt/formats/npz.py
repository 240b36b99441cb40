"""Reads and writes archives of NumPy arrays (`.npz`), as `numpy.savez` and `numpy.savez_compressed` write them.

An archive is a zip file with a `.npy` file for each array. What needs pickle, which may run code, is never read: such
an array is listed with the type 0, and an error is raised when it is read. So are arrays of types that TensorFlow does
not have (dates, structures, and the raw bytes that `numpy.savez` makes of bfloat16). The other arrays stay usable.
"""

import contextlib
import io
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO, NamedTuple

import numpy as np

from estimator_ckpt.bundle import dtypes, tensors
from estimator_ckpt.bundle.entries import encode_key, is_possible_shape
from estimator_ckpt.bundle.errors import CheckpointError, damaged
from estimator_ckpt.bundle.files import Progress
from estimator_ckpt.formats.array_file import ArrayEntry, ArrayFile
from estimator_ckpt.formats.output import OutputTensor, replacing
from estimator_ckpt.formats.output_types import check_types
from estimator_ckpt.formats.random_access import RandomAccess, byte_view, check_booleans, read_array

_SUFFIX = '.npy'
_INVALID = 0  # DT_INVALID, for arrays that TensorFlow has no type for.
_MAX_HEADER = 10_000  # The limit of NumPy.
# Deflate makes at most this many bytes of one.
_MAX_RATIO = 1032
_LOCAL_MAGIC, _LOCAL_HEADER_SIZE = b'PK\x03\x04', 30
_ENCRYPTED = 1
_PIECE = 1 << 20
# What `zipfile` and `zlib` raise for damaged archives, besides ValueError and OSError.
_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,
    OverflowError,
)
# The types that NumPy itself has, by TensorFlow's numbers.
_STORABLE = frozenset(
    dtypes.from_numpy(np.dtype(code)) for code in ('?', *np.typecodes['AllInteger'], *'efdFD')
)


class _Member(NamedTuple):
    """An array in an archive.

    Attributes:
      info: The entry in the directory of the archive.
      start: The offset of the contents, if they are not compressed.
      header_size: The number of bytes before the values.
      header_crc: The CRC32 of these bytes.
      dtype: The type of the array.
      is_fortran: True if the first axis varies fastest.
      fault: The reason why the array cannot be read, as a clause; empty if it can.
    """

    info: zipfile.ZipInfo
    start: int
    header_size: int
    header_crc: int
    dtype: np.dtype
    is_fortran: bool
    fault: str

    @property
    def is_stored(self) -> bool:
        return self.info.compress_type == zipfile.ZIP_STORED


class NpzFile(ArrayFile):
    """An archive of NumPy arrays; a `source.TensorSource`.

    The names, types and shapes are read at once. Ranges of arrays that are neither compressed nor in Fortran order are
    read without the rest. The checksum of an array is checked when it is read whole.
    """

    what = 'a NumPy archive'

    def __init__(self, path: str | os.PathLike):
        """Opens an archive.

        Args:
          path: The path of the file.

        Raises:
          CheckpointNotFoundError: If there is no such file.
          CorruptCheckpointError: If the archive or the header of an array is damaged.
        """
        super().__init__(path)
        self._size = self._files.size(self.prefix)
        self._members: dict[str, _Member] = {}
        self._stream = io.BufferedReader(RandomAccess(self.prefix, self._files, self._size))
        try:
            self._archive = zipfile.ZipFile(self._stream)
        except (ValueError, OSError, *_FAULTS) as error:
            raise damaged(self.prefix, f'its directory cannot be read ({error})') from error
        for info in self._archive.infolist():
            if info.filename.endswith(_SUFFIX):
                self._add(info)

    def _add(self, info: zipfile.ZipInfo) -> None:
        key = info.filename[: -len(_SUFFIX)]
        if key in self._entries:
            raise damaged(self.prefix, f'the array {key!r} is in it twice')
        try:
            encode_key(key)
            member, shape = self._member(info)
            number = _INVALID if member.fault else dtypes.from_numpy(member.dtype)
            if not member.fault:
                self._check_size(member, shape)
        except (ValueError, OSError, *_FAULTS) as error:
            raise damaged(self.prefix, f'the header of the array {key!r} cannot be read ({error})') from error
        self._members[key], self._entries[key] = member, ArrayEntry.of(number, shape)

    def _member(self, info: zipfile.ZipInfo) -> tuple[_Member, tuple[int, ...]]:
        """Returns an array without its values, and the shape."""
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f'it is compressed by method {info.compress_type}, which NumPy does not use')
        if info.flag_bits & _ENCRYPTED:
            raise ValueError('it is encrypted')
        self._stream.seek(info.header_offset)
        local = self._stream.read(_LOCAL_HEADER_SIZE)
        if local[:4] != _LOCAL_MAGIC:
            raise ValueError('it is not where the directory says')
        start = info.header_offset + _LOCAL_HEADER_SIZE + sum(struct.unpack_from('<HH', local, 26))
        with self._contents(info, start) as stream:
            head = stream.read(12)
            size, field = (10, '<H') if head[6:7] == b'\x01' else (12, '<I')
            size += struct.unpack_from(field, head, 8)[0]
            if size > min(_MAX_HEADER, info.file_size):
                raise ValueError(f'it claims {size} bytes')
            head = head[:size] + stream.read(max(size - len(head), 0))
        shape, is_fortran, dtype = _parsed(head)
        if not is_possible_shape(shape):
            raise ValueError(f'the shape {list(shape)} is impossible')
        member = _Member(info, start, size, zlib.crc32(head), dtype, is_fortran, _type_fault(dtype))
        return member, tuple(map(int, shape))

    def _contents(self, info: zipfile.ZipInfo, start: int) -> contextlib.AbstractContextManager[IO[bytes]]:
        """Returns the contents of an array's file. What is not compressed is read without a look at its checksum."""
        if info.compress_type != zipfile.ZIP_STORED:
            return self._archive.open(info)
        self._stream.seek(start)
        return contextlib.nullcontext(self._stream)

    def _check_size(self, member: _Member, shape: tuple[int, ...]) -> None:
        """Checks that as many bytes as an array takes can be in the archive."""
        count, info = math.prod(shape), member.info
        size = member.header_size + count * member.dtype.itemsize
        if info.file_size != size:
            raise ValueError(f'it is of {size} bytes, and the directory claims {info.file_size}')
        if member.is_stored:
            fits = info.compress_size == size and member.start + size <= self._size
        else:
            fits = info.compress_size <= self._size and size <= _MAX_RATIO * (info.compress_size + 1)
        if not fits or (not member.dtype.itemsize and count > self._size):
            raise ValueError(f'the file is too short for the shape {list(shape)}')

    def _read(self, key: str, entry: ArrayEntry) -> np.ndarray:
        member = self._readable(key)
        shape = entry.shape[::-1] if member.is_fortran else entry.shape
        if not member.dtype.itemsize:
            return _native(np.zeros(shape, member.dtype))
        if member.is_stored:
            start = member.start + member.header_size
            array = read_array(self._files, self.prefix, start, shape, member.dtype)
            if zlib.crc32(byte_view(array).data, member.header_crc) != member.info.CRC:
                raise ValueError('its checksum does not match')
        else:
            array = self._decompressed(member, shape)
        return _native(array.transpose() if member.is_fortran else array)

    def _read_rows(self, key: str, entry: ArrayEntry, start: int, stop: int) -> np.ndarray:
        member = self._readable(key)
        if not member.is_stored or member.is_fortran or not member.dtype.itemsize:
            return self._read(key, entry)[start:stop]
        row = member.dtype.itemsize * math.prod(entry.shape[1:])
        offset = member.start + member.header_size + start * row
        shape = (stop - start, *entry.shape[1:])
        return _native(read_array(self._files, self.prefix, offset, shape, member.dtype))

    def _readable(self, key: str) -> _Member:
        member = self._members[key]
        if member.fault:
            raise dtypes.UnsupportedDtypeError(member.fault)
        return member

    def _decompressed(self, member: _Member, shape: tuple[int, ...]) -> np.ndarray:
        array = tensors.empty(shape, member.dtype)
        buffer, done = byte_view(array), 0
        try:
            with self._archive.open(member.info) as stream:
                stream.read(member.header_size)
                # The piece after the last one is empty; zipfile compares the checksum when it meets the end.
                while piece := stream.read(_PIECE):
                    buffer[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
                    done += len(piece)
        except _FAULTS as error:
            raise ValueError(f'it cannot be decompressed ({error})') from error
        if done != len(buffer):
            raise ValueError(f'it has {done} bytes of {len(buffer)}')
        return array


def _parsed(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Returns the shape, whether the first axis varies fastest, and the type according to a `.npy` header."""
    header = io.BytesIO(head)
    version = np.lib.format.read_magic(header)
    # The versions 2 and 3 differ in the encoding of names of fields, which no array that can be read has.
    old = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
    try:
        return read(header)
    except Exception as error:  # Whatever Python's tokenizer, its literals and NumPy's types raise.
        raise ValueError('NumPy cannot parse it') from error


def _type_fault(dtype: np.dtype) -> str:
    """Returns the reason why arrays of a type are not read, as a clause; empty if they are."""
    if dtype.hasobject:
        return 'it consists of pickled Python objects, which may run code when they are loaded'
    if dtype.kind == 'V' and dtype.names is None and dtype.subdtype is None:
        return (
            f'it consists of raw items of {dtype.itemsize} bytes, as numpy.savez stores bfloat16 and other types that '
            'NumPy lacks'
        )
    try:
        dtypes.from_numpy(dtype)
    except dtypes.UnsupportedDtypeError as error:
        return str(error)
    return ''


def _native(array: np.ndarray) -> np.ndarray:
    """Returns an array in C order and native byte order; strings as an object array of `bytes`."""
    if array.dtype.kind not in 'SU':
        native = array.dtype.newbyteorder('=')
        return check_booleans(np.ascontiguousarray(array.astype(native, copy=False)).reshape(array.shape))
    items = array.reshape(-1).tolist()
    strings = np.empty(len(items), object)
    strings[:] = [item.encode() if isinstance(item, str) else item for item in items]
    return strings.reshape(array.shape)


def write_npz(
    path: str,
    output: Sequence[OutputTensor],
    progress: Progress = None,
    durable: bool = True,
    overwrite: bool = True,
) -> None:
    """Writes an archive of arrays as `numpy.savez` does, one array at a time. No array is compressed.

    Args:
      path: The path of the new file, which appears whole or not at all.
      output: The arrays.
      progress: A function that is called with the number of bytes of each array that has been written.
      durable: Whether the file survives a power cut when the function returns.
      overwrite: Whether a local file that is there at the end is replaced.

    Raises:
      CheckpointError: If NumPy has no such type, or `numpy.load` could not tell two names apart, or there is such
        a file, and it is not to be replaced.
    """
    check_types(path, 'NumPy archives', output, _STORABLE)
    _check_names(path, [tensor.name for tensor in output])
    with (
        replacing(path, durable, overwrite) as local,
        zipfile.ZipFile(local, 'w', zipfile.ZIP_STORED, allowZip64=True) as archive,
    ):
        for tensor in output:
            value = tensor.value()
            value = value.astype(value.dtype.newbyteorder('='), copy=False)
            with archive.open(f'{tensor.name}{_SUFFIX}', 'w', force_zip64=True) as member:
                np.lib.format.write_array(member, value, allow_pickle=False)
            if progress is not None:
                progress(value.nbytes)


def _check_names(path: str, names: Sequence[str]) -> None:
    """Checks that `numpy.load` finds each array by its name."""
    seen: set[str] = set()
    for name in names:
        try:
            is_kept = zipfile.ZipInfo(f'{name}{_SUFFIX}').filename == f'{name}{_SUFFIX}' and bool(
                name.encode()
            )
        except UnicodeEncodeError:
            is_kept = False
        if not is_kept:
            raise CheckpointError(
                f'{path}: NumPy archives cannot hold the name {name!r}; give the array another by a rule.'
            )
        # numpy.load takes the name `x.npy` for the array `x`, if there is one.
        for other in (name, f'{name}{_SUFFIX}', name.removesuffix(_SUFFIX)):
            if other in seen:
                raise CheckpointError(
                    f'{path}: numpy.load could not tell {name!r} from {other!r}; give one another name by a '
                    'rule.'
                )
        seen.add(name)
