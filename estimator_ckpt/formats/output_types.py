"""Checks, before any value is computed, that a format has the types of the tensors to be written, and says the cure."""

import re
from collections.abc import Collection, Sequence

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.formats.output import OutputTensor

# The types that a cast by a rule makes storable, and what to cast them to.
_CASTS = {
    'bfloat16': 'float32',
    'float8_e5m2': 'float32',
    'float8_e4m3fn': 'float32',
    'int4': 'int8',
    'uint4': 'uint8',
    'complex128': 'complex64',
}


def check_types(path: str, what: str, tensors: Sequence[OutputTensor], storable: Collection[int]) -> None:
    """Checks that a file can hold tensors of these types.

    Args:
      path: The path of the new file.
      what: The kind of the file for messages, in the plural.
      tensors: The tensors to be written.
      storable: The numbers of the types that the format has.

    Raises:
      CheckpointError: If a tensor has another type.
    """
    for name, dtype, _, _ in tensors:
        if dtype in storable:
            continue
        cure = f"leave it out (`drop=['{name}']` or `--drop={name}`)"
        type_name = dtypes.name(dtype)
        if type_name in _CASTS:
            cure = f'cast it by the rule `{re.escape(name)} -> {name} | cast={_CASTS[type_name]}`, or {cure}'
        raise CheckpointError(f'{path}: {what} cannot hold {name!r}, whose type is {type_name}; {cure}.')
