"""Converts tensors between NumPy and stored bytes (`tensorflow/core/util/tensor_bundle/tensor_bundle.cc`)."""

import contextlib
import math
import struct
from collections.abc import Iterator

import numpy as np

from estimator_ckpt.bundle import checksums, dtypes, varint
from estimator_ckpt.bundle.errors import TensorMemoryError

_ALIGNMENT = 64
# The number of bytes of an array that are encoded at a time.
_PIECE = 16 * 1024 * 1024


def encode(array: np.ndarray) -> tuple[bytes, int]:
    """Encodes an array.

    Args:
      array: An array of numbers, booleans, or `bytes` or `str` objects.

    Returns:
      The stored bytes and their masked CRC32C.

    Raises:
      dtypes.UnsupportedDtypeError: If TensorFlow cannot store such arrays.
    """
    if dtypes.from_numpy(array.dtype) == dtypes.STRING:
        return _encode_strings([_as_bytes(item) for item in array.ravel()])
    data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder('<'), copy=False).tobytes()
    return data, checksums.mask(checksums.crc32c(data))


def encoded_pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """Encodes an array of numbers or booleans piece by piece. What is contiguous already is not copied.

    Args:
      array: The array, in whatever order it has in memory, such as a transposed view.

    Yields:
      The stored bytes in consecutive pieces, as read-only arrays of bytes. Pieces that are copies have at most 16 MiB,
      unless a single element has more.
    """
    little = array.dtype.newbyteorder('<')
    if array.nbytes <= _PIECE or not array.ndim:
        piece = np.ascontiguousarray(array).astype(little, copy=False).reshape(-1).view(np.uint8)
        piece.flags.writeable = False
        yield piece
        return
    if array.flags.c_contiguous:
        array = array.reshape(-1)
    rows = _PIECE * len(array) // array.nbytes
    if not rows:
        for row in array:
            yield from encoded_pieces(row)
        return
    for start in range(0, len(array), rows):
        yield from encoded_pieces(array[start : start + rows])


def decode(data: bytes, dtype: int, shape: tuple[int, ...], big_endian: bool = False) -> np.ndarray:
    """Decodes the stored bytes of a tensor.

    Args:
      data: The stored bytes.
      dtype: TensorFlow's data type number.
      shape: The shape of the tensor.
      big_endian: Whether the bytes were written on a big-endian machine.

    Returns:
      A writable array of `shape`; strings are returned as an object array of `bytes`.

    Raises:
      ValueError: If the bytes do not fit the shape.
      dtypes.UnsupportedDtypeError: If NumPy has no such type.
    """
    if dtype == dtypes.STRING:
        strings, _ = _decode_strings(data, math.prod(shape), big_endian)
        array = np.empty(len(strings), dtype=object)
        array[:] = strings
        return array.reshape(shape)
    numpy_dtype = dtypes.to_numpy(dtype)
    if len(data) != math.prod(shape) * numpy_dtype.itemsize:
        raise ValueError(f'{len(data)} bytes do not make {numpy_dtype} of shape {list(shape)}')
    if big_endian:
        return np.frombuffer(data, numpy_dtype.newbyteorder('>')).astype(numpy_dtype).reshape(shape)
    return np.frombuffer(bytearray(data), numpy_dtype).reshape(shape)


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Allocates an array at an address that is a multiple of 64, which TensorFlow can use without a copy.

    Args:
      shape: The shape of the array.
      dtype: Its type.

    Returns:
      The array, uninitialized.
    """
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


@contextlib.contextmanager
def allocating(prefix: str, key: str, dtype: int, shape: tuple[int, ...], size: int = 0) -> Iterator[None]:
    """Says which tensor does not fit into the memory, if the memory does not suffice in the block.

    Args:
      prefix: The checkpoint, for the message.
      key: The key of the tensor.
      dtype: TensorFlow's data type number.
      shape: The shape of the tensor.
      size: The number of bytes of a tensor whose elements have no fixed size.

    Raises:
      TensorMemoryError: Instead of a MemoryError.
    """
    try:
        yield
    except MemoryError as error:
        itemsize = dtypes.size(dtype)
        needed = size if itemsize is None else itemsize * math.prod(shape)
        raise TensorMemoryError(
            f'{prefix}: the tensor {key!r} needs {needed:,} bytes, more than there is free memory; use a machine with '
            'more of it.'
        ) from error


def checksum(data: bytes, dtype: int, shape: tuple[int, ...], big_endian: bool = False) -> int:
    """Computes the checksum that the entry of a tensor must have.

    Args:
      data: The stored bytes of the tensor.
      dtype: TensorFlow's data type number.
      shape: The shape of the tensor.
      big_endian: Whether the bytes were written on a big-endian machine.

    Returns:
      The masked CRC32C.

    Raises:
      ValueError: If the bytes of a tensor of strings or variants do not fit its shape.
    """
    if dtype == dtypes.STRING:
        return _decode_strings(data, math.prod(shape), big_endian)[1]
    if dtype == dtypes.VARIANT:
        return _variant_checksum(data, math.prod(shape), big_endian)
    return checksums.mask(checksums.crc32c(data))


def _as_bytes(item: bytes | str) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if not isinstance(item, bytes):
        raise dtypes.UnsupportedDtypeError(f'TensorFlow cannot store arrays of objects such as {item!r}')
    return item


def _encode_strings(strings: list[bytes]) -> tuple[bytes, int]:
    # The stored bytes are the lengths as varints, a checksum of the lengths, and the strings. The checksum of the entry
    # covers the lengths as fixed-width integers, the checksum of the lengths, and the strings.
    head = b''.join(varint.encode(len(string)) for string in strings)
    crc = checksums.crc32c(_fixed_lengths([len(string) for string in strings], '<'))
    mark = struct.pack('<I', checksums.mask(crc))
    body = b''.join(strings)
    return head + mark + body, checksums.mask(checksums.crc32c(body, checksums.crc32c(mark, crc)))


def _decode_strings(data: bytes, count: int, big_endian: bool) -> tuple[list[bytes], int]:
    if count > len(data):
        raise ValueError(f'{len(data)} bytes cannot hold {count} strings')
    order = '>' if big_endian else '<'
    lengths, position = [], 0
    for _ in range(count):
        length, position = varint.decode(data, position)
        lengths.append(length)
    crc = checksums.crc32c(_fixed_lengths(lengths, order))
    mark = data[position : position + 4]
    if len(mark) < 4 or struct.unpack(order + 'I', mark)[0] != checksums.mask(crc):
        raise ValueError('the checksum of the string lengths does not match')
    position += 4
    if position + sum(lengths) != len(data):
        raise ValueError(f'the string lengths do not add up to the {len(data)} bytes stored')
    strings = []
    for length in lengths:
        strings.append(data[position : position + length])
        position += length
    body = checksums.crc32c(b''.join(strings), checksums.crc32c(mark, crc))
    return strings, checksums.mask(body)


def _fixed_lengths(lengths: list[int], order: str) -> bytes:
    return b''.join(struct.pack(order + ('I' if n < 1 << 32 else 'Q'), n) for n in lengths)


def _variant_checksum(data: bytes, count: int, big_endian: bool) -> int:
    """Returns the masked checksum of variants, each of which is its length as a varint, bytes, and the checksum so far.

    The checksum covers each length as 64 bits, the bytes, and the stored checksums (`WriteVariantTensor` in
    `tensorflow/core/util/tensor_bundle/tensor_bundle.cc`).
    """
    order, crc, position = '>' if big_endian else '<', 0, 0
    for _ in range(count):
        length, position = varint.decode(data, position)
        body, mark = data[position : position + length], data[position + length : position + length + 4]
        if len(body) < length or len(mark) < 4:
            raise ValueError(f'{len(data)} bytes end within a variant')
        crc = checksums.crc32c(body, checksums.crc32c(struct.pack(order + 'Q', length), crc))
        if struct.unpack(order + 'I', mark)[0] != checksums.mask(crc):
            raise ValueError('the checksum of a variant does not match')
        crc = checksums.crc32c(mark, crc)
        position += length + 4
    if position != len(data):
        raise ValueError(f'the variants do not add up to the {len(data)} bytes stored')
    return checksums.mask(crc)
