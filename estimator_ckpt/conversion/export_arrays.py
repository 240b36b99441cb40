"""Writes the values of a checkpoint under names: as a file of safetensors or a NumPy archive."""

import functools
from collections.abc import Sequence

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import Progress
from estimator_ckpt.conversion.destinations import NPZ
from estimator_ckpt.conversion.export_options import ExportOptions
from estimator_ckpt.conversion.pytorch_layout import PyTorchTensor
from estimator_ckpt.formats.npz import write_npz
from estimator_ckpt.formats.output import OutputTensor
from estimator_ckpt.formats.safetensors_file import write_safetensors
from estimator_ckpt.formats.source import TensorSource

# What libraries read from the metadata of a file: whose layouts its tensors have.
_FORMATS = {None: 'tf', 'pytorch': 'pt'}


def export_arrays(
    reader: TensorSource,
    tensors: Sequence[PyTorchTensor],
    destination: str,
    ending: str,
    options: ExportOptions,
    progress: Progress,
) -> None:
    """Writes tensors one by one, so that only one is in memory.

    Args:
      reader: The reader of the checkpoint.
      tensors: The tensors with their new names, which must differ.
      destination: The path of the new file, which appears whole or not at all.
      ending: Its ending: `'.safetensors'` or `'.npz'`.
      options: The options. Their library is the one whose layouts the tensors have.
      progress: Called with the number of bytes of each tensor after it was written.

    Raises:
      CheckpointError: If the file cannot hold a tensor, such as strings. The error lists all of them.
    """
    outputs, strings = [], []
    for tensor in tensors:
        dtype, shape = tensor.recipe.outcome(reader)
        if dtype in (dtypes.STRING, dtypes.VARIANT) or dtypes.size(dtype) is None:
            strings.append(f'{tensor.name!r} ({dtypes.name(dtype)})')
        outputs.append(
            OutputTensor(tensor.name, dtype, shape, functools.partial(tensor.recipe.compute, reader))
        )
    if strings:
        raise CheckpointError(
            f'{reader.prefix}: a {ending} file holds numbers only, not {", ".join(strings)}; leave them out with drop.'
        )
    if options.dry_run:
        return
    durable, overwrite = options.durable, options.overwrite
    if ending == NPZ:
        write_npz(destination, outputs, progress, durable, overwrite)
    else:
        metadata = {'format': _FORMATS[options.library]}
        write_safetensors(destination, outputs, metadata, progress, durable, overwrite)
