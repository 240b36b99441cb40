"""Checks that slices cover their tensor, from their bounds alone."""

from collections.abc import Sequence

from estimator_ckpt.bundle.slices import Slice

# Partitioned variables take one step per slice; only slices that overlap in many dimensions take more.
_MAX_STEPS = 1_000_000


class TooComplexError(ValueError):
    """Raised if slices overlap in too many ways to be checked."""


def shape_of(part: Slice, shape: Sequence[int]) -> tuple[int, ...]:
    """Returns the shape of a slice of a tensor.

    Args:
      part: The slice.
      shape: The shape of the whole tensor.
    """
    return tuple(
        extent if length is None else length for (_, length), extent in zip(part, shape, strict=True)
    )


def covers(parts: Sequence[Slice], shape: Sequence[int]) -> bool:
    """Returns True if every element of a tensor is in a slice.

    Args:
      parts: The slices.
      shape: The shape of the whole tensor.

    Raises:
      TooComplexError: If the check would take unreasonably long.
    """
    boxes = {
        tuple((start, start + extent) for (start, _), extent in zip(part, shape_of(part, shape), strict=True))
        for part in parts
    }
    return _Sweep(shape).covered(list(boxes), 0)


class _Sweep:
    """Cuts a tensor at the bounds of its slices, one dimension after the other."""

    def __init__(self, shape: Sequence[int]):
        self._shape = shape
        self._steps = 0

    def covered(self, boxes: list[tuple[tuple[int, int], ...]], axis: int) -> bool:
        if axis == len(self._shape):
            return bool(boxes)
        if 0 in self._shape[axis:]:
            return True
        begins = sorted(boxes, key=lambda box: box[axis][0])
        cuts = sorted({0, self._shape[axis], *(bound for box in boxes for bound in box[axis])})
        active, following = [], 0
        for cut in cuts[:-1]:
            while following < len(begins) and begins[following][axis][0] <= cut:
                active.append(begins[following])
                following += 1
            active = [box for box in active if box[axis][1] > cut]
            self._steps += 1 + len(active)
            if self._steps > _MAX_STEPS:
                raise TooComplexError('its slices overlap in too many ways to be checked')
            if not active or not self.covered(active, axis + 1):
                return False
        return True
