"""Tests that normalizations are aligned by the convolutions beside them, if only one place fits all, or left alone."""

import pytest

from estimator_ckpt.suggesting.beside_convolutions import beside_convolutions
from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.hypotheses import Matcher
from tests.suggesting import known_pairs

# The channels before and after each block of a network that normalizes before each of the two convolutions of a block.
WIDENING = [(16, 16), (16, 32), (32, 32), (32, 32)]
SQUARE = [(16, 16)] * 4


def told(widths, shortcuts=True, named=None):
    """The pairs that are told, by the names of the source and what the target's layers are in truth."""
    truth = []
    for block, (inputs, outputs) in enumerate(widths):
        truth += [(f'u{block}/act/n', (inputs,)), (f'u{block}/one/c', (3, 3, inputs, outputs))]
        truth += [(f'u{block}/mid/n', (outputs,)), (f'u{block}/two/c', (3, 3, outputs, outputs))]
        if shortcuts and inputs != outputs:
            truth.append((f'u{block}/short/c', (1, 1, inputs, outputs)))
    roles = {'n': 'gamma', 'c': 'kernel'}
    target = [
        Variable(n, (f'layer_{n}/{roles[name[-1]]}',), shape, known_pairs.FLOAT, order=n)
        for n, (name, shape) in enumerate(truth)
    ]
    kept = [(n, name, shape) for n, (name, shape) in enumerate(truth) if 'short' not in name]
    source = [
        Variable(n, (f'{name}/{roles[name[-1]]}',), shape, known_pairs.FLOAT)
        for n, (_, name, shape) in enumerate(sorted(kept, key=lambda row: row[1]))
    ]
    number_of = {variable.names[0]: variable.number for variable in source}
    aligned = named if named is not None else [name for _, name, _ in kept if name.endswith('c')]
    sources = {n: number_of[f'{name}/kernel'] for n, name, _ in kept if name in aligned}
    live = (
        {v.number for v in source} - set(sources.values()),
        {v.number for v in target} - set(sources),
    )
    found = beside_convolutions((Side(source), Side(target)), live, sources, Matcher())
    return {
        str(a.split).rstrip('/'): truth[b.variables['gamma'].number][0] for pairs in found for a, b in pairs
    }


def test_blocks_that_widen_tell_the_place_of_all_normalizations():
    found = told(WIDENING)
    assert len(found) == 8
    assert all(name == counterpart for name, counterpart in found.items())


def test_blocks_that_are_all_square_tell_nothing():
    assert not told(SQUARE)


def test_a_place_that_would_fit_nearly_all_leaves_doubt():
    # All but the last of the middle ones could as well be after the second convolution of their block.
    found = told([(16, 16)] * 3 + [(16, 32)] + [(32, 32)] * 12, shortcuts=False)
    assert found == {f'u{n}/act/n': f'u{n}/act/n' for n in range(16)}


def test_normalizations_of_few_blocks_are_left_alone():
    assert not told(WIDENING[:2])


@pytest.mark.parametrize('part', ['one', 'two'])
def test_half_of_the_convolutions_tell_what_is_beside_them(part):
    found = told(WIDENING, named=[f'u{n}/{part}/c' for n in range(4)])
    assert found
    assert all(name == counterpart for name, counterpart in found.items())
