"""What speaks for two families of layers being the same, and how much it is."""

import dataclasses

from estimator_ckpt.suggesting.families import Family, Side
from estimator_ckpt.suggesting.hypotheses import Hypothesis, Matcher
from estimator_ckpt.suggesting.reshaping import fits
from estimator_ckpt.suggesting.similarity import Rarity, similarity

# A lead from which on there is no doubt.
_CLEAR_LEAD = 0.2
# A shape that others have too says little of one layer alone; so does order, where it is all there is.
_COMMON_SHAPE = 0.3
_ORDER = 0.6
# Another model may have the same shape by intent.
_MOST_BY_SHAPE = 0.9
# How much a number counts that two names have in common, where a layer stands for itself; a rare word counts 1 to 5.
_NUMBER = 0.25


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for some variables being the same, each from 0 to 1.

    Attributes:
      names: How much their names look alike.
      shapes: How unlikely it is that their shapes agree by chance.
      order: Whether numbers on both sides put them in one order, and how many of both families have their place in it.
      lead: How far the next best explanation is behind.
    """

    names: float
    shapes: float
    order: float
    lead: float = 1.0

    @property
    def confidence(self) -> float:
        """From 0 to 1: that not all of the three kinds of evidence err, less where the next best is near."""
        doubt = (1 - 0.95 * self.names) * (1 - self.shapes) * (1 - self.order)
        return (1 - doubt) * (0.7 + 0.3 * min(1.0, self.lead / _CLEAR_LEAD))


CERTAIN = Evidence(1.0, 1.0, 1.0)


@dataclasses.dataclass(slots=True)
class Scored:
    """A hypothesis with what speaks for it.

    Attributes:
      hypothesis: It.
      evidence: What speaks for it, before it is held against others.
      score: What it is held against others by.
      stands: Whether nothing that is settled speaks against it.
    """

    hypothesis: Hypothesis
    evidence: Evidence
    score: float
    stands: bool = True


class Scorer:
    """Weighs hypotheses about two sides."""

    def __init__(self, source: Side, target: Side, matcher: Matcher):
        self._sides = (source, target)
        self._matcher = matcher
        self._counts: dict[tuple, int] = {}
        self._rarities = [_rarities(side) for side in self._sides]

    def words(self, side: int, family: Family) -> dict[str, float]:
        """The words of a family's names with their weights, on side 0 or 1."""
        return self._rarities[side][family.view].weights(family.literals)

    def names(self, source: Family, target: Family, with_numbers: bool = False) -> float:
        """How much the names of two families look alike; with the numbers of their first layers, if wanted."""
        weights = []
        for side, family in enumerate((source, target)):
            found = self.words(side, family)
            if with_numbers:
                found = found | {str(value): _NUMBER for value in family.layers[0].values}
            weights.append(found)
        return similarity(*weights)

    def scored(self, hypothesis: Hypothesis, names: float) -> Scored:
        """Weighs a hypothesis, given how much the names look alike."""
        shapes, reshaped = set(), False
        for a, b in hypothesis.layers:
            for x, y in self._matcher.roles(a, b):
                shapes.add((y, b.variables[y].shape))
                reshaped |= a.variables[x].shape != b.variables[y].shape
        chance, unique = 1.0, False
        for role, shape in shapes:
            chance *= self._chance(role, shape)
            unique |= all(self._count(side, role, shape) <= 1 for side in (0, 1))
        several = hypothesis.ordered and len(hypothesis.layers) > 1
        agreement = min(1 - chance, _MOST_BY_SHAPE)
        evidence = Evidence(
            names,
            agreement if unique or several else _COMMON_SHAPE * agreement,
            _ORDER * hypothesis.coverage if several else 0.0,
        )
        score = 0.45 * names + 0.25 * hypothesis.coverage + 0.2 * agreement + 0.1 * hypothesis.role_fit
        score += 0.03 * hypothesis.same_numbers - 0.03 * reshaped
        score -= 0.1 * hypothesis.flat + 0.04 * min(hypothesis.cuts, 3)
        return Scored(hypothesis, evidence, score)

    def _chance(self, role: str, shape: tuple[int, ...]) -> float:
        """How likely it is that a variable of a role has a shape by chance, as the target's variables have shapes."""
        if all(extent == 1 for extent in shape):
            return 1.0
        total = sum(self._sides[1].shapes[role].values())
        return max(1, self._count(1, role, shape)) / (total + 2)

    def _count(self, side: int, role: str, shape: tuple[int, ...]) -> int:
        key = (side, role, shape)
        if key not in self._counts:
            counts = self._sides[side].shapes.get(role, {})
            self._counts[key] = sum(count for other, count in counts.items() if fits(other, shape))
        return self._counts[key]


def _rarities(side: Side) -> list[Rarity]:
    families = side.families(set(range(len(side.variables))))
    views = range(max((family.view for family in families), default=0) + 1)
    return [Rarity(f.literals for f in families if f.view == view) for view in views]
