"""CRC32C as the checkpoint format stores it: masked (`tensorflow/tsl/lib/hash/crc32c.h`)."""

import google_crc32c
import numpy as np

_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes | memoryview | np.ndarray, crc: int = 0) -> int:
    """Returns the CRC32C of `data`, unmasked.

    Args:
      data: The bytes. A read-only array is not copied.
      crc: The unmasked CRC32C of what precedes `data`.
    """
    return google_crc32c.extend(crc, data if isinstance(data, (bytes, np.ndarray)) else bytes(data))


def mask(crc: int) -> int:
    """Returns the stored form of a checksum, which keeps a checksum of data that contain checksums meaningful."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF
