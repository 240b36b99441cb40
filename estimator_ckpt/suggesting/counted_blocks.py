"""Aligns the layers of transformer blocks that one side names and the other side counts through the whole network.

Where Keras numbers all layers of a class as they are made (`dense` to `dense_71`), only the order of making tells them
apart: programs make encoders before decoders, blocks in their order, the attention of a block to itself before that to
a memory, its feed-forward network last, and of an attention the queries, keys, values, and then the output.
"""

import collections
import difflib
from collections.abc import Iterator, Mapping, Sequence

from estimator_ckpt.suggesting.chains import Kind, by_kind, kind
from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import WORDS, is_norm, place
from estimator_ckpt.suggesting.name_parts import words
from estimator_ckpt.suggesting.transformer_blocks import part_of_block, place_in_attention

# The fewest layers of a kind in several blocks.
_LEAST = 4
# The least likeness of two sequences of kinds of layers of which one confirms the other.
_CONFIRMING = 0.9
_DECODER = 'decoder'
# The part of a block that is its feed-forward network.
_NETWORK = 2
# The words of the names that Keras gives layers by their classes.
_CLASSES = WORDS | {'dense', 'einsum', 'time', 'distributed'}

_Rank = tuple[int, ...]


def in_counted_blocks(
    sides: tuple[Side, Side], live: tuple[set[int], set[int]], matcher: Matcher
) -> Iterator[list[Pair]]:
    """Yields the pairs of the layers of each kind that blocks have as often on both sides.

    Args:
      sides: The source and the target.
      live: The numbers of the variables of each side that are not yet aligned.
      matcher: Decides which layers can be the same.
    """
    source, target = (by_kind(side.layers(of_side)) for side, of_side in zip(sides, live, strict=True))
    for turned in (False, True):
        found: list[Pair] = []
        for kind_ in sorted(source.keys() & target.keys()):
            named, counted = (target[kind_], source[kind_]) if turned else (source[kind_], target[kind_])
            if _LEAST <= len(named) == len(counted):
                found += zip(_by_rank(named), _as_made(counted), strict=False)
        if found and _is_confirmed(found):
            of_kinds: dict[Kind, list[Pair]] = collections.defaultdict(list)
            for a, b in found:
                of_kinds[kind(b)].append((b, a) if turned else (a, b))
            for pairs in of_kinds.values():
                if all(matcher.roles(x, y) for x, y in pairs):
                    yield pairs
            return


def _is_confirmed(found: Sequence[Pair]) -> bool:
    """Returns True if a decoder surely follows its encoder, as the kinds of layers after one another tell.

    Args:
      found: The pairs of named and counted layers.
    """
    ranks = {id(named): rank for named, _ in found if (rank := _rank(named)) is not None}
    if len({rank[0] for rank in ranks.values()}) == 1:
        return True
    confirmed = False
    for sequence in _sequences([counted for _, counted in found]):
        kinds = list(map(kind, sequence))
        present = set(kinds)
        layers = [named for named, _ in found if kind(named) in present]
        if len(layers) != len(kinds):
            continue
        # The encoder's blocks first; the decoder's first; and both in turns.
        first, *others = (
            _likeness(
                kinds, [kind(layer) for layer in sorted(layers, key=lambda layer: order(ranks[id(layer)]))]
            )
            for order in (lambda r: r, lambda r: (-r[0], *r[1:]), lambda r: (r[1], r[0], *r[2:]))
        )
        if first < max(others):
            return False
        confirmed |= first >= _CONFIRMING and first > max(others)
    return confirmed


def _sequences(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """Yields layers in the orders that are known: of the numbers of each name, and of a program's objects."""
    by_name: dict[tuple[str, str], list[Layer]] = collections.defaultdict(list)
    for layer in layers:
        by_name[place(layer)[:2]].append(layer)
    for of_name in by_name.values():
        yield sorted(of_name, key=lambda layer: place(layer)[2])
    orders = [layer.variables[layer.main_role].order for layer in layers]
    known = {order: layer for order, layer in zip(orders, layers, strict=True) if order is not None}
    if len(known) == len(layers):
        yield _by_number(known)


def _likeness(a: Sequence[Kind], b: Sequence[Kind]) -> float:
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()


def _by_rank(layers: Sequence[Layer]) -> list[Layer]:
    """Returns layers in the order in which programs make them, by their names; none if the names do not tell."""
    ranks = [_rank(layer) for layer in layers]
    known = {rank: layer for rank, layer in zip(ranks, layers, strict=True) if rank is not None}
    return [known[rank] for rank in sorted(known)] if len(known) == len(layers) else []


def _rank(layer: Layer) -> _Rank | None:
    """Returns the place of a layer among those of all blocks; None if its name does not tell."""
    if not layer.values:
        return None
    before, *after = layer.split.literals
    of_block = set(words(after))
    part, role = part_of_block(of_block), place_in_attention(of_block)
    if is_norm(layer):
        role = 0
    elif part == _NETWORK:
        # The first layer of the network widens, and the second one narrows.
        shape = layer.variables[layer.main_role].shape
        role = int(len(shape) > 1 and shape[-1] < shape[-2])
    if part is None or role is None:
        return None
    return int(_DECODER in words([before])), layer.values[0], part, role, *layer.values[1:]


def _as_made(layers: Sequence[Layer]) -> list[Layer]:
    """Returns layers in the order in which they were made, by the numbers that Keras gave them; none if not known.

    A layer that another one wraps is counted too, and leaves a gap in the numbers: `dense_3` in `time_distributed`.
    """
    by_name: dict[tuple[str, str], dict[int, Layer]] = collections.defaultdict(dict)
    for layer in layers:
        scope, base, number, _ = place(layer)
        if not set(base.split('_')) <= _CLASSES:
            return []
        by_name[scope, base][number] = layer
    if sum(map(len, by_name.values())) != len(layers):
        return []
    first, *others = by_name.values()
    if not others:
        return _by_number(first)
    if len(others) > 1:
        return []
    [second] = others
    for own, wrapped in ((first, second), (second, first)):
        gaps = [number for number in range(min(own), max(own) + 2) if number not in own]
        if len(gaps) == len(wrapped):
            return _by_number(own | dict(zip(gaps, _by_number(wrapped), strict=True)))
    return []


def _by_number(layers: Mapping[int, Layer]) -> list[Layer]:
    return [layers[number] for number in sorted(layers)]
