"""CRC32C as the checkpoint format stores it: masked (`tensorflow/tsl/lib/hash/crc32c.h`)."""

import google_crc32c
import numpy as np

_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes | memoryview | np.ndarray, crc: int = 0) -> int:
    """The CRC32C of `data`, going on from `crc`; of an array without a copy, if it is read-only."""
    return google_crc32c.extend(crc, data if isinstance(data, (bytes, np.ndarray)) else bytes(data))


def mask(crc: int) -> int:
    """The stored form of a checksum, so that a checksum of checksums stays meaningful."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF
