"""Tests that layers of shapes of their own are found where many others are aligned, and only there."""

import pytest

from estimator_ckpt.suggesting.families import Side
from estimator_ckpt.suggesting.rare_shapes import of_rare_shapes
from tests.suggesting import known_pairs
from tests.suggesting.known_pairs import found

WIDTHS = (4, 8, 16, 32)


def u_net():
    """A U-Net whose decoder counts down, and enlarges by other layers than the new one; with the answer."""
    old, new, answer = {}, {}, {}

    def add(source, shape):
        target = f'net/{len(new)}/kernel'
        new[target] = shape
        if source:
            old[source], answer[target] = shape, source

    for level, width in enumerate(WIDTHS):
        add(f'down_{level}/w1', (3, 3, WIDTHS[level - 1] if level else 3, width))
        add(f'down_{level}/w2', (3, 3, width, width))
    for level, width in reversed(list(enumerate(WIDTHS[:-1]))):
        add('', (2, 2, 2 * width, width))
        add(f'up_{level}/w1', (3, 3, 2 * width, width))
        add(f'up_{level}/w2', (3, 3, width, width))
        old[f'up_{level}/wd'] = 2, 2, width, 2 * width
    return old, new, answer


def test_the_decoder_of_a_u_net_is_known_by_its_widths(tmp_path):
    old, new, answer = u_net()
    assert found(known_pairs.suggest(tmp_path, old, new)) == answer


def rare(old, new, aligned=()):
    """The pairs by name that shapes tell of two sides, without those that are aligned."""
    sides = [Side(known_pairs.variables(shapes)) for shapes in (old, new)]
    live = [{n for n, name in enumerate(shapes) if name not in aligned} for shapes in (old, new)]
    pairs = of_rare_shapes((sides[0], sides[1]), (live[0], live[1]))
    return {str(b.split).rstrip('/'): str(a.split).rstrip('/') for a, b in pairs}


KERNELS = {'x': (3, 4), 'y': (5, 6), 'z': (7, 8)}
OLD = {f'old/{name}/kernel': shape for name, shape in KERNELS.items()}
NEW = {f'new/{name}/kernel': shape for name, shape in KERNELS.items()}
ALL = {'new/x': 'old/x', 'new/y': 'old/y', 'new/z': 'old/z'}


def test_three_layers_of_shapes_of_their_own_are_no_chance():
    assert rare(OLD, NEW) == ALL
    assert not rare(OLD, NEW, aligned=['old/x/kernel', 'new/x/kernel'])


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ({'old/x_1/kernel': (3, 4)}, {}),
        ({}, {'new/x_1/kernel': (3, 4)}),
        ({'old/x_1/kernel': (4, 3)}, {}),
        ({'old/x/bias': (4,)}, {}),
        ({}, {'new/x/kernel': (3, 5)}),
        ({'old/x/kernel': (4, 3)}, {}),
    ],
    ids=[
        'twice in the source',
        'twice in the target',
        'another of as many',
        'a bias',
        'another shape',
        'transposed',
    ],
)
def test_what_may_be_another_layer_is_left_alone(old, new):
    more = {f'm{n}/kernel': (n, 11) for n in (20, 21)}
    found = rare(OLD | old | more, NEW | new | more)
    assert 'new/x' not in found and 'new/y' in found


def test_normalizations_are_not_told_by_their_shapes():
    scales = {f'{n}/gamma': (n,) for n in (20, 21, 22)}
    assert rare(OLD | scales, NEW | scales) == ALL


def test_where_little_is_aligned_shapes_alone_tell_nothing(tmp_path):
    old, new, answer = u_net()
    old |= {f'a{n}/kernel': (n, 2) for n in range(30, 60)}
    new |= {f'b{n}/kernel': (n, 3) for n in range(30, 60)}
    names = found(known_pairs.suggest(tmp_path, old, new))
    assert names.items() <= answer.items()
    assert {source[:4] for source in names.values()} == {'down'}
