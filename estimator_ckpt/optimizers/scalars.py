"""The numbers that an optimizer keeps beside its slots: steps, and the powers of Adam's betas."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.mapping.matching import Wanted
from estimator_ckpt.mapping.recipes import Constant
from estimator_ckpt.mapping.report import MappingReport, Row
from estimator_ckpt.mapping.scalars import read_number, step_tensors
from estimator_ckpt.mapping.tensors import Tensor, read_tensors
from estimator_ckpt.optimizers.momentum import SlotState

_POWER = re.compile(r'(?:.*/)?beta(?P<number>[12])_power(?:_\d+)?')
_BETAS = {'beta_1': 0.9, 'beta_2': 0.999}
# Below this float32 has lost digits, or is 0.
_SMALLEST = 1e-37


def source_step(warm_start: Any) -> int | None:
    """The step that a warm start leads to: the one given, or the checkpoint's; None where it is left as it is."""
    if warm_start.step == 'keep':
        contents = Contents(warm_start.checkpoint)
        return read_step(contents, read_tensors(contents))
    return warm_start.step if isinstance(warm_start.step, int) else None


def read_step(contents: Contents, tensors: Sequence[Tensor]) -> int | None:
    """The number of steps of a checkpoint; None if it has none, or several."""
    numbers = {read_number(contents, step) for step in step_tensors(contents, tensors)}
    number = numbers.pop() if len(numbers) == 1 else None
    return None if number is None else int(number)


def complete_scalars(
    contents: Contents,
    tensors: Sequence[Tensor],
    chosen: Sequence[Wanted],
    report: MappingReport,
    warm_start: Any,
    states: Mapping[str, SlotState],
) -> list[tuple[Wanted, Constant]]:
    """Computes the powers of betas that TF1 keeps and Keras does not, and checks those that there are.

    After t updates TF1 holds `beta ** (t + 1)` (`tensorflow/python/training/adam.py`).

    Args:
      contents: The checkpoint.
      tensors: Its tensors.
      chosen: The variables to be filled.
      report: Gets the rows and warnings.
      warm_start: The `WarmStart`.
      states: What the checkpoint's slots hold.

    Returns:
      The powers to be loaded.
    """
    step = read_step(contents, tensors)
    betas = known_betas(contents, tensors, chosen, warm_start.hyperparameters)
    report.notes += check_powers(contents, tensors, [(step, betas)])
    if any(one.state and one.state.family == 'adam' and not one.state.is_bert for one in chosen):
        updates = {'keep': step, 'reset': 0}.get(warm_start.step, warm_start.step)
        report.notes += bias_warnings(states.values(), updates, betas)
    missing = {row.target for row in report.missing}
    loads = []
    for wanted in chosen:
        power = _POWER.fullmatch(wanted.tensor.name)
        if power and wanted.tensor.name in missing and step is not None:
            beta = betas[f'beta_{power["number"]}']
            loads.append((wanted, Constant(beta ** (step + 1), wanted.dtype)))
            note = f'{beta:g} to the power of {step + 1}'
            report.matched.append(Row(None, wanted.tensor.name, (), dtypes.name(wanted.dtype), note))
    computed = {wanted.tensor.name for wanted, _ in loads}
    report.missing = [row for row in report.missing if row.target not in computed]
    if warm_start.step == 'reset' and any(one.state and one.state.family == 'adam' for one in chosen):
        report.notes.append(
            "Adam's slots are taken and the steps are not: Keras corrects their bias anew. step='keep' takes both."
        )
    return loads


def read_betas(contents: Contents, tensors: Sequence[Tensor]) -> dict[str, float]:
    """Adam's betas, where the checkpoint has them."""
    found = {}
    for tensor in tensors:
        last = tensor.path[-1] if tensor.path else tensor.name.rpartition('/')[2]
        if last in _BETAS and contents.reader.entry(tensor.key).shape == ():
            found[last] = read_number(contents, tensor)
    return {beta: value for beta, value in found.items() if value is not None}


def known_betas(
    contents: Contents, tensors: Sequence[Tensor], wanted: Sequence[Wanted], given: Mapping[str, float]
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
        power = _POWER.fullmatch(tensor.name)
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
