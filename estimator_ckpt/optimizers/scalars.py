"""The numbers that an optimizer keeps beside its slots: steps, and the powers of Adam's betas."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from estimator_ckpt.keys.slots import SlotState
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import TargetTensor

BETA_POWER = re.compile(r'(?:.*/)?beta(?P<number>[12])_power(?:_\d+)?')
_BETAS = {'beta_1': 0.9, 'beta_2': 0.999}
# Below this float32 has lost digits, or is 0.
_SMALLEST = 1e-37


def known_betas(
    source: Source, targets: Sequence[TargetTensor], given: Mapping[str, float]
) -> dict[str, float]:
    """Returns Adam's betas: those that were given, or the checkpoint's, or the program's, or the usual ones.

    Args:
      source: The checkpoint.
      targets: The program's tensors.
      given: What the caller gives, `beta_1` and `beta_2` perhaps among it.
    """
    live = next((target.state.betas for target in targets if target.state and target.state.betas), None)
    usual = {**_BETAS, **dict(zip(_BETAS, live or (), strict=False))}
    return {**usual, **source.betas, **given}


def bias_warnings(states: Iterable[SlotState], step: int | None, betas: Mapping[str, float]) -> list[str]:
    """Returns a sentence on what Keras's Adam does at the next step that BERT's AdamWeightDecayOptimizer would not.

    Args:
      states: What the checkpoint's slots hold.
      step: The number of updates made.
      betas: Keras's.
    """
    if not any(state.is_bert for state in states):
        return []
    start = "BERT's AdamWeightDecayOptimizer does not correct the bias of its averages, and Keras's Adam does"
    if step is None:
        return [f'{start}.']
    number = step + 1
    factor = math.sqrt(1 - betas['beta_2'] ** number) / (1 - betas['beta_1'] ** number)
    return [
        f'{start}: step {number} is {factor:.4g} times as long as it would be there (beta_1={betas["beta_1"]:g}, '
        f'beta_2={betas["beta_2"]:g}), which goes to 1 with more steps.'
    ]


def check_powers(source: Source, optimizers: Sequence[tuple[int | None, Mapping[str, float]]]) -> list[str]:
    """Returns a warning for each power of a beta that contradicts the number of updates.

    Args:
      source: The checkpoint.
      optimizers: For each Adam the number of its updates, and its betas. Names do not tell whose a power is.
    """
    warnings = []
    for tensor in source.tensors:
        power = BETA_POWER.fullmatch(tensor.name)
        value = source.number(tensor) if power else None
        if value is None or any(step is None for step, _ in optimizers):
            continue
        known = [(step, betas[f'beta_{power["number"]}']) for step, betas in optimizers]
        if any(_agrees(value, beta ** (step + 1)) for step, beta in known):
            continue
        step, beta = known[0]
        updates = f'{math.log(value) / math.log(beta) - 1:.1f}' if value > 0 and 0 < beta < 1 else 'more'
        warnings.append(
            f'{tensor.name!r} is {value:.6g}, which is {beta:g} after {updates} updates, but the step is '
            f'{step}, where it would be {beta ** (step + 1):.6g}; look whether the step is the number of updates, and '
            f'beta_{power["number"]} is {beta:g}.'
        )
    return warnings


def _agrees(value: float, expected: float) -> bool:
    return max(value, expected) < _SMALLEST or math.isclose(value, expected, rel_tol=1e-3)
