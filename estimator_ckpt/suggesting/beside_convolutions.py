"""Aligns normalizations by the convolutions before or after which they are, where one side's order is known.

A program may name a normalization after what it activates, so that no name tells its convolution. If the objects of
the other side have an order, each convolution that is aligned there has a normalization before it and after it. All
blocks must agree on one of these: where a block has more outputs than inputs, only one has the right channels.
"""

import collections
from collections.abc import Iterator, Mapping, Sequence

from estimator_ckpt.suggesting.chains import in_order
from estimator_ckpt.suggesting.families import Family, Layer, Pair, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import channels, is_norm, main_number

# The fewest blocks that agree, and the share of them that another place may fit at most.
_LEAST_BLOCKS, _MOST_OF_RIVAL = 3, 0.85

# Where a normalization is: the rest of its convolution's name in the same block, and 1 if it is after that, or -1.
_Place = tuple[str, int]


def beside_convolutions(
    sides: tuple[Side, Side], live: tuple[set[int], set[int]], sources: Mapping[int, int], matcher: Matcher
) -> Iterator[list[Pair]]:
    """Yields the pairs of the normalizations of one family, whose convolutions are aligned.

    Args:
      sides: The source and the target, of which the target's order is known.
      live: The numbers of the variables of each side that are not yet aligned.
      sources: The source of each aligned target.
      matcher: Decides which layers can be the same.
    """
    order = in_order(sides[1])
    positions = {main_number(layer): n for n, layer in enumerate(order)}
    by_source = {sources[t]: n for t, n in positions.items() if t in sources}
    convolutions = {
        str(layer.split): by_source[main_number(layer)]
        for layer in sides[0].layers()
        if main_number(layer) in by_source and channels(layer) is not None
    }
    if not convolutions:
        return
    found = []
    for family in sides[0].families(live[0]):
        if len(family.layers) >= _LEAST_BLOCKS and family.slots and all(map(is_norm, family.layers)):
            found.append(_pairs_of(family, convolutions, order, live[1], matcher))
    taken = collections.Counter(main_number(b) for pairs in found for _, b in pairs)
    yield from (pairs for pairs in found if pairs and all(taken[main_number(b)] == 1 for _, b in pairs))


def _pairs_of(
    family: Family, convolutions: Mapping[str, int], order: Sequence[Layer], live: set[int], matcher: Matcher
) -> list[Pair]:
    """Returns the pairs of a family's normalizations at the only place that fits all of them; nothing if there is none.

    Args:
      family: The normalizations.
      convolutions: The position in the other side's order of the counterpart of each convolution, by its name.
      order: The layers of the other side.
      live: The numbers of the variables of the other side that are not yet aligned.
      matcher: Decides which layers can be the same.
    """
    at: dict[_Place, list[Pair]] = collections.defaultdict(list)
    wrong: set[_Place] = set()
    blocks = {layer: _block_of(family, layer) for layer in family.layers}
    by_block = _by_block(convolutions, set(blocks.values()))
    for layer, block in blocks.items():
        for rest, position in by_block[block]:
            for step in (-1, 1):
                beside = order[position + step] if 0 <= position + step < len(order) else None
                if beside is None or not is_norm(beside):
                    continue
                if main_number(beside) in live and matcher.roles(layer, beside):
                    at[rest, step].append((layer, beside))
                else:
                    wrong.add((rest, step))
    possible = [pairs for place, pairs in at.items() if place not in wrong]
    whole = [pairs for pairs in possible if len(pairs) == len(family.layers)]
    if not whole or len({main_number(b) for _, b in whole[0]}) < len(family.layers):
        return []
    best = set(whole[0])
    rivals = [pairs for pairs in possible if not set(pairs) <= best]
    return whole[0] if all(len(pairs) <= _MOST_OF_RIVAL * len(best) for pairs in rivals) else []


def _block_of(family: Family, layer: Layer) -> str:
    """Returns the name of a layer up to the last number in which it differs from the others of its family."""
    split, last = layer.split, family.slots[-1]
    pieces = zip(split.literals[: last + 1], split.texts[: last + 1], strict=True)
    return ''.join(literal + text for literal, text in pieces) + '/'


def _by_block(convolutions: Mapping[str, int], blocks: set[str]) -> dict[str, list[tuple[str, int]]]:
    """Returns the convolutions of each block, by the rests of their names."""
    by_block: dict[str, list[tuple[str, int]]] = {block: [] for block in blocks}
    for name, position in convolutions.items():
        for end in (n for n, letter in enumerate(name, 1) if letter == '/'):
            if name[:end] in by_block:
                by_block[name[:end]].append((name[end:], position))
    return by_block
