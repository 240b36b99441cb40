r"""Rules that give a tensor of one checkpoint or program its name in another.

A rule is a pattern and a replacement. Rules are tried in order, and the first whose pattern matches the whole name
applies. Rules are given in one of these forms:

* an assignment map as `tf.compat.v1.train.init_from_checkpoint` takes it: `{'old_scope/': 'new_scope/'}`,
  `{'/': 'scope/'}`, `{'old_name': 'new_name'}`,
* pairs of a regular expression and a replacement, `[(r'layer_(\d+)/w', r'blocks/\1/kernel')]`, or triples with
  operations, `(r'(.*)/w', r'\1/kernel', 'transpose=1,0')`; see `estimator_ckpt.mapping.transforms`,
* or a text file with a rule on each line, `pattern -> replacement` or `pattern -> replacement | operations`, where `#`
  begins a comment; or a list of such lines.

The replacement of a rule with `split`, `unstack` or `copy` lists its targets, separated by commas. A rule without a
replacement (`pattern ->`, `(pattern, '')`, `{'old_name': ''}`) leaves out the tensors that it matches, with their slots
and averages.
"""

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.mapping.transforms import Transform, parse_transforms


class RuleError(CheckpointError, ValueError):
    """Raised if rules are malformed. The message lists every such rule."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, and the replacement for the names that it matches.

    Attributes:
      source: The rule as it was written, for messages.
      pattern: The pattern, which must match whole names.
      replacement: The new name, with `\\1` and `\\g<group>` for groups of the pattern; empty to leave tensors out.
      operations: The operations on the values, in the order in which they apply.
      targets: The only names that the rule can give, for an assignment to certain variables; else empty.
      name: The only name that the pattern matches, if there is just one; else empty.
    """

    source: str
    pattern: re.Pattern[str]
    replacement: str
    operations: tuple[Transform, ...] = ()
    targets: tuple[str, ...] = ()
    name: str = ''

    @property
    def leaves_out(self) -> bool:
        """True if what the pattern matches is left out."""
        return not (self.replacement or self.targets)

    @property
    def written_operations(self) -> str:
        """The operations as they were written; empty for none."""
        return self.source.rpartition(' | ')[2] if self.operations else ''

    def apply(self, name: str) -> str | None:
        """Returns the new name; None if the pattern does not match."""
        match = self.pattern.fullmatch(name)
        return None if match is None else match.expand(self.replacement)


class RuleSet:
    """Rules in their order, where those that match only one name are looked up in a table.

    Attributes:
      rules: The rules.
    """

    def __init__(self, rules: Sequence[Rule]):
        self.rules = rules
        self._exact = {rule.name: number for number, rule in reversed(list(enumerate(rules))) if rule.name}
        self._patterns = [(number, rule) for number, rule in enumerate(rules) if not rule.name]

    def find(self, names: Sequence[str]) -> tuple[Rule, str] | None:
        """Returns the first rule that matches a name of a tensor, and the new name; None if no rule matches."""
        exact = min((self._exact[name] for name in names if name in self._exact), default=len(self.rules))
        for number, rule in self._patterns:
            if number > exact:
                break
            target = next((t for t in map(rule.apply, names) if t is not None), None)
            if target is not None:
                return rule, target
        if exact == len(self.rules):
            return None
        rule = self.rules[exact]
        target = rule.apply(rule.name)
        return None if target is None else (rule, target)


Rules = (
    Mapping[str, str] | Sequence[tuple[str, ...] | Mapping[str, str] | Rule | str] | str | os.PathLike | None
)


def parse_rules(rules: Rules) -> list[Rule]:
    """Parses rules of any form.

    Args:
      rules: An assignment map; pairs of pattern and replacement; a list that mixes both (`[{...}, (..., ...)]`); the
        path of a file of rules; or None for no rules.

    Returns:
      The rules in their order.

    Raises:
      RuleError: If a regular expression does not compile, a replacement names a group that the pattern does not have,
        or an assignment has a scope on one side only. The error lists all such rules.
      FileNotFoundError: If there is no file of rules at the path.
    """
    parsed: list[Rule] = []
    faults: list[str] = []
    for row in _rows(rules):
        if isinstance(row, Rule):
            parsed.append(row)
            continue
        old, new, operations = row
        try:
            parsed.append(_assignment(old, new) if operations is None else _expression(old, new, operations))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise RuleError('; '.join(faults) + '; correct the rules.')
    return parsed


def _rows(rules: Any) -> Iterable[tuple[str, str, str | None] | Rule]:
    """Yields pattern, replacement and operations, with None as the operations of an assignment; or a parsed rule."""
    if rules is None:
        return
    if isinstance(rules, (str, os.PathLike)):
        yield from _read_file(rules)
    elif isinstance(rules, Mapping):
        for old, new in rules.items():
            yield old, new, None
    elif isinstance(rules, bytes) or not isinstance(rules, Iterable):
        raise RuleError(
            f'{rules!r} is no assignment map, list of rules, or path of a file of rules; correct the rules.'
        )
    else:
        for rule in rules:
            if isinstance(rule, Mapping):
                yield from _rows(rule)
            elif isinstance(rule, Rule):
                yield rule
            else:
                yield _row(rule)


def _row(rule: Any) -> tuple[str, str, str]:
    """Returns the pattern, the replacement and the operations of a rule in a list, as a pair, a triple or a line.

    Raises:
      RuleError: If it is something else.
    """
    if isinstance(rule, str):
        row = parse_line(rule)
        if row is not None:
            return row
    elif isinstance(rule, Sequence) and len(rule) > 1 and all(isinstance(part, str) for part in rule):
        return rule[0], rule[1], ' '.join(rule[2:])
    raise RuleError(
        f'The rule {rule!r} is neither a pair (pattern, replacement), a triple with operations, nor a line '
        '"pattern -> replacement"; correct it.'
    )


def _read_file(path: str | os.PathLike) -> Iterable[tuple[str, str, str]]:
    with open(path, 'rb') as file:
        for number, raw in enumerate(file.read().splitlines(), 1):
            try:
                line = raw.decode()
            except UnicodeDecodeError as error:
                raise RuleError(
                    f'{os.fspath(path)}, line {number} is not UTF-8 ({error}); save the file as UTF-8.'
                ) from error
            line = re.sub(r'(^|\s)#.*', '', line).strip()
            if not line:
                continue
            rule = parse_line(line)
            if rule is None:
                raise RuleError(
                    f'{os.fspath(path)}, line {number}: expected "pattern -> replacement", got {line!r}.'
                )
            yield rule


def parse_line(line: str) -> tuple[str, str, str] | None:
    """Returns the pattern, the replacement and the operations of a line; None if it has no `->`."""
    pattern, arrow, replacement = line.partition('->')
    replacement, _, operations = replacement.partition(' | ')
    return (pattern.strip(), replacement.strip(), operations) if arrow else None


def _expression(pattern: str, replacement: str, operations: str) -> Rule:
    source = f'{pattern} -> {replacement}'.rstrip() + (f' | {operations}' if operations else '')
    if operations and not replacement:
        raise ValueError(f'the rule {source!r} leaves tensors out, which operations have no effect on')
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f'the rule {source!r} has an expression that does not compile ({error})') from error
    try:
        # The pattern or nothing always matches an empty string, which is enough to detect unknown groups.
        empty_match = re.compile(f'(?:{pattern})|').match('')
        if empty_match:
            empty_match.expand(replacement)
    except (re.error, IndexError) as error:
        raise ValueError(
            f'the rule {source!r} has a replacement that does not fit its pattern ({error})'
        ) from error
    try:
        transforms = parse_transforms(operations)
    except ValueError as error:
        raise ValueError(f'the rule {source!r} has invalid operations: {error}') from error
    if ', ' in replacement and not any(transform.divides for transform in transforms):
        raise ValueError(
            f'the rule {source!r} names several targets; split or unstack gives each a part, and copy the whole'
        )
    return Rule(source, compiled, replacement, transforms)


def _assignment(old: str, new: str) -> Rule:
    source = f'{old!r}: {new!r}'
    if not isinstance(new, str):
        raise ValueError(f'the assignment {source} names an object, which only a warm start accepts')
    if old.endswith('/') != new.endswith('/') and not (old == '/' or new == '/'):
        raise ValueError(f'the assignment {source} has a scope, which ends in a slash, on one side only')
    if not old.endswith('/'):
        targets = (new,) if new else ()
        return Rule(source, re.compile(re.escape(old)), literal(new), targets=targets, name=old)
    pattern = '(.*)' if old == '/' else re.escape(old) + '(.*)'
    return Rule(source, re.compile(pattern), (literal(new) if new != '/' else '') + r'\1')


def literal(name: str) -> str:
    """Returns the replacement that stands for a name itself."""
    return name.replace('\\', r'\\')
