"""Aligns layers by what surrounds them: the layers in the same scope, or before and after them, that are aligned."""

import collections
import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from estimator_ckpt.suggesting.chains import in_order, kind
from estimator_ckpt.suggesting.evidence import Evidence
from estimator_ckpt.suggesting.families import Layer, Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.layer_kinds import main_number
from estimator_ckpt.suggesting.name_parts import DIMENSIONS, MOST_SCOPES

# A scope with more layers, or a larger share of all, and more layers of a kind without a counterpart, say nothing of a
# single one.
_MAX_SCOPE = 24
_LARGEST_SHARE = 0.6
_MAX_LEFT = 50
# The number of pairs of a hypothesis that are looked at.
_MOST_COMPARED = 8
_SHAPES, _ORDER = 0.7, 0.6
# `block2a` is in `block2`, but `conv2d` in no `conv2`.
_BOUNDARY = re.compile(rf'(?<=\d)(?![\d/_.-])(?<!(?={DIMENSIONS})\d)|[/_.-]', re.I)
# Of `conv2d_1`, those that are counted with it are known by their numbers.
_COUNTED = re.compile(r'_\d+/?')


def scopes_of(name: str) -> list[str]:
    """Returns the scopes that the name of a layer is in, the widest first.

    Components are taken apart at underscores, hyphens, dots, and after numbers: `block2a_project_bn` is in `block2`,
    `block2a_` and `block2a_project_`.

    Args:
      name: The name.
    """
    return [name[:end] for _, end in itertools.islice(_boundaries(name), MOST_SCOPES)]


def _boundaries(name: str) -> Iterator[tuple[int, int]]:
    """Yields where each boundary in a name begins and ends."""
    offset = 0
    for component in name.split('/'):
        # A slash is a boundary itself, which no other one reaches across.
        text = f'{component}/' if offset + len(component) < len(name) else component
        for start, end in _boundaries_of(text):
            yield offset + start, offset + end
        offset += len(text)


# Many names have the same components.
@functools.lru_cache(maxsize=100_000)
def _boundaries_of(component: str) -> list[tuple[int, int]]:
    return [match.span() for match in _BOUNDARY.finditer(component)]


class Surroundings:
    """The layers around each layer of one side."""

    def __init__(self, side: Side):
        families = side.families()
        self._scopes: list[dict[int, list[tuple[str, bool]]]] = []
        self._members: list[dict[str, list[int]]] = []
        self._beside: dict[int, set[int]] = collections.defaultdict(set)
        self._beside_of_family: dict[int, set[int]] = collections.defaultdict(set)
        for view in range(max((family.view for family in families), default=-1) + 1):
            scopes, members = {}, collections.defaultdict(list)
            names = collections.Counter(
                (layer.main_role, str(layer.split))
                for family in families
                if family.view == view
                for layer in family.layers
            )
            for family in families:
                if family.view != view:
                    continue
                _note_neighbors(family.layers, self._beside_of_family)
                for layer in family.layers:
                    number = main_number(layer)
                    name = str(layer.split)
                    # Objects may share their names, so that these do not tell which layers are beside each other.
                    if names[layer.main_role, name] > 1:
                        continue
                    # `net/pi` and `net/pi_fc1` are in one scope.
                    scopes[number] = [
                        (name[:start], bool(_COUNTED.fullmatch(name, start)))
                        for start, _ in _boundaries(name)
                    ]
                    for scope, _ in scopes[number]:
                        members[scope].append(number)
            self._scopes.append(scopes)
            self._members.append(members)
        _note_neighbors(in_order(side), self._beside)

    def around(
        self,
        layer: Layer,
        aligned: Mapping[int, int],
        neighbors: bool = True,
        of_family: bool = True,
        wide: bool = False,
    ) -> set[int]:
        """Returns the main variables of the aligned layers that surround a layer.

        Args:
          layer: The layer.
          aligned: The counterparts of the variables of this side.
          neighbors: Whether layers before and after it count that are not in its scope.
          of_family: Whether these are also those with the numbers before and after its own.
          wide: Whether the layers of all its scopes count, and not only of the narrowest that has aligned ones.
        """
        number = main_number(layer)
        beside = set(self._beside[number]) if neighbors else set()
        if neighbors and of_family:
            beside |= self._beside_of_family[number]
        around = {other for other in beside if other in aligned}
        for scopes, members in zip(self._scopes, self._members, strict=True):
            for scope, is_count in reversed(scopes.get(number, ())):
                # The numbers before and after its own tell more than all that are counted with it.
                if is_count and (around or not neighbors):
                    continue
                if len(members[scope]) > min(_MAX_SCOPE, _LARGEST_SHARE * len(scopes)):
                    break
                inside = {other for other in members[scope] if other in aligned}
                around |= inside
                if inside and not wide:
                    break
        return around


def _note_neighbors(layers: list[Layer], beside: dict[int, set[int]]) -> None:
    for a, b in zip(layers, layers[1:], strict=False):
        beside[main_number(a)].add(main_number(b))
        beside[main_number(b)].add(main_number(a))


def agreement(
    pairs: Sequence[tuple[Layer, Layer]],
    surroundings: tuple[Surroundings, Surroundings],
    sources: Mapping[int, int],
    targets: Mapping[int, int],
    of_family: bool = True,
) -> tuple[float, float]:
    """Returns the share of pairs of layers whose surroundings have counterparts in each other, and how exactly they do.

    Args:
      pairs: The pairs.
      surroundings: The surroundings on each side.
      sources: The source of each aligned target.
      targets: The target of each aligned source.
      of_family: Whether the layers with the numbers before and after are comparable on both sides.

    Returns:
      The share; and the mean over the pairs of the share of their surroundings that are counterparts.
    """
    some = pairs[:: len(pairs) // _MOST_COMPARED + 1]
    agreeing, exactly = 0, 0.0
    for a, b in some:
        counterparts = {targets[other] for other in surroundings[0].around(a, targets, of_family=of_family)}
        around = surroundings[1].around(b, sources, of_family=of_family)
        common = len(counterparts & around)
        agreeing += common > 0
        exactly += common / (len(counterparts | around) or 1)
    return agreeing / len(some), exactly / len(some)


def surrounded(
    sides: tuple[Side, Side],
    surroundings: tuple[Surroundings, Surroundings],
    live: tuple[set[int], set[int]],
    sources: Mapping[int, int],
    matcher: Matcher,
) -> Iterator[tuple[Layer, Layer, Evidence]]:
    """Yields the pairs of layers that are the only ones of their kind whose surroundings are aligned.

    Args:
      sides: The source and the target.
      surroundings: The surroundings on each side.
      live: The numbers of the variables of each side that are not yet aligned.
      sources: The source of each aligned target.
      matcher: Decides which layers can be the same.
    """
    targets = {s: t for t, s in sources.items()}
    of_source, of_target = (_by_kind(side, of_side) for side, of_side in zip(sides, live, strict=True))
    for kind_ in sorted(of_source.keys() & of_target.keys()):
        left = of_source[kind_], of_target[kind_]
        if max(map(len, left)) > _MAX_LEFT:
            continue
        found: set[tuple[int, int]] = set()
        if len(left[0]) != len(left[1]):
            left = _inside(left[0], surroundings[0], targets), _inside(left[1], surroundings[1], sources)
        if len(left[0]) == len(left[1]):
            # What is in the same scope tells more than what is before and after.
            for neighbors in (False, True):
                found |= found or set(_only_ones(left, surroundings, sources, targets, matcher, neighbors))
        else:
            # Of more layers of a kind, the one beside an aligned layer may be the one that the other side lacks.
            narrow, wide = (
                set(_only_ones(left, surroundings, sources, targets, matcher, False, wide))
                for wide in (False, True)
            )
            found = narrow & wide
        for s, t in sorted(found):
            yield left[0][s], left[1][t], Evidence(0.0, _SHAPES, _ORDER)


def _inside(
    layers: dict[int, Layer], surroundings: Surroundings, aligned: Mapping[int, int]
) -> dict[int, Layer]:
    """Returns the layers without those of a head: of another name than the others, and with nothing aligned around."""
    inside = {n for n, layer in layers.items() if surroundings.around(layer, aligned, wide=True)}
    names = {layers[n].split.literals for n in inside}
    return {n: layer for n, layer in layers.items() if n in inside or layer.split.literals in names}


def _only_ones(
    left: tuple[dict[int, Layer], dict[int, Layer]],
    surroundings: tuple[Surroundings, Surroundings],
    sources: Mapping[int, int],
    targets: Mapping[int, int],
    matcher: Matcher,
    neighbors: bool,
    wide: bool = False,
) -> Iterator[tuple[int, int]]:
    """Yields the pairs of layers of a kind that are the only ones of each other with counterparts around them.

    Args:
      left: The layers of the kind on each side that are not aligned, by their main variables.
      surroundings: The surroundings on each side.
      sources: The source of each aligned target.
      targets: The target of each aligned source.
      matcher: Decides which layers can be the same.
      neighbors: Whether layers before and after count that are not in the same scope.
      wide: Whether the layers of wider scopes count too.
    """
    around = {n: surroundings[1].around(layer, sources, neighbors, wide=wide) for n, layer in left[1].items()}
    partners: tuple[dict, dict] = (collections.defaultdict(set), collections.defaultdict(set))
    for s, layer in left[0].items():
        surrounding = surroundings[0].around(layer, targets, neighbors, wide=wide)
        counterparts = {targets[other] for other in surrounding}
        for t, of_target_layer in around.items():
            if counterparts & of_target_layer and matcher.roles(layer, left[1][t]):
                partners[0][s].add(t)
                partners[1][t].add(s)
    for s, of_layer in partners[0].items():
        t = next(iter(of_layer))
        if len(of_layer) == len(partners[1][t]) == 1:
            yield s, t


def _by_kind(side: Side, live: set[int]) -> dict[tuple[str, int], dict[int, Layer]]:
    by_kind: dict[tuple[str, int], dict[int, Layer]] = collections.defaultdict(dict)
    for family in side.families(live):
        for layer in family.layers:
            if layer.variables[layer.main_role].size > 1:
                by_kind[kind(layer)].setdefault(main_number(layer), layer)
    return by_kind
