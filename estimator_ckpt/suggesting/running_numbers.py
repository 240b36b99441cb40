"""Lets the numbers that Keras counts through a whole program start anew in each scope.

`layer_7/attention_7/dense_42` and `dense_43` are the first two of their scope, as are `layer/attention/dense` and
`dense_1`. Numbers that a program gives itself are left as they are.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from estimator_ckpt.suggesting.name_parts import Split

# The fewest scopes through which numbers run on.
_LEAST_SCOPES = 3
# Names with more numbers are left as they are.
_MOST_NUMBERS = 12


def in_scopes(splits: Mapping[str, Split]) -> dict[str, Split]:
    """Returns splits in which numbers that run on through scopes are those within the scope.

    Args:
      splits: The split of each name.
    """
    families: dict[tuple[str, ...], list[str]] = collections.defaultdict(list)
    for name, split in splits.items():
        families[split.literals].append(name)
    result = dict(splits)
    for names in families.values():
        slots = len(splits[names[0]].texts)
        if len(names) < 2 * _LEAST_SCOPES or slots > _MOST_NUMBERS:
            continue
        for slot in range(1, slots):
            firsts = _firsts([result[name] for name in names], slot)
            for name in names if firsts else ():
                values = result[name].values
                within = values[slot] - firsts[values[:slot]]
                result[name] = dataclasses.replace(
                    result[name], within=(*values[:slot], within, *values[slot + 1 :])
                )
    return result


def _firsts(splits: Sequence[Split], slot: int) -> dict[tuple[int, ...], int]:
    """Returns the first number at a place in each scope, if the numbers run on; else nothing."""
    if not all(split.texts[slot].startswith('_') or not split.texts[slot] for split in splits):
        return {}
    scopes: dict[tuple[int, ...], set[int]] = collections.defaultdict(set)
    for split in splits:
        scopes[split.values[:slot]].add(split.values[slot])
    numbers = [of_scope for _, of_scope in sorted(scopes.items())]
    runs_on = all(max(a) < min(b) for a, b in zip(numbers, numbers[1:], strict=False))
    if len(numbers) < _LEAST_SCOPES or not runs_on or max(map(len, numbers)) < 2:
        return {}
    return {scope: min(of_scope) for scope, of_scope in scopes.items()}
