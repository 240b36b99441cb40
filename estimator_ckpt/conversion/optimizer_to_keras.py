"""Converts the state of TF1's optimizers in a checkpoint to that of Keras's legacy optimizers."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.conversion.keras_optimizers import KerasOptimizer, KerasOptimizers, keras_optimizers
from estimator_ckpt.conversion.placement import KerasSlot, Placed, PlacedTensor, Placement
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import TF1_ENDINGS, SlotState, tf1_optimizer
from estimator_ckpt.mapping.recipes import Cast, Scaled
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.optimizers.keras_legacy import KERAS_LEGACY
from estimator_ckpt.optimizers.momentum import momentum_factor
from estimator_ckpt.optimizers.scalars import bias_warnings, check_powers

_MOMENTUM = ('rmsprop', 'momentum')


@dataclasses.dataclass
class KerasState:
    """The state of the Keras optimizers of a converted checkpoint.

    Attributes:
      tensors: The tensors that are converted; the recipes of slots give the values in Keras.
      slots: The place of each slot, by key.
      step_paths: The paths of the iterations that are the global step.
      values: The values of hyperparameters and of other iterations, by object path.
      left_out: The tensors that Keras optimizers do not have.
      notes: Findings for the report, in sentences.
      warnings: Possible mistakes, in sentences.
    """

    tensors: list[Tensor] = dataclasses.field(default_factory=list)
    slots: dict[str, KerasSlot] = dataclasses.field(default_factory=dict)
    step_paths: list[str] = dataclasses.field(default_factory=list)
    values: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    left_out: list[Tensor] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)


def to_keras(
    source: Source,
    keras_optimizer: Any,
    path: str | Mapping[str, str] | None,
    hyperparameters: Mapping[str, Any] | None,
) -> KerasState:
    """Converts the slots of TF1 optimizers to those of Keras, including their values.

    Args:
      source: The checkpoint, with the tensors that are converted.
      keras_optimizer: The Keras optimizer, its config or its name; or a dict of several optimizers by the names of the
        TF1 optimizers (`{'Adagrad': 'Adagrad', 'Ftrl': 'Ftrl'}`), or by regular expressions for the names of their
        variables.
      path: The object path of the optimizer, by default `'optimizer'`; or a dict of paths by the same names.
      hyperparameters: The given hyperparameters, and `iter` if the number of updates is not the global step; or a dict
        of dicts by the same names.

    Returns:
      The state of the Keras optimizers.

    Raises:
      CheckpointError: If a slot belongs to another optimizer, a slot is missing, or a value needs a hyperparameter that
        is not known. The error lists all such slots.
    """
    tensors, states = source.tensors, source.slot_states
    slots = [tensor for tensor in tensors if tensor.meaning.kind is Kind.SLOT]
    optimizers = keras_optimizers(source, keras_optimizer, path, hyperparameters)
    names = {tensor.key: tensor.name for tensor in tensors}
    names |= {tensor.object_key: tensor.name for tensor in tensors if tensor.object_key}
    faults = _faults(slots, states, optimizers) + _step_faults(tensors, optimizers)
    faults += [
        f'the variable {slot.meaning.variable!r} of the slot {slot.name!r} is not converted: drop the slot too'
        for slot in slots
        if slot.meaning.variable not in names
    ]
    if faults:
        raise CheckpointError(f'{source.reader.prefix}: {"; ".join(faults)}.')
    state = KerasState()
    for tensor in tensors:
        if tensor.meaning.kind is Kind.OPTIMIZER and not tensor.object_key:
            state.left_out.append(tensor)
        elif tensor.meaning.kind is Kind.SLOT:
            optimizer = optimizers.find(tensor, states[tensor.key])
            assert optimizer is not None  # Otherwise `_faults` has found a fault.
            _take(tensor, states[tensor.key], names[tensor.meaning.variable], optimizer, state)
        else:
            state.tensors.append(tensor)
    _set(optimizers, state)
    state.warnings += _bare_variables(tensors, slots)
    state.warnings += _warnings(source, optimizers)
    return state


def _set(optimizers: KerasOptimizers, state: KerasState) -> None:
    """Adds the hyperparameters and iterations of the optimizers to the state."""
    for optimizer in optimizers.all():
        state.notes += optimizer.notes
        state.values |= {
            f'{optimizer.path}/{name}': np.array(value, np.float32)
            for name, value in optimizer.hyperparameters.items()
        }
        if optimizer.iterations is None:
            state.step_paths.append(f'{optimizer.path}/iter')
        else:
            state.values[f'{optimizer.path}/iter'] = np.array(optimizer.iterations, np.int64)


def _faults(
    slots: Sequence[Tensor], states: Mapping[str, SlotState], optimizers: KerasOptimizers
) -> list[str]:
    """Returns the reasons why the slots cannot be converted, as sentence fragments."""
    # The names of slots of other optimizers by these.
    foreign: dict[str, list[str]] = collections.defaultdict(list)
    without_rate: list[str] = []
    # The roles of the slots of each variable, by the family and whether the optimizer is one of TF1.
    roles: dict[tuple[str, bool], dict[str, set[str]]] = collections.defaultdict(
        lambda: collections.defaultdict(set)
    )
    for tensor in slots:
        state, optimizer = states.get(tensor.key), optimizers.find(tensor, states.get(tensor.key))
        if state is None or optimizer is None or state.family != optimizer.family:
            foreign[_owner(tensor, state)].append(tensor.name)
            continue
        roles[state.family, state.is_tf1][tensor.meaning.variable].add(state.role)
        try:
            momentum_factor(state, False, optimizer.learning_rate)
        except ValueError as error:
            without_rate.append(str(error))
    expected = ', '.join(dict.fromkeys(optimizer.name for optimizer in optimizers.all()))
    faults = [
        f'{len(names)} slots are of {owner}, not of {expected} ({", ".join(names)}): give its Keras optimizer or drop '
        'them'
        for owner, names in foreign.items()
    ]
    for (family, is_tf1), of_variables in roles.items():
        faults += _gaps(family, is_tf1, of_variables)
    if not foreign:
        families = {family for family, _ in roles}
        # SGD has no slots without a momentum.
        with_slots = {
            optimizer.family: optimizer.name for optimizer in optimizers.all() if optimizer.family != 'sgd'
        }
        faults += [
            f'it has no slots of {name}' for family, name in with_slots.items() if family not in families
        ]
    return faults + list(dict.fromkeys(without_rate))


def _owner(slot: Tensor, state: SlotState | None) -> str:
    """Returns the optimizer that a slot belongs to, for a message."""
    name = state.optimizer if state and state.optimizer else tf1_optimizer(slot.meaning.slot_name)
    numbered = slot.meaning.slot_name.removeprefix(name).removeprefix('_').isdigit()
    return f'a second {name} on the same variables' if state is None and numbered else name


def _gaps(family: str, is_tf1: bool, roles: Mapping[str, set[str]]) -> list[str]:
    """Returns the slots that variables lack, as sentence fragments.

    Args:
      family: The family of the optimizer.
      is_tf1: Whether the optimizer is one of TF1.
      roles: The roles of the slots of each variable.
    """
    needed = set(TF1_ENDINGS[family]).union(*roles.values())
    # Keras's RMSprop has no slot for a momentum of 0.
    if family == 'rmsprop' and not is_tf1:
        needed = {'rms'}.union(*roles.values())
    return [
        f'{variable!r} has no slot {role!r} of {KERAS_LEGACY[family].name}'
        for variable, present in roles.items()
        for role in sorted(needed - present)
    ]


def _step_faults(tensors: Sequence[Tensor], optimizers: KerasOptimizers) -> list[str]:
    has_step = any(tensor.meaning.kind is Kind.STEP for tensor in tensors)
    if has_step or all(optimizer.iterations is not None for optimizer in optimizers.all()):
        return []
    return [
        "it has no global step for the iterations of a Keras optimizer: keep it, or give hyperparameters={'iter': ...}"
    ]


def _bare_variables(tensors: Sequence[Tensor], slots: Sequence[Tensor]) -> list[str]:
    """Returns a warning that lists the variables without slots, if there are other variables with slots."""
    owners = {slot.meaning.variable for slot in slots}
    bare = [
        tensor.name
        for tensor in tensors
        if tensor.meaning.kind is Kind.VARIABLE and not {tensor.key, tensor.object_key} & owners
    ]
    if not slots or not bare:
        return []
    return [
        f'{len(bare)} variables have no slots, which is right if no optimizer trains them: {", ".join(bare)}.'
    ]


def _warnings(source: Source, optimizers: KerasOptimizers) -> list[str]:
    """Returns warnings of powers of betas that contradict the step, and of a bias that BERT does not correct."""
    adams = [optimizer for optimizer in optimizers.all() if optimizer.family == 'adam']
    if not adams:
        return []
    step = source.step
    updates = [(step if adam.iterations is None else adam.iterations, adam.hyperparameters) for adam in adams]
    return check_powers(source, updates) + bias_warnings(source.slot_states.values(), *updates[0])


def _take(
    tensor: Tensor, slot: SlotState, variable: str, optimizer: KerasOptimizer, state: KerasState
) -> None:
    """Adds a slot to the state, under its name and value in Keras.

    Args:
      tensor: The slot.
      slot: The contents of the slot.
      variable: The name of the variable that the slot belongs to.
      optimizer: The optimizer that takes over the slot.
      state: The state, which lists a momentum of 0 as left out.
    """
    if (slot.family, slot.role) == _MOMENTUM and not optimizer.hyperparameters['momentum']:
        state.left_out.append(tensor)
        return
    factor = momentum_factor(slot, False, optimizer.learning_rate)
    if factor is not None:
        tensor = dataclasses.replace(tensor, recipe=Scaled(tensor.made, factor))
    # A full name of Keras marks the value as Keras's, which for momentum is not that of TF1.
    state.slots[tensor.key] = KerasSlot(optimizer.path, slot.role, f'{optimizer.name}/{variable}/{slot.role}')
    state.tensors.append(tensor)


def place_with_keras(
    source: Source,
    root: str | None,
    optimizer: str | Mapping[str, str] | None,
    step: str | Sequence[str],
    keras_optimizer: Any,
    hyperparameters: Mapping[str, Any] | None,
    with_names: bool,
) -> Placed:
    """Places the state of TF1 optimizers at Keras optimizers, which share the global step.

    Args:
      source: The checkpoint, with the tensors that are converted.
      root: The path below which variables are placed; None for the default.
      optimizer: The object path of the optimizer, or a dict of several; None for the default.
      step: The path of the global step, or several paths.
      keras_optimizer: The Keras optimizer, or a dict of several; see `convert`.
      hyperparameters: The given hyperparameters, or a dict of dicts.
      with_names: Whether tensors keep their names too, with the values that they have in TF1.

    Returns:
      The tensors with their new keys.

    Raises:
      CheckpointError: If the state does not fit the optimizer, or there is no step.
    """
    state = to_keras(source, keras_optimizer, optimizer, hyperparameters)
    given = [step] if isinstance(step, str) else list(step)
    # A program cannot restore two variables from one object. So each counter is an object, and all share their bytes.
    steps = given or state.step_paths[:1]
    further = [path for path in state.step_paths if path not in steps]
    if source.contents.graph is not None:
        # The step of a source with objects has its path already.
        steps, further = [], list(dict.fromkeys([*given, *state.step_paths]))
    placement = Placement(source.contents, root, None, steps, state.slots)
    placed = placement.place(state.tensors)
    counter = next((tensor for tensor in state.tensors if tensor.meaning.kind is Kind.STEP), None)
    iterations = None if counter is None else _as_iterations(source, counter)
    rows: list[PlacedTensor] = []
    for tensor, name, object_key in placed.rows:
        kept = tensor
        if isinstance(tensor.recipe, Scaled):
            kept = dataclasses.replace(tensor, recipe=tensor.recipe.recipe)
        elif iterations is not None and tensor is counter and steps and steps[0] in state.step_paths:
            tensor = iterations
        split = with_names and kept is not tensor
        rows += (
            [PlacedTensor(kept, name), PlacedTensor(tensor, '', object_key)]
            if split
            else [PlacedTensor(tensor, name, object_key)]
        )
    if iterations is not None:
        rows += [PlacedTensor(iterations, '', placement.place_value(path)) for path in further]
    placed.rows = rows
    placed.values = {placement.place_value(path): value for path, value in state.values.items()}
    placed.notes = state.notes + placed.notes
    placed.warnings = state.warnings
    placed.left_out = state.left_out
    return placed


def _as_iterations(source: Source, step: Tensor) -> Tensor:
    """Returns the step as an integer of 64 bits, like Keras's iterations. Some programs have one of 32 bits."""
    if dtypes.name(source.reader.entry(step.key).dtype) == 'int64':
        return step
    return dataclasses.replace(step, recipe=Cast(step.made, dtypes.from_numpy(np.dtype(np.int64))))
