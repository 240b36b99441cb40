"""Aligns the numbered normalizations of a block with those of convolutions whose order their channels tell.

In timm's MobileNet V2, the convolutions of a block are `conv_pw`, `conv_dw` and `conv_pwl`, and their normalizations
`bn1`, `bn2` and `bn3`, in the order in which they run: the one that widens the input, the depthwise one, and the last.
"""

import collections
import itertools
from collections.abc import Iterator, Mapping, Sequence

from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import channels, is_norm, main_number, place

# The fewest normalizations of a block that say anything, and the most whose orders are tried.
_LEAST, _MOST = 2, 4


def numbered_norms(
    sides: tuple[Side, Side],
    norms: Sequence[Mapping[int, Layer]],
    sources: Mapping[int, int],
    matcher: Matcher,
) -> Iterator[list[Pair]]:
    """Yields the pairs of the normalizations of each block.

    Args:
      sides: The source and the target.
      norms: The normalization of each convolution of each side, by the number of its main variable.
      sources: The source of each aligned target.
      matcher: Decides which layers can be the same.
    """
    targets = {s: t for t, s in sources.items()}
    for numbered, counterparts in enumerate((targets, sources)):
        named = norms[1 - numbered]
        convolutions = _by_scope(
            layer
            for layer in sides[numbered].layers()
            if channels(layer) is not None and counterparts.get(main_number(layer)) in named
        )
        for scope, of_block in _by_scope(filter(is_norm, sides[numbered].layers())).items():
            beside = convolutions.get(scope, ())
            if not _LEAST <= len(of_block) == len(beside) <= _MOST or not _are_numbered(of_block):
                continue
            in_order = _in_order(beside, of_block)
            if in_order is None:
                continue
            found = [
                (named[counterparts[main_number(convolution)]], norm)
                for convolution, norm in zip(in_order, of_block, strict=True)
            ]
            pairs = [(a, b) if numbered else (b, a) for a, b in found]
            if all(matcher.roles(a, b) for a, b in pairs):
                yield pairs


def _by_scope(layers: Iterator[Layer]) -> dict[str, list[Layer]]:
    by_scope: dict[str, list[Layer]] = collections.defaultdict(list)
    for layer in layers:
        by_scope[place(layer)[0]].append(layer)
    return by_scope


def _are_numbered(norms: Sequence[Layer]) -> bool:
    """Returns True if the names of normalizations, in their order, differ in their last numbers only."""
    before = {(norm.split.literals, norm.values[:-1]) for norm in norms if norm.values}
    return len(before) == 1 and len({norm.values for norm in norms}) == len(norms)


def _in_order(convolutions: Sequence[Layer], norms: Sequence[Layer]) -> Sequence[Layer] | None:
    """Returns the only order of convolutions that each take the outputs of the one before and fit the norms."""
    widths = [norm.variables[norm.main_role].size for norm in norms]
    fitting = [order for order in itertools.permutations(convolutions) if _fits(order, widths)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(order: Sequence[Layer], widths: Sequence[int]) -> bool:
    ends = [channels(layer) or (0, 0) for layer in order]
    is_chain = all(a[1] == b[0] for a, b in itertools.pairwise(ends))
    return is_chain and [outputs for _, outputs in ends] == list(widths)
