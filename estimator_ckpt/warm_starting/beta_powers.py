"""TODO."""

from collections.abc import Mapping, Sequence
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.slots import SlotState
from estimator_ckpt.mapping.recipes import Constant
from estimator_ckpt.mapping.report import MappingReport, Row
from estimator_ckpt.mapping.targets import TargetTensor
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.optimizers.scalars import BETA_POWER, bias_warnings, check_powers, known_betas, read_step


def complete_scalars(
    contents: Contents,
    tensors: Sequence[Tensor],
    chosen: Sequence[TargetTensor],
    report: MappingReport,
    warm_start: Any,
    states: Mapping[str, SlotState],
) -> list[tuple[TargetTensor, Constant]]:
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
        power = BETA_POWER.fullmatch(wanted.tensor.name)
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
