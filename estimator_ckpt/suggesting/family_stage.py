"""Aligns families of layers by the hypotheses about their numbers that are beyond doubt.

Each family of the source is compared with each family of the target that has variables of the same size. A hypothesis
is accepted if there is enough evidence for it, and clearly more than for any rival that places one of its variables
elsewhere.
"""

import collections
import dataclasses
from collections.abc import Iterable, Iterator

from estimator_ckpt.suggesting.boundaries import Boundaries
from estimator_ckpt.suggesting.candidates import partners_by_size, single_layers
from estimator_ckpt.suggesting.evidence import Scored, Scorer
from estimator_ckpt.suggesting.hypotheses import Hypothesis, hypotheses, other_shifts
from estimator_ckpt.suggesting.layer_kinds import is_norm, main_number
from estimator_ckpt.suggesting.progress import Progress
from estimator_ckpt.suggesting.rivals import LEAST_LEAD, Rivals
from estimator_ckpt.suggesting.surroundings import agreement

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


class FamilyStage:
    """Accepts hypotheses about families of layers."""

    def __init__(self, progress: Progress):
        """Counts the shapes and words of both sides.

        Args:
          progress: What is aligned so far.
        """
        self._progress = progress
        known = progress.targets()
        self._scorer = Scorer(
            progress.source, progress.target, progress.matcher, (set(known), set(known.values()))
        )
        self._targets: dict[int, int] = {}
        self._scopes: Boundaries | None = None
        # The layers that hypotheses have skipped, by the pairs of layers of the same kind: 0 or 1 for the side, and the
        # number of the main variable.
        self._skipped: dict[tuple[int, int], set[tuple[int, int]]] = collections.defaultdict(set)

    def families(self) -> bool:
        """Accepts what is sure of whole families, or of parts of them. Returns True if there was anything."""
        self._targets = self._progress.targets()
        return self._accept_best(self._of_families())

    def single_layers(self) -> bool:
        """Accepts what is sure of single layers of numbered families. Returns True if there was anything."""
        self._targets = self._progress.targets()
        return self._accept_best(self._of_single_layers())

    def _accept_best(self, candidates: Iterable[Scored]) -> bool:
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
                pairs = scored.hypothesis.pairs
                if self._progress.parts_units(pairs) or self._progress.parts_layers(pairs):
                    continue
                if self._is_unsure(scored):
                    continue
                lead = rivals.lead(scored)
                evidence = dataclasses.replace(scored.evidence, lead=max(lead, 0.0))
                if lead >= self._least_lead(scored) and evidence.confidence >= _LEAST_CONFIDENCE:
                    scored.stands = False
                    if self._progress.accept(pairs, evidence):
                        rivals.drop_against(scored)
                        settled = again = True
        return settled

    def _of_families(self) -> Iterator[Scored]:
        if self._targets:
            self._scopes = self._progress.corresponding_scopes()
        sources = self._progress.source.families(self._progress.live_source)
        targets = self._progress.target.families(self._progress.live_target)
        for source, target in partners_by_size(sources, targets, self._scorer):
            names = None
            for hypothesis in hypotheses(source, target, self._progress.matcher):
                if names is None:
                    names = self._scorer.names(source, target)
                scored = self._in_place(self._scorer.scored(hypothesis, names))
                scored.score += _SAME_NAMES * self._progress.facts.namesakes.support(hypothesis)
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
        if self._scopes is not None and self._scopes.crossed(scored.hypothesis.layers):
            score -= _OUT_OF_PLACE
        return dataclasses.replace(scored, evidence=evidence, score=score, is_in_place=share == 1)

    def _agreement(self, hypothesis: Hypothesis) -> tuple[float, float]:
        # The next number of one block's layers is in the next block; that of all layers is beside it.
        sizes = sorted(len(family.layers) for family in (hypothesis.source, hypothesis.target))
        of_family = sizes[1] <= _MOST_TIMES * sizes[0]
        return agreement(
            hypothesis.layers,
            self._progress.facts.surroundings,
            self._progress.result.sources,
            self._targets,
            of_family=of_family,
        )

    def _of_single_layers(self) -> Iterator[Scored]:
        """Yields hypotheses about single layers of numbered families, once most variables are aligned."""
        if not self._progress.is_familiar():
            return
        sources = self._progress.source.families(self._progress.live_source)
        for source, target in single_layers(
            sources, self._progress.target.families(self._progress.live_target)
        ):
            for hypothesis in hypotheses(source, target, self._progress.matcher):
                names = self._scorer.names(source, target, with_numbers=True)
                yield self._scorer.scored(hypothesis, names)

    def _is_unsure(self, scored: Scored) -> bool:
        """Returns True if a hypothesis explains too little, or if neither order nor names tell its normalizations."""
        hypothesis = scored.hypothesis
        # A shift of numbers that step at another pace agrees here and there by chance.
        if 2 * len(hypothesis.layers) < min(len(hypothesis.source.layers), len(hypothesis.target.layers)):
            return True
        if self._progress.facts.tracked_order.is_all_there_is(hypothesis):
            return True
        # `h1`, `h3`, `h5` and `time_distributed_1`, `_3`, `_5` may have the same numbers by chance.
        if scored.evidence.names < _CONFIRMING and self._skips_layers(hypothesis):
            return True
        if not hypothesis.same_numbers and any(
            not scored.is_in_place or self._agreement(other)[0] == 1
            for other in other_shifts(hypothesis, self._progress.matcher)
        ):
            return True
        if not scored.is_in_place and self._progress.facts.resolutions.may_turn(
            hypothesis, self._progress.matcher
        ):
            return True
        if any(
            s in self._progress.facts.counted[0] or t in self._progress.facts.counted[1]
            for s, t in hypothesis.pairs
        ):
            return hypothesis.coverage < 1 or len(hypothesis.layers) < _MANY
        # Several numbers in each name that all agree tell as much as words.
        if hypothesis.coverage == 1 and hypothesis.same_numbers and len(hypothesis.source.slots) > 1:
            return False
        return scored.evidence.names < _CONFIRMING and any(
            s in self._progress.facts.unsure[0] or t in self._progress.facts.unsure[1]
            for s, t in hypothesis.pairs
        )

    def _skips_layers(self, hypothesis: Hypothesis) -> bool:
        """Returns True if a hypothesis, or one that had one of its pairs, skips layers alike that are still open."""
        skips = False
        for side, layer, alike in hypothesis.skipped():
            skips = True
            for pair in alike:
                self._skipped[pair].add((side, main_number(layer)))
        return skips or any(
            number in self._progress.live[side]
            for pair in hypothesis.pairs
            for side, number in self._skipped.get(pair, ())
        )

    def _least_lead(self, scored: Scored) -> float:
        """Returns the least lead of a hypothesis that is accepted: twice the usual one if too little confirms it.

        The shapes of normalizations tell little. What tells more are their names, or numbers all of which have a
        counterpart: several in each name, or where the convolutions before are known and have theirs.
        """
        hypothesis = scored.hypothesis
        if scored.evidence.names >= _CONFIRMING or not all(is_norm(a) for a, _ in hypothesis.layers):
            return LEAST_LEAD
        before = [self._progress.facts.convolutions[1].get(main_number(b), -1) for _, b in hypothesis.layers]
        is_told = len(hypothesis.source.slots) > 1 or all(c in self._progress.result.sources for c in before)
        return LEAST_LEAD if is_told and hypothesis.coverage == 1 else 2 * LEAST_LEAD
