"""Finds the roles and the layers of variables whose names tell them only beside the others of their scopes."""

import collections
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.suggesting.name_parts import UNNAMED, find_role

# The statistics of a normalization, if there is a scale or an offset beside both.
_STATISTICS = {'mu': 'mean', 'sigma': 'variance'}
_BESIDE_STATISTICS = frozenset(['gamma', 'beta'])
# Flax keeps the statistics of a layer in a collection of their own.
_COLLECTION = re.compile(r'batch_stats(?=[/.])')
_PARAMETERS = 'params'
# What scopes of depthwise convolutions are called. Their kernels have the rank of others.
_DEPTHWISE = re.compile(r'depth_?wise|(?<![a-z])dw(?:ise|_?conv)?(?![a-z])', re.I)
_RANK = 4


class _Variable(Protocol):
    @property
    def number(self) -> int: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def shape(self) -> tuple[int, ...]: ...


class Part(NamedTuple):
    """What the name of a variable consists of.

    Attributes:
      role: The role of the variable in its layer.
      layer: The name of the layer.
    """

    role: str
    layer: str


def parts_in_scopes(variables: Sequence[_Variable]) -> dict[int, Part]:
    """Returns the roles and layers of the variables whose names do not tell them on their own, by their numbers.

    Args:
      variables: All variables of a side.
    """
    return {**dict(_unnamed(variables)), **dict(_statistics(variables)), **dict(_of_collections(variables))}


def is_depthwise(layer: str, shape: tuple[int, ...]) -> bool:
    """Returns True if a kernel is that of a depthwise convolution, by the name of its layer and by its only multiplier.

    Args:
      layer: The name of the layer.
      shape: The shape of the kernel.
    """
    if len(shape) != _RANK or not shape[-1] == 1 < shape[-2]:
        return False
    # In `depthwise/conv/`, the scope around it says so.
    around = '/'.join(layer.rstrip('/').rsplit('/', 2)[-2:])
    return _DEPTHWISE.search(around) is not None


def _unnamed(variables: Sequence[_Variable]) -> Iterator[tuple[int, Part]]:
    """Yields the two unnamed variables of a scope that are a kernel and its bias."""
    scopes: dict[str, list[tuple[int, _Variable]]] = collections.defaultdict(list)
    for variable in variables:
        match = UNNAMED.fullmatch(variable.names[0])
        if match is not None and match['scope']:
            scopes[match['scope']].append((to_int(match['number'] or '0'), variable))
    for scope, of_scope in scopes.items():
        if len(of_scope) != 2:
            continue
        (_, kernel), (_, bias) = sorted(of_scope, key=lambda row: row[0])
        if len(kernel.shape) > 1 and bias.shape == kernel.shape[-1:]:
            yield kernel.number, Part('kernel', scope)
            yield bias.number, Part('bias', scope)


def _statistics(variables: Sequence[_Variable]) -> Iterator[tuple[int, Part]]:
    """Yields the `mu` and `sigma` of a normalization."""
    scopes: dict[str, dict[str, _Variable]] = collections.defaultdict(dict)
    for variable in variables:
        scope, _, last = variable.names[0].rpartition('/')
        if last in _STATISTICS or last in _BESIDE_STATISTICS:
            scopes[scope][last] = variable
    for scope, found in scopes.items():
        if found.keys() >= _STATISTICS.keys() and found.keys() & _BESIDE_STATISTICS:
            for last, role in _STATISTICS.items():
                yield found[last].number, Part(role, f'{scope}/')


def _of_collections(variables: Sequence[_Variable]) -> Iterator[tuple[int, Part]]:
    """Yields the statistics of Flax, as parts of the layers that have the parameters."""
    matches = [(variable, _COLLECTION.match(variable.names[0])) for variable in variables]
    if not any(match for _, match in matches):
        return
    layers = {find_role(variable.names[0])[1] for variable, match in matches if match is None}
    for variable, match in matches:
        if match is None:
            continue
        role, layer = find_role(variable.names[0])
        of_parameters = _COLLECTION.sub(_PARAMETERS, layer)
        if role and of_parameters in layers:
            yield variable.number, Part(role, of_parameters)
