"""Weighs the evidence for two families of layers being the same."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping

from estimator_ckpt.suggesting.families import Family, Side
from estimator_ckpt.suggesting.hypotheses import Hypothesis, Matcher
from estimator_ckpt.suggesting.reshaping import fits
from estimator_ckpt.suggesting.similarity import Rarity, similarity

# A lead that leaves no doubt.
_CLEAR_LEAD = 0.2
# A common shape is weak evidence for a single layer, and order is weak evidence on its own.
_COMMON_SHAPE = 0.3
_ORDER = 0.6
# That several numbers in each name are equal on both sides is better evidence.
_SEVERAL_NUMBERS = 0.8
# Another model may have the same shapes by design.
_MOST_BY_SHAPE = 0.9
# The weight of a number that the names of two single layers share; a rare word weighs 1 to 5.
_NUMBER = 0.25


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence for variables being the same, each part from 0 to 1.

    Attributes:
      names: The likeness of the names.
      shapes: How unlikely it is that the shapes agree by chance.
      order: How far numbers on both sides put the layers of both families in the same order; 0 for a single layer.
      lead: The lead over the next best explanation.
    """

    names: float
    shapes: float
    order: float
    lead: float = 1.0

    @property
    def confidence(self) -> float:
        """The confidence from 0 to 1 that not all kinds of evidence err, reduced if the lead is small."""
        doubt = (1 - 0.95 * self.names) * (1 - self.shapes) * (1 - self.order)
        return (1 - doubt) * (0.7 + 0.3 * min(1.0, self.lead / _CLEAR_LEAD))


CERTAIN = Evidence(1.0, 1.0, 1.0)


@dataclasses.dataclass(slots=True)
class Scored:
    """A hypothesis and its weight.

    Attributes:
      hypothesis: The hypothesis being scored.
      evidence: The evidence for the hypothesis, before it is compared with rivals.
      score: The score by which the hypothesis is compared with rivals.
      stands: Whether the hypothesis contradicts nothing that was accepted.
      is_in_place: Whether what surrounds all of its layers is aligned alike.
    """

    hypothesis: Hypothesis
    evidence: Evidence
    score: float
    stands: bool = True
    is_in_place: bool = False


class Scorer:
    """Scores hypotheses about two sides."""

    def __init__(self, source: Side, target: Side, matcher: Matcher, known: tuple[set[int], set[int]]):
        """Counts the shapes and words of both sides.

        Args:
          source: The source.
          target: The target.
          matcher: Decides which layers can be the same.
          known: The numbers of the variables of both sides that are known to be the same, whose shapes tell nothing.
        """
        self._shapes = [_shapes(*of_side) for of_side in zip((source, target), known, strict=True)]
        self._matcher = matcher
        self._counts: dict[tuple, int] = {}
        self._rarities = [_rarities(side) for side in (source, target)]

    def words(self, side: int, family: Family) -> dict[str, float]:
        """Returns the weights of the words in the names of a family.

        Args:
          side: 0 for the source, 1 for the target.
          family: A family of that side.
        """
        return self._rarities[side][family.view].weights(family.literals)

    def names(self, source: Family, target: Family, with_numbers: bool = False) -> float:
        """Returns the likeness of the names of two families, from 0 to 1.

        Args:
          source: A family of the source.
          target: A family of the target.
          with_numbers: Whether the numbers of the first layers count as words.
        """
        weights = []
        for side, family in enumerate((source, target)):
            of_words = self.words(side, family)
            if with_numbers:
                numbers = (v for n, v in enumerate(family.layers[0].values) if not family.is_tracked(n))
                of_words = of_words | {str(value): _NUMBER for value in numbers}
            weights.append(of_words)
        return similarity(*weights)

    def scored(self, hypothesis: Hypothesis, names: float) -> Scored:
        """Scores a hypothesis.

        Args:
          hypothesis: The hypothesis.
          names: The likeness of the names of its families.
        """
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
        equal_numbers = len(hypothesis.source.slots) if hypothesis.same_numbers else 0
        agreement = min(1 - chance, _MOST_BY_SHAPE)
        evidence = Evidence(
            names,
            agreement if unique or several else _COMMON_SHAPE * agreement,
            (_SEVERAL_NUMBERS if equal_numbers > 1 else _ORDER) * hypothesis.coverage if several else 0.0,
        )
        score = 0.45 * names + 0.25 * hypothesis.coverage + 0.2 * agreement + 0.1 * hypothesis.role_fit
        # A number that is equal is worth what a number without a counterpart costs.
        score += 0.04 * equal_numbers - 0.04 * min(hypothesis.cuts, 3) - 0.03 * reshaped
        return Scored(hypothesis, evidence, score)

    def _chance(self, role: str, shape: tuple[int, ...]) -> float:
        """Returns the share of a shape among the target's variables of a role; 1 for shapes of one element."""
        if all(extent == 1 for extent in shape):
            return 1.0
        total = sum(self._shapes[1][role].values())
        return max(1, self._count(1, role, shape)) / (total + 2)

    def _count(self, side: int, role: str, shape: tuple[int, ...]) -> int:
        key = (side, role, shape)
        if key not in self._counts:
            counts: Mapping[tuple[int, ...], int] = self._shapes[side].get(role, {})
            self._counts[key] = sum(count for stored, count in counts.items() if fits(stored, shape))
        return self._counts[key]


def _shapes(side: Side, known: Iterable[int]) -> dict[str, collections.Counter]:
    """Returns how many of the variables of a side have each shape, by role, without those that are known."""
    shapes = collections.defaultdict(collections.Counter, {r: c.copy() for r, c in side.shapes.items()})
    for number in known:
        shapes[side.roles[number]][side.variables[number].shape] -= 1
    return shapes


def _rarities(side: Side) -> list[Rarity]:
    families = side.families()
    views = range(max((family.view for family in families), default=0) + 1)
    return [Rarity(f.literals for f in families if f.view == view) for view in views]
