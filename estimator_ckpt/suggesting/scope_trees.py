"""Aligns a tree of scopes with layers whose order is known, by the shapes: the layers of a scope are beside each other.

Names that differ in a text have no order: of `branch1x1`, `branch3x3` and `branch_pool`, nothing says which a program
makes first. But it makes all layers of one before those of the next. So scopes of one side are laid out along the other
side's order (`conv2d` to `conv2d_93`) in each way in which all shapes fit, where those whose names differ in one number
are in its order, and the pairs are certain that all these ways have in common.
"""

import collections
import dataclasses
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

from estimator_ckpt.suggesting.chains import Kind, chains, kind
from estimator_ckpt.suggesting.evidence import Evidence
from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import NORMS, main_number
from estimator_ckpt.suggesting.name_parts import split_names, words
from estimator_ckpt.suggesting.sequences import allowed_gaps

# The fewest layers and shapes that prove more than chance, and the fewest scopes of several layers.
_LEAST_LAYERS, _LEAST_SHAPES, _LEAST_SCOPES = 8, 4, 2
# More variables, scopes of more children or below more others, and more beginnings of layouts are not followed up.
_MOST_VARIABLES, _MOST_CHILDREN, _MOST_STATES = 5_000, 64, 100_000
# Words of what is at the beginning of a network, and at its end.
_FIRST, _LAST = frozenset(['input', 'stem', 'first']), frozenset(['output', 'final', 'last', 'logit', 'head'])
_EVIDENCE = Evidence(0.0, 0.9, 0.8)

# Layers with the components of their names.
_Rows = list[tuple[list[str], Layer]]
_Same = Callable[[Layer, Layer], bool]
# The places at which each child of a scope can begin; None for one that may have no counterpart.
_Places = dict[int, set[int | None]]
_State = TypeVar('_State', bound=Hashable)


@dataclasses.dataclass(eq=False, slots=True)
class _Node:
    """A scope or a layer.

    Attributes:
      size: The number of layers.
      layer: The layer; None for a scope.
      children: What is in the scope.
      before: For each child, those that come before it, as a set of bits.
    """

    size: int
    layer: Layer | None = None
    children: Sequence['_Node'] = ()
    before: Sequence[int] = ()

    def scopes(self) -> int:
        """Returns the number of scopes of several layers in this one."""
        return sum(child.scopes() + 1 for child in self.children if child.size > 1)

    def kinds(self) -> set[Kind]:
        """Returns the kinds of the layers."""
        return {kind(self.layer)} if self.layer else set().union(*(child.kinds() for child in self.children))


def laid_out(
    sides: tuple[Side, Side], sources: Mapping[int, int], matcher: Matcher
) -> Iterator[tuple[Layer, Layer, Evidence]]:
    """Yields the pairs of layers that all ways to lay out the scopes of a side along the other's order have in common.

    Args:
      sides: The source and the target.
      sources: The source of each aligned target.
      matcher: Decides which layers can be the same.
    """
    if max(len(side.variables) for side in sides) > _MOST_VARIABLES:
        return
    targets = {s: t for t, s in sources.items()}

    def same(a: Layer, b: Layer) -> bool:
        s, t = main_number(a), main_number(b)
        return targets.get(s, t) == t and sources.get(t, s) == s and bool(matcher.roles(a, b))

    source, target = sides
    for a, b in _along(source, target, same):
        yield a, b, _EVIDENCE
    for b, a in _along(target, source, lambda b, a: same(a, b)):
        yield a, b, _EVIDENCE


def _along(side: Side, other: Side, same: _Same) -> Iterator[Pair]:
    """Yields the certain pairs of a layer in the scopes of a side and one in the order of the other."""
    for role, orders in _orders(other):
        for rows in _named(side, role):
            for order in orders:
                yield from _certain(rows, order, same)


def _orders(side: Side) -> Iterator[tuple[str, list[list[Layer]]]]:
    """Yields the orders of nearly all layers of each role, but those of attributes, which are others than of calls."""
    found = chains(side, {variable.number for variable in side.variables})
    counts = collections.Counter(layer.main_role for layer in side.layers())
    for role in sorted(found.keys() - set(NORMS)):
        least = counts[role] - allowed_gaps(counts[role])
        orders = [chain.layers for chain in found[role] if len(chain.layers) >= least and not chain.tracked]
        if orders:
            yield role, orders


def _named(side: Side, role: str) -> Iterator[_Rows]:
    """Yields the layers of a role with the components of their names, for each of these."""
    families = [family for family in side.families() if family.layers[0].main_role == role]
    for view in range(side.views):
        rows = [
            (str(layer.split).rstrip('/').split('/'), layer)
            for family in families
            if family.view == view
            for layer in family.layers
        ]
        if len(rows) >= _LEAST_LAYERS and len({kind(layer) for _, layer in rows}) >= _LEAST_SHAPES:
            yield rows


def _tree(rows: _Rows, in_order: bool, depth: int = 0) -> _Node | None:
    """Returns the tree of layers; None if a scope has too many children or is too deep."""
    if depth > _MOST_CHILDREN:
        return None
    groups: dict[tuple[str, bool], _Rows] = collections.defaultdict(list)
    for components, layer in rows:
        groups[components[depth], len(components) == depth + 1].append((components, layer))
    if len(groups) > _MOST_CHILDREN:
        return None
    names, children = [], []
    for (name, is_layer), members in groups.items():
        nodes = (
            [_Node(1, layer) for _, layer in members] if is_layer else [_tree(members, in_order, depth + 1)]
        )
        for node in nodes:
            if node is None:
                return None
            names.append(name)
            children.append(node)
    if len(children) == 1:
        return children[0]
    before = _before(names) if in_order else [0] * len(names)
    return _Node(len(rows), None, children, before)


def _before(names: Sequence[str]) -> list[int]:
    """Returns for each name those that come before it, as a set of bits.

    These differ from it in one number, which is smaller; or only it is an output, or only they are inputs, of what else
    it or they are called: `block_output` comes after `block_1`.
    """
    splits = split_names(dict.fromkeys(names))
    of_names = [frozenset(words([name])) for name in names]
    before = [0] * len(names)
    for a, name in enumerate(names):
        for b, other in enumerate(names):
            x, y = splits[name], splits[other]
            is_before = _ends(of_names[a], of_names[b], _LAST) or _ends(of_names[b], of_names[a], _FIRST)
            if x.literals == y.literals:
                differing = [(m, n) for m, n in zip(x.values, y.values, strict=True) if m != n]
                is_before = len(differing) == 1 and differing[0][1] < differing[0][0]
            before[a] |= is_before << b
    return before


def _ends(one: frozenset[str], other: frozenset[str], ends: frozenset[str]) -> bool:
    """Returns True if only the words of one name have one for an end, and the other name has all others of them."""
    return not one.isdisjoint(ends) and other.isdisjoint(ends) and one - ends <= other


def _certain(rows: _Rows, order: Sequence[Layer], same: _Same) -> list[Pair]:
    """Returns the pairs that all layouts have in common, those whose scopes keep the order of their numbers first."""
    most = allowed_gaps(max(len(rows), len(order)))
    if abs(len(rows) - len(order)) > most or len({kind(layer) for layer in order}) < _LEAST_SHAPES:
        return []
    # Decoders may be numbered from their end.
    for in_order in (True, False):
        tree = _tree(rows, in_order)
        if tree is None or tree.scopes() < _LEAST_SCOPES:
            return []
        # In any order, what is left out could be anything.
        pairs = _Layouts(order, same).certain(tree, most if in_order else 1)
        if pairs:
            return pairs
    return []


class _TooManyError(Exception):
    """There are too many beginnings of layouts."""


class _Layouts:
    """All ways to lay out a tree along an order."""

    def __init__(self, order: Sequence[Layer], same: _Same):
        self._order, self._same = order, same
        self._kinds_of_order = set(map(kind, order))
        self._kinds_of_tree: set[Kind] = set()
        self._known: dict[tuple[int, int], _Places | None] = {}
        self._left = _MOST_STATES

    def certain(self, root: _Node, most_gaps: float) -> list[Pair]:
        """Returns the pairs of a layer of the tree and one of the order that all layouts with the fewest gaps have."""
        self._kinds_of_tree = root.kinds()
        try:
            places = self._with_gaps(root, most_gaps)
        except _TooManyError:
            return []
        return list(self._pairs(root, places)) if places else []

    def _pairs(self, node: _Node, places: _Places) -> Iterator[Pair]:
        for number, child in enumerate(node.children):
            [place, *others] = places[number]
            if others or place is None:
                continue
            if child.layer is not None:
                yield child.layer, self._order[place]
            else:
                yield from self._pairs(child, self._at(child, place) or {})

    def _at(self, node: _Node, place: int) -> _Places | None:
        """Returns the places of what is in a scope that begins at some place; None if it cannot begin there."""
        key = id(node), place
        if key not in self._known:
            self._known[key] = self._layer_at(node, place) if node.layer else self._scope_at(node, place)
        return self._known[key]

    def _layer_at(self, node: _Node, place: int) -> _Places | None:
        layer, other = node.layer, self._order[place]
        assert layer is not None
        return {} if layer.main_role == other.main_role and self._same(layer, other) else None

    def _scope_at(self, node: _Node, place: int) -> _Places | None:
        if place + node.size > len(self._order):
            return None
        # The edges between sets of children that have been placed, which also tell where the next one begins.
        edges: dict[int, list[tuple[int, int, int]]] = collections.defaultdict(list)
        level = {0: place}
        for _ in node.children:
            following: dict[int, int] = {}
            for placed, at in level.items():
                for number, child in _next(node, placed):
                    if self._at(child, at) is not None:
                        self._count()
                        now = placed | 1 << number
                        following[now] = at + child.size
                        edges[now].append((placed, number, at))
            level = following
        if not level:
            return None
        return _on_paths(edges, (1 << len(node.children)) - 1)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _TooManyError

    def _with_gaps(self, root: _Node, most: float) -> _Places | None:
        """Returns the places of what is in the outermost scope, of which some may have no counterpart, and likewise."""
        start, end = (0, 0), ((1 << len(root.children)) - 1, len(self._order))
        costs = {start: 0}
        edges: dict[tuple[int, int], list[tuple[tuple[int, int], int, int | None]]] = collections.defaultdict(
            list
        )
        # Each step adds to the children or to the place.
        waiting: dict[int, list[tuple[int, int]]] = collections.defaultdict(list, {0: [start]})
        for step in range(len(root.children) + len(self._order) + 1):
            for state in waiting.pop(step, ()):
                for number, place, cost, to in self._steps(root, *state):
                    total = costs[state] + cost
                    if total > min(most, costs.get(to, most)):
                        continue
                    if to not in costs:
                        waiting[to[0].bit_count() + to[1]].append(to)
                    if total < costs.get(to, most + 1):
                        edges[to] = []
                    self._count()
                    costs[to] = total
                    edges[to].append((state, number, place))
        return _on_paths(edges, end) if end in costs else None

    def _steps(
        self, root: _Node, placed: int, at: int
    ) -> Iterator[tuple[int, int | None, int, tuple[int, int]]]:
        """Yields a child or -1, its place, the gap that it makes, and what has been placed then and up to where."""
        # Only what the other side surely lacks is left out: a layer of its shape could be missing in any scope.
        if at < len(self._order) and kind(self._order[at]) not in self._kinds_of_tree:
            yield -1, None, 1, (placed, at + 1)
        for number, child in _next(root, placed):
            if not child.kinds() <= self._kinds_of_order:
                yield number, None, child.size, (placed | 1 << number, at)
            if at < len(self._order) and self._at(child, at) is not None:
                yield number, at, 0, (placed | 1 << number, at + child.size)


def _next(node: _Node, placed: int) -> Iterator[tuple[int, _Node]]:
    """Yields the children of a scope that can follow those that have been placed, with their numbers."""
    for number, child in enumerate(node.children):
        if not placed >> number & 1 and not node.before[number] & ~placed:
            yield number, child


def _on_paths(edges: Mapping[_State, Sequence[tuple[_State, int, int | None]]], end: _State) -> _Places:
    """Returns the places of all children on all paths to an end."""
    places: _Places = collections.defaultdict(set)
    seen, stack = {end}, [end]
    while stack:
        for state, number, place in edges.get(stack.pop(), ()):
            if number >= 0:
                places[number].add(place)
            if state not in seen:
                seen.add(state)
                stack.append(state)
    return places
