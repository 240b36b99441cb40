r"""Rules that give a tensor of one checkpoint or program its name in another.

A rule is a pattern and a replacement. Rules are tried in order, and the first whose pattern matches the whole name
applies. They come as

* an assignment map as `tf.compat.v1.train.init_from_checkpoint` takes it: `{'old_scope/': 'new_scope/'}`,
  `{'/': 'scope/'}`, `{'old_name': 'new_name'}`,
* pairs of a regular expression and a replacement, `[(r'layer_(\d+)/w', r'blocks/\1/kernel')]`,
* or a text file with a rule on each line, `pattern -> replacement`, and comments behind `#`.
"""

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping, Sequence

from estimator_ckpt.bundle.errors import CheckpointError


class RuleError(CheckpointError, ValueError):
    """Rules that cannot be understood. The message lists every one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """A pattern and what a name that it matches becomes.

    Attributes:
      source: The rule as it was written, for messages.
      pattern: Matches whole names.
      replacement: The new name, with `\\1` and `\\g<group>`.
    """

    source: str
    pattern: re.Pattern[str]
    replacement: str

    def apply(self, name: str) -> str | None:
        """The new name, or None where the pattern does not match."""
        match = self.pattern.fullmatch(name)
        return None if match is None else match.expand(self.replacement)


Rules = Mapping[str, str] | Sequence[tuple[str, str]] | str | os.PathLike | None


def parse_rules(rules: Rules) -> list[Rule]:
    """The rules that an argument means.

    Args:
      rules: An assignment map, pairs of pattern and replacement, both mixed in one list (`[{...}, (..., ...)]`), the
        path of a rules file, or None for no rules.

    Raises:
      RuleError: If an expression does not compile, a replacement names a group that there is not, or a scope stands
        against what is none. It lists all such.
      FileNotFoundError: If there is no such file.
    """
    parsed, faults = [], []
    for pattern, replacement, is_expression in _pairs(rules):
        try:
            make = _expression if is_expression else _assignment
            parsed.append(make(pattern, replacement))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise RuleError('; '.join(faults) + '; mend the rules.')
    return parsed


def _pairs(rules: Rules) -> Iterable[tuple[str, str, bool]]:
    if rules is None:
        return
    if isinstance(rules, (str, os.PathLike)):
        yield from _read_file(rules)
    elif isinstance(rules, Mapping):
        for pattern, replacement in rules.items():
            yield pattern, replacement, False
    else:
        for rule in rules:
            if isinstance(rule, Mapping):
                yield from _pairs(rule)
            else:
                pattern, replacement = rule
                yield pattern, replacement, True


def _read_file(path: str | os.PathLike) -> Iterable[tuple[str, str, bool]]:
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            line = re.sub(r'(^|\s)#.*', '', line).strip()
            if not line:
                continue
            pattern, arrow, replacement = line.partition('->')
            if not arrow:
                raise RuleError(
                    f'{os.fspath(path)}, line {number}: a rule is "pattern -> replacement", not {line!r}.'
                )
            yield pattern.strip(), replacement.strip(), True


def _expression(pattern: str, replacement: str) -> Rule:
    source = f'{pattern} -> {replacement}'
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f'the rule {source!r} has an expression that does not compile ({error})') from error
    try:
        # Expanding against the empty string tells an unknown group without a match.
        re.compile(f'(?:{pattern})|').match('').expand(replacement)
    except (re.error, IndexError) as error:
        raise ValueError(
            f'the rule {source!r} has a replacement that does not fit its pattern ({error})'
        ) from error
    return Rule(source, compiled, replacement)


def _assignment(old: str, new: str) -> Rule:
    source = f'{old!r}: {new!r}'
    if old.endswith('/') != new.endswith('/') and not (old == '/' or new == '/'):
        raise ValueError(f'the assignment {source} has a scope, which ends in a slash, on one side only')
    if not old.endswith('/'):
        return Rule(source, re.compile(re.escape(old)), _literal(new))
    pattern = '(.*)' if old == '/' else re.escape(old) + '(.*)'
    return Rule(source, re.compile(pattern), (_literal(new) if new != '/' else '') + r'\1')


def _literal(name: str) -> str:
    return name.replace('\\', r'\\')
