"""Says where one table of the source may serve two variables of the target, as that of words and the output's kernel.

A model that shares its table of words with its output has it once in TF1, and PyTorch's state dict has it twice. No
shape and no name tells whether another model shares it, so that this is said, and no rule is proposed.
"""

import collections
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.suggesting.compared import ComparedTensor
from estimator_ckpt.suggesting.generalization import escape
from estimator_ckpt.suggesting.suggestion import Undecided

_RANK = 2
# What tables of words are called.
_TABLE = re.compile(r'emb(?:ed|s?(?![a-z]))|table|wte|shared', re.I)


# The tables of each shape, as pairs of the tensors of both sides.
Tables = Mapping[tuple[int, ...], Sequence[tuple[Tensor, Tensor]]]


def aligned_tables(aligned: Iterable[tuple[ComparedTensor, ComparedTensor]]) -> Tables:
    """Returns the tables that both sides have in the same shape.

    Args:
      aligned: The sources and targets that rules or names pair.
    """
    tables: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = collections.defaultdict(list)
    for source, target in aligned:
        shape = source.shape or ()
        is_matrix = len(shape) == _RANK and 1 not in shape
        if not is_matrix or shape != target.shape or any(row.axes or row.parts for row in (source, target)):
            continue
        if any(_TABLE.search(name) for name in (*source.names, *target.names)):
            tables[shape].append((source.tensor, target.tensor))
    return tables


def shared_table(missing: ComparedTensor, tables: Tables) -> str:
    """Returns the rule for a variable that no source fits but the only table of its shape; empty if there is none.

    Args:
      missing: The variable of the target.
      tables: What `aligned_tables` returns.
    """
    of_shape = tables.get(missing.own_shape or (), ())
    if len(of_shape) != 1:
        return ''
    [(source, target)] = of_shape
    rule = _copy(source.name, [tensor.candidates[-1] for tensor in (target, missing.tensor)])
    return f'if one table serves both, {rule}' if rule else ''


def rivals_for_tables(undecided: Iterable[Undecided]) -> Iterator[str]:
    """Yields a note with the rule for each table that is all that several variables of the target could come from.

    Args:
      undecided: The variables without a rule.
    """
    rivals: dict[tuple[str, tuple[int, ...]], list[str]] = collections.defaultdict(list)
    for variable in undecided:
        if len(variable.candidates) == 1 and len(variable.shape) == _RANK and not variable.more:
            rivals[variable.candidates[0], variable.shape].append(variable.target)
    for (source, _), targets in rivals.items():
        rule = _copy(source, targets)
        if rule and len(targets) > 1 and any(map(_TABLE.search, (source, *targets))):
            yield f'If one table serves all of them: {rule}'


def _copy(source: str, targets: Sequence[str]) -> str:
    """Returns the rule that gives each target the source; empty if none can be written."""
    if any(',' in name for name in targets):  # Rules separate names by commas.
        return ''
    return f'{escape(source)} -> {", ".join(targets)} | copy'
