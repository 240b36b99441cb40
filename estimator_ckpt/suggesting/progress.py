"""What of an alignment is known so far, and how more of it is accepted."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence

from estimator_ckpt.suggesting.boundaries import Boundaries
from estimator_ckpt.suggesting.evidence import CERTAIN, Evidence
from estimator_ckpt.suggesting.facts import Facts
from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import main_number, may_be_aligned
from estimator_ckpt.suggesting.modules import IN_ORDER


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


class Progress:
    """The variables that are aligned, and those that are left.

    Attributes:
      source: The source.
      target: The target.
      matcher: Decides which layers can be the same.
      facts: What does not change while the variables are aligned.
      result: What is aligned so far.
      live_source: The numbers of the source's variables that are left.
      live_target: The numbers of the target's variables that are left.
    """

    def __init__(self, source: Side, target: Side, others: int, known: Mapping[int, int]):
        """Begins with nothing aligned but what is known.

        Args:
          source: The source.
          target: The target.
          others: The number of further variables that are known to be the same.
          known: The source of each variable of the target that is known, by their numbers.
        """
        self.source, self.target, self._others = source, target, others
        self.matcher, self.facts, self.result = Matcher(), Facts(source, target, known), Alignment()
        self.result.sources.update(known)
        self.result.evidence.update(dict.fromkeys(known, CERTAIN))
        self.live_source = {v.number for v in source.variables}.difference(known.values())
        self.live_target = {v.number for v in target.variables}.difference(known)

    @property
    def sides(self) -> tuple[Side, Side]:
        """The source and the target."""
        return self.source, self.target

    @property
    def live(self) -> tuple[set[int], set[int]]:
        """The numbers of the variables of both sides that are left."""
        return self.live_source, self.live_target

    def targets(self) -> dict[int, int]:
        """Returns the target of each aligned source."""
        return {s: t for t, s in self.result.sources.items()}

    @functools.cached_property
    def _boundaries(self) -> Boundaries:
        return Boundaries(self.sides)

    def corresponding_scopes(self) -> Boundaries:
        """Returns the scopes that correspond, by what is aligned so far."""
        self._boundaries.update(self.result.sources)
        return self._boundaries

    def share(self) -> float:
        """Returns the share of the variables of the smaller side that are aligned."""
        count = min(len(self.source.variables), len(self.target.variables)) + self._others
        return (len(self.result.sources) + self._others) / max(1, count)

    def is_familiar(self) -> bool:
        """Returns True if most variables are aligned, so that both sides are surely the same model."""
        return self.share() >= 0.5

    def agrees(self, a: Layer, b: Layer, targets: Mapping[int, int]) -> bool:
        """Returns True if neither of two layers is aligned with a third one.

        Args:
          a: The layer of the source.
          b: The layer of the target.
          targets: The target of each aligned source.
        """
        return may_be_aligned(a, b, self.result.sources, targets)

    def may_differ(self, a: Layer, b: Layer) -> bool:
        """Returns True if one of two layers is a normalization whose place differs between orders of a network.

        Args:
          a: The layer of the source.
          b: The layer of the target.
        """
        return main_number(a) in self.facts.unsure[0] or main_number(b) in self.facts.unsure[1]

    def parts_units(self, pairs: Iterable[tuple[int, int]]) -> bool:
        """Returns True if pairs have normalizations whose convolutions are not aligned with each other.

        Args:
          pairs: The pairs, by the numbers of their variables.
        """
        of_norms = self._both(pairs, self.facts.convolutions)
        return any(self.result.sources.get(t) != s for s, t in of_norms)

    def parts_aligned_units(self, pairs: Iterable[tuple[int, int]]) -> bool:
        """Returns True if pairs have normalizations one of whose convolutions is aligned with another one.

        Args:
          pairs: The pairs, by the numbers of their variables.
        """
        return any(self._are_apart(s, t) for s, t in self._both(pairs, self.facts.convolutions))

    def parts_layers(self, pairs: Iterable[tuple[int, int]]) -> bool:
        """Returns True if pairs have biases one of whose kernels is aligned with another one.

        Args:
          pairs: The pairs, by the numbers of the variables.
        """
        return any(self._are_apart(s, t) for s, t in self._both(pairs, self.facts.kernels))

    @staticmethod
    def _both(pairs: Iterable[tuple[int, int]], main: Sequence[Mapping[int, int]]) -> list[tuple[int, int]]:
        """Returns the main variables that both variables of pairs belong to, for pairs where both belong to one."""
        of_source, of_target = main
        return [(of_source[s], of_target[t]) for s, t in pairs if s in of_source and t in of_target]

    def _are_apart(self, s: int, t: int) -> bool:
        """Returns True if one of two variables is aligned, and not with the other one."""
        is_open = s in self.live_source and t in self.live_target
        return not is_open and self.result.sources.get(t) != s

    def accept(self, pairs: Iterable[tuple[int, int]], evidence: Evidence) -> bool:
        """Accepts pairs of variables. Returns True if any of them was not aligned before.

        Args:
          pairs: The pairs, by the numbers of the variables.
          evidence: The evidence for them.
        """
        accepted = False
        of_source, of_target = self.facts.of_target
        for s, t in pairs:
            # No target network is the online network of the other side.
            if s in self.live_source and t in self.live_target and (s in of_source) == (t in of_target):
                accepted = True
                self.result.sources[t], self.result.evidence[t] = s, evidence
                self.live_source.remove(s)
                self.live_target.remove(t)
        return accepted

    def close(self, layers: tuple[Iterable[Layer], Iterable[Layer]]) -> None:
        """Leaves layers that have no counterpart out of the search, with their normalizations.

        Args:
          layers: Those of the source and those of the target.
        """
        for of_side, norms, live in zip(layers, self.facts.norms, self.live, strict=True):
            for layer in of_side:
                norm = norms.get(main_number(layer))
                for closed in (layer, norm) if norm is not None else (layer,):
                    live.difference_update(variable.number for variable in closed.variables.values())

    def accept_layers(self, a: Layer, b: Layer, evidence: Evidence) -> bool:
        """Accepts a pair of layers, unless each has another namesake. Returns True if there was anything new.

        Args:
          a: The layer of the source.
          b: The layer of the target.
          evidence: The evidence for them.
        """
        if self.facts.namesakes.contradict(a, b):
            return False
        pairs = [(a.variables[x].number, b.variables[y].number) for x, y in self.matcher.roles(a, b)]
        return self.accept(pairs, evidence)

    def accept_open(self, found: Iterable[tuple[Layer, Layer, Evidence]]) -> bool:
        """Accepts the pairs of layers neither of which is aligned. Returns True if there were any.

        Args:
          found: The pairs with the evidence for them.
        """
        accepted = False
        for a, b, evidence in found:
            if main_number(a) in self.live_source and main_number(b) in self.live_target:
                accepted |= self.accept_layers(a, b, evidence)
        return accepted

    def accept_in_order(self, pairs: Iterable[Pair]) -> bool:
        """Accepts pairs of layers that an order tells. Returns True if there was anything new.

        Args:
          pairs: The pairs.
        """
        return any([self.accept_layers(a, b, IN_ORDER) for a, b in pairs])

    def accept_each(self, groups: Iterable[Iterable[Pair]]) -> bool:
        """Accepts groups of pairs that orders tell, once all are found. Returns True if there was anything new.

        Args:
          groups: The groups, which may be found by what is aligned now.
        """
        return any([self.accept_in_order(pairs) for pairs in list(groups)])
