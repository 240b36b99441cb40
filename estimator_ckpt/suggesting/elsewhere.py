"""Tells two layers of a block apart by the order that their counterparts have in the other blocks.

In a first block of a ResNet, the shortcut has the shape of the last convolution. Where numbers tell only the order, the
other blocks that have both say which of them comes first. Where both sides have names, such as `Branch_0` and
`Branch_1` of an Inception, and `branch1` and `branch2/0`, other blocks say which name is which.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping

from estimator_ckpt.suggesting.chains import by_kind
from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.layer_kinds import aligned_layers, is_norm, main_number, place

# The fewest other blocks that tell an order, and the fewest other layers that tell what a name is.
_LEAST_BLOCKS = _LEAST_LAYERS = 2
# The most layers of a kind among which the counterparts of two are looked for by name.
_MOST_LEFT = 4


def as_elsewhere(
    sides: tuple[Side, Side], live: tuple[set[int], set[int]], sources: Mapping[int, int]
) -> Iterator[Pair]:
    """Yields the pairs of layers that are the only two of their kind, in the order that other blocks tell.

    Args:
      sides: The source and the target.
      live: The numbers of the variables that are not yet aligned.
      sources: The source of each aligned target.
    """
    targets = {s: t for t, s in sources.items()}
    left = [
        by_kind(layer for layer in side.layers(of_side) if not is_norm(layer))
        for side, of_side in zip(sides, live, strict=True)
    ]
    kinds = sorted(left[0].keys() & left[1].keys())
    aligned = aligned_layers(sides, sources) if kinds else []
    for of_kind in kinds:
        source, target = left[0][of_kind], left[1][of_kind]
        named = _by_names(source, target, aligned)
        if named is not None:
            yield from named
            continue
        if len(source) != 2 or len(target) != 2:
            continue
        in_order = _in_order(sides, source, target, targets)
        if in_order is None:
            found = _in_order((sides[1], sides[0]), target, source, sources)
            in_order = None if found is None else [(a, b) for b, a in found]
        yield from in_order or ()


def _by_names(source: list[Layer], target: list[Layer], aligned: Collection[Pair]) -> list[Pair] | None:
    """Returns the pairs of two layers of one side with two of the other that others of their names tell, if any do."""
    sizes = sorted((len(source), len(target)))
    if sizes[0] != 2 or sizes[1] > _MOST_LEFT:
        return None
    told = [
        list(zip(of_source, of_target, strict=True))
        for of_source in itertools.combinations(source, 2)
        for of_target in itertools.permutations(target, 2)
        if _is_told(of_source, of_target, aligned)
    ]
    return told[0] if len(told) == 1 else None


def _is_told(of_source: tuple[Layer, ...], of_target: tuple[Layer, ...], aligned: Collection[Pair]) -> bool:
    """Returns True if others that share what tells two layers apart are aligned like these, and none crosswise."""
    told = [0, 0]
    for a, b in aligned:
        for n in range(2):
            if _is_alike(a, of_source, n) and _is_alike(b, of_target, n):
                told[n] += 1
            elif _is_alike(a, of_source, n) and _is_alike(b, of_target, 1 - n):
                return False
    return min(told) >= _LEAST_LAYERS


def _is_alike(layer: Layer, both: tuple[Layer, ...], n: int) -> bool:
    """Returns True if a layer has what one of two layers has, but not the other: its texts, or the numbers in them."""
    own, other = both[n], both[1 - n]
    if layer.split.literals != own.split.literals:
        return False
    return own.split.literals != other.split.literals or all(
        x == y for x, y, z in zip(layer.values, own.values, other.values, strict=True) if y != z
    )


def _in_order(
    sides: tuple[Side, Side], named: list[Layer], counted: list[Layer], counterparts: Mapping[int, int]
) -> list[Pair] | None:
    """Returns the pairs of two named layers of a block with two layers whose order is known; None if nothing tells.

    Args:
      sides: The side of the named layers, and that of the others.
      named: The named layers.
      counted: The other layers.
      counterparts: The counterpart of each aligned variable of the first side.
    """
    sign = _sign(*counted)
    if not sign or len({place(layer)[0] for layer in named}) > 1:
        return None
    by_number = {main_number(layer): layer for layer in sides[1].layers()}
    # The counterparts of the layers of both names, by their scopes.
    elsewhere: list[dict[str, Layer]] = [{}, {}]
    for layer in sides[0].layers():
        counterpart = by_number.get(counterparts.get(main_number(layer), -1))
        for own, of_name in zip(named, elsewhere, strict=True):
            alike = layer.split.literals == own.split.literals and place(layer)[1:] == place(own)[1:]
            if counterpart is not None and alike:
                of_name[place(layer)[0]] = counterpart
    first, second = elsewhere
    told = [_sign(first[scope], second[scope]) for scope in first.keys() & second.keys()]
    if len(told) < _LEAST_BLOCKS or len(set(told)) != 1 or not told[0]:
        return None
    return list(zip(named, counted if told[0] == sign else counted[::-1], strict=True))


def _sign(a: Layer, b: Layer) -> int:
    """Returns 1 if the second of two layers has the greater number, -1 if the smaller one; 0 if that is not known."""
    if a.split.literals == b.split.literals and len(a.values) == 1:
        return (b.values > a.values) - (b.values < a.values)
    return 0
