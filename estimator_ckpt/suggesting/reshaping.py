"""Whether a tensor can be had from another one by a reshape that keeps its meaning, and what that is in a rule."""

import functools
import math

Shape = tuple[int, ...]


@functools.lru_cache(maxsize=100_000)
def fits(source: Shape, target: Shape) -> bool:
    """Whether the shapes are the same but for axes that are split, merged or of extent 1.

    So `[768, 768]` fits `[768, 12, 64]`, and `[1, 1, 2048, 1000]` fits `[2048, 1000]`; `[2, 6]` and `[3, 4]`, of as
    many numbers, do not fit: the bytes of the one would make no sense in the other.
    """
    if math.prod(source) != math.prod(target):
        return False
    left, right = (sorted(_edges(shape)) for shape in (source, target))
    coarse, fine = (left, right) if len(left) <= len(right) else (right, left)
    return set(coarse) <= set(fine)


def _edges(shape: Shape) -> set[int]:
    """Of how many numbers the blocks are that the axes make, from the last axis on."""
    edges, block = set(), 1
    for extent in reversed(shape):
        block *= extent
        edges.add(block)
    return edges | {1}


def reshape_operations(source: Shape, target: Shape) -> list[str]:
    """The operations of a rule that make one shape of another, the plainest first; `['']` where none is needed."""
    if source == target:
        return ['']
    texts = [','.join(map(str, target))]
    for axis in range(len(target)):
        texts.append(','.join('-1' if a == axis else str(extent) for a, extent in enumerate(target)))
    return [f'reshape={text}' for text in texts if text]
