"""Aligns variables without names, which TensorFlow calls `Variable`, `Variable_1` and so on, by their order.

The order in which a program of TF1 made them is that of their numbers. Where it has one place in the order of another
side, that of unnamed variables too or of a program's objects, it says which is which.
"""

import collections
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from estimator_ckpt.common.digits import to_int
from estimator_ckpt.mapping.tensors import natural_order
from estimator_ckpt.suggesting.evidence import Evidence
from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.hypotheses import alike
from estimator_ckpt.suggesting.name_parts import UNNAMED
from estimator_ckpt.suggesting.sequences import embedded

# The fewest variables, and different sizes of them, whose order proves more than chance.
_LEAST_VARIABLES = 4
_LEAST_SIZES = 3
# The fewest biases whose order says anything.
_LEAST_BIASES = 2
_SHAPES, _ORDER = 0.9, 0.9


def unnamed_pairs(
    source: Side, target: Side, live: tuple[set[int], set[int]]
) -> Iterator[tuple[int, int, Evidence]]:
    """Yields the pairs of variables of which one has no name, by their numbers, with the evidence for them.

    Args:
      source: The source.
      target: The target.
      live: The numbers of the variables of both sides that are not yet aligned.
    """
    sides = [
        [side.variables[n] for n in sorted(of_side)]
        for side, of_side in zip((source, target), live, strict=True)
    ]
    unnamed = [_unnamed(variables) for variables in sides]
    if not any(unnamed):
        return
    counts = [collections.Counter(variable.size for variable in variables) for variables in sides]
    evidence = Evidence(0.0, _SHAPES, _ORDER)
    for number in (0, 1):
        others = [*unnamed[1 - number], _made(sides[1 - number])]
        for sequence in unnamed[number]:
            placed = [pairs for pairs in (_placed(sequence, other) for other in others) if pairs]
            for a, b in _certain(placed[0], (source, target)[1 - number]) if len(placed) == 1 else ():
                if counts[0][a.size] == counts[1][a.size]:
                    yield (b.number, a.number, evidence) if number else (a.number, b.number, evidence)


def unnamed_biases(
    sides: tuple[Side, Side],
    kernels: Sequence[Mapping[int, int]],
    live: tuple[set[int], set[int]],
    sources: Mapping[int, int],
) -> list[tuple[int, int]]:
    """Returns the pairs of the biases of kernels that are aligned, where those of one side have no names.

    Most programs make the bias of a kernel right after it. Kernels may have names beside them: `W1`, `Variable`, `W2`.

    Args:
      sides: The source and the target.
      kernels: The number of the kernel of each bias of each side that has a name, by that of the bias.
      live: The numbers of the variables of each side that are not yet aligned.
      sources: The source of each aligned target.
    """
    for find in (_after_unnamed_kernels, _in_order_of_kernels):
        found = []
        for number, kernel_of in enumerate(reversed(kernels)):
            unnamed, named = sides[number].variables, sides[1 - number].variables
            own = {(s, t)[1 - number]: (s, t)[number] for t, s in sources.items()}
            biases = [
                (unnamed[own[kernel]], named[bias])
                for bias, kernel in kernel_of.items()
                if bias in live[1 - number] and kernel in own
            ]
            pairs = find(biases, [variable for variable in unnamed if variable.number in live[number]])
            found += [(b.number, v.number) if number else (v.number, b.number) for v, b in pairs]
        if found:
            return found
    return []


# Kernels or vectors of the side whose biases have no names, and the biases of the other one.
_Pairs = list[tuple[Variable, Variable]]


def _after_unnamed_kernels(biases: _Pairs, live: Sequence[Variable]) -> _Pairs:
    """Returns the variables right after unnamed kernels, with the biases that they are."""
    by_name = {variable.names[0]: variable for variable in live}
    following = [(by_name.get(_next_name(kernel.names[0])), bias) for kernel, bias in biases]
    return [(vector, bias) for vector, bias in following if vector is not None and vector.shape == bias.shape]


def _in_order_of_kernels(biases: _Pairs, live: Sequence[Variable]) -> _Pairs:
    """Returns unnamed vectors with the biases of aligned kernels, if all of both are the same in their orders."""
    vectors = [v for v in live if len(v.shape) == 1 and UNNAMED.fullmatch(v.names[0])]
    if len(vectors) < _LEAST_BIASES:
        return []
    vectors.sort(key=lambda variable: natural_order(variable.names[0]))
    in_order = [bias for _, bias in sorted(biases, key=lambda row: natural_order(row[0].names[0]))]
    is_one_order = in_order == sorted(in_order, key=_place)
    are_the_same = is_one_order and [v.shape for v in vectors] == [v.shape for v in in_order]
    return list(zip(vectors, in_order, strict=True)) if are_the_same else []


def _place(variable: Variable) -> tuple:
    """Returns the place of a variable in the order of a program's objects, or else in that of the names."""
    return (0, variable.order) if variable.order is not None else (1, natural_order(variable.names[-1]))


def _next_name(name: str) -> str:
    """Returns the name of the variable after an unnamed one; empty for a name."""
    match = UNNAMED.fullmatch(name)
    return f'{match["scope"]}Variable_{to_int(match["number"] or "0") + 1}' if match else ''


def _certain(pairs: Sequence[tuple[Variable, Variable]], named: Side) -> Iterator[tuple[Variable, Variable]]:
    """Yields pairs without runs of equal vectors of several roles: programs make scales and offsets in any order."""
    for size, run in itertools.groupby(pairs, key=lambda pair: pair[1].size):
        of_run = list(run)
        is_vector = all(size in (1, *variable.shape) for _, variable in of_run)
        if not is_vector or len({_text(named, variable) for _, variable in of_run}) == 1:
            yield from of_run


def _text(side: Side, variable: Variable) -> tuple[str, str]:
    """Returns the role of a variable, and its own name without numbers."""
    return side.roles[variable.number], re.sub(r'\d+', '', variable.names[0].rpartition('/')[2])


def _unnamed(variables: Sequence[Variable]) -> list[list[Variable]]:
    """Returns the unnamed variables of each scope in their order."""
    scopes: dict[str, list[tuple[int, Variable]]] = collections.defaultdict(list)
    for variable in variables:
        match = UNNAMED.fullmatch(variable.names[0])
        if match:
            scopes[match['scope']].append((to_int(match['number'] or '0'), variable))
    in_order = [
        [variable for _, variable in sorted(rows, key=lambda row: row[0])]
        for _, rows in sorted(scopes.items())
    ]
    return [
        rows
        for rows in in_order
        if len(rows) >= _LEAST_VARIABLES and len({v.size for v in rows}) >= _LEAST_SIZES
    ]


def _made(variables: Sequence[Variable]) -> list[Variable]:
    orders = [(variable.order, variable) for variable in variables if variable.order is not None]
    return (
        [variable for _, variable in sorted(orders, key=lambda row: row[0])]
        if len(orders) == len(variables)
        else []
    )


def _placed(short: Sequence[Variable], long: Sequence[Variable]) -> list[tuple[Variable, Variable]]:
    """Returns the pairs that the first and the last way to embed a sequence in a longer one have in common."""
    first = embedded(short, long, alike)
    last = embedded(short[::-1], long[::-1], alike)
    if first is None or last is None:
        return []
    ends = [len(long) - 1 - place for place in reversed(last)]
    return [(a, long[x]) for a, x, y in zip(short, first, ends, strict=True) if x == y]
