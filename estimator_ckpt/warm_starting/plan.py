"""Plans a warm start: finds the source of each variable of a program."""

import dataclasses
import functools
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.common.gc_pause import paused_collector
from estimator_ckpt.formats.opening import find_source, following, following_latest
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind, is_beta_power
from estimator_ckpt.keys.slots import SlotState
from estimator_ckpt.mapping.matching import match
from estimator_ckpt.mapping.object_rules import Locate, bind_objects, locate_nothing
from estimator_ckpt.mapping.recipes import Cast, Constant, Scaled
from estimator_ckpt.mapping.recurrent_rules import with_cells
from estimator_ckpt.mapping.report import MappingReport, Row, left_out_rows, mapping_error, nearest
from estimator_ckpt.mapping.rules import Rule, Rules, RuleSet, parse_rules
from estimator_ckpt.mapping.source import Source, promote_all
from estimator_ckpt.mapping.targets import Targets, TargetTensor
from estimator_ckpt.mapping.tensors import Tensor, apply_rules
from estimator_ckpt.optimizers.momentum import crossing_factor
from estimator_ckpt.program.read_target import read_target
from estimator_ckpt.warm_starting.beta_powers import complete_scalars
from estimator_ckpt.warm_starting.options import WarmStart
from estimator_ckpt.warm_starting.selection import select
from estimator_ckpt.warm_starting.vocabularies import Remapped


@dataclasses.dataclass
class WarmStartPlan:
    """The plan of a warm start.

    Attributes:
      warm_start: The options.
      source: The checkpoint.
      chosen: The variables that are to get values.
      loads: The variables that get values, with the recipes for these.
      later: The tensors for variables that do not exist yet.
      report: The sources of the variables, and the variables and tensors that do not fit or are left out.
    """

    warm_start: WarmStart
    source: Source
    chosen: list[TargetTensor]
    loads: list[tuple[TargetTensor, Any]]
    later: list[Tensor]
    report: MappingReport

    def check(self) -> None:
        """Checks that all variables fit their sources, except for those that the options excuse.

        Raises:
          MappingError: If some do not fit. The error lists all of them.
          CheckpointNotFoundError: If a data file is missing.
        """
        ignored = {'missing'} if self.warm_start.missing == 'ignore' else set()
        ignored |= {'mismatched'} if self.warm_start.mismatch == 'skip' else set()
        if self.report.faults(ignored):
            raise mapping_error(self.report, self.source.reader.prefix, ignored)
        self.source.reader.check_data_files()


def map_warm_start(
    warm_start: WarmStart,
    target: Targets,
    locate: Locate = locate_nothing,
    comes_later: Callable[[str], bool] = lambda path: False,
    source: Source | None = None,
) -> WarmStartPlan:
    """Returns the plan of a warm start.

    Args:
      warm_start: The options.
      target: The variables of the program.
      locate: A function that returns the keys in `target` of the objects that the rules name.
      comes_later: A predicate of object paths at which variables can be created later.
      source: The checkpoint, if it has been read already.

    Raises:
      CheckpointError: If the checkpoint cannot be read, or has no moving averages with `average='promote'`.
      RuleError: If `include` matches nothing.
    """
    source = source or _read(warm_start)
    if warm_start.average:
        source = source.of(promote_all(source, "average='promote'"))
    rules = parse_rules(bind_objects(with_cells(warm_start.rules, source, target), locate))
    tensors, left_out, idle = apply_rules(source.tensors, rules, follow=False)
    if rules:  # Else the contents of the slots, which are known by now, would be worked out again.
        source = source.of(tensors)
    if warm_start.slots:
        _check_slots_are_known(source, warm_start)
    explicit = {name.removesuffix(':0') for rule in rules for name in rule.targets}
    selection = select(
        target.wanted, warm_start.include, explicit, slots=warm_start.slots, step=warm_start.step
    )
    steps: list[TargetTensor] = []
    loads: list[tuple[TargetTensor, Any]] = []
    if isinstance(warm_start.step, int):
        steps = [wanted for wanted in selection.chosen if wanted.is_step]
        loads = [(wanted, Constant(warm_start.step, wanted.dtype)) for wanted in steps]
    chosen = [wanted for wanted in selection.chosen if wanted not in steps] if steps else selection.chosen
    states = source.slot_states if warm_start.slots else {}
    adaptation = _Adaptation(warm_start, source.reader, states)
    matched = match(source, dataclasses.replace(target, wanted=chosen), adaptation, states)
    report = matched.report
    if warm_start.slots:
        loads += complete_scalars(source, chosen, report, warm_start)
    report.matched += [Row(None, step.tensor.name, (), dtypes.name(step.dtype), 'set') for step in steps]
    _excuse_hyper_parameters(report, chosen)
    report.skipped += selection.skipped
    unplaced = target.unplaced(tensors)
    lost = [tensor for tensor in unplaced if tensor.target is not None and not comes_later(tensor.target)]
    report.idle_rules = [_with_hint(source, rules, tensors) for source in idle]
    report.idle_rules += _lost(rules, tensors, lost, target)
    taken = {key for _, recipe in matched.fitting for key in recipe.sources}
    later = _later(tensors, unplaced, taken, comes_later)
    later_keys = {tensor.key for tensor in later}
    report.unused = [row for row in report.unused if row.source not in later_keys]
    report.unused += left_out_rows(source.reader, [tensor.key for tensor in left_out])
    return WarmStartPlan(warm_start, source, chosen, loads + matched.fitting, later, report)


def _check_slots_are_known(source: Source, warm_start: WarmStart) -> None:
    """Refuses to carry half of an optimizer: its scalars without slots that may be its own.

    Raises:
      CheckpointError: If variables without slots have tensors that may be theirs.
    """
    unsure = [
        t for t in source.tensors if t.meaning.kind is Kind.OTHER and t.meaning.variable and t.target is None
    ]
    if unsure:
        owners = {t.meaning.variable for t in source.tensors if t.meaning.kind is Kind.SLOT}
        unsure = [tensor for tensor in unsure if tensor.meaning.variable not in owners]
    if unsure:
        listed = ', '.join(tensor.name for tensor in unsure[:3]) + (', ...' if len(unsure) > 3 else '')
        raise CheckpointError(
            f'{source.reader.prefix} has tensors that may be slots of an optimizer or something else ({listed}): pass '
            'slots=False, or rules that say where they go.'
        )


def _read(warm_start: WarmStart) -> Source:
    """Reads the checkpoint."""
    return Source.read(Contents(warm_start.checkpoint))


def _later(
    tensors: Sequence[Tensor],
    unplaced: Sequence[Tensor],
    taken: Collection[str],
    comes_later: Callable[[str], bool],
) -> list[Tensor]:
    """Returns the tensors for variables that do not exist yet, by the targets of rules or by the tensors' paths."""
    later = [tensor for tensor in unplaced if tensor.target is not None and comes_later(tensor.target)]
    for tensor in tensors:
        if tensor.target is None and tensor.key not in taken and tensor.meaning.kind is Kind.VARIABLE:
            path = next(filter(comes_later, tensor.candidates), None)
            if path is not None:
                later.append(dataclasses.replace(tensor, target=path))
    return later


def _excuse_hyper_parameters(report: MappingReport, chosen: list[TargetTensor]) -> None:
    """Moves hyperparameters and slots that the optimizer does not use from the missing rows to the skipped ones."""
    if not report.missing:
        return
    settings = [
        wanted
        for wanted in chosen
        if wanted.tensor.meaning.kind is Kind.OPTIMIZER
        and not wanted.is_step
        and not is_beta_power(wanted.tensor.name)
    ]
    idle = [wanted for wanted in chosen if wanted.state and not wanted.state.is_needed]
    names = {name for wanted in settings + idle for name in wanted.tensor.candidates}
    excused = [row for row in report.missing if row.target in names]
    report.missing = [row for row in report.missing if row.target not in names]
    report.skipped += [dataclasses.replace(row, note='the checkpoint does not have it') for row in excused]


class _Adaptation:
    """Adapts sources: remaps vocabulary rows, casts, and converts the momentum of TF1 to that of Keras, or back."""

    def __init__(self, warm_start: WarmStart, reader: TensorSource, states: Mapping[str, SlotState]):
        self._states, self._learning_rate = states, warm_start.hyperparameters.get('learning_rate')
        self._infos = {
            name.removesuffix(':0'): info for name, info in (warm_start.var_name_to_vocab_info or {}).items()
        }
        self._cast, self._reader = warm_start.cast, reader

    def __call__(self, wanted: TargetTensor, source: Tensor) -> Tensor:
        """Returns the source of a wanted tensor with the adapted recipe."""
        factor = None
        if wanted.state is not None:
            factor = crossing_factor(self._states.get(source.key), wanted.state, self._learning_rate)
        may_cast = self._cast or wanted.is_step
        if source.recipe is None and factor is None and not may_cast and not self._infos:
            return source
        recipe = source.made
        info = next((self._infos[call] for call in wanted.calls if call in self._infos), None)
        if info is not None:
            recipe = Remapped(recipe, info)
        # Some programs count steps in 32 bits, others in 64.
        if may_cast:
            dtype, _ = recipe.outcome(self._reader)
            if dtype != wanted.dtype and dtypes.STRING not in (dtype, wanted.dtype):
                recipe = Cast(recipe, wanted.dtype)
        if factor is not None:
            recipe = Scaled(recipe, factor)
        if recipe.plain and recipe.sources == (source.key,):
            return source
        return dataclasses.replace(source, recipe=recipe)


def _lost(rules: list[Rule], tensors: list[Tensor], unplaced: list[Tensor], target: Targets) -> list[str]:
    """Describes the rules that send all of their tensors to variables that do not exist."""
    rule_set = RuleSet(rules)
    lost: dict[str, str] = {}
    called = sorted(target.calls()) if unplaced else []
    for tensor in unplaced:
        rule = _rule_of(tensor, rule_set)
        if rule.source not in lost and tensor.target is not None:
            near = nearest(tensor.target, called, len(lost))
            lost[rule.source] = f'{rule.source!r}, for there is no {tensor.target!r}{near and f" ({near})"}'
    if lost:
        unplaced_ids = set(map(id, unplaced))
        for tensor in tensors:
            if tensor.target is not None and id(tensor) not in unplaced_ids:
                lost.pop(_rule_of(tensor, rule_set).source, None)
    return list(lost.values())


def _rule_of(tensor: Tensor, rule_set: RuleSet) -> Rule:
    """Returns the rule that gave a tensor its target."""
    match_of_rule = rule_set.find(tensor.candidates)
    assert match_of_rule is not None  # Only rules give targets.
    return match_of_rule[0]


def _with_hint(source: str, rules: list[Rule], tensors: list[Tensor]) -> str:
    """Returns a rule that matches no tensor, with the names that are most similar to its pattern."""
    pattern = next(re.sub(r'\\(.)', r'\1', rule.pattern.pattern) for rule in rules if rule.source == source)
    names = [tensor.name for tensor in tensors]
    if any(name.startswith(pattern + '/') for name in names):
        return f'{source!r} (there is a scope {pattern + "/"!r})'
    hint = nearest(pattern, names, 0)
    return f'{source!r} ({hint})' if hint else repr(source)


@paused_collector()
def plan(source: str | os.PathLike, target: Any, rules: Rules = None, **options: Any) -> MappingReport:
    """Returns the mapping from a checkpoint to another one, or to the objects of a program, without applying it.

    Args:
      source: A checkpoint of any style.
      target: A checkpoint, or a `tf.train.Checkpoint`, a model, a module, or a list of variables.
      rules: New names for the source's tensors: the target's names or object paths; see `estimator_ckpt.mapping.rules`.
      **options: The other options of `WarmStart`, with the same defaults for the objects of a program. For a
        checkpoint, everything is mapped by default.

    Returns:
      The report of the tensors that fit and of those that do not.

    Raises:
      CheckpointError: If a checkpoint cannot be read.
      RuleError: If a rule is malformed.
    """
    if isinstance(target, (str, os.PathLike)):
        options = {'include': 'all', 'slots': True, 'step': 'keep', **options}
        return following(
            lambda: [find_source(source), find_source(target)],
            functools.partial(_plan, rules=rules, **options),
        )
    return following_latest(source, functools.partial(_plan, target=target, rules=rules, **options))


def _plan(source: str, target: Any, rules: Rules, **options: Any) -> MappingReport:
    warm_start = WarmStart(source, rules, **options)
    origin = _read(warm_start)
    return map_warm_start(warm_start, read_target(target, source=origin), source=origin).report
