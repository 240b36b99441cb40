"""Finds the parts of two networks that correspond: scopes that hold the same layers, such as the generators of GANs.

Parts of one side that hold the same layers, such as a network and its copy, are told apart by the words of their names.
In parts that correspond, layers of which each side has as many, in an order that is known, are aligned in that order.
"""

import collections
import dataclasses
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from estimator_ckpt.suggesting.chains import Kind, branches, chains, is_by_size, kind, sizes_in_name
from estimator_ckpt.suggesting.evidence import Evidence
from estimator_ckpt.suggesting.families import Layer, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import NORMS, is_norm, main_number
from estimator_ckpt.suggesting.name_parts import join_directions, share_word, words

# The fewest layers, and different kinds of them, of a part that is known by its layers.
_LEAST_LAYERS = 3
# The share of layers that parts have in common: at least if they correspond, at most if they do not.
_LEAST_OVERLAP, _MOST_OVERLAP = 0.9, 0.6
# The share of matrices of the same sizes that two whole networks have in common if they are the same.
_LEAST_SAME = 0.75
_MOST_COPIES = 8
# The fewest aligned layers that tell the direction of an order that may be either.
_LEAST_PLACES = 3
IN_ORDER = Evidence(0.0, 0.9, 0.8)


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """A part of a network.

    Attributes:
      name: The scope.
      layers: The layers in the scope.
    """

    name: str
    layers: list[Layer]

    def kinds(self) -> collections.Counter[Kind]:
        """Returns how often each kind of layer occurs, normalizations aside."""
        return collections.Counter(kind(layer) for layer in self.layers if not is_norm(layer))

    def numbers(self) -> set[int]:
        """Returns the numbers of all variables."""
        return {variable.number for layer in self.layers for variable in layer.variables.values()}


def _parts(side: Side) -> Iterator[list[Part]]:
    """Yields the parts of a side: the first scopes, from the root, of which there are several with enough layers."""
    by_view: dict[int, list[tuple[list[str], Layer]]] = collections.defaultdict(list)
    for family in side.families():
        for layer in family.layers:
            by_view[family.view].append((str(layer.split).rstrip('/').split('/'), layer))
    for _, rows in sorted(by_view.items()):
        depth = 0
        while True:
            scopes: dict[str, list[tuple[list[str], Layer]]] = collections.defaultdict(list)
            for components, layer in rows:
                if len(components) > depth + 1:
                    scopes['/'.join(components[: depth + 1])].append((components, layer))
            scopes = {name: members for name, members in scopes.items() if len(members) >= _LEAST_LAYERS}
            if len(scopes) != 1:
                break
            [rows] = scopes.values()
            depth += 1
        if scopes:
            yield [Part(name, [layer for _, layer in members]) for name, members in sorted(scopes.items())]


def corresponding(source: Side, target: Side, known: Mapping[int, int]) -> list[tuple[Part, Part]]:
    """Returns the pairs of parts of two networks that surely correspond.

    Args:
      source: The source.
      target: The target.
      known: The source of each variable of the target that is known before, by their numbers.
    """
    found = (_paired(a, b, known) for a in _parts(source) for b in _parts(target))
    return max(found, key=lambda pairs: sum(len(a.layers) for a, _ in pairs), default=[])


def whole_networks(source: Side, target: Side) -> list[tuple[Part, Part]]:
    """Returns both networks as parts that correspond, if most of their matrices are of the same sizes.

    Args:
      source: The source.
      target: The target.
    """
    is_same = _overlap(_sizes(source), _sizes(target)) >= _LEAST_SAME
    return [(Part('', source.layers()), Part('', target.layers()))] if is_same else []


def _sizes(side: Side) -> collections.Counter[int]:
    """Returns how often each number of elements of a matrix, or of a kernel, occurs."""
    return collections.Counter(variable.size for variable in side.variables if len(variable.shape) > 1)


def _paired(
    source: Sequence[Part], target: Sequence[Part], known: Mapping[int, int]
) -> list[tuple[Part, Part]]:
    if max(len(source), len(target)) > 4 * _MOST_COPIES:
        return []
    kinds = [[part.kinds() for part in parts] for parts in (source, target)]
    overlaps = [[_overlap(a, b) for b in kinds[1]] for a in kinds[0]]
    groups: dict[tuple[int, ...], list[int]] = collections.defaultdict(list)
    for s, row in enumerate(overlaps):
        close = tuple(t for t, overlap in enumerate(row) if overlap > _MOST_OVERLAP)
        if close and len(kinds[0][s]) >= _LEAST_LAYERS and all(row[t] >= _LEAST_OVERLAP for t in close):
            groups[close].append(s)
    pairs = []
    for close, group in groups.items():
        # No other part may come near any of the group.
        apart = all(
            overlaps[s][t] <= _MOST_OVERLAP for s in range(len(source)) if s not in group for t in close
        )
        if apart and len(group) == len(close) <= _MOST_COPIES:
            parts = [source[s] for s in group], [target[t] for t in close]
            told = _by_labels(*_known_in(*parts, known)) if known else []
            names = [[part.name for part in of_side] for of_side in parts]
            pairs += [(parts[0][s], parts[1][t]) for s, t in told or _by_names(*names)]
    return pairs


def _known_in(
    source: Sequence[Part], target: Sequence[Part], known: Mapping[int, int]
) -> tuple[list[frozenset[int]], list[frozenset[int]]]:
    """Returns the sources of the variables of each part that are known to be in one of the other side's parts too."""
    targets = {s: t for t, s in known.items()}
    of_source = [{n for n in part.numbers() if n in targets} for part in source]
    of_target = [{known[n] for n in part.numbers() if n in known} for part in target]
    both = set().union(*of_source) & set().union(*of_target)
    return [frozenset(n & both) for n in of_source], [frozenset(n & both) for n in of_target]


def _overlap(a: collections.Counter[Any], b: collections.Counter[Any]) -> float:
    return 2 * (a & b).total() / max(1, a.total() + b.total())


def _by_names(source: list[str], target: list[str]) -> list[tuple[int, int]]:
    """Returns the pairs of copies, by words that only one of each side has; none unless these tell all apart."""
    if len(source) == 1:
        return [(0, 0)]
    # `G_A2B` and `G_B2A` have the same words. Numbers may begin at another one.
    last = [
        [re.sub(r'\d+', '', join_directions(name.rpartition('/')[2]).lower()) for name in names]
        for names in (source, target)
    ]
    same, differences = _by_labels(*last), list(map(_differences, last))
    if not same and set(differences[0]) == set(differences[1]):
        same = _by_labels(*differences)
    if same:
        return same
    all_words = [[set(words([name])) for name in names] for names in (source, target)]
    own = [[a - of_side[0].intersection(*of_side[1:]) for a in of_side] for of_side in all_words]
    shared = [[share_word(a, b) for b in own[1]] for a in own[0]]
    pairs = []
    for s, row in enumerate(shared):
        if sum(row) == 1:
            t = row.index(True)
            if sum(of_source[t] for of_source in shared) == 1:
                pairs.append((s, t))
    rest = [set(range(len(source))) - {pair[n] for pair in pairs} for n in (0, 1)]
    if len(rest[0]) == 1:
        [s], [t] = rest
        if share_word(all_words[0][s], all_words[1][t]):
            pairs.append((s, t))
    return pairs if len(pairs) == len(source) else []


def _differences(names: Sequence[str]) -> list[str]:
    """Returns in what names differ, such as `ab` and `ba` of `generator_ab` and `generator_ba`."""
    first = len(os.path.commonprefix(names))
    names = [name[first:] for name in names]
    last = len(os.path.commonprefix([name[::-1] for name in names]))
    return [name[: len(name) - last].strip('_-.') for name in names]


def _by_labels(source: Sequence[Any], target: Sequence[Any]) -> list[tuple[int, int]]:
    """Returns the pairs of equal labels, and of the last ones that are left; none unless these are all."""
    pairs = [
        (s, target.index(label))
        for s, label in enumerate(source)
        if source.count(label) == target.count(label) == 1
    ]
    left = [set(range(len(source))) - {pair[n] for pair in pairs} for n in (0, 1)]
    if len(left[0]) == 1:
        pairs += zip(*left, strict=True)
    return pairs if len(pairs) == len(source) else []


def same_places(
    sides: tuple[Side, Side],
    parts: tuple[set[int], set[int]],
    live: tuple[set[int], set[int]],
    sources: Mapping[int, int],
    matcher: Matcher,
) -> Iterator[list[tuple[Layer, Layer]]]:
    """Yields, for each kind of layers that is as frequent in both of two parts, the layers in their order.

    Args:
      sides: The source and the target.
      parts: The numbers of the variables of the parts.
      live: The numbers of those that are not yet aligned.
      sources: The source of each aligned target.
      matcher: Decides which layers can be the same.
    """
    exact = _exact_kinds(sides, parts, live)
    orders = [_orders(*of_side, exact) for of_side in zip(sides, parts, live, strict=True)]
    for kind_ in sorted(orders[0].keys() & orders[1].keys()):
        of_kind = [list(of_side[kind_].values()) for of_side in orders]
        if any(len(of_side) != 1 for of_side in of_kind):
            continue
        source, target = of_kind[0][0], of_kind[1][0]
        if source.nested and target.nested and len(parts[0]) == len(sides[0].variables):
            continue
        if source.tracked != target.tracked:
            tracked, other = (source, target) if source.tracked else (target, source)
            # Which branch Keras tracks first, the numbers of blocks do not tell.
            if other.nested and kind_[:2] in branches(tracked.chain, far=True):
                continue
        direction = _direction(source.chain, target.chain, sources)
        if not direction or len(source.layers) != len(target.layers):
            continue
        pairs = list(zip(source.layers[::direction], target.layers, strict=True))
        if all(matcher.roles(a, b) for a, b in pairs):
            yield pairs


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class _Order:
    """The layers of one kind that are not yet aligned, and all layers of the chain that has put them in order."""

    layers: list[Layer]
    chain: list[Layer]
    nested: bool = False
    tracked: bool = False


def _direction(source: Sequence[Layer], target: Sequence[Layer], sources: Mapping[int, int]) -> int:
    """Returns 1 if the aligned layers of two chains are in the same order, -1 if in the opposite one; else 0."""
    place = {main_number(layer): n for n, layer in enumerate(source)}
    aligned = [(place[s], layer) for layer in target if (s := sources.get(main_number(layer), -1)) in place]
    places = [number for number, _ in aligned]
    for chain, layers in (
        (source, [source[number] for number in places]),
        (target, [layer for _, layer in aligned]),
    ):
        if is_by_size(chain) and (len(places) < _LEAST_PLACES or len(set(map(sizes_in_name, layers))) < 2):
            return 0
    if places == sorted(places):
        return 1
    return -1 if places == sorted(places, reverse=True) else 0


def _exact_kinds(
    sides: tuple[Side, Side], parts: tuple[set[int], set[int]], live: tuple[set[int], set[int]]
) -> set[Kind]:
    """Returns the kinds of layers that have the same shapes, as often, on both sides."""
    shapes: tuple[dict, dict] = (
        collections.defaultdict(collections.Counter),
        collections.defaultdict(collections.Counter),
    )
    for side, part, of_live, of_side in zip(sides, parts, live, shapes, strict=True):
        for layer in side.layers(part):
            if main_number(layer) in of_live:
                of_side[kind(layer)][layer.variables[layer.main_role].shape] += 1
    return {kind_ for kind_ in shapes[0] if shapes[0][kind_] == shapes[1].get(kind_)}


def _orders(
    side: Side, part: set[int], live: set[int], exact: Collection[Kind]
) -> dict[tuple, dict[tuple[int, ...], _Order]]:
    """Returns the orders of all layers of each kind, by the numbers of their main variables.

    A convolution whose inputs are not the outputs of the one before, as far as the order of all layers is known, is a
    branch, which another program may make earlier or later; then nothing is known.
    """

    def kind_of(layer: Layer) -> tuple:
        of_layer = kind(layer)
        return (*of_layer, layer.variables[layer.main_role].shape if of_layer in exact else ())

    of_kind: dict[tuple, list[Layer]] = collections.defaultdict(list)
    for layer in side.layers(part):
        if main_number(layer) in live:
            of_kind[kind_of(layer)].append(layer)
    orders: dict[tuple, dict[tuple[int, ...], _Order]] = collections.defaultdict(dict)
    for kind_, layers in of_kind.items():
        # A single layer of a whole network may be one of a head that the other one has replaced.
        if len(layers) == 1 and not is_norm(layers[0]) and len(part) < len(side.variables):
            orders[kind_][main_number(layers[0]),] = _Order(layers, layers)
    for role, of_role in chains(side, part).items():
        if role in NORMS:
            continue
        for chain in of_role:
            by_kind: dict[tuple, list[Layer]] = collections.defaultdict(list)
            for layer in chain.layers:
                if main_number(layer) in live:
                    by_kind[kind_of(layer)].append(layer)
            beside = branches(chain.layers) if chain.whole else set()
            for kind_, layers in by_kind.items():
                if len(layers) == len(of_kind[kind_]) > 1 and kind_[:2] not in beside:
                    key = tuple(map(main_number, layers))
                    orders[kind_].setdefault(key, _Order(layers, chain.layers, chain.nested, chain.tracked))
    return orders
