"""Finds the blocks of two networks that correspond: numbered scopes that hold the same layers, as many on both sides.

The blocks of an encoder and of a decoder may be counted as one (`block`, ..., `block_11`) on one side, and in two
scopes (`encoder/layer_0`, `decoder/layer_0`) on the other. What is in them tells which are which, and their numbers the
order.
"""

import collections
import string
from collections.abc import Iterator

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.suggesting.chains import kind
from estimator_ckpt.suggesting.families import Layer, Side
from estimator_ckpt.suggesting.modules import Part
from estimator_ckpt.suggesting.name_parts import MOST_SCOPES

# The fewest blocks of a kind, and different layers in them, that are no chance.
_LEAST_BLOCKS, _LEAST_KINDS = 2, 3

_Contents = frozenset[tuple]


def corresponding_blocks(source: Side, target: Side) -> list[tuple[Part, Part]]:
    """Returns the pairs of blocks that surely correspond.

    Args:
      source: The source.
      target: The target.
    """
    found = (list(_paired(a, b)) for a in _blocks(source) for b in _blocks(target))
    return max(found, key=lambda pairs: sum(len(a.layers) for a, _ in pairs), default=[])


def _paired(source: dict[_Contents, list], target: dict[_Contents, list]) -> Iterator[tuple[Part, Part]]:
    for contents in sorted(source.keys() & target.keys(), key=sorted):
        if len(source[contents]) == len(target[contents]) == 1:
            [a], [b] = source[contents], target[contents]
            if len(a) == len(b):
                yield from zip(a, b, strict=True)


def _blocks(side: Side) -> Iterator[dict[_Contents, list[list[Part]]]]:
    """Yields, for each kind of names, the blocks of one name in the order of their numbers, by what they hold."""
    by_view: dict[int, list[Layer]] = collections.defaultdict(list)
    for family in side.families():
        by_view[family.view] += family.layers
    for _, layers in sorted(by_view.items()):
        rows: dict[_Contents, list[list[Part]]] = collections.defaultdict(list)
        for blocks in _numbered_scopes(layers):
            alike: dict[_Contents, list[Part]] = collections.defaultdict(list)
            for _, block in sorted(blocks.items()):
                kinds = collections.Counter(kind(layer) for layer in block.layers)
                if len(kinds) >= _LEAST_KINDS:
                    alike[frozenset(kinds.items())].append(block)
            for contents, of_kind in alike.items():
                if len(of_kind) >= _LEAST_BLOCKS:
                    rows[contents].append(of_kind)
        yield rows


def _numbered_scopes(layers: list[Layer]) -> Iterator[dict[int, Part]]:
    """Yields the scopes whose names differ only in a number at the end of the last one, by this number."""
    groups: dict[tuple[str, str], dict[int, Part]] = collections.defaultdict(dict)
    for layer in layers:
        components = str(layer.split).rstrip('/').split('/')
        for depth, component in enumerate(components[:-1][:MOST_SCOPES]):
            base, outer = component.rstrip(string.digits), '/'.join(components[:depth])
            number = to_int(component[len(base) :] or '0')
            block = groups[outer, base.rstrip('_')].setdefault(number, Part(f'{outer}/{component}', []))
            block.layers.append(layer)
    yield from (blocks for _, blocks in sorted(groups.items()))
