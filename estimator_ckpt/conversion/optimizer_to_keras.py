"""The state of TF1's optimizers as that of Keras's legacy optimizers, in files."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.conversion.keras_optimizers import KerasOptimizers, keras_optimizers
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
    """What the optimizers of a converted checkpoint hold.

    Attributes:
      tensors: The tensors that remain; what has become of slots is in their recipes.
      slots: Where each slot goes, by its key.
      step_paths: The paths of the iterations that are the global step.
      values: The hyper-parameters by their object paths.
      left_out: What Keras has no place for.
      notes: What the user should know, in sentences.
      warnings: What may be wrong, in sentences.
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
    """Turns the slots of TF1's optimizers into those of Keras's, values included.

    Args:
      source: The checkpoint, with the tensors that are converted.
      keras_optimizer: The name of Keras's optimizer, itself, or its config; for several a dict of them, by the names
        of TF1's (`{'Adagrad': 'Adagrad', 'Ftrl': 'Ftrl'}`), or by regular expressions for the names of their variables.
      path: The optimizer's object path, `'optimizer'` by default; for several a dict by the same names.
      hyperparameters: Its hyper-parameters, and `iter` where the number of updates is not the global step; for several
        a dict of dicts by the same names.

    Raises:
      CheckpointError: If the slots are another optimizer's, one is missing, or a value needs a hyper-parameter that is
        not given. It lists all such.
    """
    tensors, states = source.tensors, source.slot_states
    slots = [tensor for tensor in tensors if tensor.meaning.kind is Kind.SLOT]
    optimizers = keras_optimizers(source, keras_optimizer, path, hyperparameters)
    faults = _faults(slots, states, optimizers) + _step_faults(tensors, optimizers)
    if faults:
        raise CheckpointError(f'{source.reader.prefix}: {"; ".join(faults)}.')
    state = KerasState()
    names = {tensor.key: tensor.name for tensor in tensors}
    names |= {tensor.object_key: tensor.name for tensor in tensors if tensor.object_key}
    for tensor in tensors:
        if tensor.meaning.kind is Kind.OPTIMIZER and not tensor.object_key:
            state.left_out.append(tensor)
        elif tensor.meaning.kind is Kind.SLOT:
            _take(tensor, states[tensor.key], names[tensor.meaning.variable], optimizers, state)
        else:
            state.tensors.append(tensor)
    _set(optimizers, state)
    state.warnings += _bare_variables(tensors, slots)
    state.warnings += _warnings(source, optimizers)
    return state


def _set(optimizers: KerasOptimizers, state: KerasState) -> None:
    """Sets the optimizers to their hyper-parameters and iterations."""
    for optimizer in optimizers.all():
        state.notes += optimizer.notes
        state.values |= {
            f'{optimizer.path}/{hyper}': np.float32(value)
            for hyper, value in optimizer.hyperparameters.items()
        }
        if optimizer.iterations is None:
            state.step_paths.append(f'{optimizer.path}/iter')
        else:
            state.values[f'{optimizer.path}/iter'] = np.int64(optimizer.iterations)


def _faults(
    slots: Sequence[Tensor], states: Mapping[str, SlotState], optimizers: KerasOptimizers
) -> list[str]:
    """What stands against taking the slots, in clauses."""
    other, rateless, faults = collections.defaultdict(list), [], []
    roles = collections.defaultdict(lambda: collections.defaultdict(set))
    for tensor in slots:
        state, optimizer = states.get(tensor.key), optimizers.find(tensor, states.get(tensor.key))
        if state is None or optimizer is None or state.family != optimizer.family:
            other[_owner(tensor, state)].append(tensor.name)
            continue
        roles[state.family, state.is_tf1][tensor.meaning.variable].add(state.role)
        try:
            momentum_factor(state, False, optimizer.learning_rate)
        except ValueError as error:
            rateless.append(str(error))
    wanted = ', '.join(dict.fromkeys(optimizer.name for optimizer in optimizers.all()))
    for name, names in other.items():
        listed = ', '.join(names)
        faults.append(
            f'{len(names)} slots are of {name}, not of {wanted} ({listed}): name its optimizer or drop them'
        )
    faults += [fault for (family, is_tf1), found in roles.items() for fault in _gaps(family, is_tf1, found)]
    missing = {one.family: one.name for one in optimizers.all() if one.family != 'sgd'}
    missing = [name for family, name in missing.items() if family not in {known for known, _ in roles}]
    if not other:
        faults += [f'it has no slots of {name}' for name in missing]
    return faults + list(dict.fromkeys(rateless))


def _owner(slot: Tensor, state: SlotState | None) -> str:
    """What a message calls the optimizer that a slot is of."""
    name = state.optimizer if state and state.optimizer else tf1_optimizer(slot.meaning.slot_name)
    numbered = slot.meaning.slot_name.removeprefix(name).removeprefix('_').isdigit()
    return f'a second {name} on the same variables' if state is None and numbered else name


def _gaps(family: str, is_tf1: bool, roles: Mapping[str, set[str]]) -> list[str]:
    """The slots that variables lack, in clauses."""
    needed = set().union(TF1_ENDINGS[family], *roles.values())
    if family == 'rmsprop' and not is_tf1:  # Keras has it only where there is a momentum.
        needed = set().union({'rms'}, *roles.values())
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
    """A warning of the variables that have no slots, where others have."""
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
    """What contradicts the number of updates, and what Adam does that BERT's optimizer does not."""
    adams = [optimizer for optimizer in optimizers.all() if optimizer.family == 'adam']
    if not adams:
        return []
    step = source.step
    counted = [step if one.iterations is None else one.iterations for one in adams]
    betas = [one.hyperparameters for one in adams]
    updates = list(zip(counted, betas, strict=True))
    return check_powers(source, updates) + bias_warnings(source.slot_states.values(), *updates[0])


def _take(
    tensor: Tensor, slot: SlotState, variable: str, optimizers: KerasOptimizers, state: KerasState
) -> None:
    """Gives a slot its name and value in Keras, or leaves it out where Keras has none."""
    optimizer = optimizers.find(tensor, slot)
    if (slot.family, slot.role) == _MOMENTUM and not optimizer.hyperparameters['momentum']:
        state.left_out.append(tensor)
        return
    factor = momentum_factor(slot, False, optimizer.learning_rate)
    if factor is not None:
        tensor = dataclasses.replace(tensor, recipe=Scaled(tensor.made, factor))
    # Its name tells that it is Keras's, whose momentum is not TF1's.
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
    """Places TF1's state at Keras's optimizers, which share the global step; the arguments are those of `convert`.

    With names, those keep TF1's values.

    Raises:
      CheckpointError: If the state does not fit the optimizer, or there is no step.
    """
    state = to_keras(source, keras_optimizer, optimizer, hyperparameters)
    given = [step] if isinstance(step, str) else list(step)
    # Two variables of a program are not restored from one object, so each counter is one, over the same bytes.
    steps = given or state.step_paths[:1]
    further = [path for path in state.step_paths if path not in steps]
    if source.contents.graph is not None:
        # The step of a source with objects has its path already.
        steps, further = [], list(dict.fromkeys([*given, *state.step_paths]))
    placement = Placement(source.contents, root, None, steps, state.slots)
    placed = placement.place(state.tensors)
    counter = next((tensor for tensor in state.tensors if tensor.meaning.kind is Kind.STEP), None)
    counted = _as_iterations(source, counter) if counter else None
    rows = []
    for tensor, name, object_key in placed.rows:
        kept = tensor
        if isinstance(tensor.recipe, Scaled):
            kept = dataclasses.replace(tensor, recipe=tensor.recipe.recipe)
        elif tensor is counter and steps and steps[0] in state.step_paths:
            tensor = counted
        split = with_names and kept is not tensor
        rows += (
            [PlacedTensor(kept, name), PlacedTensor(tensor, '', object_key)]
            if split
            else [PlacedTensor(tensor, name, object_key)]
        )
    if counted is not None:
        rows += [PlacedTensor(counted, '', placement.place_value(path)) for path in further]
    placed.rows = rows
    placed.values = {placement.place_value(path): value for path, value in state.values.items()}
    placed.notes = state.notes + placed.notes
    placed.warnings = state.warnings
    placed.left_out = state.left_out
    return placed


def _as_iterations(source: Source, step: Tensor) -> Tensor:
    """The step as 64 bits, which Keras's iterations have; some programs count in 32."""
    if dtypes.name(source.reader.entry(step.key).dtype) == 'int64':
        return step
    return dataclasses.replace(step, recipe=Cast(step.made, dtypes.from_numpy(np.dtype(np.int64))))
