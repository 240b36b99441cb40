"""Compares what is proposed for a pair with its answer."""

import dataclasses
from typing import Any

import estimator_ckpt
from estimator_ckpt.program.read_target import read_target
from tests.suggesting.known_pairs import Pair


@dataclasses.dataclass(frozen=True)
class Measured:
    """How good the rules of a pair are.

    Attributes:
      proposed: How many variables get a source.
      right: How many of them the right one.
      known: How many have one.
    """

    proposed: int
    right: int
    known: int

    @property
    def precision(self) -> float:
        return self.right / self.proposed if self.proposed else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.known if self.known else 1.0


def measure(folder: Any, pair: Pair) -> Measured:
    """Writes the checkpoints of a pair into a folder, and measures the rules that are proposed between them."""
    source, target = pair.write(folder)
    suggestion = estimator_ckpt.suggest_rules(source, target)
    report = estimator_ckpt.plan(
        source, target, suggestion.as_rules(), include='all', missing='ignore', mismatch='skip'
    )
    return compare(pair, target, report)


def compare(pair: Pair, target: Any, report: Any) -> Measured:
    """Compares what a plan has matched with the answer; the target is that of `Pair.write`."""
    paths = {w.tensor.name: '/'.join(w.tensor.path) or w.tensor.name for w in read_target(target).wanted}
    # A plan tells variables of equal names apart by their paths.
    found = {
        paths.get(row.target, row.target): row.source for row in report.matched if row.source != 'global_step'
    }
    right = sum(pair.sources.get(target) == source for target, source in found.items())
    return Measured(len(found), right, len(pair.sources))
