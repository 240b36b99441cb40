"""Pairs convolutions with the normalizations that follow them, on one side.

Where the convolutions of two sides are aligned, so are their normalizations, whose own shapes tell little. A
normalization belongs to a convolution that has as many channels and

* whose name it has but for words such as `conv` and `bn`: `block2a_expand_conv` and `block2a_expand_bn`,
* or that is the only normalization of a scope with one convolution;
* or, if both have only names that `tf.layers` counts, that is at its place in all orders of the convolutions of a scope
  in which channels agree and the outputs of one are the inputs of the next.
"""

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from estimator_ckpt.suggesting.chains import by_numbers, in_order
from estimator_ckpt.suggesting.families import Layer, Pair, Side
from estimator_ckpt.suggesting.interleaving import counted_pairs
from estimator_ckpt.suggesting.layer_kinds import (
    LEAST_AGREEMENT,
    TOKEN,
    WORDS,
    agree,
    channels,
    is_norm,
    last_kernel,
    main_number,
    place,
)
from estimator_ckpt.suggesting.name_parts import KERAS_CHILD

# Of more convolutions whose names have the same words, a normalization does not tell which one it belongs to.
_MOST_ALIKE = 64


def partners(side: Side) -> dict[int, Layer]:
    """Returns the normalization of each convolution, by the number of the kernel whose outputs are normalized."""
    found: dict[int, Layer] = {}
    taken: set[int] = set()
    for convolution, norm in _pairs(side):
        key, other = last_kernel(convolution), main_number(norm)
        if key not in found and other not in taken:
            found[key] = norm
            taken.add(other)
    return found


def _pairs(side: Side) -> Iterator[Pair]:
    """Yields all pairs that names, counts or the order of the program tell, the surest first."""
    views: dict[int, tuple[list[Layer], list[Layer]]] = collections.defaultdict(lambda: ([], []))
    for family in side.families():
        for layer in family.layers:
            if is_norm(layer):
                views[family.view][1].append(layer)
            elif channels(layer) is not None:
                views[family.view][0].append(layer)
    for _, (convolutions, norms) in sorted(views.items()):
        yield from counted_pairs(convolutions, norms)
        words = {layer: _words(layer) for layer in (*convolutions, *norms)}
        yield from _named(convolutions, norms, words.__getitem__)
        yield from _by_rank(convolutions, norms)
        yield from _alone(convolutions, norms)
        yield from _named(convolutions, norms, _shared_words(convolutions, norms, words), below=False)
    yield from _following(side)


def _following(side: Side) -> Iterator[Pair]:
    """Yields the convolutions and the normalizations that a program made right after them, if it made them in order."""
    layers = in_order(side)
    if all(layer.variables[layer.main_role].made for layer in layers):
        for convolution, norm in zip(layers, layers[1:], strict=False):
            if channels(convolution) is not None and is_norm(norm) and agree(convolution, norm):
                yield convolution, norm


def counted_norms(side: Side) -> set[int]:
    """Returns the main variables of normalizations of which only a number says where they belong, in all views."""
    groups: dict[tuple, list[int]] = collections.defaultdict(list)
    views: collections.Counter[int] = collections.Counter()
    for family in side.families():
        for layer in family.layers:
            if is_norm(layer):
                views[main_number(layer)] += 1
                scope, base, _, counted = place(layer)
                if base.startswith(KERAS_CHILD):
                    base, counted = KERAS_CHILD, True
                if counted:
                    groups[family.view, scope, base].append(main_number(layer))
    in_views = collections.Counter(n for group in groups.values() if len(group) > 1 for n in group)
    return {number for number, count in in_views.items() if count == views[number]}


def _named(
    convolutions: Iterable[Layer],
    norms: Iterable[Layer],
    key_of: Callable[[Layer], tuple[str, ...]],
    below: bool = True,
) -> Iterator[Pair]:
    by_key: dict[tuple, list[Layer]] = collections.defaultdict(list)
    for layer in convolutions:
        by_key[key_of(layer)].append(layer)
    pairs, remaining = [], collections.defaultdict(list)
    norms = list(norms)
    from_none = {
        main_number(norm)
        for groups in _counted_from_none(norms).values()
        for group in groups
        for norm in group
    }
    for norm in norms:
        # `BatchNorm_1` is the second one, and not that of `conv_1`.
        if main_number(norm) in from_none:
            continue
        same = by_key.get(key_of(norm), [])
        fitting = [layer for layer in same if not _beside(layer, norm)] if len(same) <= _MOST_ALIKE else []
        if len(fitting) > 1:
            fitting = [layer for layer in fitting if _is_in_name(layer, norm)]
        if len(fitting) == 1:
            pairs.append((fitting[0], norm))
        else:
            remaining[key_of(norm)].append(norm)
    # A normalization before its convolution has as many channels now and then.
    right = [pair for pair in pairs if agree(*pair)]
    if len(right) < LEAST_AGREEMENT * len(pairs) or _may_precede(pairs, len(right)):
        return
    yield from right
    if below:
        yield from _below(by_key, remaining, right)


def _is_in_name(convolution: Layer, norm: Layer) -> bool:
    """Returns True if the name of a normalization has that of a convolution in it, and not only `conv1` of `conv10`."""
    _, found, rest = str(norm.split).partition(str(convolution.split).rstrip('/'))
    return bool(found) and not rest[:1].isdigit()


def _counted_from_none(layers: Iterable[Layer]) -> dict[str, list[list[Layer]]]:
    """Returns, by scope, the layers that TensorFlow has counted, the first one without a number, in their order."""
    groups: dict[tuple[str, str], dict[int, list[Layer]]] = collections.defaultdict(dict)
    for layer in layers:
        scope, base, number, is_counted = place(layer)
        if is_counted:
            groups[scope, base].setdefault(number, []).append(layer)
    counted: dict[str, list[list[Layer]]] = collections.defaultdict(list)
    for (scope, _), group in groups.items():
        if len(group) > 1 and 0 in group:
            counted[scope].append([layer for _, of_number in sorted(group.items()) for layer in of_number])
    return counted


def _by_rank(convolutions: Iterable[Layer], norms: Iterable[Layer]) -> Iterator[Pair]:
    """Yields the normalizations counted in a scope with as many convolutions below it, whose numbers differ."""
    by_scope: dict[str, list[Layer]] = collections.defaultdict(list)
    for layer in by_numbers(convolutions):
        scope = place(layer)[0]
        while scope:
            scope = scope.rpartition('/')[0]
            by_scope[scope].append(layer)
    for scope, groups in _counted_from_none(norms).items():
        below = by_scope[scope]
        for group in groups:
            pairs = list(zip(below, group, strict=False))
            same = len({layer.split.literals for layer in below}) == 1 and len(below) == len(group)
            if same and all(agree(*pair) for pair in pairs):
                yield from pairs


def _below(
    by_key: Mapping[tuple, list[Layer]],
    remaining: Mapping[tuple, list[Layer]],
    right: Sequence[Pair],
) -> Iterator[Pair]:
    """Yields normalizations whose names are the beginning of that of a single convolution that has none.

    Args:
      by_key: The convolutions by their names.
      remaining: The normalizations that have no convolution, by their names.
      right: The pairs of the other ones.
    """
    taken = {id(convolution) for convolution, _ in right}
    of_beginning: dict[tuple, list[Layer]] = collections.defaultdict(list)
    for key, layers in by_key.items():
        for length in range(1, len(key)):
            of_beginning[key[:length]] += [
                layer for layer in layers if id(layer) not in taken and 'bias' not in layer.variables
            ]
    for key, of_key in remaining.items():
        # A convolution of the same name may be meant as well.
        fitting = [] if by_key.get(key) else of_beginning[key]
        if len(of_key) == len(fitting) == 1 and agree(fitting[0], of_key[0]):
            yield fitting[0], of_key[0]


def _precedes(convolution: Layer, norm: Layer) -> bool:
    """Returns True if a normalization has as many channels as the inputs of a convolution."""
    of_convolution = channels(convolution)
    return of_convolution is not None and norm.variables[norm.main_role].size == of_convolution[0]


def _may_precede(pairs: Sequence[Pair], agreeing: int) -> bool:
    """Returns True if normalizations may be those before their convolutions.

    Where all convolutions have as many outputs as inputs, channels do not tell; `conv2` in `bn_conv2` does.

    Args:
      pairs: The convolutions with the normalizations of the same names or scopes.
      agreeing: The number of those pairs that have as many channels as the outputs of the convolution.
    """
    preceding = sum(_precedes(*pair) for pair in pairs)
    unsure = [pair for pair in pairs if not _names_its_convolution(*pair)]
    are_most = len(unsure) > max(1, len(pairs) // 2)
    return preceding > agreeing or (are_most and all(_precedes(*pair) for pair in unsure))


def _names_its_convolution(convolution: Layer, norm: Layer) -> bool:
    """Returns True if the last component of the name of a convolution is in the name of a normalization."""
    return str(convolution.split).rstrip('/').rpartition('/')[2] in str(norm.split)


def _alone(convolutions: Iterable[Layer], norms: Iterable[Layer]) -> Iterator[Pair]:
    """Yields the convolutions and normalizations that are the only ones of their scopes."""
    by_scope: dict[str, tuple[list[Layer], list[Layer]]] = collections.defaultdict(lambda: ([], []))
    for number, layers in enumerate((convolutions, norms)):
        for layer in layers:
            by_scope[place(layer)[0]][number].append(layer)
    pairs = [(a[0], b[0]) for a, b in by_scope.values() if len(a) == len(b) == 1]
    right = [pair for pair in pairs if agree(*pair)]
    if len(right) >= LEAST_AGREEMENT * len(pairs) and not _may_precede(pairs, len(right)):
        yield from right


def _words(layer: Layer) -> tuple[str, ...]:
    tokens = (token.lower() for token in TOKEN.findall(str(layer.split)))
    return tuple(token for token in tokens if token not in WORDS)


def _shared_words(
    convolutions: Sequence[Layer], norms: Sequence[Layer], words_of: Mapping[Layer, tuple[str, ...]]
) -> Callable[[Layer], tuple[str, ...]]:
    """Returns a function that gives the words and numbers of a name, without those that only one of both kinds has."""
    vocabulary = {word for layer in convolutions for word in words_of[layer]}
    vocabulary &= {word for layer in norms for word in words_of[layer]}

    def shared(layer: Layer) -> tuple[str, ...]:
        words = tuple([word for word in words_of[layer] if word in vocabulary])
        # Numbers alone are those of two counts.
        return words if any(map(str.isalpha, words)) else (str(layer.split),)

    return shared


def _beside(convolution: Layer, norm: Layer) -> bool:
    """Returns True if both have counted names in one scope, whose numbers need not agree."""
    (a, _, _, a_is_counted), (b, _, _, b_is_counted) = place(convolution), place(norm)
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
        if not at or convolutions[at - 1][1][1] == inputs:
            continue
        # What takes the outputs of a convolution is after it, and not beside it.
        following = [of for _, of in convolutions[at + 1 : at + 2] if of[0] != outputs]
        if all(of[1] != outputs for of in (convolutions[at - 1][1], *following)):
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
