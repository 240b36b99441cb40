"""Describes the values of a tensor by a few numbers, reading it in pieces."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.formats.source import TensorSource

# Larger tensors are read in pieces of about this many bytes.
_PIECE = 32 * 1024 * 1024
# The number of elements that are converted to float64 at a time.
_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Statistics:
    """Some numbers about the values of a tensor.

    Attributes:
      mean: The mean of the finite elements, computed in float64; None if there are none, or for complex numbers.
      std: The standard deviation of the finite elements, that of a population; None like the mean.
      min: The smallest finite element; None like the mean.
      max: The largest finite element; None like the mean.
      zeros: The number of elements that are zero.
      nan: The number of elements that are NaN.
      inf: The number of infinite elements.
    """

    mean: float | None = None
    std: float | None = None
    min: float | int | None = None
    max: float | int | None = None
    zeros: int = 0
    nan: int = 0
    inf: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as values that JSON can represent; a number too large for float64 as a string."""
        fields = dataclasses.asdict(self)
        return {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in fields.items()
        }


def statistics(
    source: TensorSource, key: str, progress: Callable[[int], object] = lambda size: None
) -> Statistics | None:
    """Returns the statistics of a tensor. Of a large one only some rows are in memory at a time.

    Checksums cover whole tensors, and are checked only for those that are read whole.

    Args:
      source: The reader of the checkpoint.
      key: The key of the tensor.
      progress: Called with the number of bytes of each piece after it was read.

    Returns:
      The statistics; None if the elements are not numbers, or if NumPy has no such type.

    Raises:
      KeyError: If there is no such key.
      CheckpointError: If the tensor cannot be read.
    """
    if source.entry(key).dtype in (dtypes.STRING, dtypes.VARIANT):
        return None
    try:
        return of_pieces(pieces(source, key, progress))
    except dtypes.UnsupportedDtypeError:
        return None


def pieces(source: TensorSource, key: str, progress: Callable[[int], object]) -> Iterator[np.ndarray]:
    """Yields the values of a tensor, a large one in several pieces.

    Args:
      source: The reader of the checkpoint.
      key: The key of the tensor.
      progress: Called with the number of bytes of each piece after it was used.

    Raises:
      CheckpointError: If the tensor cannot be read.
    """
    entry = source.entry(key)
    if entry.size <= _PIECE or entry.slices or not entry.shape:
        yield source.tensor(key, verify=True)
        progress(entry.size)
        return
    rows, extent = max(1, _PIECE * entry.shape[0] // entry.size), entry.shape[0]
    for start in range(0, extent, rows):
        piece = source.rows(key, start, min(start + rows, extent))
        yield piece
        progress(piece.nbytes)


def of_pieces(pieces: Iterable[np.ndarray]) -> Statistics | None:
    """Returns the statistics of all elements of some arrays of numbers; None if these are not numbers."""
    total = _Total()
    for piece in pieces:
        flat = piece.reshape(-1)
        if flat.dtype.kind not in 'biufcV' or flat.dtype.names:
            return None
        for start in range(0, flat.size, _CHUNK):
            total.add(flat[start : start + _CHUNK])
    return total.statistics()


class _Total:
    """Accumulates statistics. Means and variances are merged as by Chan, Golub and LeVeque (1983)."""

    def __init__(self) -> None:
        self._count, self._mean, self._squares = 0, 0.0, 0.0
        self._extremes: list[Any] = []
        self._zeros = self._nan = self._inf = 0

    def add(self, elements: np.ndarray) -> None:
        self._zeros += elements.size - int(np.count_nonzero(elements))
        if elements.dtype.kind in 'fcV':
            # The types of ml_dtypes have the kind V.
            wide = elements.astype(np.complex128 if elements.dtype.kind == 'c' else np.float64)
            finite = np.isfinite(wide)
            if not finite.all():
                nan = int(np.count_nonzero(np.isnan(wide)))
                self._nan += nan
                self._inf += wide.size - int(np.count_nonzero(finite)) - nan
                elements, wide = elements[finite], wide[finite]
        else:
            wide = elements.astype(np.float64)
        if elements.size and wide.dtype.kind == 'f':
            self._add_finite(elements, wide)

    def _add_finite(self, elements: np.ndarray, wide: np.ndarray) -> None:
        # Integers keep all of their digits; floats are exact in float64.
        exact = elements if elements.dtype.kind in 'iu' else wide
        self._extremes += [exact.min().item(), exact.max().item()]
        self._extremes = [min(self._extremes), max(self._extremes)]
        with np.errstate(over='ignore', invalid='ignore'):
            mean, count = float(wide.mean()), self._count + wide.size
            distance = mean - self._mean
            self._squares += float(np.square(wide - mean).sum())
            if self._count:
                self._squares += distance * distance * self._count * wide.size / count
            self._mean += distance * wide.size / count
        self._count = count

    def statistics(self) -> Statistics:
        """Returns the statistics of what was added."""
        counts = {'zeros': self._zeros, 'nan': self._nan, 'inf': self._inf}
        if not self._count:
            return Statistics(**counts)
        low, high = self._extremes
        return Statistics(self._mean, math.sqrt(self._squares / self._count), low, high, **counts)
