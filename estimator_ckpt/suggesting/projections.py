"""Joins the projections to queries, keys and values that the other side has as one variable.

OpenNMT-tf V1 and GPT-2 have one kernel of `[768, 2304]`, their successors three of `[768, 768]` or `[768, 12, 64]`; of
the memory's keys and values, there may be one of `[768, 1536]`. In programs that have them as one, queries come before
keys, and these before values.
"""

import collections
import dataclasses
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence

from estimator_ckpt.mapping.tensors import natural_order
from estimator_ckpt.suggesting.compared import ComparedTensor
from estimator_ckpt.suggesting.name_parts import find_role, words
from estimator_ckpt.suggesting.reshaping import OF_HEADS, Shape, fits, reshape_operations

_Group = tuple[ComparedTensor, ...]

_WORDS = [
    [form(word) for word in words.split()]
    for words in ('query key value', 'queries keys values', 'q k v')
    for form in (str.lower, str.capitalize, str.upper)
]
# The letter of a role may be before the word: `Wq`, `bq`.
_WORD = re.compile(
    rf'(?<![A-Za-z])(?P<role>[WwBb])?(?P<word>{"|".join(itertools.chain.from_iterable(_WORDS))})(?![a-z])'
)
_SELF = re.compile('self', re.I)
_OUTPUT = frozenset(['output', 'projection', 'dense'])


def join(ours: Sequence[ComparedTensor], theirs: Sequence[ComparedTensor]) -> list[ComparedTensor]:
    """Returns the variables of one side, with one in place of those that the other side has as one.

    Args:
      ours: The variables of the side.
      theirs: The variables of the other side.
    """
    surplus = collections.Counter(map(_compact, theirs))
    surplus.subtract(map(_compact, ours))
    if not any(count > 0 and shape for shape, count in surplus.items()):
        return list(ours)
    # What both sides have apart, no side has as one.
    apart = {_elements(group[0]) for group in _groups(theirs)}
    groups = [group for group in _groups(ours) if _elements(group[0]) not in apart]
    # Rules separate names by commas.
    groups = [group for group in groups if not any(',' in name for part in group for name in part.names)]
    joined: dict[int, ComparedTensor | None] = {}
    for parts, shape in _chosen(groups, surplus):
        joined |= {id(part): None for part in parts[1:]} | {id(parts[0]): _joined(parts, shape)}
    rows = (joined.get(id(row), row) for row in ours)
    return [row for row in rows if row is not None]


def _groups(rows: Sequence[ComparedTensor]) -> list[_Group]:
    """Returns the queries, keys and values that belong together."""
    for view in (0, -1):
        by_name = {row.names[view]: row for row in rows}
        groups = [_group(name, by_name) for name, row in by_name.items() if row.shape]
        if any(groups):
            return [group for group in groups if group]
    return []


def _group(name: str, by_name: Mapping[str, ComparedTensor]) -> _Group:
    """Returns the variable of this name, if it is one of queries, with those of its keys and values."""
    *_, match = [None, *_WORD.finditer(name)]
    words = next((words for words in _WORDS if match and words[0] == match['word']), None)
    if words is None:
        return ()
    names = [_with_last_word(name, word) for word in words]
    group = tuple(by_name[part] for part in names if part in by_name)
    return group if len(group) == len(names) and len({(p.shape, p.dtype) for p in group}) == 1 else ()


def _with_last_word(name: str, word: str) -> str:
    """Returns a name with another word in place of its last one for queries, keys or values."""
    *_, match = [None, *_WORD.finditer(name)]
    return f'{name[: match.start("word")]}{word}{name[match.end() :]}' if match else name


def _chosen(groups: Sequence[_Group], surplus: Mapping[Shape, int]) -> Iterator[tuple[_Group, Shape]]:
    """Yields of each group the parts that the other side has as one, and the shape of that."""
    of_itself = {group for group in groups if any(_SELF.search(name) for name in group[0].names)}
    by_shape: dict[Shape, list[_Group]] = collections.defaultdict(list)
    for group in groups:
        by_shape[group[0].shape or ()].append(group)
    for part, alike in by_shape.items():
        every, memory = (_joint_shape(part, count, surplus) for count in (3, 2))
        for group in alike:
            # Where some are all in one and some are not, those of an attention to its own input are.
            if every and (group in of_itself or not memory):
                yield group, every
            elif memory and group not in of_itself and (not every or not of_itself.isdisjoint(alike)):
                yield group[1:], memory


def _joint_shape(part: Shape, count: int, surplus: Mapping[Shape, int]) -> Shape:
    """Returns a shape of which the other side has more and that is one of some parts along the last axis, or ()."""
    for shape, more in surplus.items():
        # The other kernel of a feed-forward network has the axes the other way round.
        partners = surplus.get(shape[::-1], 0) if len(set(shape)) > 1 else 0
        if more > max(0, partners) and _is_joint(shape, count, part):
            return shape
    return ()


def _is_joint(shape: Shape, count: int, part: Shape) -> bool:
    """Returns True if a shape is that of some parts along its last axis."""
    if not shape or shape[-1] % count:
        return False
    return fits((*shape[:-1], shape[-1] // count), part)


def _compact(row: ComparedTensor) -> Shape:
    return tuple(extent for extent in row.shape or () if extent != 1)


def _elements(row: ComparedTensor) -> int:
    return math.prod(row.shape or ())


def _joined(parts: _Group, shape: Shape) -> ComparedTensor:
    together = 'qkv' if len(parts) == 3 else 'kv'
    names = tuple(_with_last_word(name, together) for name in parts[0].names)
    return dataclasses.replace(parts[0], names=names, shape=shape, parts=parts)


def operations_between(source: ComparedTensor, target: ComparedTensor) -> Iterator[str]:
    """Yields the operations of a rule, one of whose sides is joined, that give one side the values of the other.

    Args:
      source: The variable of the source.
      target: The variable of the target.
    """
    together, apart = (source, target) if target.parts else (target, source)
    count, shape = len(apart.parts), together.shape or ()
    axis, part = len(shape) - 1, (*shape[:-1], shape[-1] // count)
    if target.parts:
        for reshape in reshape_operations(part, target.parts[0].shape or ()):
            yield f'split={axis} {reshape}'.strip()
        return
    # They are joined in the order of their names.
    in_order = sorted(source.parts, key=lambda row: natural_order(row.tensor.name))
    order = ','.join(str(in_order.index(row)) for row in source.parts)
    blocks = f' blocks={axis},{order}' if in_order != list(source.parts) else ''
    for reshape in reshape_operations(source.parts[0].shape or (), part):
        yield f'{reshape} concat={axis}{blocks}'.strip()


def may_be_turned(source: ComparedTensor, target: ComparedTensor) -> bool:
    """Returns True if a reshape may take the rows of a square kernel of attention for its columns.

    Kernels of queries, keys and values mostly are `[768, 12, 64]`, and those of the output `[12, 64, 768]`. Some
    programs have it the other way round, and shapes do not tell how `[768, 768]` is meant.

    Args:
      source: The variable of the source.
      target: The variable of the target.
    """
    kernels = [(row.parts or (row,))[0] for row in (source, target)]
    split = next((row for row in kernels if len(row.shape or ()) == OF_HEADS), None)
    if split is None or all(len(row.shape or ()) == OF_HEADS for row in kernels):
        return False
    first, middle, last = split.shape or ()
    if 1 in (first, middle, last):
        return False
    names = [name for row in kernels for name in row.names]
    if any(is_of_input(name) for name in names):
        return first * middle == last
    is_output = any(not _OUTPUT.isdisjoint(words([name])) for name in names)
    return is_output and first == middle * last


def is_of_input(name: str) -> bool:
    """Returns True if a name is that of a projection to queries, keys or values."""
    return _WORD.search(find_role(name)[1].rstrip('/').rpartition('/')[2]) is not None
