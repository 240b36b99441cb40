"""Places the tensors of a converted checkpoint in the layout of another checkpoint, or of objects."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.conversion.placement import Placed, PlacedTensor
from estimator_ckpt.keys.graph_builder import ObjectGraphBuilder
from estimator_ckpt.mapping.matching import Match, match
from estimator_ckpt.mapping.recipes import Scaled, TensorRecipe
from estimator_ckpt.mapping.report import mapping_error
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets, TargetTensor
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.mapping.transforms import parse_transforms
from estimator_ckpt.optimizers.momentum import crossing_factor
from estimator_ckpt.optimizers.scalars import bias_warnings, check_powers, known_betas


def match_layout(
    source: Source, target: Targets, hyperparameters: Mapping[str, Any] | None = None
) -> tuple[Match, dict[str, np.ndarray]]:
    """Returns the source of each tensor of a layout, and the values that some keep.

    Slots are converted to those of the optimizers of the layout, including their values.

    Args:
      source: The checkpoint, with the tensors that are converted.
      target: The tensors of the layout.
      hyperparameters: The given hyperparameters, such as `learning_rate`.

    Returns:
      The match, whose report has no faults; and the values of hyperparameters and other tensors that are not in the
      checkpoint, by key.

    Raises:
      MappingError: If a tensor of the layout has no source, or one of another shape or type.
    """
    states = source.slot_states
    rate = (hyperparameters or {}).get('learning_rate')

    def adapt(wanted: TargetTensor, tensor: Tensor) -> Tensor:
        if wanted.is_step and source.reader.entry(tensor.key).dtype != wanted.dtype:
            cast = parse_transforms(f'cast={dtypes.name(wanted.dtype)}')
            return dataclasses.replace(tensor, recipe=TensorRecipe((tensor.key,), cast))
        factor = crossing_factor(states.get(tensor.key), wanted.state, rate)
        if factor is None:
            return tensor
        return dataclasses.replace(tensor, recipe=Scaled(tensor.made, factor))

    plan = match(source, target, adapt, states)
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
        raise mapping_error(plan.report, source.reader.prefix)
    return plan, values


def place_like(
    source: Source,
    target: Targets,
    hyperparameters: Mapping[str, Any] | None = None,
) -> Placed:
    """Gives each tensor the keys that it has in another checkpoint, or in the objects of a program.

    Tensors that the layout does not have keep their names. Slots are converted to those of the optimizers of the
    layout, including their values. The hyperparameters of these optimizers stay the same.

    Args:
      source: The checkpoint, with the tensors that are converted.
      target: The tensors and the object graph of the layout.
      hyperparameters: The given hyperparameters, such as `learning_rate`.

    Returns:
      The tensors with their new keys.

    Raises:
      MappingError: If a tensor of the layout has no source, or one of another shape or type.
    """
    tensors = source.tensors
    plan, values = match_layout(source, target, hyperparameters)
    rows = [
        PlacedTensor(plan.sources[wanted.tensor.key], wanted.tensor.name, wanted.tensor.object_key)
        for wanted in target.wanted
        if wanted.tensor.key in plan.sources
    ]
    layout = ObjectGraphBuilder(target.graph)
    layout.keep_only(
        key.removesuffix(wanted.tensor.suffix)
        for wanted in target.wanted
        if (key := wanted.tensor.object_key)
    )
    used = {key for tensor, _, _ in rows for key in (tensor.key, *tensor.made.sources)}
    unused = [PlacedTensor(tensor, tensor.name) for tensor in tensors if tensor.key not in used]
    notes = [f'{len(unused)} tensors that the layout does not have keep their names.'] if unused else []
    warnings = layout_warnings(source, target, hyperparameters)
    return Placed(rows + unused, layout, notes, warnings, values)


def layout_warnings(
    source: Source, target: Targets, hyperparameters: Mapping[str, Any] | None = None
) -> list[str]:
    """Returns warnings of powers of betas that contradict the step, and of a bias that BERT does not correct.

    Args:
      source: The checkpoint.
      target: The tensors of the layout.
      hyperparameters: The given hyperparameters.
    """
    if not any(wanted.state and wanted.state.family == 'adam' for wanted in target.wanted):
        return []
    updates = (source.step, known_betas(source, target.wanted, hyperparameters or {}))
    return check_powers(source, [updates]) + bias_warnings(source.slot_states.values(), *updates)
