"""Finds the scopes of two sides whose aligned layers are the same, by which the other layers are judged."""

import collections
from collections.abc import Iterable, Iterator, Mapping

from estimator_ckpt.suggesting.chains import kind
from estimator_ckpt.suggesting.families import Layer, Side
from estimator_ckpt.suggesting.layer_kinds import main_number

# The fewest aligned layers by which scopes correspond; smaller scopes may leave out what belongs to them.
_LEAST_ALIGNED = 8
# The largest share of all aligned layers in scopes that tell anything of the others in them.
_MOST_ALIGNED = 0.75


class Boundaries:
    """The scopes of two sides whose aligned layers are each other's counterparts, which no pair should leave."""

    def __init__(self, sides: tuple[Side, Side]):
        """Notes the scopes of each layer.

        Args:
          sides: The source and the target.
        """
        self._scopes = [_scopes(side) for side in sides]
        self._inside: list[dict[int, set[int]]] = [{}, {}]
        self._wide: set[int] = set()

    def update(self, sources: Mapping[int, int]) -> None:
        """Finds the scopes that correspond.

        Args:
          sources: The source of each aligned target.
        """
        members: list[dict[tuple, set[int]]] = [collections.defaultdict(set), collections.defaultdict(set)]
        for t, s in sources.items():
            for number, of_side, scopes in zip((s, t), members, self._scopes, strict=True):
                for scope in scopes.get(number, ()):
                    of_side[scope].add(s)
        by_aligned: list[dict[frozenset, dict[int, tuple]]] = []
        for of_side in members:
            rows: dict[frozenset, dict[int, tuple]] = collections.defaultdict(dict)
            for scope, aligned in of_side.items():
                if len(aligned) >= _LEAST_ALIGNED:
                    # Of nested scopes with the same aligned layers, the outermost counts.
                    best = rows[frozenset(aligned)]
                    best[scope[0]] = min(best.get(scope[0], scope), scope, key=lambda s: len(s[1]))
            by_aligned.append(rows)
        pairs = [
            (a, b)
            for aligned in by_aligned[0].keys() & by_aligned[1].keys()
            for a in by_aligned[0][aligned].values()
            for b in by_aligned[1][aligned].values()
        ]
        most = _MOST_ALIGNED * sum(s in self._scopes[0] for s in sources.values())
        self._wide = {n for n, (scope, _) in enumerate(pairs) if len(members[0][scope]) > most}
        for n, (inside, scopes) in enumerate(zip(self._inside, self._scopes, strict=True)):
            of_scope: dict[tuple, set[int]] = collections.defaultdict(set)
            for number, pair in enumerate(pairs):
                of_scope[pair[n]].add(number)
            inside.clear()
            for number, of_layer in scopes.items():
                inside[number] = set().union(*(of_scope[s] for s in of_layer if s in of_scope))

    def only_ones(self, layers: tuple[Iterable[Layer], Iterable[Layer]]) -> Iterator[tuple[Layer, Layer]]:
        """Yields the pairs of layers that are the only ones of their kind in the scopes that correspond around them.

        Args:
          layers: The layers of each side that are not yet aligned.
        """
        members: list[dict[tuple, list[Layer]]] = []
        for of_side, inside in zip(layers, self._inside, strict=True):
            of_kind: dict[tuple, list[Layer]] = collections.defaultdict(list)
            for layer in of_side:
                for scope in inside.get(main_number(layer), set()) - self._wide:
                    of_kind[kind(layer), scope].append(layer)
            members.append(of_kind)
        for key in sorted(members[0].keys() & members[1].keys()):
            if len(members[0][key]) == len(members[1][key]) == 1:
                yield members[0][key][0], members[1][key][0]

    def crossed(self, pairs: Iterable[tuple[Layer, Layer]]) -> bool:
        """Returns True if a pair has one layer inside of scopes that correspond, and the other one outside.

        Args:
          pairs: The pairs.
        """
        of_source, of_target = self._inside
        return any(
            of_source.get(main_number(a), set()) != of_target.get(main_number(b), set()) for a, b in pairs
        )


def _scopes(side: Side) -> dict[int, list[tuple[int, str]]]:
    scopes: dict[int, list[tuple[int, str]]] = collections.defaultdict(list)
    for family in side.families():
        for layer in family.layers:
            components = str(layer.split).rstrip('/').split('/')
            scopes[main_number(layer)] += [
                (family.view, '/'.join(components[:depth])) for depth in range(1, len(components))
            ]
    return scopes
