"""Works out which variable of a program a warm start gives which value."""

import dataclasses
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind, is_beta_power
from estimator_ckpt.keys.slots import SlotState
from estimator_ckpt.mapping.matching import match
from estimator_ckpt.mapping.object_rules import Locate, bind_objects, locate_nothing
from estimator_ckpt.mapping.recipes import Cast, Constant, Scaled
from estimator_ckpt.mapping.report import MappingReport, Row, mapping_error, nearest
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
    """What a warm start does.

    Attributes:
      source: The checkpoint.
      loads: The variables that get a value, with how that is made.
      later: The tensors for variables that there will be.
      report: What came from where, what was left, and what does not fit.
    """

    source: Source
    loads: list[tuple[TargetTensor, Any]]
    later: list[Tensor]
    report: MappingReport

    def check(self, warm_start: WarmStart) -> None:
        """Checks that all fits that must.

        Raises:
          MappingError: If it does not. It lists all that does not.
          CheckpointNotFoundError: If a data file is missing.
        """
        ignored = {'missing'} if warm_start.missing == 'ignore' else set()
        ignored |= {'mismatched'} if warm_start.mismatch == 'skip' else set()
        if self.report.faults(ignored):
            raise mapping_error(self.report, self.source.reader.prefix, ignored)
        self.source.reader.check_data_files()


def map_warm_start(
    warm_start: WarmStart,
    target: Targets,
    locate: Locate = locate_nothing,
    comes_later: Callable[[str], bool] = lambda path: False,
) -> WarmStartPlan:
    """Works out which variable gets which value.

    Args:
      warm_start: What is asked for.
      target: What there is.
      locate: Gives the keys in `target` of the objects that the rules name.
      comes_later: Whether there can be a variable at an object path later.

    Raises:
      CheckpointError: If the checkpoint cannot be read, or has no moving averages and they are asked for.
      RuleError: If `include` matches nothing.
    """
    rules = parse_rules(bind_objects(warm_start.rules, locate))
    source = _read(warm_start)
    tensors, idle = apply_rules(source.tensors, rules, follow=False)
    source = source.of(tensors)
    if warm_start.slots:
        _check_slots_are_known(source, warm_start)
    explicit = {name.removesuffix(':0') for rule in rules for name in rule.targets}
    selection = select(
        target.wanted, warm_start.include, explicit, slots=warm_start.slots, step=warm_start.step
    )
    steps = [one for one in selection.chosen if one.is_step and isinstance(warm_start.step, int)]
    chosen = [one for one in selection.chosen if one not in steps]
    loads = [(one, Constant(warm_start.step, one.dtype)) for one in steps]
    states = source.slot_states if warm_start.slots else {}
    adaptation = _Adaptation(warm_start, source.reader, states)
    matched = match(source, Targets(chosen, target.graph), adaptation, states)
    report = matched.report
    if warm_start.slots:
        loads += complete_scalars(source, chosen, report, warm_start)
    report.matched += [Row(None, one.tensor.name, (), dtypes.name(one.dtype), 'set') for one in steps]
    _excuse_hyper_parameters(report, chosen)
    report.skipped += selection.skipped
    unplaced = _unplaced(tensors, target)
    lost = [tensor for tensor in unplaced if not comes_later(tensor.target)]
    report.idle_rules = [_with_hint(source, rules, tensors) for source in idle]
    report.idle_rules += _lost(rules, tensors, lost, target)
    taken = {key for _, recipe in matched.fitting for key in recipe.sources}
    later = _later(tensors, unplaced, taken, comes_later)
    gone = {tensor.key for tensor in later}
    report.unused = [row for row in report.unused if row.source not in gone]
    return WarmStartPlan(source, loads + matched.fitting, later, report)


def _check_slots_are_known(source: Source, warm_start: WarmStart) -> None:
    """Refuses to carry half of an optimizer: its scalars without slots that may be its own.

    Raises:
      CheckpointError: If variables without slots have tensors that may be theirs.
    """
    owners = {t.meaning.variable for t in source.tensors if t.meaning.kind is Kind.SLOT}
    unsure = [
        tensor.name
        for tensor in source.tensors
        if tensor.meaning.kind is Kind.OTHER
        and tensor.meaning.variable not in {'', *owners}
        and tensor.target is None
    ]
    if unsure:
        listed = ', '.join(unsure[:3]) + (', ...' if len(unsure) > 3 else '')
        raise CheckpointError(
            f'{source.reader.prefix} has tensors that may be slots of an optimizer or something else ({listed}): pass '
            'slots=False, or rules that say where they go.'
        )


def _read(warm_start: WarmStart) -> Source:
    """Reads the checkpoint, moving averages in the place of their variables if asked for."""
    source = Source.read(Contents(warm_start.checkpoint))
    if not warm_start.average:
        return source
    return source.of(promote_all(source, "average='promote'"))


def _later(
    tensors: Sequence[Tensor],
    unplaced: Sequence[Tensor],
    taken: Collection[str],
    comes_later: Callable[[str], bool],
) -> list[Tensor]:
    """The tensors for variables that there will be: those of rules, and others that are called by such a path."""
    later = [tensor for tensor in unplaced if comes_later(tensor.target)]
    for tensor in tensors:
        if tensor.target is None and tensor.key not in taken and tensor.meaning.kind is Kind.VARIABLE:
            path = next(filter(comes_later, tensor.candidates), None)
            if path is not None:
                later.append(dataclasses.replace(tensor, target=path))
    return later


def _excuse_hyper_parameters(report: MappingReport, chosen: list[TargetTensor]) -> None:
    """What a program's optimizer is set to, or does not use, need not be in the checkpoint."""
    settings = [one for one in chosen if one.tensor.meaning.kind is Kind.OPTIMIZER and not one.is_step]
    settings = [one for one in settings if not is_beta_power(one.tensor.name)]
    idle = [one for one in chosen if one.state and not one.state.is_needed]
    own = {call for one in settings + idle for call in one.tensor.candidates}
    excused = [row for row in report.missing if row.target in own]
    report.missing = [row for row in report.missing if row.target not in own]
    report.skipped += [dataclasses.replace(row, note='the checkpoint does not have it') for row in excused]


class _Adaptation:
    """Remaps the rows of vocabularies, casts, and turns the momentum of TF1 into Keras's, or back."""

    def __init__(self, warm_start: WarmStart, reader: TensorSource, states: Mapping[str, SlotState]):
        self._states, self._learning_rate = states, warm_start.hyperparameters.get('learning_rate')
        self._infos = {
            name.removesuffix(':0'): info for name, info in (warm_start.var_name_to_vocab_info or {}).items()
        }
        self._cast, self._reader = warm_start.cast, reader

    def __call__(self, wanted: TargetTensor, found: Tensor) -> Tensor:
        recipe = found.made
        info = next((self._infos[call] for call in wanted.calls if call in self._infos), None)
        if info is not None:
            recipe = Remapped(recipe, info)
        dtype, _ = recipe.outcome(self._reader)
        # Steps are counted in 32 bits here, and in 64 there.
        may_cast = self._cast or wanted.is_step
        if may_cast and dtype != wanted.dtype and dtypes.STRING not in (dtype, wanted.dtype):
            recipe = Cast(recipe, wanted.dtype)
        factor = crossing_factor(self._states.get(found.key), wanted.state, self._learning_rate)
        if factor is not None:
            recipe = Scaled(recipe, factor)
        return (
            found
            if recipe.plain and recipe.sources == (found.key,)
            else dataclasses.replace(found, recipe=recipe)
        )


def _unplaced(tensors: list[Tensor], target: Targets) -> list[Tensor]:
    """The tensors that rules send to variables that there are not."""
    place = target.places()
    called = {call for wanted in target.wanted for call in wanted.calls}
    return [t for t in tensors if t.target is not None and place(t.target) not in called]


def _lost(rules: list[Rule], tensors: list[Tensor], unplaced: list[Tensor], target: Targets) -> list[str]:
    """The rules whose tensors all go to variables that there are not."""
    rule_set, lost = RuleSet(rules), {}
    called = sorted({call for wanted in target.wanted for call in wanted.calls}) if unplaced else []
    for tensor in unplaced:
        rule, _ = rule_set.find(tensor.candidates)
        if rule.source not in lost:
            near = nearest(tensor.target, called, len(lost))
            lost[rule.source] = f'{rule.source!r}, for there is no {tensor.target!r}{near and f" ({near})"}'
    if lost:
        gone = set(map(id, unplaced))
        for tensor in tensors:
            if tensor.target is not None and id(tensor) not in gone:
                lost.pop(rule_set.find(tensor.candidates)[0].source, None)
    return list(lost.values())


def _with_hint(source: str, rules: list[Rule], tensors: list[Tensor]) -> str:
    """A rule that no tensor takes, with the names that are most like what it asks for."""
    asked = next(re.sub(r'\\(.)', r'\1', rule.pattern.pattern) for rule in rules if rule.source == source)
    names = [tensor.name for tensor in tensors]
    if any(name.startswith(asked + '/') for name in names):
        return f'{source!r} (there is a scope {asked + "/"!r})'
    hint = nearest(asked, names, 0)
    return f'{source!r} ({hint})' if hint else repr(source)


def plan(source: str | os.PathLike, target: Any, rules: Rules = None, **options: Any) -> MappingReport:
    """Works out the mapping from a checkpoint to another one, or to a program's objects, and touches nothing.

    Args:
      source: A checkpoint of any style.
      target: A checkpoint; or a `tf.train.Checkpoint`, a model, a module, or a list of variables.
      rules: New names for the source's tensors: the target's names or object paths; see `estimator_ckpt.mapping.rules`.
      **options: The other options of `WarmStart`, with its defaults for a program's objects; for a checkpoint
        everything is mapped by default.

    Returns:
      What fits and what does not.

    Raises:
      CheckpointError: If a checkpoint cannot be read.
      RuleError: If a rule cannot be understood.
    """
    if isinstance(target, (str, os.PathLike)):
        options = {'include': 'all', 'slots': True, 'step': 'keep', **options}
    return map_warm_start(WarmStart(source, rules, **options), read_target(target)).report
