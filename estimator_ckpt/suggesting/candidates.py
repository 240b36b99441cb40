"""Chooses which families, layers and variables of two sides are compared: those of the same sizes."""

import collections
import itertools
from collections.abc import Iterator, Sequence

from estimator_ckpt.suggesting.evidence import Scorer
from estimator_ckpt.suggesting.families import Family, Side
from estimator_ckpt.suggesting.hypotheses import alike

# A family with more possible partners is compared only with those that share its rarest words.
_MAX_PARTNERS = 200
_MAX_SINGLE_PAIRS = 20_000


def partners_by_size(
    sources: Sequence[Family], targets: Sequence[Family], scorer: Scorer
) -> Iterator[tuple[Family, Family]]:
    """Yields the pairs of families that have variables of the same size.

    Args:
      sources: The families of the source.
      targets: The families of the target.
      scorer: Weighs the words of names.
    """
    by_size: dict[int, dict[int, None]] = collections.defaultdict(dict)
    by_word: dict[str, set[int]] = collections.defaultdict(set)
    for number, family in enumerate(targets):
        for size in family.sizes:
            by_size[size][number] = None
        for word in scorer.words(1, family):
            by_word[word].add(number)
    for family in sources:
        partners = dict.fromkeys(
            itertools.chain.from_iterable(by_size.get(size, ()) for size in sorted(family.sizes))
        )
        if len(partners) > _MAX_PARTNERS:
            sharing = [by_word[word] for word in scorer.words(0, family) if word in by_word]
            rare = set().union(*(numbers for numbers in sharing if len(numbers) <= _MAX_PARTNERS))
            partners = dict.fromkeys(number for number in sorted(rare) if number in partners)
        for number in partners:
            yield family, targets[number]


def single_layers(sources: Sequence[Family], targets: Sequence[Family]) -> Iterator[tuple[Family, Family]]:
    """Yields pairs of families of one layer each, which have variables of the same size, up to a limit.

    Args:
      sources: The families of the source.
      targets: The families of the target.
    """
    by_size = collections.defaultdict(list)
    for family in targets:
        for layer in family.layers:
            single = Family(family.literals, [layer], family.view)
            for size in layer.sizes:
                by_size[size].append(single)
    left = _MAX_SINGLE_PAIRS
    for family in sources:
        for layer in family.layers:
            single = Family(family.literals, [layer], family.view)
            partners = dict.fromkeys(itertools.chain.from_iterable(by_size[s] for s in sorted(layer.sizes)))
            left -= len(partners)
            if left < 0:
                return
            for partner in partners:
                yield single, partner


def possible_sources(sides: tuple[Side, Side], live: tuple[set[int], set[int]]) -> dict[int, list[int]]:
    """Returns the sources that fit each target that is not aligned, without targets that none fits.

    Args:
      sides: The source and the target.
      live: The numbers of the variables of each side that are not aligned.
    """
    source, target = sides
    by_kind: dict[tuple, list[int]] = collections.defaultdict(list)
    for number in sorted(live[0]):
        variable = source.variables[number]
        by_kind[source.roles[number], variable.shape, variable.dtype].append(number)
    examples = {kind: source.variables[numbers[0]] for kind, numbers in by_kind.items()}
    of_kind: dict[tuple, list[int]] = {}
    possible = {}
    for number in sorted(live[1]):
        variable, role = target.variables[number], target.roles[number]
        key = (role, variable.shape, variable.dtype)
        if key not in of_kind:
            fitting = [
                kind
                for kind, example in examples.items()
                if alike(example, variable) and (kind[0] == role or '' in (kind[0], role))
            ]
            of_kind[key] = sorted(itertools.chain.from_iterable(by_kind[kind] for kind in fitting))
        if of_kind[key]:
            possible[number] = of_kind[key]
    return possible
