"""Aligns layers right before or after an aligned one: of two alike, the one whose outputs are its inputs.

The two hidden layers of a dueling network have the same shape, and so have those of an actor and its critic; the layers
after them tell them apart.
"""

import collections
from collections.abc import Iterator, Mapping, Sequence

from estimator_ckpt.suggesting.chains import in_order, kind
from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import aligned_layers, channels, main_number

Links = tuple[dict[int, Layer], dict[int, Layer]]


def connected(
    sides: tuple[Side, Side],
    links: tuple[Links, Links],
    live: tuple[set[int], set[int]],
    sources: Mapping[int, int],
    matcher: Matcher,
) -> list[Pair]:
    """Returns the pairs of layers that come right before, or right after, layers that are aligned with each other.

    Args:
      sides: The source and the target.
      links: The links of each side.
      live: The numbers of the variables of each side that are not yet aligned.
      sources: The source of each aligned target.
      matcher: Decides which layers can be the same.
    """
    aligned = aligned_layers(sides, sources)
    partners: tuple[dict, dict] = (collections.defaultdict(dict), collections.defaultdict(dict))
    for direction in range(2):
        of_source, of_target = (of_side[direction] for of_side in links)
        for a, b in aligned:
            s, t = of_source.get(main_number(a)), of_target.get(main_number(b))
            if s is None or t is None or kind(s) != kind(t) or not matcher.roles(s, t):
                continue
            if main_number(s) in live[0] and main_number(t) in live[1]:
                partners[0][main_number(s)][main_number(t)] = (s, t)
                partners[1][main_number(t)][main_number(s)] = (s, t)
    found = (of_layer for of_layer in partners[0].values() if len(of_layer) == 1)
    return [pair for of_layer in found for t, pair in of_layer.items() if len(partners[1][t]) == 1]


def links_of(side: Side) -> Links:
    """Returns the layers right before others, and those right after, by the main variables of these."""
    before: dict[int, list[Layer]] = collections.defaultdict(list)
    after: dict[int, list[Layer]] = collections.defaultdict(list)
    # Programs do not always call layers in the order in which they count them.
    made = in_order(side)
    for run in [made] if made else [family.layers for family in side.families()]:
        for a, b in _fitting([layer for layer in run if _ends(layer)]):
            before[main_number(b)].append(a)
            after[main_number(a)].append(b)
    return _unique(before), _unique(after)


def _unique(links: Mapping[int, Sequence[Layer]]) -> dict[int, Layer]:
    """Returns the links of which there is one, or several of the same."""
    return {n: layers[0] for n, layers in links.items() if len(set(map(main_number, layers))) == 1}


def _fitting(run: Sequence[Layer]) -> Iterator[Pair]:
    """Yields the consecutive layers that fit each other, unless a layer beside them is like one of the two.

    Layers of parallel branches often take turns: two that are alike, then the two after them.
    """
    kinds: list = [None, *map(kind, run), None]
    for n, (a, b) in enumerate(zip(run, run[1:], strict=False)):
        before, of_a, of_b, after = kinds[n : n + 4]
        if before != of_a != of_b != after and _fit(a, b):
            yield a, b


def _fit(a: Layer, b: Layer) -> bool:
    """Returns True if the outputs of a layer, flattened perhaps, can be the inputs of another one."""
    before, after = _ends(a), _ends(b)
    if before is None or after is None or not before[1]:
        return False
    flattens = channels(a) is not None and channels(b) is None
    return after[0] % before[1] == 0 if flattens else before[1] == after[0]


def _ends(layer: Layer) -> tuple[int, int] | None:
    """Returns the numbers of inputs and outputs of a dense layer or a convolution; None for other layers."""
    kernel = layer.variables.get('kernel')
    if kernel is not None and len(kernel.shape) == 2:
        return kernel.shape[0], kernel.shape[1]
    return channels(layer)
