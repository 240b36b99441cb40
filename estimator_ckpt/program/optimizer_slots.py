"""Finds the slot variables of the optimizers of a program."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_ckpt.keys.slots import SlotState, family_of, slot_state
from estimator_ckpt.program.tensorflow_internals import (
    create_slots,
    learning_rate_or_schedule,
    unwrapped,
    variables_of_slot_lists,
)
from estimator_ckpt.program.tracking import paths_below

# The lists of slots of Keras's optimizers since 2.11, with their roles. A list has one slot per trainable variable.
_LISTS = {
    'sgd': {'momentums': 'momentum'},
    'adagrad': {'_accumulators': 'accumulator'},
    'adadelta': {'_accumulated_grads': 'accum_grad', '_accumulated_delta_vars': 'accum_var'},
    'rmsprop': {'_velocities': 'rms', '_momentums': 'momentum', '_average_gradients': 'mg'},
    'adam': {'_momentums': 'm', '_velocities': 'v', '_velocity_hats': 'vhat'},
    'adamax': {'_m': 'm', '_u': 'v'},
    'nadam': {'_momentums': 'm', '_velocities': 'v'},
    'ftrl': {'_accumulators': 'accumulator', '_linears': 'linear'},
}


@dataclasses.dataclass(frozen=True)
class LiveSlot:
    """A slot variable.

    Attributes:
      slot: The slot variable.
      variable: The variable to which the slot belongs.
      state: The contents of the slot.
    """

    slot: Any
    variable: Any
    state: SlotState


def live_slots(root: Any, step: int | None) -> list[LiveSlot]:
    """Returns the slots of all optimizers that an object reaches. Optimizers that are not built are built.

    Args:
      root: The object.
      step: The step at which to evaluate a learning rate schedule; None for the current step of the optimizer.
    """
    trackables = [trackable for _, trackable in paths_below(root)]
    variables = _trainable_variables(trackables)
    return [
        slot
        for trackable in trackables
        if is_optimizer(trackable)
        for slot in _slots(trackable, variables, step)
    ]


def is_optimizer(value: Any) -> bool:
    """Returns True if a value is an optimizer of TF1 or Keras."""
    return isinstance(value, (tf.compat.v1.train.Optimizer, *_keras_optimizers()))


def _keras_optimizers() -> tuple[type, ...]:
    kinds = [tf.keras.optimizers.Optimizer]
    legacy = getattr(getattr(tf.keras.optimizers, 'legacy', None), 'Optimizer', None)
    return (*kinds, *([legacy] if isinstance(legacy, type) else []))


def _trainable_variables(trackables: Sequence[Any]) -> list[Any]:
    """Returns the trainable variables of models and modules in their order, then all others."""
    by_id: dict[int, Any] = {}
    for trackable in trackables:
        if is_optimizer(trackable) or _has_objects_as_keys(trackable):
            continue
        variables = getattr(trackable, 'trainable_variables', None)
        if variables is None and hasattr(trackable, 'assign') and getattr(trackable, 'trainable', False):
            variables = [trackable]
        by_id |= {id(variable): variable for variable in variables or ()}
    return list(by_id.values())


def _has_objects_as_keys(trackable: Any) -> bool:
    """Returns True for a dict that Keras 3 keeps of layers, for whose variables TensorFlow would sort the layers."""
    return isinstance(trackable, Mapping) and not all(isinstance(key, str) for key in trackable)


def _slots(optimizer: Any, variables: Sequence[Any], step: int | None) -> Iterator[LiveSlot]:
    if hasattr(optimizer, 'get_slot'):
        return _legacy_slots(optimizer, variables, step)
    return _listed_slots(optimizer, variables, step)


def _legacy_slots(optimizer: Any, variables: Sequence[Any], step: int | None) -> Iterator[LiveSlot]:
    """Yields the slots of an optimizer of TF1, or of a legacy one of Keras."""
    is_tf1 = isinstance(optimizer, tf.compat.v1.train.Optimizer)
    if not is_tf1:
        create_slots(optimizer, variables)
    settings = {} if is_tf1 else _settings(optimizer, step)
    names = optimizer.get_slot_names()
    for variable in variables:
        for name in names:
            slot = optimizer.get_slot(variable, name)
            state = slot_state(_class_name(optimizer), name, names, is_tf1)
            if slot is not None and state is not None:
                yield LiveSlot(slot, variable, dataclasses.replace(state, **settings))


def _listed_slots(optimizer: Any, variables: Sequence[Any], step: int | None) -> Iterator[LiveSlot]:
    """Yields the slots of an optimizer of Keras since 2.11, or of Keras 3."""
    create_slots(optimizer, variables)
    family = family_of(_class_name(optimizer))
    if family is None:
        return
    settings = _settings(optimizer, step)
    lists = _LISTS.get(family, {})
    order = variables_of_slot_lists(optimizer, variables) if lists else []
    for attribute, role in lists.items():
        for variable, slot in zip(order, getattr(optimizer, attribute, None) or ()):  # noqa: B905
            if slot is not None:
                yield LiveSlot(slot, variable, SlotState(family, role, False, **settings))


def _class_name(optimizer: Any) -> str:
    return type(optimizer).__name__


def _settings(optimizer: Any, step: int | None) -> dict[str, Any]:
    """Returns the hyperparameters of a Keras optimizer on which the contents of its slots depend."""
    config = optimizer.get_config()
    betas = (float(config['beta_1']), float(config['beta_2'])) if 'beta_2' in config else None
    is_needed = family_of(_class_name(optimizer)) != 'sgd' or bool(config.get('momentum'))
    return {'learning_rate': learning_rate(optimizer, step), 'betas': betas, 'is_needed': is_needed}


def learning_rate(optimizer: Any, step: int | None) -> float | None:
    """Returns the learning rate of a Keras optimizer; None if it is not a number.

    Args:
      optimizer: The optimizer.
      step: The step at which to evaluate a schedule; None for the current step of the optimizer.
    """
    rate = learning_rate_or_schedule(optimizer)
    if callable(rate) and not hasattr(rate, 'assign'):
        rate = rate(int(unwrapped(optimizer.iterations)) if step is None else step)
    try:
        return float(unwrapped(rate))
    except (TypeError, ValueError):
        return None
