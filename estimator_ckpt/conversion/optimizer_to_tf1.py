"""Where the state of optimizers goes that crosses between TF1 and Keras's legacy optimizers, in files."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.conversion.optimizer_to_keras import to_keras
from estimator_ckpt.conversion.placement import Placed, Placement, place_by_name
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.mapping.recipes import Scaled
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.mapping.transforms import Recipe, parse_operations
from estimator_ckpt.optimizers.momentum import TF1_CENTERED, TF1_ENDINGS, momentum_factor
from estimator_ckpt.optimizers.scalars import read_betas, read_step
from estimator_ckpt.optimizers.slot_states import read_states


def place_with_keras(
    contents: Contents,
    tensors: Sequence[Tensor],
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
    state = to_keras(contents, tensors, keras_optimizer, optimizer, hyperparameters)
    # Two variables of a program are not restored from one object, so each counter is one, over the same bytes.
    steps = ([step] if isinstance(step, str) else list(step)) or state.step_paths[:1]
    placement = Placement(contents, root, None, steps, state.slots)
    placed = placement.place(state.tensors)
    counter = next((tensor for tensor in state.tensors if tensor.meaning.kind is Kind.STEP), None)
    counted = _as_iterations(contents, counter) if counter else None
    rows = []
    for tensor, name, object_key in placed.rows:
        kept = tensor
        if isinstance(tensor.recipe, Scaled):
            kept = dataclasses.replace(tensor, recipe=tensor.recipe.recipe)
        elif tensor is counter and steps[0] in state.step_paths:
            tensor = counted
        split = with_names and kept is not tensor
        rows += [(kept, name, ''), (tensor, '', object_key)] if split else [(tensor, name, object_key)]
    rows += [(counted, '', placement.place_value(path)) for path in state.step_paths if path not in steps]
    placed.rows = rows
    placed.values = {placement.place_value(path): value for path, value in state.values.items()}
    placed.notes = state.notes + placed.notes
    placed.left_out = state.left_out
    return placed


def _as_iterations(contents: Contents, step: Tensor) -> Tensor:
    """The step as 64 bits, which Keras's iterations have; some programs count in 32."""
    if dtypes.name(contents.reader.entry(step.key).dtype) == 'int64':
        return step
    recipe = step.recipe or Recipe((step.key,))
    operations = (*recipe.operations, *parse_operations('cast=int64'))
    return dataclasses.replace(step, recipe=dataclasses.replace(recipe, operations=operations))


def place_as_tf1(
    contents: Contents, tensors: Sequence[Tensor], hyperparameters: Mapping[str, Any] | None
) -> Placed:
    """Gives the state of a Keras legacy optimizer the names and values of TF1's.

    The powers of Adam's betas, and the momentum that TF1's RMSProp always has, are added; what TF1 keeps in its program
    is left out.

    Raises:
      CheckpointError: If a slot is of an optimizer that is not known, or a value needs the learning rate.
    """
    states = read_states(contents, tensors)
    named = {tensor.key: tensor.target or tensor.name for tensor in tensors}
    named |= {tensor.object_key: named[tensor.key] for tensor in tensors if tensor.object_key}
    roles = collections.defaultdict(set)
    for tensor in tensors:
        if tensor.key in states:
            roles[tensor.meaning.variable].add(states[tensor.key].role)
    result, left_out, faults, families = [], [], [], set()
    for tensor in tensors:
        kind = tensor.meaning.kind
        if (
            kind is Kind.OPTIMIZER
            and tensor.path
            and tensor.path[-1] not in ('iter', 'iterations', '_iterations')
        ):
            left_out.append(tensor)
        elif kind is Kind.SLOT:
            try:
                result += _tf1_slots(
                    tensor, states.get(tensor.key), roles[tensor.meaning.variable], named, hyperparameters
                )
                families.add(states[tensor.key].family)
            except ValueError as error:
                faults.append(f'{tensor.key!r}: {error}')
        else:
            result.append(tensor)
    if faults:
        raise CheckpointError(f'{contents.reader.prefix}: {"; ".join(faults)}.')
    placed = place_by_name(result)
    _name_step(placed)
    placed.left_out = left_out
    if 'adam' in families:
        placed.values = _powers(contents, tensors, hyperparameters)
    return placed


def _tf1_slots(
    tensor: Tensor,
    state: Any,
    roles: set[str],
    named: Mapping[str, str],
    hyperparameters: Mapping[str, Any] | None,
) -> list[Tensor]:
    """The slot under its name in TF1, and the momentum of a RMSProp that has none in Keras."""
    if state is None:
        raise ValueError('it is a slot of an optimizer that TF1 does not have; drop it')
    endings = TF1_CENTERED if 'mg' in roles else TF1_ENDINGS[state.family]
    if state.role not in endings:
        raise ValueError(f'TF1 has no slot {state.role!r}; drop it')
    variable = named[tensor.meaning.variable]
    rate = (hyperparameters or {}).get('learning_rate', state.learning_rate)
    factor = momentum_factor(state, True, rate)
    recipe = tensor.recipe or Recipe((tensor.key,))
    slots = [
        dataclasses.replace(
            tensor,
            target=tensor.target or f'{variable}/{endings[state.role]}',
            recipe=tensor.recipe if factor is None else Scaled(recipe, factor),
        )
    ]
    if (state.family, state.role) == ('rmsprop', 'rms') and 'momentum' not in roles:
        zero = Scaled(recipe, 0.0)
        slots.append(dataclasses.replace(tensor, target=f'{variable}/{endings["momentum"]}', recipe=zero))
    return slots


def _name_step(placed: Placed) -> None:
    """Calls the only iterations global_step, unless that is there."""
    names = {name for _, name, _ in placed.rows}
    iterations = [row for row in placed.rows if row[0].path and row[0].path[-1] in ('iter', '_iterations')]
    for tensor, name, _ in iterations:
        placed.rows.remove((tensor, name, ''))
    if iterations and 'global_step' not in names:
        placed.rows.append((iterations[0][0], 'global_step', ''))


def _powers(
    contents: Contents, tensors: Sequence[Tensor], hyperparameters: Mapping[str, Any] | None
) -> dict[str, np.ndarray]:
    betas = {**read_betas(contents, tensors), **(hyperparameters or {})}
    step = read_step(contents, tensors)
    if step is None or not {'beta_1', 'beta_2'} <= betas.keys():
        raise CheckpointError(
            f'{contents.reader.prefix} does not tell the iterations or the betas of Adam, from which TF1 computes its '
            "beta powers; give hyperparameters={'beta_1': ..., 'beta_2': ...}."
        )
    return {f'beta{n}_power': np.float32(betas[f'beta_{n}'] ** (step + 1)) for n in (1, 2)}
