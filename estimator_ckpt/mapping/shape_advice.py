"""Advice on how a tensor of one shape could fill a variable of another."""

import itertools
import math
from collections.abc import Sequence

# The number of permutations of the axes grows with the factorial of the rank.
_MAX_RANK = 5

Shape = tuple[int, ...]


def advice(source: Shape, target: Shape | None) -> str:
    """Returns the operations of a rule that would make a tensor fit, as the end of a message.

    Args:
      source: The shape of the source.
      target: The shape of the target; None if it is not known.

    Returns:
      The advice in parentheses; empty if there is none.
    """
    if target is None or source == target or math.prod(source) != math.prod(target):
        return ''
    fitting = []
    if sorted(source) == sorted(target) and len(source) <= _MAX_RANK:
        orders = itertools.permutations(range(len(source)))
        order = next(order for order in orders if tuple(source[axis] for axis in order) == target)
        fitting.append(f'transpose={",".join(map(str, order))}')
    if target:
        fitting.append(f'reshape={",".join(map(str, target))}')
    return f' ({" or ".join(fitting)} in its rule would fit)' if fitting else ''


def joining_axis(pieces: Sequence[Shape], whole: Shape | None) -> int | None:
    """Returns the axis along which pieces make a whole.

    Args:
      pieces: The shapes of the pieces.
      whole: The shape of the whole; None if it is not known.

    Returns:
      The number of the axis; None if there is none, or more than one.
    """
    if not pieces or not whole or any(len(piece) != len(whole) for piece in pieces):
        return None
    axes = [
        axis
        for axis in range(len(whole))
        if sum(piece[axis] for piece in pieces) == whole[axis]
        and all(piece[:axis] + piece[axis + 1 :] == whole[:axis] + whole[axis + 1 :] for piece in pieces)
    ]
    return axes[0] if len(axes) == 1 else None
