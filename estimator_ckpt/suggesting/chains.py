"""Finds chains: the layers of one role in an order that is known.

It is the order of the numbers in their names, where names differ in a number before they differ in a text; or that of
the numbers that `tf.layers` counts across scopes (`conv2d`, `conv2d_1`); or that of the objects of a program. Names
that differ in a text have no order.
"""

import collections
import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.suggesting.families import Family, Layer, Side
from estimator_ckpt.suggesting.layer_kinds import channels, is_tracked_by_keras
from estimator_ckpt.suggesting.name_parts import Piece, words

# The fewest layers of a chain.
_LEAST_LAYERS = 3
# The share of all layers that two runs hold together if there is nothing but them, and the most runs that are tried.
_NEARLY_ALL, _MOST_RUNS = 0.9, 12

# The most layers of the kinds of a run that are not in it, and what says that they are before it or after it.
_MOST_ENDS = 2
_FIRST = frozenset(['input', 'first', 'stem', 'initial', 'begin', 'start'])
_LAST = frozenset(['output', 'last', 'final', 'end'])

Kind = tuple[str, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Chain:
    """Layers of one role in a known order.

    Attributes:
      layers: The layers.
      whole: Whether the chain holds all layers of its role that are not yet aligned.
      turns: Whether the layers differ in one number only, which may count down.
      tracked: Whether the order is that of attributes of objects. Keras tracks deeper branches of models first.
      nested: Whether several numbers in each name make the order, of which another side may have another one first.
      joined: Whether the chain is one run after another, such as an encoder and a decoder, which is to be proved.
    """

    layers: list[Layer]
    whole: bool
    turns: bool = False
    tracked: bool = False
    nested: bool = False
    joined: bool = False


def kind(layer: Layer) -> Kind:
    """Returns what layers that are the same have in common: the main role, and the number of elements."""
    return layer.main_role, layer.variables[layer.main_role].size


def by_kind(layers: Iterable[Layer]) -> dict[Kind, list[Layer]]:
    """Returns layers by what those that are the same have in common.

    Args:
      layers: The layers.
    """
    of_kinds: dict[Kind, list[Layer]] = collections.defaultdict(list)
    for layer in layers:
        of_kinds[kind(layer)].append(layer)
    return of_kinds


def chains(side: Side, live: set[int], joined: bool = False) -> dict[str, list[Chain]]:
    """Returns the chains of the layers of one side, by role.

    Args:
      side: The side.
      live: The numbers of the variables that are not yet aligned.
      joined: Whether to add two runs after each other.
    """
    by_view: dict[tuple[str, int], list[Family]] = collections.defaultdict(list)
    for family in side.families(live):
        by_view[family.layers[0].main_role, family.view].append(family)
    found: dict[str, dict[tuple[int, ...], Chain]] = collections.defaultdict(dict)
    for (role, _), families in sorted(by_view.items()):
        layers = [layer for family in families for layer in family.layers]
        is_made = all(layer.variables[role].made for layer in layers)
        numbered = [(run, len(f.slots) == 1) for f in families for run in _runs(f)]
        numbered += [(sequence, False) for sequence in _numbered(layers)]
        others = [(sequence, False) for sequence in (*_counted(layers), _made(layers))]
        for number, (sequence, turns) in enumerate(numbered + others):
            if len(sequence) >= _LEAST_LAYERS:
                by_keras = is_tracked_by_keras(sequence)
                if by_keras and is_made and sequence is not others[-1][0]:
                    continue
                key = tuple([layer.variables[role].number for layer in sequence])
                tracked = not is_made and (by_keras or sequence is others[-1][0])
                whole = len(sequence) == len(layers)
                nested = number < len(numbered) and _is_nested(sequence)
                chain = found[role].setdefault(key, Chain(sequence, whole, turns, tracked, nested))
                found[role][key] = dataclasses.replace(chain, nested=chain.nested and nested)
        runs = [run for run, _ in numbered]
        further = [(_with_ends(run, layers), _is_nested(run), False) for run in runs]
        further += [(run, False, True) for run in (_joined(runs, len(layers)) if joined else ())]
        for sequence, nested, is_joined in further:
            if sequence:
                key = tuple([layer.variables[role].number for layer in sequence])
                chain = Chain(sequence, len(sequence) == len(layers), nested=nested, joined=is_joined)
                found[role].setdefault(key, chain)
    return {role: list(of_role.values()) for role, of_role in found.items()}


def _runs(family: Family) -> Iterable[list[Layer]]:
    """Returns the layers of a family, apart where their names differ in the sizes of windows."""
    return _numbered(family.layers) if 'x' in family.literals else [family.layers]


def _numbered(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """Yields the largest sets of layers, of several families, whose names differ in numbers before texts."""
    ordered = sorted(layers, key=lambda layer: layer.split.pieces)
    run: list[Layer] = []
    for number, layer in enumerate(ordered):
        if number and not _differ_in_number(ordered[number - 1].split.pieces, layer.split.pieces):
            yield run
            run = []
        run.append(layer)
    yield run


def _with_ends(run: Sequence[Layer], layers: Sequence[Layer]) -> list[Layer]:
    """Returns a run between the other layers of its kinds, if the words of these say that they are first or last.

    Between the convolution at the input of a network and that at its output are numbered blocks.

    Args:
      run: The run.
      layers: All layers of the role.
    """
    if not _LEAST_LAYERS <= len(run) < len(layers):
        return []
    kinds, inside = set(map(kind, run)), set(map(id, run))
    outside = (layer for layer in layers if id(layer) not in inside and kind(layer) in kinds)
    others = list(itertools.islice(outside, _MOST_ENDS + 1))
    if not 0 < len(others) <= _MOST_ENDS:
        return []
    common = set(itertools.chain.from_iterable(map(words, {layer.split.literals for layer in run})))
    said = [set(words(layer.split.literals)) - common for layer in others]
    first, last = (
        [layer for layer, own in zip(others, said, strict=True) if own & end] for end in (_FIRST, _LAST)
    )
    is_clear = len(first) + len(last) == len(others) and max(len(first), len(last)) < 2
    return [*first, *run, *last] if is_clear else []


def _joined(runs: Sequence[Sequence[Layer]], count: int) -> Iterator[list[Layer]]:
    """Yields each run followed by another one, in any direction, if the two hold nearly all layers.

    Args:
      runs: The runs, some of which may be parts of others.
      count: The number of all layers.
    """
    runs = [run for run in runs if len(run) >= _LEAST_LAYERS and len(run) < count]
    if len(runs) > _MOST_RUNS:
        return
    for a, b in itertools.permutations(runs, 2):
        if _NEARLY_ALL * count <= len(a) + len(b) <= count and set(map(id, a)).isdisjoint(map(id, b)):
            for turned in (b, b[::-1], _outer_numbers_down(b)):
                yield [*a, *turned]


def _outer_numbers_down(layers: Sequence[Layer]) -> list[Layer]:
    """Returns layers whose first numbers count down and whose others count up, as the blocks of decoders do."""
    return sorted(layers, key=lambda layer: (-layer.values[0], layer.values[1:]) if layer.values else (0, ()))


def _is_nested(layers: Sequence[Layer]) -> bool:
    """Returns True if names of the same texts are in another order if their last numbers count first."""
    families: dict[tuple[str, ...], list[tuple[int, ...]]] = collections.defaultdict(list)
    for layer in layers:
        families[layer.split.literals].append(layer.values)
    return any(sorted(rows) != sorted(rows, key=lambda row: row[::-1]) for rows in families.values())


def _differ_in_number(a: Sequence[Piece], b: Sequence[Piece]) -> bool:
    """Returns True if the first difference of two names, if any, is one of numbers that say which layer comes first."""
    for x, y in zip(a, b, strict=False):
        if x != y:
            return isinstance(x, tuple) and isinstance(y, tuple) and not (x[1] and y[1])
    return True


def _counted(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """Yields layers whose last components are counted across scopes."""
    groups: dict[str, dict[int, list[Layer]]] = collections.defaultdict(lambda: collections.defaultdict(list))
    for layer in layers:
        base, number = _parted(str(layer.split).rstrip('/').rpartition('/')[2])
        groups[base][number].append(layer)
    for group in groups.values():
        if all(len(same) == 1 for same in group.values()):
            yield [layer for _, [layer] in sorted(group.items())]


@functools.lru_cache(maxsize=100_000)
def _parted(name: str) -> tuple[str, int]:
    """Returns the name that TensorFlow counts, and its number, which is 0 if it has none."""
    base, underscore, number = name.rpartition('_')
    return (base, to_int(number)) if underscore and number.isdecimal() else (name, 0)


def _made(layers: Sequence[Layer]) -> list[Layer]:
    """Returns the layers in the order of the program's objects; nothing if that is not known."""
    orders = [layer.variables[layer.main_role].order for layer in layers]
    ordered = [(order, n) for n, order in enumerate(orders) if order is not None]
    return [layers[n] for _, n in sorted(ordered)] if len(ordered) == len(layers) else []


def branches(layers: Sequence[Layer], far: bool = False) -> set[Kind]:
    """Returns the kinds of convolutions whose inputs are not the outputs of the one before, and of those before.

    Args:
      layers: Layers in an order.
      far: Whether the layer before may have other outputs too, which only says that the two are not connected.
    """
    result = set()
    for a, b in zip(layers, layers[1:], strict=False):
        before, after = channels(a), channels(b)
        if (
            before is not None
            and after is not None
            and before[1] != after[0]
            and (far or before[1] == after[1])
        ):
            result |= {kind(a), kind(b)}
    return result


def sizes_in_name(layer: Layer) -> tuple[int, ...]:
    """Returns the numbers of the resolutions in the name of a layer: 17 and 17 for `mixed_17x17x768a`."""
    pieces = layer.split.pieces
    numbers = [pieces[n] for n in range(1, len(pieces) - 1, 2) if 'x' in (pieces[n - 1], pieces[n + 1])]
    return tuple(piece[0] for piece in numbers if isinstance(piece, tuple) and not piece[1])


def is_by_size(layers: Sequence[Layer]) -> bool:
    """Returns True if resolutions in the names (`17x17`) order layers: in some networks they grow, in others they fall.

    Args:
      layers: The layers.
    """
    for a, b in zip(layers, layers[1:], strict=False):
        x, y = a.split.pieces, b.split.pieces
        place = next((n for n, (of_a, of_b) in enumerate(zip(x, y, strict=False)) if of_a != of_b), 0)
        if place % 2 and 'x' in (x[place - 1], x[place + 1]):
            return True
    return False


def by_numbers(layers: Iterable[Layer]) -> list[Layer]:
    """Returns layers in the order of the numbers in their names, and of the texts around them."""
    return sorted(layers, key=lambda layer: layer.split.pieces)


def in_order(side: Side) -> list[Layer]:
    """Returns all layers in the order of the program's objects; nothing if that is not known."""
    return _made(side.layers())
