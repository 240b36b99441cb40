"""The state of TF1's optimizers as that of Keras's legacy optimizers, in files."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator_ckpt import slot_names
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.contents import Contents
from estimator_ckpt.kinds import Kind
from estimator_ckpt.operations import Recipe
from estimator_ckpt.optimizer_scalars import check_powers, read_step
from estimator_ckpt.optimizers import KERAS_LEGACY, SlotState, describe, family_of, momentum_factor
from estimator_ckpt.recipes import Scaled
from estimator_ckpt.slot_states import read_states
from estimator_ckpt.tensor_names import Tensor


@dataclasses.dataclass(frozen=True)
class KerasOptimizer:
    """A Keras optimizer that takes over.

    Attributes:
      family: Its family.
      path: Its object path.
      hyperparameters: Those that it keeps as variables.
      learning_rate: The one that was given; None if it is Keras's default.
    """

    family: str
    path: str
    hyperparameters: Mapping[str, float]
    learning_rate: float | None


@dataclasses.dataclass
class KerasState:
    """What the optimizers of a converted checkpoint hold.

    Attributes:
      tensors: The tensors that remain; what has become of slots is in their recipes.
      slots: What Keras calls a slot, and its full name, by its key.
      optimizers: The path of each optimizer, by what `slot_names.optimizer_of` calls it.
      values: The hyper-parameters by their object paths.
      left_out: What Keras has no place for.
      notes: What the user should know.
    """

    tensors: list[Tensor]
    slots: dict[str, tuple[str, str]]
    optimizers: dict[str, str]
    values: dict[str, np.ndarray]
    left_out: list[Tensor]
    notes: list[str]


def to_keras(
    contents: Contents,
    tensors: Sequence[Tensor],
    keras_optimizer: Any,
    path: str | Mapping[str, str] | None,
    hyperparameters: Mapping[str, Any] | None,
) -> KerasState:
    """Turns the slots of TF1's optimizers into those of Keras's, values included.

    Args:
      contents: The checkpoint.
      tensors: Those of it that are converted.
      keras_optimizer: The name of Keras's optimizer, itself, or its config; for several a dict of them, by the names
        of TF1's (`{'Adagrad': 'Adagrad', 'Ftrl': 'Ftrl'}`).
      path: The optimizer's object path, `'optimizer'` by default; for several a dict by TF1's names.
      hyperparameters: Its hyper-parameters; for several a dict of dicts by TF1's names.

    Raises:
      CheckpointError: If the slots are another optimizer's, one is missing, or a value needs a hyper-parameter that is
        not given. It lists all such.
    """
    states = read_states(contents, tensors)
    slots = [tensor for tensor in tensors if tensor.meaning.kind is Kind.SLOT]
    named = _named_optimizers(keras_optimizer, path, hyperparameters)
    faults = _faults(slots, states, named)
    if faults:
        raise CheckpointError(f'{contents.reader.prefix}: {"; ".join(faults)}.')
    state = KerasState([], {}, {}, {}, [], [])
    for name, (optimizer, notes) in named.items():
        state.optimizers[name] = optimizer.path
        state.notes += notes
        state.values |= {
            f'{optimizer.path}/{hyper}': np.float32(value)
            for hyper, value in optimizer.hyperparameters.items()
        }
    betas = next((o.hyperparameters for o, _ in named.values() if o.family == 'adam'), None)
    if betas:
        state.notes += check_powers(contents, tensors, read_step(contents, tensors), betas)
    for tensor in tensors:
        if tensor.meaning.kind is Kind.OPTIMIZER and not tensor.object_key:
            state.left_out.append(tensor)
        elif tensor.meaning.kind is Kind.SLOT:
            _take(tensor, states[tensor.key], named, state)
        else:
            state.tensors.append(tensor)
    return state


def _named_optimizers(
    keras_optimizer: Any, path: str | Mapping[str, str] | None, hyperparameters: Mapping[str, Any] | None
) -> dict[str, tuple[KerasOptimizer, list[str]]]:
    """The optimizers by TF1's names; '' stands for any."""
    if (
        isinstance(keras_optimizer, Mapping)
        and 'class_name' not in keras_optimizer
        and 'name' not in keras_optimizer
    ):
        return {
            name: _optimizer(
                one,
                path[name] if isinstance(path, Mapping) else f'{path or "optimizer"}_{name}',
                (hyperparameters or {}).get(name),
            )
            for name, one in keras_optimizer.items()
        }
    if path is not None and not isinstance(path, str):
        raise CheckpointError('One Keras optimizer has one path; give keras_optimizer as a dict for several.')
    return {'': _optimizer(keras_optimizer, path or 'optimizer', hyperparameters)}


def _optimizer(
    keras_optimizer: Any, path: str, hyperparameters: Mapping[str, float] | None
) -> tuple[KerasOptimizer, list[str]]:
    """The optimizer, and a sentence on what of it is Keras's default."""
    name, config = describe(keras_optimizer)
    family = family_of(name)
    if family is None:
        raise CheckpointError(
            f'The state of TF1 cannot become that of {name}; there are '
            f'{", ".join(legacy.name for legacy in KERAS_LEGACY.values())}.'
        )
    known = KERAS_LEGACY[family].hyperparameters
    unknown = sorted(set(hyperparameters or {}) - known.keys() - {'epsilon'})
    if unknown:
        raise CheckpointError(
            f'{name} has no hyper-parameter {", ".join(unknown)}; it has {", ".join(known)}.'
        )
    given = {
        hyper: value for hyper, value in config.items() if hyper in known and isinstance(value, (int, float))
    }
    given |= {hyper: value for hyper, value in (hyperparameters or {}).items() if hyper in known}
    defaulted = [f'{hyper}={value:g}' for hyper, value in known.items() if hyper not in given]
    notes = [f"Keras's defaults are taken for {', '.join(defaulted)} of {path}."] if defaulted else []
    return KerasOptimizer(family, path, {**known, **given}, given.get('learning_rate')), notes


def _faults(
    slots: Sequence[Tensor],
    states: Mapping[str, SlotState],
    named: Mapping[str, tuple[KerasOptimizer, list[str]]],
) -> list[str]:
    """What stands against the change, in clauses."""
    faults = []
    other, incomplete, rateless = collections.defaultdict(list), [], []
    roles = collections.defaultdict(dict)
    for tensor in slots:
        state, optimizer = states.get(tensor.key), _optimizer_of(tensor, named)
        if state is None or optimizer is None or state.family != optimizer.family:
            other[slot_names.optimizer_of(tensor.meaning.slot_name)].append(tensor.name)
            continue
        roles[state.family].setdefault(tensor.meaning.variable, set()).add(state.role)
        try:
            momentum_factor(state, False, optimizer.learning_rate)
        except ValueError as error:
            rateless.append(str(error))
    for name, tensors in other.items():
        wanted = ', '.join(sorted(KERAS_LEGACY[o.family].name for o, _ in named.values()))
        faults.append(
            f'{len(tensors)} slots are of {name}, not of {wanted} ({", ".join(tensors[:3])}, ...): name its optimizer '
            'or drop them'
        )
    for family, of_variables in roles.items():
        all_roles = set().union(*of_variables.values())
        incomplete += [
            f'{variable!r} has no slot {role!r} of {family}, unlike other variables'
            for variable, present in of_variables.items()
            for role in sorted(all_roles - present)
        ]
    return faults + incomplete + list(dict.fromkeys(rateless))


def _optimizer_of(
    tensor: Tensor, named: Mapping[str, tuple[KerasOptimizer, list[str]]]
) -> KerasOptimizer | None:
    found = named.get(slot_names.optimizer_of(tensor.meaning.slot_name)) or named.get('')
    return found[0] if found else None


def _take(
    tensor: Tensor,
    slot: SlotState,
    named: Mapping[str, tuple[KerasOptimizer, list[str]]],
    state: KerasState,
) -> None:
    """Gives a slot its name and value in Keras, or leaves it out where Keras has none."""
    optimizer = _optimizer_of(tensor, named)
    if (slot.family, slot.role) == ('rmsprop', 'momentum') and not optimizer.hyperparameters['momentum']:
        state.left_out.append(tensor)
        return
    factor = momentum_factor(slot, False, optimizer.learning_rate)
    if factor is not None:
        tensor.recipe = Scaled(tensor.recipe or Recipe((tensor.key,)), factor)
    # Its name tells that it is Keras's, whose momentum is not TF1's.
    variable = tensor.name.removesuffix(f'/{tensor.meaning.slot_name}')
    name = f'{KERAS_LEGACY[optimizer.family].name}/{variable}/{slot.role}'
    state.slots[tensor.key] = (slot.role, name)
    state.tensors.append(tensor)
