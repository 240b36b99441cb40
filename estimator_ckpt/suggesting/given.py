"""What the rules say that a user gives to a search for rules.

A rule that gives a variable of the source the name of one of the target says that the two are the same, from which the
search goes on. One that gives a name that the target does not have says what the variable is called there, such as
`G/(.*) -> G_A2B/\\1`: which of two generators is which, shapes never tell.
"""

import collections
import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.mapping.recurrent_rules import with_cells
from estimator_ckpt.mapping.rules import Rule, Rules, RuleSet, parse_rules
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets
from estimator_ckpt.mapping.tensors import Tensor, apply_rules
from estimator_ckpt.suggesting.evidence import CERTAIN
from estimator_ckpt.suggesting.suggestion import SuggestedRule


@dataclasses.dataclass(frozen=True)
class Given:
    """What given rules say.

    Attributes:
      rules: The rules that place a variable or leave one out, which remain, in their order.
      pairs: The keys in the source of the variables that a rule places as a whole, and the keys of their targets.
      sources: The keys of all variables that rules place or leave out.
      targets: The keys of all variables of the target that get values from them.
      renamed: What variables of the source are called in the target, by key, as far as no variable there is called so.
      notes: The rules that apply to no tensor, in sentences.
    """

    rules: list[SuggestedRule]
    pairs: Mapping[str, str]
    sources: frozenset[str]
    targets: frozenset[str]
    renamed: Mapping[str, str]
    notes: list[str]


def read_given(rules: Rules, source: Source, target: Targets) -> Given:
    """Returns what given rules say about the tensors of a source.

    Args:
      rules: The rules; see `estimator_ckpt.mapping.rules`. `rnn` stands for those of recurrent cells.
      source: The checkpoint.
      target: The tensors of the target.

    Raises:
      RuleError: If a rule is malformed.
    """
    parsed = parse_rules(with_cells(rules, source, target))
    if not parsed:
        return Given([], {}, frozenset(), frozenset(), {}, [])
    tensors, left_out, idle = apply_rules(source.tensors, parsed, follow=False)
    place, by_call = target.places(), {call: w.tensor for w in target.wanted for call in w.calls}
    placed: list[tuple[Tensor, Tensor]] = []
    renamed: dict[str, str] = {}
    for tensor in tensors:
        if tensor.target is None:
            continue
        wanted = by_call.get(place(tensor.target))
        if wanted is not None:
            placed.append((tensor, wanted))
        elif tensor.recipe is None and tensor.meaning.kind is Kind.VARIABLE:
            renamed[tensor.key] = tensor.target
    pairs = [(key, wanted) for tensor, wanted in placed for key in tensor.made.sources]
    sources = frozenset([key for key, _ in pairs] + [tensor.key for tensor in left_out])
    return Given(
        _remaining(parsed, source.tensors, sources, pairs),
        {t.made.sources[0]: w.key for t, w in placed if len(t.made.sources) == 1 and t.part.of == 1},
        sources,
        frozenset(wanted.key for _, wanted in pairs),
        {key: name for key, name in renamed.items() if key not in sources},
        [f'No tensor takes the given rule {rule!r}.' for rule in idle],
    )


def _remaining(
    rules: Sequence[Rule],
    tensors: Iterable[Tensor],
    taken: Collection[str],
    pairs: Iterable[tuple[str, Tensor]],
) -> list[SuggestedRule]:
    """Returns the rules that apply to tensors whose keys are taken, with their pairs of a key and a target."""
    rule_set, targets = RuleSet(rules), collections.defaultdict(list)
    for key, wanted in pairs:
        targets[key].append((key, wanted.name))
    of_rule: dict[int, list[tuple[str, str]]] = {}
    for tensor in tensors:
        match = rule_set.find(tensor.candidates) if tensor.key in taken else None
        if match is not None:
            of_rule.setdefault(id(match[0]), []).extend(targets[tensor.key])
    return [_as_suggested(rule, of_rule[id(rule)]) for rule in rules if id(rule) in of_rule]


def _as_suggested(rule: Rule, pairs: list[tuple[str, str]]) -> SuggestedRule:
    return SuggestedRule(rule.pattern.pattern, rule.replacement, rule.written_operations, CERTAIN, pairs)
