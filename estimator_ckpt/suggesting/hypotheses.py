"""Hypotheses about two families of layers: which numbers of one family are which numbers of the other."""

import collections
import dataclasses
import functools
import itertools
from collections.abc import Collection, Iterator, Sequence

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.suggesting.chains import Kind, kind
from estimator_ckpt.suggesting.families import Family, Layer, Variable
from estimator_ckpt.suggesting.number_words import agreeing, words_before
from estimator_ckpt.suggesting.reshaping import OF_HEADS, Shape, fits

# Families can be cut along many numbers; pairs of families with more parts are left to other evidence.
_MAX_PARTS = 4000
# Parts with so many times the layers of another part count something else.
_MOST_TIMES = 64
# The most shifts of the numbers of one family that are tried.
_MAX_SHIFTS = 1000
_MATRICES = ('kernel', 'depthwise_kernel', 'pointwise_kernel', 'recurrent_kernel', 'embedding', 'gamma')

_TABLES = {'embedding', 'kernel'}


@dataclasses.dataclass(frozen=True, eq=False)
class Hypothesis:
    """The claim that layers of a source family are layers of a target family.

    Attributes:
      source: The source family, or a part of it.
      target: The target family, or a part of it.
      layers: The pairs of layers.
      pairs: The pairs of variables, by their numbers in their sides.
      ordered: Whether numbers on both sides put the layers in the same order.
      same_numbers: Whether the numbers on both sides are equal.
      cuts: The number of numbers along which one of the families was cut to fit the other.
    """

    source: Family
    target: Family
    layers: list[tuple[Layer, Layer]]
    pairs: tuple[tuple[int, int], ...]
    ordered: bool
    same_numbers: bool
    cuts: int = 0

    @functools.cached_property
    def numbers(self) -> tuple[frozenset[int], frozenset[int]]:
        """The numbers of the variables of the source, and of those of the target."""
        return frozenset(s for s, _ in self.pairs), frozenset(t for _, t in self.pairs)

    def overlaps(self, other: 'Hypothesis') -> bool:
        """Returns True if another hypothesis is about one of the variables too.

        Args:
          other: The other hypothesis.
        """
        return any(not a.isdisjoint(b) for a, b in zip(self.numbers, other.numbers, strict=True))

    @property
    def coverage(self) -> float:
        """The share of the layers of both families that have a counterpart."""
        return (len(self.layers) / len(self.source.layers) + len(self.layers) / len(self.target.layers)) / 2

    @property
    def keeps_all_numbers(self) -> bool:
        """Whether all layers of one family have the layers of the same numbers as counterparts."""
        return self.same_numbers and len(self.layers) == min(len(self.source.layers), len(self.target.layers))

    def skipped(self) -> Iterator[tuple[int, Layer, frozenset[tuple[int, int]]]]:
        """Yields layers without a counterpart that are between others which have one, and of the kind of one of these.

        Where the other side has as many layers in their place, these are their other forms, and tell nothing else.

        Yields:
          0 for a layer of the source or 1 for one of the target, the layer, and the pairs of variables of its kind.
        """
        sides = (self.source, self.target)
        between = [
            _between(family.layers, [pair[side] for pair in self.layers]) for side, family in enumerate(sides)
        ]
        for side, family in enumerate(sides):
            pairs: dict[Kind, set[tuple[int, int]]] = collections.defaultdict(set)
            for pair in self.layers:
                s, t = (layer.variables[layer.main_role].number for layer in pair)
                pairs[kind(pair[side])].add((s, t))
            for own, other in zip(between[side], between[1 - side], strict=True):
                alike = [layer for layer in own if kind(layer) in pairs] if len(family.slots) == 1 else ()
                for layer in alike:
                    if _count_of_rank(own, _rank(layer)) != _count_of_rank(other, _rank(layer)):
                        yield side, layer, frozenset(pairs[kind(layer)])

    @property
    def role_fit(self) -> float:
        """The smallest share, over all pairs of layers, of roles that both layers have."""
        return min(
            len(a.variables.keys() & b.variables.keys() or {''})
            / len(a.variables.keys() | b.variables.keys())
            for a, b in self.layers
        )


def _between(layers: Sequence[Layer], placed: Sequence[Layer]) -> list[Sequence[Layer]]:
    """Returns the layers between each two that follow one another among those that are placed."""
    place_of = {id(layer): place for place, layer in enumerate(layers)}
    places = sorted(place_of[id(layer)] for layer in placed)
    return [layers[before + 1 : after] for before, after in itertools.pairwise(places)]


def _rank(layer: Layer) -> int:
    return len(layer.variables[layer.main_role].shape)


def _count_of_rank(layers: Sequence[Layer], rank: int) -> int:
    return sum(_rank(layer) == rank for layer in layers)


class Matcher:
    """Decides which layers of two sides can be the same, once for each kind of layer."""

    def __init__(self) -> None:
        self._cache: dict[tuple, tuple[tuple[str, str], ...]] = {}

    def roles(self, a: Layer, b: Layer) -> tuple[tuple[str, str], ...]:
        """Returns the pairs of roles of corresponding variables.

        Args:
          a: A layer of the source.
          b: A layer of the target.

        Returns:
          The pairs; none if the layers cannot be the same.
        """
        key = (a.signature, b.signature)
        if key not in self._cache:
            self._cache[key] = _roles(a.variables, b.variables)
        return self._cache[key]


def _roles(a: dict[str, Variable], b: dict[str, Variable]) -> tuple[tuple[str, str], ...]:
    common = sorted(a.keys() & b.keys())
    if not common:
        # A matrix without a role matches any role if only one shape fits; the shape of a vector is too common. So do
        # an embedding and a weight.
        exact = [
            (x, y)
            for x in a
            for y in b
            if ('' in (x, y) or {x, y} == _TABLES) and _are_one_matrix(a[x].shape, b[y].shape)
        ]
        return tuple(exact) if len(exact) == 1 and alike(a[exact[0][0]], b[exact[0][1]]) else ()
    mains_a, mains_b = ({r for r in roles if r in _MATRICES} for roles in (a, b))
    if mains_a and mains_b and not mains_a & mains_b:
        return ()
    if not all(alike(a[role], b[role]) and (role or a[role].shape == b[role].shape) for role in common):
        return ()
    return tuple((role, role) for role in common)


def _are_one_matrix(a: Shape, b: Shape) -> bool:
    """Returns True for equal shapes of matrices, one of which may have an axis of heads, or lack that of one column."""
    if min(len(a), len(b)) < 2:
        return (*a, 1) == b or a == (*b, 1)
    has_heads = max(len(a), len(b)) == OF_HEADS and (a[0] == b[0] or a[-1] == b[-1])
    return a == b or has_heads


def alike(a: Variable, b: Variable) -> bool:
    """Returns True if two variables have shapes that fit each other and equal or castable types.

    Args:
      a: A variable of the source.
      b: A variable of the target.
    """
    return fits(a.shape, b.shape) and (a.dtype == b.dtype or castable(a.dtype, b.dtype))


def castable(a: int, b: int) -> bool:
    """Returns True if both types are floating-point types.

    Args:
      a: TensorFlow's number of the first data type.
      b: TensorFlow's number of the second data type.
    """
    return all('float' in dtypes.name(dtype) for dtype in (a, b))


def hypotheses(source: Family, target: Family, matcher: Matcher) -> Iterator[Hypothesis]:
    """Yields the hypotheses about two families in which the most layers have a counterpart.

    Numbers in the names of the families correspond in any order. A family whose names have more numbers is cut along
    the additional ones.

    Args:
      source: A family of the source.
      target: A family of the target.
      matcher: Decides which layers can be the same.
    """
    shared = min(len(source.slots), len(target.slots))
    cuts = abs(len(source.slots) - len(target.slots))
    parts = 0
    cut_targets = [(kept, list(target.parts(kept))) for kept in itertools.combinations(target.slots, shared)]
    for kept_source in itertools.combinations(source.slots, shared):
        for part_of_source in source.parts(kept_source):
            for kept_target, parts_of_target in cut_targets:
                for part_of_target in parts_of_target:
                    parts += 1
                    if parts > _MAX_PARTS:
                        return
                    if _is_split(part_of_source, part_of_target):
                        continue
                    if part_of_source.sizes & part_of_target.sizes:
                        of_parts = _best(part_of_source, part_of_target, kept_source, kept_target, matcher)
                        for hypothesis in of_parts:
                            yield dataclasses.replace(hypothesis, cuts=cuts)


def _is_split(a: Family, b: Family) -> bool:
    """Returns True if one of two parts has far more layers: it counts blocks, and the other one what is in a block."""
    fewer, more = sorted((len(a.layers), len(b.layers)))
    return more > _MOST_TIMES * fewer


def _best(
    source: Family,
    target: Family,
    kept_source: tuple[int, ...],
    kept_target: tuple[int, ...],
    matcher: Matcher,
) -> Iterator[Hypothesis]:
    """Yields the hypotheses with the most layers, of all assignments of numbers to numbers.

    If both sides have the same naming scheme, also yields the hypothesis that numbers stayed the same.
    """
    by_pairs: dict[tuple, Hypothesis] = {}
    most = 1
    for order in _orders(source, target, kept_source, kept_target):
        for hypothesis in _by_numbers(source, target, order, kept_target, matcher, most):
            by_pairs.setdefault(hypothesis.pairs, hypothesis)
            most = max(most, len(hypothesis.layers))
        if by_pairs and most == len(source.layers):
            break
    same_scheme = _scheme(source) == _scheme(target)
    for hypothesis in by_pairs.values():
        if len(hypothesis.layers) == most or (same_scheme and hypothesis.same_numbers):
            yield hypothesis


def _orders(
    source: Family, target: Family, kept_source: tuple[int, ...], kept_target: tuple[int, ...]
) -> list[tuple[int, ...]]:
    """Returns all orders of the source's numbers, those first in which words before numbers agree with the target's.

    Among equals, the order of the names comes first.
    """
    orders = list(itertools.permutations(kept_source))
    if len(orders) == 1:
        return orders
    before = dict(zip(kept_source, words_before(source, kept_source), strict=True))
    of_target = words_before(target, kept_target)
    return sorted(orders, key=lambda order: -agreeing([before[slot] for slot in order], of_target))


def _scheme(family: Family) -> list[str]:
    # Families without the first of TensorFlow's numbered names (`dense`, `dense_1`) have the underscore in their text.
    return [literal.removesuffix('_') for literal in family.literals]


def _by_numbers(
    source: Family,
    target: Family,
    slots: tuple[int, ...],
    target_slots: tuple[int, ...],
    matcher: Matcher,
    least: int,
) -> Iterator[Hypothesis]:
    """Yields the hypotheses of one assignment of numbers to numbers, without those of fewer layers than `least`."""
    index = target.by_numbers(target_slots)
    # The places in which Keras has tracked layers are equal to other numbers by chance.
    comparable = all(
        source.is_tracked(s) == target.is_tracked(t) for s, t in zip(slots, target_slots, strict=True)
    )
    for maps, same, mapped in _all_maps(source, target, slots, target_slots, least):
        layers = []
        for place in _bits(mapped):
            values = source.layers[place].values
            counterpart = index.get(tuple([m[values[s]] for m, s in zip(maps, slots, strict=True)]))
            if counterpart is not None:
                layers.append((source.layers[place], counterpart))
        if len(layers) < least and not same:
            continue
        same = same and bool(maps) and comparable
        hypothesis = _checked(source, target, layers, matcher, ordered=bool(maps), same_numbers=same)
        if hypothesis is not None:
            yield hypothesis


def _bits(number: int) -> Iterator[int]:
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest


def _all_maps(
    source: Family, target: Family, slots: tuple[int, ...], target_slots: tuple[int, ...], least: int
) -> list[tuple[tuple[dict[int, int], ...], bool, int]]:
    """Returns the maps of the numbers at all places, whether they leave the numbers as they are, and the layers.

    Of names with many numbers there are very many; those that map the numbers of fewer layers than `least`, unless they
    leave the numbers as they are, are given up at the first place that tells. The layers are a set of bits.
    """
    every = (1 << len(source.layers)) - 1
    partial: list[tuple[tuple[dict[int, int], ...], bool, int]] = [((), True, every)]
    for s, t in zip(slots, target_slots, strict=True):
        of_place = []
        for m in _monotone_maps(source.numbers(s), target.numbers(t)):
            same = all(x == y for x, y in m.items())
            of_place.append((m, same, source.with_numbers(s, m)))
        partial = [
            ((*maps, m), so_far and same, layers & of_map)
            for maps, so_far, layers in partial
            for m, same, of_map in of_place
            if (so_far and same) or (layers & of_map).bit_count() >= least
        ]
    return partial


def other_shifts(hypothesis: Hypothesis, matcher: Matcher) -> Iterator[Hypothesis]:
    """Yields the hypotheses of other shifts of the numbers that fit as many layers as a hypothesis does.

    Args:
      hypothesis: The hypothesis.
      matcher: Decides which layers can be the same.
    """
    source, target = hypothesis.source, hypothesis.target
    if len(source.layers) == len(target.layers):
        return
    turned = len(source.layers) > len(target.layers)
    short, long = (target, source) if turned else (source, target)
    own = frozenset(hypothesis.pairs)
    for found in _shifted(short, long):
        pairs = [(b, a) if turned else (a, b) for a, b in found]
        if len(pairs) >= len(hypothesis.layers):
            other = _checked(source, target, pairs, matcher, ordered=True, same_numbers=False)
            if other and len(other.layers) >= len(hypothesis.layers) and own.isdisjoint(other.pairs):
                yield other


def _shifted(short: Family, long: Family) -> Iterator[list[tuple[Layer, Layer]]]:
    """Yields the pairs of layers of each shift of the numbers; the only layer of a cut family may be any."""
    if len(short.layers) == 1:
        yield from ([(short.layers[0], layer)] for layer in long.layers)
    if len(short.slots) != 1 or len(long.slots) != 1:
        return
    layers = long.by_numbers(tuple(long.slots))
    numbers = [layer.values[short.slots[0]] for layer in short.layers]
    for shift in _shifts(numbers, long.numbers(long.slots[0])):
        counterparts = [layers.get((number + shift,)) for number in numbers]
        yield [(a, b) for a, b in zip(short.layers, counterparts, strict=True) if b is not None]


def _shifts(short: Collection[int], long: Collection[int]) -> range:
    return range(min(long) - min(short), max(long) - max(short) + 1)[:_MAX_SHIFTS]


def _monotone_maps(source: Collection[int], target: Collection[int]) -> list[dict[int, int]]:
    """Returns order-preserving maps of numbers: unchanged, first to first, last to last, and one by one."""
    shifts = {0, min(target) - min(source), max(target) - max(source)}
    maps = [{n: n + shift for n in source if n + shift in target} for shift in sorted(shifts, key=abs)]
    if len(source) == len(target):
        maps.append(dict(zip(sorted(source), sorted(target), strict=True)))
    return [m for number, m in enumerate(maps) if m and m not in maps[:number]]


def _checked(
    source: Family,
    target: Family,
    layers: list[tuple[Layer, Layer]],
    matcher: Matcher,
    *,
    ordered: bool,
    same_numbers: bool,
) -> Hypothesis | None:
    """Returns the hypothesis about pairs of layers; None if too many pairs cannot be the same.

    One pair in eight may differ, and so may the last of several layers, or of two dense ones, which is often replaced.
    """
    faults = 0
    fitting: list[tuple[Layer, Layer]] = []
    pairs: list[tuple[int, int]] = []
    for number, (a, b) in enumerate(layers, 1):
        roles = matcher.roles(a, b)
        if not roles:
            faults += 1
            is_last = number == len(layers) > (1 if len(b.variables[b.main_role].shape) == 2 else 2)
            if faults > max(len(layers) // 8, is_last):
                return None
            continue
        fitting.append((a, b))
        pairs += [(a.variables[x].number, b.variables[y].number) for x, y in roles]
    if not fitting:
        return None
    return Hypothesis(source, target, fitting, tuple(sorted(pairs)), ordered, same_numbers)
