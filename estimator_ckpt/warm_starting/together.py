"""Plans several warm starts of one program together: an encoder from one checkpoint, a decoder from another."""

import collections
import dataclasses
from collections.abc import Callable, Sequence

from estimator_ckpt.common import formatting
from estimator_ckpt.mapping.matching import labels_of
from estimator_ckpt.mapping.object_rules import Locate, locate_nothing
from estimator_ckpt.mapping.report import MappingError, MappingReport, Row
from estimator_ckpt.mapping.targets import Targets
from estimator_ckpt.warm_starting.options import WarmStart
from estimator_ckpt.warm_starting.plan import WarmStartPlan, map_warm_start

_MAX_LISTED = 10


def map_together(
    warm_starts: Sequence[WarmStart],
    target: Targets,
    locate: Locate = locate_nothing,
    comes_later: Callable[[str], bool] = lambda path: False,
) -> list[WarmStartPlan]:
    """Returns the plan of each of several warm starts.

    A variable that one of them lacks is missing only if no other one gives it a value.

    Args:
      warm_starts: The options of each.
      target: The variables of the program.
      locate: A function that returns the keys in `target` of the objects that the rules name.
      comes_later: A predicate of object paths at which variables can be created later.

    Raises:
      CheckpointError: As for `map_warm_start`.
      MappingError: If two of them give the same variable a value.
      RuleError: If `include` matches nothing.
    """
    plans = [map_warm_start(warm_start, target, locate, comes_later) for warm_start in warm_starts]
    _check_claims(plans)
    filled = {wanted.tensor.key for plan in plans for wanted, _ in plan.loads}
    for plan in plans:
        labels = labels_of(plan.chosen)
        excused = {label for key, label in labels.items() if key in filled}
        plan.report.missing = [row for row in plan.report.missing if row.target not in excused]
    return plans


def _check_claims(plans: Sequence[WarmStartPlan]) -> None:
    """Checks that no two warm starts give the same variable a value.

    Raises:
      MappingError: If two do. The error lists the variables and the checkpoints.
    """
    claims: dict[str, list[WarmStartPlan]] = collections.defaultdict(list)
    names: dict[str, str] = {}
    for plan in plans:
        for wanted, _ in plan.loads:
            claims[wanted.tensor.key].append(plan)
            names[wanted.tensor.key] = wanted.tensor.name
    shared = [
        f'{names[key]!r} (from {" and ".join(plan.source.reader.prefix for plan in owners)})'
        for key, owners in claims.items()
        if len(owners) > 1
    ]
    if shared:
        listed = formatting.listing(shared, _MAX_LISTED)
        raise MappingError(
            f'Several warm starts give the same variables a value: {listed}; let `include`, `slots` or `step` of all '
            'but one leave them out.',
            merged_report(plans),
        )


def check_together(plans: Sequence[WarmStartPlan]) -> None:
    """Checks that all variables fit their sources, except for those that the options excuse.

    Raises:
      MappingError: If some do not fit. The error lists all of them.
      CheckpointNotFoundError: If a data file is missing.
    """
    errors = []
    for plan in plans:
        try:
            plan.check()
        except MappingError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise MappingError(' '.join(map(str, errors)), merged_report(plans))


def merged_report(plans: Sequence[WarmStartPlan]) -> MappingReport:
    """Returns the report of all warm starts, whose rows say in their notes which checkpoint they are about.

    Args:
      plans: The plans. The report of a single one is returned as it is.
    """
    if len(plans) == 1:
        return plans[0].report
    report = MappingReport()
    for plan in plans:
        prefix, own = plan.source.reader.prefix, plan.report
        for section in ('matched', 'unused', 'mismatched', 'ambiguous'):
            getattr(report, section).extend(_noted(row, prefix) for row in getattr(own, section))
        report.idle_rules += own.idle_rules
        for remarks, own_remarks in ((report.notes, own.notes), (report.warnings, own.warnings)):
            remarks += [f'{prefix}: {remark}' for remark in own_remarks]
    _add_once(report.missing, [row for plan in plans for row in plan.report.missing], [])
    others = report.matched + report.missing + report.mismatched + report.ambiguous
    _add_once(report.skipped, [row for plan in plans for row in plan.report.skipped], others)
    return report


def _noted(row: Row, prefix: str) -> Row:
    return dataclasses.replace(row, note=', '.join(filter(None, (row.note, f'of {prefix}'))))


def _add_once(section: list[Row], rows: Sequence[Row], others: Sequence[Row]) -> None:
    """Adds the first row of each target that no other row has.

    Args:
      section: The section of a report.
      rows: The rows of all warm starts.
      others: The rows of other sections.
    """
    seen = {row.target for row in others}
    for row in rows:
        if row.target not in seen:
            seen.add(row.target)
            section.append(row)
