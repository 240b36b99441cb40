"""Where the state of optimizers goes that crosses between TF1 and Keras's legacy optimizers, in files."""

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.conversion.placement import Placed, PlacedTensor, place_by_name
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import TF1_CENTERED, TF1_ENDINGS
from estimator_ckpt.mapping.recipes import Scaled
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.optimizers.momentum import momentum_factor


def place_as_tf1(source: Source, hyperparameters: Mapping[str, Any] | None) -> Placed:
    """Gives the state of a Keras legacy optimizer the names and values of TF1's.

    The powers of Adam's betas, and the momentum that TF1's RMSProp always has, are added; what TF1 keeps in its program
    is left out.

    Raises:
      CheckpointError: If a slot is of an optimizer that is not known, or a value needs the learning rate.
    """
    tensors, states = source.tensors, source.slot_states
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
        raise CheckpointError(f'{source.reader.prefix}: {"; ".join(faults)}.')
    placed = place_by_name(result)
    _name_step(placed)
    placed.left_out = left_out
    if 'adam' in families:
        placed.values = _powers(source, hyperparameters)
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
    """Calls the only iterations global_step, unless that is there."""
    names = {name for _, name, _ in placed.rows}
    iterations = [
        row for row in placed.rows if row.tensor.path and row.tensor.path[-1] in ('iter', '_iterations')
    ]
    placed.rows = [row for row in placed.rows if row not in iterations]
    if iterations and object_keys.GLOBAL_STEP not in names:
        placed.rows.append(PlacedTensor(iterations[0].tensor, object_keys.GLOBAL_STEP))


def _powers(source: Source, hyperparameters: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
    betas = {**source.betas, **(hyperparameters or {})}
    step = source.step
    if step is None or not {'beta_1', 'beta_2'} <= betas.keys():
        raise CheckpointError(
            f'{source.reader.prefix} does not tell the iterations or the betas of Adam, from which TF1 computes its '
            "beta powers; give hyperparameters={'beta_1': ..., 'beta_2': ...}."
        )
    return {f'beta{n}_power': np.float32(betas[f'beta_{n}'] ** (step + 1)) for n in (1, 2)}
