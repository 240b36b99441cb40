"""Aligns two orders of layers of which both sides have some in another form, as texts are compared.

One program of ENet has other widths inside of some blocks than another one. Those pairs are sure that all best
alignments of both orders have, by edit distance, if most layers are in one. What is between sure pairs is the other
form of what is there on the other side, and has no counterpart.
"""

import collections
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from estimator_ckpt.suggesting.chains import chains, kind
from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import NORMS, channels, may_be_aligned

# The fewest layers of an order that proves anything, and different kinds of them.
_LEAST_LAYERS, _LEAST_KINDS = 16, 6
# The share of the layers of the role that an order must hold, and of the shorter order that must have counterparts.
_NEARLY_ALL, _LEAST_SHARE = 0.9, 0.75
# The most gaps in which one side has more layers, such as where one is made before the others of its block.
_MOST_UNEQUAL = 2
_MOST_COMPARISONS = 250_000


class Substitution(NamedTuple):
    """What two orders of layers say.

    Attributes:
      pairs: The pairs of layers.
      others: The layers of the source and of the target that have no counterpart.
    """

    pairs: list[Pair]
    others: tuple[list[Layer], list[Layer]]


def substitutions(
    sides: tuple[Side, Side], sources: Mapping[int, int], matcher: Matcher
) -> Iterator[Substitution]:
    """Yields what pairs of orders say that contradict nothing which is aligned.

    Args:
      sides: The source and the target.
      sources: The source of each aligned target.
      matcher: Decides which layers can be the same.
    """
    roles = _comparable_roles(sides)
    if not roles:
        return
    targets = {s: t for t, s in sources.items()}
    orders = [_orders(side, roles) for side in sides]
    for role in sorted(orders[0].keys() & orders[1].keys()):
        for a, b in itertools.product(orders[0][role], orders[1][role]):
            places = _aligned(a, b, matcher) if len(a) * len(b) <= _MOST_COMPARISONS else []
            # Of parallel branches, each program may make another one first.
            parallel = _parallel(a), _parallel(b)
            pairs = [(a[i], b[j]) for i, j in places if i not in parallel[0] and j not in parallel[1]]
            agrees = all(may_be_aligned(x, y, sources, targets) for x, y in pairs)
            if agrees and len({kind(x) for x, _ in pairs}) >= _LEAST_KINDS:
                yield Substitution(
                    pairs, (_between(a, [i for i, _ in places]), _between(b, [j for _, j in places]))
                )


def _parallel(layers: Sequence[Layer]) -> set[int]:
    """Returns the places of convolutions beside one that gives as many outputs, but does not take these."""
    ends = [channels(layer) for layer in layers]
    return {
        place
        for n, (x, y) in enumerate(itertools.pairwise(ends))
        if x is not None and y is not None and x[1] != y[0] and x[1] == y[1]
        for place in (n, n + 1)
    }


def _between(layers: Sequence[Layer], places: Sequence[int]) -> list[Layer]:
    """Returns the layers between those at some places."""
    return [layer for x, y in itertools.pairwise(places) for layer in layers[x + 1 : y]]


def _comparable_roles(sides: tuple[Side, Side]) -> set[str]:
    """Returns the roles of which both sides have enough layers, and not too many, normalizations aside."""
    counts = [collections.Counter(layer.main_role for layer in side.layers()) for side in sides]
    return {
        role
        for role in counts[0].keys() & counts[1].keys() - {'', *NORMS}
        if min(of_side[role] for of_side in counts) >= _LEAST_LAYERS
        and _NEARLY_ALL**2 * counts[0][role] * counts[1][role] <= _MOST_COMPARISONS
    }


def _orders(side: Side, roles: Collection[str]) -> dict[str, list[list[Layer]]]:
    """Returns the orders of nearly all layers of some roles."""
    everything = {variable.number for variable in side.variables}
    counts = collections.Counter(layer.main_role for layer in side.layers())
    found = {role: [chain.layers for chain in of_role] for role, of_role in chains(side, everything).items()}
    for family_view in range(side.views):
        by_role: dict[str, list[Layer]] = collections.defaultdict(list)
        for family in side.families():
            if family.view == family_view:
                by_role[family.layers[0].main_role] += family.layers
        for role in roles:
            found.setdefault(role, []).append(_by_numbers_alone(by_role[role]))
    return {
        role: [order for order in found[role] if len(order) >= max(_LEAST_LAYERS, _NEARLY_ALL * counts[role])]
        for role in roles
    }


def _by_numbers_alone(layers: Sequence[Layer]) -> list[Layer]:
    """Returns the layers whose names begin with one text in the order of their numbers, whatever is between these."""
    by_text: dict[str, dict[tuple[int, ...], list[Layer]]] = collections.defaultdict(
        lambda: collections.defaultdict(list)
    )
    for layer in layers:
        by_text[layer.split.literals[0]][layer.values].append(layer)
    by_values = max(by_text.values(), key=len, default={})
    return [layer for _, [layer, *others] in sorted(by_values.items()) if not others]


def _aligned(a: Sequence[Layer], b: Sequence[Layer], matcher: Matcher) -> list[tuple[int, int]]:
    """Returns the places of the pairs that are sure of two orders; nothing if these are not those of one network."""
    costs = [[int(not matcher.roles(x, y)) for y in b] for x in a]
    before = _distances(costs)
    after = [row[::-1] for row in _distances([row[::-1] for row in costs[::-1]])[::-1]]
    best = before[-1][-1]
    sure = []
    for i, row in enumerate(costs):
        if any(before[i][j] + 1 + after[i + 1][j] == best for j in range(len(b) + 1)):
            continue
        options = [j for j, cost in enumerate(row) if before[i][j] + cost + after[i + 1][j + 1] == best]
        if len(options) == 1 and not row[options[0]]:
            sure.append((i, options[0]))
    unequal = sum(y[0] - x[0] != y[1] - x[1] for x, y in itertools.pairwise(sure))
    is_one = len(sure) >= _LEAST_SHARE * min(len(a), len(b)) and unequal <= _MOST_UNEQUAL
    return sure if is_one else []


def _distances(costs: Sequence[Sequence[int]]) -> list[list[int]]:
    """Returns the edit distances of the first layers of both sides, for each number of these.

    Args:
      costs: What it costs to substitute each layer of one side by each of the other: 0 if they fit, or 1. A layer that
        one side lacks costs 1 too.
    """
    distances = [list(range(len(costs[0]) + 1))]
    for number, row in enumerate(costs, 1):
        last, now = distances[-1], [number]
        for j, cost in enumerate(row):
            now.append(min(last[j] + cost, last[j + 1] + 1, now[j] + 1))
        distances.append(now)
    return distances
