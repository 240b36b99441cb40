"""Runs a warm start, on objects in eager mode or in a session."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.common.formatting import printable
from estimator_ckpt.common.gc_pause import paused_collector
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.mapping.report import MappingReport
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.program import optimizer_slots, targets
from estimator_ckpt.program.bindings import Bindings
from estimator_ckpt.program.keras_3 import check_is_built
from estimator_ckpt.program.tensorflow_internals import root_of
from estimator_ckpt.warm_starting import deferred_restore
from estimator_ckpt.warm_starting.assign import assign_eagerly, assign_in_session
from estimator_ckpt.warm_starting.options import WarmStart, as_list
from estimator_ckpt.warm_starting.plan import WarmStartPlan
from estimator_ckpt.warm_starting.together import check_together, map_together, merged_report


@paused_collector()
def warm_start(
    warm_start: WarmStart | Sequence[WarmStart],
    target: Any = None,
    session: tf.compat.v1.Session | None = None,
) -> MappingReport:
    """Gives variables the values of a checkpoint of any style, or of several checkpoints.

    Args:
      warm_start: The options; a list for several checkpoints, which are applied together.
      target: In eager mode the `tf.train.Checkpoint`, model, module or list of variables that gets the values.
      session: In graph mode the session, in which the variables are initialized. No target is needed then.

    Returns:
      The report of the sources and of the variables that got no value. Layers of Keras models that are not built get
      their values when they are built; `status` is then the status of `tf.train.Checkpoint.restore`. Several warm
      starts have one report, whose notes name the checkpoints.

    Raises:
      CheckpointError: If the checkpoint cannot be read, or a layer of Keras 3 is not built.
      MappingError: If variables do not fit their sources, or two warm starts give the same variable a value. The error
        lists all of them, and nothing is assigned.
      RuleError: If `include` or a rule names a variable that does not exist.
      TypeError: If neither a target nor a session is given.
    """
    if session is not None:
        return warm_start_session(session, warm_start)
    if target is None or not tf.executing_eagerly():
        raise TypeError(
            'warm_start needs a target in eager mode, and a session in graph mode, where scaffold(warm_start=...) and '
            'WarmStartHook do it while training starts.'
        )
    warm_starts = as_list(warm_start)
    checkpoint = targets.as_checkpoint(target)
    root = root_of(checkpoint)
    with_slots = next((item for item in warm_starts if item.slots), None)
    slots = optimizer_slots.live_slots(root, source_step(with_slots)) if with_slots else ()
    wanted = targets.of_objects(target, slots)
    check_is_built(root)
    unbuilt = deferred_restore.unbuilt_paths(root)
    comes_later = deferred_restore.comes_later(unbuilt)
    plans = map_together(warm_starts, wanted, targets.Locator(wanted), comes_later)
    if unbuilt and plans:
        plans[0].report.notes.append(
            f'Not built yet: {", ".join(path or "the model" for path in unbuilt)}. Their variables are called by the '
            'paths below that; or build the model first.'
        )
    check_together(plans)
    _check_later(plans)
    assign_eagerly([(plan.loads, plan.source.reader) for plan in plans])
    status = None
    for plan in plans:
        _log_warnings(plan)
        if plan.later:
            status = deferred_restore.restore_later(checkpoint, plan.later, plan.source.contents)
            plan.report.matched += deferred_restore.rows(plan.later, plan.source.contents)
    report = merged_report(plans)
    report.status = status
    return report


def _check_later(plans: Sequence[WarmStartPlan]) -> None:
    """Checks that at most one checkpoint has values for layers that are not built, as TensorFlow defers one restore."""
    later = [plan for plan in plans if plan.later]
    if len(later) > 1:
        raise CheckpointError(
            f'{later[0].source.reader.prefix} and {later[1].source.reader.prefix} both have values for layers that are '
            f'not built, such as {later[1].later[0].target!r}; build the model first.'
        )


@paused_collector()
def warm_start_session(
    session: tf.compat.v1.Session,
    warm_start: WarmStart | Sequence[WarmStart],
    bindings: Bindings | None = None,
) -> MappingReport:
    """Gives the global variables of a session's graph the values of one or several checkpoints, and logs the reports.

    Args:
      session: A session in which the variables are initialized. Its graph can be finalized.
      warm_start: The options; a list for several checkpoints.
      bindings: The bindings of a saver, with which rules can use object paths; None for names only.

    Returns:
      The report.

    Raises:
      CheckpointError: As for `warm_start`.
    """
    target = targets.of_graph(session.graph, bindings)
    plans = map_together(as_list(warm_start), target, targets.Locator(target))
    check_together(plans)
    for plan in plans:
        assign_in_session(session, plan.loads, plan.source.reader)
        table = '\n'.join(plan.report.lines(hidden=['unused']))
        tf.get_logger().info('Warm start from %s:\n%s', printable(plan.source.reader.prefix), table)
        _log_warnings(plan)
    return merged_report(plans)


def _log_warnings(plan: WarmStartPlan) -> None:
    for warning in plan.report.warnings:
        tf.get_logger().warning(
            'Warm start from %s: %s', printable(plan.source.reader.prefix), printable(warning)
        )


def source_step(warm_start: WarmStart) -> int | None:
    """Returns the step after a warm start: the given one or the checkpoint's; None if the step is left unchanged.

    Args:
      warm_start: The options.
    """
    if warm_start.step == 'keep':
        return Source.read(Contents(warm_start.checkpoint)).step
    return warm_start.step if isinstance(warm_start.step, int) else None
