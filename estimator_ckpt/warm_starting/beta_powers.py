"""Computes the powers of Adam's betas, which TF1 stores and Keras does not, and the product of Nadam's schedule."""

import math
from collections.abc import Mapping, Sequence

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.mapping.recipes import Constant
from estimator_ckpt.mapping.report import MappingReport, Row
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import TargetTensor
from estimator_ckpt.optimizers.scalars import BETA_POWER, bias_warnings, check_powers, known_betas, power_of
from estimator_ckpt.warm_starting.options import WarmStart


def complete_scalars(
    source: Source, chosen: Sequence[TargetTensor], report: MappingReport, warm_start: WarmStart
) -> list[tuple[TargetTensor, Constant]]:
    """Computes missing powers of the betas of Adam, and checks existing ones.

    After t updates the variable of TF1 is `beta ** (t + 1)` (`tensorflow/python/training/adam.py`).

    Args:
      source: The checkpoint.
      chosen: The variables that are to get values.
      report: The report, which is updated.
      warm_start: The options.

    Returns:
      The variables of the missing powers, with their values.
    """
    step = source.step
    betas = known_betas(source, chosen, warm_start.hyperparameters)
    report.warnings += check_powers(source, [(step, betas)])
    states = [wanted.state for wanted in chosen if wanted.state and wanted.state.family == 'adam']
    if not all(state.is_bert for state in states):
        step_after = {'keep': step, 'reset': 0}
        updates = warm_start.step if isinstance(warm_start.step, int) else step_after[warm_start.step]
        report.warnings += bias_warnings(source.slot_states.values(), updates, betas)
    names = {row.target for row in report.missing}
    missing = [wanted for wanted in chosen if wanted.tensor.name in names] if names else []
    loads = _nadam_products(missing, step, betas, report)
    for wanted in missing:
        power = BETA_POWER.fullmatch(wanted.tensor.name)
        if power and step is not None:
            beta = betas[f'beta_{power["number"]}']
            loads.append((wanted, Constant(power_of(beta, step + 1), wanted.dtype)))
            note = f'{beta:g} to the power of {step + 1}'
            report.matched.append(Row(None, wanted.tensor.name, (), dtypes.name(wanted.dtype), note))
    computed = {wanted.tensor.name for wanted, _ in loads}
    report.missing = [row for row in report.missing if row.target not in computed]
    if warm_start.step == 'reset' and states:
        report.notes.append(
            "Adam's slots are taken without the step, so that Keras corrects their bias again; step='keep' takes both."
        )
    return loads


# How fast the momentum of Nadam rises: by `0.96 ** (pace * step)` (`keras/optimizers/nadam.py` and `legacy/nadam.py`).
_PACES = {'_u_product': 1.0, 'momentum_cache': 0.004}


def _nadam_products(
    missing: Sequence[TargetTensor],
    step: int | None,
    betas: Mapping[str, float],
    report: MappingReport,
) -> list[tuple[TargetTensor, Constant]]:
    """Returns the products of Nadam's momentums that the checkpoint does not have, with their values.

    Args:
      missing: The variables that are to get values and have no source.
      step: The number of updates; None if it is not known.
      betas: The betas of the optimizer by name.
      report: The report, which is updated.
    """
    loads = []
    for wanted in missing:
        pace = _PACES.get(wanted.tensor.path[-1]) if wanted.tensor.path else None
        if pace is None or step is None:
            continue
        momentums = (betas['beta_1'] * (1 - 0.5 * 0.96 ** (pace * update)) for update in range(1, step + 1))
        loads.append((wanted, Constant(math.prod(momentums), wanted.dtype)))
        note = f'the product of the momentums of {step} updates'
        report.matched.append(Row(None, wanted.tensor.name, (), dtypes.name(wanted.dtype), note))
        report.warnings.append(
            "Nadam's momentum rises 250 times as fast in newer Keras as in legacy: the slots are the same, but "
            'training on differs.'
        )
    return loads
