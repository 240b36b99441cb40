"""Slices of partitioned variables: their specs, and the keys that their data are stored under.

A partitioned variable has an entry under its name that lists slices, and one entry per slice under an encoded key
(`checkpoint::EncodeTensorNameSlice` in `tensorflow/core/util/saved_tensor_slice_util.cc`, with the numbers and strings
of `tensorflow/tsl/lib/strings/ordered_code.cc`, made so that keys sort by name, then by slice).
"""

import functools
import re

Extent = tuple[int, int | None]  # (start, length); length None is the whole dimension.
Slice = tuple[Extent, ...]

_ESCAPED = re.compile(rb'[\x00\xff]')


def parse_spec(spec: str) -> tuple[tuple[int, ...], Slice]:
    """Parses a slice spec such as `'10 4 0,5:-'` into the full shape and the slice."""
    *dimensions, extents = spec.split(' ')
    parsed: list[Extent] = []
    for extent in extents.split(':'):
        if extent == '-':
            parsed.append((0, None))
        else:
            start, length = extent.split(',')
            parsed.append((int(start), int(length)))
    return tuple(map(int, dimensions)), tuple(parsed)


def as_numpy(part: Slice) -> tuple[slice, ...]:
    """Returns a slice as an index into a NumPy array of the full shape."""
    return tuple(slice(None) if length is None else slice(start, start + length) for start, length in part)


def encode_key(name: bytes, part: Slice) -> bytes:
    """Returns the stored key of the data of one slice.

    Args:
      name: The stored key of the partitioned variable.
      part: The slice.
    """
    return _unsigned(0) + _string(name) + _slice(part)


@functools.lru_cache(maxsize=1024)  # Most tensors of a V1 checkpoint have one of a few.
def _slice(part: Slice) -> bytes:
    out = _unsigned(len(part))
    for start, length in part:
        out += _signed(start) + _signed(-1 if length is None else length)
    return out


def _unsigned(value: int) -> bytes:
    """Encodes a number like OrderedCode::WriteNumIncreasing: the number of bytes, then the bytes, highest first."""
    data = value.to_bytes((value.bit_length() + 7) // 8, 'big')
    return bytes([len(data)]) + data


def _string(data: bytes) -> bytes:
    """Encodes a string like OrderedCode::WriteString: 0x00 and 0xff escaped, then an end mark."""
    return _ESCAPED.sub(lambda byte: byte[0] + bytes([byte[0][0] ^ 0xFF]), data) + b'\x00\x01'


def _signed(value: int) -> bytes:
    """Encodes a number like OrderedCode::WriteSignedNumIncreasing: two's complement, leading bits flipped by length."""
    size = 1
    while not -(1 << (7 * size - 1)) <= value < 1 << (7 * size - 1):
        size += 1
    header = ((1 << size) - 1) << (8 * size - size)
    return ((value & ((1 << (8 * size)) - 1)) ^ header).to_bytes(size, 'big')
