"""The names and layouts that PyTorch has for the variables of layers.

The kernel of `torch.nn.Linear` is [out, in], and those of convolutions are [out, in, height, width], where TensorFlow
has [in, out] and [height, width, in, out] (https://pytorch.org/docs/stable/nn.html).
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.mapping.recipes import Constant, Recipe, WrappedRecipe
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.tensors import Tensor

_KERNELS = ('kernel', 'weights', 'pointwise_kernel', 'pointwise_weights')
_DEPTHWISE = ('depthwise_kernel', 'depthwise_weights')
# What PyTorch calls the variables whose values stay as they are.
_NAMES = {
    'bias': 'bias',
    'biases': 'bias',
    'gamma': 'weight',
    'beta': 'bias',
    'moving_mean': 'running_mean',
    'moving_variance': 'running_var',
    'embeddings': 'weight',
    'embedding_weights': 'weight',
}
_RUNNING_MEAN, _BATCHES = 'running_mean', 'num_batches_tracked'


class PyTorchTensor(NamedTuple):
    """A tensor under a new name.

    Attributes:
      tensor: The tensor of the checkpoint.
      name: The new name.
      recipe: The recipe for the value.
    """

    tensor: Tensor
    name: str
    recipe: Recipe


@dataclasses.dataclass(frozen=True)
class Permuted(WrappedRecipe):
    """The kernel of a layer in PyTorch's layout.

    Attributes:
      is_depthwise: Whether it is that of a depthwise convolution, [height, width, channels, multiplier].
    """

    is_depthwise: bool = False

    def outcome(self, reader: TensorSource) -> tuple[int, tuple[int, ...]]:
        """Returns the data type number and the shape of the result. No tensor is read."""
        dtype, shape = self.recipe.outcome(reader)
        if self.is_depthwise:
            return dtype, (math.prod(shape[-2:]), 1, *shape[:-2])
        return dtype, (shape[-1], shape[-2], *shape[:-2])

    def compute(self, reader: TensorSource) -> np.ndarray:
        """Returns the kernel, with the output channels first."""
        value = self.recipe.compute(reader)
        spatial = tuple(range(value.ndim - 2))
        if self.is_depthwise:
            channels_first = value.transpose(value.ndim - 2, value.ndim - 1, *spatial)
            return channels_first.reshape(math.prod(value.shape[-2:]), 1, *value.shape[:-2])
        return value.transpose(value.ndim - 1, value.ndim - 2, *spatial)


def to_pytorch(
    source: Source, tensors: Sequence[PyTorchTensor]
) -> tuple[list[PyTorchTensor], list[Tensor], list[str]]:
    """Gives variables the names and layouts of PyTorch's layers.

    A tensor whose rule has operations keeps the layout that these give it. Batch normalizations get a counter of
    batches, which is the global step.

    Args:
      source: The checkpoint.
      tensors: The tensors with their new names, with slashes or dots between the parts.

    Returns:
      The tensors; the tensors that are no variables, such as slots, for which a PyTorch module has no place; and notes
      on the variables that are taken unchanged, as sentences.
    """
    taken, left_out, unchanged = [], [], []
    for tensor, name, recipe in tensors:
        if tensor.meaning.kind is not Kind.VARIABLE:
            left_out.append(tensor)
            continue
        scope, _, last = name.replace('/', '.').rpartition('.')
        own = tensor.name.rpartition('/')[2]
        rank = len(recipe.outcome(source.reader)[1])
        new, is_known = _name(own, last, rank)
        if _is_kernel(own, rank) and recipe.plain:
            recipe = Permuted(recipe, is_depthwise=own in _DEPTHWISE)
        if not is_known:
            unchanged.append(name)
        taken.append(PyTorchTensor(tensor, f'{scope}.{new}' if scope else new, recipe))
    notes = (
        [f'Taken as they are, for PyTorch has nothing that corresponds: {", ".join(unchanged)}.']
        if unchanged
        else []
    )
    return taken + _batch_counters(source, taken), left_out, notes


def _is_kernel(name: str, rank: int) -> bool:
    return (name in _KERNELS and rank >= 2) or (name in _DEPTHWISE and rank >= 3)


def _name(own: str, last: str, rank: int) -> tuple[str, bool]:
    """Returns the name of a variable in PyTorch, and whether it has one.

    Args:
      own: The last part of the name in the checkpoint.
      last: The last part of the name that a rule gives, or the same.
      rank: The number of axes.
    """
    known = 'weight' if _is_kernel(own, rank) else _NAMES.get(own)
    if last != own:
        # A rule has given the name.
        return _NAMES.get(last, 'weight' if _is_kernel(last, rank) else last), True
    return known or own, known is not None


def _batch_counters(source: Source, tensors: Sequence[PyTorchTensor]) -> list[PyTorchTensor]:
    """Returns the counters of batches of the batch normalizations."""
    names = {tensor.name for tensor in tensors}
    int64 = dtypes.from_numpy(np.dtype(np.int64))
    counters = []
    for tensor, name, _ in tensors:
        scope, _, last = name.rpartition('.')
        counter = f'{scope}.{_BATCHES}' if scope else _BATCHES
        if last == _RUNNING_MEAN and counter not in names:
            counters.append(PyTorchTensor(tensor, counter, Constant(source.step or 0, int64)))
    return counters
