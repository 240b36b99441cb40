"""Writes the values of a checkpoint as a file of another kind, which the ending of the destination names."""

import collections
import os

from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import Progress
from estimator_ckpt.conversion.destinations import ARCHIVE, WEIGHTS, check_destination
from estimator_ckpt.conversion.export_arrays import export_arrays
from estimator_ckpt.conversion.export_keras import export_keras
from estimator_ckpt.conversion.export_options import ExportOptions, without_effect
from estimator_ckpt.conversion.placement import place_by_name
from estimator_ckpt.conversion.pytorch_layout import PyTorchTensor, to_pytorch
from estimator_ckpt.conversion.selection import select_tensors, take_rules
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.mapping.recurrent_cells import PYTORCH
from estimator_ckpt.mapping.recurrent_rules import with_cells
from estimator_ckpt.mapping.report import MappingError, MappingReport, left_out_rows, made_row, source_row
from estimator_ckpt.mapping.source import Source, promote_all
from estimator_ckpt.mapping.tensors import read_tensors
from estimator_ckpt.optimizers.momentum import momentum_notes


def export(
    source: str | os.PathLike, destination: str, ending: str, options: ExportOptions, progress: Progress
) -> MappingReport:
    """Writes a file. It appears whole at the end, or not at all.

    Args:
      source: The checkpoint.
      destination: The path of the new file.
      ending: Its ending.
      options: The options.
      progress: Called with the number of bytes of each tensor after it was written.

    Returns:
      The report of the sources of all tensors.

    Raises:
      CheckpointError: If the source cannot be read, an option has no effect, or the file cannot hold a tensor.
      MappingError: If two tensors would have the same name, or a variable of a model has no source.
    """
    _check_options(ending, options)
    contents = Contents(source)
    check_destination(contents.reader, destination, options.overwrite)
    contents.reader.check_data_files()
    tensors = read_tensors(contents)
    if options.promote_averages:
        tensors = promote_all(Source(contents, tensors))
    tensors, left_out = select_tensors(tensors, options.drop, options.keep)
    converted = Source(contents, tensors)
    if ending in (WEIGHTS, ARCHIVE):
        report = export_keras(converted, options, destination, ending, progress)
    else:
        rules = with_cells(options.rules, converted, framework=options.library)
        tensors, by_rules = take_rules(tensors, rules, follow=True)
        left_out, converted = [*left_out, *by_rules], converted.of(tensors)
        report = _export_names(converted, destination, ending, options, progress)
    report.unused += left_out_rows(contents.reader, [tensor.key for tensor in left_out])
    return report


def _check_options(ending: str, options: ExportOptions) -> None:
    if options.library not in (None, PYTORCH):
        raise CheckpointError(f'Unknown library {options.library!r} in for_; expected {PYTORCH!r}.')
    if ending in (WEIGHTS, ARCHIVE):
        without_effect(ending, for_=options.library)
    else:
        given = None if options.like is None else type(options.like).__name__
        without_effect(ending, like=given, hyperparameters=options.hyperparameters)


def _export_names(
    source: Source, destination: str, ending: str, options: ExportOptions, progress: Progress
) -> MappingReport:
    """Writes tensors under their names, or the new ones that rules give them."""
    named = [
        PyTorchTensor(row.tensor, row.name, row.tensor.made) for row in place_by_name(source.tensors).rows
    ]
    report = MappingReport()
    if options.library == PYTORCH:
        named, without_place, report.notes = to_pytorch(source, named)
        report.unused += [
            source_row(source.reader, tensor.key, None, 'no variable of a module') for tensor in without_place
        ]
    else:
        report.notes = momentum_notes(source)
    for tensor, name, recipe in named:
        report.matched.append(made_row(source.reader, tensor.key, recipe, name))
    shared = [name for name, n in collections.Counter(name for _, name, _ in named).items() if n > 1]
    if shared:
        raise MappingError(
            f'{source.reader.prefix}: several tensors would have the name {", ".join(map(repr, shared))}. Rename or '
            'drop all but one.',
            report,
        )
    if not named:
        raise CheckpointError(f'{source.reader.prefix} has no tensors to write.')
    export_arrays(source.reader, named, destination, ending, options, progress)
    return report
