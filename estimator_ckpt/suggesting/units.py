"""Pairs convolutions with the normalizations that follow them, on one side.

Where the convolutions of two sides are aligned, so are their normalizations, whose own shapes tell little. A
normalization belongs to a convolution that has as many channels and

* whose name it has but for words such as `conv` and `bn`: `block2a_expand_conv` and `block2a_expand_bn`,
* or that is the only normalization of a scope with one convolution;
* or, if both have only names that `tf.layers` counts, that is at its place in all orders of the convolutions of a scope
  in which channels agree and the outputs of one are the inputs of the next.
"""

import collections
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.suggesting.families import Layer, Side

# The words in which the names of a convolution and its normalization may differ, and which make up counted names.
_WORDS = frozenset(
    [
        'conv',
        'conv1d',
        'conv2d',
        'conv3d',
        'convolution',
        'depthwise',
        'separable',
        'transpose',
        'tpu',
        'cross',
    ]
    + ['bn', 'norm', 'batch', 'layer', 'replica', 'sync', 'normalization', 'batchnorm', 'fused']
    + ['instance', 'group']
)
_TOKEN = re.compile(r'[A-Za-z]+\d[dD](?![A-Za-z0-9])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+')
_NUMBER = re.compile(r'(?:.*_)?(\d+)')
_TRANSPOSED = re.compile(r'transpose|deconv', re.I)
_CONVOLUTIONS = ('kernel', 'depthwise_kernel', 'pointwise_kernel')
# The main roles of normalizations.
NORMS = ('gamma', 'beta')
_MAX_STATES = 10_000
# The most convolutions at the end of a network that have no normalization.
_MOST_HEADS = 2
# The least share of equal names that must be those of convolutions and normalizations of as many channels.
_LEAST_AGREEMENT = 0.9


def channels(layer: Layer) -> tuple[int, int] | None:
    """Returns the numbers of input and output channels of a convolution; None for other layers."""
    shapes = {role: layer.variables[role].shape for role in _CONVOLUTIONS if role in layer.variables}
    if not shapes or any(len(shape) < 3 for shape in shapes.values()):
        return None
    first, last = next(iter(shapes.items())), list(shapes.items())[-1]
    if 'depthwise_kernel' in shapes:
        first = 'depthwise_kernel', shapes['depthwise_kernel']
    inputs, outputs = first[1][-2], last[1][-1]
    if last[0] == 'depthwise_kernel':
        outputs = last[1][-2] * last[1][-1]
    if last[0] == 'kernel' and inputs != outputs:
        kernel, bias = layer.variables['kernel'], layer.variables.get('bias')
        transposed = any(_TRANSPOSED.search(name) for name in kernel.names)
        if bias.shape == (inputs,) if bias is not None else transposed:
            return outputs, inputs
    return inputs, outputs


def is_norm(layer: Layer) -> bool:
    """Returns True if a layer has the variables of a normalization."""
    return layer.main_role in NORMS


def main_number(layer: Layer) -> int:
    """Returns the number of the variable that characterizes a layer."""
    return layer.variables[layer.main_role].number


def partners(side: Side) -> dict[int, Layer]:
    """Returns the normalization of each convolution, by the number of the convolution's main variable."""
    found: dict[int, Layer] = {}
    taken: set[int] = set()
    views: dict[int, tuple[list[Layer], list[Layer]]] = collections.defaultdict(lambda: ([], []))
    for family in side.families():
        for layer in family.layers:
            if is_norm(layer):
                views[family.view][1].append(layer)
            elif channels(layer) is not None:
                views[family.view][0].append(layer)
    for _, (convolutions, norms) in sorted(views.items()):
        for pairs in (
            _counted(convolutions, norms),
            _named(convolutions, norms),
            _alone(convolutions, norms),
        ):
            for convolution, norm in pairs:
                key, other = main_number(convolution), main_number(norm)
                if key not in found and other not in taken:
                    found[key] = norm
                    taken.add(other)
    return found


def counted_norms(side: Side) -> set[int]:
    """Returns the main variables of normalizations of which only a number says where they belong."""
    groups: dict[tuple, list[int]] = collections.defaultdict(list)
    for family in side.families():
        for layer in family.layers:
            if is_norm(layer):
                scope, base, _, counted = _place(layer)
                if counted:
                    groups[family.view, scope, base].append(main_number(layer))
    return {number for group in groups.values() if len(group) > 1 for number in group}


def _agree(convolution: Layer, norm: Layer) -> bool:
    of_convolution = channels(convolution)
    assert of_convolution is not None
    return norm.variables[norm.main_role].shape == of_convolution[1:]


def _place(layer: Layer) -> tuple[str, str, int, bool]:
    """Returns the scope, the name without number, the number, and whether a layer has a counted name."""
    scope, _, name = str(layer.split).rstrip('/').rpartition('/')
    match = _NUMBER.fullmatch(name)
    base = name[: match.start(1)].rstrip('_') if match else name
    words = [token.lower() for token in _TOKEN.findall(base)]
    return scope, base, to_int(match[1]) if match else 0, set(words) <= _WORDS


def _counted(convolutions: Iterable[Layer], norms: Iterable[Layer]) -> Iterator[tuple[Layer, Layer]]:
    by_scope: dict[str, tuple[dict[str, list], dict[str, list]]] = collections.defaultdict(
        lambda: (collections.defaultdict(list), collections.defaultdict(list))
    )
    for number, layers in enumerate((convolutions, norms)):
        for layer in layers:
            scope, base, place, counted = _place(layer)
            if counted:
                by_scope[scope][number][base].append((place, layer))
    # Scopes that differ in numbers only are alike.
    alike: dict[str, list[list[tuple[Layer, Layer]]]] = collections.defaultdict(list)
    for scope, (of_convolutions, of_norms) in sorted(by_scope.items()):
        if len(of_norms) == 1 and of_convolutions:
            alike[re.sub(r'\d+', '', scope)].append(list(_in_scope(of_convolutions, *of_norms.values())))
    for scopes in alike.values():
        if sum(map(bool, scopes)) >= _LEAST_AGREEMENT * len(scopes):
            yield from itertools.chain.from_iterable(scopes)


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
                choice = [choice[0][: len(norms_in_order)]]
            if sum(map(len, choice)) == len(norms_in_order):
                pairs = list(_interleaved(choice, norms_in_order))
                if pairs:
                    yield from pairs
                    return


def _interleaved(
    sequences: Sequence[Sequence[Layer]], norms: Sequence[Layer]
) -> Iterator[tuple[Layer, Layer]]:
    """Yields the pairs that all orders of several sequences of convolutions have in common.

    The channels of each convolution are those of the normalization at its place. In orders of several sequences, the
    inputs of each are the outputs of the previous one.

    Args:
      sequences: The sequences, each in its order.
      norms: As many normalizations in their order.
    """
    # Each state is how many convolutions of each sequence were used, and the sequence of the last one.
    states: dict[tuple, list[tuple]] = {((0,) * len(sequences), -1): []}
    history = []
    for norm in norms:
        following: dict[tuple, list[tuple]] = collections.defaultdict(list)
        for used, last in states:
            for step, rows in enumerate(sequences):
                if used[step] < len(rows) and _continues(sequences, used, last, step, norm):
                    following[used[:step] + (used[step] + 1,) + used[step + 1 :], step].append((used, last))
        if not 0 < len(following) <= _MAX_STATES:
            return
        states = following
        history.append(following)
    current = set(states)
    for norm, previous in zip(reversed(norms), reversed(history), strict=True):
        choices = {(step, used[step] - 1) for used, step in current}
        if len(choices) == 1:
            [(step, number)] = choices
            yield sequences[step][number], norm
        current = {state for end in current for state in previous[end]}


def _continues(
    sequences: Sequence[Sequence[Layer]], used: tuple[int, ...], last: int, step: int, norm: Layer
) -> bool:
    layer = sequences[step][used[step]]
    if not _agree(layer, norm):
        return False
    if last < 0 or len(sequences) == 1:
        return True
    before, after = channels(sequences[last][used[last] - 1]), channels(layer)
    return before is not None and after is not None and before[1] == after[0]


def _named(convolutions: Iterable[Layer], norms: Iterable[Layer]) -> Iterator[tuple[Layer, Layer]]:
    by_key: dict[tuple, list[Layer]] = collections.defaultdict(list)
    for layer in convolutions:
        by_key[_key(layer)].append(layer)
    pairs, remaining = [], collections.defaultdict(list)
    for norm in norms:
        fitting = [layer for layer in by_key.get(_key(norm), ()) if not _beside(layer, norm)]
        if len(fitting) > 1:
            fitting = [layer for layer in fitting if str(layer.split).rstrip('/') in str(norm.split)]
        if len(fitting) == 1:
            pairs.append((fitting[0], norm))
        else:
            remaining[_key(norm)].append(norm)
    # A normalization before its convolution has as many channels now and then.
    right = [pair for pair in pairs if _agree(*pair)]
    if len(right) < _LEAST_AGREEMENT * len(pairs):
        return
    yield from right
    taken = {id(convolution) for convolution, _ in right}
    below: dict[tuple, list[Layer]] = collections.defaultdict(list)
    for key, layers in by_key.items():
        for length in range(1, len(key)):
            below[key[:length]] += [
                layer for layer in layers if id(layer) not in taken and 'bias' not in layer.variables
            ]
    for key, of_key in remaining.items():
        if len(of_key) == 1 and len(below[key]) == 1 and _agree(below[key][0], of_key[0]):
            yield below[key][0], of_key[0]


def _alone(convolutions: Iterable[Layer], norms: Iterable[Layer]) -> Iterator[tuple[Layer, Layer]]:
    """Yields the convolutions and normalizations that are the only ones of their scopes."""
    by_scope: dict[str, tuple[list[Layer], list[Layer]]] = collections.defaultdict(lambda: ([], []))
    for number, layers in enumerate((convolutions, norms)):
        for layer in layers:
            by_scope[_place(layer)[0]][number].append(layer)
    pairs = [(a[0], b[0]) for a, b in by_scope.values() if len(a) == len(b) == 1]
    right = [pair for pair in pairs if _agree(*pair)]
    if len(right) >= _LEAST_AGREEMENT * len(pairs):
        yield from right


def _key(layer: Layer) -> tuple[str, ...]:
    tokens = (token.lower() for token in _TOKEN.findall(str(layer.split)))
    return tuple(token for token in tokens if token not in _WORDS)


def _beside(convolution: Layer, norm: Layer) -> bool:
    """Returns True if both have counted names in one scope, whose numbers need not agree."""
    (a, _, _, a_is_counted), (b, _, _, b_is_counted) = _place(convolution), _place(norm)
    return a_is_counted and b_is_counted and a == b


def unsure(layers: Sequence[Layer]) -> set[int]:
    """Returns the main variables of normalizations whose places differ between orders of the same network.

    A convolution whose inputs are not the outputs of the one beside it, although its outputs are as many, is a branch,
    which another program may make earlier. If the normalizations between have as many channels, their order does not
    tell which is which.

    Args:
      layers: All layers of a side in the order in which the program has made them.
    """
    result: set[int] = set()
    convolutions = [(n, of) for n, of in enumerate(map(channels, layers)) if of is not None]
    norms = [n for n, layer in enumerate(layers) if is_norm(layer)]
    widths = {n: layers[n].variables[layers[n].main_role].shape[-1:] for n in norms}
    for at, (position, (inputs, outputs)) in enumerate(convolutions):
        beside = {of[1] for _, of in convolutions[max(0, at - 1) : at + 2 : 2]} if at else set()
        if outputs not in beside or convolutions[at - 1][1][1] == inputs:
            continue
        starts = [n for n, of in convolutions[:at] if of[1] == inputs]
        start = starts[-1] if starts else convolutions[max(0, at - 8)][0]
        after = [n for n in norms if n > position and widths[n] == (outputs,)][:2]
        tail: list[int] = []
        for n in reversed([n for n in norms if start < n <= (after or [position])[-1]]):
            if widths[n] != (outputs,):
                break
            tail.append(n)
        if len(tail) > 1:
            result.update(main_number(layers[n]) for n in tail)
    return result
