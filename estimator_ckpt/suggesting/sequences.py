"""Aligns sequences of layers, whose order says what their names do not.

One chain is part of another if all of its layers have counterparts in the same order. Of the pairs that this gives,
those are certain that the first and the last of all ways to embed it have in common.
"""

import collections
import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeVar

from estimator_ckpt.suggesting.chains import Chain, Kind, branches, chains, kind
from estimator_ckpt.suggesting.evidence import Evidence
from estimator_ckpt.suggesting.families import Layer, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import NORMS

# The fewest different shapes of chains that prove more than chance.
_LEAST_SHAPES = 3
# The share of layers of a chain that the other side may lack, besides one, such as a head for other classes.
_MOST_GAPS = 0.1
# An alignment is no rival to one that covers so much more of both chains.
_LEAST_LEAD = 0.1
_MAX_COMPARISONS = 3_000_000
# Shapes and order of a whole network agree by chance only if it is another one of the same design.
_SHAPES, ORDER = 0.9, 0.9


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Placement:
    """The certain pairs of layers of two chains.

    Attributes:
      layers: The pairs of layers.
      coverage: The share of the layers of both chains that have counterparts.
      shorter: The shorter chain, or both if none is shorter.
      share: The share of its layers that have.
      chains: Both chains.
    """

    layers: list[tuple[Layer, Layer]]
    coverage: float
    shorter: list[Chain]
    share: float
    chains: tuple[Chain, Chain]

    @property
    def joined(self) -> bool:
        """Whether one of the chains is two runs after each other."""
        return any(chain.joined for chain in self.chains)

    def whole_kinds(self, counts: Sequence[collections.Counter]) -> Collection[Kind]:
        """Returns the kinds of which the chains hold all layers.

        Args:
          counts: How many layers of each kind each side has.
        """
        held = [collections.Counter(map(kind, chain.layers)) for chain in self.chains]
        return {
            k
            for k in held[0].keys() & held[1].keys()
            if all(
                chain.whole or of_chain[k] == count[k]
                for chain, of_chain, count in zip(self.chains, held, counts, strict=True)
            )
        }


def placements(
    source: Side,
    target: Side,
    live: tuple[set[int], set[int]],
    matcher: Matcher,
    norms: bool,
    joined: bool = False,
) -> list[Placement]:
    """Returns the placements of all chains of one side in those of the other.

    Args:
      source: The source.
      target: The target.
      live: The numbers of the variables of both sides that are not yet aligned.
      matcher: Decides which layers can be the same.
      norms: Whether to place normalizations, or all other layers.
      joined: Whether two runs after each other are a chain too, such as those of an encoder and a decoder.
    """
    result: list[Placement] = []
    of_source, of_target = (
        chains(side, of_side, joined) for side, of_side in zip((source, target), live, strict=True)
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
                if (a.joined and b.joined) or not _may_embed(counts[id(a)], counts[id(b)]):
                    continue
                budget -= len(a.layers) + len(b.layers)
                placement = _placed(a, b, matcher) or _turned(a, b, matcher)
                # Two runs that may belong anywhere are a chain only if nearly all layers have counterparts.
                if placement and (placement.coverage > 1 - _MOST_GAPS or not placement.joined):
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
    return Placement(pairs, coverage, shorter, len(kept) / len(short), (source, target))


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

    A pair of chains that do not hold all layers of its kind counts only if both sides have as many of these: else the
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
        whole = placement.whole_kinds(counts) if placement.coverage > 1 - _MOST_GAPS else ()
        for a, b in placement.layers:
            if counts[0][kind(a)] == counts[1][kind(b)] or (kind(a) in whole and kind(b) in whole):
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
