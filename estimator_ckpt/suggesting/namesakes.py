"""Finds the layers whose names have the same words and numbers on both sides, but for words of one side alone.

`InceptionResnetV1/Repeat/block35_1/Branch_0/Conv2d_1x1` and `Block35_1_Branch_0_Conv2d_1x1` are namesakes. No order of
layers may pair either with another layer: branches of a network have no order that two programs agree on.
"""

import collections
import re
from collections.abc import Iterable

from estimator_ckpt.suggesting.families import Layer, Side
from estimator_ckpt.suggesting.hypotheses import Hypothesis
from estimator_ckpt.suggesting.layer_kinds import main_number, place
from estimator_ckpt.suggesting.name_parts import DIMENSIONS, SYNONYMS, split_names

_TOKEN = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+')
# The digits of `conv2d` and `1x7` number nothing.
_SIZES = re.compile(rf'{DIMENSIONS}|(?<!\d)\d+x\d+(?!\d)', re.I)


class Namesakes:
    """The pairs of layers that have the same names."""

    def __init__(self, source: Side, target: Side):
        """Compares the names of two sides.

        Args:
          source: The source.
          target: The target.
        """
        named = [_named_layers(side) for side in (source, target)]
        vocabularies = [{word for _, tokens in rows for word in tokens} for rows in named]
        by_name = [
            _by_name(rows, vocabulary) for rows, vocabulary in zip(named, reversed(vocabularies), strict=True)
        ]
        namesakes: list[dict[int, set[int]]] = [collections.defaultdict(set), collections.defaultdict(set)]
        for name in by_name[0].keys() & by_name[1].keys():
            if all(len(of_side[name]) == 1 for of_side in by_name):
                [s], [t] = (of_side[name] for of_side in by_name)
                namesakes[0][s].add(t)
                namesakes[1][t].add(s)
        # A variable has a name and a path, which may be those of two others.
        self._pairs = [{n: min(of_n) for n, of_n in rows.items() if len(of_n) == 1} for rows in namesakes]

    def contradict(self, a: Layer, b: Layer) -> bool:
        """Returns True if one of two layers has a namesake, and it is not the other one.

        Args:
          a: A layer of the source.
          b: A layer of the target.
        """
        s, t = main_number(a), main_number(b)
        return self._pairs[0].get(s, t) != t or self._pairs[1].get(t, s) != s

    def support(self, hypothesis: Hypothesis) -> int:
        """Returns 1 for a hypothesis that pairs all layers of a family with their namesakes, -1 for a contrary one.

        Only a hypothesis about one layer is contrary: the numbers of several may have been shifted.

        Args:
          hypothesis: The hypothesis.
        """
        if hypothesis.keeps_all_numbers and all(
            self._pairs[0].get(main_number(a)) == main_number(b) for a, b in hypothesis.layers
        ):
            return 1
        return -int(len(hypothesis.layers) == 1 and self.contradict(*hypothesis.layers[0]))


def _named_layers(side: Side) -> list[tuple[Layer, list[str]]]:
    """Returns the layers with the words and numbers of their names, without layers that are merely counted."""
    return [
        (layer, _tokens(str(layer.split)))
        for family in side.families()
        for layer in family.layers
        if not place(layer)[3]
    ]


def _tokens(name: str) -> list[str]:
    tokens = [token.lower() for token in _TOKEN.findall(_SIZES.sub('', name))]
    return [SYNONYMS.get(token, token) for token in tokens]


def _by_name(rows: Iterable[tuple[Layer, list[str]]], vocabulary: set[str]) -> dict[tuple, set[int]]:
    """Returns the main variables of the layers of each name, with the roles and sizes of their layers.

    A word that is not in the vocabulary is left out, with the numbers that follow it.
    """
    by_name: dict[tuple, set[int]] = collections.defaultdict(set)
    for layer, tokens in rows:
        kept, leaves_out = [], False
        for token in tokens:
            if not token.isdigit():
                leaves_out = token not in vocabulary
            if not leaves_out:
                kept.append(token)
        if any(map(str.isdigit, kept)) and not all(map(str.isdigit, kept)):
            main = layer.variables[layer.main_role]
            name = (layer.main_role, main.size, *kept)
            by_name[name].add(main.number)
    return by_name


def numbers_in_names(source: Side, target: Side) -> tuple[dict, dict, dict]:
    """Returns the numbers in the names of each side by their places, and the places in the names of each target.

    The place of numbers is the text around them and the role of the variable.

    Args:
      source: The source.
      target: The target.
    """
    splits = split_names(dict.fromkeys(name for side in (source, target) for _, name in side.layer_names()))
    numbers: tuple[dict, dict] = (collections.defaultdict(set), collections.defaultdict(set))
    places: dict[int, set] = {}
    for side, of_side in zip((source, target), numbers, strict=True):
        places = collections.defaultdict(set)
        for variable, name in side.layer_names():
            of_name = (splits[name].literals, side.roles[variable.number])
            of_side[of_name].add(splits[name].texts)
            places[variable.number].add(of_name)
    return *numbers, places
