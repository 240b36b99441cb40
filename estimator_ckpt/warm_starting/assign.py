"""Assigns values to the variables of a program, in batches and without adding ops."""

import collections
import concurrent.futures
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.mapping.recipes import TensorRecipe
from estimator_ckpt.mapping.targets import TargetTensor
from estimator_ckpt.program.tensorflow_internals import feedable, slice_info
from estimator_ckpt.warm_starting.partial_restore import PartialRestore, Restoration, assignment_of

# The number of bytes of values in memory at once. Remote sessions take less than 2 GB in one call.
_BATCH_BYTES = 256 * 1024 * 1024

# The number of values that are read ahead, by as many threads, and the average size in bytes from which they are.
_AHEAD, _LARGE = 2, 256 * 1024

Assignments = Sequence[tuple[TargetTensor, Any]]


def assign_in_session(session: tf.compat.v1.Session, loads: Assignments, reader: TensorSource) -> None:
    """Assigns values in a session, local or remote, by feeding them to existing ops of the graph.

    Args:
      session: A session in which the variables are initialized. Its graph can be finalized.
      loads: The variables with the recipes for their values.
      reader: The reader of the checkpoint.

    Raises:
      CorruptCheckpointError: If a checksum does not match.
    """
    restore = PartialRestore(reader)
    restorations: list[Restoration] = []
    computed: list[tuple[TargetTensor, Any]] = []
    for wanted, recipe in loads:
        added = _restorations(wanted, recipe, restore) if reader.is_read_by_tensorflow else []
        restorations += added
        computed += [] if added else [(wanted, recipe)]
    batch = _Batch(session)
    for (wanted, _), value in zip(computed, _values(computed, reader), strict=True):
        for piece, where in _pieces(wanted.variable):
            part = _filled(value[where or ...], functools.partial(session.run, piece))
            for variable in _components(piece):
                batch.add(variable, _share(part, piece))
    batch.run()
    try:
        restore.run(session, restorations)
    except (tf.errors.DataLossError, tf.errors.OutOfRangeError):
        for restoration in restorations:
            reader.tensor(restoration.key, verify=True)  # Raises an error with the key of the damaged tensor.
        raise


def _restorations(wanted: TargetTensor, recipe: Any, restore: PartialRestore) -> list[Restoration]:
    """Returns the restorations of a value by ops of a saver; empty if it is computed, or there are no such ops."""
    if not isinstance(recipe, TensorRecipe) or not recipe.plain:
        return []
    restorations = []
    for piece in wanted.variable:
        info = slice_info(piece)
        components = _components(piece)
        for variable in components:
            assignment, output = assignment_of(variable)
            if output is None or not restore.can(output) or len(components) > 1:
                return []
            slice_spec = info.spec if info else ''
            restorations.append(Restoration(assignment, output, recipe.sources[0], slice_spec))
    return restorations


def assign_eagerly(sources: Sequence[tuple[Assignments, TensorSource]]) -> None:
    """Assigns values in eager mode.

    Args:
      sources: The variables with the recipes for their values, and the reader of the checkpoint, for each checkpoint.
        All checksums are checked before the first value is assigned.

    Raises:
      CorruptCheckpointError: If a checksum does not match.
    """
    loads = [load for of_source, _ in sources for load in of_source]
    values: Iterable[np.ndarray] = _all_values(sources)
    if _size(loads) < _BATCH_BYTES:
        values = list(values)
    else:
        collections.deque(_all_values(sources), maxlen=0)
    for (wanted, _), value in zip(loads, values, strict=True):
        wanted.variable.assign(_filled(value, wanted.variable.numpy))


def _all_values(sources: Sequence[tuple[Assignments, TensorSource]]) -> Iterator[np.ndarray]:
    for loads, reader in sources:
        yield from _values(loads, reader)


def _size(loads: Assignments) -> int:
    """Returns the number of bytes of all values."""
    return sum((dtypes.size(wanted.dtype) or 1) * math.prod(wanted.shape or ()) for wanted, _ in loads)


def _values(loads: Assignments, reader: TensorSource) -> Iterator[np.ndarray]:
    """Yields the values one after the other. If they are large, the next ones are read ahead."""
    if _size(loads) < _LARGE * len(loads):
        yield from (recipe.compute(reader) for _, recipe in loads)
        return
    with concurrent.futures.ThreadPoolExecutor(_AHEAD) as pool:
        pending: collections.deque[concurrent.futures.Future[np.ndarray]] = collections.deque()
        for _, recipe in loads:
            pending.append(pool.submit(recipe.compute, reader))
            if len(pending) > _AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


class _Batch:
    """A batch of assignments, which run in one call."""

    def __init__(self, session: tf.compat.v1.Session):
        self._session = session
        self._clear()

    def _clear(self) -> None:
        self._ops: list[tf.Operation] = []
        self._feeds: dict[Any, np.ndarray] = {}
        self._bytes = 0

    def add(self, variable: Any, value: np.ndarray) -> None:
        """Adds an assignment. A full batch is run first.

        Args:
          variable: The variable.
          value: The value.
        """
        # Even the ops that compute a fed value are optimized, which takes long for thousands of initializers.
        assignment, _ = assignment_of(variable)
        fed = assignment.inputs[1]
        # Two variables can have the same initial value, which can be fed only once.
        if fed.ref() in self._feeds or self._bytes + value.nbytes > _BATCH_BYTES:
            self.run()
        self._ops.append(assignment)
        self._feeds[fed.ref()] = value
        self._bytes += value.nbytes

    def run(self) -> None:
        """Runs the assignments that were added."""
        if not self._ops:
            return
        feeds = {reference.deref(): value for reference, value in self._feeds.items()}
        with feedable(self._session.graph, feeds):
            self._session.run(self._ops, feeds)
        self._clear()


def _pieces(pieces: Sequence[Any]) -> Iterator[tuple[Any, tuple[slice, ...]]]:
    """Yields each piece of a partitioned variable with its slices in the whole; others whole, without slices."""
    for piece in pieces:
        info = slice_info(piece)
        if info is None:
            yield piece, ()
        else:
            extents = zip(info.var_offset, info.var_shape, strict=True)
            yield piece, tuple(slice(start, start + length) for start, length in extents)


def _components(variable: Any) -> Sequence[Any]:
    """Returns the variables of all devices under a distribution strategy; otherwise only the variable itself."""
    return variable.values if isinstance(variable, tf.distribute.DistributedValues) else [variable]


def _share(value: np.ndarray, variable: Any) -> np.ndarray:
    """Returns the value for each device. It is the whole value, unless reading the variable sums over devices."""
    devices = len(_components(variable))
    summed = getattr(variable, 'aggregation', None) is tf.VariableAggregation.SUM
    on_read = getattr(variable, 'synchronization', None) is tf.VariableSynchronization.ON_READ
    return (value / devices).astype(value.dtype) if devices > 1 and summed and on_read else value


def _filled(value: np.ndarray, own: Callable[[], np.ndarray]) -> np.ndarray:
    """Returns a value, with the present value of the variable where it is masked."""
    return np.where(value.mask, own(), value.data) if isinstance(value, np.ma.MaskedArray) else value
