"""Tests that orders are aligned of which both sides have some layers in another form, as those of programs of ENet."""

import pytest

from estimator_ckpt.suggesting.families import Side
from estimator_ckpt.suggesting.hypotheses import Matcher
from estimator_ckpt.suggesting.substitutions import substitutions
from tests.suggesting.known_pairs import found, suggest, variables

# Blocks of three convolutions; those with a word have another one in their names.
WORDS = ['', '', 'dilated_', '', 'wide_', '', 'dilated_', '', '', 'wide_', '', 'dilated_']
# The widths outside and inside of each four blocks.
WIDTHS = [(64, 16), (128, 32), (256, 48)]
# The blocks whose inner widths the two sides have apart.
CHANGED = {2: 12, 7: 20}


def names_and_shapes(inner=None):
    """The names and shapes of one side, in its order."""
    rows = []
    for block, word in enumerate(WORDS):
        outer, width = WIDTHS[block // 4]
        width = (inner or {}).get(block, width)
        rows += [
            (f'net/block{block}_conv1', (1, 1, outer, width)),
            (f'net/block{block}_{word}conv2', (3, 3, width, width)),
            (f'net/block{block}_conv3', (1, 1, width, outer)),
        ]
    return rows


def counted(rows):
    return [(f'conv2d_{n}' if n else 'conv2d', shape) for n, (_, shape) in enumerate(rows)]


def kernels(rows):
    return {f'{name}/kernel': shape for name, shape in rows}


@pytest.mark.parametrize('turned', [False, True])
def test_all_but_the_changed_ones_are_found(tmp_path, turned):
    old = names_and_shapes()
    new = counted(names_and_shapes(CHANGED))
    right = {
        f'{target}/kernel': f'{source}/kernel'
        for (source, shape), (target, other) in zip(old, new, strict=True)
        if shape == other
    }
    sides = kernels(old), kernels(new)
    if turned:
        right = {source: target for target, source in right.items()}
        sides = sides[::-1]
    assert found(suggest(tmp_path, *sides)) == right


def test_another_network_of_such_layers_is_left_alone(tmp_path):
    old, new = names_and_shapes(), counted(names_and_shapes(dict.fromkeys(range(5), 12)))
    assert not found(suggest(tmp_path, kernels(old), kernels(new)))


def test_nothing_is_said_that_contradicts_what_is_aligned():
    sides = (
        Side(variables(kernels(names_and_shapes()))),
        Side(variables(kernels(counted(names_and_shapes(CHANGED))))),
    )
    assert list(substitutions(sides, {}, Matcher()))
    assert list(substitutions(sides, {0: 0}, Matcher()))
    assert not list(substitutions(sides, {0: 3}, Matcher()))
