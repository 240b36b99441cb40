"""The conversion of momentum, whose value differs between TF1 and Keras.

The values of all other slots are the same in TF1 (`tensorflow/python/training/*.py`) and in Keras, be it the legacy
optimizers (`keras/optimizers/legacy/*.py`), those since 2.11, or those of Keras 3. But the momentum of TF1 is a sum of
gradients, and that of Keras a step: `velocity = -learning_rate * accumulator`.
"""

from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.keys.slots import SlotState, is_tf1_ending
from estimator_ckpt.mapping.source import Source

_MOMENTUM = ('sgd', 'momentum')


def momentum_factor(source: SlotState, to_tf1: bool, learning_rate: float | None) -> float | None:
    """Returns the factor that converts the value of a slot to TF1 or to Keras.

    Args:
      source: The contents of the slot.
      to_tf1: Whether the value is converted to TF1, not to Keras.
      learning_rate: The learning rate of the Keras optimizer; None if it is not known.

    Returns:
      The factor; None if the value stays the same.

    Raises:
      ValueError: If the learning rate is needed, but unknown or zero.
    """
    if (source.family, source.role) != _MOMENTUM or source.is_tf1 == to_tf1:
        return None
    if not learning_rate:
        raise ValueError(
            "momentum can only be converted with the learning rate; give hyperparameters={'learning_rate': ...}"
        )
    return -learning_rate if source.is_tf1 else -1.0 / learning_rate


def crossing_factor(
    source: SlotState | None, target: SlotState | None, learning_rate: float | None
) -> float | None:
    """Returns the factor that converts the value of a slot to that of another slot.

    Args:
      source: The contents of the slot that has the value; None if they are not known.
      target: The contents of the slot that gets the value; None if they are not known.
      learning_rate: The given learning rate; None for that of the Keras optimizer.

    Returns:
      The factor; None if the value stays the same, or the contents of a slot are not known.

    Raises:
      ValueError: If the learning rate is needed, but unknown or zero.
    """
    if source is None or target is None:
        return None
    keras = target if source.is_tf1 else source
    rate = keras.learning_rate if learning_rate is None else learning_rate
    return momentum_factor(source, target.is_tf1, rate)


def momentum_notes(source: Source) -> list[str]:
    """Returns a note for the report if the momentum of Keras is written by name, with the values that Keras gave it."""
    slots = (tensor.meaning for tensor in source.tensors if tensor.meaning.kind is Kind.SLOT)
    # Slots with the endings of TF1, which most checkpoints have, need not be looked into.
    if all(is_tf1_ending(slot.slot_name) for slot in slots):
        return []
    if any(
        (state.family, state.role) == _MOMENTUM and not state.is_tf1 for state in source.slot_states.values()
    ):
        return [
            "The momentum keeps Keras's values, under Keras's names. With keras_optimizer, it gets the values and the "
            'names of TF1.'
        ]
    return []
