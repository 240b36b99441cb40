"""The powers of Adam's betas, which TF1 keeps and Keras does not."""

from collections.abc import Sequence

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.mapping.recipes import Constant
from estimator_ckpt.mapping.report import MappingReport, Row
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import TargetTensor
from estimator_ckpt.optimizers.scalars import BETA_POWER, bias_warnings, check_powers, known_betas
from estimator_ckpt.warm_starting.options import WarmStart


def complete_scalars(
    source: Source, chosen: Sequence[TargetTensor], report: MappingReport, warm_start: WarmStart
) -> list[tuple[TargetTensor, Constant]]:
    """Computes the powers of betas that TF1 keeps and Keras does not, and checks those that there are.

    After t updates TF1 holds `beta ** (t + 1)` (`tensorflow/python/training/adam.py`).

    Args:
      source: The checkpoint.
      chosen: The variables to be filled.
      report: Gets the rows and warnings.
      warm_start: What is asked for.

    Returns:
      The powers to be loaded.
    """
    step = source.step
    betas = known_betas(source, chosen, warm_start.hyperparameters)
    report.warnings += check_powers(source, [(step, betas)])
    if any(one.state and one.state.family == 'adam' and not one.state.is_bert for one in chosen):
        updates = {'keep': step, 'reset': 0}.get(warm_start.step, warm_start.step)
        report.warnings += bias_warnings(source.slot_states.values(), updates, betas)
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
