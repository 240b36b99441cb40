"""Aligns long stacks of equal blocks by a few of their blocks, whose counterparts tell those of the others.

Networks of thousands of variables repeat a block, such as `layer_0` to `layer_199`. What is found of the first and the
last blocks holds for those between, if it is the same for all of them.
"""

import collections
import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from estimator_ckpt.suggesting.candidates import possible_sources
from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.progress import Alignment

# The number of blocks that are kept at each end of a stack.
_KEPT = 8
# The fewest blocks in place of which others stand.
_LEAST_DROPPED = 16
# The most numbers of a name that may count blocks.
_MOST_NUMBERS = 4
_NOTHING = -1
_NUMBER = re.compile(r'(?<!\d)\d{1,9}(?!\d)')


class _Place(NamedTuple):
    """Where a variable is in a stack: what the variables at the same place in the other blocks have in common.

    Attributes:
      stack: The number of the stack.
      rest: The end of the name, behind the number of the block.
    """

    stack: int
    rest: str


@dataclasses.dataclass(frozen=True, eq=False)
class _Stack:
    """Blocks whose names differ in a number only.

    Attributes:
      blocks: The variables of each block, by the ends of their names, in the order of the numbers.
      equal: The positions of the blocks that hold the same as most of them do.
    """

    blocks: list[dict[str, Variable]]
    equal: tuple[int, ...]

    @property
    def form(self) -> tuple:
        """What a stack of the other side has too if it has all counterparts of its variables."""
        return (
            len(self.blocks),
            self.equal,
            tuple(sorted(v.size for v in self.blocks[self.equal[0]].values())),
        )

    @property
    def dropped(self) -> tuple[int, ...]:
        """The positions of the blocks in place of which others stand."""
        return self.equal[_KEPT:-_KEPT]

    @property
    def kept(self) -> tuple[int, ...]:
        """The positions of the blocks that stand for the dropped ones."""
        return self.equal[:_KEPT] + self.equal[-_KEPT:]

    def variables(self) -> Iterator[tuple[int, str, Variable]]:
        """Yields the position of the block, the end of the name, and the variable."""
        for position, block in enumerate(self.blocks):
            for rest, variable in block.items():
                yield position, rest, variable


def align_by_few(
    source: Sequence[Variable],
    target: Sequence[Variable],
    align: Callable[[Sequence[Variable], Sequence[Variable]], Alignment],
) -> Alignment | None:
    """Aligns the variables of two sides by a few blocks of each long stack.

    Args:
      source: The variables of the source, numbered from 0.
      target: The variables of the target, numbered from 0.
      align: Aligns some of the variables, numbered from 0.

    Returns:
      The alignment; None if there is no long stack on both sides, or the blocks do not have the same counterparts.
    """
    sides = source, target
    stacks = _of_both(_stacks(source), _stacks(target))
    if not stacks[0]:
        return None
    kept = [_without_dropped(*of_side) for of_side in zip(sides, stacks, strict=True)]
    few = align(*([dataclasses.replace(v, number=n) for n, v in enumerate(of_side)] for of_side in kept))
    sources = {kept[1][t].number: kept[0][s].number for t, s in few.sources.items()}
    evidence = {kept[1][t].number: found for t, found in few.evidence.items()}
    partners = _partners(stacks, sources)
    if partners is None:
        return None
    for place, partner in partners.items():
        of_source, of_target = stacks[0][place.stack], stacks[1][partner.stack]
        first = evidence[of_target.blocks[of_target.kept[0]][partner.rest].number]
        for position in of_source.dropped:
            t = of_target.blocks[position][partner.rest].number
            sources[t], evidence[t] = of_source.blocks[position][place.rest].number, first
    live = (
        {variable.number for variable in source} - set(sources.values()),
        {variable.number for variable in target} - set(sources),
    )
    candidates = possible_sources((Side(source), Side(target)), live) if all(live) else {}
    return Alignment(sources, evidence, candidates)


def _stacks(variables: Sequence[Variable]) -> list[_Stack]:
    """Returns the long stacks of a side, by the names that tell the most; none shares a variable with another."""
    views = {view for variable in variables for view in range(len(variable.names))}
    found = (_of_view([v for v in variables if view < len(v.names)], view) for view in sorted(views))
    return max(
        found, key=lambda stacks: sum(len(stack.blocks[0]) * len(stack.equal) for stack in stacks), default=[]
    )


def _of_view(variables: Sequence[Variable], view: int) -> list[_Stack]:
    """Returns the long stacks that one kind of names tells."""
    groups: dict[str, dict[int, dict[str, Variable]]] = collections.defaultdict(dict)
    unclear = set()
    for variable in variables:
        name = variable.names[view]
        for match in itertools.islice(_NUMBER.finditer(name), _MOST_NUMBERS):
            block = groups[name[: match.start()]].setdefault(int(match[0]), {})
            if block.setdefault(name[match.end() :], variable) is not variable:
                unclear.add(name[: match.start()])
    stacks = [
        _stack([block for _, block in sorted(blocks.items())])
        for prefix, blocks in sorted(groups.items())
        if prefix not in unclear and len(blocks) >= 2 * _KEPT + _LEAST_DROPPED
    ]
    taken: set[int] = set()
    apart = []
    for stack in sorted(stacks, key=lambda stack: -len(stack.equal) * len(stack.blocks[stack.equal[0]])):
        numbers = {variable.number for _, _, variable in stack.variables()}
        if len(stack.dropped) >= _LEAST_DROPPED and taken.isdisjoint(numbers):
            taken |= numbers
            apart.append(stack)
    return apart


def _stack(blocks: list[dict[str, Variable]]) -> _Stack:
    contents = [frozenset((rest, v.shape, v.dtype) for rest, v in block.items()) for block in blocks]
    [(most, _)] = collections.Counter(contents).most_common(1)
    return _Stack(blocks, tuple(position for position, held in enumerate(contents) if held == most))


def _of_both(source: list[_Stack], target: list[_Stack]) -> tuple[list[_Stack], list[_Stack]]:
    """Returns the stacks of which the other side has as many of the same length."""
    counts = [collections.Counter(stack.form for stack in stacks) for stacks in (source, target)]
    same = {form for form, count in counts[0].items() if count == counts[1][form]}
    of_source, of_target = ([stack for stack in stacks if stack.form in same] for stacks in (source, target))
    return of_source, of_target


def _without_dropped(variables: Sequence[Variable], stacks: Sequence[_Stack]) -> list[Variable]:
    dropped = {
        variable.number
        for stack in stacks
        for position in stack.dropped
        for variable in stack.blocks[position].values()
    }
    return [variable for variable in variables if variable.number not in dropped]


def _partners(
    stacks: tuple[list[_Stack], list[_Stack]], sources: dict[int, int]
) -> dict[_Place, _Place] | None:
    """Returns the counterpart of each place in a block that has one; None if it is not the same in all blocks.

    Args:
      stacks: The stacks of the source and of the target.
      sources: The source of each aligned target.
    """
    place_of: dict[int, _Place] = {}
    position_of: dict[int, int] = {}
    for number, stack in enumerate(stacks[0]):
        for position, rest, variable in stack.variables():
            place_of[variable.number], position_of[variable.number] = _Place(number, rest), position
    partners: dict[_Place, _Place] = {}
    for number, stack in enumerate(stacks[1]):
        for rest in stack.blocks[stack.equal[0]]:
            of_kept = [sources.get(stack.blocks[position][rest].number, _NOTHING) for position in stack.kept]
            if set(of_kept) == {_NOTHING}:
                continue
            places = {place_of.get(source) for source in of_kept}
            place = places.pop()
            if place is None or places or [position_of[source] for source in of_kept] != [*stack.kept]:
                return None
            partners[place] = _Place(number, rest)
    return partners
