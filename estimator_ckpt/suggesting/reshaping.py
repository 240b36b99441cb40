"""Decides whether a reshape of one tensor to another keeps its meaning, and writes it as an operation of a rule."""

import functools
import math

Shape = tuple[int, ...]
# The rank of the kernel of a convolution of images; its last two axes are channels.
_CONVOLUTION = 4
# The rank of the kernel of an attention with an axis of heads.
OF_HEADS = 3


@functools.lru_cache(maxsize=100_000)
def fits(source: Shape, target: Shape) -> bool:
    """Returns True if two shapes differ only in axes that are split, merged or of extent 1.

    For instance `[768, 768]` fits `[768, 12, 64]`, and `[1, 1, 2048, 1000]` fits `[2048, 1000]`; `[2, 6]` and `[3, 4]`
    do not fit, although they have as many elements, because a reshape would change what each element means. Nor do the
    kernels of two convolutions of different windows, such as `[1, 1, 896, 128]` and `[1, 7, 128, 128]`, or
    `[1, 3, 128, 128]` and `[3, 1, 128, 128]`.

    Args:
      source: The first shape.
      target: The second shape.
    """
    if math.prod(source) != math.prod(target):
        return False
    if min(len(source), len(target)) >= _CONVOLUTION:
        # Of as many axes, each is the same one.
        if len(source) == len(target) and source[:-2] != target[:-2]:
            return False
        if _window(source) != _window(target):
            return False
    left, right = (sorted(_edges(shape)) for shape in (source, target))
    coarse, fine = (left, right) if len(left) <= len(right) else (right, left)
    return set(coarse) <= set(fine)


def _window(shape: Shape) -> Shape:
    return tuple(extent for extent in shape[:-2] if extent != 1)


def _edges(shape: Shape) -> set[int]:
    """Returns the numbers of elements of the blocks that the last axes form."""
    edges, block = set(), 1
    for extent in reversed(shape):
        block *= extent
        edges.add(block)
    return edges | {1}


def reshape_operations(source: Shape, target: Shape) -> list[str]:
    """Writes the operation of a rule that changes one shape to another.

    Args:
      source: The shape of the source.
      target: The shape of the target.

    Returns:
      Alternative operations, the plainest first; one empty text if the shapes are equal.
    """
    if source == target:
        return ['']
    texts = [','.join(map(str, target))]
    for axis in range(len(target)):
        texts.append(','.join('-1' if a == axis else str(extent) for a, extent in enumerate(target)))
    return [f'reshape={text}' for text in texts if text]
