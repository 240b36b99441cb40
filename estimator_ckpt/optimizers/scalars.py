"""The scalars that optimizers keep beside their slots: steps, betas of Adam, and the powers of these."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from estimator_ckpt.keys.slots import SlotState
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import TargetTensor

BETA_POWER = re.compile(r'(?:.*/)?beta(?P<number>[12])_power(?:_\d+)?')
_BETAS = {'beta_1': 0.9, 'beta_2': 0.999}
# Smaller numbers have lost digits in float32, or are 0.
_SMALLEST = 1e-37


def known_betas(
    source: Source, targets: Sequence[TargetTensor], given: Mapping[str, float]
) -> dict[str, float]:
    """Returns the betas of Adam.

    They are the given ones, or else those of the checkpoint, or else those of the program, or else the defaults.

    Args:
      source: The checkpoint.
      targets: The tensors of the program.
      given: The given hyperparameters, which may include `beta_1` and `beta_2`.

    Returns:
      The betas by name, together with the other given hyperparameters.
    """
    of_program = next((target.state.betas for target in targets if target.state and target.state.betas), None)
    fallback = {**_BETAS, **dict(zip(_BETAS, of_program or (), strict=False))}
    return {**fallback, **source.betas, **given}


def bias_warnings(states: Iterable[SlotState], step: int | None, betas: Mapping[str, float]) -> list[str]:
    """Returns a warning that Keras's Adam corrects the bias, which BERT's AdamWeightDecayOptimizer does not.

    Args:
      states: The contents of the checkpoint's slots.
      step: The number of updates so far; None if it is not known.
      betas: The betas of Keras's Adam by name.

    Returns:
      The warning as a sentence; nothing if no slots belong to BERT's optimizer.
    """
    if not any(state.is_bert for state in states):
        return []
    start = "BERT's AdamWeightDecayOptimizer does not correct the bias of its averages, and Keras's Adam does"
    if step is None:
        return [f'{start}.']
    number = step + 1
    if number < 1 or not all(0 <= betas[beta] < 1 for beta in _BETAS):
        return [f'{start}.']
    factor = math.sqrt(1 - betas['beta_2'] ** number) / (1 - betas['beta_1'] ** number)
    return [
        f'{start}: step {number} is {factor:.4g} times as long as it would be there (beta_1={betas["beta_1"]:g}, '
        f'beta_2={betas["beta_2"]:g}); the factor approaches 1 with more steps.'
    ]


def check_powers(source: Source, optimizers: Sequence[tuple[int | None, Mapping[str, float]]]) -> list[str]:
    """Returns a warning for each power of a beta that contradicts the number of updates.

    Args:
      source: The checkpoint.
      optimizers: The number of updates and the betas of each Adam. All are compared with each power, because names do
        not tell to which optimizer a power belongs.
    """
    warnings = []
    for tensor in source.tensors:
        power = BETA_POWER.fullmatch(tensor.name) if '_power' in tensor.name else None
        value = source.number(tensor) if power else None
        if power is None or value is None:
            continue
        counted = [(step, betas[f'beta_{power["number"]}']) for step, betas in optimizers if step is not None]
        if len(counted) < len(optimizers) or any(
            _agrees(value, power_of(beta, step + 1)) for step, beta in counted
        ):
            continue
        step, beta = counted[0]
        expected = power_of(beta, step + 1)
        updates = f'{math.log(value) / math.log(beta) - 1:.1f}' if value > 0 and 0 < beta < 1 else 'more'
        warnings.append(
            f'{tensor.name!r} is {value:.6g}, which is {beta:g} after {updates} updates, but the step is '
            f'{step}, where it would be {expected:.6g}; check that the step is the number of updates and '
            f'that beta_{power["number"]} is {beta:g}.'
        )
    return warnings


def power_of(beta: float, exponent: int) -> float:
    """Returns a power of a beta, or infinity where it is too large: a damaged file may hold any beta.

    Args:
      beta: The beta.
      exponent: The exponent, such as the number of updates.
    """
    try:
        return beta**exponent
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _agrees(value: float, expected: float) -> bool:
    """Returns True if a power agrees with an expected one within the precision of float32."""
    return max(value, expected) < _SMALLEST or math.isclose(value, expected, rel_tol=1e-3)
