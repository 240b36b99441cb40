"""Aligns layers of transformer blocks that one side names and the other numbers, by the order that such blocks have.

Programs make queries, keys and values in this order, and then the output of the attention; and a block attends, first
to itself and then to a memory, before its feed-forward network. So in blocks that correspond, `dense`, `dense_1`,
`dense_2` and `dense_3` are `query`, `key`, `value` and `output`, and `ln_1` and `ln_2` are the normalizations of the
attention and of the feed-forward network. What is then left is the normalization after all blocks.
"""

import collections
import itertools
from collections.abc import Iterator, Mapping, Sequence

from estimator_ckpt.suggesting.chains import Kind, kind
from estimator_ckpt.suggesting.families import Layer, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import is_norm
from estimator_ckpt.suggesting.name_parts import words
from estimator_ckpt.suggesting.surroundings import scopes_of

# The fewest layers whose order tells anything, and the most normalizations: of attention to itself and to a memory, and
# of the network.
_LEAST, _MOST_NORMS = 2, 4
# How many aligned variables of a block there must be beside one that may be elsewhere, and may be.
_LEAST_BESIDE, _MOST_BESIDE = 4, 64
_PROJECTIONS = ('query', 'key', 'value')
# These and an output.
_OF_ATTENTION = len(_PROJECTIONS) + 1
_ATTENTION = {'attention', 'mha', 'sa'}
_MEMORY = {'cross', 'memory', 'encdec', 'encoder', 'inter', 'source', 'context', 'vanilla'}
_NETWORK = {'ffn', 'feed', 'forward', 'feedforward', 'ff', 'mlp', 'output', 'intermediate', 'full', 'final'}

_Named = tuple[str, Layer]
# The scope of an attention, and layers of a kind in it.
_Attention = tuple[str, list[_Named]]


class _Scopes:
    """The scopes of one side, by the names of one view.

    Attributes:
      live: The layers below each scope that are not aligned, with their names, by kind.
      aligned: The aligned variables below each scope.
      kinds: How many of these there are of each role and size.
    """

    def __init__(self, side: Side, live: set[int], aligned: Mapping[int, int], view: int):
        self.live: dict[str, dict[Kind, list[_Named]]] = collections.defaultdict(
            lambda: collections.defaultdict(list)
        )
        self.aligned: dict[str, set[int]] = collections.defaultdict(set)
        self.kinds: dict[str, collections.Counter[Kind]] = collections.defaultdict(collections.Counter)
        self._names = side.names(view)
        for family in side.families(live):
            if family.view != view:
                continue
            for layer in family.layers:
                name = str(layer.split)
                for scope in _all_scopes(name):
                    self.live[scope][kind(layer)].append((name, layer))
        for number, name in self._names.items():
            if number in aligned:
                for scope in _all_scopes(name):
                    self.aligned[scope].add(number)
                    self.kinds[scope][side.roles[number], side.variables[number].size] += 1

    def around(self, numbers: set[int]) -> Iterator[str]:
        """Yields the scopes that hold some variables and no other aligned ones, the narrowest first.

        Where there is none, one of the variables may be elsewhere: T5's biases of positions, which all blocks share.
        """
        found = self._around(numbers)
        if not found and _LEAST_BESIDE < len(numbers) <= _MOST_BESIDE:
            without_one = [self._around(numbers - {number}) for number in sorted(numbers)]
            found = next(filter(None, without_one), [])
        yield from found

    def _around(self, numbers: set[int]) -> list[str]:
        names = [self._names[number] for number in numbers if number in self._names]
        if len(names) < len(numbers):
            return []
        of_all = set(_all_scopes(names[0])).intersection(*map(_all_scopes, names[1:]))
        by_length = sorted(of_all, key=len, reverse=True)
        return list(itertools.takewhile(lambda scope: self.aligned[scope] <= numbers, by_length))


def _all_scopes(name: str) -> list[str]:
    """Returns the scopes of a layer, and that of the whole network, which has no name."""
    return ['', *scopes_of(name)]


def in_blocks(
    sides: tuple[Side, Side], live: tuple[set[int], set[int]], sources: Mapping[int, int], matcher: Matcher
) -> Iterator[list[tuple[Layer, Layer]]]:
    """Yields the pairs of the layers of each kind in blocks that correspond.

    Args:
      sides: The source and the target.
      live: The numbers of the variables of each side that are not yet aligned.
      sources: The source of each aligned target.
      matcher: Decides which layers can be the same.
    """
    targets = {s: t for t, s in sources.items()}
    of_source = [_Scopes(sides[0], live[0], targets, view) for view in range(sides[0].views)]
    of_target = [_Scopes(sides[1], live[1], sources, view) for view in range(sides[1].views)]
    for a, b in itertools.product(of_source, of_target):
        for scope, other in _corresponding(a, b, targets):
            for kind_, layers in a.live[scope].items():
                of_both = layers, b.live[other].get(kind_, [])
                found = []
                if scope and other:  # The order inside of blocks says nothing of a whole network.
                    found = _paired((scope, other), of_both) or _of_attentions((scope, other), of_both)
                found = found or _only_norm((scope, other), of_both, a.kinds[scope][kind_])
                if found and all(matcher.roles(x, y) for x, y in found):
                    yield found


def _corresponding(a: _Scopes, b: _Scopes, targets: Mapping[int, int]) -> Iterator[tuple[str, str]]:
    """Yields the scopes of two sides whose aligned variables are the same."""
    for scope in a.live:
        if a.aligned[scope]:
            for other in b.around({targets[s] for s in a.aligned[scope]}):
                yield scope, other


def _paired(
    scopes: tuple[str, str], layers: tuple[Sequence[_Named], Sequence[_Named]]
) -> list[tuple[Layer, Layer]]:
    """Returns the pairs of the layers of a kind, if their order is a convention on one side and known on the other.

    Layer normalizations that both sides number are in this order too; batch normalizations may belong to branches.
    """
    most = _MOST_NORMS if is_norm(layers[0][0][1]) else 2 * _OF_ATTENTION
    if not _LEAST <= len(layers[0]) == len(layers[1]) <= most:
        return []
    ranks = [_ranks(scope, of_side) for scope, of_side in zip(scopes, layers, strict=True)]
    # Where both sides number projections, their orders may be two.
    known = any(ranks) or all(_is_layer_norm(layer) for _, layer in layers[0])
    if not known or (all(ranks) and set(ranks[0]) != set(ranks[1])):
        return []
    places = [of_ranks or _numbers(of_side) for of_ranks, of_side in zip(ranks, layers, strict=True)]
    if not all(places):
        return []
    source, target = (
        [layer for _, (_, layer) in sorted(zip(of_side, named, strict=True), key=lambda row: row[0])]
        for of_side, named in zip(places, layers, strict=True)
    )
    return list(zip(source, target, strict=True))


def _of_attentions(
    scopes: tuple[str, str], layers: tuple[Sequence[_Named], Sequence[_Named]]
) -> list[tuple[Layer, Layer]]:
    """Returns the pairs of the projections of attentions that are each in a scope of its own.

    The attentions of Kyubyong's Transformer give what they gather as it is, and have no output.
    """
    parts = [_attentions(scope, of_side) for scope, of_side in zip(scopes, layers, strict=True)]
    found = [
        _paired((own[0], other[0]), (own[1], other[1]))
        for own, other in map(_without_output, *parts)
        if len(own[1]) == len(other[1]) in (len(_PROJECTIONS), _OF_ATTENTION)
    ]
    is_whole = len(found) == len(parts[0]) == len(parts[1]) and all(found)
    return list(itertools.chain.from_iterable(found)) if is_whole else []


def _attentions(scope: str, layers: Sequence[_Named]) -> list[_Attention]:
    """Returns the scopes of the attentions of a block with their layers, that to itself first; nothing if unsure."""
    by_scope: dict[str, list[_Named]] = collections.defaultdict(list)
    for name, layer in layers:
        by_scope[name.removeprefix(scope).lstrip('/').partition('/')[0]].append((name, layer))
    of_names = [set(words([name])) for name in by_scope]
    ranks = list(map(part_of_block, of_names))
    if None not in ranks and len(set(ranks)) < len(ranks):
        ranks = [*_second_of_two(of_names)] or ranks
    if None in ranks or len(set(ranks)) < len(ranks):
        ranks = [int(name[-1]) if name[-1:].isdecimal() else None for name in by_scope]
        stems = {name[:-1] for name in by_scope}
        if len(by_scope) > 1 and (None in ranks or len(stems) > 1):
            return []
    in_order = sorted(zip(ranks, by_scope, strict=True), key=lambda row: row[0] or 0)
    return [(f'{scope.rstrip("/")}/{name}', by_scope[name]) for _, name in in_order]


def _without_output(own: _Attention, other: _Attention) -> tuple[_Attention, _Attention]:
    """Returns two attentions, of which the one that has one more layer is without its output."""
    of_both = [own, other]
    for number, (scope, layers) in enumerate((own, other)):
        if len(layers) == _OF_ATTENTION == len(of_both[1 - number][1]) + 1:
            ranks = _ranks(scope, layers)
            projections = [row for row, rank in zip(layers, ranks, strict=False) if rank < len(_PROJECTIONS)]
            of_both[number] = scope, projections
    return of_both[0], of_both[1]


def _only_norm(
    scopes: tuple[str, str], layers: tuple[Sequence[_Named], Sequence[_Named]], aligned: int
) -> list[tuple[Layer, Layer]]:
    """Returns the only normalization that is left in each of two scopes, if nothing else can be meant.

    It is that of the same part of a block, such as the feed-forward network, or that right below several blocks.

    Args:
      scopes: The scopes.
      layers: The layers of a kind in each that are not aligned.
      aligned: The number of aligned ones.
    """
    if not len(layers[0]) == len(layers[1]) == 1:
        return []
    [(name, norm)], [(other, counterpart)] = layers
    rests = [n.removeprefix(s).rstrip('/') for n, s in zip((name, other), scopes, strict=True)]
    is_last = aligned >= _LEAST and not any('/' in rest for rest in rests)
    parts = [part_of_block(set(words([scope.rstrip('/').rpartition('/')[2]]))) for scope in scopes]
    is_sure = is_last or (parts[0] is not None and parts[0] == parts[1])
    return [(norm, counterpart)] if is_sure and _is_layer_norm(norm) else []


def _is_layer_norm(layer: Layer) -> bool:
    return is_norm(layer) and 'mean' not in layer.variables


def _ranks(scope: str, layers: Sequence[_Named]) -> list[int]:
    """Returns the places of layers by what they are for; nothing if the names do not tell."""
    of_names = [set(words([name.removeprefix(scope)])) for name, _ in layers]
    of_norms = is_norm(layers[0][1])
    found = [part_of_block(of_name) if of_norms else place_in_attention(of_name) for of_name in of_names]
    ranks = [rank for rank in found if rank is not None]
    if len(ranks) < len(found):
        return []
    if not of_norms and len(layers) > _OF_ATTENTION:
        ranks = _of_two_attentions(ranks, layers, of_names)
    if len(set(ranks)) < len(ranks) or not (of_norms or set(range(3)) <= set(ranks)):
        return []
    return ranks


def _of_two_attentions(
    ranks: Sequence[int], layers: Sequence[_Named], of_names: Sequence[set[str]]
) -> list[int]:
    """Returns the places of the projections of two attentions, of which that to a memory is the second."""
    by_rank: dict[int, list[int]] = collections.defaultdict(list)
    for place, rank in enumerate(ranks):
        by_rank[rank].append(place)
    result = list(ranks)
    for places in by_rank.values():
        second = _second_of_two([of_names[place] for place in places])
        if not second:
            numbers = _numbers([layers[place] for place in places])
            if not len(numbers) == ranks.count(0) == 2:
                return []
            second = [int(number == max(numbers)) for number in numbers]
        for place, is_second in zip(places, second, strict=True):
            result[place] += is_second * _OF_ATTENTION
    return result


def _second_of_two(of_names: Sequence[set[str]]) -> list[int]:
    """Returns 1 for the attention to a memory, 0 for that of a block to itself; nothing if no word tells these apart.

    Args:
      of_names: The words of the name of each.
    """
    of_memory = [int(bool(of_name & _MEMORY)) for of_name in of_names]
    not_itself = [int('self' not in of_name) for of_name in of_names]
    return next((second for second in (of_memory, not_itself) if sorted(second) == [0, 1]), [])


def place_in_attention(of_name: set[str]) -> int | None:
    """Returns the place of a projection among those of an attention, of which the output is the last one.

    Args:
      of_name: The words of its name; None is returned if they name several.
    """
    named = [rank for rank, word in enumerate(_PROJECTIONS) if word in of_name]
    return (named or [len(_PROJECTIONS)])[0] if len(named) < 2 else None


def part_of_block(of_name: set[str]) -> int | None:
    """Returns 0 for attention to itself, 1 for that to a memory, 2 for the feed-forward network; None if no word tells.

    Args:
      of_name: The words of a name.
    """
    if of_name & _ATTENTION:
        return 1 if of_name & _MEMORY else 0
    return 2 if of_name & _NETWORK else None


def _numbers(layers: Sequence[_Named]) -> list[int]:
    """Returns the numbers by which the names of layers differ; nothing if they differ otherwise."""
    if len({layer.split.literals for _, layer in layers}) > 1:
        return []
    columns = [
        column for column in zip(*(layer.values for _, layer in layers), strict=True) if len(set(column)) > 1
    ]
    return list(columns[0]) if len(columns) == 1 and len(set(columns[0])) == len(layers) else []
