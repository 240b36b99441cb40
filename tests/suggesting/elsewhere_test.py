"""Tests that two layers of a block are told apart by the order in other blocks, or left alone."""

import pytest

from estimator_ckpt.suggesting.elsewhere import as_elsewhere
from estimator_ckpt.suggesting.families import Side, Variable
from tests.suggesting import known_pairs

# In each block the source's layers in the order of the target's numbers, but for the block whose layers are left.
MAIN_FIRST = ['b1/conv3', 'b1/short', 'b2/conv3', 'b2/short', 'b0/?', 'b0/?']


def told(order, shapes=None, counted='conv2d_{}', names=('conv3', 'short'), turned=False):
    """The pairs that are told, by names: `?` are the two layers that are not yet aligned."""
    left = [f'b0/{name}' for name in names]
    named = sorted({*left, *(name for name in order if '?' not in name)})
    sides = [named, [counted.format(number) for number in range(len(order))]]
    variables = [
        [
            Variable(number, (f'{name}/kernel',), (shapes or {}).get(name, (3, 4)), known_pairs.FLOAT)
            for number, name in enumerate(of_side)
        ]
        for of_side in sides
    ]
    aligned = {named.index(name): number for number, name in enumerate(order) if '?' not in name}
    live = [
        {v.number for v in variables[0]} - set(aligned),
        {v.number for v in variables[1]} - set(aligned.values()),
    ]
    if turned:
        variables, live, sides = variables[::-1], live[::-1], sides[::-1]
        aligned = {t: s for s, t in aligned.items()}
    sources = {t: s for s, t in aligned.items()}
    found = as_elsewhere((Side(variables[0]), Side(variables[1])), (live[0], live[1]), sources)
    return {str(a.split).rstrip('/'): str(b.split).rstrip('/') for a, b in found}


def test_two_layers_come_in_the_order_of_those_of_other_blocks():
    assert told(MAIN_FIRST) == {'b0/conv3': 'conv2d_4', 'b0/short': 'conv2d_5'}
    shortcut_first = [MAIN_FIRST[n] for n in (1, 0, 3, 2, 4, 5)]
    assert told(shortcut_first) == {'b0/conv3': 'conv2d_5', 'b0/short': 'conv2d_4'}


def test_the_source_may_be_the_side_with_numbers_only():
    assert told(MAIN_FIRST, turned=True) == {'conv2d_4': 'b0/conv3', 'conv2d_5': 'b0/short'}


@pytest.mark.parametrize(
    'order',
    [
        ['b1/conv3', 'b1/short', 'b0/?', 'b0/?'],
        ['b1/conv3', 'b1/short', 'b2/short', 'b2/conv3', 'b0/?', 'b0/?'],
        ['b1/conv3', 'b1/other', 'b2/conv3', 'b2/other', 'b0/?', 'b0/?'],
    ],
    ids=['one other block', 'blocks that differ', 'no block has both'],
)
def test_what_other_blocks_do_not_tell_is_left_alone(order):
    assert not told(order)


@pytest.mark.parametrize(('counted', 'is_told'), [('net_{}/conv', True), ('net_{0}/conv_{0}', False)])
def test_one_number_tells_an_order(counted, is_told):
    assert bool(told(MAIN_FIRST, counted=counted)) == is_told


def test_layers_of_other_sizes_are_no_two_of_a_kind():
    assert not told(MAIN_FIRST, {'b0/short': (5, 6)})


def test_layers_of_two_blocks_are_left_alone():
    assert not told(MAIN_FIRST, names=('conv3', 'more/short'))


class TestNames:
    """Blocks whose first branch has one layer, and whose second has more, under other texts on the other side."""

    SOURCES = [f'mixed_{block}/branch_{branch}' for block in range(3) for branch in range(2)]
    FIRST, SECOND = 'block{}/first/conv', 'block{}/second/0/conv'

    def told(self, turned=False, others=(), blocks=2):
        """The pairs of the last block's two layers that are told, if those of the first blocks are aligned."""
        names = [
            form.format(block)
            for block in range(3)
            for form in ((self.SECOND, self.FIRST) if turned and block == 1 else (self.FIRST, self.SECOND))
        ]
        names += others
        sides = [
            [Variable(n, (f'{name}/kernel',), (3, 4), known_pairs.FLOAT) for n, name in enumerate(of_side)]
            for of_side in (self.SOURCES, names)
        ]
        aligned = range(2 * blocks)
        live = [{v.number for v in of_side} - set(aligned) for of_side in sides]
        found = as_elsewhere((Side(sides[0]), Side(sides[1])), (live[0], live[1]), {n: n for n in aligned})
        return {str(a.split).rstrip('/'): str(b.split).rstrip('/') for a, b in found}

    def test_names_are_what_they_are_in_the_other_blocks(self):
        expected = {'mixed_2/branch_0': 'block2/first/conv', 'mixed_2/branch_1': 'block2/second/0/conv'}
        assert self.told() == expected
        assert self.told(others=['head/conv']) == expected

    def test_names_that_mean_now_this_and_now_that_are_left_alone(self):
        assert not self.told(turned=True)

    def test_one_block_tells_nothing(self):
        assert not self.told(blocks=1)
