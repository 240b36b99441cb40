"""Measures how far two arrays are apart, with little additional memory."""

import dataclasses

import numpy as np

# The number of elements that are compared at a time.
_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class ArrayDifference:
    """The difference between two arrays of the same shape.

    Attributes:
      elements: The number of elements that differ by more than the tolerance.
      max_absolute: The largest absolute difference; infinite if only one of two elements is NaN, None for strings.
      max_relative: The largest difference relative to the larger of the two magnitudes; None for strings.
    """

    elements: int
    max_absolute: float | None
    max_relative: float | None


def compare(a: np.ndarray, b: np.ndarray, rtol: float = 0.0, atol: float = 0.0) -> ArrayDifference:
    """Compares two arrays of the same shape, of the same type or of two types of numbers. NaN equals NaN.

    Args:
      a: The first array.
      b: The second array.
      rtol: The tolerated difference relative to the larger of the two magnitudes.
      atol: The tolerated absolute difference, in addition to the relative one.
    """
    a, b = a.reshape(-1), b.reshape(-1)
    if a.dtype == object:
        return ArrayDifference(sum(x != y for x, y in zip(a, b, strict=True)), None, None)
    elements, max_absolute, max_relative = 0, 0.0, 0.0
    for start in range(0, a.size, _CHUNK):
        absolute, magnitude = _distance(a[start : start + _CHUNK], b[start : start + _CHUNK])
        with np.errstate(invalid='ignore', divide='ignore'):
            relative = np.where(np.isinf(absolute), np.inf, absolute / magnitude)
            elements += int(
                np.count_nonzero(absolute > atol + rtol * np.where(np.isinf(absolute), 0, magnitude))
            )
        max_absolute = max(max_absolute, float(absolute.max()))
        max_relative = max(max_relative, float(np.where(absolute == 0, 0, relative).max()))
    return ArrayDifference(elements, max_absolute, max_relative)


def _distance(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the absolute differences of two pieces, and the larger magnitudes."""
    if a.dtype.kind in 'iu' and a.dtype == b.dtype:
        # The difference of any two integers is exact modulo 2^64; signed integers or floats may overflow or round.
        high, low = np.maximum(a, b), np.minimum(a, b)
        absolute = (high.astype(np.uint64) - low.astype(np.uint64)).astype(np.float64)
        return absolute, np.maximum(np.abs(a.astype(np.float64)), np.abs(b.astype(np.float64)))
    wide = np.complex128 if 'c' in (a.dtype.kind, b.dtype.kind) else np.float64
    a, b = a.astype(wide), b.astype(wide)
    with np.errstate(invalid='ignore', over='ignore'):
        absolute = np.abs(a - b)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        absolute = np.where(same, 0.0, np.where(np.isnan(absolute), np.inf, absolute))
        return absolute, np.maximum(np.abs(a), np.abs(b))
