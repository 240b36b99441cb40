"""Tells which numbers in the names of two families may be the same, by the words before them.

In `cell_3/iter_1/separable_2` and `separable_conv_2_normal_right1_3` the numbers are in another order.
"""

from collections.abc import Sequence

from estimator_ckpt.suggesting.families import Family
from estimator_ckpt.suggesting.name_parts import share_word, words


def words_before(family: Family, slots: Sequence[int]) -> list[list[str]]:
    """Returns the words before the numbers at some places of the names of a family, back to the number before.

    Of the components of a name, only the last one with words counts.

    Args:
      family: The family.
      slots: The places, in their order.
    """
    found, start = [], 0
    for slot in slots:
        text = ' '.join(family.literals[start : slot + 1])
        spelled = (words([component]) for component in reversed(text.split('/')))
        # The `x` of `3x3` is no word.
        found.append(next((of_part for part in spelled if (of_part := [w for w in part if len(w) > 1])), []))
        start = slot + 1
    return found


def agreeing(source: Sequence[Sequence[str]], target: Sequence[Sequence[str]]) -> int:
    """Returns the number of places whose words agree on both sides.

    Args:
      source: The words before each number of the source.
      target: The words before each number of the target that is the same.
    """
    return sum(map(share_word, source, target))
