"""CRC32C as the checkpoint format stores it: masked (`tensorflow/tsl/lib/hash/crc32c.h`)."""

import ctypes
import functools
from collections.abc import Callable

import google_crc32c
import numpy as np

_MASK_DELTA = 0xA282EAD8
_POLYNOMIAL = 0x82F63B78  # Bit 31 is the coefficient of x^0.
_ONE = 1 << 31
# For fewer bytes, a call through ctypes takes longer than the checksum.
_LARGE = 64 * 1024


def crc32c(data: bytes | memoryview | np.ndarray, crc: int = 0) -> int:
    """Returns the CRC32C of `data`, unmasked. Other threads run meanwhile if there are many bytes.

    Args:
      data: The bytes. A read-only array is not copied.
      crc: The unmasked CRC32C of what precedes `data`.
    """
    if not isinstance(data, (bytes, np.ndarray)):
        data = bytes(data)
    size = data.nbytes if isinstance(data, np.ndarray) else len(data)
    if size < _LARGE or (extend := _library_function()) is None:
        return google_crc32c.extend(crc, data)
    return extend(crc, np.frombuffer(data, np.uint8).ctypes.data, size)


@functools.cache
def _library_function() -> Callable[[int, int, int], int] | None:
    """Returns `crc32c_extend(crc, address, size)` of the library that `google_crc32c` brings (`crc32c/crc32c.h`).

    The function of `google_crc32c` keeps the lock of the interpreter, and so only one core computes; `ctypes` releases
    it. None if there is no such library, as in `google_crc32c`'s version without C.
    """
    try:
        from google_crc32c import _crc32c

        function = ctypes.CDLL(_crc32c.__file__).crc32c_extend
    except (ImportError, OSError, AttributeError):
        return None
    function.argtypes, function.restype = [ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t], ctypes.c_uint32
    return function


def combine(first: int, second: int, size: int) -> int:
    """Returns the CRC32C of two byte strings, one behind the other.

    Args:
      first: The unmasked CRC32C of the first.
      second: The unmasked CRC32C of the second.
      size: The number of bytes of the second.
    """
    if not first:
        return second
    # As zlib's crc32_combine: bytes behind others multiply their checksum by x^8 each.
    return _product(first, _power(8 * size)) ^ second


def _power(exponent: int) -> int:
    """Returns x^exponent modulo the polynomial of CRC32C."""
    power = _ONE
    for bit in range(exponent.bit_length()):
        if exponent >> bit & 1:
            power = _product(power, _square(bit))
    return power


@functools.cache
def _square(times: int) -> int:
    """Returns x, squared so many times."""
    if times == 0:
        return _ONE >> 1
    root = _square(times - 1)
    return _product(root, root)


def _product(a: int, b: int) -> int:
    """Returns the product of two polynomials modulo that of CRC32C."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
    return product


def mask(crc: int) -> int:
    """Returns the stored form of a checksum, which keeps a checksum of data that contain checksums meaningful."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF
