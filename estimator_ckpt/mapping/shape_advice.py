"""What would make a tensor of one shape fit another."""

import itertools
import math
from collections.abc import Sequence

# There are as many orders of the axes as the factorial of their number.
_MAX_RANK = 5

Shape = tuple[int, ...]


def advice(source: Shape, target: Shape | None) -> str:
    """The operations of a rule that would make a tensor fit, for a message; empty where there are none.

    Args:
      source: The shape that there is.
      target: The shape that is wanted.
    """
    if target is None or source == target or math.prod(source) != math.prod(target):
        return ''
    fitting = []
    if sorted(source) == sorted(target) and len(source) <= _MAX_RANK:
        orders = itertools.permutations(range(len(source)))
        order = next(o for o in orders if tuple(source[axis] for axis in o) == target)
        fitting.append(f'transpose={",".join(map(str, order))}')
    if target:
        fitting.append(f'reshape={",".join(map(str, target))}')
    return f' ({" or ".join(fitting)} in its rule would fit)' if fitting else ''


def joining_axis(pieces: Sequence[Shape], whole: Shape | None) -> int | None:
    """The axis along which pieces make a whole; None if there is none, or more than one."""
    if not pieces or not whole or any(len(piece) != len(whole) for piece in pieces):
        return None
    axes = [
        axis
        for axis in range(len(whole))
        if sum(piece[axis] for piece in pieces) == whole[axis]
        and all(piece[:axis] + piece[axis + 1 :] == whole[:axis] + whole[axis + 1 :] for piece in pieces)
    ]
    return axes[0] if len(axes) == 1 else None
