"""Finds pairs of layers of which the words of their scopes say that they are swapped."""

import collections
from collections.abc import Iterable, Iterator

from estimator_ckpt.suggesting.families import Layer
from estimator_ckpt.suggesting.name_parts import find_role, words

Pair = tuple[Layer, Layer]
# The number of other pairs with a word that each pair is compared with.
_MOST_COMPARED = 8


def swapped(pairs: Iterable[Pair]) -> Iterator[tuple[Pair, Pair]]:
    """Yields two pairs whose names would have more words in common if their targets were exchanged.

    Only layers of the same roles and shapes can be exchanged. One of the words must be that of a scope.

    Args:
      pairs: The pairs.
    """
    of_kind: dict[tuple, list[tuple[Pair, set[str], set[str], set[str]]]] = collections.defaultdict(list)
    for a, b in pairs:
        scopes = _words(a, scopes_only=True)
        of_kind[b.signature].append(((a, b), scopes, _words(a), _words(b)))
    for rows in of_kind.values():
        misled: dict[str, list[tuple[Pair, set[str], set[str]]]] = collections.defaultdict(list)
        for pair, _, of_source, of_target in rows:
            for word in of_target - of_source:
                misled[word].append((pair, of_source, of_target))
        for pair, scopes, of_source, of_target in rows:
            for word in sorted(scopes - of_target):
                for other, of_other_source, of_other_target in misled.get(word, ())[:_MOST_COMPARED]:
                    now = len(of_source & of_target) + len(of_other_source & of_other_target)
                    if len(of_source & of_other_target) + len(of_other_source & of_target) > now:
                        yield pair, other


def _words(layer: Layer, scopes_only: bool = False) -> set[str]:
    names = [find_role(name)[1].rstrip('/') for name in layer.variables[layer.main_role].names]
    return set(words([name.rpartition('/')[0] if scopes_only else name for name in names]))
