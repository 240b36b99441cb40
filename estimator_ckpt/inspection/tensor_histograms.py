"""Counts the values of tensors in equal intervals, reading large tensors in pieces."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.inspection.tensor_statistics import pieces, statistics

BINS = 24


class Histograms(NamedTuple):
    """The histograms of some tensors over the same range.

    Attributes:
      low: The smallest finite value of all tensors.
      high: The largest one.
      counts: For each tensor the numbers of finite values in `BINS` equal intervals from `low` to `high`; None where
        there is no tensor.
    """

    low: float
    high: float
    counts: list[np.ndarray | None]


def histograms(
    tensors: Sequence[tuple[TensorSource, str] | None], progress: Callable[[int], object] = lambda size: None
) -> Histograms | None:
    """Returns the histograms of tensors over their common range. Each tensor is read twice.

    Args:
      tensors: The reader and the key of each tensor; None in the place of a tensor that is not there.
      progress: Called with the number of bytes of each piece after it was read for the last time.

    Returns:
      The histograms; None if a tensor does not consist of real numbers, or has no finite value.

    Raises:
      CheckpointError: If a tensor cannot be read.
    """
    found = [statistics(*tensor) for tensor in tensors if tensor]
    ranges = [(float(s.min), float(s.max)) for s in found if s and s.min is not None and s.max is not None]
    if not ranges or len(ranges) < len(found):
        return None
    low, high = min(first for first, _ in ranges), max(last for _, last in ranges)
    if not math.isfinite(high - low):
        return None
    counts = [tensor and _counts(*tensor, low, high, progress) for tensor in tensors]
    return Histograms(low, high, counts)


def _counts(
    source: TensorSource, key: str, low: float, high: float, progress: Callable[[int], object]
) -> np.ndarray:
    total = np.zeros(BINS, np.int64)
    # Searched for, since np.histogram fails where the intervals are too small to divide by.
    inner_edges = np.linspace(low, high, BINS + 1)[1:-1]
    for piece in pieces(source, key, progress):
        values = piece.reshape(-1).astype(np.float64)
        values = values[np.isfinite(values)]
        if high > low:
            total += np.bincount(np.searchsorted(inner_edges, values, 'right'), minlength=BINS)
        else:
            total[BINS // 2] += values.size
    return total


def is_counted(source: TensorSource, key: str) -> bool:
    """Returns True if a tensor may have a histogram, as strings and resources do not.

    Args:
      source: The reader of the checkpoint.
      key: The key of the tensor.
    """
    return dtypes.size(source.entry(key).dtype) is not None and math.prod(source.entry(key).shape) > 0
