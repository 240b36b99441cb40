"""Writes the values of a checkpoint as weights of a Keras 3 model."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import Progress
from estimator_ckpt.conversion.destinations import ARCHIVE
from estimator_ckpt.conversion.export_options import ExportOptions
from estimator_ckpt.conversion.placement_like import layout_warnings, match_layout
from estimator_ckpt.conversion.selection import take_rules
from estimator_ckpt.formats.output import OutputTensor, replacing
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.formats.weights_h5 import (
    KerasArchive,
    WeightsFile,
    write_archive_like,
    write_weights_like,
)
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.keras_slots import add_slots
from estimator_ckpt.mapping.recurrent_rules import with_cells
from estimator_ckpt.mapping.report import MappingError, MappingReport, left_out_rows
from estimator_ckpt.mapping.rules import RuleError
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets
from estimator_ckpt.program.keras_weights import is_keras_3_model, saved_weights
from estimator_ckpt.program.read_target import of_contents


def export_keras(
    source: Source, options: ExportOptions, destination: str, ending: str, progress: Progress
) -> MappingReport:
    """Writes a file of Keras weights.

    Args:
      source: The checkpoint, with the tensors that are converted.
      options: The options, of which `like` is the file of the weights of a fresh model, or the model itself.
      destination: The path of the new file.
      ending: Its ending: `'.weights.h5'` or `'.keras'`.
      progress: Called with the number of bytes of each tensor after it was written.

    Returns:
      The report of the sources of all datasets. Tensors of the checkpoint that Keras has no place for are unused.

    Raises:
      MappingError: If a variable of the model, or a slot or counter of its optimizer, has no source.
      RuleError: If a rule names a place that the model does not have.
      CheckpointError: If `like` is neither.
    """
    hyperparameters = options.hyperparameters
    with _template(options.like, ending) as contents:
        _tell_slots(source, contents)
        target, updates = of_contents(contents), (hyperparameters or {}).get('iter')
        rules = with_cells(options.rules, source, target)
        tensors, left_out = take_rules(list(source.tensors), rules, follow=False)
        source = source.of(tensors)
        counters = [wanted for wanted in target.wanted if updates is not None and wanted.is_step]
        _check_rules(source, target, contents.reader.prefix)
        try:
            filled = dataclasses.replace(target, wanted=[w for w in target.wanted if w not in counters])
            plan, kept = match_layout(source, filled, hyperparameters)
        except MappingError as error:
            if not contents.slots_problem:
                raise
            raise MappingError(
                f'{error} The slots of {contents.reader.prefix} are not known, for {contents.slots_problem}: pass the '
                'model itself as like.',
                error.report,
            ) from error
        outputs = {}
        given = {wanted.tensor.key: np.array(updates, np.int64) for wanted in counters}
        for wanted in target.wanted:
            key = wanted.tensor.key
            compute = (
                functools.partial(plan.sources[key].made.compute, source.reader)
                if key in plan.sources
                else functools.partial((given | kept).__getitem__, key)
            )
            outputs[key] = OutputTensor(key, wanted.dtype, wanted.shape or (), compute)
        if not options.dry_run:
            with replacing(destination, options.durable, options.overwrite) as path:
                _write(path, contents.reader, ending, outputs, progress)
    report = plan.report
    report.unused += left_out_rows(source.reader, [tensor.key for tensor in left_out])
    report.warnings += layout_warnings(source, target, hyperparameters)
    if kept:
        names = sorted(wanted.tensor.name for wanted in target.wanted if wanted.tensor.key in kept)
        report.notes.append(f'Kept as the model has them: {", ".join(names)}.')
    return report


def _write(
    path: str, template: TensorSource, ending: str, outputs: dict[str, OutputTensor], progress: Progress
) -> None:
    if isinstance(template, KerasArchive) and ending == ARCHIVE:
        write_archive_like(path, template, outputs, progress)
    else:
        assert isinstance(template, WeightsFile)  # As `_template` has checked.
        write_weights_like(path, template, outputs, progress)


def _tell_slots(source: Source, contents: Contents) -> None:
    """Tells the second slot of an RMSProp from the source: without an average gradient there, it is the momentum."""
    roles = {state.role for state in source.slot_states.values() if state.family == 'rmsprop'}
    if contents.slots_problem and roles and 'mg' not in roles:
        assert contents.weights is not None and isinstance(
            contents.reader, WeightsFile
        )  # They are Keras weights.
        contents.slots_problem = add_slots(contents.reader, contents.weights, 'momentum')


@contextlib.contextmanager
def _template(like: Any, ending: str) -> Iterator[Contents]:
    """Yields the weights of a fresh model.

    Raises:
      CheckpointError: If `like` is neither a file of Keras weights nor a model.
    """
    if is_keras_3_model(like):
        with saved_weights(like, ending) as contents:
            yield contents
        return
    if not isinstance(like, (str, os.PathLike)):
        what = 'is missing' if like is None else f'is {type(like).__name__}'
        raise CheckpointError(
            f"like {what}; to write {ending}, pass the file of a fresh model, model.save_weights('fresh.weights.h5'), "
            'or the Keras 3 model itself.'
        )
    contents = Contents(like)
    if ending == ARCHIVE and not isinstance(contents.reader, KerasArchive):
        raise CheckpointError(
            f"{os.fspath(like)} has no model; to write {ending}, pass a file of model.save('fresh.keras') as like."
        )
    if not isinstance(contents.reader, WeightsFile):
        raise CheckpointError(
            f"{os.fspath(like)} is not a file of Keras weights; pass one of model.save_weights('fresh.weights.h5')."
        )
    yield contents


def _check_rules(source: Source, target: Targets, path: str) -> None:
    """Checks that rules name tensors of the target only.

    Raises:
      RuleError: If a rule names another one.
    """
    lost = {tensor.target or '' for tensor in target.unplaced(source.tensors)}
    if lost:
        listed = ', '.join(map(repr, sorted(lost)[:8]))
        names = ', '.join(wanted.tensor.name for wanted in target.wanted[:8])
        raise RuleError(f'{path} does not have what rules name: {listed}; it has {names}, ...')
