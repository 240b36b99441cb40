"""Suggested rules between two checkpoints, and their form as a file of rules or as JSON."""

import dataclasses
import json
from collections.abc import Iterator, Sequence

from estimator_ckpt.common import formatting
from estimator_ckpt.mapping.report import Row
from estimator_ckpt.suggesting.evidence import Evidence
from estimator_ckpt.suggesting.generalization import escape

# The number of candidates that the text shows; `to_json` has all.
_MAX_SHOWN = 8


@dataclasses.dataclass(frozen=True)
class SuggestedRule:
    """A rule and the evidence for it.

    Attributes:
      pattern: The regular expression.
      replacement: The new name, with references to groups.
      operations: The operations on the values; empty for none.
      evidence: The evidence for the least certain pair of variables.
      pairs: The keys in the source and the names in the target that the rule pairs.
    """

    pattern: str
    replacement: str
    operations: str
    evidence: Evidence
    pairs: list[tuple[str, str]]

    @property
    def confidence(self) -> float:
        """The confidence from 0 to 1; see `estimator_ckpt.suggesting.evidence.Evidence.confidence`."""
        return self.evidence.confidence

    def __str__(self) -> str:
        return f'{self.pattern} -> {self.replacement}' + (f' | {self.operations}' if self.operations else '')


@dataclasses.dataclass(frozen=True)
class Undecided:
    """A variable of the target with several possible sources, or with too little evidence for any.

    Attributes:
      target: The name of the variable.
      shape: The shape of the variable.
      dtype: The name of its data type.
      candidates: The keys of possible sources, up to a limit.
      more: The number of further possible sources.
    """

    target: str
    shape: tuple[int, ...]
    dtype: str
    candidates: list[str]
    more: int = 0


@dataclasses.dataclass
class Suggestion:
    """Suggested rules, and the variables without a rule.

    Attributes:
      rules: Rules for `plan`, `convert` and warm starts; `str()` of the suggestion is a file of them.
      by_name: The keys in the source and names in the target of variables that need no rule, because their names or
        object paths are equal.
      ambiguous: The variables of the target for which any rule would be a guess.
      missing: The variables of the target that no variable of the source fits.
      unused: The variables of the source that have no rule.
      left_out: The names in the source and in the target of variables whose names or object paths are equal although
        nothing else says that they are the same. Rules leave them out, for a plan would take them.
      gives_paths: Whether the rules give object paths of the target instead of names.
      notes: Further findings, in sentences.
    """

    rules: list[SuggestedRule] = dataclasses.field(default_factory=list)
    by_name: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    ambiguous: list[Undecided] = dataclasses.field(default_factory=list)
    missing: list[Row] = dataclasses.field(default_factory=list)
    unused: list[Row] = dataclasses.field(default_factory=list)
    left_out: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    gives_paths: bool = False
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def complete(self) -> bool:
        """True if every variable of the target has a source."""
        return not (self.ambiguous or self.missing)

    def as_rules(self) -> list[tuple[str, ...]]:
        """Returns the rules in the form that `plan`, `convert` and `WarmStart` accept."""
        rules: list[tuple[str, ...]] = [
            (r.pattern, r.replacement, *([r.operations] if r.operations else [])) for r in self.rules
        ]
        return rules + [(escape(name), '') for name, _ in self.left_out]

    def to_json(self) -> str:
        """Returns the suggestion as a JSON object."""
        fields = dataclasses.asdict(self)
        for fields_of_rule, rule in zip(fields['rules'], self.rules, strict=True):
            fields_of_rule['confidence'] = round(rule.confidence, 4)
        return json.dumps({**fields, 'complete': self.complete})

    def __str__(self) -> str:
        return '\n'.join(self.lines())

    def lines(self) -> Iterator[str]:
        """Yields the lines of a file of rules, with everything else in comments."""
        ruled = sum(len(rule.pairs) for rule in self.rules)
        all_targets = ruled + len(self.by_name) + len(self.ambiguous) + len(self.missing)
        variables = formatting.count(all_targets, 'variable')
        yield f'# {ruled + len(self.by_name):,} of {variables} of the target have a source:'
        yield f'# {ruled:,} by {formatting.count(len(self.rules), "rule")}, {len(self.by_name):,} by the same name.'
        if self.rules:
            yield f"# The rules give the target's {'object paths' if self.gives_paths else 'names'}."
        for rule in self.rules:
            yield ''
            evidence = rule.evidence
            yield (
                f'# confidence {rule.confidence:.2f} for {formatting.count(len(rule.pairs), "variable")}: names '
                f'{evidence.names:.2f}, shapes {evidence.shapes:.2f}, order {evidence.order:.2f}, '
                f'lead {evidence.lead:.2f}'
            )
            yield str(rule)
        if self.left_out:
            yield ''
            yield '# Nothing but their names says that these are those of the target, so they are left out:'
            yield from (f'{escape(name)} ->' for name, _ in self.left_out)
        rows = [f'{_described(u.target, u.shape, u.dtype)}: {_listed(u)}' for u in self.ambiguous]
        title = 'ambiguous, with what each could come from; a --rule for one of them may tell the others'
        yield from _section(title, rows)
        missing = [(_described(r.target or '', r.shape, r.dtype), r.note) for r in self.missing]
        yield from _section('without a source', [f'{row}: {note}' if note else row for row, note in missing])
        yield from _section(
            'without a target', [_described(r.source or '', r.shape, r.dtype) for r in self.unused]
        )
        yield from (f'# {formatting.printable(note)}' for note in self.notes)


def _section(title: str, rows: Sequence[str]) -> Iterator[str]:
    if rows:
        yield ''
        yield f'# {title} ({len(rows):,}):'
        yield from (f'#   {formatting.printable(row)}' for row in rows)


def _described(name: str, shape: tuple[int, ...] | None, dtype: str) -> str:
    return f'{name} {dtype} {formatting.shape(shape)}'


def _listed(undecided: Undecided) -> str:
    names, more = undecided.candidates[:_MAX_SHOWN], undecided.more
    more += len(undecided.candidates) - len(names)
    return ', '.join(names) + (f', and {more:,} more' if more else '')
