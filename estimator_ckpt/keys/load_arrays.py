"""Gives the tensors of a checkpoint as a mapping of lazy arrays, which are read when NumPy asks for their values."""

import difflib
import math
import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.formats.opening import noticing_deletion, open_source
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys import object_keys

# Rows that are at most this many bytes apart are read together.
_GAP = 64 * 1024
# Iteration reads about this many bytes at a time.
_BLOCK = 16 * 1024 * 1024
_MAX_NAMES = 3
_SPARE = 256
# The methods of arrays that would change a copy that nobody sees.
_CHANGING = frozenset(['fill', 'itemset', 'partition', 'put', 'resize', 'setfield', 'setflags', 'sort'])
_DELEGATED = frozenset(name for name in dir(np.ndarray) if not name.startswith('_')) - {
    *_CHANGING,
    'base',
    'ctypes',
    'data',
    'flags',
    'strides',
}


class LazyArray(np.lib.mixins.NDArrayOperatorsMixin):
    """A tensor of a checkpoint that stands for its value, which is read anew each time that it is needed.

    Shape and type are known without reading. `array[index]` reads the rows along the first axis that the index needs.
    `numpy.asarray(array)`, operators, NumPy's functions and the methods of arrays read the whole value, whose checksum
    is checked. Arrays that are returned are copies, and writable; the lazy array itself cannot be changed.

    Attributes:
      key: The key of the tensor.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, source: TensorSource, key: str):
        """Creates an array that has not been read.

        Args:
          source: The reader of the checkpoint.
          key: The key of the tensor.

        Raises:
          KeyError: If there is no such tensor.
          CorruptCheckpointError: If the entry of the tensor is damaged.
        """
        self.key = key
        self._source, self._entry = source, source.entry(key)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return tuple(self._entry.shape)

    @property
    def dtype(self) -> np.dtype:
        """The NumPy type; `object` for strings, which are `bytes`.

        Raises:
          UnsupportedDtypeError: If NumPy has no such type.
        """
        number = self._entry.dtype
        return np.dtype(object) if number == dtypes.STRING else dtypes.to_numpy(number)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._entry.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self._entry.shape)

    @property
    def nbytes(self) -> int:
        """The number of bytes that the array takes in memory, without the contents of strings."""
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        return f'<LazyArray {self.key!r}: {dtypes.name(self._entry.dtype)} {list(self.shape)}>'

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError('len() of unsized object')
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError('iteration over a 0-d array')
        return self._rows()

    def _rows(self) -> Iterator[Any]:
        step = max(_BLOCK // max(self._row_size(), 1), 1)
        for start in range(0, len(self), step):
            for row in self._read_rows(start, min(start + step, len(self))):
                yield row.copy() if isinstance(row, np.ndarray) else row

    def __contains__(self, value: object) -> bool:
        return value in np.asarray(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(
                f'{self!r} is in a file and cannot be used without a copy; leave out copy=False.'
            )
        with noticing_deletion(self._source.prefix):
            value = self._source.tensor(self.key, verify=True)
        return value if dtype is None else value.astype(dtype, copy=False)

    def __dlpack__(self, **kwargs: Any) -> Any:
        return np.asarray(self).__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return np.empty(0).__dlpack_device__()

    def __deepcopy__(self, memo: dict[int, Any]) -> 'LazyArray':
        return self  # It cannot be changed.

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._source.prefix, self.key)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(out, LazyArray) for out in kwargs.get('out', ())):
            raise TypeError(f'{self!r} cannot be changed; use a copy: np.array(array).')
        arrays = [np.asarray(item) if isinstance(item, LazyArray) else item for item in inputs]
        if isinstance(kwargs.get('where'), LazyArray):
            kwargs['where'] = np.asarray(kwargs['where'])
        return getattr(ufunc, method)(*arrays, **kwargs)

    def __getattr__(self, name: str) -> Any:
        # Only what the class itself lacks comes here.
        if name in _DELEGATED:
            return getattr(np.asarray(self), name)
        if name in _CHANGING:
            raise AttributeError(
                f'A lazy array has no {name!r}, because it cannot be changed; use a copy: np.array(array).'
            )
        raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}')

    def __bool__(self) -> bool:
        return bool(np.asarray(self))

    def __int__(self) -> int:
        return int(np.asarray(self))

    def __float__(self) -> float:
        return float(np.asarray(self))

    def __complex__(self) -> complex:
        return complex(np.asarray(self))

    def __index__(self) -> int:
        return operator.index(np.asarray(self))

    def __getitem__(self, index: Any) -> Any:
        """Returns what NumPy returns for an index, as a copy.

        Only the rows along the first axis that the index needs are read, if the format allows it. Checksums cover whole
        tensors, and are checked only if all rows are read.

        Args:
          index: Any index of NumPy.

        Raises:
          IndexError: If the index is out of bounds.
        """
        parts = index if isinstance(index, tuple) else (index,)
        position = next((number for number, part in enumerate(parts) if part is not None), len(parts))
        selected = self._selected(parts[position]) if self.ndim and position < len(parts) else None
        if selected is None or len(selected[0]) == len(self):
            whole = np.asarray(self)
            return _own(whole[index])
        rows, part = selected
        block = self._block(rows)
        return _own(block[tuple([*parts[:position], part, *parts[position + 1 :]])])

    def _selected(self, part: Any) -> tuple[Sequence[int], Any] | None:
        """Returns the rows that an index along the first axis needs, and the index among these rows.

        Args:
          part: The index along the first axis.

        Returns:
          The rows in ascending order, and the index; None if NumPy is to judge with the whole value.

        Raises:
          IndexError: If the index is out of bounds.
        """
        extent = len(self)
        if isinstance(part, slice):
            rows = range(*part.indices(extent))
            return (rows, slice(None)) if rows.step > 0 else (rows[::-1], slice(None, None, -1))
        if isinstance(part, (bool, np.bool_)) or part is Ellipsis:
            return None
        if not isinstance(part, (list, np.ndarray)):
            try:
                number = operator.index(part)
            except TypeError:
                part = np.asarray(part)
            else:
                return [_in_bounds(number, extent)], 0
        numbers = np.asarray(part)
        if not numbers.size and isinstance(part, list):
            numbers = numbers.astype(np.intp)
        if numbers.dtype == bool and numbers.shape == (extent,):
            numbers = np.flatnonzero(numbers)
        if numbers.dtype.kind not in 'iu':
            return None
        if numbers.size:
            for bound in (numbers.min(), numbers.max()):
                _in_bounds(int(bound), extent)
        unique, inverse = np.unique(np.where(numbers < 0, numbers + extent, numbers), return_inverse=True)
        return unique.tolist(), inverse.reshape(numbers.shape)

    def _row_size(self) -> int:
        return (dtypes.size(self._entry.dtype) or 0) * math.prod(self.shape[1:])

    def _read_rows(self, start: int, stop: int) -> np.ndarray:
        with noticing_deletion(self._source.prefix):
            return self._source.rows(self.key, start, stop)

    def _block(self, rows: Sequence[int]) -> np.ndarray:
        """Reads some rows, in ascending order. Rows that are close to each other are read together."""
        if not rows:
            return np.empty((0, *self.shape[1:]), self.dtype)
        apart = max(_GAP // max(self._row_size(), 1), 1)
        if isinstance(rows, range) and rows.step <= apart:
            return self._read_rows(rows[0], rows[-1] + 1)[:: rows.step]
        blocks, first = [], 0
        for number in range(1, len(rows) + 1):
            if number < len(rows) and rows[number] - rows[number - 1] <= apart:
                continue
            start = rows[first]
            block = self._read_rows(start, rows[number - 1] + 1)
            blocks.append(block[[row - start for row in rows[first:number]]])
            first = number
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


class LazyArrays(Mapping[str, LazyArray]):
    """The tensors of a checkpoint by their keys.

    Iteration gives the keys in their order in the checkpoint, without the object graph, which can be looked up.

    Attributes:
      prefix: The path of the checkpoint.
    """

    def __init__(self, source: TensorSource):
        """Creates a mapping of the tensors of a checkpoint.

        Args:
          source: The reader of the checkpoint.
        """
        self.prefix = source.prefix
        self._source = source
        self._keys = [key for key in source.keys() if key != object_keys.OBJECT_GRAPH]  # noqa: SIM118

    def __repr__(self) -> str:
        return f'<LazyArrays: {len(self)} tensors of {self.prefix}>'

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._source

    def __getitem__(self, key: str) -> LazyArray:
        """Returns a tensor, which is not read.

        Raises:
          KeyError: If there is no such tensor. The message has the nearest names.
          CorruptCheckpointError: If the entry of the tensor is damaged.
        """
        if key not in self:
            raise _MissingKeyError(self._missing(key))
        return LazyArray(self._source, key)

    def __reduce__(self) -> tuple[Any, ...]:
        return load, (self.prefix,)

    def get(self, key: str, default: Any = None) -> Any:
        """Returns a tensor, or `default` if there is none.

        Args:
          key: The key of the tensor.
          default: What to return if there is no such tensor.
        """
        return self[key] if key in self else default  # noqa: SIM401

    def _missing(self, key: object) -> str:
        message = f'{self.prefix} has no tensor {key!r}'
        names = difflib.get_close_matches(key, self._keys, _MAX_NAMES, 0.5) if isinstance(key, str) else []
        return f'{message}; the nearest names are {", ".join(map(repr, names))}.' if names else f'{message}.'


class _MissingKeyError(KeyError):
    """A KeyError that shows its sentence as it is."""

    def __str__(self) -> str:
        return str(self.args[0])


def load(path: str | bytes | os.PathLike) -> LazyArrays:
    """Opens a checkpoint as a mapping from keys to arrays, which are read when their values are needed.

    Example:
      weights = estimator_ckpt.load('model.ckpt-7')
      weights['dense/kernel'].shape  # Reads nothing.
      weights['embeddings'][:10]  # Reads ten rows.
      np.asarray(weights['dense/bias'])  # Reads all, and checks the checksum.

    Args:
      path: A checkpoint of the V2 or V1 format, a SavedModel, a frozen graph, or a file of Keras, safetensors or NumPy.

    Returns:
      The tensors by their keys, as `tf.train.list_variables` names them.

    Raises:
      CheckpointNotFoundError: If there is no checkpoint.
      CorruptCheckpointError: If the checkpoint is damaged.
    """
    return LazyArrays(open_source(path))


def _reopened(path: str, key: str) -> LazyArray:
    """Returns a tensor that was pickled, which is a path and a key."""
    return load(path)[key]


def _in_bounds(index: int, extent: int) -> int:
    """Returns an index as one that counts from the beginning."""
    if not -extent <= index < extent:
        raise IndexError(f'index {index} is out of bounds for axis 0 with size {extent}')
    return index % extent


def _own(value: Any) -> Any:
    """Returns an array that does not keep a larger one in memory."""
    if not isinstance(value, np.ndarray):
        return value
    owner = value
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    # The memory of an array may have some bytes more, for its alignment.
    return value.copy() if owner.nbytes > value.nbytes + _SPARE else value
