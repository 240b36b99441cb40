"""Aligns sequences of layers, whose order says what their names do not.

A chain is the layers of one role in an order that is known: that of the numbers in their names, where names differ in
a number before they differ in a text; that of the numbers that `tf.layers` counts across scopes (`conv2d`, `conv2d_1`);
or that of the objects of a program. Names that differ in a text have no order.

One chain is part of another if all of its layers have counterparts in the same order. Of the pairs that this gives,
those are certain that the first and the last of all ways to embed it have in common.
"""

import collections
import dataclasses
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.suggesting.evidence import Evidence
from estimator_ckpt.suggesting.families import Family, Layer, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import NORMS, channels, is_tracked_by_keras
from estimator_ckpt.suggesting.name_parts import Split

# The fewest layers, and different shapes, of chains that prove more than chance.
_LEAST_LAYERS = 3
_LEAST_SHAPES = 3
# The share of layers of a chain that the other side may lack, besides one, such as a head for other classes.
_MOST_GAPS = 0.1
# An alignment is no rival to one that covers so much more of both chains.
_LEAST_LEAD = 0.1
_MAX_COMPARISONS = 3_000_000
_COUNTED = re.compile(r'(?P<base>.*?)(?:_(?P<number>\d+))?', re.DOTALL)
# The extents of windows; other numbers around an `x` are resolutions, which order layers.
_WINDOWS = (1, 3, 5, 7, 9)
# Shapes and order of a whole network agree by chance only if it is another one of the same design.
_SHAPES, ORDER = 0.9, 0.9

Kind = tuple[str, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Chain:
    """Layers of one role in a known order.

    Attributes:
      layers: The layers.
      whole: Whether the chain holds all layers of its role that are not yet aligned.
      turns: Whether the layers differ in one number only, which may count down.
      tracked: Whether the order is that of attributes of objects. Keras tracks deeper branches of models first.
      nested: Whether several numbers in each name make the order, of which another side may have another one first.
    """

    layers: list[Layer]
    whole: bool
    turns: bool = False
    tracked: bool = False
    nested: bool = False


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Placement:
    """The certain pairs of layers of two chains.

    Attributes:
      layers: The pairs of layers.
      coverage: The share of the layers of both chains that have counterparts.
      shorter: The shorter chain, or both if none is shorter.
      share: The share of its layers that have.
      whole: Whether the chains hold all layers of their role.
    """

    layers: list[tuple[Layer, Layer]]
    coverage: float
    shorter: list[Chain]
    share: float
    whole: bool


def kind(layer: Layer) -> Kind:
    """Returns what layers that are the same have in common: the main role, and the number of elements."""
    return layer.main_role, layer.variables[layer.main_role].size


def chains(side: Side, live: set[int]) -> dict[str, list[Chain]]:
    """Returns the chains of the layers of one side, by role.

    Args:
      side: The side.
      live: The numbers of the variables that are not yet aligned.
    """
    by_view: dict[tuple[str, int], list[Family]] = collections.defaultdict(list)
    for family in side.families(live):
        by_view[family.layers[0].main_role, family.view].append(family)
    found: dict[str, dict[tuple[int, ...], Chain]] = collections.defaultdict(dict)
    for (role, _), families in sorted(by_view.items()):
        layers = [layer for family in families for layer in family.layers]
        is_made = all(layer.variables[role].made for layer in layers)
        numbered = [(run, len(f.slots) == 1) for f in families for run in _runs(f)]
        numbered += [(sequence, False) for sequence in _numbered(layers)]
        others = [(sequence, False) for sequence in (*_counted(layers), _made(layers))]
        for number, (sequence, turns) in enumerate(numbered + others):
            if len(sequence) >= _LEAST_LAYERS:
                by_keras = is_tracked_by_keras(sequence)
                if by_keras and is_made and sequence is not others[-1][0]:
                    continue
                key = tuple([layer.variables[role].number for layer in sequence])
                tracked = not is_made and (by_keras or sequence is others[-1][0])
                whole = len(sequence) == len(layers)
                nested = number < len(numbered) and _is_nested(sequence)
                chain = found[role].setdefault(key, Chain(sequence, whole, turns, tracked, nested))
                found[role][key] = dataclasses.replace(chain, nested=chain.nested and nested)
    return {role: list(of_role.values()) for role, of_role in found.items()}


def _runs(family: Family) -> Iterable[list[Layer]]:
    """Returns the layers of a family, apart where their names differ in the sizes of windows."""
    return _numbered(family.layers) if 'x' in family.literals else [family.layers]


def _numbered(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """Yields the largest sets of layers, of several families, whose names differ in numbers before texts."""
    ordered = sorted(((_pieces(layer.split), layer) for layer in layers), key=lambda row: row[0])
    run: list[Layer] = []
    for number, (pieces, layer) in enumerate(ordered):
        if number and not _differ_in_number(ordered[number - 1][0], pieces):
            yield run
            run = []
        run.append(layer)
    yield run


def _is_nested(layers: Sequence[Layer]) -> bool:
    """Returns True if names of the same texts are in another order if their last numbers count first."""
    families: dict[tuple[str, ...], list[tuple[int, ...]]] = collections.defaultdict(list)
    for layer in layers:
        families[layer.split.literals].append(layer.values)
    return any(sorted(rows) != sorted(rows, key=lambda row: row[::-1]) for rows in families.values())


def _pieces(split: Split) -> list:
    """Returns the texts and the numbers of a name in turns, the numbers with whether they are the sizes of windows."""
    pieces: list = [split.literals[0]]
    for place, (value, literal) in enumerate(zip(split.values, split.literals[1:], strict=True)):
        is_window = value in _WINDOWS and 'x' in (
            literal if place + 1 < len(split.values) else '',
            pieces[-1],
        )
        pieces += [(value, is_window), literal]
    return pieces


def _differ_in_number(a: list, b: list) -> bool:
    """Returns True if the first difference of two names, if any, is one of numbers that say which layer comes first."""
    x, y = next(((x, y) for x, y in zip(a, b, strict=False) if x != y), ((0, False), (0, False)))
    return isinstance(x, tuple) and not (x[1] and y[1])


def _counted(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """Yields layers whose last components are counted across scopes."""
    groups: dict[str, dict[int, list[Layer]]] = collections.defaultdict(lambda: collections.defaultdict(list))
    for layer in layers:
        match = _COUNTED.fullmatch(str(layer.split).rstrip('/').rpartition('/')[2])
        assert match is not None
        groups[match['base']][to_int(match['number'] or '0')].append(layer)
    for group in groups.values():
        if all(len(same) == 1 for same in group.values()):
            yield [layer for _, [layer] in sorted(group.items())]


def _made(layers: Sequence[Layer]) -> list[Layer]:
    """Returns the layers in the order of the program's objects; nothing if that is not known."""
    orders = [layer.variables[layer.main_role].order for layer in layers]
    ordered = [(order, n) for n, order in enumerate(orders) if order is not None]
    return [layers[n] for _, n in sorted(ordered)] if len(ordered) == len(layers) else []


def branches(layers: Sequence[Layer], far: bool = False) -> set[Kind]:
    """Returns the kinds of convolutions whose inputs are not the outputs of the one before, and of those before.

    Args:
      layers: Layers in an order.
      far: Whether the layer before may have other outputs too, which only says that the two are not connected.
    """
    result = set()
    for a, b in zip(layers, layers[1:], strict=False):
        before, after = channels(a), channels(b)
        if (
            before is not None
            and after is not None
            and before[1] != after[0]
            and (far or before[1] == after[1])
        ):
            result |= {kind(a), kind(b)}
    return result


def sizes_in_name(layer: Layer) -> tuple[int, ...]:
    """Returns the numbers of the resolutions in the name of a layer: 17 and 17 for `mixed_17x17x768a`."""
    pieces = _pieces(layer.split)
    numbers = [pieces[n] for n in range(1, len(pieces) - 1, 2) if 'x' in (pieces[n - 1], pieces[n + 1])]
    return tuple(value for value, is_window in numbers if not is_window)


def is_by_size(layers: Sequence[Layer]) -> bool:
    """Returns True if resolutions in the names (`17x17`) order layers: in some networks they grow, in others they fall.

    Args:
      layers: The layers.
    """
    for a, b in zip(layers, layers[1:], strict=False):
        x, y = _pieces(a.split), _pieces(b.split)
        place = next((n for n, (of_a, of_b) in enumerate(zip(x, y, strict=False)) if of_a != of_b), 0)
        if place % 2 and 'x' in (x[place - 1], x[place + 1]):
            return True
    return False


def by_numbers(layers: Iterable[Layer]) -> list[Layer]:
    """Returns layers in the order of the numbers in their names, and of the texts around them."""
    return sorted(layers, key=lambda layer: _pieces(layer.split))


def in_order(side: Side) -> list[Layer]:
    """Returns all layers in the order of the program's objects; nothing if that is not known."""
    return _made(side.layers())


def placements(
    source: Side, target: Side, live: tuple[set[int], set[int]], matcher: Matcher, norms: bool
) -> list[Placement]:
    """Returns the placements of all chains of one side in those of the other.

    Args:
      source: The source.
      target: The target.
      live: The numbers of the variables of both sides that are not yet aligned.
      matcher: Decides which layers can be the same.
      norms: Whether to place normalizations, or all other layers.
    """
    result: list[Placement] = []
    of_source, of_target = (
        chains(side, of_side) for side, of_side in zip((source, target), live, strict=True)
    )
    budget = _MAX_COMPARISONS
    for role in sorted(of_source.keys() & of_target.keys()):
        if (role in NORMS) != norms:
            continue
        counts = {
            id(chain): collections.Counter(map(kind, chain.layers))
            for chain in (*of_source[role], *of_target[role])
        }
        for a in of_source[role]:
            for b in of_target[role]:
                budget -= min(len(counts[id(a)]), len(counts[id(b)]))
                if budget < 0:
                    return _wholly_placed(result)
                if not _may_embed(counts[id(a)], counts[id(b)]):
                    continue
                budget -= len(a.layers) + len(b.layers)
                placement = _placed(a, b, matcher) or _turned(a, b, matcher)
                if placement is not None:
                    result.append(placement)
    return _wholly_placed(result)


def _wholly_placed(found: list[Placement]) -> list[Placement]:
    """Returns the placements, without those of a chain that lacks layers which another chain has for it."""
    most: dict[int, float] = collections.defaultdict(float)
    for placement in found:
        for chain in placement.shorter:
            most[id(chain)] = max(most[id(chain)], placement.share)
    return [p for p in found if all(p.share == most[id(chain)] for chain in p.shorter)]


def _may_embed(a: collections.Counter, b: collections.Counter) -> bool:
    """Returns True if one of two chains may be a part of the other, from how often each kind occurs."""
    few, many = (a, b) if a.total() <= b.total() else (b, a)
    if len(few) < _LEAST_SHAPES:
        return False
    gaps = 0
    for kind_, count in few.items():
        if kind_ not in many:
            gaps += count
        elif count > many[kind_]:
            return False
        if gaps > allowed_gaps(few.total()):
            return False
    return True


def allowed_gaps(count: int) -> float:
    """Returns how many of so many layers the other side may lack, such as heads.

    Args:
      count: The number of layers.
    """
    return max(1, _MOST_GAPS * count)


def _placed(source: Chain, target: Chain, matcher: Matcher) -> Placement | None:
    """Returns the placement of the shorter chain in the longer one; None if it is not part of it."""
    turned = len(source.layers) > len(target.layers)
    short, long = (target.layers, source.layers) if turned else (source.layers, target.layers)

    def same(a: Layer, b: Layer) -> bool:
        return a.main_role == b.main_role and bool(matcher.roles(b, a) if turned else matcher.roles(a, b))

    examples = {layer.signature: layer for layer in long}
    present: dict[tuple, bool] = {}
    for layer in short:
        if layer.signature not in present:
            present[layer.signature] = any(same(layer, example) for example in examples.values())
    kept = [layer for layer in short if present[layer.signature]]
    if len(short) - len(kept) > allowed_gaps(len(short)) or len(set(map(kind, kept))) < _LEAST_SHAPES:
        return None
    first = embedded(kept, long, same)
    if first is None:
        return None
    last = embedded(kept[::-1], long[::-1], same) or []
    last = [len(long) - 1 - place for place in reversed(last)]
    parallel: set[Kind] = set()
    if source.tracked != target.tracked:
        tracked, other = (source, target) if source.tracked else (target, source)
        parallel = branches(tracked.layers)
        if other.nested:
            parallel |= {k for k, n in collections.Counter(map(kind, tracked.layers)).items() if n > 1}
    pairs = [
        (long[x], layer) if turned else (layer, long[x])
        for layer, x, y in zip(kept, first, last, strict=True)
        if x == y and kind(layer) not in parallel
    ]
    coverage = 2 * len(kept) / (len(short) + len(long))
    shorter = [chain for chain in (source, target) if len(chain.layers) == len(short)]
    return Placement(pairs, coverage, shorter, len(kept) / len(short), source.whole and target.whole)


def _turned(source: Chain, target: Chain, matcher: Matcher) -> Placement | None:
    """Returns the placement of a chain whose numbers count down, as those of decoders do.

    None unless nearly all layers of both chains have counterparts: some part of a long chain has many orders.
    """
    if not (source.turns or target.turns):
        return None
    placement = _placed(dataclasses.replace(source, layers=source.layers[::-1]), target, matcher)
    return placement if placement and placement.coverage > 1 - _MOST_GAPS else None


def same_norms(source: Side, target: Side, matcher: Matcher) -> list[tuple[Layer, Layer]]:
    """Returns the pairs of all normalizations in their orders, if these have the same shapes one by one; else none.

    Args:
      source: The source.
      target: The target.
      matcher: Decides which layers can be the same.
    """
    of_source, of_target = (chains(side, {v.number for v in side.variables}) for side in (source, target))
    for role in NORMS:
        whole = [
            [chain.layers for chain in of_side.get(role, ()) if chain.whole and not chain.tracked]
            for of_side in (of_source, of_target)
        ]
        for a, b in itertools.product(*whole):
            pairs = list(zip(a, b, strict=False))
            if (
                len(a) == len(b)
                and len(set(map(kind, a))) > 1
                and all(matcher.roles(*pair) for pair in pairs)
            ):
                return pairs
    return []


_Item = TypeVar('_Item')


def embedded(
    short: Sequence[_Item], long: Sequence[_Item], same: Callable[[_Item, _Item], bool]
) -> list[int] | None:
    """Returns the first places in a sequence, in order, that can be the same as those of a shorter one; None if none.

    Args:
      short: The shorter sequence.
      long: The longer sequence.
      same: Whether an item of the shorter one can be the same as one of the longer one.
    """
    places, at = [], 0
    for item in short:
        while at < len(long) and not same(item, long[at]):
            at += 1
        if at == len(long):
            return None
        places.append(at)
        at += 1
    return places


def certain(
    found: Iterable[Placement], source: Side, target: Side, live: tuple[set[int], set[int]]
) -> Iterator[tuple[Layer, Layer, Evidence]]:
    """Yields pairs of layers that no other placement contradicts, with the evidence for them.

    A pair of chains that do not hold all layers counts only if both sides have as many layers of its kind: else the
    counterpart may be outside of the chain.

    Args:
      found: All placements.
      source: The source.
      target: The target.
      live: The numbers of the variables of both sides that are not yet aligned.
    """
    counts = [_count(side, of_side) for side, of_side in zip((source, target), live, strict=True)]
    best: dict[tuple[int, int], tuple[float, Layer, Layer]] = {}
    for placement in found:
        for a, b in placement.layers:
            balanced = counts[0][kind(a)] == counts[1][kind(b)]
            if balanced or (placement.whole and placement.coverage > 1 - _MOST_GAPS):
                pair = a.variables[a.main_role].number, b.variables[b.main_role].number
                if pair not in best or best[pair][0] < placement.coverage:
                    best[pair] = placement.coverage, a, b
    rivals: tuple[dict, dict] = (collections.defaultdict(list), collections.defaultdict(list))
    for pair, (coverage, _, _) in best.items():
        for number, of_number in zip(pair, rivals, strict=True):
            of_number[number].append((coverage, pair))
    for pair, (coverage, a, b) in sorted(best.items(), key=lambda row: row[0]):
        against = (r for n, of_side in zip(pair, rivals, strict=True) for r in of_side[n] if r[1] != pair)
        second = max((score for score, _ in against), default=0.0)
        if coverage - second >= _LEAST_LEAD:
            yield a, b, Evidence(0.0, _SHAPES, ORDER * coverage, coverage - second)


def _count(side: Side, live: set[int]) -> collections.Counter:
    return collections.Counter((side.roles[number], side.variables[number].size) for number in live)
