"""Puts values into the variables of a program, a few at a time, without an op more."""

import collections
import concurrent.futures
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

# So many bytes of values are held at once; remote sessions take less than 2 GB in one call.
_BATCH_BYTES = 256 * 1024 * 1024

# So many values are read ahead, by as many threads, where they are as large as this on average.
_AHEAD, _LARGE = 2, 256 * 1024

Assignments = Sequence[tuple[TargetTensor, Any]]


def assign_in_session(session: tf.compat.v1.Session, loads: Assignments, reader: TensorSource) -> None:
    """Assigns values in a session, local or remote: they are fed to ops that the graph has.

    Args:
      session: Its graph can be finalized. The variables are initialized.
      loads: The variables with the recipes of their values.
      reader: The checkpoint.

    Raises:
      CorruptCheckpointError: If a checksum does not match.
    """
    restore, restorations, others = PartialRestore(reader), [], []
    for wanted, recipe in loads:
        found = _restorations(wanted, recipe, restore)
        restorations += found or ()
        others += [] if found else [(wanted, recipe)]
    batch = _Batch(session)
    for (wanted, _), value in zip(others, _values(others, reader), strict=True):
        for piece, where in _pieces(wanted.variable):
            part = _filled(value[where or ...], lambda piece=piece: session.run(piece))
            for variable in _components(piece):
                batch.add(variable, _share(part, piece))
    batch.run()
    try:
        restore.run(session, restorations)
    except (tf.errors.DataLossError, tf.errors.OutOfRangeError):
        for one in restorations:
            reader.tensor(one.key, verify=True)  # Raises with the key of the tensor that is damaged.
        raise


def _restorations(wanted: TargetTensor, recipe: Any, restore: PartialRestore) -> list[Restoration]:
    """What of a value a saver's ops can read; nothing where it is made of others, or there are no such ops."""
    if not isinstance(recipe, TensorRecipe) or not recipe.plain:
        return []
    found = []
    for piece in wanted.variable:
        info = slice_info(piece)
        components = _components(piece)
        for variable in components:
            assignment, output = assignment_of(variable)
            if output is None or not restore.can(output) or len(components) > 1:
                return []
            found.append(Restoration(assignment, output, recipe.sources[0], info.spec if info else ''))
    return found


def assign_eagerly(loads: Assignments, reader: TensorSource) -> None:
    """Assigns values in eager mode.

    Args:
      loads: The variables with the recipes of their values.
      reader: The checkpoint. Its checksums are checked before the first value is assigned.

    Raises:
      CorruptCheckpointError: If a checksum does not match.
    """
    values: Iterable[np.ndarray] = _values(loads, reader)
    if _size(loads) < _BATCH_BYTES:
        values = list(values)
    else:
        collections.deque(_values(loads, reader), maxlen=0)
    for (wanted, _), value in zip(loads, values, strict=True):
        wanted.variable.assign(_filled(value, wanted.variable.numpy))


def _size(loads: Assignments) -> int:
    return sum((dtypes.size(wanted.dtype) or 1) * math.prod(wanted.shape or ()) for wanted, _ in loads)


def _values(loads: Assignments, reader: TensorSource) -> Iterator[np.ndarray]:
    """The values one after the other; of large ones the next are read meanwhile."""
    if _size(loads) < _LARGE * len(loads):
        yield from (recipe.compute(reader) for _, recipe in loads)
        return
    with concurrent.futures.ThreadPoolExecutor(_AHEAD) as pool:
        coming = collections.deque()
        for _, recipe in loads:
            coming.append(pool.submit(recipe.compute, reader))
            if len(coming) > _AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


class _Batch:
    """Assignments that are run together."""

    def __init__(self, session: tf.compat.v1.Session):
        self._session = session
        self._clear()

    def _clear(self) -> None:
        self._ops: list[tf.Operation] = []
        self._feeds: dict[Any, np.ndarray] = {}
        self._bytes = 0

    def add(self, variable: Any, value: np.ndarray) -> None:
        """Assigns a value, at the latest by the next `run`."""
        # What computes a value that is fed is still optimized, which takes long for some thousand initializers.
        assignment, _ = assignment_of(variable)
        fed = assignment.inputs[1]
        # Two variables can have one initial value.
        if fed.ref() in self._feeds or self._bytes + value.nbytes > _BATCH_BYTES:
            self.run()
        self._ops.append(assignment)
        self._feeds[fed.ref()] = value
        self._bytes += value.nbytes

    def run(self) -> None:
        """Runs what was added."""
        if not self._ops:
            return
        feeds = {reference.deref(): value for reference, value in self._feeds.items()}
        with feedable(self._session.graph, feeds):
            self._session.run(self._ops, feeds)
        self._clear()


def _pieces(pieces: Sequence[Any]) -> Iterator[tuple[Any, tuple[slice, ...]]]:
    """Each piece of a partitioned variable, or the only one, with its place in the whole."""
    for piece in pieces:
        info = slice_info(piece)
        if info is None:
            yield piece, ()
        else:
            extents = zip(info.var_offset, info.var_shape, strict=True)
            yield piece, tuple(slice(start, start + length) for start, length in extents)


def _components(variable: Any) -> Sequence[Any]:
    """The variables of the devices, under a distribution strategy."""
    return variable.values if isinstance(variable, tf.distribute.DistributedValues) else [variable]


def _share(value: np.ndarray, variable: Any) -> np.ndarray:
    """What each device gets of a value: all, but of a sum its part."""
    devices = len(_components(variable))
    summed = getattr(variable, 'aggregation', None) is tf.VariableAggregation.SUM
    on_read = getattr(variable, 'synchronization', None) is tf.VariableSynchronization.ON_READ
    return (value / devices).astype(value.dtype) if devices > 1 and summed and on_read else value


def _filled(value: np.ndarray, own: Callable[[], np.ndarray]) -> np.ndarray:
    """The value; where it is masked, the variable's own."""
    return np.where(value.mask, own(), value.data) if np.ma.isMaskedArray(value) else value
