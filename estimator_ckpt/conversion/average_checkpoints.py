"""Averages the variables of several checkpoints of one model."""

import dataclasses
import functools
import math
import os
from collections.abc import Callable, Collection, Sequence

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import Progress, files_for
from estimator_ckpt.bundle.paths import as_path, checkpoint_exists
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.common import formatting
from estimator_ckpt.common.gc_pause import paused_collector
from estimator_ckpt.conversion.destinations import ENDINGS, check_destination, destination_prefix
from estimator_ckpt.conversion.directories import last_checkpoints
from estimator_ckpt.formats.opening import find_source, following, open_source
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind, Meaning
from estimator_ckpt.mapping.source import Source, read_number

Paths = Sequence[str | os.PathLike]
# float32, float64, float16, bfloat16, the two types of 8 bits; complex64, complex128.
_REAL, _COMPLEX = frozenset([1, 2, 19, 14, 24, 25]), frozenset([8, 18])
_KEPT = frozenset([Kind.SLOT, Kind.OPTIMIZER, Kind.STEP, Kind.COUNTER, Kind.TABLE, Kind.OBJECT_GRAPH])
# The number of elements that are added at a time, so that no whole tensor is cast.
_PIECE = 1 << 18
_MAX_LISTED = 10


@paused_collector()
def average(
    sources: str | os.PathLike | Paths,
    destination: str | os.PathLike,
    *,
    weights: Sequence[float] | None = None,
    decay: float | None = None,
    last: int | None = None,
    overwrite: bool = False,
    write_state_file: bool = False,
    progress: Callable[[int], object] | None = None,
) -> str:
    """Writes a checkpoint whose variables are the averages of those of several checkpoints of one model.

    Variables and moving averages of floating-point types are averaged as `numpy.average` does: each is the sum, in the
    order of `sources` and in float64 (complex128 for complex numbers), divided by the number of sources or the sum of
    the weights, and then rounded to the type of the variable. One variable is in memory at a time.

    Everything else is taken unchanged from the newest source, which has the highest global step (of equal ones, or
    without global steps, the last one): integers, booleans, strings, the global step, counters, lookup tables, and the
    state of optimizers, that is slots, beta powers and hyperparameters. That state belongs to the variables of the
    newest source, so the result is meant for evaluation and export rather than for further training.

    The result has the keys, and thus the style, and the object graph of the newest source; a source of another format
    gives a name-based checkpoint. A partitioned variable becomes a whole tensor, which TensorFlow restores into its
    parts.

    Args:
      sources: The checkpoints: any paths that `formats.opening.open_source` accepts. With `last`, one directory.
      destination: The prefix of the new checkpoint. If it is a directory or ends in a slash, the new checkpoint gets
        the name of the newest source in that directory.
      weights: A positive weight for each source; None for equal ones. Only their ratios matter.
      decay: The ratio, greater than 0, of the weight of each source to that of the next newer one, instead of
        `weights`. Sources are sorted by their global steps, those without in the order given.
      last: How many of the last checkpoints of a directory are averaged: of those that its state file lists, or if
        these are fewer, of those in it that are named like the latest.
      overwrite: Whether an existing checkpoint at `destination` is replaced. A source is never replaced.
      write_state_file: Whether the `checkpoint` state file in the directory of the new checkpoint names it.
      progress: A function that is called with the number of bytes of each piece of the new checkpoint.

    Returns:
      The prefix of the new checkpoint.

    Raises:
      CheckpointNotFoundError: If there is no such checkpoint.
      CorruptCheckpointError: If a source is damaged. Checksums are checked.
      CheckpointError: If there are fewer than `last` checkpoints; if the keys, shapes or types of the sources differ;
        if the weights do not fit; or if `destination` is a source, or an existing checkpoint.
    """
    path = as_path(destination)
    if path.endswith(ENDINGS):
        raise CheckpointError(f'{path} is not a checkpoint prefix; average into one, then convert that.')
    return following(
        lambda: [find_source(source) for source in find_sources(sources, last)],
        functools.partial(
            _average,
            path=path,
            weights=weights,
            decay=decay,
            overwrite=overwrite,
            write_state_file=write_state_file,
            progress=progress,
        ),
    )


def _average(
    *sources: str,
    path: str,
    weights: Sequence[float] | None,
    decay: float | None,
    overwrite: bool,
    write_state_file: bool,
    progress: Progress,
) -> str:
    readers = [open_source(source) for source in sources]
    _check_keys(readers)
    last = Contents(readers[-1])
    order = _by_age(readers, last)
    factors = _weights(weights, decay, order)
    newest = readers[order[-1]]
    destination = destination_prefix(newest.prefix, path)
    writer = BundleWriter(destination)  # It notices what is written there after the check.
    for reader in readers:
        check_destination(reader, destination, overwrite)
        reader.check_data_files()
    contents = last if newest is readers[-1] else Contents(newest)
    averaged = _averaged_keys(contents)
    _check_types(readers, averaged)
    averages = _Averages(readers, factors, progress)
    names = contents.weights.names if contents.weights else {}
    if isinstance(newest, BundleReader):
        _add_to_rest(writer, newest, averaged, averages)
    else:
        for key in contents.names:
            compute = averages.of if key in averaged else functools.partial(newest.tensor, verify=True)
            _add(writer, names.get(key, key), newest, key, compute)
    writer.publish(progress)
    if write_state_file:
        base = os.path.basename(destination)
        write_state(os.path.dirname(destination), CheckpointState(base, (base,)))
    return destination


def find_sources(sources: str | os.PathLike | Paths, last: int | None) -> list[str]:
    """Returns the paths of the checkpoints that are averaged.

    Args:
      sources: The checkpoints, or one directory with `last`.
      last: How many of the last checkpoints of the directory are averaged; None for all `sources`.

    Raises:
      CheckpointError: If there are no sources, or fewer than `last`; or if `last` is given for several paths, or
        missing for a directory that is the only one.
    """
    given = [sources] if isinstance(sources, (str, bytes, os.PathLike)) else sources
    paths = [as_path(path) for path in given]
    if last is not None:
        if len(paths) != 1:
            raise CheckpointError(
                f'last={last} applies to one directory, not to {len(paths)} paths; omit it.'
            )
        return last_checkpoints(paths[0], last)
    if not paths:
        raise CheckpointError('There is no checkpoint to average; pass several.')
    if len(paths) == 1 and files_for(paths[0]).is_dir(paths[0]) and not checkpoint_exists(paths[0]):
        find_source(paths[0])
        raise CheckpointError(
            f'{paths[0]} is a directory, whose latest checkpoint alone is no average; pass last=5 for its last five.'
        )
    return paths


def _by_age(readers: Sequence[TensorSource], last: Contents) -> list[int]:
    """Returns the numbers of the sources, the newest last: by global step; as they are if not all have one.

    Args:
      readers: The sources.
      last: The contents of the last of them, which tell where the global step is.
    """
    steps = Source.read(last).steps
    ages: list[float] = []
    if steps:
        numbers = [read_number(reader, steps[0].key, verify=True) for reader in readers]
        ages = [number for number in numbers if number is not None and math.isfinite(number)]
    # The sort is stable, so that sources of equal age keep their order.
    return sorted(range(len(readers)), key=lambda number: ages[number] if len(ages) == len(readers) else 0)


def _weights(weights: Sequence[float] | None, decay: float | None, order: Sequence[int]) -> list[float]:
    """Returns the weight of each source.

    Args:
      weights: The given weights; None for none.
      decay: The ratio of the weights of sources that follow each other; None for none.
      order: The numbers of the sources, the newest last.
    """
    if decay is not None:
        if weights is not None:
            raise CheckpointError(f'decay={decay} would have no effect with weights; omit one of them.')
        if not (decay > 0 and math.isfinite(decay)):
            raise CheckpointError(f'decay={decay} is not a positive number; pass one, such as 0.9.')
        ages = {number: age for age, number in enumerate(reversed(order))}
        try:
            return [decay ** ages[number] for number in range(len(order))]
        except OverflowError as error:
            raise CheckpointError(
                f'decay={decay} gives weights beyond the floating-point numbers; pass a smaller number.'
            ) from error
    if weights is None:
        return [1.0] * len(order)
    if len(weights) != len(order):
        raise CheckpointError(
            f'There are {len(weights)} weights for {len(order)} checkpoints; pass one for each.'
        )
    bad = [weight for weight in weights if not (weight > 0 and math.isfinite(weight))]
    if bad:
        raise CheckpointError(
            f'The weight {bad[0]} is not a positive number; leave out that checkpoint instead.'
        )
    return [float(weight) for weight in weights]


def _averaged_keys(contents: Contents) -> dict[str, list[str]]:
    """Returns the keys of each tensor that is averaged, by the first of them."""
    meanings, averaged = contents.meanings(), {}
    contents.reader.decode_all()
    for key, group in contents.tensors():
        entry = contents.reader.entry(key)
        if entry.dtype in _REAL | _COMPLEX and not any(_is_kept(meanings[other]) for other in group):
            averaged[key] = group
    return averaged


def _is_kept(meaning: Meaning) -> bool:
    # What a zero-debiased average is computed from is no average of a variable, and includes a count of updates.
    return meaning.kind in _KEPT or (meaning.kind is Kind.AVERAGE and not meaning.variable)


def _check_keys(readers: Sequence[TensorSource]) -> None:
    """Checks that all sources have the same keys.

    Raises:
      CheckpointError: If they do not. The error lists the keys.
    """
    first = readers[-1]
    keys = set(first.keys())
    for reader in readers[:-1]:
        others = set(reader.keys())
        if others != keys:
            differences = [
                f'{owner.prefix} alone has {formatting.listing([*map(repr, sorted(alone))], _MAX_LISTED)}'
                for owner, alone in ((reader, others - keys), (first, keys - others))
                if alone
            ]
            raise CheckpointError(
                f'{" and ".join(differences)}; pass checkpoints of one model in one style, or convert them first.'
            )


def _check_types(readers: Sequence[TensorSource], averaged: Collection[str]) -> None:
    """Checks that the tensors that are averaged have the same shapes and types in all sources.

    Args:
      readers: The sources.
      averaged: The keys of the tensors that are averaged. Others, such as tables that grow, may differ.

    Raises:
      CheckpointError: If they do not. The error lists them.
    """
    first = readers[-1]
    for reader in readers[:-1]:
        reader.decode_all()
        different = [key for key in averaged if _type(reader, key) != _type(first, key)]
        if different:
            described = [
                f'{key!r} ({_described(reader, key)} and {_described(first, key)})' for key in different
            ]
            listed = formatting.listing(described, _MAX_LISTED)
            raise CheckpointError(
                f'{reader.prefix} and {first.prefix} differ in {listed}; pass checkpoints of one model.'
            )


def _type(reader: TensorSource, key: str) -> tuple[int, tuple[int, ...]]:
    entry = reader.entry(key)
    return entry.dtype, tuple(entry.shape)


def _described(reader: TensorSource, key: str) -> str:
    dtype, shape = _type(reader, key)
    return f'{dtypes.name(dtype)} {list(shape)}'


@dataclasses.dataclass(frozen=True)
class _Averages:
    """Computes averages.

    Attributes:
      readers: The sources.
      weights: Their weights.
      progress: Called with the number of bytes of each average.
    """

    readers: Sequence[TensorSource]
    weights: Sequence[float]
    progress: Progress

    def of(self, key: str) -> np.ndarray:
        """Returns the average of a tensor. A whole value is in memory twice: of one source, and the sum."""
        dtype, shape = _type(self.readers[0], key)
        wide = np.dtype(np.complex128 if dtype in _COMPLEX else np.float64)
        total: np.ndarray = np.empty(math.prod(shape), wide)
        with np.errstate(all='ignore'):  # Values that are infinite, or not a number, are averaged to such.
            for number, (reader, weight) in enumerate(zip(self.readers, self.weights, strict=True)):
                _add_to(total, reader.tensor(key, verify=True).reshape(-1), weight, is_first=number == 0)
            total /= float(np.sum(self.weights))
            result = total.astype(dtypes.to_numpy(dtype)).reshape(shape)
        if self.progress is not None:
            self.progress(result.nbytes)
        return result


def _add_to(total: np.ndarray, value: np.ndarray, weight: float, is_first: bool) -> None:
    """Adds a weighted value to a sum, piece by piece.

    Args:
      total: The sum, of one axis.
      value: The value, of as many elements.
      weight: The weight.
      is_first: Whether the sum is uninitialized, and becomes the weighted value.
    """
    for start in range(0, len(total), _PIECE):
        piece = value[start : start + _PIECE].astype(total.dtype)
        piece *= weight
        if is_first:
            total[start : start + _PIECE] = piece
        else:
            total[start : start + _PIECE] += piece


def _add_to_rest(
    writer: BundleWriter, newest: BundleReader, averaged: dict[str, list[str]], averages: _Averages
) -> None:
    """Adds the averages to what is copied from the newest source.

    Args:
      writer: The writer of the new checkpoint.
      newest: The newest source.
      averaged: The keys of each tensor that is averaged, by the first of them.
      averages: Computes them.
    """
    writer.include(newest, 'copy')
    for key, group in averaged.items():
        for other in group:
            writer.remove(other)
        _add(writer, key, newest, key, averages.of)
        for other in group[1:]:
            if _type(newest, other) == _type(newest, key):
                writer.alias(other, key)
            else:
                _add(writer, other, newest, other, averages.of)
    writer.compact()


def _add(
    writer: BundleWriter, name: str, source: TensorSource, key: str, compute: Callable[[str], np.ndarray]
) -> None:
    writer.add_computed(name, *_type(source, key), functools.partial(compute, key))
