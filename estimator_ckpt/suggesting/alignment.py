"""Which variable of one side is which of another, as far as shapes, numbers and names leave no doubt.

The layers of both sides are grouped into families, whose names differ in numbers only. Each family of the source is
held against each of the target of some like shape: which of its numbers could be which of the other's, so that every
layer finds one that fits? Such a hypothesis is believed where there is evidence enough for it, and clearly more than
for any other one that has another place for one of its variables. What is believed is settled, and with what is left it
all begins anew, until nothing is found any more. The rest is ambiguous, or has no counterpart.
"""

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Iterator

from estimator_ckpt.suggesting.evidence import CERTAIN, Evidence, Scored, Scorer
from estimator_ckpt.suggesting.families import Family, Side, Variable
from estimator_ckpt.suggesting.hypotheses import Matcher, alike, hypotheses
from estimator_ckpt.suggesting.name_parts import split_names

# Evidence below this is no answer, and a lead over the second best below that is none.
_LEAST_CONFIDENCE = 0.55
_LEAST_LEAD = 0.06
# What is ahead by at least this may be decided by what is left for the others.
_LEAST_HEAD_START = 0.02
# With more partners than these a family is held only against those that share its rarest words.
_MAX_PARTNERS = 200
_MAX_SINGLE_PAIRS = 20_000


@dataclasses.dataclass
class Alignment:
    """The answer.

    Attributes:
      sources: For the number of a target its source's.
      evidence: For the number of a target what speaks for that.
      candidates: For the number of each target that is ambiguous those of the sources it could have.
    """

    sources: dict[int, int] = dataclasses.field(default_factory=dict)
    evidence: dict[int, Evidence] = dataclasses.field(default_factory=dict)
    candidates: dict[int, list[int]] = dataclasses.field(default_factory=dict)


def align(source: Iterable[Variable], target: Iterable[Variable]) -> Alignment:
    """Aligns variables.

    Args:
      source: The variables of one side, numbered from 0 on.
      target: Those of the other one.
    """
    return _Aligner(Side(source), Side(target)).run()


class _Aligner:
    def __init__(self, source: Side, target: Side):
        self._source, self._target = source, target
        self._live_source = {variable.number for variable in source.variables}
        self._live_target = {variable.number for variable in target.variables}
        self._matcher = Matcher()
        self._result = Alignment()
        self._scorer = Scorer(source, target, self._matcher)

    def run(self) -> Alignment:
        self._same_names()
        while self._settle(self._of_families()) or self._settle(self._of_single_layers()):
            pass
        self._note_candidates()
        return self._result

    def _accept(self, pairs: Iterable[tuple[int, int]], evidence: Evidence) -> None:
        for s, t in pairs:
            if s in self._live_source and t in self._live_target:
                self._result.sources[t], self._result.evidence[t] = s, evidence
                self._live_source.remove(s)
                self._live_target.remove(t)

    def _same_names(self) -> None:
        """Settles what has the same name and shape on both sides.

        Not so in a family that has further numbers on both sides: what was `dense_1` may be `dense_2` by now.
        """
        # As a plan without rules does it: by name, then by path.
        by_name, by_path = ({v.names[view]: v for v in self._source.variables} for view in (0, -1))
        here, there, places = _numbers(self._source, self._target)
        for variable in self._target.variables:
            found = by_name.get(variable.names[0]) or by_path.get(variable.names[-1])
            if found is None or (found.shape, found.dtype) != (variable.shape, variable.dtype):
                continue
            if all(
                here[place] <= there[place] or there[place] <= here[place]
                for place in places[variable.number]
            ):
                self._accept([(found.number, variable.number)], CERTAIN)

    def _of_families(self) -> Iterator[Scored]:
        sources = self._source.families(self._live_source)
        targets = self._target.families(self._live_target)
        for source, target in self._partners(sources, targets):
            names = None
            for hypothesis in hypotheses(source, target, self._matcher):
                if names is None:
                    names = self._scorer.names(source, target)
                yield self._scorer.scored(hypothesis, names)

    def _partners(self, sources: list[Family], targets: list[Family]) -> Iterator[tuple[Family, Family]]:
        by_size, by_word = collections.defaultdict(dict), collections.defaultdict(set)
        for number, family in enumerate(targets):
            for size in family.sizes:
                by_size[size][number] = None
            for word in self._scorer.words(1, family):
                by_word[word].add(number)
        for family in sources:
            found = dict.fromkeys(
                itertools.chain.from_iterable(by_size.get(size, ()) for size in sorted(family.sizes))
            )
            if len(found) > _MAX_PARTNERS:
                places = [by_word[word] for word in self._scorer.words(0, family) if word in by_word]
                rare = set().union(*(place for place in places if len(place) <= _MAX_PARTNERS))
                found = [number for number in sorted(rare) if number in found]
            for number in found:
                yield family, targets[number]

    def _of_single_layers(self) -> Iterator[Scored]:
        """Hypotheses about single layers of numbered families.

        A layer apart from its neighbours is evidence only where it is known already that most belongs together.
        """
        if 2 * len(self._result.sources) < min(len(self._source.variables), len(self._target.variables)):
            return
        sources = self._source.families(self._live_source)
        by_size = collections.defaultdict(list)
        for family in self._target.families(self._live_target):
            for layer in family.layers:
                single = Family(family.literals, [layer], family.view)
                for size in layer.sizes:
                    by_size[size].append(single)
        left = _MAX_SINGLE_PAIRS
        for family in sources:
            for layer in family.layers:
                single = Family(family.literals, [layer], family.view)
                partners = dict.fromkeys(
                    itertools.chain.from_iterable(by_size[s] for s in sorted(layer.sizes))
                )
                left -= len(partners)
                if left < 0:
                    return
                for partner in partners:
                    for hypothesis in hypotheses(single, partner, self._matcher):
                        names = self._scorer.names(single, partner, with_numbers=True)
                        yield self._scorer.scored(hypothesis, names)

    def _settle(self, found: Iterable[Scored]) -> bool:
        """Accepts what is beyond doubt, the best first, and tells whether there was any."""
        best: dict[tuple, Scored] = {}
        for scored in found:
            known = best.get(scored.hypothesis.pairs)
            if known is None or known.score < scored.score:
                best[scored.hypothesis.pairs] = scored
        left = sorted(best.values(), key=lambda scored: (-scored.score, scored.hypothesis.pairs))
        rivals = _Rivals(left)
        settled, again = False, True
        while again:
            again = False
            for scored in left:
                if not scored.stands:
                    continue
                lead = rivals.lead(scored)
                evidence = dataclasses.replace(scored.evidence, lead=max(lead, 0.0))
                if lead >= _LEAST_LEAD and evidence.confidence >= _LEAST_CONFIDENCE:
                    self._accept(scored.hypothesis.pairs, evidence)
                    rivals.drop_against(scored)
                    scored.stands = False
                    settled = again = True
        return settled

    def _note_candidates(self) -> None:
        by_kind: dict[tuple, list[int]] = collections.defaultdict(list)
        for number in sorted(self._live_source):
            variable = self._source.variables[number]
            by_kind[self._source.roles[number], variable.shape, variable.dtype].append(number)
        examples = {kind: self._source.variables[numbers[0]] for kind, numbers in by_kind.items()}
        known: dict[tuple, list[int]] = {}
        for number in sorted(self._live_target):
            variable, role = self._target.variables[number], self._target.roles[number]
            key = (role, variable.shape, variable.dtype)
            if key not in known:
                fitting = [
                    kind
                    for kind, example in examples.items()
                    if alike(example, variable) and (kind[0] == role or '' in (kind[0], role))
                ]
                known[key] = sorted(itertools.chain.from_iterable(by_kind[kind] for kind in fitting))
            if known[key]:
                self._result.candidates[number] = known[key]


class _Rivals:
    """What is said of each variable, the best first."""

    def __init__(self, found: list[Scored]):
        self._by_source = collections.defaultdict(list)
        self._by_target = collections.defaultdict(list)
        for scored in found:
            for s, t in scored.hypothesis.pairs:
                self._by_source[s].append((scored, t))
                self._by_target[t].append((scored, s))

    def lead(self, scored: Scored) -> float:
        """How far what has another place for one of the variables is behind."""
        lead = scored.score
        for rival in self._against(scored):
            behind = scored.score - rival.score
            if behind >= lead:
                continue
            if _LEAST_HEAD_START <= behind < _LEAST_LEAD:
                behind = max(behind, self._exchange(scored, rival) - _LEAST_LEAD)
            lead = min(lead, behind)
        return lead

    def _against(self, scored: Scored) -> Iterator[Scored]:
        for s, t in scored.hypothesis.pairs:
            for rivals, own in ((self._by_source[s], t), (self._by_target[t], s)):
                best = next((rival for rival, other in rivals if other != own and rival.stands), None)
                if best is not None:
                    yield best

    def _exchange(self, scored: Scored, rival: Scored) -> float:
        """How much worse both are together if the rival is right, and what it takes goes to the next best place."""
        return (scored.score + self._rest(rival, scored)) - (rival.score + self._rest(scored, rival))

    def _rest(self, displaced: Scored, given: Scored) -> float:
        """The best that is left for what a hypothesis is about, where another one is right."""
        sources, targets = map(set, zip(*given.hypothesis.pairs, strict=True))
        best = 0.0
        for s, t in displaced.hypothesis.pairs:
            for others, taken in ((self._by_source[s], s in sources), (self._by_target[t], t in targets)):
                if taken:
                    continue
                for other, _ in others:
                    if other.score <= best:
                        break
                    if other.stands and not any(
                        x in sources or y in targets for x, y in other.hypothesis.pairs
                    ):
                        best = other.score
                        break
        return best

    def drop_against(self, scored: Scored) -> None:
        """Drops what something that is settled speaks against."""
        for s, t in scored.hypothesis.pairs:
            for rivals, own in ((self._by_source[s], t), (self._by_target[t], s)):
                for rival, other in rivals:
                    rival.stands = rival.stands and other == own


def _numbers(source: Side, target: Side) -> tuple[dict, dict, dict]:
    """The numbers in the names of both sides, by what is around them, and that for the names of each target."""
    splits = split_names(dict.fromkeys(name for side in (source, target) for _, name in side.layer_names()))
    found, places = [], {}
    for side in (source, target):
        numbers, places = collections.defaultdict(set), collections.defaultdict(set)
        for variable, name in side.layer_names():
            place = (splits[name].literals, side.roles[variable.number])
            numbers[place].add(splits[name].texts)
            places[variable.number].add(place)
        found.append(numbers)
    return found[0], found[1], places
