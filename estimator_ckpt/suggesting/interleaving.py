"""Pairs convolutions with the normalizations that follow them, where both have only names that `tf.layers` counts.

Convolutions of several kinds are counted apart, so that their common order is to be found: that in which the inputs of
each convolution are the outputs of the one before, or of the one before a shortcut.
"""

import collections
import dataclasses
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from estimator_ckpt.suggesting.families import Layer
from estimator_ckpt.suggesting.layer_kinds import LEAST_AGREEMENT, agree, channels, place
from estimator_ckpt.suggesting.name_parts import MOST_SCOPES

_MAX_STATES = 10_000
# The most convolutions at the end of a network that have no normalization.
_MOST_HEADS = 2
# The most convolutions that a shortcut bypasses.
_LONGEST_BYPASS = 3


@dataclasses.dataclass(frozen=True, slots=True)
class _Flow:
    """What may flow into the next convolution.

    Attributes:
      widths: The numbers of channels, from the latest outputs that a shortcut may start from to the last ones.
      opened: The number of channels of a shortcut that has not yet met what it bypasses; 0 if there is none.
    """

    widths: tuple[int, ...] = ()
    opened: int = 0


def counted_pairs(convolutions: Iterable[Layer], norms: Iterable[Layer]) -> Iterator[tuple[Layer, Layer]]:
    """Yields the pairs of convolutions and normalizations that have counted names.

    Args:
      convolutions: All convolutions of a side.
      norms: All normalizations of the side.
    """
    by_scope: dict[str, tuple[dict[str, list], dict[str, list]]] = collections.defaultdict(
        lambda: (collections.defaultdict(list), collections.defaultdict(list))
    )
    for number, layers in enumerate((convolutions, norms)):
        for layer in layers:
            scope, base, number_of_layer, counted = place(layer)
            if counted:
                by_scope[scope][number][base].append((number_of_layer, layer))
    through = _counted_through(by_scope)
    # Scopes that differ in numbers only are alike.
    alike: dict[str, list[list[tuple[Layer, Layer]]]] = collections.defaultdict(list)
    for scope, (of_convolutions, of_norms) in sorted(by_scope.items()):
        if len(of_norms) == 1:
            pairs = list(_in_scope(of_convolutions, *of_norms.values()))
            pairs = pairs or list(_in_scope(through.get(scope, {}), *of_norms.values()))
            alike[re.sub(r'\d+', '', scope)].append(pairs)
    for scopes in alike.values():
        if sum(map(bool, scopes)) >= LEAST_AGREEMENT * len(scopes):
            yield from itertools.chain.from_iterable(scopes)


def _counted_through(by_scope: Mapping[str, tuple[dict[str, list], dict]]) -> dict[str, dict[str, list]]:
    """Returns the convolutions that Keras has counted through all scopes below one, such as those of wrappers."""
    below: dict[str, dict[str, list]] = collections.defaultdict(lambda: collections.defaultdict(list))
    for name, (of_convolutions, _) in by_scope.items():
        for scope in _around(name) if of_convolutions else ():
            if by_scope.get(scope, ((), ()))[1]:
                for base, rows in of_convolutions.items():
                    below[scope][base] += rows
    return {scope: of_scope for scope, of_scope in below.items() if all(map(_is_counted, of_scope.values()))}


def _around(scope: str) -> Iterator[str]:
    """Yields a scope and the scopes around it, the narrowest first."""
    for _ in range(MOST_SCOPES):
        yield scope
        if not scope:
            return
        scope = scope.rpartition('/')[0]


def _is_counted(rows: Sequence[tuple[int, Layer]]) -> bool:
    return sorted(number for number, _ in rows) == list(range(len(rows)))


def _in_scope(of_convolutions: dict[str, list], rows: list) -> Iterator[tuple[Layer, Layer]]:
    """Yields the pairs of one scope, given its layers with their numbers."""
    norms_in_order = [layer for _, layer in sorted(rows, key=lambda row: row[0])]
    sequences = [
        [layer for _, layer in sorted(rows, key=lambda row: row[0])]
        for _, rows in sorted(of_convolutions.items())
    ]
    for without_bias in (True, False):
        kept = [
            [layer for layer in rows if not (without_bias and 'bias' in layer.variables)]
            for rows in sequences
        ]
        kept = [rows for rows in kept if rows]
        for choice in (kept, *([rows] for rows in kept if len(kept) > 1)):
            if len(choice) == 1 and len(choice[0]) > len(norms_in_order) >= len(choice[0]) - _MOST_HEADS:
                choice = _without_heads(choice[0], norms_in_order)
            if sum(map(len, choice)) == len(norms_in_order):
                pairs = _in_order(choice, norms_in_order)
                if pairs:
                    yield from pairs
                    return


def _without_heads(convolutions: list[Layer], norms: Sequence[Layer]) -> list[list[Layer]]:
    """Returns the first convolutions, as many as there are normalizations, as the only sequence.

    There is none if later ones have as many channels: then the first one may be that without a normalization.
    """
    count = len(norms)
    later = [convolutions[start : start + count] for start in range(1, len(convolutions) - count + 1)]
    is_sure = not any(all(map(agree, part, norms)) for part in later)
    return [convolutions[:count]] if is_sure else []


def _in_order(sequences: Sequence[Sequence[Layer]], norms: Sequence[Layer]) -> list[tuple[Layer, Layer]]:
    """Returns the pairs that all orders of several sequences of convolutions have in common.

    If there is none in which the inputs of each convolution are the outputs of the one before, the network may have
    shortcuts: then a program makes either all of them before what they bypass, or all after.
    """
    if len(sequences) == 1:
        return list(_interleaved(sequences, norms, lambda flow, layer: [flow]))
    pairs = list(_interleaved(sequences, norms, _straight))
    if pairs:
        return pairs
    ways = [list(_interleaved(sequences, norms, follow)) for follow in (_shortcuts_first, _shortcuts_last)]
    ways = [way for way in ways if way]
    if len(ways) < 2:
        return ways[0] if ways else []
    others = {(id(a), id(b)) for a, b in ways[1]}
    return [(a, b) for a, b in ways[0] if (id(a), id(b)) in others]


def _straight(flow: _Flow, layer: Layer) -> list[_Flow]:
    inputs, outputs = _channels(layer)
    return [_Flow((outputs,))] if flow.widths in ((), (inputs,)) else []


def _shortcuts_first(flow: _Flow, layer: Layer) -> list[_Flow]:
    inputs, outputs = _channels(layer)
    if flow.widths not in ((), (inputs,)):
        return []
    following = [_Flow((outputs,), flow.opened)]
    if flow.opened == outputs:
        following.append(_Flow((outputs,)))
    if flow.widths and not flow.opened and _may_be_shortcut(layer):
        following.append(_Flow(flow.widths, outputs))
    return following


def _shortcuts_last(flow: _Flow, layer: Layer) -> list[_Flow]:
    inputs, outputs = _channels(layer)
    following = []
    if not flow.widths or flow.widths[-1] == inputs:
        following.append(_Flow((*flow.widths[-_LONGEST_BYPASS:], outputs)))
    if _may_be_shortcut(layer) and outputs == (flow.widths or (0,))[-1] and inputs in flow.widths[:-1]:
        # The next shortcut cannot start before this one ends.
        following.append(_Flow((outputs,)))
    return following


def _channels(layer: Layer) -> tuple[int, int]:
    of_layer = channels(layer)
    assert of_layer is not None
    return of_layer


def _may_be_shortcut(layer: Layer) -> bool:
    """Returns True if a convolution changes nothing but the number of channels."""
    inputs, outputs = _channels(layer)
    return inputs != outputs and _is_pointwise(layer)


def _needs_pointwise(layer: Layer | None) -> bool:
    """Returns True if a layer is a depthwise convolution, after which networks mix the channels."""
    return (
        layer is not None
        and layer.main_role == 'depthwise_kernel'
        and 'pointwise_kernel' not in layer.variables
    )


def _is_pointwise(layer: Layer) -> bool:
    kernel = layer.variables.get('kernel')
    return kernel is not None and all(extent == 1 for extent in kernel.shape[:-2])


def _interleaved(
    sequences: Sequence[Sequence[Layer]],
    norms: Sequence[Layer],
    follow: Callable[[_Flow, Layer], list[_Flow]],
) -> Iterator[tuple[Layer, Layer]]:
    """Yields the pairs that all orders of several sequences of convolutions have in common.

    The channels of each convolution are those of the normalization at its place.

    Args:
      sequences: The sequences, each in its order.
      norms: As many normalizations in their order.
      follow: Returns what may flow out of a convolution into the next one, given what flows into it.
    """
    # Each state is how many convolutions of each sequence were used, the sequence of the last one, and its output.
    states: dict[tuple, list[tuple]] = {((0,) * len(sequences), -1, _Flow()): []}
    history: list[dict[tuple, list[tuple]]] = []
    for norm in norms:
        following: dict[tuple, list[tuple]] = collections.defaultdict(list)
        for state in states:
            used, last, flow = state
            for step, rows in enumerate(sequences):
                if used[step] < len(rows) and agree(rows[used[step]], norm):
                    before = sequences[last][used[last] - 1] if history else None
                    if _needs_pointwise(before) and not _is_pointwise(rows[used[step]]):
                        continue
                    now = used[:step] + (used[step] + 1,) + used[step + 1 :]
                    for flows in follow(flow, rows[used[step]]):
                        following[now, step, flows].append(state)
        if not 0 < len(following) <= _MAX_STATES:
            return
        states = following
        history.append(following)
    current = {
        (used, last, flow)
        for used, last, flow in states
        if not (flow.opened or _needs_pointwise(sequences[last][used[last] - 1]))
    }
    for norm, previous in zip(reversed(norms), reversed(history), strict=True):
        choices = {(step, used[step] - 1) for used, step, _ in current}
        if len(choices) == 1:
            [(step, number)] = choices
            yield sequences[step][number], norm
        current = {state for end in current for state in previous[end]}
