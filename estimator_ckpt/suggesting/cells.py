"""Proposes the rules of recurrent cells, whose variables TF1 and Keras lay out differently."""

import dataclasses

from estimator_ckpt.mapping.recurrent_rules import probable_rules
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets
from estimator_ckpt.mapping.transforms import targets_of
from estimator_ckpt.suggesting.evidence import Evidence
from estimator_ckpt.suggesting.generalization import escape
from estimator_ckpt.suggesting.suggestion import SuggestedRule

# The layouts leave no doubt, but of several cells of the same sizes only their order tells which is which.
_ONE, _SEVERAL = Evidence(0.9, 0.9, 0.0), Evidence(0.0, 0.9, 0.6)


@dataclasses.dataclass(frozen=True)
class SuggestedCells:
    """The rules of recurrent cells.

    Attributes:
      rules: The rules.
      sources: The keys in the source of the variables that take them.
      targets: The keys in the target of the variables that they give values to.
    """

    rules: list[SuggestedRule]
    sources: frozenset[str]
    targets: frozenset[str]


def suggest_cells(source: Source, target: Targets) -> SuggestedCells:
    """Returns the rules for the recurrent cells of a checkpoint that have counterparts in the target.

    Args:
      source: The checkpoint.
      target: The tensors that are to get values.
    """
    rules = probable_rules(source, target)
    key_of = {tensor.name: tensor.key for tensor in source.tensors}
    place = target.places()
    by_call = {call: wanted.tensor for wanted in target.wanted for call in wanted.calls}
    suggested, targets = [], set()
    kernels = sum(rule.name.endswith('kernel') for rule in rules)
    for rule in rules:
        names = targets_of(rule.operations, rule.apply(rule.name) or '')
        wanted = [by_call[place(name)] for name in names]
        targets |= {tensor.key for tensor in wanted}
        pairs = [(key_of[rule.name], tensor.name) for tensor in wanted]
        evidence = _ONE if kernels <= 2 else _SEVERAL
        suggested.append(
            SuggestedRule(escape(rule.name), rule.replacement, rule.written_operations, evidence, pairs)
        )
    return SuggestedCells(suggested, frozenset(key_of[rule.name] for rule in rules), frozenset(targets))
