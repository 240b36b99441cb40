"""Measures the likeness of names of families of layers on two sides; rare words weigh more."""

import collections
import functools
import math
from collections.abc import Container, Iterable, Sequence

from estimator_ckpt.suggesting.name_parts import likeness, words

# Words that tell no more than the role, the shape or the place of a layer.
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
# The weight of a word relative to that of a word in the next component.
_DECAY = 0.8

# Words of which the name of a layer that has one does not mean a layer that has the other, and what is left of the
# likeness of such names.
_CONTRARY = (
    ('encoder', 'decoder'),
    ('forward', 'backward'),
    ('generator', 'discriminator'),
    ('actor', 'critic'),
    ('left', 'right'),
)
_IF_CONTRARY = 0.7

_likeness = functools.lru_cache(maxsize=100_000)(likeness)


class Rarity:
    """The words in the names of one side and their weights."""

    def __init__(self, names: Iterable[Sequence[str]]):
        """Counts the words of names.

        Args:
          names: The names without their numbers, as `name_parts.Split.literals`.
        """
        distinct = set(map(tuple, names))
        self._total = len(distinct)
        self._counts = collections.Counter(word for name in distinct for word in set(words(name)))
        self._cache: dict[tuple[str, ...], dict[str, float]] = {}

    def weights(self, literals: tuple[str, ...]) -> dict[str, float]:
        """Returns the weights of the words of a name, without words that are in every name."""
        if literals not in self._cache:
            weights = self._cache[literals] = {}
            for depth, component in enumerate(reversed('\0'.join(literals).split('/'))):
                for word in words([component], within=literals):
                    if self._counts[word] < self._total or self._total == 1:
                        rarity = math.log((self._total + 1) / (self._counts[word] or 1))
                        weight = rarity * _DECAY**depth * (_PLAIN_WEIGHT if word in _PLAIN else 1.0)
                        weights[word] = max(weights.get(word, 0.0), weight)
        return self._cache[literals]


def similarity(a: dict[str, float], b: dict[str, float]) -> float:
    """Returns the share, from 0 to 1, of the weight of all words that is in equal or similar words; less if contrary.

    Args:
      a: The weights of the words of the first name.
      b: The weights of the words of the second name.
    """
    total = sum(a.values()) + sum(b.values())
    if not total:
        return 0.0
    pairs = sorted(
        ((-_likeness(x, y), x, y) for x in a for y in b if _likeness(x, y)),
        key=lambda pair: (pair[0], -(a[pair[1]] + b[pair[2]]), pair[1], pair[2]),
    )
    common = 0.0
    used_a: set[str] = set()
    used_b: set[str] = set()
    for negative, x, y in pairs:
        if x not in used_a and y not in used_b:
            used_a.add(x)
            used_b.add(y)
            common -= negative * (a[x] + b[y])
    contrary = any(
        _has_only(a, x, y) and _has_only(b, y, x) for pair in _CONTRARY for x, y in (pair, pair[::-1])
    )
    return common / total * (_IF_CONTRARY if contrary else 1.0)


def _has_only(words_of_name: Container[str], word: str, other: str) -> bool:
    return word in words_of_name and other not in words_of_name
