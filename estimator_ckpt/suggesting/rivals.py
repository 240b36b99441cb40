"""Compares hypotheses that place the same variables differently."""

import collections
from collections.abc import Iterator

from estimator_ckpt.suggesting.evidence import Scored

# The least lead over the best rival of hypotheses that are accepted.
LEAST_LEAD = 0.06
# With at least this lead, the best places left for the variables of both rivals may decide.
_LEAST_HEAD_START = 0.02
# How many times the layers of a fragment a whole family has.
_WHOLE = 3
_NEARLY = 1e-6


class Rivals:
    """The hypotheses about each variable, the best first."""

    def __init__(self, ranked: list[Scored]):
        """Notes the hypotheses about each variable.

        Args:
          ranked: All hypotheses, the best first.
        """
        self._by_source: dict[int, list[tuple[Scored, int]]] = collections.defaultdict(list)
        self._by_target: dict[int, list[tuple[Scored, int]]] = collections.defaultdict(list)
        for scored in ranked:
            for s, t in scored.hypothesis.pairs:
                self._by_source[s].append((scored, t))
                self._by_target[t].append((scored, s))

    def lead(self, scored: Scored) -> float:
        """Returns by how much the score exceeds that of the best rival, which places one of the variables elsewhere.

        Args:
          scored: The hypothesis.
        """
        lead = scored.score
        for rival in self._against(scored):
            behind = scored.score - rival.score
            if behind >= lead or (behind < LEAST_LEAD and self._is_fragment(rival, scored)):
                continue
            if _LEAST_HEAD_START <= behind < LEAST_LEAD:
                behind = max(behind, self._exchange(scored, rival) - LEAST_LEAD)
            lead = min(lead, behind)
        return lead

    def _against(self, scored: Scored) -> Iterator[Scored]:
        """Yields the best rivals about each variable, each once."""
        yielded: set[int] = set()
        for s, t in scored.hypothesis.pairs:
            for rivals, own in ((self._by_source[s], t), (self._by_target[t], s)):
                best = next((rival for rival, partner in rivals if partner != own and rival.stands), None)
                if best is not None and id(best) not in yielded:
                    yielded.add(id(best))
                    yield best

    def _is_fragment(self, rival: Scored, scored: Scored) -> bool:
        """Returns True if a rival takes a few layers from whole families that agree, and could take as good ones.

        Where `unit_1` to `unit_16` are `block1` to `block16`, the second branches of three blocks are not these.
        """
        whole, part = scored.hypothesis, rival.hypothesis
        if whole.coverage < 1 or not whole.same_numbers or len(whole.layers) < _WHOLE * len(part.layers):
            return False
        return self._remainder(rival, scored) >= rival.score - _NEARLY

    def _exchange(self, scored: Scored, rival: Scored) -> float:
        """Returns the loss of total score if the rival is right and what it displaces gets the next best place."""
        return (scored.score + self._remainder(rival, scored)) - (
            rival.score + self._remainder(scored, rival)
        )

    def _remainder(self, displaced: Scored, given: Scored) -> float:
        """Returns the best score left for the variables of a hypothesis if another hypothesis is right."""
        sources, targets = given.hypothesis.numbers
        best = 0.0
        for s, t in displaced.hypothesis.pairs:
            for rivals, taken in ((self._by_source[s], s in sources), (self._by_target[t], t in targets)):
                if taken:
                    continue
                for rival, _ in rivals:
                    if rival.score <= best:
                        break
                    if rival.stands and not rival.hypothesis.overlaps(given.hypothesis):
                        best = rival.score
                        break
        return best

    def drop_against(self, scored: Scored) -> None:
        """Drops the hypotheses that contradict an accepted one.

        Args:
          scored: The accepted hypothesis.
        """
        for s, t in scored.hypothesis.pairs:
            for rivals, own in ((self._by_source[s], t), (self._by_target[t], s)):
                for rival, partner in rivals:
                    rival.stands = rival.stands and partner == own
