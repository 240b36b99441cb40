"""TODO."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.conversion.placement import Placed
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.graph_builder import ObjectGraphBuilder
from estimator_ckpt.mapping.matching import match
from estimator_ckpt.mapping.recipes import Scaled, TensorRecipe
from estimator_ckpt.mapping.report import mapping_error
from estimator_ckpt.mapping.targets import Targets, TargetTensor
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.mapping.transforms import parse_transforms
from estimator_ckpt.optimizers.momentum import crossing_factor
from estimator_ckpt.optimizers.scalars import bias_warnings, check_powers, known_betas, read_step
from estimator_ckpt.optimizers.slot_states import read_states


def place_like(
    tensors: Sequence[Tensor],
    contents: Contents,
    target: Targets,
    hyperparameters: Mapping[str, Any] | None = None,
) -> Placed:
    """Gives each tensor the keys that it has in another checkpoint, or among a program's objects.

    Tensors that are not there keep their names. Slots become those of the layout's optimizers, values included; what
    these are set to stays.

    Raises:
      MappingError: If a tensor of the layout has no source, or one of another shape or type.
    """
    states = read_states(contents, tensors)
    rate = (hyperparameters or {}).get('learning_rate')

    def adapt(wanted: TargetTensor, found: Tensor) -> Tensor:
        if wanted.is_step and contents.reader.entry(found.key).dtype != wanted.dtype:
            cast = parse_transforms(f'cast={dtypes.name(wanted.dtype)}')
            return dataclasses.replace(found, recipe=TensorRecipe((found.key,), cast))
        factor = crossing_factor(states.get(found.key), wanted.state, rate)
        if factor is None:
            return found
        return dataclasses.replace(found, recipe=Scaled(found.made, factor))

    plan = match(contents, tensors, target, adapt, states)
    values = {
        wanted.tensor.object_key or wanted.tensor.key: value
        for wanted in target.wanted
        if wanted.tensor.key not in plan.sources and (value := wanted.own_value(bool(states))) is not None
    }
    kept = {
        wanted.tensor.name
        for wanted in target.wanted
        if (wanted.tensor.object_key or wanted.tensor.key) in values
    }
    plan.report.missing = [row for row in plan.report.missing if row.target not in kept]
    if plan.report.missing or plan.report.mismatched or plan.report.ambiguous:
        raise mapping_error(plan.report, contents.reader.prefix)
    rows = [
        (plan.sources[wanted.tensor.key], wanted.tensor.name, wanted.tensor.object_key)
        for wanted in target.wanted
        if wanted.tensor.key in plan.sources
    ]
    layout = ObjectGraphBuilder(target.graph)
    layout.keep_only(
        key.removesuffix(wanted.tensor.suffix)
        for wanted in target.wanted
        if (key := wanted.tensor.object_key)
    )
    used = {tensor.key for tensor, _, _ in rows}
    rest = [(tensor, tensor.name, '') for tensor in tensors if tensor.key not in used]
    notes = [f'{len(rest)} tensors that the layout does not have keep their names.'] if rest else []
    if any(wanted.state and wanted.state.family == 'adam' for wanted in target.wanted):
        updates = (
            read_step(contents, tensors),
            known_betas(contents, tensors, target.wanted, hyperparameters or {}),
        )
        notes += check_powers(contents, tensors, [updates]) + bias_warnings(states.values(), *updates)
    return Placed(rows + rest, layout, notes, values)
