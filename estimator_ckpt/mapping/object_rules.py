"""Rules of assignment maps whose values are variables and other objects of a program instead of names."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from estimator_ckpt.mapping.rules import Rule, RuleError, Rules, literal

# Returns the key of a variable; for another object the keys of its variables by their paths below it.
Locate = Callable[[Any], str | dict[str, str]]


@dataclasses.dataclass(frozen=True, slots=True)
class _ScopeRule(Rule):
    """Maps the names below a scope of the checkpoint to the variables below an object.

    Attributes:
      keys: The key of each variable by its path below the object.
    """

    keys: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def apply(self, name: str) -> str | None:
        """Returns the key of the variable that gets the value; None if the object has no such variable."""
        match = self.pattern.fullmatch(name)
        return None if match is None else self.keys.get(match[1])


def bind_objects(rules: Any, locate: Locate) -> Rules:
    """Returns rules with the keys of objects instead of the objects.

    Args:
      rules: Rules of any form; see `estimator_ckpt.mapping.rules`.
      locate: The function that returns the keys of an object.

    Raises:
      RuleError: If a scope is assigned to a variable, or a name to an object that is not a variable.
    """
    if isinstance(rules, Mapping):
        return _bind_all(rules, locate)
    if isinstance(rules, (list, tuple)):
        return [
            bound
            for rule in rules
            for bound in (_bind_all(rule, locate) if isinstance(rule, Mapping) else [rule])
        ]
    return rules


def _bind_all(assignments: Mapping[str, Any], locate: Locate) -> list[Mapping[str, str] | Rule]:
    return [
        {old: new} if isinstance(new, str) else _bind(old, new, locate) for old, new in assignments.items()
    ]


def is_variable(value: Any) -> bool:
    """Returns True if a value is a variable, whole or partitioned, and False if it is an object with variables."""
    return hasattr(value, 'assign') or isinstance(value, (list, tuple)) or hasattr(value, 'partitions')


def locate_nothing(value: Any) -> str | dict[str, str]:
    """Returns no keys: stands in for a program whose variables do not exist yet."""
    return '' if is_variable(value) else {}


def _bind(old: str, value: Any, locate: Locate) -> Rule:
    source = f'{old!r}: {getattr(value, "name", None) or type(value).__name__}'
    if old.endswith('/') == is_variable(value):
        raise RuleError(
            f'The assignment {source} is of a scope to a variable, or of a name to an object with several variables; '
            'a scope must end in a slash, and the name of a variable must not.'
        )
    keys = locate(value)
    if isinstance(keys, str):
        return Rule(source, re.compile(re.escape(old)), literal(keys), targets=(keys,), name=old)
    pattern = re.compile('(.*)' if old == '/' else re.escape(old) + '(.*)')
    return _ScopeRule(source, pattern, '', targets=tuple(keys.values()), keys=keys)
