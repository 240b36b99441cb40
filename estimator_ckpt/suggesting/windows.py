"""Finds the layers that a program made one after another and that are those of a scope of the other side.

A scope is recognized by how often it has each kind of layer. If the order of the program has only one such run of
layers, it is that scope, also where its names say nothing.
"""

import collections
from collections.abc import Iterator, Mapping, Sequence

from estimator_ckpt.suggesting.families import Layer, Side
from estimator_ckpt.suggesting.layer_kinds import is_norm
from estimator_ckpt.suggesting.sequences import Kind, in_order, kind

# The fewest layers of a scope, and kinds of them, that tell it from others.
_LEAST_LAYERS = 3
_LEAST_KINDS = 3


def runs(scoped: Side, made: Side) -> Iterator[tuple[set[int], set[int]]]:
    """Yields the variables of each scope that is recognized, and those of its run.

    Args:
      scoped: The side with the scopes.
      made: The side with the order.
    """
    ordered = in_order(made)
    places = [place for place, layer in enumerate(ordered) if not is_norm(layer)]
    kinds = [kind(ordered[place]) for place in places]
    found: dict[tuple[int, int], list[list[Layer]]] = collections.defaultdict(list)
    for layers in _scopes(scoped).values():
        counts = collections.Counter(kind(layer) for layer in layers if not is_norm(layer))
        if counts.total() < _LEAST_LAYERS or len(counts) < _LEAST_KINDS or counts.total() == len(kinds):
            continue
        starts = list(_places(counts, kinds))
        if len(starts) == 1:
            found[starts[0], counts.total()].append(layers)
    for (start, length), scopes in found.items():
        end = places[start + length] if start + length < len(places) else len(ordered)
        run = ordered[places[start] : end]
        # Nested scopes may have the same layers but for normalizations.
        yield _numbers(max(scopes, key=len)), _numbers(run)


def _scopes(side: Side) -> Mapping[str, list[Layer]]:
    scopes: dict[str, list[Layer]] = collections.defaultdict(list)
    for family in side.families():
        if family.view:
            continue
        for layer in family.layers:
            components = str(layer.split).rstrip('/').split('/')
            for depth in range(1, len(components)):
                scopes['/'.join(components[:depth])].append(layer)
    return scopes


def _places(counts: Mapping[Kind, int], kinds: Sequence[Kind]) -> Iterator[int]:
    """Yields the starts of the runs in which each kind is as frequent as it should be."""
    length = sum(counts.values())
    lacking = collections.Counter(counts)
    lacking.subtract(kinds[:length])
    wrong = sum(count != 0 for count in lacking.values())
    for start in range(len(kinds) - length + 1):
        if not wrong:
            yield start
        for number, step in ((start, 1), (start + length, -1)):
            if number < len(kinds):
                before = lacking[kinds[number]]
                lacking[kinds[number]] += step
                wrong += (before + step != 0) - (before != 0)


def _numbers(layers: Sequence[Layer]) -> set[int]:
    return {variable.number for layer in layers for variable in layer.variables.values()}
