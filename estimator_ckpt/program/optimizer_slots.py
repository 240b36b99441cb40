"""The optimizers of a program: which of their variables is which slot of which variable."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from estimator_ckpt.keys.slots import SlotState, family_of, slot_state
from estimator_ckpt.program.tensorflow_internals import (
    create_slots,
    learning_rate_or_schedule,
    variables_of_slot_lists,
)
from estimator_ckpt.program.tracking import paths_below

# The lists of Keras's optimizers since 2.11, each with a variable for every one of the model's.
_LISTS = {
    'sgd': {'momentums': 'momentum'},
    'adagrad': {'_accumulators': 'accumulator'},
    'adadelta': {'_accumulated_grads': 'accum_grad', '_accumulated_delta_vars': 'accum_var'},
    'rmsprop': {'_velocities': 'rms', '_momentums': 'momentum', '_average_gradients': 'mg'},
    'adam': {'_momentums': 'm', '_velocities': 'v', '_velocity_hats': 'vhat'},
    'ftrl': {'_accumulators': 'accumulator', '_linears': 'linear'},
}


@dataclasses.dataclass(frozen=True)
class LiveSlot:
    """A slot variable, the variable that it belongs to, and what it holds."""

    slot: Any
    variable: Any
    state: SlotState


def live_slots(root: Any, step: int | None) -> list[LiveSlot]:
    """The slots of all optimizers that an object reaches. Optimizers that were not built are built.

    Args:
      root: The object.
      step: The step at which a learning rate that has a schedule is taken; None for the optimizer's own.
    """
    found = list(paths_below(root))
    variables = _trainable_variables([trackable for _, trackable in found])
    return [
        slot
        for _, trackable in found
        if is_optimizer(trackable)
        for slot in _slots(trackable, variables, step)
    ]


def is_optimizer(value: Any) -> bool:
    """Whether it is one of TF1's or Keras's optimizers."""
    return isinstance(value, (tf.compat.v1.train.Optimizer, *_keras_optimizers()))


def _keras_optimizers() -> tuple[type, ...]:
    kinds = [tf.keras.optimizers.Optimizer]
    legacy = getattr(getattr(tf.keras.optimizers, 'legacy', None), 'Optimizer', None)
    return (*kinds, *([legacy] if isinstance(legacy, type) else []))


def _trainable_variables(trackables: Sequence[Any]) -> list[Any]:
    """The variables that optimizers are for: those of models and modules in their order, then others."""
    found = {}
    for trackable in trackables:
        if is_optimizer(trackable):
            continue
        several = getattr(trackable, 'trainable_variables', None)
        if several is None and hasattr(trackable, 'assign') and getattr(trackable, 'trainable', False):
            several = [trackable]
        found |= {id(variable): variable for variable in several or ()}
    return list(found.values())


def _slots(optimizer: Any, variables: Sequence[Any], step: int | None) -> Iterator[LiveSlot]:
    if hasattr(optimizer, 'get_slot'):
        return _legacy_slots(optimizer, variables, step)
    return _listed_slots(optimizer, variables, step)


def _legacy_slots(optimizer: Any, variables: Sequence[Any], step: int | None) -> Iterator[LiveSlot]:
    """Of TF1's optimizers, and of Keras's legacy ones."""
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
    """Of Keras's optimizers since 2.11, and of Keras 3."""
    create_slots(optimizer, variables)
    family = family_of(_class_name(optimizer))
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
    """What a Keras optimizer is set to, as far as its slots depend on it."""
    config = optimizer.get_config()
    betas = (float(config['beta_1']), float(config['beta_2'])) if 'beta_2' in config else None
    is_needed = family_of(_class_name(optimizer)) != 'sgd' or bool(config.get('momentum'))
    return {'learning_rate': learning_rate(optimizer, step), 'betas': betas, 'is_needed': is_needed}


def learning_rate(optimizer: Any, step: int | None) -> float | None:
    """The learning rate of a Keras optimizer, at a step where it has a schedule; None where it cannot be told."""
    rate = learning_rate_or_schedule(optimizer)
    if callable(rate) and not hasattr(rate, 'assign'):
        rate = rate(int(optimizer.iterations) if step is None else step)
    try:
        return float(rate)
    except (TypeError, ValueError):
        return None
