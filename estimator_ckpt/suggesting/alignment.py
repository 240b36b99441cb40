"""Aligns the variables of two sides, as far as shapes, numbers and names leave no doubt.

Sequences of layers come first: where one side's layers, in an order that is known, are a part of the other's, the pairs
are certain that every way to embed them has in common, and the normalizations follow their convolutions. Where one
side's names have no order, their scopes are laid out along the order of the other side.

The layers that remain are grouped into families, whose names differ only in numbers. Each family of the source is
compared with each family of the target that has variables of the same size: hypotheses state which numbers of one
family are which numbers of the other, such that layers find suitable counterparts. A hypothesis is accepted if there is
enough evidence for it, and clearly more than for any rival that places one of its variables elsewhere. The procedure is
repeated with the remaining variables until nothing more is accepted; these are ambiguous or have no counterpart.

Of long stacks of equal blocks, only a few blocks are aligned like this, and the others after them.
"""

import functools
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from estimator_ckpt.suggesting.activations import activation_pairs
from estimator_ckpt.suggesting.beside_convolutions import beside_convolutions
from estimator_ckpt.suggesting.candidates import possible_sources
from estimator_ckpt.suggesting.chains import by_kind
from estimator_ckpt.suggesting.connected import connected
from estimator_ckpt.suggesting.contradictions import contradictions
from estimator_ckpt.suggesting.counted_blocks import in_counted_blocks
from estimator_ckpt.suggesting.crossed_branches import crossed
from estimator_ckpt.suggesting.elsewhere import as_elsewhere
from estimator_ckpt.suggesting.evidence import CERTAIN
from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.family_stage import FamilyStage
from estimator_ckpt.suggesting.layer_kinds import aligned_layers, is_norm, main_number, place
from estimator_ckpt.suggesting.modules import IN_ORDER, same_places
from estimator_ckpt.suggesting.namesakes import numbers_in_names
from estimator_ckpt.suggesting.numbered_norms import numbered_norms
from estimator_ckpt.suggesting.progress import Alignment, Progress
from estimator_ckpt.suggesting.rare_shapes import of_rare_shapes
from estimator_ckpt.suggesting.scope_trees import laid_out
from estimator_ckpt.suggesting.separable import pointwise_pairs
from estimator_ckpt.suggesting.sequences import ORDER, Placement, certain, placements, same_norms
from estimator_ckpt.suggesting.stacks import align_by_few
from estimator_ckpt.suggesting.substitutions import substitutions
from estimator_ckpt.suggesting.surroundings import agreement, surrounded
from estimator_ckpt.suggesting.swapped_words import swapped
from estimator_ckpt.suggesting.transformer_blocks import in_blocks
from estimator_ckpt.suggesting.unnamed import unnamed_biases, unnamed_pairs

# The share of variables that are aligned if others may be known by their shapes alone.
_LEAST_SHARE = 0.4


def align(
    source: Iterable[Variable],
    target: Iterable[Variable],
    others: int = 0,
    known: Mapping[int, int] = MappingProxyType({}),
) -> Alignment:
    """Aligns the variables of two sides.

    Args:
      source: The variables of the source, numbered from 0.
      target: The variables of the target, numbered from 0.
      others: The number of further variables that are known to be the same.
      known: The source of each variable of the target that is known before, by their numbers.
    """
    sides = list(source), list(target)
    # What is known of others counts against the number of all variables.
    found = None if others or known else align_by_few(*sides, _align_all)
    return found or _align_all(*sides, others, known)


def _align_all(
    source: Iterable[Variable],
    target: Iterable[Variable],
    others: int = 0,
    known: Mapping[int, int] = MappingProxyType({}),
) -> Alignment:
    return _Aligner(Side(source), Side(target), others, known).run()


class _Aligner(Progress):
    """The stages of an alignment, each of which goes on from what is aligned so far."""

    def __init__(self, source: Side, target: Side, others: int, known: Mapping[int, int]):
        super().__init__(source, target, others, known)
        self._families = FamilyStage(self)

    @functools.cached_property
    def _everything(self) -> tuple[set[int], set[int]]:
        of_source, of_target = ({variable.number for variable in side.variables} for side in self.sides)
        return of_source, of_target

    @functools.cached_property
    def _joined(self) -> list[Placement]:
        found = placements(*self.sides, self._everything, self.matcher, norms=False, joined=True)
        return [placement for placement in found if placement.joined]

    def run(self) -> Alignment:
        self._same_names()
        while all(self.live) and (self._sequences() or self._scopes()):
            pass
        while all(self.live) and (
            self._of_parts(self.facts.modules)
            or self._families.families()
            or self._pointwise()
            or self._sequences()
            or self._of_parts(self.facts.networks)
            or self._joined_chains()
            or self._of_parts(self.facts.blocks)
            or self._remainder()
            or self._beside_convolutions()
            or self._numbered_norms()
            or self._in_blocks()
            or self._in_counted_blocks()
            or self._families.single_layers()
            or self._of_rare_shapes()
            or self._unnamed_biases()
            or self._substitutions()
        ):
            pass
        self._exchange_crossed()
        self._drop_contradictions()
        self.result.candidates = possible_sources(self.sides, self.live)
        return self.result

    def _exchange_crossed(self) -> None:
        """Exchanges the sources of layers that are in each other's branches, and those of their normalizations."""
        sources, evidence, norms = self.result.sources, self.result.evidence, self.facts.norms[1]
        for (_, a), (_, b) in list(crossed(aligned_layers(self.sides, sources))):
            couples = [(a, b), (norms.get(main_number(a)), norms.get(main_number(b)))]
            for one, other in couples:
                if one is None or other is None:
                    continue
                for role in one.variables.keys() & other.variables.keys():
                    s, t = one.variables[role].number, other.variables[role].number
                    if s in sources and t in sources:
                        sources[s], sources[t] = sources[t], sources[s]
                        evidence[s] = evidence[t] = IN_ORDER

    def _drop_contradictions(self) -> None:
        """Drops what breaks a pattern that the other pairs keep, with the normalizations of its convolutions."""
        sources, evidence = self.result.sources, self.result.evidence
        found = contradictions(self.sides, sources, self.matcher)
        # A pattern that what is known breaks is none.
        if not found.isdisjoint(self.facts.known):
            return
        # A plan takes variables of the same name without any rule.
        broken = {t for t in found if evidence[t] is not CERTAIN}
        if not broken:
            return
        norms = (self.facts.norms[1].get(t) for t in broken)
        broken |= {main_number(norm) for norm in norms if norm is not None}
        for family in self.target.families():
            for layer in family.layers:
                if main_number(layer) not in broken:
                    continue
                for variable in layer.variables.values():
                    if variable.number in sources:
                        self.live_target.add(variable.number)
                        self.live_source.add(sources.pop(variable.number))
                        del evidence[variable.number]

    def _same_names(self) -> None:
        """Accepts variables that have the same name and shape on both sides.

        Skips families with numbers on both sides that the other side lacks: `dense_1` may have become `dense_2`.
        """
        # Like a plan without rules: by name, then by path.
        by_name, by_path = ({v.names[view]: v for v in self.source.variables} for view in (0, -1))
        namesakes = []
        for variable in self.target.variables:
            namesake = by_name.get(variable.names[0]) or by_path.get(variable.names[-1])
            if namesake and (namesake.shape, namesake.dtype) == (variable.shape, variable.dtype):
                namesakes.append((namesake.number, variable.number))
        if not namesakes:
            return
        in_source, in_target, places = numbers_in_names(*self.sides)
        for s, t in namesakes:
            if all(
                in_source[place] <= in_target[place] or in_target[place] <= in_source[place]
                for place in places[t]
            ):
                self.accept([(s, t)], CERTAIN)

    def _sequences(self) -> bool:
        """Accepts what the order of layers leaves no doubt about. Returns True if there was anything."""
        live = self.live
        accepted = False
        for s, t, evidence in list(unnamed_pairs(*self.sides, live)):
            accepted |= self.accept([(s, t)], evidence)
        accepted |= self._chains(norms=False)
        return self._normalizations() or accepted or self._chains(norms=True)

    def _scopes(self) -> bool:
        """Accepts what the order of scopes leaves no doubt about. Returns True if there was anything."""
        found = list(laid_out(self.sides, self.result.sources, self.matcher))
        # The words of scopes that hold the same layers tell more than an order in which they may lie.
        wrong = {b for pairs in swapped((a, b) for a, b, _ in found) for _, b in pairs}
        return self.accept_open(row for row in found if row[1] not in wrong)

    def _of_parts(self, of_both: Iterable[tuple[set[int], set[int]]]) -> bool:
        """Accepts what the order of layers says inside of parts that correspond. Returns True if there was anything."""
        accepted = False
        for of_source, of_target in of_both:
            live = self.live_source & of_source, self.live_target & of_target
            while all(live) and self._chains(norms=False, live=live):
                live = self.live_source & of_source, self.live_target & of_target
                accepted = True
            sides, parts = self.sides, (of_source, of_target)
            accepted |= self.accept_each(same_places(sides, parts, live, self.result.sources, self.matcher))
        return accepted

    def _chains(self, norms: bool, live: tuple[set[int], set[int]] | None = None) -> bool:
        live = live or self.live
        if not all(live):
            return False
        found = placements(*self.sides, live, self.matcher, norms)
        accepted = False
        for a, b, evidence in certain(found, *self.sides, live):
            # Programs of the same names count alike, if with another first number.
            may_differ = self.may_differ(a, b) and (evidence.order < ORDER or place(a)[:2] != place(b)[:2])
            if norms and (may_differ or self.parts_units([(main_number(a), main_number(b))])):
                continue
            accepted |= self.accept_layers(a, b, evidence)
        return accepted

    def _joined_chains(self) -> bool:
        """Accepts what two runs after each other say that agree with all pairs. Returns True if there was anything."""
        targets = self.targets()
        agreeing = [p for p in self._joined if all(self.agrees(a, b, targets) for a, b in p.layers)]
        return self.accept_open(certain(agreeing, *self.sides, self._everything))

    def _normalizations(self) -> bool:
        """Accepts the normalizations of convolutions that are aligned. Returns True if there were any."""
        accepted, is_familiar = False, self.is_familiar()
        for t, s in list(self.result.sources.items()):
            a, b = self.facts.norms[0].get(s), self.facts.norms[1].get(t)
            if a is not None and b is not None and (is_familiar or self.result.evidence[t].order):
                accepted |= self.accept_open([(a, b, self.result.evidence[t])])
        return accepted

    def _remainder(self) -> bool:
        """Accepts layers that what surrounds them leaves no doubt about. Returns True if there were any."""
        if not self.is_familiar():
            return False
        surroundings, sources = self.facts.surroundings, self.result.sources
        accepted = False
        for a, b, evidence in list(surrounded(self.sides, surroundings, self.live, sources, self.matcher)):
            if not (self.parts_units([(main_number(a), main_number(b))]) or self.may_differ(a, b)):
                accepted |= self.accept_layers(a, b, evidence)
        return (
            accepted
            or self._in_gaps()
            or self._inside_scopes()
            or self._as_elsewhere()
            or self._connected()
            or self._activations()
            or self._all_norms()
            or self._last_norms()
        )

    def _all_norms(self) -> bool:
        """Accepts all normalizations in their order, if no other order may be meant. Returns True if there were any."""
        pairs = same_norms(*self.sides, self.matcher)
        targets = self.targets()
        if not all(self.agrees(a, b, targets) and not self.may_differ(a, b) for a, b in pairs):
            return False
        return self.accept_in_order([(a, b) for a, b in pairs if main_number(b) in self.live_target])

    def _last_norms(self) -> bool:
        """Accepts batch normalizations that are the last of their kind on each side. Returns True if there were any."""
        left = [
            by_kind(layer for layer in side.layers(live) if is_norm(layer) and 'mean' in layer.variables)
            for side, live in zip(self.sides, self.live, strict=True)
        ]
        pairs = [(left[0][k], left[1][k]) for k in sorted(left[0].keys() & left[1].keys())]
        last = [(a, b) for [a, *others], [b, *further] in pairs if not others and not further]
        return self.accept_in_order(
            (a, b) for a, b in last if not self.parts_aligned_units([(main_number(a), main_number(b))])
        )

    def _activations(self) -> bool:
        """Accepts the slopes of activations. Returns True if there were any."""
        return self.accept(activation_pairs(self.sides, self.live, self.result.sources), IN_ORDER)

    def _in_gaps(self) -> bool:
        """Accepts layers of a kind in their order if they are where they should be. Returns True if there were any."""
        sources, targets = self.result.sources, self.targets()
        accepted = False
        for pairs in list(same_places(self.sides, self.live, self.live, sources, self.matcher)):
            share, _ = agreement(pairs, self.facts.surroundings, sources, targets)
            if len(pairs) > 1 and share == 1 and not any(self.may_differ(a, b) for a, b in pairs):
                accepted |= self.accept_in_order(pairs)
        return accepted

    def _inside_scopes(self) -> bool:
        """Accepts layers that are alone of their kind in scopes that correspond. Returns True if there were any."""
        layers = self.source.layers(self.live_source), self.target.layers(self.live_target)
        pairs = self.corresponding_scopes().only_ones(layers)
        return self.accept_in_order([pair for pair in pairs if not self.may_differ(*pair)])

    def _as_elsewhere(self) -> bool:
        """Accepts the last two layers of a kind in the order of other blocks. Returns True if there were any."""
        return self.accept_in_order(list(as_elsewhere(self.sides, self.live, self.result.sources)))

    def _of_rare_shapes(self) -> bool:
        """Accepts layers that are the only ones of their shapes. Returns True if there were any."""
        is_same = self.share() >= _LEAST_SHARE
        return is_same and self.accept_in_order(of_rare_shapes(self.sides, self.live))

    def _substitutions(self) -> bool:
        """Accepts layers in orders of which both sides have some in another form. Returns True if there were any."""
        accepted = False
        for pairs, others in list(substitutions(self.sides, self.result.sources, self.matcher)):
            if self.accept_in_order(pairs):
                accepted = True
                self.close(others)
        return accepted

    def _unnamed_biases(self) -> bool:
        """Accepts biases without names that follow kernels that are aligned. Returns True if there were any."""
        found = unnamed_biases(self.sides, self.facts.kernels, self.live, self.result.sources)
        return self.accept(found, IN_ORDER)

    def _connected(self) -> bool:
        """Accepts layers right before or after layers that are aligned. Returns True if there were any."""
        links, sources = self.facts.links, self.result.sources
        return self.accept_in_order(connected(self.sides, links, self.live, sources, self.matcher))

    def _pointwise(self) -> bool:
        """Accepts the pointwise kernels of separable convolutions. Returns True if there were any."""
        return self.accept(list(pointwise_pairs(self.sides, self.live, self.result.sources)), IN_ORDER)

    def _beside_convolutions(self) -> bool:
        """Accepts normalizations before or after convolutions that are aligned. Returns True if there were any."""
        return self.accept_each(beside_convolutions(self.sides, self.live, self.result.sources, self.matcher))

    def _numbered_norms(self) -> bool:
        """Accepts the numbered normalizations of convolutions that are aligned. Returns True if there were any."""
        targets = self.targets()
        found = numbered_norms(self.sides, self.facts.norms, self.result.sources, self.matcher)
        return self.accept_each(pairs for pairs in found if all(self.agrees(a, b, targets) for a, b in pairs))

    def _in_blocks(self) -> bool:
        """Accepts layers of transformer blocks in the order of such blocks. Returns True if there were any."""
        return self.accept_each(in_blocks(self.sides, self.live, self.result.sources, self.matcher))

    def _in_counted_blocks(self) -> bool:
        """Accepts layers of transformer blocks in the order in which they are made. Returns True if there were any."""
        return self.accept_each(in_counted_blocks(self.sides, self.live, self.matcher))
