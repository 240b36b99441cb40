"""What the optimizers of TF1 and of Keras keep for a variable, and what each of them calls it.

TF1 is `tensorflow/python/training/*.py`; Keras is its legacy optimizers (`keras/optimizers/legacy/`), those since 2.11,
and those of Keras 3. The values of a role are the same in all of them, except that TF1's momentum is a sum of gradients
and Keras's is a step: `velocity = -learning_rate * accumulator`.
"""

from estimator_ckpt.keys.slots import (
    SlotState,
)


def momentum_factor(source: SlotState, to_tf1: bool, learning_rate: float | None) -> float | None:
    """What a slot's value is multiplied with where TF1 and Keras keep another value; None where it stays.

    Raises:
      ValueError: If the learning rate is needed, and not known or zero.
    """
    if (source.family, source.role) != ('sgd', 'momentum') or source.is_tf1 == to_tf1:
        return None
    if not learning_rate:
        raise ValueError(
            "momentum needs the learning rate to become the other side's; give hyperparameters={'learning_rate': ...}"
        )
    return -learning_rate if source.is_tf1 else -1.0 / learning_rate


def crossing_factor(
    source: SlotState | None, target: SlotState | None, learning_rate: float | None
) -> float | None:
    """What a slot's value is multiplied with on its way to another slot; None where it stays, or one is not known.

    Args:
      source: What the slot holds that the value comes from.
      target: What the other one is to hold.
      learning_rate: The one that was given; None for that of Keras's side.

    Raises:
      ValueError: If the learning rate is needed, and not known or zero.
    """
    if source is None or target is None:
        return None
    keras = target if source.is_tf1 else source
    rate = keras.learning_rate if learning_rate is None else learning_rate
    return momentum_factor(source, target.is_tf1, rate)
