"""Says where one table of the source may serve two variables of the target, as that of words and the output's kernel.

A model that shares its table of words with its output has it once in TF1, and PyTorch's state dict has it twice. No
shape and no name tells whether another model shares it, so that this is said, and no rule is proposed.
"""

import re
from collections.abc import Iterable

from estimator_ckpt.suggesting.compared import ComparedTensor
from estimator_ckpt.suggesting.generalization import escape

_RANK = 2
# What tables of words are called.
_TABLE = re.compile(r'emb(?:ed|s?(?![a-z]))|table|wte|shared', re.I)


def shared_table(missing: ComparedTensor, aligned: Iterable[tuple[ComparedTensor, ComparedTensor]]) -> str:
    """Returns the rule for a variable that no source fits but the only table of its shape; empty if there is none.

    Args:
      missing: The variable of the target.
      aligned: The sources and targets that rules or names pair.
    """
    shape = missing.own_shape or ()
    if len(shape) != _RANK or 1 in shape:
        return ''
    tables = [
        (source.tensor, target.tensor)
        for source, target in aligned
        if not any(row.axes or row.parts or row.shape != shape for row in (source, target))
        if any(_TABLE.search(name) for name in (*source.names, *target.names))
    ]
    if len(tables) != 1:
        return ''
    [(source, target)] = tables
    targets = [tensor.candidates[-1] for tensor in (target, missing.tensor)]
    if any(',' in name for name in targets):  # Rules separate names by commas.
        return ''
    return f'if one table serves both, {escape(source.name)} -> {", ".join(targets)} | copy'
