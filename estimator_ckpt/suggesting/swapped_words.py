"""Finds pairs of layers of which the words of their scopes say that they are swapped."""

import collections
import functools
import re
from collections.abc import Iterable, Iterator

from estimator_ckpt.suggesting.families import Layer, Pair
from estimator_ckpt.suggesting.name_parts import find_role, join_directions, words

# The number of other pairs with a word that each pair is compared with.
_MOST_COMPARED = 8
# Numbers, with the letters that count on after them, as in `Mixed_4b`, which is no word of `inception4b`.
_COUNTS = re.compile(r'\d+(?:[a-z](?![a-z]))?')


def swapped(pairs: Iterable[Pair]) -> Iterator[tuple[Pair, Pair]]:
    """Yields two pairs whose names would have more words in common if their targets were exchanged.

    Only layers of the same roles and shapes can be exchanged. One of the words must be that of a scope.

    Args:
      pairs: The pairs.
    """
    of_kind: dict[tuple, list[Pair]] = collections.defaultdict(list)
    for pair in pairs:
        of_kind[pair[1].signature].append(pair)
    for same in of_kind.values():
        if len(same) == 1:
            continue
        rows = [((a, b), _words(a, scopes_only=True), _words(a), _words(b)) for a, b in same]
        misled: dict[str, list[tuple[Pair, frozenset[str], frozenset[str]]]] = collections.defaultdict(list)
        for pair, _, of_source, of_target in rows:
            for word in of_target - of_source:
                misled[word].append((pair, of_source, of_target))
        for pair, scopes, of_source, of_target in rows:
            for word in sorted(scopes - of_target):
                for other, of_other_source, of_other_target in misled.get(word, ())[:_MOST_COMPARED]:
                    now = len(of_source & of_target) + len(of_other_source & of_other_target)
                    if len(of_source & of_other_target) + len(of_other_source & of_target) > now:
                        yield pair, other


def _words(layer: Layer, scopes_only: bool = False) -> frozenset[str]:
    names = [find_role(name)[1].rstrip('/') for name in layer.variables[layer.main_role].names]
    names = [name.rpartition('/')[0] if scopes_only else name for name in names]
    return _words_of(tuple([_COUNTS.sub('0', join_directions(name)) for name in names]))


@functools.lru_cache(maxsize=4096)
def _words_of(names: tuple[str, ...]) -> frozenset[str]:
    """Returns the words of names; many differ only in numbers, which are no words."""
    return frozenset(words(names))
