"""Which variables of a program a warm start is to fill."""

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.mapping.report import Row
from estimator_ckpt.mapping.rules import RuleError
from estimator_ckpt.mapping.targets import TargetTensor

# Objects that hold no weights: Keras's metrics and generators of random numbers.
_NO_WEIGHTS = frozenset(['keras_api', 'seed_generator', '_seed_generator'])


@dataclasses.dataclass
class Selection:
    """What is to be filled, and what is not, with the reasons."""

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
    """Chooses by the options of a `WarmStart`.

    Args:
      wanted: All that can be filled.
      include: Which variables.
      explicit: The names, paths or keys of those that an assignment names, which are chosen whatever they are.
      slots: Whether slots come along with their variables.
      step: `'reset'` where steps are left as they are.

    Raises:
      RuleError: If `include` has an expression that does not compile, or matches nothing.
    """
    explicit, includes = set(explicit), parse_include(include)
    selection, keys = Selection([], []), set()
    # Slots go by their variables.
    for one in sorted(wanted, key=lambda one: one.tensor.meaning.kind is Kind.SLOT):
        named = not explicit.isdisjoint(one.calls)
        reason = '' if named else _reason_against(one, includes, slots, step, keys)
        if reason:
            row = Row(None, one.tensor.name, one.shape, dtypes.name(one.dtype), reason)
            selection.skipped.append(row)
        else:
            keys.add(one.tensor.key)
            selection.chosen.append(one)
    kinds = {one.tensor.meaning.kind for one in selection.chosen}
    if Kind.VARIABLE not in kinds and include not in ('trainable', 'all'):
        raise RuleError(f'include={include!r} names none of the variables that there are; mend it.')
    return selection


def _reason_against(
    one: TargetTensor,
    includes: Callable[[TargetTensor], str],
    slots: bool,
    step: int | str,
    chosen: Collection[str],
) -> str:
    """Why it is not to be filled; empty if it is."""
    kind = one.tensor.meaning.kind
    if one.is_step:
        return "step='reset'" if step == 'reset' else ''
    if kind is Kind.SLOT:
        if not slots:
            return 'slots=False'
        return '' if one.tensor.meaning.variable in chosen else 'its variable is left out'
    if kind is Kind.OPTIMIZER:
        return '' if slots else 'slots=False'
    if not _NO_WEIGHTS.isdisjoint(one.tensor.path):
        return 'it is no weight'
    return includes(one)


def parse_include(include: Any) -> Callable[[TargetTensor], str]:
    """A function that says why a variable is not included; nothing if it is.

    Raises:
      RuleError: If an expression does not compile.
    """
    if include == 'trainable':
        return lambda one: '' if one.trainable else "it is not trainable (include='all')"
    if include == 'all':
        return lambda one: ''
    items = [include] if isinstance(include, str) else list(include)
    patterns = [_compile(item) for item in items if isinstance(item, str)]
    variables = [item for item in items if not isinstance(item, str)]
    if variables:
        from estimator_ckpt.program.tensorflow_internals import identities  # Only variables need TensorFlow.

        included = identities(variables)

    def reason(one: TargetTensor) -> str:
        if any(pattern.match(call) for pattern in patterns for call in one.tensor.candidates):
            return ''
        is_included = variables and not included.isdisjoint(identities(one.variable))
        return '' if is_included else 'include does not name it'

    return reason


def _compile(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise RuleError(f'include={expression!r} is no regular expression ({error}); mend it.') from error
