"""TensorFlow's data type numbers (`tensorflow/core/framework/types.proto`) and the NumPy types that hold them."""

import numpy as np

from estimator_ckpt.bundle.errors import CheckpointError

STRING, BFLOAT16, VARIANT = 7, 14, 21
_NUMPY = {
    1: 'float32',
    2: 'float64',
    3: 'int32',
    4: 'uint8',
    5: 'int16',
    6: 'int8',
    8: 'complex64',
    9: 'int64',
    10: 'bool',
    11: 'int8',  # qint8
    12: 'uint8',  # quint8
    13: 'int32',  # qint32
    15: 'int16',  # qint16
    17: 'uint16',
    16: 'uint16',  # quint16; after 17, because `from_numpy` takes the first match.
    18: 'complex128',
    19: 'float16',
    22: 'uint32',
    23: 'uint64',
}
_ML_DTYPES = {14: 'bfloat16', 24: 'float8_e5m2', 25: 'float8_e4m3fn', 29: 'int4', 30: 'uint4'}
_NAMES = {
    **_NUMPY,
    **_ML_DTYPES,
    STRING: 'string',
    11: 'qint8',
    12: 'quint8',
    13: 'qint32',
    15: 'qint16',
    16: 'quint16',
    20: 'resource',
    21: 'variant',
}


class UnsupportedDtypeError(CheckpointError, TypeError):
    """Raised for a data type that NumPy cannot hold here. The bytes can still be copied."""


def name(number: int) -> str:
    """Returns TensorFlow's name of a data type, such as `'float32'`."""
    return _NAMES.get(number, f'dtype {number}')


def size(number: int) -> int | None:
    """Returns the number of bytes of one element; None if it is not fixed or not known."""
    if number in _NUMPY:
        return np.dtype(_NUMPY[number]).itemsize
    return {14: 2, 24: 1, 25: 1, 29: 1, 30: 1}.get(number)


def to_numpy(number: int) -> np.dtype:
    """Returns the NumPy type of a numeric data type.

    Raises:
      UnsupportedDtypeError: If there is none, or if it needs `ml_dtypes`, which is not installed.
    """
    if number in _NUMPY:
        return np.dtype(_NUMPY[number])
    if number not in _ML_DTYPES:
        raise UnsupportedDtypeError(f'{name(number)} has no NumPy type')
    try:
        import ml_dtypes
    except ImportError as error:
        raise UnsupportedDtypeError(
            f'{name(number)} needs the package ml_dtypes: pip install ml_dtypes'
        ) from error
    return np.dtype(getattr(ml_dtypes, _ML_DTYPES[number]))


def from_numpy(dtype: np.dtype) -> int:
    """Returns the number of the data type that stores arrays of `dtype`.

    Raises:
      UnsupportedDtypeError: If TensorFlow has no such type.
    """
    if dtype.kind in 'OSU':
        return STRING
    for table in (_NUMPY, _ML_DTYPES):
        for number, numpy_name in table.items():
            if dtype.name == numpy_name:
                return number
    raise UnsupportedDtypeError(f'TensorFlow cannot store arrays of {dtype}')
