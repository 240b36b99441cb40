"""Aligns the variables of two sides, as far as shapes, numbers and names leave no doubt.

Sequences of layers come first: where one side's layers, in an order that is known, are a part of the other's, the pairs
are certain that every way to embed them has in common, and the normalizations follow their convolutions. Where one
side's names have no order, their scopes are laid out along the order of the other side.

The layers that remain are grouped into families, whose names differ only in numbers. Each family of the source is
compared with each family of the target that has variables of the same size: hypotheses state which numbers of one
family are which numbers of the other, such that layers find suitable counterparts. A hypothesis is accepted if there is
enough evidence for it, and clearly more than for any rival that places one of its variables elsewhere. The procedure is
repeated with the remaining variables until nothing more is accepted; these are ambiguous or have no counterpart.
"""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping

from estimator_ckpt.suggesting.activations import activation_pairs
from estimator_ckpt.suggesting.boundaries import Boundaries
from estimator_ckpt.suggesting.candidates import partners_by_size, possible_sources, single_layers
from estimator_ckpt.suggesting.contradictions import contradictions
from estimator_ckpt.suggesting.elsewhere import as_elsewhere
from estimator_ckpt.suggesting.evidence import CERTAIN, Evidence, Scored, Scorer
from estimator_ckpt.suggesting.facts import Facts
from estimator_ckpt.suggesting.families import Layer, Side, Variable
from estimator_ckpt.suggesting.hypotheses import Hypothesis, Matcher, hypotheses, other_shifts
from estimator_ckpt.suggesting.layer_kinds import is_norm, main_number, place
from estimator_ckpt.suggesting.modules import IN_ORDER, same_places
from estimator_ckpt.suggesting.namesakes import numbers_in_names
from estimator_ckpt.suggesting.rivals import LEAST_LEAD, Rivals
from estimator_ckpt.suggesting.scope_trees import laid_out
from estimator_ckpt.suggesting.sequences import ORDER, Placement, certain, placements, same_norms
from estimator_ckpt.suggesting.surroundings import agreement, surrounded
from estimator_ckpt.suggesting.swapped_words import swapped
from estimator_ckpt.suggesting.transformer_blocks import in_blocks
from estimator_ckpt.suggesting.unnamed import unnamed_pairs

# The least confidence of hypotheses that are accepted.
_LEAST_CONFIDENCE = 0.55
# The least likeness of names that confirm an order that is not sure.
_CONFIRMING = 0.6
# The fewest normalizations without names of their own that are aligned at a time.
_MANY = 3
# What it adds to the score of a hypothesis, and to the evidence for it, if its layers are where they should be; and
# what it takes from the score if they are not.
_IN_PLACE, _SURROUNDED, _OUT_OF_PLACE = 0.15, 0.4, 0.1
# Families that have so many times the layers of the other count something else.
_MOST_TIMES = 4
# What it adds besides if that is all that surrounds them.
_EXACTLY_IN_PLACE = 0.04
# What it adds if its layers are namesakes, and takes if its only layer has another namesake.
_SAME_NAMES = 0.06


@dataclasses.dataclass
class Alignment:
    """An alignment of the variables of two sides, which are given by their numbers.

    Attributes:
      sources: The source of each aligned target.
      evidence: The evidence for the source of each aligned target.
      candidates: The possible sources of each ambiguous target.
    """

    sources: dict[int, int] = dataclasses.field(default_factory=dict)
    evidence: dict[int, Evidence] = dataclasses.field(default_factory=dict)
    candidates: dict[int, list[int]] = dataclasses.field(default_factory=dict)


def align(source: Iterable[Variable], target: Iterable[Variable], others: int = 0) -> Alignment:
    """Aligns the variables of two sides.

    Args:
      source: The variables of the source, numbered from 0.
      target: The variables of the target, numbered from 0.
      others: The number of further variables that are known to be the same.
    """
    return _Aligner(Side(source), Side(target), others).run()


class _Aligner:
    def __init__(self, source: Side, target: Side, others: int):
        self._source, self._target, self._others = source, target, others
        self._live_source = {variable.number for variable in source.variables}
        self._live_target = {variable.number for variable in target.variables}
        self._matcher = Matcher()
        self._result = Alignment()
        self._scorer = Scorer(source, target, self._matcher)
        self._facts = Facts(source, target)
        self._targets: dict[int, int] = {}

    @functools.cached_property
    def _boundaries(self) -> Boundaries:
        return Boundaries((self._source, self._target))

    @functools.cached_property
    def _everything(self) -> tuple[set[int], set[int]]:
        return {v.number for v in self._source.variables}, {v.number for v in self._target.variables}

    @functools.cached_property
    def _joined(self) -> list[Placement]:
        found = placements(
            self._source, self._target, self._everything, self._matcher, norms=False, joined=True
        )
        return [placement for placement in found if placement.joined]

    def run(self) -> Alignment:
        self._same_names()
        while self._live_source and self._live_target and (self._sequences() or self._scopes()):
            pass
        while (self._live_source and self._live_target) and (
            self._of_parts(self._facts.modules)
            or self._settle(self._of_families())
            or self._sequences()
            or self._of_parts(self._facts.networks)
            or self._joined_chains()
            or self._of_parts(self._facts.blocks)
            or self._remainder()
            or self._in_blocks()
            or self._settle(self._of_single_layers())
        ):
            pass
        self._drop_contradictions()
        live = self._live_source, self._live_target
        self._result.candidates = possible_sources((self._source, self._target), live)
        return self._result

    def _drop_contradictions(self) -> None:
        """Drops what breaks a pattern that the other pairs keep, with the normalizations of its convolutions."""
        sources, evidence = self._result.sources, self._result.evidence
        found = contradictions((self._source, self._target), sources, self._matcher)
        # A plan takes variables of the same name without any rule.
        broken = {t for t in found if evidence[t] is not CERTAIN}
        if not broken:
            return
        norms = (self._facts.norms[1].get(t) for t in broken)
        broken |= {main_number(norm) for norm in norms if norm is not None}
        for family in self._target.families():
            for layer in family.layers:
                if main_number(layer) not in broken:
                    continue
                for variable in layer.variables.values():
                    if variable.number in sources:
                        self._live_target.add(variable.number)
                        self._live_source.add(sources.pop(variable.number))
                        del evidence[variable.number]

    def _accept(self, pairs: Iterable[tuple[int, int]], evidence: Evidence) -> bool:
        """Accepts pairs of variables. Returns True if any of them was not aligned before."""
        accepted = False
        for s, t in pairs:
            if s in self._live_source and t in self._live_target:
                accepted = True
                self._result.sources[t], self._result.evidence[t] = s, evidence
                self._live_source.remove(s)
                self._live_target.remove(t)
        return accepted

    def _same_names(self) -> None:
        """Accepts variables that have the same name and shape on both sides.

        Skips families with numbers on both sides that the other side lacks: `dense_1` may have become `dense_2`.
        """
        # Like a plan without rules: by name, then by path.
        by_name, by_path = ({v.names[view]: v for v in self._source.variables} for view in (0, -1))
        namesakes = []
        for variable in self._target.variables:
            namesake = by_name.get(variable.names[0]) or by_path.get(variable.names[-1])
            if namesake and (namesake.shape, namesake.dtype) == (variable.shape, variable.dtype):
                namesakes.append((namesake.number, variable.number))
        if not namesakes:
            return
        in_source, in_target, places = numbers_in_names(self._source, self._target)
        for s, t in namesakes:
            if all(
                in_source[place] <= in_target[place] or in_target[place] <= in_source[place]
                for place in places[t]
            ):
                self._accept([(s, t)], CERTAIN)

    def _sequences(self) -> bool:
        """Accepts what the order of layers leaves no doubt about. Returns True if there was anything."""
        live = self._live_source, self._live_target
        accepted = False
        for s, t, evidence in list(unnamed_pairs(self._source, self._target, live)):
            accepted |= self._accept([(s, t)], evidence)
        accepted |= self._chains(norms=False)
        return self._normalizations() or accepted or self._chains(norms=True)

    def _scopes(self) -> bool:
        """Accepts what the order of scopes leaves no doubt about. Returns True if there was anything."""
        found = list(laid_out((self._source, self._target), self._result.sources, self._matcher))
        # The words of scopes that hold the same layers tell more than an order in which they may lie.
        wrong = {b for pairs in swapped((a, b) for a, b, _ in found) for _, b in pairs}
        return self._accept_open(row for row in found if row[1] not in wrong)

    def _of_parts(self, of_both: Iterable[tuple[set[int], set[int]]]) -> bool:
        """Accepts what the order of layers says inside of parts that correspond. Returns True if there was anything."""
        accepted = False
        for of_source, of_target in of_both:
            live = self._live_source & of_source, self._live_target & of_target
            while all(live) and self._chains(norms=False, live=live):
                live = self._live_source & of_source, self._live_target & of_target
                accepted = True
            sides, parts = (self._source, self._target), (of_source, of_target)
            for pairs in list(same_places(sides, parts, live, self._result.sources, self._matcher)):
                accepted |= self._accept_in_order(pairs)
        return accepted

    def _chains(self, norms: bool, live: tuple[set[int], set[int]] | None = None) -> bool:
        live = live or (self._live_source, self._live_target)
        if not all(live):
            return False
        found = placements(self._source, self._target, live, self._matcher, norms)
        accepted = False
        for a, b, evidence in certain(found, self._source, self._target, live):
            # Programs of the same names count alike, if with another first number.
            may_differ = self._may_differ(a, b) and (evidence.order < ORDER or place(a)[:2] != place(b)[:2])
            if norms and (may_differ or self._parts_units([(main_number(a), main_number(b))])):
                continue
            accepted |= self._accept_layers(a, b, evidence)
        return accepted

    def _joined_chains(self) -> bool:
        """Accepts what two runs after each other say that agree with all pairs. Returns True if there was anything."""
        targets = {s: t for t, s in self._result.sources.items()}
        agreeing = [
            placement
            for placement in self._joined
            if all(self._agrees(a, b, targets) for a, b in placement.layers)
        ]
        return self._accept_open(certain(agreeing, self._source, self._target, self._everything))

    def _agrees(self, a: Layer, b: Layer, targets: Mapping[int, int]) -> bool:
        """Returns True if neither layer is aligned with a third one."""
        s, t = main_number(a), main_number(b)
        return self._result.sources.get(t, s) == s and targets.get(s, t) == t

    def _normalizations(self) -> bool:
        """Accepts the normalizations of convolutions that are aligned. Returns True if there were any."""
        accepted, is_familiar = False, self._is_familiar()
        for t, s in list(self._result.sources.items()):
            a, b = self._facts.norms[0].get(s), self._facts.norms[1].get(t)
            if a is not None and b is not None and (is_familiar or self._result.evidence[t].order):
                accepted |= self._accept_open([(a, b, self._result.evidence[t])])
        return accepted

    def _remainder(self) -> bool:
        """Accepts layers that what surrounds them leaves no doubt about. Returns True if there were any."""
        if not self._is_familiar():
            return False
        sides, live = (self._source, self._target), (self._live_source, self._live_target)
        pairs = surrounded(sides, self._facts.surroundings, live, self._result.sources, self._matcher)
        accepted = False
        for a, b, evidence in list(pairs):
            if not (self._parts_units([(main_number(a), main_number(b))]) or self._may_differ(a, b)):
                accepted |= self._accept_layers(a, b, evidence)
        return (
            accepted
            or self._in_gaps()
            or self._inside_scopes()
            or self._as_elsewhere()
            or self._activations()
            or self._all_norms()
            or self._last_norm()
        )

    def _all_norms(self) -> bool:
        """Accepts all normalizations in their order, if no other order may be meant. Returns True if there were any."""
        pairs, sources = same_norms(self._source, self._target, self._matcher), self._result.sources
        targets = {s: t for t, s in sources.items()}
        for a, b in pairs:
            s, t = main_number(a), main_number(b)
            if self._may_differ(a, b) or targets.get(s, t) != t or sources.get(t, s) != s:
                return False
        return self._accept_in_order([(a, b) for a, b in pairs if main_number(b) in self._live_target])

    def _last_norm(self) -> bool:
        """Accepts the only batch normalizations that are left on each side. Returns True if there was one."""
        left = [
            [layer for layer in side.layers(live) if is_norm(layer) and 'mean' in layer.variables]
            for side, live in ((self._source, self._live_source), (self._target, self._live_target))
        ]
        return len(left[0]) == len(left[1]) == 1 and self._accept_in_order([(left[0][0], left[1][0])])

    def _activations(self) -> bool:
        """Accepts the slopes of activations. Returns True if there were any."""
        sides, live = (self._source, self._target), (self._live_source, self._live_target)
        return self._accept(activation_pairs(sides, live, self._result.sources), IN_ORDER)

    def _in_gaps(self) -> bool:
        """Accepts layers of a kind in their order if they are where they should be. Returns True if there were any."""
        sides, live = (self._source, self._target), (self._live_source, self._live_target)
        sources = self._result.sources
        self._targets = {s: t for t, s in sources.items()}
        accepted = False
        for pairs in list(same_places(sides, live, live, sources, self._matcher)):
            share, _ = agreement(pairs, self._facts.surroundings, sources, self._targets)
            if len(pairs) > 1 and share == 1 and not any(self._may_differ(a, b) for a, b in pairs):
                accepted |= self._accept_in_order(pairs)
        return accepted

    def _inside_scopes(self) -> bool:
        """Accepts layers that are alone of their kind in scopes that correspond. Returns True if there were any."""
        self._boundaries.update(self._result.sources)
        layers = self._source.layers(self._live_source), self._target.layers(self._live_target)
        pairs = [pair for pair in self._boundaries.only_ones(layers) if not self._may_differ(*pair)]
        return self._accept_in_order(pairs)

    def _as_elsewhere(self) -> bool:
        """Accepts the last two layers of a kind in the order of other blocks. Returns True if there were any."""
        sides, live = (self._source, self._target), (self._live_source, self._live_target)
        return self._accept_in_order(list(as_elsewhere(sides, live, self._result.sources)))

    def _in_blocks(self) -> bool:
        """Accepts layers of transformer blocks in the order of such blocks. Returns True if there were any."""
        sides, live = (self._source, self._target), (self._live_source, self._live_target)
        accepted = False
        for pairs in list(in_blocks(sides, live, self._result.sources, self._matcher)):
            accepted |= self._accept_in_order(pairs)
        return accepted

    def _parts_units(self, pairs: Iterable[tuple[int, int]]) -> bool:
        """Returns True if pairs have normalizations whose convolutions are not aligned with each other."""
        of_source, of_target = self._facts.convolutions
        of_norms = [(of_source[s], of_target[t]) for s, t in pairs if s in of_source and t in of_target]
        return any(self._result.sources.get(t) != s for s, t in of_norms)

    def _is_familiar(self) -> bool:
        """Returns True if most variables are aligned, so that both sides are surely the same model."""
        count = min(len(self._source.variables), len(self._target.variables))
        return 2 * (len(self._result.sources) + self._others) >= count + self._others

    def _may_differ(self, a: Layer, b: Layer) -> bool:
        return main_number(a) in self._facts.unsure[0] or main_number(b) in self._facts.unsure[1]

    def _is_unsure(self, scored: Scored) -> bool:
        """Returns True if a hypothesis explains too little, or if neither order nor names tell its normalizations."""
        hypothesis = scored.hypothesis
        # A shift of numbers that step at another pace agrees here and there by chance.
        if 2 * len(hypothesis.layers) < min(len(hypothesis.source.layers), len(hypothesis.target.layers)):
            return True
        if self._facts.tracked_order.is_all_there_is(hypothesis):
            return True
        if not hypothesis.same_numbers and any(
            not scored.is_in_place or self._agreement(other)[0] == 1
            for other in other_shifts(hypothesis, self._matcher)
        ):
            return True
        if any(s in self._facts.counted[0] or t in self._facts.counted[1] for s, t in hypothesis.pairs):
            return hypothesis.coverage < 1 or len(hypothesis.layers) < _MANY
        # Several numbers in each name that all agree tell as much as words.
        if hypothesis.coverage == 1 and hypothesis.same_numbers and len(hypothesis.source.slots) > 1:
            return False
        return scored.evidence.names < _CONFIRMING and any(
            s in self._facts.unsure[0] or t in self._facts.unsure[1] for s, t in hypothesis.pairs
        )

    def _least_lead(self, scored: Scored) -> float:
        """Returns the least lead of a hypothesis that is accepted: twice the usual one if too little confirms it.

        The shapes of normalizations tell little. What tells more are their names, or numbers all of which have a
        counterpart: several in each name, or where the convolutions before are known and have theirs.
        """
        hypothesis = scored.hypothesis
        if scored.evidence.names >= _CONFIRMING or not all(is_norm(a) for a, _ in hypothesis.layers):
            return LEAST_LEAD
        before = [self._facts.convolutions[1].get(main_number(b), -1) for _, b in hypothesis.layers]
        is_told = len(hypothesis.source.slots) > 1 or all(c in self._result.sources for c in before)
        return LEAST_LEAD if is_told and hypothesis.coverage == 1 else 2 * LEAST_LEAD

    def _accept_layers(self, a: Layer, b: Layer, evidence: Evidence) -> bool:
        if self._facts.namesakes.contradict(a, b):
            return False
        pairs = [(a.variables[x].number, b.variables[y].number) for x, y in self._matcher.roles(a, b)]
        return self._accept(pairs, evidence)

    def _accept_open(self, found: Iterable[tuple[Layer, Layer, Evidence]]) -> bool:
        """Accepts the pairs of layers neither of which is aligned. Returns True if there were any."""
        accepted = False
        for a, b, evidence in found:
            if main_number(a) in self._live_source and main_number(b) in self._live_target:
                accepted |= self._accept_layers(a, b, evidence)
        return accepted

    def _accept_in_order(self, pairs: Iterable[tuple[Layer, Layer]]) -> bool:
        return any([self._accept_layers(a, b, IN_ORDER) for a, b in pairs])

    def _of_families(self) -> Iterator[Scored]:
        self._targets = {s: t for t, s in self._result.sources.items()}
        if self._targets:
            self._boundaries.update(self._result.sources)
        sources = self._source.families(self._live_source)
        targets = self._target.families(self._live_target)
        for source, target in partners_by_size(sources, targets, self._scorer):
            names = None
            for hypothesis in hypotheses(source, target, self._matcher):
                if names is None:
                    names = self._scorer.names(source, target)
                scored = self._in_place(self._scorer.scored(hypothesis, names))
                scored.score += _SAME_NAMES * self._facts.namesakes.support(hypothesis)
                yield scored

    def _in_place(self, scored: Scored) -> Scored:
        """Adds to the score of a hypothesis if what surrounds its layers is aligned alike."""
        if not self._targets:
            return scored
        hypothesis = scored.hypothesis
        share, exactly = self._agreement(hypothesis)
        order = max(scored.evidence.order, _SURROUNDED * share)
        evidence = dataclasses.replace(scored.evidence, order=order)
        score = scored.score + _IN_PLACE * share + _EXACTLY_IN_PLACE * exactly
        if self._boundaries.crossed(scored.hypothesis.layers):
            score -= _OUT_OF_PLACE
        return dataclasses.replace(scored, evidence=evidence, score=score, is_in_place=share == 1)

    def _agreement(self, hypothesis: Hypothesis) -> tuple[float, float]:
        # The next number of one block's layers is in the next block; that of all layers is beside it.
        sizes = sorted(len(family.layers) for family in (hypothesis.source, hypothesis.target))
        of_family = sizes[1] <= _MOST_TIMES * sizes[0]
        return agreement(
            hypothesis.layers,
            self._facts.surroundings,
            self._result.sources,
            self._targets,
            of_family=of_family,
        )

    def _of_single_layers(self) -> Iterator[Scored]:
        """Yields hypotheses about single layers of numbered families, once most variables are aligned."""
        if not self._is_familiar():
            return
        sources = self._source.families(self._live_source)
        for source, target in single_layers(sources, self._target.families(self._live_target)):
            for hypothesis in hypotheses(source, target, self._matcher):
                names = self._scorer.names(source, target, with_numbers=True)
                yield self._scorer.scored(hypothesis, names)

    def _settle(self, candidates: Iterable[Scored]) -> bool:
        """Accepts the hypotheses that are beyond doubt, the best first. Returns True if there were any."""
        best: dict[tuple, Scored] = {}
        for scored in candidates:
            previous = best.get(scored.hypothesis.pairs)
            if previous is None or previous.score < scored.score:
                best[scored.hypothesis.pairs] = scored
        ranked = sorted(best.values(), key=lambda scored: (-scored.score, scored.hypothesis.pairs))
        rivals = Rivals(ranked)
        settled, again = False, True
        while again:
            again = False
            for scored in ranked:
                if not scored.stands:
                    continue
                if self._parts_units(scored.hypothesis.pairs) or self._is_unsure(scored):
                    continue
                lead = rivals.lead(scored)
                evidence = dataclasses.replace(scored.evidence, lead=max(lead, 0.0))
                if lead >= self._least_lead(scored) and evidence.confidence >= _LEAST_CONFIDENCE:
                    self._accept(scored.hypothesis.pairs, evidence)
                    rivals.drop_against(scored)
                    scored.stands = False
                    settled = again = True
        return settled
