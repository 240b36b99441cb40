"""Selects the variables of a program that a warm start gives values."""

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.mapping.report import Row
from estimator_ckpt.mapping.rules import RuleError
from estimator_ckpt.mapping.targets import TargetTensor

# The names of objects without weights: Keras's metrics and random number generators.
_NO_WEIGHTS = frozenset(['keras_api', 'seed_generator', '_seed_generator'])


@dataclasses.dataclass
class Selection:
    """The selected variables.

    Attributes:
      chosen: The variables that get values.
      skipped: The other variables, with the reasons.
    """

    chosen: list[TargetTensor]
    skipped: list[Row]


def select(
    wanted: Iterable[TargetTensor],
    include: Any,
    explicit: Collection[str],
    *,
    slots: bool,
    step: int | str,
) -> Selection:
    """Selects variables by the options of a `WarmStart`.

    Args:
      wanted: All variables that can get values.
      include: The option `include`.
      explicit: The names, paths or keys of variables that an assignment names, which are always chosen.
      slots: Whether slots are chosen along with their variables.
      step: The option `step`. `'reset'` leaves steps unchanged.

    Returns:
      The selection.

    Raises:
      RuleError: If `include` has an expression that does not compile, or matches no variable.
    """
    explicit, includes = set(explicit), parse_include(include)
    selection = Selection([], [])
    keys: set[str] = set()
    # Slots come last, because they are chosen by their variables.
    for candidate in sorted(wanted, key=lambda candidate: candidate.tensor.meaning.kind is Kind.SLOT):
        named = bool(explicit) and not explicit.isdisjoint(candidate.calls)
        reason = '' if named else _reason_against(candidate, includes, slots, step, keys)
        if reason:
            row = Row(None, candidate.tensor.name, candidate.shape, dtypes.name(candidate.dtype), reason)
            selection.skipped.append(row)
        else:
            keys.add(candidate.tensor.key)
            selection.chosen.append(candidate)
    kinds = {candidate.tensor.meaning.kind for candidate in selection.chosen}
    if Kind.VARIABLE not in kinds and include not in ('trainable', 'all'):
        raise RuleError(f'include={include!r} matches no variable; correct it.')
    return selection


def _reason_against(
    wanted: TargetTensor,
    includes: Callable[[TargetTensor], str],
    slots: bool,
    step: int | str,
    chosen: Collection[str],
) -> str:
    """Returns the reason why a variable is not chosen; empty if it is chosen."""
    kind = wanted.tensor.meaning.kind
    if kind is Kind.SLOT:
        if not slots:
            return 'slots=False'
        return '' if wanted.tensor.meaning.variable in chosen else 'its variable is left out'
    if wanted.is_step:
        return "step='reset'" if step == 'reset' else ''
    if kind is Kind.OPTIMIZER:
        return '' if slots else 'slots=False'
    if not _NO_WEIGHTS.isdisjoint(wanted.tensor.path):
        return 'it is not a weight'
    return includes(wanted)


def parse_include(include: Any) -> Callable[[TargetTensor], str]:
    """Returns a function from a variable to the reason why it is not included, which is empty if it is.

    Raises:
      RuleError: If an expression does not compile.
    """
    if include == 'trainable':
        return lambda wanted: '' if wanted.trainable else "it is not trainable (include='all')"
    if include == 'all':
        return lambda wanted: ''
    items = [include] if isinstance(include, str) else list(include)
    patterns = [_compile(item) for item in items if isinstance(item, str)]
    variables = [item for item in items if not isinstance(item, str)]
    if variables:
        from estimator_ckpt.program.tensorflow_internals import identities  # Only variables need TensorFlow.

        included = identities(variables)

    def reason(wanted: TargetTensor) -> str:
        if any(pattern.match(call) for pattern in patterns for call in wanted.tensor.candidates):
            return ''
        is_included = variables and not included.isdisjoint(identities(wanted.variable))
        return '' if is_included else 'include does not name it'

    return reason


def _compile(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise RuleError(
            f'include={expression!r} is not a regular expression ({error}); correct it.'
        ) from error
