"""Recognizes slots by shapes and numbers, if the names of their optimizers are not in the table of `slots`.

TF1 names a slot after its optimizer, which may have any name: `AdamOptimizer(name='generator_adam')` creates
`g/kernel/generator_adam` and `g/kernel/generator_adam_1` (`tensorflow/python/training/slot_creator.py`).
"""

import collections
import re
from collections.abc import Callable, Iterable, Mapping

from estimator_ckpt.keys.slots import TF1_NAMES

Shape = tuple[int, ...]
_NUMBERED = re.compile(r'(?P<stem>.+?)(?:_(?P<number>[1-9]\d*))?(?P<end>:0)?')
# Words that occur in the names of optimizers only. An ending with such a word needs no number to be that of a slot.
_WORDS = re.compile(
    '|'.join([*TF1_NAMES, 'sgd', 'accum', 'optimizer', 'powersign', 'addsign', 'adafactor', 'yogi']), re.I
)


def find_slots(
    names: Iterable[str], candidates: Iterable[str], shape_of: Callable[[str], Shape | None]
) -> Mapping[str, tuple[str, str, bool]]:
    """Finds the slots among names that are a variable's name and an ending.

    An ending is that of a slot if each tensor with it has the shape of its variable, and it repeats: over variables, or
    with a number. A number, by which optimizers tell their slots apart, or a word in the ending makes that sure; else
    it may be a moving average or a copy.

    Args:
      names: The names of all tensors.
      candidates: Those that may be slots, in any order.
      shape_of: A function that returns the shape of a tensor, given its name; None if it is not known.

    Returns:
      For each slot by its name the name of its variable, the ending, and whether it is a slot for sure.
    """
    names = set(names)
    groups: dict[str, list[tuple[str, str, str]]] = collections.defaultdict(list)
    for name in candidates:
        parent, slash, ending = name.rpartition('/')
        match = _NUMBERED.fullmatch(ending)
        variable = parent + (match['end'] or '') if match else parent
        if not slash or match is None or variable not in names:
            continue
        groups[match['stem']].append((name, variable, ending.removesuffix(match['end'] or '')))
    slots = {}
    for stem, group in groups.items():
        if any(shape_of(name) is None or shape_of(name) != shape_of(variable) for name, variable, _ in group):
            continue
        endings = {ending for _, _, ending in group}
        if len(group) < 2:
            continue
        is_sure = len(endings) > 1 or bool(_WORDS.search(stem))
        slots.update({name: (variable, ending, is_sure) for name, variable, ending in group})
    return slots


def variable_of_cut_slot(stem: str, names: Callable[[str], bool]) -> str | None:
    """Returns the variable of a slot of a piece whose name TensorFlow cut at the length of the variable's name.

    Where a partitioned variable is trained in another scope, the slot's op is called `scope/X/part_N/Slot`. Its key is
    `X/` and the end of that name from where `X/part_N/` would end, be it within a word
    (`tensorflow/python/training/slot_creator.py`).

    Args:
      stem: The name without the slot's ending.
      names: A function that returns True for a name of the checkpoint.
    """
    variable, slash, tail = stem.rpartition('/')
    while slash:
        if names(variable) and _is_cut_end(tail, variable):
            return variable
        variable, slash, last = variable.rpartition('/')
        tail = f'{last}/{tail}'
    return None


def _is_cut_end(tail: str, variable: str) -> bool:
    """Returns True if a text is the end of `.../VARIABLE/part_N`."""
    match = re.fullmatch(r'(?:(?P<before>.*)/)?(?:part_|art_|rt_|t_|_)?\d+', tail)
    if match is None:
        return False
    before = match['before']
    if before is None:
        return True
    return tail.rpartition('/')[2].startswith('part_') and (
        variable.endswith(before) or before.endswith(f'/{variable}') or before == variable
    )
