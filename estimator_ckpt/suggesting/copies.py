"""Finds the variables that are second copies of others, such as averages of weights below a scope of their own."""

import collections
import math
from collections.abc import Iterable, Mapping

# The fewest variables of a copy.
_LEAST_COPIED = 3


def copies(shapes: Mapping[str, tuple[int, ...]], wanted: Iterable[tuple[int, ...]]) -> set[str]:
    """Returns the names of variables below one scope, all of which have counterparts of the same names without it.

    `swa/net/kernel` is a copy of `net/kernel`. Nothing is a copy if the other side has as many variables of each size
    as both together.

    Args:
      shapes: The shape of each variable of one side by its name.
      wanted: The shapes of the variables of the other side.
    """
    scopes: dict[str, list[str]] = collections.defaultdict(list)
    for name in shapes:
        scope, slash, rest = name.partition('/')
        if slash:
            scopes[scope].append(rest)
    found: set[str] = set()
    counts = collections.Counter(map(math.prod, wanted))
    for scope, names in scopes.items():
        if len(names) >= _LEAST_COPIED and all(
            rest in shapes and shapes[rest] == shapes[f'{scope}/{rest}'] for rest in names
        ):
            copied = collections.Counter(math.prod(shapes[rest]) for rest in names)
            if any(counts[size] < 2 * count for size, count in copied.items()):
                found.update(f'{scope}/{rest}' for rest in names)
    return found
