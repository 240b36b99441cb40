"""How much the names of families of layers on two sides look like each other, rare words counting more."""

import collections
import functools
import math
from collections.abc import Iterable, Sequence

from estimator_ckpt.suggesting.name_parts import likeness, words

# Words that a layer's role, shape or place say as well.
_PLAIN = frozenset(
    [
        'model',
        'module',
        'network',
        'net',
        'layer',
        'with',
        'weight',
        'block',
        'cell',
        'var',
        'variable',
        'list',
    ]
    + ['dense', 'conv', 'norm', 'embed']
)
_PLAIN_WEIGHT = 0.4
# How much less a word counts than one in the component after it.
_DECAY = 0.8

_likeness = functools.lru_cache(maxsize=100_000)(likeness)


class Rarity:
    """The words of the names of one side, and how much each counts."""

    def __init__(self, names: Iterable[Sequence[str]]):
        """Counts words.

        Args:
          names: The names without their numbers, as `name_parts.Split.literals`.
        """
        distinct = set(map(tuple, names))
        self._total = len(distinct)
        self._counts = collections.Counter(word for name in distinct for word in set(words(name)))
        self._known: dict[tuple[str, ...], dict[str, float]] = {}

    def weights(self, literals: tuple[str, ...]) -> dict[str, float]:
        """The words of a name with their weights, without those that are in every name."""
        if literals not in self._known:
            found = self._known[literals] = {}
            for depth, component in enumerate(reversed('\0'.join(literals).split('/'))):
                for word in words([component]):
                    if self._counts[word] < self._total or self._total == 1:
                        rarity = math.log((self._total + 1) / (self._counts[word] or 1))
                        weight = rarity * _DECAY**depth * (_PLAIN_WEIGHT if word in _PLAIN else 1.0)
                        found[word] = max(found.get(word, 0.0), weight)
        return self._known[literals]


def similarity(a: dict[str, float], b: dict[str, float]) -> float:
    """From 0 to 1: what part of the weight of all words is in words that both have, or in words that look alike."""
    total = sum(a.values()) + sum(b.values())
    if not total:
        return 0.0
    pairs = sorted(
        ((-_likeness(x, y), x, y) for x in a for y in b if _likeness(x, y)),
        key=lambda pair: (pair[0], -(a[pair[1]] + b[pair[2]]), pair[1], pair[2]),
    )
    common, used_a, used_b = 0.0, set(), set()
    for negative, x, y in pairs:
        if x not in used_a and y not in used_b:
            used_a.add(x)
            used_b.add(y)
            common -= negative * (a[x] + b[y])
    return common / total
