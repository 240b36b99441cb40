"""What two families of layers could have to do with each other: which number of the one is which of the other."""

import dataclasses
import itertools
from collections.abc import Collection, Iterator

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.suggesting.families import Family, Layer, Variable
from estimator_ckpt.suggesting.reshaping import fits

# Families can be cut along many numbers; what has more parts than this is left to other evidence.
_MAX_PARTS = 4000
_MATRICES = ('kernel', 'depthwise_kernel', 'pointwise_kernel', 'recurrent_kernel', 'embedding', 'gamma')


@dataclasses.dataclass(frozen=True, eq=False)
class Hypothesis:
    """Layers of a source family that are taken for layers of a target family.

    Attributes:
      source: The family, or the part of one that it is about.
      target: The same of the other side.
      layers: The pairs of layers.
      pairs: The pairs of variables, by their numbers in their sides.
      ordered: Whether numbers on both sides put the layers in the same order.
      same_numbers: Whether the numbers are even the same.
      flat: Whether several numbers of one side were read as one.
      cuts: Along how many numbers one of the families was cut to fit the other.
    """

    source: Family
    target: Family
    layers: list[tuple[Layer, Layer]]
    pairs: tuple[tuple[int, int], ...]
    ordered: bool
    same_numbers: bool
    flat: bool = False
    cuts: int = 0

    @property
    def coverage(self) -> float:
        """Which part of the layers of both families it is about."""
        return (len(self.layers) / len(self.source.layers) + len(self.layers) / len(self.target.layers)) / 2

    @property
    def role_fit(self) -> float:
        """Which part of the roles of both layers is in both, at the least."""
        return min(
            len(a.variables.keys() & b.variables.keys() or {''})
            / len(a.variables.keys() | b.variables.keys())
            for a, b in self.layers
        )


class Matcher:
    """Tells which layers of two sides can be the same, each kind once."""

    def __init__(self) -> None:
        self._known: dict[tuple, tuple[tuple[str, str], ...]] = {}

    def roles(self, a: Layer, b: Layer) -> tuple[tuple[str, str], ...]:
        """The roles of the variables that belong together; none where the layers cannot be the same."""
        key = (a.signature, b.signature)
        if key not in self._known:
            self._known[key] = _roles(a.variables, b.variables)
        return self._known[key]


def _roles(a: dict[str, Variable], b: dict[str, Variable]) -> tuple[tuple[str, str], ...]:
    common = sorted(a.keys() & b.keys())
    if not common:
        # A matrix without a role can have any, where its shape leaves no choice; of a vector that says too little.
        exact = [
            (x, y) for x in a for y in b if '' in (x, y) and a[x].shape == b[y].shape and len(a[x].shape) > 1
        ]
        return tuple(exact) if len(exact) == 1 and alike(a[exact[0][0]], b[exact[0][1]]) else ()
    mains_a, mains_b = ({r for r in roles if r in _MATRICES} for roles in (a, b))
    if mains_a and mains_b and not mains_a & mains_b:
        return ()
    if not all(alike(a[role], b[role]) and (role or a[role].shape == b[role].shape) for role in common):
        return ()
    return tuple((role, role) for role in common)


def alike(a: Variable, b: Variable) -> bool:
    """Whether two variables hold the same kind of numbers in a shape that fits."""
    return fits(a.shape, b.shape) and (a.dtype == b.dtype or castable(a.dtype, b.dtype))


def castable(a: int, b: int) -> bool:
    """Whether both types are of floating-point numbers."""
    return all('float' in dtypes.name(dtype) for dtype in (a, b))


def hypotheses(source: Family, target: Family, matcher: Matcher) -> Iterator[Hypothesis]:
    """The ways to take one family for another one in which as many layers as possible find their like.

    As many of the numbers as both names have correspond, in any order; where one of the families has more, it is cut
    along those.
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
                    if part_of_source.sizes & part_of_target.sizes:
                        for found in _best(part_of_source, part_of_target, kept_source, kept_target, matcher):
                            yield dataclasses.replace(found, cuts=cuts)
    if shared and len(source.slots) != len(target.slots):
        yield from _flat(source, target, matcher)


def _best(
    source: Family,
    target: Family,
    kept_source: tuple[int, ...],
    kept_target: tuple[int, ...],
    matcher: Matcher,
) -> Iterator[Hypothesis]:
    """Those with the most layers, of all assignments of numbers to numbers.

    Where one naming scheme is used on both sides, numbers that stayed the same are another possibility.
    """
    found: dict[tuple, Hypothesis] = {}
    for order in itertools.permutations(kept_source):
        for hypothesis in _by_numbers(source, target, order, kept_target, matcher):
            found.setdefault(hypothesis.pairs, hypothesis)
        if any(len(h.layers) == len(source.layers) for h in found.values()):
            break
    most = max((len(h.layers) for h in found.values()), default=0)
    one_scheme = _scheme(source) == _scheme(target)
    for hypothesis in found.values():
        if len(hypothesis.layers) == most or (one_scheme and hypothesis.same_numbers):
            yield hypothesis


def _scheme(family: Family) -> list[str]:
    # The name that TensorFlow counts from has no underscore where its first one is not there.
    return [literal.removesuffix('_') for literal in family.literals]


def _by_numbers(
    source: Family, target: Family, slots: tuple[int, ...], target_slots: tuple[int, ...], matcher: Matcher
) -> Iterator[Hypothesis]:
    index = target.by_numbers(target_slots)
    columns = [(source.numbers(s), target.numbers(t)) for s, t in zip(slots, target_slots, strict=True)]
    for maps in itertools.product(*(_monotone_maps(*pair) for pair in columns)):
        found = []
        for layer in source.layers:
            counterpart = index.get(tuple([m.get(layer.values[s]) for m, s in zip(maps, slots, strict=True)]))
            if counterpart is not None:
                found.append((layer, counterpart))
        same = bool(maps) and all(x == y for m in maps for x, y in m.items())
        hypothesis = _checked(source, target, found, matcher, ordered=bool(maps), same_numbers=same)
        if hypothesis is not None:
            yield hypothesis


def _monotone_maps(source: Collection[int], target: Collection[int]) -> list[dict[int, int]]:
    """Numbers to numbers in the same order: shifted by nothing, first to first, last to last, and one by one."""
    shifts = {0, min(target) - min(source), max(target) - max(source)}
    maps = [{n: n + shift for n in source if n + shift in target} for shift in sorted(shifts, key=abs)]
    if len(source) == len(target):
        maps.append(dict(zip(sorted(source), sorted(target), strict=True)))
    return [m for number, m in enumerate(maps) if m and m not in maps[:number]]


def _flat(source: Family, target: Family, matcher: Matcher) -> Iterator[Hypothesis]:
    """The layers one by one in the order of all of their numbers, aligned at the first or at the last."""
    few = min(len(source.layers), len(target.layers))
    candidates = {
        tuple(zip(source.layers[:few], target.layers[:few], strict=True)),
        tuple(zip(source.layers[-few:], target.layers[-few:], strict=True)),
    }
    for found in sorted(candidates, key=lambda pairs: [a.values + b.values for a, b in pairs]):
        hypothesis = _checked(
            source, target, list(found), matcher, ordered=True, same_numbers=False, flat=True
        )
        if hypothesis is not None:
            yield hypothesis


def _checked(
    source: Family,
    target: Family,
    layers: list[tuple[Layer, Layer]],
    matcher: Matcher,
    **attributes: bool,
) -> Hypothesis | None:
    """The hypothesis, unless layers that should be the same cannot be.

    One of many may be another one by now, and the last one of several, which is often replaced.
    """
    faults, fitting, pairs = 0, [], []
    for number, (a, b) in enumerate(layers, 1):
        roles = matcher.roles(a, b)
        if not roles:
            faults += 1
            if faults > max(len(layers) // 8, number == len(layers) > 2):
                return None
            continue
        fitting.append((a, b))
        pairs += [(a.variables[x].number, b.variables[y].number) for x, y in roles]
    if not fitting:
        return None
    return Hypothesis(source, target, fitting, tuple(sorted(pairs)), **attributes)
