"""Converts the state of Keras's legacy optimizers in a checkpoint to that of TF1's optimizers."""

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.conversion.placement import Placed, PlacedTensor, place_by_name
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import TF1_CENTERED, TF1_ENDINGS, SlotState
from estimator_ckpt.mapping.recipes import Scaled
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.optimizers.momentum import momentum_factor
from estimator_ckpt.optimizers.scalars import power_of


def place_as_tf1(source: Source, hyperparameters: Mapping[str, Any] | None) -> Placed:
    """Gives the state of Keras legacy optimizers the names and values that it has in TF1.

    The powers of Adam's betas are added, and the momentum that TF1's RMSProp always has. Hyperparameters are left out,
    because they are constants of the program in TF1.

    Args:
      source: The checkpoint, with the tensors that are converted.
      hyperparameters: The given hyperparameters, such as `learning_rate` and `beta_1`.

    Returns:
      The tensors with their names.

    Raises:
      CheckpointError: If a slot belongs to an unknown optimizer, or a value needs a hyperparameter that is not known.
    """
    tensors, states = source.tensors, source.slot_states
    named = {tensor.key: tensor.target or tensor.name for tensor in tensors}
    named |= {tensor.object_key: named[tensor.key] for tensor in tensors if tensor.object_key}
    roles: dict[str, set[str]] = collections.defaultdict(set)
    for tensor in tensors:
        if tensor.key in states:
            roles[tensor.meaning.variable].add(states[tensor.key].role)
    result: list[Tensor] = []
    left_out: list[Tensor] = []
    faults: list[str] = []
    families: set[str] = set()
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
        raise CheckpointError(f'{source.reader.prefix}: {"; ".join(faults)}.')
    placed = place_by_name(result)
    _name_step(placed)
    placed.left_out = left_out
    if 'adam' in families:
        placed.values = _powers(source, hyperparameters)
    return placed


def _tf1_slots(
    tensor: Tensor,
    state: SlotState | None,
    roles: set[str],
    named: Mapping[str, str],
    hyperparameters: Mapping[str, Any] | None,
) -> list[Tensor]:
    """Returns a slot under its name in TF1, and the momentum of an RMSProp that has none in Keras.

    Args:
      tensor: The slot.
      state: The contents of the slot; None if they are not known.
      roles: The roles of all slots of the same variable.
      named: The new names of variables, by their keys.
      hyperparameters: The given hyperparameters.

    Raises:
      ValueError: If TF1 has no such slot, the variable is not converted, or the learning rate is needed, but not known.
    """
    if state is None:
        raise ValueError('it is a slot of an optimizer that TF1 does not have; drop it')
    endings = TF1_CENTERED if 'mg' in roles else TF1_ENDINGS[state.family]
    if state.role not in endings:
        raise ValueError(f'TF1 has no slot {state.role!r}; drop it')
    variable = named.get(tensor.meaning.variable)
    if variable is None:
        raise ValueError(f'its variable {tensor.meaning.variable!r} is not converted; drop the slot too')
    rate = (hyperparameters or {}).get('learning_rate', state.learning_rate)
    factor = momentum_factor(state, True, rate)
    recipe = tensor.made
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
    """Gives the iterations of an optimizer the name `global_step`, unless there is a global step already."""
    iterations = [
        row for row in placed.rows if row.tensor.path and row.tensor.path[-1] in ('iter', '_iterations')
    ]
    placed.rows = [row for row in placed.rows if row not in iterations]
    if iterations and all(name != object_keys.GLOBAL_STEP for _, name, _ in placed.rows):
        placed.rows.append(PlacedTensor(iterations[0].tensor, object_keys.GLOBAL_STEP))


def _powers(source: Source, hyperparameters: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
    """Returns the powers of the betas that TF1's Adam has, by name."""
    betas = {**source.betas, **(hyperparameters or {})}
    step = source.step
    if step is None or not {'beta_1', 'beta_2'} <= betas.keys():
        raise CheckpointError(
            f'{source.reader.prefix} does not have the iterations or the betas of Adam, from which TF1 computes beta '
            "powers; give hyperparameters={'beta_1': ..., 'beta_2': ...}."
        )
    return {f'beta{n}_power': np.array(power_of(betas[f'beta_{n}'], step + 1), np.float32) for n in (1, 2)}
