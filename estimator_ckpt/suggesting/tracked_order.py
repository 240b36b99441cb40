"""Tells where the order in which Keras tracks the layers of a model may not be that of another program.

Functional models track the layers of deeper branches first. Numbers that are given in this order, as in
`layer_with_weights-3` and `_operations/3`, do not tell which of several parallel convolutions of one shape is which.
"""

import re

from estimator_ckpt.suggesting.chains import Kind, branches, by_numbers, kind
from estimator_ckpt.suggesting.families import Side
from estimator_ckpt.suggesting.hypotheses import Hypothesis
from estimator_ckpt.suggesting.layer_kinds import channels, is_tracked_by_keras

# In Keras 3 the kernel of a layer is its attribute `_kernel`.
_IS_CHILD = re.compile(r'[-/]\d+/?_?$')


class TrackedOrder:
    """The kinds of convolutions on two sides that may be in parallel branches."""

    def __init__(self, source: Side, target: Side):
        """Finds the branches.

        Args:
          source: The source.
          target: The target.
        """
        self._parallel = [_parallel(side) for side in (source, target)]

    def is_all_there_is(self, hypothesis: Hypothesis) -> bool:
        """Returns True if only this order says which of the layers of a hypothesis, some of them in branches, is which.

        Args:
          hypothesis: The hypothesis.
        """
        tracked = [is_tracked_by_keras(of_side.layers) for of_side in (hypothesis.source, hypothesis.target)]
        if tracked[0] == tracked[1] or len(hypothesis.layers) == 1:
            return False
        number = tracked.index(True)
        return any(kind(pair[number]) in self._parallel[number] for pair in hypothesis.layers)


def _parallel(side: Side) -> set[Kind]:
    tracked = [
        layer
        for family in side.families()
        if is_tracked_by_keras(family.layers)
        for layer in family.layers
        # What is inside of a layer is not tracked by its depth.
        if channels(layer) is not None and _IS_CHILD.search(str(layer.split))
    ]
    return branches(by_numbers(tracked))
