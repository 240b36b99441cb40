"""The numbers that an optimizer keeps beside its slots: steps, and the powers of Adam's betas."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.slots import SlotState
from estimator_ckpt.mapping.targets import TargetTensor
from estimator_ckpt.mapping.tensors import Tensor, read_number, step_tensors

BETA_POWER = re.compile(r'(?:.*/)?beta(?P<number>[12])_power(?:_\d+)?')
_BETAS = {'beta_1': 0.9, 'beta_2': 0.999}
# Below this float32 has lost digits, or is 0.
_SMALLEST = 1e-37


def read_step(contents: Contents, tensors: Sequence[Tensor]) -> int | None:
    """The number of steps of a checkpoint; None if it has none, or several."""
    numbers = {read_number(contents, step) for step in step_tensors(contents, tensors)}
    number = numbers.pop() if len(numbers) == 1 else None
    return None if number is None else int(number)


def read_betas(contents: Contents, tensors: Sequence[Tensor]) -> dict[str, float]:
    """Adam's betas, where the checkpoint has them."""
    found = {}
    for tensor in tensors:
        last = tensor.path[-1] if tensor.path else tensor.name.rpartition('/')[2]
        if last in _BETAS and contents.reader.entry(tensor.key).shape == ():
            found[last] = read_number(contents, tensor)
    return {beta: value for beta, value in found.items() if value is not None}


def known_betas(
    contents: Contents, tensors: Sequence[Tensor], wanted: Sequence[TargetTensor], given: Mapping[str, float]
) -> dict[str, float]:
    """Adam's betas: those that were given, or the checkpoint's, or the program's, or the usual ones."""
    live = next((one.state.betas for one in wanted if one.state and one.state.betas), None)
    usual = {**_BETAS, **dict(zip(_BETAS, live or (), strict=False))}
    return {**usual, **read_betas(contents, tensors), **given}


def bias_warnings(states: Iterable[SlotState], step: int | None, betas: Mapping[str, float]) -> list[str]:
    """A sentence on what Keras's Adam does at the next step that BERT's AdamWeightDecayOptimizer would not.

    Args:
      states: What the checkpoint's slots hold.
      step: The number of updates made.
      betas: Keras's.
    """
    if not any(state.is_bert for state in states):
        return []
    start = "Warning: BERT's AdamWeightDecayOptimizer does not correct the bias of its averages, and Keras's Adam does"
    if step is None:
        return [f'{start}.']
    number = step + 1
    factor = math.sqrt(1 - betas['beta_2'] ** number) / (1 - betas['beta_1'] ** number)
    return [
        f'{start}: step {number} is {factor:.4g} times as long as it would be there (beta_1={betas["beta_1"]:g}, '
        f'beta_2={betas["beta_2"]:g}), which goes to 1 with more steps.'
    ]


def check_powers(
    contents: Contents,
    tensors: Sequence[Tensor],
    optimizers: Sequence[tuple[int | None, Mapping[str, float]]],
) -> list[str]:
    """A warning for each power of a beta that contradicts the number of updates.

    Args:
      contents: The checkpoint.
      tensors: Its tensors.
      optimizers: For each Adam the number of its updates, and its betas. Names do not tell whose a power is.
    """
    warnings = []
    for tensor in tensors:
        power = BETA_POWER.fullmatch(tensor.name)
        value = read_number(contents, tensor) if power else None
        if value is None or any(step is None for step, _ in optimizers):
            continue
        known = [(step, betas[f'beta_{power["number"]}']) for step, betas in optimizers]
        if any(_agrees(value, beta ** (step + 1)) for step, beta in known):
            continue
        step, beta = known[0]
        updates = f'{math.log(value) / math.log(beta) - 1:.1f}' if value > 0 and 0 < beta < 1 else 'more'
        warnings.append(
            f'Warning: {tensor.name!r} is {value:.6g}, which is {beta:g} after {updates} updates, but the step is '
            f'{step}, where it would be {beta ** (step + 1):.6g}; look whether the step is the number of updates, and '
            f'beta_{power["number"]} is {beta:g}.'
        )
    return warnings


def _agrees(value: float, expected: float) -> bool:
    return max(value, expected) < _SMALLEST or math.isclose(value, expected, rel_tol=1e-3)
