"""Rules of an assignment map that name variables and other objects of a program, instead of their names."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from estimator_ckpt.mapping.rules import Rule, RuleError, Rules, literal

# Gives the key of a variable, or for an object the keys of its variables by their paths below it.
Locate = Callable[[Any], str | dict[str, str]]


@dataclasses.dataclass(frozen=True, slots=True)
class _ScopeRule(Rule):
    """Puts what is below a scope of the checkpoint to the variables below an object."""

    keys: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def apply(self, name: str) -> str | None:
        match = self.pattern.fullmatch(name)
        return None if match is None else self.keys.get(match[1])


def bind_objects(rules: Any, locate: Locate) -> Rules:
    """The rules with the places of objects instead of the objects.

    Raises:
      RuleError: If a scope is assigned to a variable, or a name to what is none.
    """
    if isinstance(rules, Mapping):
        return [{old: new} if isinstance(new, str) else _bind(old, new, locate) for old, new in rules.items()]
    if isinstance(rules, (list, tuple)):
        return [
            bound
            for rule in rules
            for bound in (bind_objects(rule, locate) if isinstance(rule, Mapping) else [rule])
        ]
    return rules


def is_variable(value: Any) -> bool:
    """Whether a value is a variable, or the pieces of a partitioned one; else it holds variables."""
    return hasattr(value, 'assign') or isinstance(value, (list, tuple)) or hasattr(value, 'partitions')


def locate_nothing(value: Any) -> str | dict[str, str]:
    """Stands for the places of a program that is not there yet."""
    return '' if is_variable(value) else {}


def _bind(old: str, value: Any, locate: Locate) -> Rule:
    source = f'{old!r}: {getattr(value, "name", None) or type(value).__name__}'
    if old.endswith('/') == is_variable(value):
        raise RuleError(
            f'The assignment {source} is of a scope to a variable, or of a name to an object that holds several; '
            'a scope ends in a slash.'
        )
    place = locate(value)
    if isinstance(place, str):
        return Rule(source, re.compile(re.escape(old)), literal(place), targets=(place,), name=old)
    pattern = re.compile('(.*)' if old == '/' else re.escape(old) + '(.*)')
    return _ScopeRule(source, pattern, '', targets=tuple(place.values()), keys=place)
